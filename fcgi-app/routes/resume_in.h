/* SPDX-License-Identifier: MIT */
/* The one verify that its budget ended and that may be gone on with, under a
 * name that cannot be guessed: whoever has it was told. Nothing here locks; the
 * application's verify_lock does. */
#ifndef CF_ROUTES_RESUME_IN_H
#define CF_ROUTES_RESUME_IN_H

#include "lib/base/buf.h"
#include "lib/proof/verify.h"

#define CF_RESUME_US     INT64_C(900000000) /* how long it is kept: 15 minutes */
#define CF_RESUME_NAME_N 22                 /* 16 random bytes in base64url */

struct cf_resume {
  char name[CF_RESUME_NAME_N + 1];
  enum cf_verify_mode mode;
  int64_t until_us;          /* cf_clock_mono_us */
  struct cf_verify_run *run; /* NULL: there is none */
};

/* Keep run, which is taken, in the place of what was kept, under a new name. */
void cf_resume_keep(struct cf_resume *resume, enum cf_verify_mode mode, struct cf_verify_run *run);
/* Give what is kept under that name and mode to the caller; nothing is kept
 * then. CF_E_RESUME where it is not there, or no more; CF_E_PARAMETER where it
 * is of another mode (it stays). */
CF_MUST enum cf_err cf_resume_take(struct cf_resume *resume, struct cf_str name,
                                   enum cf_verify_mode mode, struct cf_verify_run **run,
                                   struct cf_fault *fault);
/* Forget what was kept for too long; all of it. */
void cf_resume_tick(struct cf_resume *resume);
void cf_resume_fini(struct cf_resume *resume);

#endif
