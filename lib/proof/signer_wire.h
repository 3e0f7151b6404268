/* SPDX-License-Identifier: MIT */
/* What a ledger and its counterfoil-signer(8) say to each other over a stream
 * socket of this machine: the ledger asks, each request has one answer, and
 * none begins before the last one was answered.
 *
 * A frame is u32 n, then n bytes, 1 ≤ n ≤ CF_WIRE_MAX; numbers are big endian;
 * a text is u16 n, then n bytes. A request's first byte is its verb:
 *   L look      text origin ("": whatever it is); anybody who may ask
 *   H hold      text origin; from its answer on, and as long as the connection
 *               lasts, this one is who may ask for what follows
 *   C create    text origin: a new key, where there is none
 *   S sign      u64 size, root (32), the hashes (32 each) of the consistency
 *               proof from the size that was signed last; where nothing was
 *               signed yet, none
 *   V vouch     each head bears a MAC from now on
 *   P previous  text vkey of the log that this one continues; where nothing was
 *               signed yet
 *   F forget    what an init has signed that was cut short
 * An answer's first byte is 0, and then there is
 *   L  u8 marks (1 used, 2 vouched), text vkey, text vkey of the previous log
 *      ("": none), text note signed last, with its signature alone ("": none),
 *      u64 size and root (32) before it (0: not known), text note of the
 *      largest checkpoint that the signer's directory remembers ("": none)
 *   H  the same, and the key of MACs (32)
 *   S  text note
 * or 1, and then text word of an error (err.def), text at, text detail.
 *
 * A peer whose frame is longer, or does not come to its end in
 * CF_WIRE_TIME_US, is no peer any more. */
#ifndef CF_PROOF_SIGNER_WIRE_H
#define CF_PROOF_SIGNER_WIRE_H

#include "lib/proof/note.h"

#define CF_WIRE_MAX     16384
#define CF_WIRE_HEAD    4
#define CF_WIRE_TIME_US INT64_C(5000000)

#define CF_WIRE_USED    1u
#define CF_WIRE_VOUCHED 2u

/* ---- writing: onto a buffer with a sticky error ---- */

/* Begin a frame at the buffer's end; end the one that began at `at`.
 * CF_E_FULL where it is too long: the buffer is as if it had not begun. */
size_t cf_wire_begin(struct cf_buf *b, uint8_t first);
CF_MUST enum cf_err cf_wire_end(struct cf_buf *b, size_t at);
void cf_wire_put_u64(struct cf_buf *b, uint64_t v);
void cf_wire_put_text(struct cf_buf *b, struct cf_str text);
/* The whole answer that says what failed. */
void cf_wire_put_fault(struct cf_buf *b, enum cf_err err, const struct cf_fault *fault);

/* ---- reading: what is not there reads as nothing, and makes it bad ---- */

struct cf_wire {
  struct cf_str left;
  bool bad;
};
uint8_t cf_wire_u8(struct cf_wire *w);
uint64_t cf_wire_u64(struct cf_wire *w);
struct cf_str cf_wire_bytes(struct cf_wire *w, size_t n);
struct cf_str cf_wire_text(struct cf_wire *w);
/* Was all that was read there, and nothing more? CF_E_SYNTAX. */
CF_MUST enum cf_err cf_wire_done(const struct cf_wire *w);

/* The length of the frame that s begins with, its head included; 0: not known
 * yet. CF_E_SYNTAX: it can be none. */
CF_MUST enum cf_err cf_wire_length(struct cf_str s, size_t *n);
/* Read the rest of an answer whose first byte was 1: its error, never CF_OK;
 * CF_E_SYNTAX where it is none. */
enum cf_err cf_wire_fault(struct cf_wire *w, struct cf_fault *fault);

#endif
