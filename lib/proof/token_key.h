/* SPDX-License-Identifier: MIT */
/* An Ed25519 key in a PKCS#11 token, which it never leaves. The module is asked
 * directly (C_Sign with CKM_EDDSA): Debian 12's OpenSSL engine (libp11 0.4.12)
 * knows no such keys, and it has no provider for PKCS#11. */
#ifndef CF_PROOF_TOKEN_KEY_H
#define CF_PROOF_TOKEN_KEY_H

#include "lib/base/crypto.h"
#include "lib/base/err.h"

struct cf_token_key;

/* Open the key that a place pkcs11: names (lib/base/signer_place.h), and see
 * that it signs. CF_E_CONFIG: what is missing or wrong, with what to do;
 * CF_E_NOMEM. The PIN is read from its file, and forgotten. */
CF_MUST enum cf_err cf_token_key_open(const char *place, struct cf_token_key **key,
                                      struct cf_fault *fault);
void cf_token_key_close(struct cf_token_key *key);
void cf_token_key_public(const struct cf_token_key *key, uint8_t pubkey[CF_PUBKEY_N]);
/* CF_E_CRYPTO, also where what came is no signature of its key. */
CF_MUST enum cf_err cf_token_key_sign(struct cf_token_key *key, const void *p, size_t n,
                                      uint8_t signature[CF_SIG_N]);

#endif
