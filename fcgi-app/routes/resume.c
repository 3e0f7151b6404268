/* SPDX-License-Identifier: MIT */
/* One verify that may be gone on with. */
#include "config.h"

#include "fcgi-app/routes/resume_in.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/crypto.h"

void cf_resume_fini(struct cf_resume *resume)
{
  cf_verify_run_free(resume->run);
  *resume = (struct cf_resume){.run = NULL};
}

void cf_resume_tick(struct cf_resume *resume)
{
  if (resume->run != NULL && cf_clock_mono_us() >= resume->until_us)
    cf_resume_fini(resume);
}

void cf_resume_keep(struct cf_resume *resume, enum cf_verify_mode mode, struct cf_verify_run *run)
{
  uint8_t secret[16];
  struct cf_buf name;
  cf_resume_fini(resume);
  cf_random(secret, sizeof secret);
  cf_buf_init(&name, CF_RESUME_NAME_N);
  cf_base64url_put(&name, secret, sizeof secret);
  memcpy(resume->name, cf_buf_cstr(&name), name.n);
  cf_buf_fini(&name);
  resume->mode = mode;
  resume->until_us = cf_clock_mono_us() + CF_RESUME_US;
  resume->run = run;
}

enum cf_err cf_resume_take(struct cf_resume *resume, struct cf_str name, enum cf_verify_mode mode,
                           struct cf_verify_run **run, struct cf_fault *fault)
{
  cf_resume_tick(resume);
  if (resume->run == NULL || name.n != CF_RESUME_NAME_N ||
      !cf_equal(name.p, resume->name, CF_RESUME_NAME_N))
    return cf_fail(fault, CF_E_RESUME, "resume",
                   "15 minutes are over, or another verify took its place: begin anew");
  if (resume->mode != mode)
    return cf_fail(fault, CF_E_PARAMETER, "mode",
                   "resume goes on with the mode that it began with");
  *run = resume->run;
  resume->run = NULL;
  return CF_OK;
}
