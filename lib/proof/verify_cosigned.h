/* SPDX-License-Identifier: MIT */
/* Witnesses, for whoever verifies apart: does a quorum of those that he trusts
 * stand for the head (c2sp.org/tlog-cosignature)? */
#ifndef CF_PROOF_VERIFY_COSIGNED_H
#define CF_PROOF_VERIFY_COSIGNED_H

#include "lib/proof/cosignature.h"

struct cf_cosigners {
  /* asked: whom the caller trusts, how many of them must have signed, and what
   * is known of their lines beside those in the note, each with its LF */
  struct cf_vkey v[CF_NOTE_SIGS_MAX];
  size_t n, quorum;
  struct cf_str lines;
  /* told: how many public keys did, and for each witness when, 0: it did not */
  size_t count;
  uint64_t time[CF_NOTE_SIGS_MAX];
};
/* Fill what is told for a note, whose own signature is somebody else's to
 * judge. CF_E_NOMEM. */
CF_MUST enum cf_err cf_cosigners_count(struct cf_cosigners *cosigners, struct cf_str note);

/* Append as members of an object what GET /v1/verify says of witnesses, for a
 * head of that size. */
void cf_cosigners_put(const struct cf_cosigners *cosigners, uint64_t size, struct cf_buf *b);

#endif
