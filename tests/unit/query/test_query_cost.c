/* SPDX-License-Identifier: MIT */
/* What a question looks at: which units, in which order, which conditions, how
 * many blocks; and that what it passes by has nothing. */
#include "config.h"

#include "tests/unit/cf_test.h"
#include "tests/unit/query/query_ask.h"
#include "tests/unit/query/query_fake.h"
#include "tests/unit/query/query_pages.h"

/* What is rare is found without reading everything, and a page at the end of
 * the ledger reads the end. */
START_TEST(test_cost)
{
  static const struct {
    const char *url;
    unsigned blocks;
  } rows[] = {
      {"limit=1", 2},
      {"limit=1&order=asc", 2},
      {"action=nowhere", 0},
      {"from=9990-01-01&limit=1", 2},
      {"seq_from=1000&seq_to=1001", 1},
      {"kind=token", 0},
      {"to=0001-01-01", 0},
      {"sort=time&limit=1", 3},
      {"sort=time&action=nowhere", 0},
      {"user=nobody&status=2xx", 0},
  };
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};

  for (size_t i = 0; i < CF_COUNT(rows); i++) {
    struct cf_query *query;
    struct cf_fault fault;
    fake_view_make(&fake, fake.n, 4, &view);
    ck_assert_ok(ask_parse(rows[i].url, NULL, &query, &fault));
    got.n = 0;
    ck_assert_ok(cf_query_run(query, &view.view, INT64_MAX, pages_row, &got, &end));
    ck_assert_msg(view.blocks_read <= rows[i].blocks, "%s: %u blocks", rows[i].url,
                  view.blocks_read);
    cf_query_free(query);
  }
  free(got.seq);
}
END_TEST

/* What leaves few candidates is looked up first, wherever it stands in the
 * filter, and nothing else is then. */
START_TEST(test_rarest_first)
{
  static const unsigned members[] = {CF_M_ACTION, CF_M_USER, CF_M_CREDENTIAL};
  struct fake_view view;
  struct cf_query *query;
  struct cf_page_end end;
  struct cf_fault fault;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
  uint32_t counts[CF_I_N] = {0};

  for (size_t i = 0; i < fake.n; i++)
    for (size_t m = 0; m < CF_COUNT(members); m++)
      fake.facts[i].pick[members[m]] = m == (size_t)_i && i != 7 ? FAKE_ABSENT : 0;
  for (size_t m = 0; m < CF_COUNT(members); m++)
    counts[members[m]] = m == (size_t)_i ? 1 : (uint32_t)fake.n;
  fake_view_make(&fake, fake.n, 1, &view);
  view.counts = counts;
  ck_assert_ok(ask_parse("action=login&user=alice&credential=k1", NULL, &query, &fault));
  ck_assert_ok(cf_query_run(query, &view.view, INT64_MAX, pages_row, &got, &end));
  ck_assert_uint_eq(view.matches, 1);
  cf_query_free(query);
  free(got.seq);
}
END_TEST

static void ask_url(const char *url, struct fake_view *view, struct list *got,
                    struct cf_page_end *end)
{
  struct cf_query *query;
  struct cf_fault fault;

  got->n = 0;
  ck_assert_ok(ask_parse(url, NULL, &query, &fault));
  ck_assert_ok(cf_query_run(query, &view->view, INT64_MAX, pages_row, got, end));
  cf_query_free(query);
}

/* That nothing is found is noted of whole units, whatever part of the filter it
 * was that is no condition, and spares the next question each of them. */
START_TEST(test_barren)
{
  static const struct {
    const char *url;
    uint64_t size;
    bool noted;
  } rows[] = {
      {"action=login&user=alice", 3000, true},
      {"action=login&user=alice&sort=time&order=asc", 3000, true},
      {"action=login&user=alice&from=2023-11-15", 3000, true},
      {"action=login&user=alice&seq_from=1", 3000, false},
      {"action=login&user=alice&seq_to=2999", 3000, false},
      {"action=login&user=alice", 2999, false}, /* the view ends in the unit */
      {"action=login&user=bob", 3000, false},   /* another filter */
      {"action=login", 3000, false},
  };
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};

  for (size_t i = 0; i < fake.n; i++) {
    fake.facts[i].pick[CF_M_ACTION] = i % 2 == 0 ? 0 : FAKE_ABSENT;
    fake.facts[i].pick[CF_M_USER] = i % 2 == 0 ? FAKE_ABSENT : 0;
  }
  fake_view_make(&fake, fake.n, 1, &view);
  view.units[0].end = fake.n;
  view.units_n = 1;
  view.view.size = rows[_i].size;
  ask_url(rows[_i].url, &view, &got, &end);
  view.matches = 0;
  view.view.size = fake.n;
  ask_url("action=login&user=alice", &view, &got, &end);
  ck_assert_uint_eq(end.rows, 0);
  ck_assert_uint_eq(view.matches, rows[_i].noted ? 0 : 2);
  free(got.seq);
}
END_TEST

/* Events whose times fall, and between them what the log recorded of itself
 * long after. */
static size_t own_between(void)
{
  size_t own = 0;

  for (size_t i = 0; i < fake.n; i++) {
    struct cf_record *r = &fake.facts[i].record;
    r->kind = i % 64 == 9 ? CF_K_SERVICE : CF_K_EVENT;
    r->recorded_us = FAKE_EPOCH_US + (int64_t)(i % 2 == 0 ? i : fake.n + i) * CF_HOUR_US;
    r->time_us = r->kind == CF_K_EVENT ? FAKE_EPOCH_US + (int64_t)(fake.n - i) : CF_TIME_NONE;
    fake.facts[i].time_us = cf_record_effective_us(r);
    own += r->kind == CF_K_SERVICE;
  }
  return own;
}

/* By time, the unit that has the first ones is looked at first, wherever it
 * lies, and none that has only later ones: not for what the log recorded in it
 * of itself either. */
START_TEST(test_promising_first)
{
  static const char *const urls[] = {"sort=time&limit=5", "sort=time&order=asc&limit=5"};
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};

  (void)own_between();
  fake_view_make(&fake, fake.n, 8, &view);
  ask_url(urls[_i], &view, &got, &end);
  ck_assert(end.rows == 5 && end.has_more);
  for (size_t i = 0; i < 5; i++)
    ck_assert_uint_eq(got.seq[i], _i == 0 ? i : fake.n - 1 - i);
  ck_assert_uint_eq(view.spans_read, 1);
  free(got.seq);
}
END_TEST

/* What lies outside of the events' times is found by kind. */
START_TEST(test_own_times)
{
  static const char *const urls[] = {"kind=service&limit=all&from=2023-11-15",
                                     "kind=service&limit=all&from=2023-11-15&sort=time",
                                     "kind=service,event&limit=all&from=2023-11-15",
                                     "kind=all&limit=all&from=2023-11-15&order=asc"};
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};

  size_t own = own_between();
  fake_view_make(&fake, fake.n, 8, &view);
  ask_url(urls[_i], &view, &got, &end);
  ck_assert_uint_eq(end.rows, own);
  free(got.seq);
}
END_TEST

/* By time, of a run with one candidate its time alone is asked for, of one with
 * more all. */
START_TEST(test_times_alone)
{
  static const struct {
    uint64_t second; /* seq of another candidate in the first run */
    unsigned times;
  } rows[] = {{1000, 4}, {255, 256 + 2}, {6, 256 + 2}};
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};

  for (size_t i = 0; i < fake.n; i++) {
    bool is = i == 5 || i == 256 || i == 511 + 256 || i == rows[_i].second;
    fake.facts[i].pick[CF_M_ACTION] = is ? 0 : FAKE_ABSENT;
  }
  fake_view_make(&fake, fake.n, 1, &view);
  view.units[0].end = fake.n;
  view.units_n = 1;
  ask_url("action=login&sort=time&kind=all", &view, &got, &end);
  ck_assert_uint_eq(view.times_read, rows[_i].times);
  free(got.seq);
}
END_TEST

/* What is searched for is looked for in a block's bytes before its records, of
 * which there are none then. */
START_TEST(test_unwanted_blocks)
{
  static const char *const urls[] = {"q=is-nowhere-at-all", "q=is-nowhere-at-all&sort=time",
                                     "q=is-nowhere-at-all&order=asc"};
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};

  fake_view_make(&fake, fake.n, 3, &view);
  for (size_t i = 0; i < view.units_n; i++)
    view.grams_damaged[i] = true;
  ask_url(urls[_i], &view, &got, &end);
  ck_assert(end.rows == 0 && !end.has_more);
  ck_assert_uint_ge(view.unwanted, (unsigned)fake.n / 64);
  free(got.seq);
}
END_TEST

/* A block that was left unread in one round has its records read for their
 * times in the next one. */
START_TEST(test_unwanted_block_is_wanted)
{
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};

  for (size_t i = 0; i < 128; i++)
    fake.facts[i].time_us = fake.facts[i].record.time_us = FAKE_EPOCH_US;
  fake_view_make(&fake, 128, 1, &view);
  view.units[0].end = 128;
  view.units_n = 1;
  view.grams_damaged[0] = view.times_damaged[0] = true;
  ask_url("q=is-nowhere-at-all&sort=time&limit=1&kind=all", &view, &got, &end);
  ck_assert(end.rows == 0 && !end.has_more);
  ck_assert_uint_ge(view.unwanted, 2);
  free(got.seq);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "cost", .test = test_cost, .setup = fake_setup, .teardown = fake_teardown},
      {.tcase = "cost", .test = test_rarest_first, .loops = 3},
      {.tcase = "cost", .test = test_barren, .loops = 8},
      {.tcase = "cost", .test = test_promising_first, .loops = 2},
      {.tcase = "cost", .test = test_own_times, .loops = 4},
      {.tcase = "cost", .test = test_times_alone, .loops = 3},
      {.tcase = "cost", .test = test_unwanted_blocks, .loops = 3},
      {.tcase = "cost", .test = test_unwanted_block_is_wanted},
  };
  return cf_test_run("query_cost", tests, CF_COUNT(tests));
}
