/* SPDX-License-Identifier: MIT */
/* The canonical JSON writer (format.md, JSON text), and the way back for its
 * strings. */
#include "config.h"

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "lib/record/json.h"
#include "lib/record/text_in.h"

#define REPLACEMENT "\xEF\xBF\xBD"

/* The letter of a control character's short escape, or 0. */
static char short_escape(uint8_t c)
{
  switch (c) {
  case '"': return '"';
  case '\\': return '\\';
  case '\b': return 'b';
  case '\f': return 'f';
  case '\n': return 'n';
  case '\r': return 'r';
  case '\t': return 't';
  default: return 0;
  }
}

static void put_escape(struct cf_buf *b, uint8_t c)
{
  char letter = short_escape(c);
  if (letter != 0) {
    cf_buf_put(b, (char[2]){'\\', letter}, 2);
  } else {
    static const char digits[] = "0123456789abcdef";
    cf_buf_put(b, (char[6]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, 6);
  }
}

/* Put what stands at p, which is not plain, and give its length. */
static size_t put_odd(struct cf_buf *b, const uint8_t *p, size_t n)
{
  if (*p < 0x80) {
    put_escape(b, *p);
    return 1;
  }
  size_t length = cf_utf8_len(p, n);
  if (length == 0)
    cf_buf_put(b, REPLACEMENT, 3);
  else
    cf_buf_put(b, p, length);
  return length == 0 ? 1 : length;
}

/* Put a string that stands for itself, as most do. */
static void put_plain(struct cf_buf *b, struct cf_str s)
{
  uint8_t *p = cf_buf_grow(b, s.n + 2);
  if (p == NULL)
    return;
  p[0] = '"';
  if (s.n > 0)
    memcpy(p + 1, s.p, s.n);
  p[s.n + 1] = '"';
}

void cf_json_put_str(struct cf_buf *b, struct cf_str s)
{
  const uint8_t *p = (const uint8_t *)s.p;
  size_t plain = cf_text_plain(p, s.n);
  if (plain == s.n) {
    put_plain(b, s);
    return;
  }
  cf_buf_putc(b, '"');
  cf_buf_put(b, p, plain);
  for (size_t i = plain; i < s.n;) {
    size_t run = cf_text_plain(p + i, s.n - i);
    cf_buf_put(b, p + i, run);
    i += run;
    if (i < s.n)
      i += put_odd(b, p + i, s.n - i);
  }
  cf_buf_putc(b, '"');
}

void cf_json_put_name(struct cf_buf *b, const char *name)
{
  bool comma = b->n > 0 && b->p[b->n - 1] != '{' && b->p[b->n - 1] != '[';
  size_t n = strlen(name);
  uint8_t *p = cf_buf_grow(b, comma + n + 3);
  if (p == NULL)
    return;
  if (comma)
    *p++ = ',';
  *p++ = '"';
  memcpy(p, name, n);
  memcpy(p + n, "\":", 2);
}

void cf_json_put_member(struct cf_buf *b, const char *name, struct cf_str value)
{
  cf_json_put_name(b, name);
  cf_json_put_str(b, value);
}

void cf_json_put_member_u64(struct cf_buf *b, const char *name, uint64_t value)
{
  cf_json_put_name(b, name);
  cf_buf_put_u64(b, value);
}

void cf_json_put_member_u64_or_null(struct cf_buf *b, const char *name, bool given, uint64_t value)
{
  cf_json_put_name(b, name);
  if (given)
    cf_buf_put_u64(b, value);
  else
    cf_buf_puts(b, "null");
}

void cf_json_put_member_bool(struct cf_buf *b, const char *name, bool value)
{
  cf_json_put_name(b, name);
  cf_buf_puts(b, value ? "true" : "false");
}

void cf_json_put_member_base64(struct cf_buf *b, const char *name, const void *p, size_t n)
{
  cf_json_put_name(b, name);
  cf_buf_putc(b, '"');
  cf_base64_put(b, p, n);
  cf_buf_putc(b, '"');
}

void cf_json_put_member_time(struct cf_buf *b, const char *name, int64_t t_us)
{
  char text[CF_TIME_TEXT_N + 1];
  cf_time_format(t_us, text);
  cf_json_put_member(b, name, (struct cf_str){text, CF_TIME_TEXT_N});
}

/* ---- back ---- */

static int hex_lower(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t cf_json_escape_len(const char *p, size_t n, char *c)
{
  static const char letters[] = "\"\\bfnrt", meant[] = "\"\\\b\f\n\r\t";
  if (n < 2 || p[0] != '\\')
    return 0;
  const char *at = p[1] == 0 ? NULL : strchr(letters, p[1]);
  if (at != NULL) {
    *c = meant[at - letters];
    return 2;
  }
  if (n < 6 || p[1] != 'u' || p[2] != '0' || p[3] != '0' || p[4] < '0' || p[4] > '1' ||
      hex_lower(p[5]) < 0)
    return 0;
  *c = (char)((p[4] - '0') * 16 + hex_lower(p[5]));
  return short_escape((uint8_t)*c) == 0 ? 6 : 0;
}

enum cf_err cf_json_unescape(struct cf_str s, struct cf_buf *b)
{
  for (const char *p = s.p, *end = s.p + s.n; p < end;) {
    const char *slash = memchr(p, '\\', (size_t)(end - p));
    cf_buf_put(b, p, (size_t)((slash == NULL ? end : slash) - p));
    if (slash == NULL)
      break;
    char c;
    size_t n = cf_json_escape_len(slash, (size_t)(end - slash), &c);
    if (n == 0)
      return CF_E_SYNTAX;
    cf_buf_putc(b, c);
    p = slash + n;
  }
  return b->err;
}
