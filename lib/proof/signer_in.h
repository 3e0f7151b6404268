/* SPDX-License-Identifier: MIT */
/* Inside the signer: its key as the file has it. */
#ifndef CF_PROOF_SIGNER_IN_H
#define CF_PROOF_SIGNER_IN_H

#include "lib/proof/note.h"

/* A buffer for the text, with all its room at once, since one that grows leaves
 * copies behind; and its end, which wipes it. */
void cf_secret_init(struct cf_buf *b);
void cf_secret_fini(struct cf_buf *b);

/* Append the key file's text. */
void cf_signer_key_put(const struct cf_vkey *vkey, const uint8_t seed[CF_SEED_N], struct cf_buf *b);
/* Read it: the seed, and the public key that follows from it. CF_E_SYNTAX where
 * it is not what cf_signer_key_put writes; CF_E_CRYPTO. */
CF_MUST enum cf_err cf_signer_key_parse(struct cf_str text, struct cf_vkey *vkey,
                                        uint8_t seed[CF_SEED_N]);

#endif
