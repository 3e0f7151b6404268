/* SPDX-License-Identifier: MIT */
/* The rows of tokens against the chain's `token` records: whoever changes a row
 * is somebody else, or may do more, and no record says so. */
#ifndef CF_WHO_TOKEN_COMPARE_H
#define CF_WHO_TOKEN_COMPARE_H

#include "fcgi-app/who/token.h"

/* What is wrong with the token of that id; seq is that of its newest record, or
 * NULL where it has none. id is a row's key, whatever it holds, and empty where
 * it is none in particular. */
struct cf_token_differ {
  void (*call)(void *context, const uint64_t *seq, struct cf_str id, const char *what);
  void *context;
};

/* Compare both ways: each row with the newest record of its id, as whoever
 * asks for a token does, and that each token that was made and not revoked has
 * a row, unless the table was lost. What a record that cannot be read may tell
 * of otherwise is not judged. Tokens cannot change while the rows are read. The
 * errors of cf_tokens_enter. */
CF_MUST enum cf_err cf_tokens_compare(struct cf_tokens *tokens, bool lost,
                                      const struct cf_token_differ *differ);

#endif
