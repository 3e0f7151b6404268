/* SPDX-License-Identifier: MIT */
/* Base64, hex, varints, the reader of untrusted bytes, URL escapes, decimal
 * integers. */
#include "config.h"

#include "lib/base/codec.h"

#include <string.h>

/* An alphabet, and its inverse: a digit's value plus one, 0 for what is no
 * digit. */
struct alphabet {
  char digit[65];
  uint8_t inverse[256];
};

#define ONE(c, v)   [c] = (v) + 1
#define TWO(c, v)   ONE(c, v), ONE((c) + 1, (v) + 1)
#define EIGHT(c, v) TWO(c, v), TWO((c) + 2, (v) + 2), TWO((c) + 4, (v) + 4), TWO((c) + 6, (v) + 6)
#define ALPHABET(c62, c63, text) \
  { \
    text, \
    { \
      EIGHT('A', 0), EIGHT('I', 8), EIGHT('Q', 16), TWO('Y', 24), EIGHT('a', 26), EIGHT('i', 34), \
          EIGHT('q', 42), TWO('y', 50), EIGHT('0', 52), TWO('8', 60), ONE(c62, 62), ONE(c63, 63) \
    } \
  }
static const struct alphabet standard =
    ALPHABET('+', '/', "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
static const struct alphabet urlsafe =
    ALPHABET('-', '_', "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

/* Base64 of n bytes without padding; returns the end of what was written. */
static uint8_t *base64_write(const struct alphabet *alphabet, const uint8_t *p, size_t n,
                             uint8_t *out)
{
  const char *digit = alphabet->digit;

  for (; n >= 3; n -= 3, p += 3) {
    uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    *out++ = (uint8_t)digit[v >> 18];
    *out++ = (uint8_t)digit[v >> 12 & 63];
    *out++ = (uint8_t)digit[v >> 6 & 63];
    *out++ = (uint8_t)digit[v & 63];
  }
  if (n == 0)
    return out;
  uint32_t v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
  *out++ = (uint8_t)digit[v >> 18];
  *out++ = (uint8_t)digit[v >> 12 & 63];
  if (n == 2)
    *out++ = (uint8_t)digit[v >> 6 & 63];
  return out;
}

/* Length of n bytes in base64 without padding. Split so that it cannot overflow
 * before the buffer's own check. */
static size_t base64_length(size_t n)
{
  size_t whole = n / 3;

  if (whole > SIZE_MAX / 4 - 1)
    return SIZE_MAX;
  return whole * 4 + (n % 3 == 0 ? 0 : n % 3 + 1);
}

void cf_base64_put(struct cf_buf *b, const void *p, size_t n)
{
  size_t text_n = base64_length(n);
  size_t pad = (3 - n % 3) % 3;
  uint8_t *out = cf_buf_grow(b, text_n > SIZE_MAX - pad ? SIZE_MAX : text_n + pad);

  if (out != NULL)
    memset(base64_write(&standard, p, n, out), '=', pad);
}

void cf_base64url_put(struct cf_buf *b, const void *p, size_t n)
{
  uint8_t *out = cf_buf_grow(b, base64_length(n));

  if (out != NULL)
    base64_write(&urlsafe, p, n, out);
}

/* Digits only, unused bits zero. */
static bool base64_ok(const struct alphabet *alphabet, struct cf_str s)
{
  static const uint8_t unused[] = {0, 0, 15, 3};
  const uint8_t *p = (const uint8_t *)s.p;
  bool digits = s.n % 4 != 1;

  for (size_t i = 0; i < s.n; i++)
    digits &= alphabet->inverse[p[i]] != 0;
  return digits && (s.n == 0 || ((alphabet->inverse[p[s.n - 1]] - 1) & unused[s.n % 4]) == 0);
}

/* Bytes in n digits. */
static size_t base64_bytes(size_t n)
{
  return n / 4 * 3 + (n % 4 == 0 ? 0 : n % 4 - 1);
}

/* The bytes of n ≤ 4 digits, as one number. */
static uint32_t base64_join(const struct alphabet *alphabet, const uint8_t *p, size_t n)
{
  uint32_t v = 0;

  for (size_t i = 0; i < 4; i++)
    v = v << 6 | (i < n ? (uint32_t)alphabet->inverse[p[i]] - 1 : 0);
  return v;
}

/* The bytes of digits that are known to be good. */
static void base64_read(const struct alphabet *alphabet, struct cf_str s, uint8_t *out)
{
  const uint8_t *p = (const uint8_t *)s.p;
  size_t n = s.n;

  for (; n >= 4; n -= 4, p += 4) {
    uint32_t v = base64_join(alphabet, p, 4);
    *out++ = (uint8_t)(v >> 16);
    *out++ = (uint8_t)(v >> 8);
    *out++ = (uint8_t)v;
  }
  uint32_t v = base64_join(alphabet, p, n);
  if (n >= 2)
    *out++ = (uint8_t)(v >> 16);
  if (n == 3)
    *out = (uint8_t)(v >> 8);
}

/* Take the padding off; false where it is not what section 4 wants. */
static bool base64_unpad(struct cf_str *s)
{
  if (s->n % 4 != 0)
    return false;
  for (int pad = 0; pad < 2 && s->n > 0 && s->p[s->n - 1] == '='; pad++)
    s->n--;
  return true;
}

static enum cf_err base64_append(const struct alphabet *alphabet, struct cf_str s, struct cf_buf *b)
{
  if (!base64_ok(alphabet, s))
    return CF_E_SYNTAX;
  uint8_t *out = cf_buf_grow(b, base64_bytes(s.n));
  if (out == NULL)
    return b->err;
  base64_read(alphabet, s, out);
  return CF_OK;
}

enum cf_err cf_base64_get(struct cf_str s, struct cf_buf *b)
{
  return base64_unpad(&s) ? base64_append(&standard, s, b) : CF_E_SYNTAX;
}

enum cf_err cf_base64url_get(struct cf_str s, struct cf_buf *b)
{
  return base64_append(&urlsafe, s, b);
}

enum cf_err cf_base64_get_n(struct cf_str s, uint8_t *out, size_t n)
{
  if (!base64_unpad(&s) || base64_bytes(s.n) != n || !base64_ok(&standard, s))
    return CF_E_SYNTAX;
  base64_read(&standard, s, out);
  return CF_OK;
}

void cf_hex_put(struct cf_buf *b, const void *p, size_t n)
{
  static const char digits[] = "0123456789abcdef";
  const uint8_t *in = p;
  uint8_t *out = cf_buf_grow(b, n > SIZE_MAX / 2 ? SIZE_MAX : 2 * n);

  if (out == NULL)
    return;
  for (size_t i = 0; i < n; i++) {
    *out++ = (uint8_t)digits[in[i] >> 4];
    *out++ = (uint8_t)digits[in[i] & 15];
  }
}

/* The value of a hex digit, or -1. */
static int hex_value(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum cf_err cf_hex_get_n(struct cf_str s, uint8_t *out, size_t n)
{
  if (s.n % 2 != 0 || s.n / 2 != n)
    return CF_E_SYNTAX;
  for (size_t i = 0; i < s.n; i++)
    if (hex_value(s.p[i]) < 0)
      return CF_E_SYNTAX;
  for (size_t i = 0; i < n; i++)
    out[i] = (uint8_t)(hex_value(s.p[2 * i]) << 4 | hex_value(s.p[2 * i + 1]));
  return CF_OK;
}

void cf_varint_put(struct cf_buf *b, uint64_t v)
{
  uint8_t bytes[10];
  size_t n = 0;

  for (; v >= 0x80; v >>= 7)
    bytes[n++] = (uint8_t)(v | 0x80);
  bytes[n++] = (uint8_t)v;
  cf_buf_put(b, bytes, n);
}

void cf_varint_put_signed(struct cf_buf *b, int64_t v)
{
  cf_varint_put(b, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

void cf_reader_init(struct cf_reader *r, const void *p, size_t n)
{
  const uint8_t *start = p;

  *r = (struct cf_reader){start, n == 0 ? start : start + n, CF_OK};
}

/* The next n bytes, or NULL and the error. */
static const uint8_t *reader_take(struct cf_reader *r, size_t n)
{
  if (r->err != CF_OK || (size_t)(r->end - r->p) < n) {
    r->err = CF_E_SYNTAX;
    return NULL;
  }
  const uint8_t *p = r->p;
  r->p += n;
  return p;
}

uint8_t cf_reader_u8(struct cf_reader *r)
{
  const uint8_t *p = reader_take(r, 1);

  return p == NULL ? 0 : *p;
}

uint32_t cf_reader_u32(struct cf_reader *r)
{
  const uint8_t *p = reader_take(r, 4);

  return p == NULL ? 0 : cf_u32_get(p);
}

uint64_t cf_reader_u64(struct cf_reader *r)
{
  const uint8_t *p = reader_take(r, 8);

  return p == NULL ? 0 : cf_u64_get(p);
}

/* Refused: a last byte of zero after others (the same number has a shorter
 * form), and bits beyond the 64th. */
uint64_t cf_reader_varint_long(struct cf_reader *r)
{
  uint64_t v = 0;

  for (unsigned shift = 0; shift < 64; shift += 7) {
    uint8_t byte = cf_reader_u8(r);
    if (r->err != CF_OK || (byte == 0 && shift > 0) || (shift == 63 && byte > 1))
      break;
    v |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80)
      return v;
  }
  r->err = CF_E_SYNTAX;
  return 0;
}

int64_t cf_reader_varint_signed(struct cf_reader *r)
{
  uint64_t v = cf_reader_varint(r);

  return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

struct cf_str cf_reader_bytes(struct cf_reader *r, size_t n)
{
  const uint8_t *p = reader_take(r, n);

  return p == NULL ? (struct cf_str){NULL, 0} : (struct cf_str){(const char *)p, n};
}

bool cf_reader_at_end(const struct cf_reader *r)
{
  return r->err == CF_OK && r->p == r->end;
}

/* One character of URL text at s.p[*i], which moves behind it; -1 for a bad
 * escape. */
static int url_char(struct cf_str s, bool plus, size_t *i)
{
  char c = s.p[(*i)++];

  if (c == '+' && plus)
    return ' ';
  if (c != '%')
    return (uint8_t)c;
  if (s.n - *i < 2)
    return -1;
  int high = hex_value(s.p[*i]);
  int low = hex_value(s.p[*i + 1]);
  *i += 2;
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

enum cf_err cf_url_get(struct cf_str s, bool plus, struct cf_buf *b)
{
  size_t before = b->n;

  for (size_t i = 0; i < s.n && b->err == CF_OK;) {
    int c = url_char(s, plus, &i);
    if (c < 0) {
      cf_buf_cut(b, b->n - before);
      return CF_E_SYNTAX;
    }
    cf_buf_putc(b, (char)c);
  }
  return b->err;
}

static bool is_unreserved(char c)
{
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

void cf_url_put(struct cf_buf *b, struct cf_str s)
{
  static const char digits[] = "0123456789ABCDEF";

  for (size_t i = 0; i < s.n; i++) {
    uint8_t byte = (uint8_t)s.p[i];
    if (is_unreserved(s.p[i]))
      cf_buf_putc(b, s.p[i]);
    else
      cf_buf_put(b, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
  }
}

enum cf_err cf_u64_parse(struct cf_str s, uint64_t max, uint64_t *v)
{
  uint64_t sum = 0;

  if (s.n == 0)
    return CF_E_SYNTAX;
  for (size_t i = 0; i < s.n; i++) {
    uint64_t digit = (uint64_t)(s.p[i] - '0');
    if (s.p[i] < '0' || s.p[i] > '9' || sum > max / 10 || digit > max - sum * 10)
      return CF_E_SYNTAX;
    sum = sum * 10 + digit;
  }
  *v = sum;
  return CF_OK;
}
