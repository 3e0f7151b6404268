/* SPDX-License-Identifier: MIT */
/* Proofs and tiles of hashes, checked. */
#include "config.h"

#include "lib/evidence/proof.h"

#include <string.h>

#include "lib/evidence/receipt.h"
#include "lib/ledger/view.h"

/* ---- within a signed tree ---- */

/* Does the signed head extend the tree of that size and root? Then they are
 * what was signed, whatever is kept. CF_E_PROOF. */
static enum cf_err root_check(const struct cf_signed_tree *k, uint64_t size,
                              const uint8_t root[CF_HASH_N])
{
  return cf_tree_extends(&k->hashes, size, root, k->head.size, k->head.root);
}

/* Its root, which was signed, or follows from what was. */
static enum cf_err root_get(const struct cf_signed_tree *k, uint64_t size, uint8_t root[CF_HASH_N])
{
  if (size == k->head.size) {
    memcpy(root, k->head.root, CF_HASH_N);
    return CF_OK;
  }
  enum cf_err err = cf_tree_root(&k->hashes, size, root);
  return err == CF_OK ? root_check(k, size, root) : err;
}

enum cf_err cf_tree_prove_inclusion(const struct cf_signed_tree *k, uint64_t seq, uint64_t size,
                                    struct cf_proof *proof)
{
  uint8_t leaf[CF_HASH_N], root[CF_HASH_N];
  enum cf_err err = root_get(k, size, root);
  if (err == CF_OK)
    err = k->hashes.get(k->hashes.context, 0, seq, 1, leaf);
  if (err == CF_OK)
    err = cf_tree_inclusion(&k->hashes, seq, size, proof);
  return err == CF_OK ? cf_proof_includes(proof, seq, size, leaf, root) : err;
}

/* That a tree extends itself or the empty one needs no proof. */
enum cf_err cf_tree_prove_consistency(const struct cf_signed_tree *k, uint64_t first,
                                      uint64_t second, struct cf_proof *proof)
{
  uint8_t old[CF_HASH_N], new[CF_HASH_N];
  enum cf_err err = cf_tree_consistency(&k->hashes, first, second, proof);
  if (err != CF_OK || proof->n == 0)
    return err;
  err = root_get(k, second, new);
  if (err == CF_OK)
    err = cf_tree_root(&k->hashes, first, old);
  return err == CF_OK ? cf_proof_extends(proof, first, old, second, new) : err;
}

/* The hashes as the right edge of the tree that ends with them: where the
 * signed head extends that, each of them is right. */
enum cf_err cf_tree_prove_tile(const struct cf_signed_tree *k, const struct cf_tile *tile,
                               uint8_t *hashes)
{
  unsigned level = CF_TILE_H * tile->level;
  uint64_t first = tile->n * CF_TILE_W;
  struct cf_edge edge;
  uint8_t root[CF_HASH_N];
  enum cf_err err = k->hashes.get(k->hashes.context, tile->level, first, tile->width, hashes);
  if (err == CF_OK)
    err = cf_tree_edge(&k->hashes, first << level, &edge);
  if (err != CF_OK)
    return err;
  for (unsigned i = 0; i < tile->width; i++)
    cf_edge_append_subtree(&edge, level, hashes + (size_t)i * CF_HASH_N);
  cf_edge_root(&edge, root);
  return root_check(k, edge.size, root);
}

/* ---- of a ledger ---- */

struct kept {
  struct cf_signed_tree tree;
  struct cf_view *view;
};

/* The head is known before the view is taken, which then holds all of it. */
static enum cf_err kept_open(struct kept *k, struct cf_ledger *ledger, uint64_t size,
                             struct cf_fault *fault)
{
  struct cf_buf note;
  *k = (struct kept){.view = NULL};
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_checkpoint_covering(ledger, size, &note, &k->tree.head, fault);
  cf_buf_fini(&note);
  if (err == CF_OK)
    err = cf_view_get(ledger, &k->view);
  if (err == CF_OK)
    cf_view_hashes(k->view, &k->tree.hashes);
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

static enum cf_err ask_check(struct cf_ledger *ledger, const struct cf_proof_ask *ask, bool within,
                             struct cf_fault *fault)
{
  struct cf_ledger_state state;
  cf_ledger_state(ledger, &state);
  if (ask->second > state.size)
    return cf_fail(fault, CF_E_PARAMETER, ask->second_name, "the ledger has %llu records",
                   (unsigned long long)state.size);
  return ask->first < ask->second || (!within && ask->first == ask->second)
             ? CF_OK
             : cf_fail(fault, CF_E_PARAMETER, ask->first_name, "%s must lie within %s",
                       ask->first_name, ask->second_name);
}

enum cf_err cf_proof_inclusion(struct cf_ledger *ledger, const struct cf_proof_ask *ask,
                               struct cf_proof *proof, struct cf_fault *fault)
{
  struct kept k;
  enum cf_err err = ask_check(ledger, ask, true, fault);
  if (err != CF_OK)
    return err;
  err = kept_open(&k, ledger, ask->second, fault);
  if (err == CF_OK)
    err = cf_tree_prove_inclusion(&k.tree, ask->first, ask->second, proof);
  return kept_close(&k, err, fault);
}

enum cf_err cf_proof_consistency(struct cf_ledger *ledger, const struct cf_proof_ask *ask,
                                 struct cf_proof *proof, struct cf_fault *fault)
{
  struct kept k;
  enum cf_err err = ask_check(ledger, ask, false, fault);
  if (err != CF_OK)
    return err;
  err = kept_open(&k, ledger, ask->second, fault);
  if (err == CF_OK)
    err = cf_tree_prove_consistency(&k.tree, ask->first, ask->second, proof);
  return kept_close(&k, err, fault);
}

enum cf_err cf_proof_tile(struct cf_ledger *ledger, const struct cf_tile *tile, struct cf_buf *b,
                          struct cf_fault *fault)
{
  struct kept k;
  uint8_t hashes[CF_TILE_W * CF_HASH_N];
  enum cf_err err = kept_open(&k, ledger, 0, fault);
  if (err == CF_OK && !cf_tile_within(tile, k.tree.head.size))
    err = cf_fail(fault, CF_E_NOTFOUND, NULL, "there is no such tile yet");
  if (err == CF_OK)
    err = cf_tree_prove_tile(&k.tree, tile, hashes);
  if (err == CF_OK) {
    cf_buf_put(b, hashes, (size_t)tile->width * CF_HASH_N);
    err = b->err;
  }
  return kept_close(&k, err, fault);
}
