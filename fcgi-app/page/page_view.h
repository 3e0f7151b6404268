/* SPDX-License-Identifier: MIT */
/* What the page's template may ask for: the names of its values and parts. */
#ifndef CF_PAGE_PAGE_VIEW_H
#define CF_PAGE_PAGE_VIEW_H

#include "fcgi-app/page/listing.h"
#include "fcgi-app/who/auth.h"

enum cf_chain { CF_CHAIN_UNKNOWN, CF_CHAIN_OK, CF_CHAIN_BAD };

/* Everything is borrowed; without `listing` it is the form for signing in. */
struct cf_page_view {
  struct cf_str origin;
  const char *message; /* above the form for signing in; NULL: none */
  const struct cf_identity *who;
  const struct cf_request *request;
  const struct cf_listing *listing;
  int64_t max_skew_us;
  const char *problem; /* what is wrong with the question or its answer; NULL: nothing */
  const char *problem_at;
  const char *problem_detail;
  struct cf_ledger_state state;
  bool sealed; /* there is a checkpoint */
  struct cf_checkpoint checkpoint;
  enum cf_chain chain;
  const char *verdict; /* of a chain that is bad; NULL: none */
  size_t row, member;  /* what is being shown */
};

/* Values: `origin` `message` `who` `form_token` `size` `sealed_size`
 * `sealed_root` `sealed_time` `verdict` `problem` `problem_at` `problem_detail`
 * `rows` `question` (the query string without cursor) `cursor`;
 * `form.<parameter>`; in a row: `row.seq` `row.time` `row.recorded` `row.kind`
 * `row.body` `row.<member>`, `row.<member>.url` (percent-encoded); in a member:
 * `member.name` `member.value`. Parts: `signed_out` `signed_in` `message`
 * `can_leave` `can_verify` `problem` `sealed` `unsealed` `chain_ok` `chain_bad`
 * `chain_unknown` `none` `some` `more` `paged` `has_question` `newest_first`
 * `other_order`; `kind.<value>` (that kind is chosen); `row`; in a row:
 * `row.<name>` (there is one), `row.ahead` (its time is further ahead of its
 * record than max_skew), `member`. Other names are empty, and show nothing. */
void cf_page_view_value(void *context, struct cf_str name, struct cf_buf *b);
bool cf_page_view_part(void *context, struct cf_str name, size_t i);

#endif
