/* SPDX-License-Identifier: MIT */
/* What can be verified without a ledger to walk over: a checkpoint, a pair of
 * them, a receipt. Verdicts and results are those of verify.h. */
#ifndef CF_PROOF_VERIFY_APART_H
#define CF_PROOF_VERIFY_APART_H

#include "lib/proof/verify.h"

/* A consistency proof, as GET /v1/proofs/consistency gives it. */
struct cf_extension {
  uint64_t first, second;
  struct cf_proof proof;
};
/* CF_E_SYNTAX with what is wrong in fault, CF_E_NOMEM. */
CF_MUST enum cf_err cf_extension_parse(struct cf_str text, struct cf_extension *extension,
                                       struct cf_fault *fault);

/* Both look at the job's keys, at what it kept, and at nothing else of it: kept
 * and of another size than the head, it needs an extension that leads from one
 * to the other (NULL: there is none), else it is CF_E_PARAMETER.
 * CF_OK with a result, whatever the verdict. */

/* The job's head alone: who signed it, and that it extends what was kept. */
CF_MUST enum cf_err cf_verify_head(const struct cf_verify_job *job,
                                   const struct cf_extension *extension,
                                   struct cf_verify_result *result, struct cf_fault *fault);
/* A receipt (format.md): its checkpoint, its record's leaf and what is opened
 * of it, and that the path leads from the one to the other. The job's head is
 * not looked at. CF_E_SYNTAX where it is no receipt. */
CF_MUST enum cf_err cf_verify_receipt(struct cf_str text, const struct cf_verify_job *job,
                                      const struct cf_extension *extension,
                                      struct cf_verify_result *result, struct cf_fault *fault);

#endif
