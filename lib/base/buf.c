/* SPDX-License-Identifier: MIT */
/* Slices and growing buffers. */
#include "config.h"

#include "lib/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/die.h"

#define FIRST_CAP 64

bool cf_str_starts(struct cf_str s, struct cf_str prefix)
{
  return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

int cf_str_cmp(struct cf_str a, struct cf_str b)
{
  size_t n = a.n < b.n ? a.n : b.n;
  int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

  return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

struct cf_str cf_str_cut(struct cf_str *s, char at)
{
  const char *end = s->n == 0 ? NULL : memchr(s->p, at, s->n);
  struct cf_str head = {s->p, end == NULL ? s->n : (size_t)(end - s->p)};
  size_t gone = end == NULL ? s->n : head.n + 1;

  if (gone > 0)
    *s = (struct cf_str){s->p + gone, s->n - gone};
  return head;
}

char *cf_str_dup(struct cf_str s)
{
  char *copy = malloc(s.n + 1);

  if (copy == NULL)
    return NULL;
  if (s.n > 0)
    memcpy(copy, s.p, s.n);
  copy[s.n] = '\0';
  return copy;
}

void cf_buf_init(struct cf_buf *b, size_t max)
{
  *b = (struct cf_buf){.max = max};
}

void cf_buf_fixed(struct cf_buf *b, void *p, size_t n)
{
  *b = (struct cf_buf){.p = p, .cap = n, .max = n - 1};
}

void cf_buf_fini(struct cf_buf *b)
{
  free(b->p);
  b->p = NULL;
  b->n = 0;
  b->cap = 0;
}

void cf_buf_reset(struct cf_buf *b)
{
  b->n = 0;
  b->err = CF_OK;
}

/* Grow to hold `need` bytes and a NUL; doubling keeps the copies linear, the
 * maximum keeps the doubling honest. */
static bool buf_enlarge(struct cf_buf *b, size_t need)
{
  size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap;

  while (cap <= need && cap <= SIZE_MAX / 2)
    cap *= 2;
  if (cap <= need)
    cap = need + 1;
  if (cap > b->max && b->max < SIZE_MAX)
    cap = b->max + 1;
  uint8_t *p = realloc(b->p, cap);
  if (p == NULL) {
    b->err = CF_E_NOMEM;
    return false;
  }
  b->p = p;
  b->cap = cap;
  return true;
}

bool cf_buf_make_room(struct cf_buf *b, size_t n)
{
  if (b->err != CF_OK)
    return false;
  if (n > b->max - b->n || n >= PTRDIFF_MAX - b->n) {
    b->err = CF_E_FULL;
    return false;
  }
  return buf_enlarge(b, b->n + n);
}

void cf_buf_putf(struct cf_buf *b, const char *format, ...)
{
  va_list args;

  if (!cf_buf_room(b, 0))
    return;
  size_t room = b->cap - b->n;
  va_start(args, format);
  int n = vsnprintf((char *)b->p + b->n, room, format, args);
  va_end(args);
  if (n < 0) {
    b->err = CF_E_NOMEM;
    return;
  }
  if (!cf_buf_room(b, (size_t)n))
    return;
  if ((size_t)n >= room) {
    va_start(args, format);
    (void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, format, args);
    va_end(args);
  }
  b->n += (size_t)n;
}

void cf_buf_put_u64(struct cf_buf *b, uint64_t v)
{
  char text[20];
  size_t i = sizeof text;

  do
    text[--i] = (char)('0' + v % 10);
  while ((v /= 10) != 0);
  cf_buf_put(b, text + i, sizeof text - i);
}

void cf_buf_put_i64(struct cf_buf *b, int64_t v)
{
  char text[21];
  uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;
  size_t i = sizeof text;

  do
    text[--i] = (char)('0' + left % 10);
  while ((left /= 10) != 0);
  if (v < 0)
    text[--i] = '-';
  cf_buf_put(b, text + i, sizeof text - i);
}

void cf_buf_cut(struct cf_buf *b, size_t n)
{
  CF_ASSERT(n <= b->n);
  b->n -= n;
}

const char *cf_buf_cstr(struct cf_buf *b)
{
  if (b->err != CF_OK || b->p == NULL)
    return "";
  b->p[b->n] = '\0';
  return (const char *)b->p;
}

char *cf_buf_take(struct cf_buf *b)
{
  if (!cf_buf_room(b, 0))
    return NULL;
  char *text = (char *)b->p;
  text[b->n] = '\0';
  b->p = NULL;
  b->n = 0;
  b->cap = 0;
  return text;
}
