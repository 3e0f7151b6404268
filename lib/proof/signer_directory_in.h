/* SPDX-License-Identifier: MIT */
/* The way of a directory from inside: what is open of it, and how its files are
 * written. */
#ifndef CF_PROOF_SIGNER_DIRECTORY_IN_H
#define CF_PROOF_SIGNER_DIRECTORY_IN_H

#include "lib/proof/signer_in.h"
#include "lib/proof/token_key.h"

struct cf_signer_directory {
  struct cf_signer signer;
  int fd; /* the directory; locked while it is open */
  uint8_t seed[CF_SEED_N];
  struct cf_token_key *token; /* NULL: the key is the seed */
  struct cf_keys keys;        /* the log's, as far as the signer had them */
  uint8_t next_seed[CF_SEED_N];
  struct cf_vkey old; /* the key before, which signs too; no name: none */
  uint8_t old_seed[CF_SEED_N];
  int64_t old_until_us;
};

#define CF_SIGNER_MAC "mac" /* the key of MACs, where it does not follow from the signing key */

#define CF_SIGNER_VKEY_MAX 512

/* ---- signer_files.c ---- */

/* What came of writing `name`; an fsync that failed ends the process. */
CF_MUST enum cf_err cf_signer_written(enum cf_err err, const char *name, struct cf_fault *fault);
void cf_signer_die_of_sync(const char *what);
CF_MUST enum cf_err cf_signer_vkey_write(int directory, const char *name,
                                         const struct cf_vkey *vkey, struct cf_fault *fault);
/* Read a key of its own from a file that only its owner may read.
 * CF_E_NOTFOUND; CF_E_CONFIG. */
CF_MUST enum cf_err cf_signer_key_get(int directory, const char *name, struct cf_vkey *vkey,
                                      uint8_t seed[CF_SEED_N], struct cf_fault *fault);

CF_MUST enum cf_err cf_signer_mac_load(struct cf_signer_directory *d, struct cf_fault *fault);

/* ---- signer_token.c: the key is in a token ---- */

CF_MUST enum cf_err cf_signer_token_load(struct cf_signer_directory *d, const char *place,
                                         struct cf_fault *fault);
CF_MUST enum cf_err cf_signer_token_take(int fd, const char *place, struct cf_str origin,
                                         struct cf_fault *fault);

/* ---- signer_turn.c: one key follows another ---- */

/* After the key was read: the keys before it, the one that is to follow, the
 * one that signs too; a turn that a crash cut short is completed. CF_E_CONFIG,
 * CF_E_NOMEM, CF_E_SYSTEM. */
CF_MUST enum cf_err cf_signer_keys_load(struct cf_signer_directory *d, struct cf_fault *fault);
/* Append the signature of the key before, as long as that signs too. */
CF_MUST enum cf_err cf_signer_cosign(struct cf_signer_directory *d, struct cf_str text,
                                     struct cf_buf *b);
/* The way's (signer_in.h). */
CF_MUST enum cf_err cf_signer_directory_next(struct cf_signer *signer, struct cf_fault *fault);
CF_MUST enum cf_err cf_signer_directory_next_drop(struct cf_signer *signer, struct cf_fault *fault);
CF_MUST enum cf_err cf_signer_directory_next_note(const struct cf_signer *signer, uint64_t seq,
                                                  struct cf_buf *b);
CF_MUST enum cf_err cf_signer_directory_turn(struct cf_signer *signer, struct cf_str note,
                                             int64_t until_us, struct cf_fault *fault);
CF_MUST enum cf_err cf_signer_directory_retire(struct cf_signer *signer, struct cf_fault *fault);

#endif
