/* SPDX-License-Identifier: MIT */
/* The members of a problem document. */
#include "config.h"

#include "lib/record/json_problem.h"

#include "lib/record/json.h"

/* Which member of the problem names what was at fault; NULL: none. */
static const char *at_name(enum cf_err err)
{
  switch (err) {
  case CF_E_PARAMETER:
  case CF_E_CURSOR: return "parameter";
  case CF_E_SYNTAX:
  case CF_E_INVALID: return "member";
  default: return NULL;
  }
}

void cf_problem_put(struct cf_buf *b, enum cf_err err, const struct cf_fault *fault)
{
  const char *at = at_name(err);
  cf_json_put_name(b, "type");
  cf_buf_putf(b, "\"urn:counterfoil:%s\"", cf_err_word(err));
  cf_json_put_member(b, "title", cf_str_from(cf_err_title(err)));
  cf_json_put_member_u64(b, "status", (uint64_t)cf_err_status(err));
  if (fault != NULL && fault->detail[0] != '\0')
    cf_json_put_member(b, "detail", cf_str_from(fault->detail));
  if (fault != NULL && fault->at[0] != '\0' && at != NULL)
    cf_json_put_member(b, at, cf_str_from(fault->at));
}
