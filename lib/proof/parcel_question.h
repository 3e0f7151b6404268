/* SPDX-License-Identifier: MIT */
/* What a bundle says it was asked, and what it proves (format.md, Evidence
 * bundle, query.json); and the asking again, as far as leaves tell. */
#ifndef CF_PROOF_PARCEL_QUESTION_H
#define CF_PROOF_PARCEL_QUESTION_H

#include "lib/proof/tree.h"
#include "lib/record/json.h"
#include "lib/record/source.h"
#include "lib/record/values.h"

#define CF_QUERY_PATH   "query.json"
#define CF_QUESTION_MAX ((size_t)2 << 20) /* bytes of query.json */

struct cf_question {
  struct cf_json *doc; /* conditions are read in it */
  char origin[CF_ORIGIN_MAX + 1];
  uint64_t size, count, seq_from, seq_to;
  uint8_t root[CF_HASH_N];
  uint32_t kinds;         /* mask of 1 << enum cf_kind */
  int64_t from_us, to_us; /* from ≤ effective time < to */
  int64_t recorded_from_us, recorded_to_us;
  bool is_public; /* leaves tell of each condition */
  bool complete;  /* it says that none is missing */
};
void cf_question_fini(struct cf_question *question); /* a zeroed one holds nothing */
/* Exactly the members that format.md names. CF_E_SYNTAX with what is wrong in
 * fault, CF_E_NOMEM; *out is written whatever happens. */
CF_MUST enum cf_err cf_question_parse(struct cf_str text, struct cf_question *out,
                                      struct cf_fault *fault);
/* Is the record of this leaf asked for, as far as its leaf tells? CF_E_SYNTAX,
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_question_chooses(const struct cf_question *question,
                                        const struct cf_leaf *leaf, struct cf_values *scratch,
                                        bool *chosen);

#endif
