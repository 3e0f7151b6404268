/* SPDX-License-Identifier: MIT */
/* The keys of a log by size (format.md, Leaf): the first signs from its
 * beginning; a `key` record at seq s has the note by which the next one signs
 * every size above s, and the one before no more. That one may co-sign there,
 * which counts for nothing.
 *
 * Whoever keeps one key of a log, whichever it is, gets the others by the
 * notes: later ones as the older key signed for them, earlier ones as the newer
 * key did. Where the older key was lost its signature is missing: from there on
 * a newer key must be known from elsewhere. */
#ifndef CF_PROOF_KEYS_H
#define CF_PROOF_KEYS_H

#include "lib/proof/note.h"

#define CF_KEYS_MAX     1024
#define CF_KEY_NOTE_MAX 8192 /* bytes */

/* What a key note says. */
struct cf_key_note {
  uint64_t seq; /* of the record that holds it */
  struct cf_vkey old, fresh;
  bool lost; /* the old key did not sign it */
};
/* Append the text that the old and the new key sign. */
void cf_key_note_put(uint64_t seq, const struct cf_vkey *old, const struct cf_vkey *fresh,
                     struct cf_buf *b);
/* Read a note of that text, which its new key signed and, where there is a line
 * of it, the old one too. Both are of one name. CF_E_SYNTAX, CF_E_SIGNATURE. */
CF_MUST enum cf_err cf_key_note_read(struct cf_str note, struct cf_key_note *out);

/* A key, and the sizes that it signs: from ≤ size < until. */
struct cf_key {
  struct cf_vkey vkey;
  uint64_t from, until; /* UINT64_MAX: it is the present one */
  bool lost;            /* the key before did not sign for it */
  char *note;           /* by which it came, ended by NUL; NULL: the first one */
};

/* Keys in order, without a gap, at least one after cf_keys_begin. */
struct cf_keys {
  struct cf_key *v;
  size_t n;
};
void cf_keys_init(struct cf_keys *keys);
void cf_keys_fini(struct cf_keys *keys);
/* Have that one key, for every size. CF_E_NOMEM. */
CF_MUST enum cf_err cf_keys_begin(struct cf_keys *keys, const struct cf_vkey *vkey);
CF_MUST enum cf_err cf_keys_copy(const struct cf_keys *keys, struct cf_keys *copy);

/* Take a note: behind the last key, which it must be signed by, or before the
 * first, which it must be signed by, too. One that is there already changes
 * nothing. CF_E_SYNTAX: it is no key note; CF_E_SIGNATURE: a signature is
 * missing or bad, or it leads from none of the keys, or back to one; CF_E_FULL,
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_keys_add(struct cf_keys *keys, struct cf_str note, struct cf_fault *fault);
/* The same, and one that its new key alone signed counts behind the last, too:
 * for whoever knows from elsewhere that it leads to the log's key. */
CF_MUST enum cf_err cf_keys_add_lost(struct cf_keys *keys, struct cf_str note,
                                     struct cf_fault *fault);
/* Take n notes in the order of their records, whichever key is there. Errors as
 * for cf_keys_add, and CF_E_SIGNATURE where one fits at neither end. */
CF_MUST enum cf_err cf_keys_add_all(struct cf_keys *keys, const struct cf_str *notes, size_t n,
                                    struct cf_fault *fault);

/* The key that signs that size; the present one. */
const struct cf_vkey *cf_keys_at(const struct cf_keys *keys, uint64_t size);
const struct cf_vkey *cf_keys_present(const struct cf_keys *keys);
/* Which one a `key` record at that seq leads to; NULL: none. */
const struct cf_key *cf_keys_of(const struct cf_keys *keys, uint64_t seq);
/* Is there a signature line of one of them, which need not sign that size? */
bool cf_keys_named(const struct cf_keys *keys, struct cf_str note);
/* Append them as JSON, the present one first (api.md, GET /v1/keys):
 * [{"vkey":…,"from":size,"until":size or null},…] */
void cf_keys_put(const struct cf_keys *keys, struct cf_buf *b);
/* As cf_checkpoint_check, by the key of the size that the note tells. */
CF_MUST enum cf_err cf_keys_checkpoint(const struct cf_keys *keys, struct cf_str note,
                                       struct cf_checkpoint *checkpoint);

#endif
