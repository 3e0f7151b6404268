/* SPDX-License-Identifier: MIT */
/* Binary fuse filters (Graf and Lemire, 2022; three-wise): a set of
 * fingerprints that tells of each of its own that it is there, and of one in
 * 65,536 others too, in about 18.5 bits for each of 262,144.
 *
 *   u8 seed, u8 w, u32 windows, then windows · 2^w cells of u16, big-endian
 *
 * A fingerprint has a cell in each of three neighbouring windows, the first one
 * by its high bits; the three together are its check. Filters that begin alike
 * (their first six bytes) have the same cells for it, so that in memory such
 * ones stand on a shelf, cell by cell side by side: three lines of memory tell
 * of 32 filters. */
#ifndef CF_SEGMENT_FUSE_IN_H
#define CF_SEGMENT_FUSE_IN_H

#include "lib/base/buf.h"

/* Append the filter of n fingerprints, which ascend. CF_E_NOMEM, CF_E_FULL;
 * CF_E_STORE: none can be found, which nobody will see. */
CF_MUST enum cf_err cf_fuse_put(struct cf_buf *b, const uint64_t *fingerprints, uint32_t n);
/* The most bytes of the filter of so many fingerprints, or of fewer. */
static inline size_t cf_fuse_max(uint32_t n)
{
  return 4 * (size_t)n + 1024;
}
/* Are the bytes a filter? */
CF_MUST bool cf_fuse_ok(struct cf_str filter);

struct cf_fuse_shape {
  unsigned seed;
  unsigned log;     /* of the cells of a window */
  uint32_t windows; /* 0: no fingerprint is there */
};

#define CF_SHELF_MAX  32u
#define CF_SHELF_WORD 4u /* places side by side in a word */
struct cf_shelf {
  struct cf_fuse_shape shape;
  uint32_t taken; /* places, a bit each */
  unsigned words; /* of a cell: four filters in each */
  uint64_t *cells;
};
/* Put a filter, which is one (cf_fuse_ok), on a shelf, which is zeroed or has
 * others; gives its place. CF_E_FULL: its shape is another, or there is no
 * place. CF_E_NOMEM. */
CF_MUST enum cf_err cf_shelf_put(struct cf_shelf *shelf, struct cf_str filter, unsigned *place);
/* How many bytes the shelf grows by for that filter; SIZE_MAX where it cannot
 * stand on it. */
size_t cf_shelf_growth(const struct cf_shelf *shelf, struct cf_str filter);
size_t cf_shelf_memory(const struct cf_shelf *shelf);
/* Off it again. true: its word had no other and went, so that all behind it
 * have moved up by CF_SHELF_WORD. */
bool cf_shelf_take(struct cf_shelf *shelf, unsigned place);
void cf_shelf_fini(struct cf_shelf *shelf);
/* Which filters may have which of the n ≤ CF_SHELF_ASKED fingerprints: their
 * places as bits, for each. */
#define CF_SHELF_ASKED 32u
void cf_shelf_screen(const struct cf_shelf *shelf, const uint64_t *fingerprints, unsigned n,
                     uint32_t *places);

#endif
