/* SPDX-License-Identifier: MIT */
/* Inside the verifier: a run that does not walk by itself (verify_apart.c,
 * verify_parcel.c). */
#ifndef CF_PROOF_VERIFY_APART_IN_H
#define CF_PROOF_VERIFY_APART_IN_H

#include "lib/proof/verify_apart.h"
#include "lib/proof/verify_in.h"

/* One for the job, NULL without memory; and its end: its result is complete,
 * and given where err is CF_OK. Gives err. */
struct cf_verify_run *cf_run_apart(const struct cf_verify_job *job, struct cf_fault *fault);
CF_MUST enum cf_err cf_run_apart_end(struct cf_verify_run *run, enum cf_err err,
                                     struct cf_verify_result *result);

/* Judge a note as the run's head. false: there is nothing to go on with. */
bool cf_run_head(struct cf_verify_run *run, struct cf_str note);
/* Judge whether the witnesses that the job names stand for the head; the tiles'
 * walk has no other part in it. CF_E_NOMEM. */
CF_MUST enum cf_err cf_run_cosigned(struct cf_verify_run *run, struct cf_str note);
/* Judge the head against what the job kept: by the extension or, where the
 * sizes are others and it is not of them, by hashes. Either may be NULL.
 * CF_E_PARAMETER: neither leads there. */
CF_MUST enum cf_err cf_run_kept(struct cf_verify_run *run, const struct cf_extension *extension,
                                const struct cf_hashes *hashes);

#endif
