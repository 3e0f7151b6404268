/* SPDX-License-Identifier: MIT */
/* UTF-8 (Unicode 15, table 3-7). */
#ifndef CF_BASE_UTF8_H
#define CF_BASE_UTF8_H

#include "lib/base/buf.h"

/* The length 1..4 of the well-formed UTF-8 sequence at p (Unicode 15 table
 * 3-7), or 0 where there is none in n bytes. */
size_t cf_utf8_len(const uint8_t *p, size_t n);
/* The code point of a well-formed sequence of n bytes. */
uint32_t cf_utf8_code(const uint8_t *p, size_t n);
bool cf_utf8_ok(struct cf_str s);
/* Append s with each byte that is not part of a well-formed sequence replaced
 * by U+FFFD (format.md, JSON text). */
void cf_utf8_put(struct cf_buf *b, struct cf_str s);
/* Append the UTF-8 of a code point; a surrogate or anything above U+10FFFF
 * becomes U+FFFD. */
void cf_utf8_put_code(struct cf_buf *b, uint32_t code);
/* The longest prefix of s of at most max bytes that does not split a
 * well-formed sequence. */
struct cf_str cf_utf8_head(struct cf_str s, size_t max);

#endif
