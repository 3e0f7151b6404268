/* SPDX-License-Identifier: MIT */
/* Sets of offsets. */
#ifndef CF_INDEX_BITS_H
#define CF_INDEX_BITS_H

#include "lib/base/buf.h"

#define CF_OFFSET_MAX (1u << 24) /* offsets are below it */

/* A set of offsets below n. */
struct cf_bits {
  uint64_t *w;
  uint32_t n;
};
CF_MUST enum cf_err cf_bits_new(uint32_t n, struct cf_bits *bits); /* empty; CF_E_NOMEM */
void cf_bits_free(struct cf_bits *bits);
static inline void cf_bits_set(struct cf_bits *bits, uint32_t offset)
{
  if (offset < bits->n)
    bits->w[offset / 64] |= UINT64_C(1) << offset % 64;
}
void cf_bits_set_range(struct cf_bits *bits, uint32_t from, uint32_t to); /* from ≤ offset < to */
/* Set those offsets ≥ from whose bits are set in n bytes, lowest first, of
 * which the first bit is that of offset. How many bits are set in the bytes. */
uint32_t cf_bits_put(struct cf_bits *bits, uint32_t offset, const uint8_t *p, size_t n,
                     uint32_t from);
bool cf_bits_has(const struct cf_bits *bits, uint32_t offset);
void cf_bits_and(struct cf_bits *bits, const struct cf_bits *other); /* of the same n */
uint32_t cf_bits_count(const struct cf_bits *bits);
bool cf_bits_more(const struct cf_bits *bits, uint32_t than); /* are more set? */
/* The first set offset ≥ from, or the last one ≤ from; UINT32_MAX where there
 * is none. */
uint32_t cf_bits_next(const struct cf_bits *bits, uint32_t from);
uint32_t cf_bits_prev(const struct cf_bits *bits, uint32_t from);

#endif
