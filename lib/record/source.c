/* SPDX-License-Identifier: MIT */
/* Names of writers and patterns of them, and names of ledgers. */
#include "config.h"

#include "lib/record/source.h"

#include "lib/record/schema.h"

bool cf_source_ok(struct cf_str source)
{
  return cf_value_ok(CF_M_SOURCE, source) && !cf_str_is(source, CF_SOURCE_OWN);
}

/* Take the `*` off a pattern's end. */
static bool take_star(struct cf_str *pattern)
{
  if (pattern->n == 0 || pattern->p[pattern->n - 1] != '*')
    return false;
  pattern->n--;
  return true;
}

bool cf_source_pattern_ok(struct cf_str pattern)
{
  return (take_star(&pattern) && pattern.n == 0) || cf_source_ok(pattern);
}

static bool fits(struct cf_str source, struct cf_str pattern)
{
  return take_star(&pattern) ? cf_str_starts(source, pattern) : cf_str_eq(source, pattern);
}

bool cf_source_allowed(struct cf_str source, struct cf_str own, const char *const *patterns)
{
  if (cf_str_is(source, CF_SOURCE_OWN))
    return false;
  bool allowed = cf_str_eq(source, own);
  for (; !allowed && patterns != NULL && *patterns != NULL; patterns++)
    allowed = fits(source, cf_str_from(*patterns));
  return allowed;
}

bool cf_origin_ok(struct cf_str origin)
{
  if (origin.n == 0 || origin.n > CF_ORIGIN_MAX)
    return false;
  for (size_t i = 0; i < origin.n; i++)
    if (origin.p[i] <= ' ' || origin.p[i] > '~' || origin.p[i] == '+')
      return false;
  return true;
}
