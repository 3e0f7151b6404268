/* SPDX-License-Identifier: MIT */
/* A verdict as programs read it (api.md, GET /v1/verify): the route and the
 * verifier apart give the same members. */
#ifndef CF_PROOF_VERIFY_JSON_H
#define CF_PROOF_VERIFY_JSON_H

#include "lib/proof/verify.h"

/* `quick`, `range`, `full`, `deep`. */
#define CF_VERIFY_MODES_N (CF_VERIFY_DEEP + 1)
extern const char *const cf_verify_mode_names[CF_VERIFY_MODES_N];

/* What is told beside the result. */
struct cf_verify_saying {
  const char *mode;      /* one of the above, or what else was verified */
  const char *resume;    /* under which name it goes on; NULL: it does not */
  const char *assurance; /* `signed`, `anchored`, `witnessed`, `own-key`: who stands for it */
  struct cf_str members; /* what is known of who does, JSON text of members; or empty */
};
/* Append it as a JSON object and LF. */
void cf_verify_json_put(struct cf_buf *b, const struct cf_verify_result *result,
                        const struct cf_verify_saying *saying);

#endif
