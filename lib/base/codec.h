/* SPDX-License-Identifier: MIT */
/* Text and byte codings: base64, hex, big-endian integers, varints, UTF-8, URL
 * escapes.
 *
 * Decoders are strict: one input has one meaning, everything else is
 * CF_E_SYNTAX. */
#ifndef CF_BASE_CODEC_H
#define CF_BASE_CODEC_H

#include "lib/base/buf.h"

/* Standard alphabet with padding (RFC 4648 section 4). */
void cf_base64_put(struct cf_buf *b, const void *p, size_t n);
/* Strict: padding required, unused bits zero, no white space. Appends to b.
 * CF_E_SYNTAX, or b's error. */
CF_MUST enum cf_err cf_base64_get(struct cf_str s, struct cf_buf *b);
/* Exactly n bytes into out. CF_E_SYNTAX when s is anything else. */
CF_MUST enum cf_err cf_base64_get_n(struct cf_str s, uint8_t *out, size_t n);
/* URL-safe alphabet without padding (RFC 4648 section 5). */
void cf_base64url_put(struct cf_buf *b, const void *p, size_t n);
CF_MUST enum cf_err cf_base64url_get(struct cf_str s, struct cf_buf *b);

/* Lower-case hex; the decoder takes either case and wants exactly 2n digits. */
void cf_hex_put(struct cf_buf *b, const void *p, size_t n);
CF_MUST enum cf_err cf_hex_get_n(struct cf_str s, uint8_t *out, size_t n);

/* Big-endian. */
static inline void cf_u16_put(uint8_t *p, uint16_t v)
{
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}
static inline void cf_u32_put(uint8_t *p, uint32_t v)
{
  cf_u16_put(p, (uint16_t)(v >> 16));
  cf_u16_put(p + 2, (uint16_t)v);
}
static inline void cf_u64_put(uint8_t *p, uint64_t v)
{
  cf_u32_put(p, (uint32_t)(v >> 32));
  cf_u32_put(p + 4, (uint32_t)v);
}
static inline uint16_t cf_u16_get(const uint8_t *p)
{
  return (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}
static inline uint32_t cf_u32_get(const uint8_t *p)
{
  return (uint32_t)cf_u16_get(p) << 16 | cf_u16_get(p + 2);
}
static inline uint64_t cf_u64_get(const uint8_t *p)
{
  return (uint64_t)cf_u32_get(p) << 32 | cf_u32_get(p + 4);
}

/* LEB128 of an unsigned 64-bit integer, 1 to 10 bytes. */
void cf_varint_put(struct cf_buf *b, uint64_t v);
/* Zigzag of a signed one. */
void cf_varint_put_signed(struct cf_buf *b, int64_t v);

/* A reader over untrusted bytes with a sticky error: after the first failure
 * every get gives 0 or an empty slice. */
struct cf_reader {
  const uint8_t *p;
  const uint8_t *end;
  enum cf_err err; /* CF_OK or CF_E_SYNTAX */
};
void cf_reader_init(struct cf_reader *r, const void *p, size_t n);
uint8_t cf_reader_u8(struct cf_reader *r);
uint32_t cf_reader_u32(struct cf_reader *r);
uint64_t cf_reader_u64(struct cf_reader *r);
uint64_t cf_reader_varint_long(struct cf_reader *r);
/* Over-long forms are errors. Most are of one byte. */
static inline uint64_t cf_reader_varint(struct cf_reader *r)
{
  return r->err == CF_OK && r->p < r->end && *r->p < 0x80 ? *r->p++ : cf_reader_varint_long(r);
}
int64_t cf_reader_varint_signed(struct cf_reader *r);
struct cf_str cf_reader_bytes(struct cf_reader *r, size_t n);
bool cf_reader_at_end(const struct cf_reader *r); /* no error and nothing left */

/* Percent-decode, with '+' as a space when plus is set (query strings, forms).
 * CF_E_SYNTAX for a bad escape. */
CF_MUST enum cf_err cf_url_get(struct cf_str s, bool plus, struct cf_buf *b);
/* Percent-encode everything but unreserved characters (RFC 3986 section
 * 2.3). */
void cf_url_put(struct cf_buf *b, struct cf_str s);

/* A decimal integer of digits only, at most max; leading zeros are taken.
 * CF_E_SYNTAX for anything else (sign, space, empty, overflow). */
CF_MUST enum cf_err cf_u64_parse(struct cf_str s, uint64_t max, uint64_t *v);

#endif
