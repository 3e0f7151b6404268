/* SPDX-License-Identifier: MIT */
/* What was taken away of a ledger, verified: the tiles of its URLs, and
 * evidence bundles (format.md). */
#ifndef CF_PROOF_VERIFY_PARCEL_H
#define CF_PROOF_VERIFY_PARCEL_H

#include "lib/proof/parcel.h"
#include "lib/proof/verify_apart.h"

/* Is it a bundle, or tiles and a checkpoint alone? */
bool cf_parcel_is_bundle(const struct cf_parcel *parcel);

/* Take the parcel's key notes in order: `<seq>` behind that head, which is
 * CF_KEYS_HEAD in a bundle, and may be nothing. CF_E_SYNTAX with which one does
 * not fit, CF_E_NOMEM, the errors of reading. */
#define CF_KEYS_HEAD CF_STR("keys/")
CF_MUST enum cf_err cf_parcel_keys(const struct cf_parcel *parcel, struct cf_str head,
                                   struct cf_keys *keys, struct cf_fault *fault);

/* Tiles, the job's head being their `checkpoint`: FULL. What is missing is a
 * fault. As cf_verify. */
CF_MUST enum cf_err cf_verify_tiles(const struct cf_parcel *parcel, const struct cf_verify_job *job,
                                    struct cf_verify_result *result, struct cf_fault *fault);

/* A bundle: every file by the manifest; the checkpoints by their keys, and each
 * along the way by the tree; each tile of leaves up to the root, and each
 * record that is disclosed by its leaf; and that what was asked is what is
 * there, as far as the bundle says that it proves it. Of the job the head, the
 * key, what was kept and the workers count; *mode is FULL where all leaves are
 * there, else RANGE. CF_E_PARAMETER: whether it extends what was kept neither
 * its tiles nor the extension (may be NULL) tell. As cf_verify. */
CF_MUST enum cf_err cf_verify_bundle(const struct cf_parcel *parcel,
                                     const struct cf_verify_job *job,
                                     const struct cf_extension *extension,
                                     enum cf_verify_mode *mode, struct cf_verify_result *result,
                                     struct cf_fault *fault);

#endif
