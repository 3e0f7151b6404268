/* SPDX-License-Identifier: MIT */
/* Pages of a question, asked one after the other and held against the plain
 * answer. */
#include "config.h"

#include "tests/unit/query/query_pages.h"

#include "tests/unit/cf_test.h"
#include "tests/unit/query/query_ask.h"

enum cf_err pages_row(void *context, const struct cf_record *record)
{
  struct list *got = context;

  ck_assert_uint_lt(got->n, fake.n);
  ck_assert(cf_str_eq(record->public_text, fake.facts[record->seq].record.public_text));
  got->seq[got->n++] = record->seq;
  return CF_OK;
}

enum cf_err pages_one(const struct question *q, struct cf_view *view, uint64_t limit,
                      int64_t budget_us, const char *cursor, struct list *got,
                      struct cf_page_end *end)
{
  static char url[16384];
  struct cf_query *query;
  struct cf_fault fault;
  char number[32];
  struct cf_buf text = q->url;

  snprintf(number, sizeof number, limit == CF_QUERY_LIMIT_ALL ? "all" : "%llu",
           (unsigned long long)limit);
  snprintf(url, sizeof url, "%s%slimit=%s%s%s", cf_buf_cstr(&text), text.n == 0 ? "" : "&", number,
           cursor[0] == 0 ? "" : "&cursor=", cursor);
  enum cf_err err = ask_parse(url, NULL, &query, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", url, fault.at, fault.detail);
  err = cf_query_run(query, view, budget_us, pages_row, got, end);
  cf_query_free(query);
  return err;
}

void pages_same(const struct question *q, const struct list *got, const struct list *want,
                const char *when)
{
  struct cf_buf url = q->url;

  ck_assert_msg(got->n <= want->n, "%s: %s: %zu rows, not %zu", when, cf_buf_cstr(&url), got->n,
                want->n);
  for (size_t i = 0; i < got->n; i++)
    ck_assert_msg(got->seq[i] == want->seq[i], "%s: %s: row %zu of %zu is %llu, not %llu", when,
                  cf_buf_cstr(&url), i, want->n, (unsigned long long)got->seq[i],
                  (unsigned long long)want->seq[i]);
}

void pages_all(const struct question *q, struct cf_view *view, const struct list *want)
{
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
  /* without a budget there are many pages, and each begins anew */
  int64_t budget_us = fake_random(&fake, q->by_time ? 16 : 4) == 0 ? 0 : INT64_MAX;
  uint64_t limit =
      fake_random(&fake, 5) == 0 ? CF_QUERY_LIMIT_ALL : 1 + want->n / (1 + fake_random(&fake, 8));
  struct cf_page_end end = {.rows = 0};
  unsigned pages = 0;

  do {
    char cursor[128];
    size_t before = got.n;
    memcpy(cursor, end.cursor, sizeof cursor);
    ck_assert_ok(pages_one(q, view, limit, budget_us, cursor, &got, &end));
    pages_same(q, &got, want, "page");
    ck_assert_uint_eq(end.rows, got.n - before);
    ck_assert_uint_le(end.rows, limit);
    ck_assert_msg(budget_us == 0 || end.has_more == (got.n < want->n),
                  "%.*s: limit %llu, has_more %d, %zu of %zu", (int)q->url.n, (char *)q->url.p,
                  (unsigned long long)limit, end.has_more, got.n, want->n);
    ck_assert(end.cursor[0] != 0 || (!end.has_more && !q->ascending));
    ck_assert(end.cursor[0] == 0 || end.has_more || q->ascending);
    ck_assert_msg(strcmp(cursor, end.cursor) != 0 || !end.has_more, "no progress");
    ck_assert_uint_lt(++pages, 10000);
  } while (end.has_more);
  ck_assert_msg(got.n == want->n, "%.*s: %zu rows, not %zu", (int)q->url.n, (char *)q->url.p, got.n,
                want->n);
  free(got.seq);
}
