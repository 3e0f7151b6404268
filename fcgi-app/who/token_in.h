/* SPDX-License-Identifier: MIT */
/* Inside fcgi-app/who: what the chain tells of tokens, and the table in memory,
 * which is made of rows that are as the chain tells. */
#ifndef CF_WHO_TOKEN_IN_H
#define CF_WHO_TOKEN_IN_H

#include <pthread.h>

#include "fcgi-app/who/token.h"

/* ---- token_told.c: the `token` records ---- */

/* A token as its newest record has it. */
struct cf_told_token {
  struct cf_token *token; /* hash: SHA-256 of the one that is kept, where has_hash */
  uint64_t seq;           /* of that record */
  bool has_hash;
  bool told_hash; /* it has, or had until that was erased: so it is not of 0.1.0 */
  bool revoked;   /* by any of its records */
  bool has_row;   /* for cf_tokens_compare */
};

struct cf_token_told {
  const struct cf_ledger *ledger; /* whose they are */
  bool whole;                     /* see cf_token_told_read */
  struct cf_told_token *each;     /* in order of id */
  size_t n, cap;
  uint64_t end;    /* records below it were read */
  uint64_t unread; /* one below it cannot be, and may tell of tokens; 0: none */
  /* Somebody made or revoked one since those of 0.1.0 were told again, which
   * is done once and before all else. */
  bool renewed;
};
void cf_token_told_fini(struct cf_token_told *told); /* and zero it */
/* Read on, up to what is durable; from the beginning where something could not
 * be read. Whole: wait until the start has held segments and tail against the
 * chain and the tree. Else each record that is found is held against the tree,
 * and what is not seen is one that was made into a record of another kind: each
 * token is in doubt. CF_E_NOMEM, CF_E_STORE, CF_E_LEAVING. */
CF_MUST enum cf_err cf_token_told_read(struct cf_token_told *told, struct cf_ledger *ledger,
                                       bool whole);
/* NULL: no record tells of it. */
struct cf_told_token *cf_token_told_get(const struct cf_token_told *told, struct cf_str id);
/* May `as` be told of otherwise by a record that cannot be read, or was not
 * found? */
bool cf_token_told_doubts(const struct cf_token_told *told, const struct cf_told_token *as);
/* The one rule of what a row is worth: its token, held once, where it is as
 * the record has it, in doubt where another may have it otherwise; else the
 * record's, with what is wrong in `refused`, and not revoked, so that it can
 * be. One that no record tells of is in doubt where one that cannot be read may
 * and the row was written here; else NULL. CF_E_NOMEM. */
CF_MUST enum cf_err cf_token_told_row(const struct cf_token_told *told, struct cf_str id,
                                      struct cf_str value, struct cf_token **token);

/* ---- token_table.c ---- */

struct cf_tokens {
  struct cf_ledger *ledger;
  pthread_mutex_t change; /* over told; one change at a time, with its append */
  struct cf_token_told told;
  bool loaded;                    /* likewise: once, at least */
  atomic_int known;               /* enum cf_tokens_known */
  atomic_size_t refused, doubted; /* rows */
  int64_t doubted_us;             /* monotonic: when what cannot be read was tried last */
  pthread_rwlock_t lock;          /* over the list; within `change` where it is written */
  struct cf_token **v;            /* ascending by id */
  size_t n;
};
/* Under change: read on in the chain, whole or not, then all rows. On an error
 * the table stays as it was. */
CF_MUST enum cf_err cf_tokens_load(struct cf_tokens *tokens, bool whole);

#endif
