/* SPDX-License-Identifier: MIT */
/* What the page says of events that their sources count (lib/query/gaps.h): in
 * all, and of those that lack most. */
#ifndef CF_PAGE_MISSING_H
#define CF_PAGE_MISSING_H

#include "lib/query/gaps.h"

#define CF_MISSING_ROWS 5

struct cf_missing {
  uint64_t sources; /* that count; 0: nothing is said */
  uint64_t lacking; /* of which some are missing, */
  uint64_t missing; /* and how many */
  bool whole;       /* false: not all was looked at, or told apart, or could be read */
  size_t n;         /* those that lack most, most first: */
  struct cf_missing_row {
    char source[CF_SOURCE_MAX + 1];
    uint64_t missing, gaps;
    struct cf_producer_gap newest;
  } row[CF_MISSING_ROWS];
};

/* Look at what is new, for a moment: a page does not wait. Where it cannot be
 * had, nothing is said. CF_E_NOMEM, CF_E_STORE, CF_E_LEAVING. */
struct cf_ledger;
CF_MUST enum cf_err cf_missing_get(struct cf_gaps *gaps, struct cf_ledger *ledger,
                                   struct cf_missing *missing);

#endif
