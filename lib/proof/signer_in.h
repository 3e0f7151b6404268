/* SPDX-License-Identifier: MIT */
/* Inside the signer: its ways, and its key as the file has it. */
#ifndef CF_PROOF_SIGNER_IN_H
#define CF_PROOF_SIGNER_IN_H

#include "lib/proof/keys.h"
#include "lib/proof/signer.h"

/* ---- ways ----
 *
 * Where the key and the memory of what was signed are. A way begins its own
 * struct with this one, and keeps in it what the door answers from memory:
 * `open` fills it, `sign` moves note, last and before on by cf_signer_remember.
 * The door (signer.c) has judged what is asked: a way is never asked to sign
 * what does not extend `last`, but keeps its own memory all the same. */
struct cf_signer {
  const struct cf_signer_way *way;
  struct cf_vkey vkey; /* the key that signs now */
  struct cf_vkey next; /* that is to follow; no name: none */
  uint8_t mac_key[CF_HASH_N];
  struct cf_buf note; /* the last one signed; empty: none */
  struct cf_checkpoint last;
  struct cf_checkpoint before; /* before the last one; size 0: not known */
  struct cf_vkey previous;     /* of the log that this one continues; no name: none */
  struct cf_buf remembered;    /* cf_signer_remembered; of ways that have no directory here */
  bool used;                   /* it has signed more than a first record */
  bool vouched;                /* each head of its ledger bears a MAC */
};

/* What a way does. Each gives the errors of its namesake in signer.h; whatever
 * is to be remembered is durable before it returns CF_OK, and where nobody
 * knows whether it is, the process that keeps it ends. The caller
 * serialises. */
struct cf_signer_way {
  /* A new key at the place; the origin is a good one. */
  enum cf_err (*create)(const char *place, struct cf_str origin, const uint8_t *seed,
                        struct cf_fault *fault);
  enum cf_err (*open)(const char *place, struct cf_str origin, struct cf_signer **signer,
                      struct cf_fault *fault);
  /* cf_signer_look; NULL: the place can be read. */
  enum cf_err (*look)(const char *place, struct cf_str origin, struct cf_signer **signer,
                      struct cf_fault *fault);
  /* cf_signer_ready; NULL: what is open is there. */
  enum cf_err (*ready)(struct cf_signer *signer, struct cf_fault *fault);
  void (*close)(struct cf_signer *signer); /* wipes and frees it */
  /* Its directory's descriptor, borrowed; -1: it has none here. */
  int (*directory)(const struct cf_signer *signer);
  /* Sign, whose tree has `hashes` (NULL: it was proved). What is `last` already
   * is not signed again. */
  enum cf_err (*sign)(struct cf_signer *signer, const struct cf_checkpoint *checkpoint,
                      const struct cf_hashes *hashes, struct cf_fault *fault);
  enum cf_err (*vouch)(struct cf_signer *signer, struct cf_fault *fault);
  enum cf_err (*set_previous)(struct cf_signer *signer, const struct cf_vkey *vkey,
                              struct cf_fault *fault);
  enum cf_err (*forget)(struct cf_signer *signer, struct cf_fault *fault);
  /* The log's keys, as far as it had them; and how one follows another
   * (cf_signer_next…); NULL: it cannot be changed there. */
  const struct cf_keys *(*keys)(const struct cf_signer *signer);
  enum cf_err (*next)(struct cf_signer *signer, struct cf_fault *fault);
  enum cf_err (*next_drop)(struct cf_signer *signer, struct cf_fault *fault);
  enum cf_err (*next_note)(const struct cf_signer *signer, uint64_t seq, struct cf_buf *b);
  enum cf_err (*turn)(struct cf_signer *signer, struct cf_str note, int64_t until_us,
                      struct cf_fault *fault);
  enum cf_err (*retire)(struct cf_signer *signer, struct cf_fault *fault);
};

/* In this process, in a directory (signer_directory.c). */
extern const struct cf_signer_way cf_signer_directory_way;
/* In another process, at a socket (signer_exec.c). */
extern const struct cf_signer_way cf_signer_exec_way;

/* Is it what was signed last? (signer_memory.c) */
bool cf_signer_is_last(const struct cf_signer *signer, const struct cf_checkpoint *checkpoint);
/* It was signed, as note, which is taken: its place is left empty. */
void cf_signer_remember(struct cf_signer *signer, const struct cf_checkpoint *checkpoint,
                        struct cf_buf *note);
/* Nothing was. */
void cf_signer_forgot(struct cf_signer *signer);

/* ---- the key's text (signer_key.c) ---- */

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
