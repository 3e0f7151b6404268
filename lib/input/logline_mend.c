/* SPDX-License-Identifier: MIT */
/* What servers write into JSON lines and the ledger does not take: made into
 * JSON that it takes, byte by byte. */
#include "config.h"

#include <string.h>

#include "lib/input/logline_in.h"
#include "lib/record/number.h"
#include "lib/record/scan.h"

/* One byte of a string's value. */
static void put_byte(struct cf_buf *b, uint8_t c)
{
  if (c < 0x20 || c == '"' || c == '\\')
    cf_buf_putf(b, "\\u%04x", c);
  else
    cf_buf_putc(b, (char)c);
}

/* What stands at s in a string, an escape of JSON's or of others' or a
 * character: its mended form to b, and how many bytes it took. */
static size_t mend_character(struct cf_str s, struct cf_buf *b, struct cf_met *met)
{
  uint8_t bytes[4];
  char escape[5];
  size_t n;
  if (s.n > 1 && s.p[0] == '\\' && s.p[1] != '\0' && strchr("/u", s.p[1]) != NULL)
    return cf_buf_put(b, s.p, 2), 2;
  size_t len = cf_logline_character(s, &n, bytes, escape, met);
  if (len == 0)
    cf_buf_putc(b, '\\'), cf_buf_puts(b, escape);
  else if (len == 1)
    put_byte(b, bytes[0]);
  else
    cf_buf_put(b, bytes, len);
  return n;
}

/* The string at s, from quote to quote, or what there is of it. */
static size_t mend_string(struct cf_str s, struct cf_buf *b, struct cf_met *met)
{
  size_t i = 1;
  cf_buf_putc(b, '"');
  while (i < s.n && s.p[i] != '"')
    i += mend_character(cf_str_behind(s, i), b, met);
  if (i == s.n)
    return i;
  cf_buf_putc(b, '"');
  return i + 1;
}

static bool in_number(char c)
{
  return c != '\0' && strchr("0123456789+-.eE", c) != NULL;
}

/* What begins like a number: as it is where the ledger takes it, else as
 * text. */
static size_t mend_number(struct cf_str s, struct cf_buf *b)
{
  struct cf_str number = {s.p, 1}, value, rest;
  while (number.n < s.n && in_number(s.p[number.n]))
    number.n++;
  if (cf_scan_value(number, 1, &value, &rest, NULL) == CF_OK && rest.n == 0 && cf_number_ok(number))
    cf_buf_putstr(b, number);
  else
    cf_json_put_str(b, number);
  return number.n;
}

/* How many bytes the object or array at s takes. */
static size_t nested_length(struct cf_str s)
{
  bool inside = false;
  size_t depth = 0;
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i];
    if (inside && c == '\\')
      i++;
    else if (c == '"')
      inside = !inside;
    else if (!inside && (c == '{' || c == '['))
      depth++;
    else if (!inside && (c == '}' || c == ']') && --depth == 0)
      return i + 1;
  }
  return s.n;
}

static size_t mend_nested(struct cf_str s, struct cf_buf *b, struct cf_met *met)
{
  struct cf_buf text;
  s.n = nested_length(s);
  cf_buf_init(&text, 4 * s.n + 1);
  met->raw |= cf_logline_verbatim(s, &text);
  cf_json_put_str(b, cf_buf_str(&text));
  if (text.err != CF_OK)
    b->err = text.err;
  cf_buf_fini(&text);
  return s.n;
}

void cf_logline_mend(struct cf_str s, struct cf_buf *b, struct cf_met *met)
{
  unsigned depth = 0;
  for (size_t i = 0, n; i < s.n; i += n) {
    char c = s.p[i];
    struct cf_str left = cf_str_behind(s, i);
    n = 1;
    if (c == '"')
      n = mend_string(left, b, met);
    else if (c == '-' || (c >= '0' && c <= '9'))
      n = mend_number(left, b);
    else if ((c == '{' || c == '[') && depth == CF_ATTRIBUTES_DEPTH)
      n = mend_nested(left, b, met);
    else {
      depth += c == '{' || c == '[';
      depth -= depth > 0 && (c == '}' || c == ']');
      cf_buf_putc(b, c);
    }
  }
}
