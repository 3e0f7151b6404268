/* SPDX-License-Identifier: MIT */
/* Signed notes, verifier keys, checkpoints, receipts (C2SP signed-note,
 * tlog-checkpoint, tlog-proof; format.md). */
#ifndef CF_PROOF_NOTE_H
#define CF_PROOF_NOTE_H

#include "lib/proof/tree.h"
#include "lib/record/source.h"

#define CF_NOTE_MAX      131072 /* bytes, with signatures of long keys */
#define CF_NOTE_SIGS_MAX 16

/* A public key with its name. */
struct cf_vkey {
  char name[CF_ORIGIN_MAX + 1];
  uint8_t id[4];
  uint8_t pubkey[CF_PUBKEY_N];
};
/* The key of that name; computes the id. */
void cf_vkey_make(struct cf_str name, const uint8_t pubkey[CF_PUBKEY_N], struct cf_vkey *vkey);
bool cf_vkey_same(const struct cf_vkey *a, const struct cf_vkey *b);
/* name+hex(keyid)+base64(0x01 || pubkey). */
void cf_vkey_put(const struct cf_vkey *vkey, struct cf_buf *b);
/* Strict, and the id must be the right one. CF_E_SYNTAX. */
CF_MUST enum cf_err cf_vkey_parse(struct cf_str text, struct cf_vkey *vkey);

/* Append "— name base64(id || sig) LF" over text (which ends in LF) to b.
 * CF_E_CRYPTO, b's error. */
CF_MUST enum cf_err cf_note_sign(struct cf_str text, const struct cf_vkey *vkey,
                                 const uint8_t seed[CF_SEED_N], struct cf_buf *b);
/* The same with a signature that was made elsewhere. */
void cf_note_put_signature(const struct cf_vkey *vkey, const uint8_t sig[CF_SIG_N],
                           struct cf_buf *b);
/* Split a note at its last empty line: text keeps its last LF, signatures are
 * the lines behind. CF_E_SYNTAX (also for control characters other than LF,
 * ill-formed UTF-8, more than 16 signatures, a line that is no signature
 * line). */
CF_MUST enum cf_err cf_note_split(struct cf_str note, struct cf_str *text,
                                  struct cf_str *signatures);
/* Cut the next line off a note's signatures: the name in it, and its key id
 * and signature, more than 4 bytes, into bytes, which is emptied first.
 * CF_E_SYNTAX, CF_E_NOMEM. */
CF_MUST enum cf_err cf_note_next(struct cf_str *lines, struct cf_str *name, struct cf_buf *bytes);
/* Is the note signed by vkey (signatures of unknown keys ignored, each of this
 * one must be good)? Gives its text. CF_E_SYNTAX, CF_E_SIGNATURE. */
CF_MUST enum cf_err cf_note_check(struct cf_str note, const struct cf_vkey *vkey,
                                  struct cf_str *text);
/* Append the note with the signature lines of vkey alone. CF_E_SYNTAX, b's
 * error. */
CF_MUST enum cf_err cf_note_only(struct cf_str note, const struct cf_vkey *vkey, struct cf_buf *b);
/* Is there a signature line under the name and id of vkey, whatever its
 * signature? Tells an unknown key from a bad signature. */
bool cf_note_names(struct cf_str note, const struct cf_vkey *vkey);

struct cf_checkpoint {
  char origin[CF_ORIGIN_MAX + 1];
  uint64_t size;
  uint8_t root[CF_HASH_N];
};
/* "origin LF size LF base64(root) LF". */
void cf_checkpoint_put(const struct cf_checkpoint *checkpoint, struct cf_buf *b);
/* Exactly these three lines. CF_E_SYNTAX. */
CF_MUST enum cf_err cf_checkpoint_parse(struct cf_str text, struct cf_checkpoint *checkpoint);

/* A note that is a checkpoint of vkey's log, signed by vkey. CF_E_SYNTAX,
 * CF_E_SIGNATURE. */
CF_MUST enum cf_err cf_checkpoint_check(struct cf_str note, const struct cf_vkey *vkey,
                                        struct cf_checkpoint *checkpoint);

/* Append the hashes of a proof, one in base64 a line. */
void cf_proof_lines_put(struct cf_buf *b, const struct cf_proof *proof);

/* c2sp.org/tlog-proof@v1: header, extra (base64; none where extra.n is 0),
 * index, path, an empty line, the checkpoint note verbatim. */
void cf_receipt_put(struct cf_buf *b, struct cf_str extra, uint64_t index,
                    const struct cf_proof *proof, struct cf_str checkpoint_note);

#endif
