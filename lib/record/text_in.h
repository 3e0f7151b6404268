/* SPDX-License-Identifier: MIT */
/* Inside lib/record: the bytes of a string that need a closer look, found eight
 * at a time. */
#ifndef CF_RECORD_TEXT_IN_H
#define CF_RECORD_TEXT_IN_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CF_BYTES(c) (UINT64_C(0x0101010101010101) * (c))

/* How many of the eight bytes at p come before one below 0x20 or above 0x7f, a
 * quote or a backslash. A subtraction borrows from the bytes behind an odd one
 * only: the first mark is right. */
static inline unsigned cf_text_plain8(const uint8_t *p)
{
  uint64_t v;
  memcpy(&v, p, 8);
  v = le64toh(v);
  uint64_t quote = v ^ CF_BYTES('"');
  uint64_t slash = v ^ CF_BYTES('\\');
  uint64_t below = (v - CF_BYTES(0x20)) | (quote - CF_BYTES(1)) | (slash - CF_BYTES(1));
  uint64_t odd = (below | v) & CF_BYTES(0x80);
  return odd == 0 ? 8 : (unsigned)__builtin_ctzll(odd) / 8;
}

static inline bool cf_text_odd(uint8_t c)
{
  return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

/* How many bytes at p are ASCII that stands for itself in a JSON string. */
static inline size_t cf_text_plain(const uint8_t *p, size_t n)
{
  size_t i = 0;
  for (unsigned run; n - i >= 8; i += 8)
    if ((run = cf_text_plain8(p + i)) < 8)
      return i + run;
  while (i < n && !cf_text_odd(p[i]))
    i++;
  return i;
}

/* The length of the escape at p where it is one that format.md writes, and the
 * byte it stands for; else 0. (json_write.c) */
size_t cf_json_escape_len(const char *p, size_t n, char *c);

#endif
