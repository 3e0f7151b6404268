/* SPDX-License-Identifier: MIT */
/* What the page's template may ask for: the names of its values and parts. */
#ifndef CF_PAGE_PAGE_VIEW_H
#define CF_PAGE_PAGE_VIEW_H

#include "fcgi-app/page/listing.h"
#include "fcgi-app/page/missing.h"
#include "fcgi-app/page/seal.h"
#include "fcgi-app/who/auth.h"

/* Everything is borrowed; without `listing` it is the form for signing in. */
struct cf_page_view {
  struct cf_str origin;
  const char *message; /* above the form for signing in; NULL: none */
  struct cf_str next;  /* what that form carries; empty: nothing */
  const struct cf_identity *who;
  const struct cf_request *request;
  const struct cf_listing *listing;
  int64_t max_skew_us;
  const char *problem; /* what is wrong with the question or its answer; NULL: nothing */
  const char *problem_at;
  const char *problem_detail;
  const struct cf_page_end *damaged; /* where it ended at what cannot be read; NULL: it did not */
  struct cf_ledger_state state;
  bool sealed; /* there is a checkpoint */
  struct cf_checkpoint checkpoint;
  uint64_t assured_size; /* what they have seen, where somebody has */
  const char *assurance; /* who else stands for it: signed, anchored, witnessed; or NULL */
  struct cf_seal seal;
  struct cf_missing missing; /* an auditor's */
  bool looked;               /* a quick look at the chain could be had, and found nothing */
  int64_t now_us;
  size_t row, member, param, gap; /* what is being shown */
  uint64_t range_first, range_last;
};

/* The names that a template may ask for; others are empty, and show nothing.
 *
 * Values: `origin` `message` `next`; of who is signed in: `who` `form_token`
 * `now` `size` `assurance` `assured_size` `sealed_size` `sealed_root`
 * `sealed_time` `problem` `problem_at` `problem_detail` `rows` `cursor`
 * `question` (the query string without cursor) `question.cut` (its beginning)
 * `form.<parameter>`; of the sign (seal.h) `seal.leaves` `seal.size`
 * `seal.newer` `seal.who` `seal.ago`
 * `seal.at` `seal.word` `seal.words` `seal.first_bad`; in a range
 * `range.first` `range.last` and, as questions that go around it,
 * `range.before` `range.after`; in a filter `param.name` `param.value`
 * `param.without` (the question less it); in `suggest`, a filter,
 * `suggest.case` `suggest.text`, the question in upper and lower case, and with
 * that in any text; in a row `row.seq` `row.time` `row.recorded` `row.kind`
 * `row.body` `row.<member>` (as much as a cell shows) `row.<member>.add` (the
 * question and that value); in a member `member.name` `member.value`.
 *
 * Of what sources did not send `gaps.sources` `gaps.lacking` `gaps.missing`,
 * and in a gap `gap.source` `gap.question` `gap.missing` `gap.gaps` `gap.from`
 * `gap.to`.
 *
 * Parts: `signed_out` `signed_in` `message` `next`; of who is signed in:
 * `can_leave` `can_verify` `sealed` `unsealed` `assured` `none` `some` `more`
 * `paged` `newest_first` `other_order` `has_question`; `filter`, each parameter
 * of the question, and `hidden`, those that no field of the form shows;
 * `suggest`, one that asks for an exact value, in it `suggest.text` (no text is
 * asked for); `kind.<value>` (that kind is
 * chosen) `other_kind` (one that the form does not have); `at.<parameter>`
 * (the problem is there) `elsewhere` (it is, and no field has that name)
 * `damaged`, a range; in a range `range.before` `range.after` (the question
 * reaches there); `seal.green` `seal.grey` `seal.old` `seal.partial`
 * `seal.red` `seal.unknown` (the quick look could not be had; then no other
 * but red); of the red one `seal.first_bad` `seal.nowhere` (no record is
 * named) `seal.range` `seal.more` (ranges are missing); `row`; in a row
 * `row.<member>` (it is not empty) `row.<member>.empty` `row.<member>.absent`
 * `row.<member>.cut` (a cell does not show all) `row.body` `row.ahead` (its
 * time is further ahead of its record than max_skew); `member`, each that is
 * there; in it `member.empty`; `gaps`, where some source counts its events, in
 * it `gaps.none` `gaps.some` `gaps.partial` (not all is known) and `gap`, a
 * source that lacks some. */
void cf_page_view_value(void *context, struct cf_str name, struct cf_buf *b);
bool cf_page_view_part(void *context, struct cf_str name, size_t i);

#endif
