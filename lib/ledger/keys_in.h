/* SPDX-License-Identifier: MIT */
/* The log's keys as its readers have them, and a change of them. */
#ifndef CF_LEDGER_KEYS_IN_H
#define CF_LEDGER_KEYS_IN_H

#include "lib/proof/keys.h"

struct cf_ledger;

/* ---- keys.c ---- */

struct cf_keyring {
  struct cf_keys keys;
  struct cf_keyring *before;
};
/* Have those that the records lead to, from record 0 on; vkey: the
 * signer's, which must be the last. CF_E_CONFIG: it is not; CF_E_ROLLBACK: its
 * notes lead there, and the data has no record of that. Where records that
 * name keys cannot be read, that is told of in the log, and it is the only
 * one. With NULL whatever is the last will do. CF_E_DAMAGED, CF_E_SYNTAX. */
CF_MUST enum cf_err cf_keyring_open(struct cf_ledger *l, const struct cf_vkey *vkey,
                                    struct cf_fault *fault);
void cf_keyring_free(struct cf_ledger *l);
/* One made of those and a note that leads on from them, and have it: readers
 * keep what they have. The errors of cf_keys_add. */
CF_MUST enum cf_err cf_keyring_make(const struct cf_keys *keys, struct cf_str note,
                                    struct cf_keyring **ring, struct cf_fault *fault);
void cf_keyring_drop(struct cf_keyring *ring); /* one that nobody has; NULL is harmless */
void cf_keyring_take(struct cf_ledger *l, struct cf_keyring *ring);

/* ---- key_turn.c ---- */

/* A `key` record is committed, and the signer has not turned to its key yet. */
struct cf_key_turn {
  uint64_t seq; /* of the record */
  int64_t until_us;
  char note[]; /* ended by NUL */
};
CF_MUST enum cf_err cf_key_turn_make(uint64_t seq, struct cf_str note, int64_t until_us,
                                     struct cf_key_turn **turn);
/* Have it due, which is taken, or none any more; which one is, or NULL. */
void cf_key_turn_set(struct cf_ledger *l, struct cf_key_turn *turn);
const struct cf_key_turn *cf_key_turn_due(struct cf_ledger *l);
/* Under seal, before a head of that size is signed: have the signer turn, where
 * its key does not sign that size any more. The errors of cf_signer_turn. */
CF_MUST enum cf_err cf_key_turn_settle(struct cf_ledger *l, uint64_t size, struct cf_fault *fault);
/* At the start, when the data is known to be the newest: the same where a crash
 * came between, or forget a key that no record names. */
CF_MUST enum cf_err cf_key_turn_mend(struct cf_ledger *l, struct cf_fault *fault);

#endif
