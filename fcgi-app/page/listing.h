/* SPDX-License-Identifier: MIT */
/* What the page lists: the answer of a question, kept in memory, row by row. */
#ifndef CF_PAGE_LISTING_H
#define CF_PAGE_LISTING_H

#include "fcgi-app/http/request.h"
#include "lib/ledger/ledger.h"

#define CF_LISTING_ROWS 50
/* bytes of text; the row that reaches it is the last one. Shown, a byte may
 * become 19, and a browser has to draw each. */
#define CF_LISTING_TEXT (256 << 10)

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
  size_t text_n; /* bytes of all rows */
  struct cf_page_end end;
  struct cf_buf filter; /* for the access record: cf_query_text */
};
void cf_listing_init(struct cf_listing *l);
void cf_listing_fini(struct cf_listing *l);

/* Is it a part of the question: neither an empty field nor a place in its
 * answer? */
bool cf_listing_asks(const struct cf_param *param);
/* Append the question as a query string of the page's own parameters; of those
 * of that name there is one, of that value, if the name is not empty. */
void cf_listing_link(const struct cf_request *rq, struct cf_str name, struct cf_str value,
                     struct cf_buf *b);
/* The same without the i-th of the request's parameters. */
void cf_listing_link_without(const struct cf_request *rq, size_t i, struct cf_buf *b);

/* The same, where those of a name have another instead. */
void cf_listing_link_renamed(const struct cf_request *rq, struct cf_str name, struct cf_str instead,
                             struct cf_buf *b);

/* Ask the question of the page's form: empty fields are left out, a date alone
 * in `to` counts to its end, at most CF_LISTING_ROWS rows, and no more behind
 * CF_LISTING_TEXT. CF_E_PARAMETER, CF_E_CURSOR, CF_E_DAMAGED (with the rows
 * before it, and words that say where), CF_E_NOMEM. */
CF_MUST enum cf_err cf_listing_ask(struct cf_listing *l, struct cf_ledger *ledger,
                                   const struct cf_request *rq, int64_t now_us,
                                   struct cf_fault *fault);

#endif
