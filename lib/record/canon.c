/* SPDX-License-Identifier: MIT */
/* Strict reading of canonical JSON text: what the writer would not have written
 * is not there. */
#include "config.h"

#include "lib/record/canon_in.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "lib/record/number.h"
#include "lib/record/text_in.h"

static size_t left(const struct cf_canon *c)
{
  return (size_t)(c->end - c->p);
}

bool cf_canon_text(struct cf_canon *c, const char *wanted)
{
  size_t n = strlen(wanted);
  if (left(c) < n || memcmp(c->p, wanted, n) != 0)
    return false;
  c->p += n;
  return true;
}

/* What stands at c->p inside a string and is not plain: its length, and in
 * *stands_for the bytes it means; 0 where it may not be there. */
static size_t odd_length(const struct cf_canon *c, size_t *stands_for)
{
  char byte;
  if (*c->p == '\\') {
    *stands_for = 1;
    return cf_json_escape_len(c->p, left(c), &byte);
  }
  if ((uint8_t)*c->p < 0x80)
    return 0;
  *stands_for = cf_utf8_len((const uint8_t *)c->p, left(c));
  return *stands_for;
}

/* From a byte on that is not plain to the string's closing quote; adds how many
 * bytes that stands for. */
static bool take_odd(struct cf_canon *c, size_t *decoded_n)
{
  size_t stands_for;
  while (c->p < c->end && *c->p != '"') {
    size_t n = odd_length(c, &stands_for);
    if (n == 0)
      return false;
    c->p += n;
    size_t run = cf_text_plain((const uint8_t *)c->p, left(c));
    c->p += run;
    *decoded_n += stands_for + run;
  }
  return c->p < c->end;
}

bool cf_canon_string(struct cf_canon *c, struct cf_str *inside, size_t *decoded_n)
{
  if (!cf_canon_char(c, '"'))
    return false;
  const char *from = c->p;
  size_t run = cf_text_plain((const uint8_t *)from, left(c));
  c->p += run;
  *decoded_n = run;
  if ((c->p == c->end || *c->p != '"') && !take_odd(c, decoded_n))
    return false;
  *inside = (struct cf_str){from, (size_t)(c->p++ - from)};
  return true;
}

bool cf_canon_word(struct cf_canon *c, struct cf_str *word)
{
  size_t decoded_n;
  return cf_canon_string(c, word, &decoded_n) && decoded_n == word->n;
}

static struct cf_str take_digits(struct cf_canon *c)
{
  const char *from = c->p;
  while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
    c->p++;
  return (struct cf_str){from, (size_t)(c->p - from)};
}

bool cf_canon_u64(struct cf_canon *c, uint64_t max, uint64_t *v)
{
  struct cf_str digits = take_digits(c);
  return (digits.n == 1 || (digits.n > 1 && *digits.p != '0')) &&
         cf_u64_parse(digits, max, v) == CF_OK;
}

/* ---- attributes ---- */

static bool take_value(struct cf_canon *c, unsigned depth_max);

/* Step over a point or exponent and the digits behind it; *was says whether one
 * was there. */
static bool take_part(struct cf_canon *c, const char *marks, bool sign, bool *was)
{
  if (c->p == c->end || *c->p == 0 || strchr(marks, *c->p) == NULL)
    return true;
  c->p++;
  *was = true;
  if (sign && c->p < c->end && (*c->p == '+' || *c->p == '-'))
    c->p++;
  return take_digits(c).n > 0;
}

static bool take_number(struct cf_canon *c)
{
  const char *from = c->p;
  bool negative = cf_canon_char(c, '-'), other = false;
  struct cf_str whole = take_digits(c);
  if (whole.n == 0 || (whole.n > 1 && *whole.p == '0'))
    return false;
  if (!take_part(c, ".", false, &other) || !take_part(c, "eE", true, &other))
    return false;
  if (other)
    return c->p - from <= CF_NUMBER_MAX;
  uint64_t v, max = (uint64_t)INT64_MAX + (negative ? 1 : 0);
  return cf_u64_parse(whole, max, &v) == CF_OK && !(negative && v == 0);
}

static uint8_t next_byte(const char **p, const char *end)
{
  char c = **p;
  size_t n = c == '\\' ? cf_json_escape_len(*p, (size_t)(end - *p), &c) : 1;
  *p += n;
  return (uint8_t)c;
}

/* Order of the names that a and b stand for, byte by byte. */
static int compare_names(struct cf_str a, struct cf_str b)
{
  const char *p = a.p, *p_end = a.p + a.n, *q = b.p, *q_end = b.p + b.n;
  while (p < p_end && q < q_end) {
    int x = next_byte(&p, p_end), y = next_byte(&q, q_end);
    if (x != y)
      return x - y;
  }
  return (p < p_end) - (q < q_end);
}

static bool at_null(const struct cf_canon *c)
{
  return left(c) >= 4 && memcmp(c->p, "null", 4) == 0;
}

bool cf_canon_object(struct cf_canon *c, unsigned depth_max)
{
  struct cf_str name, last = {NULL, 0};
  size_t decoded_n;
  if (depth_max == 0 || !cf_canon_char(c, '{'))
    return false;
  if (cf_canon_char(c, '}'))
    return true;
  do {
    if (!cf_canon_string(c, &name, &decoded_n) || !cf_canon_char(c, ':') || at_null(c))
      return false;
    if (last.p != NULL && compare_names(last, name) >= 0)
      return false;
    if (!take_value(c, depth_max - 1))
      return false;
    last = name;
  } while (cf_canon_char(c, ','));
  return cf_canon_char(c, '}');
}

static bool take_array(struct cf_canon *c, unsigned depth_max)
{
  if (depth_max == 0 || !cf_canon_char(c, '['))
    return false;
  if (cf_canon_char(c, ']'))
    return true;
  do {
    if (!take_value(c, depth_max - 1))
      return false;
  } while (cf_canon_char(c, ','));
  return cf_canon_char(c, ']');
}

static bool take_value(struct cf_canon *c, unsigned depth_max)
{
  struct cf_str inside;
  size_t decoded_n;
  if (c->p == c->end)
    return false;
  switch (*c->p) {
  case '{': return cf_canon_object(c, depth_max);
  case '[': return take_array(c, depth_max);
  case '"': return cf_canon_string(c, &inside, &decoded_n);
  case 't': return cf_canon_text(c, "true");
  case 'f': return cf_canon_text(c, "false");
  case 'n': return cf_canon_text(c, "null");
  default: return take_number(c);
  }
}
