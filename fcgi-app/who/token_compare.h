/* SPDX-License-Identifier: MIT */
/* The rows of tokens against the chain's `token` records: whoever changes a row
 * is somebody else, or may do more, and no record says so. */
#ifndef CF_WHO_TOKEN_COMPARE_H
#define CF_WHO_TOKEN_COMPARE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct cf_ledger;

/* What is wrong with the token of that id; seq is that of its newest record, or
 * NULL where it has none. id is empty where it is none in particular. */
struct cf_token_differ {
  void (*call)(void *context, const uint64_t *seq, const char *id, const char *what);
  void *context;
};

/* Compare both ways: each row with the newest record of its id, of which one of
 * an older version counts for what it names; and that each token that was made
 * and not revoked has a row, unless the table was lost. changes is held at the
 * end, for as long as the rows take to read: whoever changes tokens has it. It
 * keeps 32 bytes for each token that there ever was, and compares no more than
 * 65,536. CF_E_NOMEM, CF_E_STORE. */
CF_MUST enum cf_err cf_tokens_compare(struct cf_ledger *ledger, pthread_mutex_t *changes, bool lost,
                                      const struct cf_token_differ *differ);

#endif
