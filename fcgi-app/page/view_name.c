/* SPDX-License-Identifier: MIT */
/* Names of the template, taken apart. */
#include "config.h"

#include <string.h>

#include "fcgi-app/page/page_view_in.h"
#include "lib/base/clock.h"

void cf_view_put_time(struct cf_buf *b, int64_t t_us)
{
  char text[CF_TIME_TEXT_N + 1];
  cf_time_format(t_us, text);
  cf_buf_puts(b, text);
}

bool cf_view_front(struct cf_str *name, const char *word)
{
  struct cf_str rest = *name;
  if (!cf_str_is(cf_str_cut(&rest, '.'), word) || rest.n == 0)
    return false;
  *name = rest;
  return true;
}

bool cf_view_tail(struct cf_str *name, const char *tail)
{
  size_t n = strlen(tail);
  if (name->n <= n || memcmp(name->p + name->n - n, tail, n) != 0)
    return false;
  name->n -= n;
  return true;
}
