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
void cf_bits_set(struct cf_bits *bits, uint32_t offset);
void cf_bits_set_range(struct cf_bits *bits, uint32_t from, uint32_t to); /* from ≤ offset < to */
bool cf_bits_has(const struct cf_bits *bits, uint32_t offset);
void cf_bits_and(struct cf_bits *bits, const struct cf_bits *other); /* of the same n */
uint32_t cf_bits_count(const struct cf_bits *bits);
/* The first set offset ≥ from, or the last one ≤ from; UINT32_MAX where there
 * is none. */
uint32_t cf_bits_next(const struct cf_bits *bits, uint32_t from);
uint32_t cf_bits_prev(const struct cf_bits *bits, uint32_t from);

#endif
