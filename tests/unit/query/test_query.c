/* SPDX-License-Identifier: MIT */
/* The walk against a plain scan: random filters over random hostile records,
 * paged with random limits, in both sorts and orders; with damaged indexes,
 * times and blocks; across records appended and units cut anew between the
 * pages. CF_SEED chooses the random numbers, CF_LONG does more of them. */
#include "config.h"

#include "tests/unit/cf_test.h"
#include "tests/unit/query/query_ask.h"
#include "tests/unit/query/query_fake.h"
#include "tests/unit/query/query_pages.h"

/* n random questions of the first records, whole or injured. */
static void ask_random(size_t records, unsigned n)
{
  struct fake_view view;
  struct question q;

  fake_view_make(&fake, records, 1 + rnd(12), &view);
  if (rnd(3) == 0)
    fake_injure(&view);
  for (unsigned i = 0; i < n; i++) {
    plain_random(&q);
    struct list want = plain_answer(&q, view.view.size);
    pages_all(&q, &view.view, &want);
    free(want.seq);
    cf_buf_fini(&q.url);
  }
}

START_TEST(test_random)
{
  for (unsigned round = 0; round < cf_test_rounds(120); round++)
    ask_random(1 + rnd(fake.n), 10);
}
END_TEST

/* Times of which few are different, more records of each than a round by time
 * keeps: pages begin and end, and rounds end, among equal ones. */
START_TEST(test_ties)
{
  static const uint64_t different[] = {1, 2, 3, 40};

  for (size_t i = 0; i < fake.n; i++) {
    struct fake_fact *fact = &fake.facts[i];
    fact->time_us = fact->record.time_us = FAKE_EPOCH_US + (int64_t)rnd(different[_i]) * CF_HOUR_US;
  }
  for (unsigned round = 0; round < cf_test_rounds(40); round++)
    ask_random(fake.n, 1);
}
END_TEST

/* Bounds that are a unit's own first or last time, and a microsecond beside it:
 * nothing is cut off with the unit. */
static void ask_edge(struct cf_view *view, const char *name, int64_t t_us, unsigned how)
{
  char text[CF_TIME_TEXT_N + 1];

  if (t_us < CF_TIME_MIN_US || t_us > CF_TIME_MAX_US)
    return;
  struct question q = plain_question("", (how & 1) != 0, (how & 2) != 0);
  cf_time_format(t_us, text);
  cf_buf_putf(&q.url, "%s%s=%s", q.url.n == 0 ? "" : "&", name, text);
  int64_t *bound[] = {&q.from, &q.to, &q.recorded_from, &q.recorded_to};
  static const char *const names[] = {"from", "to", "recorded_from", "recorded_to"};
  for (size_t i = 0; i < CF_COUNT(names); i++)
    if (strcmp(names[i], name) == 0)
      *bound[i] = t_us;
  struct list want = plain_answer(&q, view->size);
  pages_all(&q, view, &want);
  free(want.seq);
  cf_buf_fini(&q.url);
}

START_TEST(test_edges)
{
  struct fake_view view;

  fake_view_make(&fake, 1000, 6, &view);
  for (size_t i = 0; i < view.units_n; i++) {
    const struct cf_unit *u = &view.units[i];
    for (unsigned how = 0; how < 12; how++) {
      int64_t by = (int64_t)how / 4 - 1;
      ask_edge(&view.view, "from", u->time_min_us + by, how);
      ask_edge(&view.view, "from", u->time_max_us + by, how);
      ask_edge(&view.view, "to", u->time_min_us + by, how);
      ask_edge(&view.view, "to", u->time_max_us + by, how);
      ask_edge(&view.view, "recorded_from", u->recorded_min_us + by, how);
      ask_edge(&view.view, "recorded_from", u->recorded_max_us + by, how);
      ask_edge(&view.view, "recorded_to", u->recorded_min_us + by, how);
      ask_edge(&view.view, "recorded_to", u->recorded_max_us + by, how);
    }
  }
}
END_TEST

/* The test of one record tells the same as the plain matcher. */
START_TEST(test_each_record)
{
  struct cf_values values;
  struct cf_query *query;
  struct cf_fault fault;
  struct question q;
  bool pass;

  cf_values_init(&values);
  for (unsigned round = 0; round < cf_test_rounds(100); round++) {
    plain_random(&q);
    ck_assert_ok(ask_parse(cf_buf_cstr(&q.url), NULL, &query, &fault));
    for (size_t i = 0; i < fake.n; i++) {
      ck_assert_ok(cf_query_test(query, &fake.facts[i].record, &values, &pass));
      ck_assert_msg(pass == plain_matches(&q, &fake.facts[i]), "%s: %zu: %d", cf_buf_cstr(&q.url),
                    i, pass);
    }
    cf_query_free(query);
    cf_buf_fini(&q.url);
  }
  cf_values_fini(&values);
}
END_TEST

/* ---- records that come between pages ---- */

/* Descending, nothing new before the cursor comes in; by time, what is new may
 * only come behind it. */
static bool is_new(uint64_t seq, uint64_t size)
{
  return seq >= size;
}

static void pages_while_growing(const struct question *q)
{
  struct fake_view view;
  uint64_t first_size = 500 + rnd(1000), size = first_size;
  struct list want = plain_answer(q, size);
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
  struct cf_page_end end = {.rows = 0};
  size_t old = 0;
  uint64_t limit = 1 + want.n / (1 + rnd(8));

  do {
    char cursor[128];
    memcpy(cursor, end.cursor, sizeof cursor);
    fake_view_make(&fake, size, 1 + rnd(12), &view);
    ck_assert_ok(pages_one(q, &view.view, limit, INT64_MAX, cursor, &got, &end));
    size = size + rnd(200) < fake.n ? size + rnd(200) : fake.n;
    size = size > fake.n ? fake.n : size;
  } while (end.has_more);
  for (size_t i = 0; i < got.n; i++) {
    if (!is_new(got.seq[i], first_size))
      ck_assert_uint_eq(got.seq[i], want.seq[old++]);
    else
      ck_assert(q->by_time || q->ascending);
    ck_assert(i == 0 || plain_before(q, got.seq[i - 1], got.seq[i]));
  }
  ck_assert_uint_eq(old, want.n);
  free(got.seq);
  free(want.seq);
}

START_TEST(test_growing)
{
  struct question q;

  for (unsigned round = 0; round < cf_test_rounds(200); round++) {
    plain_random(&q);
    pages_while_growing(&q);
    cf_buf_fini(&q.url);
  }
}
END_TEST

/* Who keeps the ascending cursor sees each record once, in the end all of
 * them. */
START_TEST(test_follow)
{
  struct fake_view view;
  struct question q;

  for (unsigned round = 0; round < cf_test_rounds(120); round++) {
    struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
    struct cf_page_end end = {.rows = 0};
    plain_random(&q);
    if (!q.ascending || q.by_time) {
      free(got.seq);
      cf_buf_fini(&q.url);
      continue;
    }
    for (uint64_t size = rnd(3); size <= fake.n;
         size = size < fake.n && size + 300 > fake.n ? fake.n : size + rnd(300)) {
      do {
        char cursor[128];
        memcpy(cursor, end.cursor, sizeof cursor);
        fake_view_make(&fake, size, 1 + rnd(12), &view);
        ck_assert_ok(pages_one(&q, &view.view, 1 + rnd(100), INT64_MAX, cursor, &got, &end));
        ck_assert_str_ne(end.cursor, "");
      } while (end.has_more);
      if (size == fake.n)
        break;
    }
    struct list want = plain_answer(&q, fake.n);
    pages_same(&q, &got, &want, "follow");
    ck_assert_uint_eq(got.n, want.n);
    free(want.seq);
    free(got.seq);
    cf_buf_fini(&q.url);
  }
}
END_TEST

/* By time, who comes back goes on behind the last row: what comes later may be
 * older than records that were looked at and did not match. */
START_TEST(test_late_record)
{
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
  struct question q = plain_question("q=%3Cscript", true, true);
  /* it matches, it does not, it comes later and matches */
  static const int64_t times[] = {1, 9, 5};

  for (size_t i = 0; i < 3; i++) {
    struct fake_fact *fact = &fake.facts[i];
    fact->record = (struct cf_record){.seq = i,
                                      .kind = CF_K_EVENT,
                                      .time_us = FAKE_EPOCH_US + times[i],
                                      .recorded_us = FAKE_EPOCH_US,
                                      .public_text = CF_STR("\"outcome\":\"unknown\"")};
    fact->record.payload[CF_C_CLIENT] =
        i == 1 ? CF_STR("{\"user_agent\":\"x\"}") : CF_STR("{\"user_agent\":\"<SCRIPT>\"}");
    fact->time_us = fact->record.time_us;
  }
  fake_view_make(&fake, 2, 1, &view);
  ck_assert_ok(pages_one(&q, &view.view, 10, INT64_MAX, "", &got, &end));
  ck_assert_uint_eq(end.rows, 1);
  fake_view_make(&fake, 3, 1, &view);
  char cursor[128];
  memcpy(cursor, end.cursor, sizeof cursor);
  ck_assert_ok(pages_one(&q, &view.view, 10, INT64_MAX, cursor, &got, &end));
  ck_assert_uint_eq(end.rows, 1);
  ck_assert_uint_eq(got.seq[1], 2);
  cf_buf_fini(&q.url);
  free(got.seq);
}
END_TEST

/* ---- budgets, callbacks ---- */

/* A budget of no time ends the page after one block; an ascending cursor at the
 * end spares the next one everything. */
START_TEST(test_budget)
{
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
  struct question q = plain_question("user=nobody&to=2000-01-01", false, true);

  fake_view_make(&fake, fake.n, 6, &view);
  struct question all = plain_question("", false, true);
  ck_assert_ok(pages_one(&all, &view.view, 1000, 0, "", &got, &end));
  ck_assert(end.has_more && end.rows <= 64);
  ck_assert_uint_eq(view.blocks_read, 1);
  ck_assert_ok(pages_one(&q, &view.view, 1000, INT64_MAX, "", &got, &end));
  ck_assert(!end.has_more);
  view.matches = 0;
  char cursor[128];
  memcpy(cursor, end.cursor, sizeof cursor);
  ck_assert_ok(pages_one(&q, &view.view, 1000, INT64_MAX, cursor, &got, &end));
  ck_assert_uint_eq(view.matches, 0);
  cf_buf_fini(&all.url);
  cf_buf_fini(&q.url);
  free(got.seq);
}
END_TEST

/* A block that does not hold the record that it should is damaged. */
START_TEST(test_short_block)
{
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
  struct question q = plain_question("seq_from=64&kind=all", false, true);

  fake_view_make(&fake, fake.n, 1, &view);
  view.blocks_short = true;
  ck_assert_err(pages_one(&q, &view.view, 1000, INT64_MAX, "", &got, &end), CF_E_DAMAGED);
  ck_assert_uint_eq(end.rows, 63);
  ck_assert_uint_eq(end.damaged_from, 64);
  ck_assert_uint_eq(end.damaged_to, 128);
  cf_buf_fini(&q.url);
  free(got.seq);
}
END_TEST

START_TEST(test_empty)
{
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};

  fake_view_make(&fake, 0, 1, &view);
  for (unsigned how = 0; how < 4; how++) {
    struct question q = plain_question("", (how & 1) != 0, (how & 2) != 0);
    ck_assert_ok(pages_one(&q, &view.view, 10, 0, "", &got, &end));
    ck_assert_uint_eq(end.rows, 0);
    ck_assert(!end.has_more);
    ck_assert((end.cursor[0] != 0) == q.ascending);
    if (q.ascending) {
      struct fake_view later;
      fake_view_make(&fake, 100, 2, &later);
      ck_assert_ok(pages_one(&q, &later.view, 1000, INT64_MAX, end.cursor, &got, &end));
      ck_assert_uint_gt(end.rows, 10);
      got.n = 0;
    }
    cf_buf_fini(&q.url);
  }
  free(got.seq);
}
END_TEST

static enum cf_err refuse_row(void *context, const struct cf_record *record)
{
  unsigned *left = context;

  (void)record;
  return (*left)-- == 0 ? CF_E_PEER : CF_OK;
}

START_TEST(test_row_error)
{
  struct fake_view view;
  struct cf_query *query;
  struct cf_fault fault;
  struct cf_page_end end;
  unsigned left = 5;

  fake_view_make(&fake, fake.n, 3, &view);
  ck_assert_ok(ask_parse("sort=time", NULL, &query, &fault));
  ck_assert_err(cf_query_run(query, &view.view, INT64_MAX, refuse_row, &left, &end), CF_E_PEER);
  ck_assert_uint_eq(end.rows, 5);
  cf_query_free(query);
}
END_TEST

static enum cf_err count_row(void *context, const struct cf_record *record)
{
  uint64_t *last = context;

  ck_assert(*last == UINT64_MAX || record->seq == *last + 1);
  *last = record->seq;
  return CF_OK;
}

/* A page ends when it has given so many bytes; `all` does not. */
START_TEST(test_bytes)
{
  static char big[32768];
  struct fake_view view;
  struct cf_query *query;
  struct cf_fault fault;
  struct cf_page_end end;
  uint64_t last = UINT64_MAX, per_page = 0;

  memset(big, 'x', sizeof big);
  memcpy(big, "{\"message\":\"", 12);
  memcpy(big + sizeof big - 2, "\"}", 2);
  for (size_t i = 0; i < 1200; i++) {
    fake.facts[i].record.kind = CF_K_EVENT;
    fake.facts[i].record.payload[CF_C_DETAIL] = (struct cf_str){big, sizeof big};
  }
  fake_view_make(&fake, 1200, 3, &view);
  ck_assert_ok(ask_parse("order=asc&limit=10000", NULL, &query, &fault));
  ck_assert_ok(cf_query_run(query, &view.view, INT64_MAX, count_row, &last, &end));
  per_page = CF_QUERY_BYTES_MAX / sizeof big;
  ck_assert_uint_le(end.rows, per_page);
  ck_assert_uint_ge(end.rows, per_page - 8);
  ck_assert(end.has_more);
  cf_query_free(query);
  ck_assert_ok(ask_parse("order=asc&limit=all", NULL, &query, &fault));
  last = UINT64_MAX;
  ck_assert_ok(cf_query_run(query, &view.view, INT64_MAX, count_row, &last, &end));
  ck_assert_uint_eq(end.rows, 1200);
  ck_assert(!end.has_more);
  cf_query_free(query);
}
END_TEST

/* Text that is not canonical is damage, not a missing row. */
START_TEST(test_broken_text)
{
  struct fake_view view;
  struct cf_query *query;
  struct cf_fault fault;
  struct cf_page_end end;
  uint64_t last = UINT64_MAX;
  struct cf_record *r = &fake.facts[100].record;

  r->kind = CF_K_EVENT;
  r->gone[CF_C_ACTOR] = NULL;
  r->payload[CF_C_ACTOR] = CF_STR("{\"user\":\"x}");
  fake_view_make(&fake, fake.n, 1, &view);
  ck_assert_ok(ask_parse("user.not=nobody&seq_from=100&seq_to=101", NULL, &query, &fault));
  ck_assert_err(cf_query_run(query, &view.view, INT64_MAX, count_row, &last, &end), CF_E_DAMAGED);
  ck_assert_uint_eq(end.damaged_from, 64);
  ck_assert_uint_eq(end.damaged_to, 128);
  cf_query_free(query);
}
END_TEST

/* More records than one round by time keeps. */
START_TEST(test_many_rounds)
{
  enum { MANY = 150000 };
  struct fake many = {.facts = calloc(MANY, sizeof *many.facts), .n = MANY, .random = 1};
  struct fake_view view;
  struct cf_query *query;
  struct cf_fault fault;
  struct cf_page_end end;
  struct list got = {malloc((MANY + 1) * sizeof *got.seq), 0};

  for (uint64_t i = 0; i < MANY; i++) {
    struct fake_fact *fact = &many.facts[i];
    fact->record = fake.facts[1].record;
    fact->record.seq = i;
    fact->record.kind = CF_K_EVENT;
    fact->record.recorded_us = fact->record.time_us = fact->time_us =
        FAKE_EPOCH_US + (int64_t)(i * 7919 % MANY) * 1000;
    memset(fact->pick, 0xff, sizeof fact->pick);
  }
  struct fake kept = fake;
  fake = many;
  for (size_t i = 0; i < MANY; i++)
    fake.facts[i].record.public_text.p = fake.facts[1].record.public_text.p;
  fake_view_make(&fake, MANY, 5, &view);
  ck_assert_ok(ask_parse("sort=time&order=asc&limit=all", NULL, &query, &fault));
  ck_assert_ok(cf_query_run(query, &view.view, INT64_MAX, pages_row, &got, &end));
  ck_assert_uint_eq(end.rows, MANY);
  for (size_t i = 0; i < MANY; i++)
    ck_assert_int_eq(fake.facts[got.seq[i]].time_us, FAKE_EPOCH_US + (int64_t)i * 1000);
  cf_query_free(query);
  free(got.seq);
  free(fake.facts);
  fake = kept;
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "scan", .test = test_random, .setup = fake_setup, .teardown = fake_teardown},
      {.tcase = "scan", .test = test_ties, .loops = 4},
      {.tcase = "scan", .test = test_edges},
      {.tcase = "scan", .test = test_each_record},
      {.tcase = "growing", .test = test_growing, .setup = fake_setup, .teardown = fake_teardown},
      {.tcase = "growing", .test = test_follow},
      {.tcase = "growing", .test = test_late_record},
      {.tcase = "pages", .test = test_empty, .setup = fake_setup, .teardown = fake_teardown},
      {.tcase = "pages", .test = test_row_error},
      {.tcase = "pages", .test = test_budget},
      {.tcase = "pages", .test = test_short_block},
      {.tcase = "pages", .test = test_bytes},
      {.tcase = "pages", .test = test_broken_text},
      {.tcase = "pages", .test = test_many_rounds},
  };
  return cf_test_run("query", tests, CF_COUNT(tests));
}
