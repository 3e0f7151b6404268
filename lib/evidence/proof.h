/* SPDX-License-Identifier: MIT */
/* Proofs and tiles of hashes, checked before they are handed out: what they say
 * of the tree must follow from the root that was signed last, which is not
 * derived from the hashes that are kept. What goes beyond it is signed first
 * where a proof asks for it; tiles end with it. */
#ifndef CF_EVIDENCE_PROOF_H
#define CF_EVIDENCE_PROOF_H

#include "lib/ledger/ledger.h"
#include "lib/proof/tree.h"

/* Hashes as they are kept, and what was signed of the tree. */
struct cf_signed_tree {
  struct cf_checkpoint head;
  struct cf_hashes hashes;
};

/* The two numbers that a proof is of, and the names of their parameters. */
struct cf_proof_ask {
  const char *first_name, *second_name;
  uint64_t first, second;
};

/* Of the record first in the tree of size second; of the tree of size first in
 * that of size second. CF_E_PARAMETER: no such place; CF_E_DAMAGED: hashes
 * cannot be read, or do not lead to what was signed; CF_E_NOTFOUND: of a copy,
 * less is signed; the errors of cf_ledger_seal. */
CF_MUST enum cf_err cf_proof_inclusion(struct cf_ledger *ledger, const struct cf_proof_ask *ask,
                                       struct cf_proof *proof, struct cf_fault *fault);
CF_MUST enum cf_err cf_proof_consistency(struct cf_ledger *ledger, const struct cf_proof_ask *ask,
                                         struct cf_proof *proof, struct cf_fault *fault);

/* Append the hashes of a tile. CF_E_NOTFOUND: it is not signed, all of it. The
 * errors above. */
CF_MUST enum cf_err cf_proof_tile(struct cf_ledger *ledger, const struct cf_tile *tile,
                                  struct cf_buf *b, struct cf_fault *fault);

/* The same within a signed tree that holds what is asked for. CF_E_PROOF where
 * the hashes do not lead to its root; the errors of reading them. */
CF_MUST enum cf_err cf_tree_prove_inclusion(const struct cf_signed_tree *tree, uint64_t seq,
                                            uint64_t size, struct cf_proof *proof);
CF_MUST enum cf_err cf_tree_prove_consistency(const struct cf_signed_tree *tree, uint64_t first,
                                              uint64_t second, struct cf_proof *proof);
CF_MUST enum cf_err cf_tree_prove_tile(const struct cf_signed_tree *tree,
                                       const struct cf_tile *tile, uint8_t *hashes);

#endif
