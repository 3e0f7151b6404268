/* SPDX-License-Identifier: MIT */
/* Questions that were asked within the hour and have their record: what is
 * asked again is counted, and told within a minute (api.md, The log's own
 * trail). */
#ifndef CF_ROUTES_QUESTIONS_IN_H
#define CF_ROUTES_QUESTIONS_IN_H

#include "lib/base/crypto.h"
#include "lib/ledger/ledger.h"
#include "lib/record/address.h"
#include "lib/record/control.h"

/* So many are known at a time, and so much of their text. Where there is no
 * room each reading is one of its own, which loses nothing but speed. */
#define CF_QUESTIONS_MAX   8192
#define CF_QUESTIONS_BYTES (UINT64_C(8) << 20)
/* Networks of strangers that are told apart within an hour; the others are
 * `many`. */
#define CF_STRANGERS_MAX 1000

/* A question of a caller within an hour. */
struct cf_question {
  uint8_t key[CF_HASH_N]; /* of hour, caller, route and parameters */
  const char *action;     /* a constant */
  struct cf_control_who who;
  const char *network; /* of a stranger; NULL: the caller is known */
  struct cf_str filter;
};

/* Thread-safe, but for tick and free. */
struct cf_questions;
CF_MUST enum cf_err cf_questions_new(struct cf_ledger *ledger,
                                     struct cf_questions **questions); /* CF_E_NOMEM */
/* Writes what is still counted; durable when it returns. What cannot be written
 * is told as a loss. */
void cf_questions_free(struct cf_questions *questions);

/* Was it asked, and recorded, before? Then so many times more are counted, and
 * that many rows. */
bool cf_questions_repeat(struct cf_questions *questions, const uint8_t key[CF_HASH_N],
                         uint64_t times, uint64_t rows);
/* Its record is durable: from now on it is one that was asked before. */
void cf_questions_add(struct cf_questions *questions, const struct cf_question *question,
                      int64_t now_us);

/* The network of a stranger's address: a /24 or /64, `unknown` where ip is "",
 * or `many` where too many were seen in this hour. */
void cf_questions_network(struct cf_questions *questions, const char *ip, int64_t now_us,
                          char network[CF_NETWORK_N]);

/* By one thread, about once a second: writes what was counted nearly a minute
 * ago, or before the hour closes, and forgets what was asked in hours before.
 * What cannot be written stays counted. Waits for the disk. */
void cf_questions_tick(struct cf_questions *questions, int64_t now_us);

#endif
