/* SPDX-License-Identifier: MIT */
/* The verifier over a ledger of one's own. */
#ifndef CF_EVIDENCE_VERIFY_LEDGER_H
#define CF_EVIDENCE_VERIFY_LEDGER_H

#include "lib/ledger/ledger.h"
#include "lib/proof/verify.h"

/* Judge the ledger against its newest checkpoint, with the mode, range, kept
 * checkpoint, budget and progress of the job; the rest of the job is filled in.
 * The errors of cf_verify. */
CF_MUST enum cf_err cf_verify_ledger(struct cf_ledger *ledger, struct cf_verify_job *job,
                                     struct cf_verify_result *result, struct cf_fault *fault);

#endif
