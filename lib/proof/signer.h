/* SPDX-License-Identifier: MIT */
/* The signer: holds the ledger's key, remembers what it signed last, and never
 * signs anything that does not extend it (architecture.md, Seal).
 *
 * Its directory holds `key` (0600, "PRIVATE+KEY+name+hex(keyid)+base64(0x01 ||
 * seed)", one line), `vkey` and `state` (the last signed note, verbatim).
 * A ledger that continues a lost one has that one's key in `previous.vkey`.
 * `before` is the note that was signed before `state`.
 * Where the key was changed: signer_turn.c.
 * `state` is replaced by write, fsync, rename, fsync of the directory before a
 * signature is given out. An fsync that fails ends the process. While it is
 * open the directory is locked (flock): two signers that each remember their
 * own last size could sign two histories.
 *
 * `place` is as `signer` of the configuration (lib/base/signer_place.h): that
 * directory, or the socket of another process that has it (signer_wire.h).
 * What is not here can be lost: then CF_E_NOTREADY, with what to do. */
#ifndef CF_PROOF_SIGNER_H
#define CF_PROOF_SIGNER_H

#include "lib/proof/keys.h"
#include "lib/proof/note.h"

struct cf_signer;

/* Make the directory (0700) and a new key from seed (NULL: random), no state
 * yet. CF_E_CONFLICT where a key is there already, CF_E_LOCKED, CF_E_SPACE,
 * CF_E_SYSTEM. */
CF_MUST enum cf_err cf_signer_create(const char *place, struct cf_str origin, const uint8_t *seed,
                                     struct cf_fault *fault);
/* Open it, with an origin of "" whosever it is. Refuses (CF_E_CONFIG) a key
 * readable by group or others, a key of another origin, a state that its own
 * key did not sign. CF_E_LOCKED where it is open already, here or in another
 * process. CF_E_SPACE, CF_E_SYSTEM. */
CF_MUST enum cf_err cf_signer_open(const char *place, struct cf_str origin,
                                   struct cf_signer **signer, struct cf_fault *fault);
/* What another process tells of it to anybody, without being held: it knows
 * all that cf_signer_open's does, but can make neither MACs nor signatures.
 * CF_E_PARAMETER where the place is a directory: that can be read. */
CF_MUST enum cf_err cf_signer_look(const char *place, struct cf_str origin,
                                   struct cf_signer **signer, struct cf_fault *fault);
void cf_signer_close(struct cf_signer *signer);
/* Is it there, after it was lost perhaps? What was signed last may be newer
 * then than it was: so ask before cf_signer_last. CF_E_NOTREADY, after waiting
 * for a second at most; CF_E_CONFIG, CF_E_LOCKED: what is there now is
 * another's; CF_E_ROLLBACK: it has forgotten what it signed last. */
CF_MUST enum cf_err cf_signer_ready(struct cf_signer *signer, struct cf_fault *fault);

const struct cf_vkey *cf_signer_vkey(const struct cf_signer *signer);
/* Its directory's descriptor, to reach anchors in it. Borrowed. -1 where it is
 * not here. */
int cf_signer_directory(const struct cf_signer *signer);
/* The largest checkpoint that a directory which is not here remembered when it
 * was opened, as a note; empty where none, or where the directory is here. */
struct cf_str cf_signer_remembered(const struct cf_signer *signer);
/* What was signed last; false and an untouched *last where nothing was yet. */
bool cf_signer_last(const struct cf_signer *signer, struct cf_checkpoint *last);
/* The last note, verbatim (empty where none); valid until the next
 * cf_signer_sign. Not thread-safe against it: the caller serialises. */
struct cf_str cf_signer_note(const struct cf_signer *signer);

/* What was signed before the last; false where nobody knows: it has signed one
 * only, or was never at work since it remembers that. */
bool cf_signer_before(const struct cf_signer *signer, struct cf_checkpoint *before);
/* Does each head of its ledger bear a MAC of this key (lib/ledger/signed.c)?
 * From the first one on there is a mark of that, `vouched`; and make it,
 * durably. CF_E_SPACE, CF_E_SYSTEM. */
bool cf_signer_vouches(const struct cf_signer *signer);
CF_MUST enum cf_err cf_signer_vouch(struct cf_signer *signer, struct cf_fault *fault);
/* A MAC over the parts (≤ 16) that whoever has not the key cannot make. */
void cf_signer_mac(const struct cf_signer *signer, const struct cf_str *parts, size_t parts_n,
                   uint8_t mac[CF_HASH_N]);

/* The key of the log that this one continues, or NULL; and keep it. CF_E_SPACE,
 * CF_E_SYSTEM. */
const struct cf_vkey *cf_signer_previous(const struct cf_signer *signer);
CF_MUST enum cf_err cf_signer_set_previous(struct cf_signer *signer, const struct cf_vkey *vkey,
                                           struct cf_fault *fault);
/* Has the key in this directory, an open descriptor of it, signed more than a
 * first record? Known of keys that did so since there is a mark of it. */
bool cf_signer_used(int directory);
bool cf_signer_has_signed(const struct cf_signer *signer);
/* Forget what was signed, for an init that was cut short and begins again.
 * CF_E_CONFLICT where that was more than a first record; CF_E_SYSTEM. */
CF_MUST enum cf_err cf_signer_forget(struct cf_signer *signer, struct cf_fault *fault);

/* ---- another key ----
 *
 * Its signer makes it durable (next), signs with both that it follows
 * (next_note), and, once the record that holds that note is durable, takes the
 * note for the turn: what it signs from then on the new key signs, and the old
 * one too until that time. A signer that dies before the turn still has the
 * next one when it is opened: the ledger's records say which it is to be. All
 * but next_note as cf_signer_sign: the caller serialises. CF_E_CONFIG where the
 * key is not here to be changed. */
CF_MUST enum cf_err cf_signer_next(struct cf_signer *signer, struct cf_fault *fault);
const struct cf_vkey *cf_signer_next_vkey(const struct cf_signer *signer); /* NULL: none */
/* No record says that it follows: it is none. */
CF_MUST enum cf_err cf_signer_next_drop(struct cf_signer *signer, struct cf_fault *fault);
/* Append the note of a record of that seq. No call but cf_signer_sign may be
 * made meanwhile. */
CF_MUST enum cf_err cf_signer_next_note(const struct cf_signer *signer, uint64_t seq,
                                        struct cf_buf *b);
/* until_us: in the past, the old key signs no more. May be called again where
 * it failed. CF_E_SPACE, CF_E_SYSTEM; CF_E_SYNTAX, CF_E_SIGNATURE: not that
 * note. */
CF_MUST enum cf_err cf_signer_turn(struct cf_signer *signer, struct cf_str note, int64_t until_us,
                                   struct cf_fault *fault);
/* The old key signs no more. */
CF_MUST enum cf_err cf_signer_retire(struct cf_signer *signer, struct cf_fault *fault);

/* ---- signing ---- */

/* Sign (size, root), after checking with hashes that the tree of that size
 * extends what was signed last; the same size and root give the last note
 * again. Appends the note to b. CF_E_ROLLBACK where it does not extend it,
 * CF_E_PROOF where root is not the tree's, CF_E_SPACE or CF_E_SYSTEM where the
 * state could not be written (nothing is given out), the source's error. */
CF_MUST enum cf_err cf_signer_sign(struct cf_signer *signer, uint64_t size,
                                   const uint8_t root[CF_HASH_N], const struct cf_hashes *hashes,
                                   struct cf_buf *b, struct cf_fault *fault);

/* The same, asked by somebody who has not the tree and is not believed: proof_n
 * slices that prove it consistent with what was signed last; none where nothing
 * was. CF_E_PARAMETER for size 0, CF_E_ROLLBACK for a smaller one, or where
 * what was signed last is missing; CF_E_PROOF. */
CF_MUST enum cf_err cf_signer_sign_proved(struct cf_signer *signer, uint64_t size,
                                          struct cf_str root, const struct cf_str *proof,
                                          size_t proof_n, struct cf_buf *b, struct cf_fault *fault);

/* Add the log's keys to none, as the notes in a signer's directory have them.
 * CF_E_NOTFOUND: its key was never changed; CF_E_CONFIG, CF_E_NOMEM. */
CF_MUST enum cf_err cf_signer_keys_read(int directory, struct cf_keys *keys,
                                        struct cf_fault *fault);

#endif
