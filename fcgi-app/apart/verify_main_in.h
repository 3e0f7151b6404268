/* SPDX-License-Identifier: MIT */
/* Inside counterfoil-verify: what it was asked, and what its parts share.
 * verify_main.c has the words of the command line, verify_ask.c the files that
 * they name, verify_subject.c finds out what is to be verified and does it,
 * verify_say.c tells the verdict. */
#ifndef CF_APART_VERIFY_MAIN_IN_H
#define CF_APART_VERIFY_MAIN_IN_H

#include "lib/proof/verify_apart.h"

/* How it ends: it holds; it does not; it could not be judged. */
enum { CF_APART_HOLDS = 0, CF_APART_FAULTY = 1, CF_APART_UNKNOWN = 2 };

struct cf_apart {
  const char *subject; /* a path; "-": standard input */
  const char *vkey, *kept, *proof;
  const char *notes; /* a directory of key notes */
  bool trust, json;
  uint64_t max; /* bytes that a tar may have when it is unpacked */

  struct cf_keys keys; /* the log's, as far as they follow from the one that is known, … */
  bool has_key;        /* where one is, … */
  bool vouched;        /* … and whether whoever asks vouches for it */
  bool others;         /* lines of others came with it, and nobody looked at them */
  bool extended;       /* there is a consistency proof: */
  struct cf_extension extension;
  struct cf_cosigners cosigners;
  struct cf_verify_job job;
  const char *mode; /* what was done, for the answer */
  struct cf_verify_result *result;
  struct cf_fault fault;
};

/* ---- verify_ask.c: CF_E_CONFIG where a file is not what it should be ---- */

/* Append a file's content to b. CF_E_SYSTEM, CF_E_FULL, CF_E_NOMEM. */
CF_MUST enum cf_err cf_apart_read(const char *path, struct cf_buf *b, struct cf_fault *fault);
/* The key that was kept; that of what is verified, where none was. */
CF_MUST enum cf_err cf_apart_key(struct cf_apart *apart);
CF_MUST enum cf_err cf_apart_own_key(struct cf_apart *apart, struct cf_str text);
/* A witness's key, a file or its text, is one of those that count. */
CF_MUST enum cf_err cf_apart_witness(struct cf_apart *apart, const char *vkey);
/* The key notes that were kept. Needs the key. */
CF_MUST enum cf_err cf_apart_notes(struct cf_apart *apart);
/* What was kept, and how the head extends it. Needs the key. */
CF_MUST enum cf_err cf_apart_kept(struct cf_apart *apart);

/* ---- verify_subject.c ---- */

/* Fill apart->result. CF_E_SYNTAX: the subject is not of its form. */
CF_MUST enum cf_err cf_apart_verify(struct cf_apart *apart);

/* ---- verify_say.c ---- */

/* Print the verdict; false where standard output does not take it. */
CF_MUST bool cf_apart_say(const struct cf_apart *apart);

#endif
