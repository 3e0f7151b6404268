/* SPDX-License-Identifier: MIT */
/* What is disclosed of a record (format.md, Receipt, Evidence bundle): its
 * payloads and salts, as a JSON object; in a receipt with the leaf, in a bundle
 * with the seq and what is erased. It is held against the leaf by who verifies
 * it. */
#ifndef CF_PROOF_DISCLOSED_H
#define CF_PROOF_DISCLOSED_H

#include "lib/record/json.h"
#include "lib/record/record.h"

/* Bytes of its text: escapes make at most six of each of a record's. */
#define CF_DISCLOSED_MAX ((size_t)512 << 10)

struct cf_disclosed {
  struct cf_json *doc;           /* the slices point into it */
  struct cf_str leaf;            /* in a receipt */
  uint64_t seq;                  /* in a bundle */
  struct cf_str payload[CF_C_N]; /* p = NULL: not there */
  uint8_t salt[CF_C_N][CF_HASH_N];
  uint8_t erased; /* mask */
};
void cf_disclosed_fini(struct cf_disclosed *d); /* a zeroed one holds nothing */

/* Read the `extra` of a receipt; a line of records.ndjson. Exactly the members
 * that format.md names, each payload with its salt. CF_E_SYNTAX with what is
 * wrong in fault, CF_E_NOMEM; *out is written whatever happens. */
CF_MUST enum cf_err cf_disclosed_receipt(struct cf_str text, struct cf_disclosed *out,
                                         struct cf_fault *fault);
CF_MUST enum cf_err cf_disclosed_line(struct cf_str text, struct cf_disclosed *out,
                                      struct cf_fault *fault);

#endif
