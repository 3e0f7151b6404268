/* SPDX-License-Identifier: MIT */
/* Asking page by page in tests. */
#ifndef CF_TEST_QUERY_PAGES_H
#define CF_TEST_QUERY_PAGES_H

#include "lib/query/query.h"
#include "tests/unit/query/query_plain.h"

/* A row callback: checks that the record is the one of its seq and appends the
 * seq to the struct list that context is, which has room for all records. */
enum cf_err pages_row(void *context, const struct cf_record *record);
/* Ask for one page; rows are appended to got. */
enum cf_err pages_one(const struct question *q, struct cf_view *view, uint64_t limit,
                      int64_t budget_us, const char *cursor, struct list *got,
                      struct cf_page_end *end);
/* What came so far is the beginning of what is wanted. */
void pages_same(const struct question *q, const struct list *got, const struct list *want,
                const char *when);
/* Ask for all pages with a random limit, each checked: what came is right,
 * has_more is true exactly when something is left (unless a budget of no time
 * ended the page, which then came on). */
void pages_all(const struct question *q, struct cf_view *view, const struct list *want);

#endif
