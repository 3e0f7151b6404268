/* SPDX-License-Identifier: MIT */
/* All cryptography, behind one small face: SHA-256, HMAC, Ed25519, AES-256-CTR
 * keystream, random bytes, constant-time compare.
 *
 * Algorithms are fetched once per process and contexts reused per thread, so a
 * call costs its bytes only. Thread-safe. A primitive that fails where only a
 * broken library can make it fail ends the process (diag's cf_die). */
#ifndef CF_BASE_CRYPTO_H
#define CF_BASE_CRYPTO_H

#include "lib/base/buf.h"

#define CF_HASH_N    32
#define CF_SEED_N    32
#define CF_PUBKEY_N  32
#define CF_SIG_N     64
#define CF_SALTKEY_N 32

/* SHA-256 over the parts, in order (parts_n ≤ 16). */
void cf_sha256(const struct cf_str *parts, size_t parts_n, uint8_t out[CF_HASH_N]);
void cf_sha256_1(const void *p, size_t n, uint8_t out[CF_HASH_N]);

/* SHA-256 of n texts, side by side: what one waits for in the processor another
 * fills, and two take half as long again as one. Each is its head of at most
 * CF_SHA256_HEAD_MAX bytes and its body; `out` is no part of any. */
#define CF_SHA256_HEAD_MAX 128
struct cf_sha256_text {
  struct cf_str head, body;
  uint8_t *out; /* CF_HASH_N bytes */
};
void cf_sha256_each(const struct cf_sha256_text *texts, size_t n);

/* A running digest, for streams. */
struct cf_sha256;
CF_MUST enum cf_err cf_sha256_new(struct cf_sha256 **h); /* CF_E_NOMEM */
void cf_sha256_add(struct cf_sha256 *h, const void *p, size_t n);
void cf_sha256_end(struct cf_sha256 *h, uint8_t out[CF_HASH_N]); /* and starts anew */
void cf_sha256_free(struct cf_sha256 *h);

/* HMAC-SHA256 over the parts (parts_n ≤ 16). */
void cf_hmac(const void *key, size_t key_n, const struct cf_str *parts, size_t parts_n,
             uint8_t out[CF_HASH_N]);

/* n bytes from the system's generator; ends the process where there is none. */
void cf_random(void *out, size_t n);

/* Equal, in time that depends on n only. */
bool cf_equal(const void *a, const void *b, size_t n);

/* Overwrite n bytes in a way the compiler keeps. */
void cf_wipe(void *p, size_t n);

/* n bytes at offset (a multiple of 16) of the AES-256-CTR keystream under key
 * with a zero initial counter block, counted as a 128-bit big-endian integer
 * (architecture.md, Salts). */
void cf_keystream(const uint8_t key[CF_SALTKEY_N], uint64_t offset, uint8_t *out, size_t n);

/* Ed25519 (RFC 8032). */
/* CF_E_CRYPTO */
CF_MUST enum cf_err cf_ed25519_public(const uint8_t seed[CF_SEED_N], uint8_t pubkey[CF_PUBKEY_N]);
CF_MUST enum cf_err cf_ed25519_sign(const uint8_t seed[CF_SEED_N], const void *p, size_t n,
                                    uint8_t sig[CF_SIG_N]);
/* CF_E_SIGNATURE where it is not good, CF_E_CRYPTO where it could not be
 * checked (no memory). */
CF_MUST enum cf_err cf_ed25519_check(const uint8_t pubkey[CF_PUBKEY_N], const void *p, size_t n,
                                     const uint8_t sig[CF_SIG_N]);

#endif
