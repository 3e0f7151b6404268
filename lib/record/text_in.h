/* SPDX-License-Identifier: MIT */
/* Inside lib/record: the bytes of a string that need a closer look, found eight
 * at a time. */
#ifndef CF_RECORD_TEXT_IN_H
#define CF_RECORD_TEXT_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CF_BYTES(c) (UINT64_C(0x0101010101010101) * (c))

/* Does one of the eight bytes of v lie below 0x20 or above 0x7e, or is one a
 * quote or a backslash? (May take 0x7f for one: harmless.) */
static inline bool cf_text_odd8(uint64_t v)
{
  uint64_t quote = v ^ CF_BYTES('"');
  uint64_t slash = v ^ CF_BYTES('\\');
  uint64_t below = (v - CF_BYTES(0x20)) | (quote - CF_BYTES(1)) | (slash - CF_BYTES(1));
  return ((below | v) & CF_BYTES(0x80)) != 0;
}

static inline bool cf_text_odd(uint8_t c)
{
  return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

/* How many bytes at p are ASCII that stands for itself in a JSON string. */
static inline size_t cf_text_plain(const uint8_t *p, size_t n)
{
  size_t i = 0;
  for (uint64_t v; n - i >= 8; i += 8) {
    memcpy(&v, p + i, 8);
    if (cf_text_odd8(v))
      break;
  }
  while (i < n && !cf_text_odd(p[i]))
    i++;
  return i;
}

/* The length of the escape at p where it is one that format.md writes, and the
 * byte it stands for; else 0. (json_write.c) */
size_t cf_json_escape_len(const char *p, size_t n, char *c);

#endif
