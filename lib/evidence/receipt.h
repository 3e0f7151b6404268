/* SPDX-License-Identifier: MIT */
/* A record's place under a signed root, and the receipt that says so
 * (format.md, Receipt). */
#ifndef CF_EVIDENCE_RECEIPT_H
#define CF_EVIDENCE_RECEIPT_H

#include "lib/ledger/ledger.h"
#include "lib/proof/tree.h"

/* A signed checkpoint that covers seq, the newest that meets the quorum of
 * witnesses where that does, and the path from seq's leaf to its root. Seals
 * where need be. */
struct cf_inclusion {
  struct cf_buf note;
  struct cf_checkpoint checkpoint;
  struct cf_proof proof;
};
void cf_inclusion_init(struct cf_inclusion *in);
void cf_inclusion_fini(struct cf_inclusion *in);
/* hash: of seq's leaf, as it follows from the record. CF_E_NOTFOUND: there is
 * no such record; CF_E_DAMAGED also where that does not lead to the signed
 * root; the errors of cf_ledger_seal and of reading. */
CF_MUST enum cf_err cf_inclusion_get(struct cf_inclusion *in, struct cf_ledger *ledger,
                                     uint64_t seq, const uint8_t hash[CF_HASH_N],
                                     struct cf_fault *fault);
/* Append the hashes of a proof as a JSON list of base64. */
void cf_proof_put(const struct cf_proof *proof, struct cf_buf *b);

/* Append the receipt of a record (C2SP tlog-proof). CF_E_NOTFOUND, the errors
 * above. */
CF_MUST enum cf_err cf_receipt_get(struct cf_ledger *ledger, uint64_t seq, struct cf_buf *b,
                                   struct cf_fault *fault);

/* The newest signed checkpoint: its note appended to note, and what it says.
 * The errors of cf_ledger_checkpoint; CF_E_NOTREADY where nothing was signed
 * yet. */
CF_MUST enum cf_err cf_checkpoint_get(struct cf_ledger *ledger, struct cf_buf *note,
                                      struct cf_checkpoint *checkpoint);
/* The same, of at least that size: one is signed now, where none is yet. The
 * errors of cf_ledger_seal. */
CF_MUST enum cf_err cf_checkpoint_covering(struct cf_ledger *ledger, uint64_t size,
                                           struct cf_buf *note, struct cf_checkpoint *checkpoint,
                                           struct cf_fault *fault);

#endif
