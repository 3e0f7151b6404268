/* SPDX-License-Identifier: MIT */
/* UTF-8 after Unicode 15, table 3-7. */
#include "config.h"

#include <string.h>

#include "lib/base/utf8.h"

/* The bounds of the second byte for the first bytes that narrow them: no
 * over-long form, no surrogate, nothing above U+10FFFF. */
static bool second_ok(uint8_t first, uint8_t second)
{
  uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

  return second >= low && second <= high;
}

static bool is_continuation(uint8_t byte)
{
  return (byte & 0xc0) == 0x80;
}

size_t cf_utf8_len(const uint8_t *p, size_t n)
{
  if (n == 0)
    return 0;
  if (p[0] < 0x80)
    return 1;
  if (p[0] < 0xc2 || p[0] > 0xf4)
    return 0;
  size_t len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
  if (n < len || !second_ok(p[0], p[1]))
    return 0;
  for (size_t i = 2; i < len; i++)
    if (!is_continuation(p[i]))
      return 0;
  return len;
}

uint32_t cf_utf8_code(const uint8_t *p, size_t n)
{
  static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t code = p[0] & lead[n];
  for (size_t i = 1; i < n; i++)
    code = code << 6 | (p[i] & 0x3f);
  return code;
}

/* How many bytes from p on are well-formed sequences; eight ASCII bytes at a
 * time, since most text is that. */
static size_t good_run(const uint8_t *p, size_t n)
{
  size_t i = 0;

  while (i < n) {
    uint64_t eight;
    if (n - i >= sizeof eight) {
      memcpy(&eight, p + i, sizeof eight);
      if ((eight & UINT64_C(0x8080808080808080)) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    size_t len = cf_utf8_len(p + i, n - i);
    if (len == 0)
      break;
    i += len;
  }
  return i;
}

bool cf_utf8_ok(struct cf_str s)
{
  return good_run((const uint8_t *)s.p, s.n) == s.n;
}

void cf_utf8_put(struct cf_buf *b, struct cf_str s)
{
  while (s.n > 0 && b->err == CF_OK) {
    size_t good = good_run((const uint8_t *)s.p, s.n);
    cf_buf_put(b, s.p, good);
    if (good < s.n) {
      cf_buf_put(b, "\xef\xbf\xbd", 3);
      good++;
    }
    s = (struct cf_str){s.p + good, s.n - good};
  }
}

void cf_utf8_put_code(struct cf_buf *b, uint32_t code)
{
  uint8_t bytes[4];

  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    code = 0xfffd;
  size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = n - 1; i > 0; i--, code >>= 6)
    bytes[i] = (uint8_t)(0x80 | (code & 0x3f));
  static const uint8_t mark[] = {0, 0, 0xc0, 0xe0, 0xf0};
  bytes[0] = (uint8_t)(mark[n] | code);
  cf_buf_put(b, bytes, n);
}

/* A lead byte is never a continuation, so a sequence that starts before the cut
 * and ends behind it is found by looking back three. */
struct cf_str cf_utf8_head(struct cf_str s, size_t max)
{
  if (s.n <= max)
    return s;
  for (size_t back = 1; back <= 3 && back <= max; back++) {
    size_t i = max - back;
    if (cf_utf8_len((const uint8_t *)s.p + i, s.n - i) > back)
      return (struct cf_str){s.p, i};
  }
  return (struct cf_str){s.p, max};
}
