/* SPDX-License-Identifier: MIT */
/* The Merkle tree over hashes that lie in tiles: edge, roots, and the making of
 * proofs. */
#include "config.h"

#include "lib/proof/tree.h"

#include <string.h>

#include "lib/base/die.h"

void cf_edge_init(struct cf_edge *edge)
{
  edge->size = 0;
}

void cf_edge_append(struct cf_edge *edge, const uint8_t leaf_hash[CF_HASH_N])
{
  cf_edge_append_subtree(edge, 0, leaf_hash);
}

void cf_edge_append_subtree(struct cf_edge *edge, unsigned level, const uint8_t hash[CF_HASH_N])
{
  CF_ASSERT(level < 64 && edge->size % (UINT64_C(1) << level) == 0);
  uint8_t node[CF_HASH_N];
  memcpy(node, hash, sizeof node);
  unsigned l = level;
  for (; edge->size >> l & 1; l++)
    cf_node_hash(edge->node[l], node, node);
  memcpy(edge->node[l], node, sizeof node);
  edge->size += UINT64_C(1) << level;
}

void cf_edge_root(const struct cf_edge *edge, uint8_t root[CF_HASH_N])
{
  if (edge->size == 0) {
    cf_sha256_1("", 0, root);
    return;
  }
  unsigned l = (unsigned)__builtin_ctzll(edge->size);
  uint8_t node[CF_HASH_N];
  memcpy(node, edge->node[l], sizeof node);
  for (l++; l < 64; l++)
    if (edge->size >> l & 1)
      cf_node_hash(edge->node[l], node, node);
  memcpy(root, node, sizeof node);
}

/* The root of the complete subtree of 2^l leaves that begins at leaf `first`, a
 * multiple of 2^l. */
static enum cf_err subtree(const struct cf_hashes *hashes, uint64_t first, unsigned l,
                           uint8_t out[CF_HASH_N])
{
  uint8_t row[CF_TILE_W / 2 * CF_HASH_N];
  unsigned level = l / CF_TILE_H;
  size_t n = (size_t)1 << l % CF_TILE_H;
  bool parts = level == 0 && n >= CF_LEAVES_PART && hashes->parts != NULL;
  if (parts)
    n /= CF_LEAVES_PART;
  enum cf_err err = parts ? hashes->parts(hashes->context, first / CF_LEAVES_PART, n, row)
                          : hashes->get(hashes->context, level, first >> level * CF_TILE_H, n, row);
  if (err == CF_OK)
    cf_fold(row, n, out);
  return err;
}

/* The root of the n ≥ 1 leaves from first on, where they are a subtree of RFC
 * 6962's split: built from its right end. */
static enum cf_err range_root(const struct cf_hashes *hashes, uint64_t first, uint64_t n,
                              uint8_t out[CF_HASH_N])
{
  uint64_t end = first + n;
  uint8_t root[CF_HASH_N], node[CF_HASH_N];
  bool any = false;
  for (unsigned l = 0; l < 64; l++) {
    if (!(n >> l & 1))
      continue;
    end -= UINT64_C(1) << l;
    enum cf_err err = subtree(hashes, end, l, any ? node : root);
    if (err != CF_OK)
      return err;
    if (any)
      cf_node_hash(node, root, root);
    any = true;
  }
  memcpy(out, root, sizeof root);
  return CF_OK;
}

/* log2 of the largest complete subtree that begins at `first` and ends at or
 * before `end`. */
static unsigned widest(uint64_t first, uint64_t end)
{
  unsigned fits = 63 - (unsigned)__builtin_clzll(end - first);
  unsigned aligned = first ? (unsigned)__builtin_ctzll(first) : 63;
  return aligned < fits ? aligned : fits;
}

enum cf_err cf_tree_extend(const struct cf_hashes *hashes, uint64_t size, struct cf_edge *edge)
{
  CF_ASSERT(edge->size <= size);
  struct cf_edge grown = *edge;
  while (grown.size < size) {
    uint8_t hash[CF_HASH_N];
    unsigned l = widest(grown.size, size);
    enum cf_err err = subtree(hashes, grown.size, l, hash);
    if (err != CF_OK)
      return err;
    cf_edge_append_subtree(&grown, l, hash);
  }
  *edge = grown;
  return CF_OK;
}

enum cf_err cf_tree_edge(const struct cf_hashes *hashes, uint64_t size, struct cf_edge *edge)
{
  struct cf_edge made;
  memset(&made, 0, sizeof made);
  enum cf_err err = cf_tree_extend(hashes, size, &made);
  if (err == CF_OK)
    *edge = made;
  return err;
}

enum cf_err cf_tree_root(const struct cf_hashes *hashes, uint64_t size, uint8_t root[CF_HASH_N])
{
  struct cf_edge edge;
  enum cf_err err = cf_tree_edge(hashes, size, &edge);
  if (err == CF_OK)
    cf_edge_root(&edge, root);
  return err;
}

/* The largest power of two below n, n ≥ 2. */
static uint64_t size_split(uint64_t n)
{
  return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* A way down the tree: the range of leaves it stands at, and the roots of what
 * it passed by. */
struct descent {
  const struct cf_hashes *hashes;
  uint64_t first, n;
  struct cf_proof *passed;
};

/* Go to the half that holds leaf `index`. */
static enum cf_err descent_step(struct descent *d, uint64_t index)
{
  uint64_t k = size_split(d->n);
  bool right = index - d->first >= k;
  uint8_t *passed = d->passed->hash[d->passed->n];
  enum cf_err err = right ? range_root(d->hashes, d->first, k, passed)
                          : range_root(d->hashes, d->first + k, d->n - k, passed);
  if (err != CF_OK)
    return err;
  d->passed->n++;
  d->first = right ? d->first + k : d->first;
  d->n = right ? d->n - k : k;
  return CF_OK;
}

static void proof_reverse(struct cf_proof *proof)
{
  for (size_t i = 0, j = proof->n; i + 1 < j; i++) {
    uint8_t hash[CF_HASH_N];
    memcpy(hash, proof->hash[i], sizeof hash);
    memcpy(proof->hash[i], proof->hash[--j], sizeof hash);
    memcpy(proof->hash[j], hash, sizeof hash);
  }
}

enum cf_err cf_tree_inclusion(const struct cf_hashes *hashes, uint64_t index, uint64_t size,
                              struct cf_proof *proof)
{
  if (index >= size)
    return CF_E_PARAMETER;
  struct cf_proof made;
  memset(&made, 0, sizeof made);
  struct descent d = {.hashes = hashes, .n = size, .passed = &made};
  while (d.n > 1) {
    enum cf_err err = descent_step(&d, index);
    if (err != CF_OK)
      return err;
  }
  proof_reverse(&made);
  *proof = made;
  return CF_OK;
}

enum cf_err cf_tree_consistency(const struct cf_hashes *hashes, uint64_t first, uint64_t second,
                                struct cf_proof *proof)
{
  if (first > second)
    return CF_E_PARAMETER;
  struct cf_proof made;
  memset(&made, 0, sizeof made);
  struct descent d = {.hashes = hashes, .n = second, .passed = &made};
  bool proves = first > 0 && first < second;
  /* Down the old tree's right edge until a subtree ends exactly where the old
   * tree does. */
  while (proves && d.first + d.n != first) {
    enum cf_err err = descent_step(&d, first - 1);
    if (err != CF_OK)
      return err;
  }
  if (proves && d.first > 0) {
    enum cf_err err = range_root(hashes, d.first, d.n, made.hash[made.n]);
    if (err != CF_OK)
      return err;
    made.n++;
  }
  proof_reverse(&made);
  *proof = made;
  return CF_OK;
}
