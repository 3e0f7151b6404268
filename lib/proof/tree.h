/* SPDX-License-Identifier: MIT */
/* The Merkle tree: RFC 6962 hashing, right edge, roots, inclusion and
 * consistency proofs, C2SP tile paths (format.md, Tree, Tiles). */
#ifndef CF_PROOF_TREE_H
#define CF_PROOF_TREE_H

#include "lib/base/buf.h"
#include "lib/record/leaves.h"

#define CF_TILE_H         8   /* levels a tile */
#define CF_TILE_W         256 /* hashes a full tile */
#define CF_PROOF_MAX      128 /* most hashes of a proof over 2^64 leaves */
#define CF_TILE_LEVEL_MAX 63  /* in a path (C2SP tlog-tiles) */

/* The right edge of a tree: node[l] is the root of a complete subtree of 2^l
 * leaves where bit l of size is set. */
struct cf_edge {
  uint64_t size;
  uint8_t node[64][CF_HASH_N];
};
void cf_edge_init(struct cf_edge *edge);
void cf_edge_append(struct cf_edge *edge, const uint8_t leaf_hash[CF_HASH_N]);
/* Append a complete subtree of 2^level leaves by its root; the size is a
 * multiple of 2^level. */
void cf_edge_append_subtree(struct cf_edge *edge, unsigned level, const uint8_t hash[CF_HASH_N]);
/* The root of the tree whose edge it is; H("") for size 0. */
void cf_edge_root(const struct cf_edge *edge, uint8_t root[CF_HASH_N]);

/* Where hashes come from: n hashes of tile level `level` (each the root of
 * 256^level leaves), from index first on, into out (n·32 bytes). n ≤ 256 and a
 * call never crosses a multiple of 256. Only complete subtrees are asked for.
 * Gives CF_OK or the error of the read. */
struct cf_hashes {
  enum cf_err (*get)(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out);
  void *context;
  /* The same of nodes that are roots of 16 leaves each, n ≤ 16 of them, which
   * may be had at less than leaf hashes, and where some of these cannot; NULL:
   * they are made of them. */
  enum cf_err (*parts)(void *context, uint64_t first, size_t n, uint8_t *out);
};

/* Root and edge at a size that the source covers. The source's error. */
CF_MUST enum cf_err cf_tree_root(const struct cf_hashes *hashes, uint64_t size,
                                 uint8_t root[CF_HASH_N]);
CF_MUST enum cf_err cf_tree_edge(const struct cf_hashes *hashes, uint64_t size,
                                 struct cf_edge *edge);
/* Bring an edge from its own size up to a larger one. On an error it stays as
 * it was. */
CF_MUST enum cf_err cf_tree_extend(const struct cf_hashes *hashes, uint64_t size,
                                   struct cf_edge *edge);

struct cf_proof {
  size_t n;
  uint8_t hash[CF_PROOF_MAX][CF_HASH_N];
};
/* RFC 9162 section 2.1.3.1: from leaf to root. CF_E_PARAMETER unless index <
 * size. */
CF_MUST enum cf_err cf_tree_inclusion(const struct cf_hashes *hashes, uint64_t index, uint64_t size,
                                      struct cf_proof *proof);
/* RFC 9162 section 2.1.4.1; empty for first = 0 or first = second.
 * CF_E_PARAMETER unless first ≤ second. */
CF_MUST enum cf_err cf_tree_consistency(const struct cf_hashes *hashes, uint64_t first,
                                        uint64_t second, struct cf_proof *proof);

/* RFC 9162 sections 2.1.3.2 and 2.1.4.2. proof is proof_n slices, each of which
 * must have 32 bytes; root and leaf_hash likewise for inclusion. For equal
 * sizes consistency compares the roots as bytes and wants an empty proof; first
 * = 0 proves nothing and never holds. CF_E_PROOF where it does not hold. */
CF_MUST enum cf_err cf_inclusion_check(uint64_t index, uint64_t size, struct cf_str leaf_hash,
                                       const struct cf_str *proof, size_t proof_n,
                                       struct cf_str root);
CF_MUST enum cf_err cf_consistency_check(uint64_t first, uint64_t second, struct cf_str first_root,
                                         struct cf_str second_root, const struct cf_str *proof,
                                         size_t proof_n);

/* The same of proofs that were made here. */
CF_MUST enum cf_err cf_proof_includes(const struct cf_proof *proof, uint64_t index, uint64_t size,
                                      const uint8_t leaf_hash[CF_HASH_N],
                                      const uint8_t root[CF_HASH_N]);
CF_MUST enum cf_err cf_proof_extends(const struct cf_proof *proof, uint64_t first,
                                     const uint8_t first_root[CF_HASH_N], uint64_t second,
                                     const uint8_t second_root[CF_HASH_N]);
/* Does the tree of the second size and root extend that of the first, by the
 * hashes? Then a root that was signed vouches for the first. CF_E_PROOF; the
 * source's error. */
CF_MUST enum cf_err cf_tree_extends(const struct cf_hashes *hashes, uint64_t first,
                                    const uint8_t first_root[CF_HASH_N], uint64_t second,
                                    const uint8_t second_root[CF_HASH_N]);

/* "tile/<level>/<N>[.p/<W>]" (width 256: full), and with entries
 * "tile/entries/<N>[.p/<W>]". */
void cf_tile_path_put(struct cf_buf *b, bool entries, unsigned level, uint64_t n, unsigned width);
struct cf_tile {
  bool entries;
  unsigned level;
  uint64_t n;
  unsigned width;
};
/* The one way to write a tile's path, without a leading slash; CF_E_SYNTAX for
 * every other. */
CF_MUST enum cf_err cf_tile_path_parse(struct cf_str path, struct cf_tile *tile);
/* Width of the last tile of a level at a size: (size / 256^level) mod 256. */
unsigned cf_tile_partial(uint64_t size, unsigned level);
/* Is all of it in a tree of that size? */
bool cf_tile_within(const struct cf_tile *tile, uint64_t size);

#endif
