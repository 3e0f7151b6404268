/* SPDX-License-Identifier: MIT */
/* Proofs and tiles of hashes, checked. */
#include "config.h"

#include "lib/evidence/proof.h"

#include <string.h>

#include "lib/evidence/receipt.h"
#include "lib/ledger/view.h"

/* A tree as it is kept, and what was signed of it. */
struct kept {
  struct cf_checkpoint head;
  struct cf_view *view;
  struct cf_hashes hashes;
};

static struct cf_str hash_str(const uint8_t hash[CF_HASH_N])
{
  return (struct cf_str){(const char *)hash, CF_HASH_N};
}

static void path_of(const struct cf_proof *proof, struct cf_str path[CF_PROOF_MAX])
{
  for (size_t i = 0; i < proof->n; i++)
    path[i] = hash_str(proof->hash[i]);
}

/* The head is known before the view is taken, which then holds all of it. */
static enum cf_err kept_open(struct kept *k, struct cf_ledger *ledger, uint64_t size,
                             struct cf_fault *fault)
{
  struct cf_buf note;
  *k = (struct kept){.view = NULL};
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_checkpoint_covering(ledger, size, &note, &k->head, fault);
  cf_buf_fini(&note);
  if (err == CF_OK)
    err = cf_view_get(ledger, &k->view);
  if (err == CF_OK)
    cf_view_hashes(k->view, &k->hashes);
  return err;
}

/* Put the view back; and say what is wrong with the hashes. */
static enum cf_err kept_close(struct kept *k, enum cf_err err, struct cf_fault *fault)
{
  cf_view_put(k->view);
  if (err == CF_E_PROOF)
    return cf_fail(fault, CF_E_DAMAGED, NULL,
                   "the hashes that are kept do not lead to the root that was signed");
  return err == CF_E_DAMAGED && fault->detail[0] == '\0'
             ? cf_fail(fault, err, NULL, "hashes on the way to the signed root cannot be read")
             : err;
}

static enum cf_err consistency_check(const struct cf_proof *proof, uint64_t first,
                                     const uint8_t first_root[CF_HASH_N], uint64_t second,
                                     const uint8_t second_root[CF_HASH_N])
{
  struct cf_str path[CF_PROOF_MAX];
  path_of(proof, path);
  return cf_consistency_check(first, second, hash_str(first_root), hash_str(second_root), path,
                              proof->n);
}

/* Does the signed head extend the tree of that size and root? Then they are
 * what was signed, whatever is kept. CF_E_PROOF. */
static enum cf_err root_check(const struct kept *k, uint64_t size, const uint8_t root[CF_HASH_N])
{
  struct cf_proof proof;
  enum cf_err err = cf_tree_consistency(&k->hashes, size, k->head.size, &proof);
  return err == CF_OK ? consistency_check(&proof, size, root, k->head.size, k->head.root) : err;
}

/* Its root, which was signed, or follows from what was. */
static enum cf_err root_get(const struct kept *k, uint64_t size, uint8_t root[CF_HASH_N])
{
  if (size == k->head.size) {
    memcpy(root, k->head.root, CF_HASH_N);
    return CF_OK;
  }
  enum cf_err err = cf_tree_root(&k->hashes, size, root);
  return err == CF_OK ? root_check(k, size, root) : err;
}

static enum cf_err ask_check(struct cf_ledger *ledger, const struct cf_proof_ask *ask,
                             uint64_t most, struct cf_fault *fault)
{
  struct cf_ledger_state state;
  cf_ledger_state(ledger, &state);
  if (ask->second > state.size)
    return cf_fail(fault, CF_E_PARAMETER, ask->second_name, "the ledger has %llu records",
                   (unsigned long long)state.size);
  return ask->first <= most ? CF_OK
                            : cf_fail(fault, CF_E_PARAMETER, ask->first_name,
                                      "%s must lie within %s", ask->first_name, ask->second_name);
}

enum cf_err cf_proof_inclusion(struct cf_ledger *ledger, const struct cf_proof_ask *ask,
                               struct cf_proof *proof, struct cf_fault *fault)
{
  struct kept k;
  struct cf_str path[CF_PROOF_MAX];
  uint8_t leaf[CF_HASH_N], root[CF_HASH_N];
  enum cf_err err = ask_check(ledger, ask, ask->second > 0 ? ask->second - 1 : 0, fault);
  if (err == CF_OK && ask->second == 0)
    err = cf_fail(fault, CF_E_PARAMETER, ask->second_name, "there is no record in an empty tree");
  if (err != CF_OK)
    return err;
  err = kept_open(&k, ledger, ask->second, fault);
  if (err == CF_OK)
    err = root_get(&k, ask->second, root);
  if (err == CF_OK)
    err = k.hashes.get(k.hashes.context, 0, ask->first, 1, leaf);
  if (err == CF_OK)
    err = cf_tree_inclusion(&k.hashes, ask->first, ask->second, proof);
  if (err == CF_OK) {
    path_of(proof, path);
    err =
        cf_inclusion_check(ask->first, ask->second, hash_str(leaf), path, proof->n, hash_str(root));
  }
  return kept_close(&k, err, fault);
}

/* That a tree extends the empty one needs no proof. */
enum cf_err cf_proof_consistency(struct cf_ledger *ledger, const struct cf_proof_ask *ask,
                                 struct cf_proof *proof, struct cf_fault *fault)
{
  struct kept k;
  uint8_t first[CF_HASH_N], second[CF_HASH_N];
  enum cf_err err = ask_check(ledger, ask, ask->second, fault);
  if (err != CF_OK)
    return err;
  err = kept_open(&k, ledger, ask->second, fault);
  if (err == CF_OK)
    err = cf_tree_consistency(&k.hashes, ask->first, ask->second, proof);
  if (err == CF_OK && proof->n > 0)
    err = root_get(&k, ask->second, second);
  if (err == CF_OK && proof->n > 0)
    err = cf_tree_root(&k.hashes, ask->first, first);
  if (err == CF_OK && proof->n > 0)
    err = consistency_check(proof, ask->first, first, ask->second, second);
  return kept_close(&k, err, fault);
}

/* ---- tiles ---- */

/* The hashes as the right edge of the tree that ends with them: where the
 * signed head extends that, each of them is right. */
static enum cf_err tile_check(const struct kept *k, const struct cf_tile *tile,
                              const uint8_t *hashes)
{
  unsigned level = CF_TILE_H * tile->level;
  struct cf_edge edge;
  uint8_t root[CF_HASH_N];
  enum cf_err err = cf_tree_edge(&k->hashes, (tile->n * CF_TILE_W) << level, &edge);
  if (err != CF_OK)
    return err;
  for (unsigned i = 0; i < tile->width; i++)
    cf_edge_append_subtree(&edge, level, hashes + (size_t)i * CF_HASH_N);
  cf_edge_root(&edge, root);
  return root_check(k, edge.size, root);
}

/* Is all of it in a tree of that size? */
static bool tile_within(const struct cf_tile *tile, uint64_t size)
{
  uint64_t entries = CF_TILE_H * tile->level < 64 ? size >> (CF_TILE_H * tile->level) : 0;
  return tile->n < entries / CF_TILE_W ||
         (tile->n == entries / CF_TILE_W && tile->width <= entries % CF_TILE_W);
}

enum cf_err cf_proof_tile(struct cf_ledger *ledger, const struct cf_tile *tile, struct cf_buf *b,
                          struct cf_fault *fault)
{
  struct kept k;
  uint8_t hashes[CF_TILE_W * CF_HASH_N];
  enum cf_err err = kept_open(&k, ledger, 0, fault);
  if (err == CF_OK && !tile_within(tile, k.head.size))
    err = cf_fail(fault, CF_E_NOTFOUND, NULL, "there is no such tile yet");
  if (err == CF_OK)
    err = k.hashes.get(k.hashes.context, tile->level, tile->n * CF_TILE_W, tile->width, hashes);
  if (err == CF_OK)
    err = tile_check(&k, tile, hashes);
  if (err == CF_OK) {
    cf_buf_put(b, hashes, (size_t)tile->width * CF_HASH_N);
    err = b->err;
  }
  return kept_close(&k, err, fault);
}
