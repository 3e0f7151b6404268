/* SPDX-License-Identifier: MIT */
/* One record with all that opens it: leaf, payloads, salts (format.md,
 * Receipt). */
#ifndef CF_EVIDENCE_OPENING_H
#define CF_EVIDENCE_OPENING_H

#include "lib/ledger/view.h"

/* A block and one record in it. */
struct cf_opening {
  struct cf_block block;
  const struct cf_record *record; /* in the block */
  uint8_t salts[CF_C_N][CF_HASH_N];
  struct cf_buf leaf;      /* after cf_opening_leaf: the record's leaf, as it was hashed */
  uint8_t hash[CF_HASH_N]; /* its hash as it follows from the leaf */
};
void cf_opening_init(struct cf_opening *o);
void cf_opening_fini(struct cf_opening *o);
/* The record of that seq and its salts; always with the same view.
 * CF_E_NOTFOUND beyond the view's size, CF_E_DAMAGED with the seqs that cannot
 * be read in words, CF_E_NOMEM. */
CF_MUST enum cf_err cf_opening_get(struct cf_opening *o, struct cf_view *view, uint64_t seq,
                                   struct cf_fault *fault);
/* Its leaf and the hash of it; the hash before it is read for that. The same
 * errors; CF_E_DAMAGED also where the hash that is kept for it is another: a
 * leaf that would not hold is not given. */
CF_MUST enum cf_err cf_opening_leaf(struct cf_opening *o, struct cf_view *view,
                                    struct cf_fault *fault);

/* After cf_opening_leaf: append `"leaf":…,"payloads":{…},"salts":{…}`, without
 * braces. */
void cf_opening_put(const struct cf_opening *o, struct cf_buf *b);
/* The same without the leaf, which need not have been made. */
void cf_opening_put_payloads(const struct cf_opening *o, struct cf_buf *b);

#endif
