/* SPDX-License-Identifier: MIT */
/* Leaf hashes, many at once: the tree's nodes over them (format.md, Tree), and
 * what of them is enough to keep where the records are there to make them of
 * again.
 *
 * Of a part of 16 leaves the hash in front of it and its records give all of
 * its hashes; the hash of its last leaf and the root over them, which are kept,
 * say whether these are the ones that were. Where its records cannot be read
 * the root still stands for them in the tree. */
#ifndef CF_RECORD_LEAVES_H
#define CF_RECORD_LEAVES_H

#include "lib/base/crypto.h"

#define CF_LEAVES_PART  16 /* leaves of a part */
#define CF_LEAVES_PARTS 16
#define CF_LEAVES_N     (CF_LEAVES_PART * CF_LEAVES_PARTS)
#define CF_LEAF_MARK    2

/* H(0x01 || left || right). */
void cf_node_hash(const uint8_t left[CF_HASH_N], const uint8_t right[CF_HASH_N],
                  uint8_t out[CF_HASH_N]);
/* The root of a complete subtree of n = 2^k hashes (1 ≤ n ≤ 256) lying one
 * after the other, 32 bytes each. */
void cf_fold(const uint8_t *hashes, size_t n, uint8_t out[CF_HASH_N]);

/* What is kept of an aligned 256: 6 bytes a leaf. Its bytes are a row in
 * segments. */
struct cf_leaves_kept {
  uint8_t before[CF_HASH_N];                /* the hash in front of the first */
  uint8_t last[CF_LEAVES_PARTS][CF_HASH_N]; /* of each part its last leaf's */
  uint8_t root[CF_LEAVES_PARTS][CF_HASH_N]; /* and the root over its leaves */
  /* the first bytes of each hash: they tell which leaf of a part is not what it
   * was, and prove nothing */
  uint8_t mark[CF_LEAVES_N][CF_LEAF_MARK];
};
/* hashes: of all 256, one after the other. */
void cf_leaves_keep(const uint8_t before[CF_HASH_N], const uint8_t *hashes,
                    struct cf_leaves_kept *kept);
/* The hash in front of a part. */
const uint8_t *cf_leaves_before(const struct cf_leaves_kept *kept, unsigned part);
/* Are these the 16 hashes of the part? Where they are not, *at becomes the
 * first that is not, by the marks (of 65,536 changes they miss one; then it is
 * a later one), or 0 where these do not tell. */
bool cf_leaves_fit(const struct cf_leaves_kept *kept, unsigned part, const uint8_t *hashes,
                   unsigned *at);

#endif
