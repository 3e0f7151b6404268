/* SPDX-License-Identifier: MIT */
/* What is missing of producers' own counts (lib/record/producers.h), of a whole
 * ledger: each record is looked at once, by the first question, and what comes
 * later by the one that follows. What they came to stays in memory; nothing is
 * kept on disk. */
#ifndef CF_QUERY_GAPS_H
#define CF_QUERY_GAPS_H

#include "lib/base/turns.h"
#include "lib/ledger/view.h"
#include "lib/record/producers.h"

struct cf_gaps;
CF_MUST enum cf_err cf_gaps_new(struct cf_gaps **gaps); /* CF_E_NOMEM */
void cf_gaps_free(struct cf_gaps *gaps);                /* nobody asks; NULL is harmless */

struct cf_gaps_told {
  const struct cf_producers *producers;
  uint64_t size;   /* records of the ledger that they tell of: its first */
  bool complete;   /* all that the view has */
  uint64_t unread; /* of those, which could not be read, at most */
};
/* Look at what the view has and was not looked at, for budget_us, in turns with
 * other long questions (turn may be NULL; it is given back), then call tell,
 * whose error is given; what it is told is valid during the call. Thread-safe;
 * one looks at a time. CF_E_BUSY: another one still does. What cannot be read
 * is passed over, and tried again by a question that comes 10 minutes after the
 * first. CF_E_NOMEM, CF_E_STORE, CF_E_CROWDED. */
CF_MUST enum cf_err cf_gaps_ask(struct cf_gaps *gaps, struct cf_view *view, struct cf_turn *turn,
                                int64_t budget_us,
                                enum cf_err (*tell)(void *context, const struct cf_gaps_told *told),
                                void *context);

#endif
