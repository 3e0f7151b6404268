/* SPDX-License-Identifier: MIT */
/* What the page lists: the answer of a question, kept in memory, row by row. */
#ifndef CF_PAGE_LISTING_H
#define CF_PAGE_LISTING_H

#include "fcgi-app/http/request.h"
#include "lib/ledger/ledger.h"

#define CF_LISTING_ROWS 50

struct cf_listed {
  uint64_t seq;
  int64_t recorded_us, effective_us;
  enum cf_kind kind;
  struct cf_str v[CF_M_N]; /* p = NULL: absent */
  struct cf_str body;      /* of a control record */
  char *text;              /* what the slices point into */
};

struct cf_listing {
  struct cf_listed rows[CF_LISTING_ROWS];
  size_t n;
  struct cf_page_end end;
  struct cf_buf filter; /* for the access record: cf_query_text */
  /* the question as a query string, without cursor: the page's own
   * parameters */
  struct cf_buf link;
};
void cf_listing_init(struct cf_listing *l);
void cf_listing_fini(struct cf_listing *l);

/* Ask the question of the page's form: empty fields are left out, a date alone
 * in `to` counts to its end, at most CF_LISTING_ROWS rows. CF_E_PARAMETER,
 * CF_E_CURSOR, CF_E_DAMAGED (with the rows before it, and words that say
 * where), CF_E_NOMEM. */
CF_MUST enum cf_err cf_listing_ask(struct cf_listing *l, struct cf_ledger *ledger,
                                   const struct cf_request *rq, int64_t now_us,
                                   struct cf_fault *fault);

#endif
