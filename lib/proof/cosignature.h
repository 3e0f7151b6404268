/* SPDX-License-Identifier: MIT */
/* Cosignatures: what witnesses sign of a log's checkpoint, and when they saw it
 * (C2SP tlog-cosignature; format.md, Signed note). A line of a note as any
 * other: of Ed25519 `u64 time || sig`, of ML-DSA-44 a longer one, which is
 * carried and never counted: no library here can check it. */
#ifndef CF_PROOF_COSIGNATURE_H
#define CF_PROOF_COSIGNATURE_H

#include "lib/proof/note.h"

/* A witness's vkey, name+hex(keyid)+base64(0x04 || pubkey). Strict, and the id
 * must be the right one. CF_E_SYNTAX, also for keys of other types. */
CF_MUST enum cf_err cf_cosigner_parse(struct cf_str text, struct cf_vkey *witness);
/* The key of that name as a witness's; computes the id. */
void cf_cosigner_make(struct cf_str name, const uint8_t pubkey[CF_PUBKEY_N],
                      struct cf_vkey *witness);

/* Did the witness sign the note's text? *time: when it says so, of several the
 * newest, in seconds since 1970. Lines of other keys are ignored, each of its
 * own must be good. CF_E_NOTFOUND: there is none; CF_E_SIGNATURE,
 * CF_E_SYNTAX. */
CF_MUST enum cf_err cf_cosignature_check(struct cf_str note, const struct cf_vkey *witness,
                                         uint64_t *time);

/* How many of n witnesses signed the note, each public key counted once,
 * whatever names it has. A bad line counts nothing. */
size_t cf_cosignatures_count(struct cf_str note, const struct cf_vkey *witnesses, size_t n);

/* Append to b the note with the line that the witness added: from `answer`, the
 * lines that it gave, whose others are ignored; one that it had in the note
 * goes. CF_E_NOTFOUND: there is none of its; CF_E_SIGNATURE: it does not sign
 * this note; CF_E_SYNTAX; CF_E_FULL: the note has CF_NOTE_SIGS_MAX already; b's
 * error. */
CF_MUST enum cf_err cf_cosignature_take(struct cf_str note, struct cf_str answer,
                                        const struct cf_vkey *witness, struct cf_buf *b);

/* Append the lines of a note that are cosignatures, whoever made them, as they
 * stand. CF_E_SYNTAX, b's error. */
CF_MUST enum cf_err cf_cosignatures_put(struct cf_str note, struct cf_buf *b);

#endif
