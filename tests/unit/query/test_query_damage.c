/* SPDX-License-Identifier: MIT */
/* The walk over damaged blocks, indexes and times: rows are right, and damage
 * is named. CF_SEED and CF_LONG as in test_query.c. */
#include "config.h"

#include "tests/unit/cf_test.h"
#include "tests/unit/query/query_ask.h"
#include "tests/unit/query/query_fake.h"
#include "tests/unit/query/query_pages.h"

/* Rows before the damage are right, the damage is named, and without an error
 * nothing is missing. */
static void one_damaged(const struct question *q, struct fake_view *view, const struct list *want)
{
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
  uint64_t size = view->view.size;
  struct cf_page_end end;

  enum cf_err err = pages_one(q, &view->view, CF_QUERY_LIMIT_ALL, INT64_MAX, "", &got, &end);
  ck_assert(err == CF_OK || err == CF_E_DAMAGED);
  pages_same(q, &got, want, "damaged");
  ck_assert_uint_eq(end.rows, got.n);
  if (err == CF_OK) {
    ck_assert_msg(got.n == want->n, "%.*s: %zu of %zu", (int)q->url.n, (char *)q->url.p, got.n,
                  want->n);
  } else {
    uint64_t from = end.damaged_from / 64, to = (end.damaged_to + 63) / 64;
    ck_assert_uint_eq(end.damaged_from % 64, 0);
    ck_assert(end.damaged_to == size || end.damaged_to % 64 == 0);
    ck_assert(from < to);
    for (uint64_t i = from; i < to; i++)
      ck_assert(view->block_damaged[i]);
    ck_assert(from == 0 || !view->block_damaged[from - 1]);
    ck_assert(end.damaged_to == size || !view->block_damaged[to]);
    ck_assert(end.has_more && end.cursor[0] != 0);
  }
  for (size_t i = 0; i < got.n; i++)
    ck_assert(!view->block_damaged[got.seq[i] / 64]);
  free(got.seq);
}

START_TEST(test_damaged_blocks)
{
  static bool damaged[64];
  struct fake_view view;
  struct question q;

  for (unsigned round = 0; round < cf_test_rounds(60); round++) {
    fake_view_make(&fake, 64 + rnd(fake.n - 64), 1 + rnd(8), &view);
    memset(damaged, 0, sizeof damaged);
    for (uint64_t left = 1 + rnd(3); left > 0; left--)
      damaged[rnd((view.view.size + 63) / 64)] = true;
    view.block_damaged = damaged;
    if (rnd(3) == 0)
      fake_injure(&view);
    for (unsigned i = 0; i < 10; i++) {
      plain_random(&q);
      struct list want = plain_answer(&q, view.view.size);
      one_damaged(&q, &view, &want);
      free(want.seq);
      cf_buf_fini(&q.url);
    }
  }
}
END_TEST

/* A block in which nothing can match is not missed: by an index, by its times,
 * by its seqs. */
START_TEST(test_damage_elsewhere)
{
  static bool damaged[64];
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
  struct question q;
  const struct {
    const char *url;
    enum cf_err err;
  } rows[] = {
      {"action=only-here", CF_OK},
      {"action=only-here&q=curl", CF_OK},
      {"from=2026-01-01&to=9999-01-01", CF_OK},
      {"seq_to=640", CF_OK},
      {"seq_from=704", CF_OK},
      {"seq_to=641", CF_E_DAMAGED},
      {"seq_from=703", CF_E_DAMAGED},
      {"action.not=only-here", CF_E_DAMAGED},
      {"q=x", CF_E_DAMAGED},
  };

  fake_view_make(&fake, fake.n, 1, &view);
  damaged[10] = true;
  view.block_damaged = damaged;
  for (size_t i = 0; i < CF_COUNT(rows); i++) {
    for (unsigned how = 0; how < 4; how++) {
      got.n = 0;
      q = plain_question(rows[i].url, (how & 1) != 0, (how & 2) != 0);
      cf_buf_puts(&q.url, "&kind=all");
      /* the damaged block is of quiet times and holds no such action */
      for (uint64_t seq = 640; seq < 704; seq++)
        fake.facts[seq].time_us = FAKE_EPOCH_US;
      ck_assert_err(pages_one(&q, &view.view, CF_QUERY_LIMIT_ALL, INT64_MAX, "", &got, &end),
                    rows[i].err);
      if (rows[i].err != CF_OK) {
        ck_assert_uint_eq(end.damaged_from, 640);
        ck_assert_uint_eq(end.damaged_to, 704);
      }
      cf_buf_fini(&q.url);
    }
  }
  free(got.seq);
}
END_TEST

/* What is lost as a whole is told as a whole, with its neighbours, whichever
 * record of it is met first; the ways around it meet it no more. */
START_TEST(test_lost_units)
{
  static const char *const bounds[] = {"seq_from", "seq_from", "seq_to"};
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};

  fake_view_make(&fake, fake.n, 12, &view);
  ck_assert_uint_ge(view.units_n, 5);
  view.unit_lost[1] = view.unit_lost[2] = view.unit_lost[3] = true;
  const uint64_t from = view.units[1].first, to = view.units[3].end;
  for (unsigned how = 0; how < 4; how++)
    for (size_t i = 0; i < CF_COUNT(bounds); i++) {
      const uint64_t seqs[] = {0, view.units[2].first + 64, view.units[2].end - 1};
      char url[64];
      snprintf(url, sizeof url, "kind=all&%s=%llu", bounds[i], (unsigned long long)seqs[i]);
      struct question q = plain_question(url, (how & 1) != 0, (how & 2) != 0);
      got.n = 0;
      ck_assert_err(pages_one(&q, &view.view, CF_QUERY_LIMIT_ALL, INT64_MAX, "", &got, &end),
                    CF_E_DAMAGED);
      ck_assert_uint_eq(end.damaged_from, from);
      ck_assert_uint_eq(end.damaged_to, to);
      cf_buf_fini(&q.url);
    }
  for (unsigned i = 0; i < 2; i++) {
    char url[64];
    snprintf(url, sizeof url, "kind=all&seq_%s=%llu", i == 0 ? "to" : "from",
             (unsigned long long)(i == 0 ? end.damaged_from : end.damaged_to));
    struct question q = plain_question(url, false, true);
    got.n = 0;
    ck_assert_ok(pages_one(&q, &view.view, CF_QUERY_LIMIT_ALL, INT64_MAX, "", &got, &end));
    ck_assert_uint_eq(got.n, i == 0 ? from : fake.n - to);
    end.damaged_from = from;
    end.damaged_to = to;
    cf_buf_fini(&q.url);
  }
  free(got.seq);
}
END_TEST

/* Damaged times and a damaged block together: an order by time cannot be told,
 * and that is said before any row. */
START_TEST(test_lost_times)
{
  static bool damaged[64] = {[3] = true};
  struct fake_view view;
  struct cf_page_end end;
  struct list got = {malloc((fake.n + 1) * sizeof *got.seq), 0};
  struct question q = plain_question("", true, true);

  fake_view_make(&fake, fake.n, 1, &view);
  view.times_damaged[0] = true;
  ck_assert_ok(pages_one(&q, &view.view, CF_QUERY_LIMIT_ALL, INT64_MAX, "", &got, &end));
  view.block_damaged = damaged;
  got.n = 0;
  ck_assert_err(pages_one(&q, &view.view, CF_QUERY_LIMIT_ALL, INT64_MAX, "", &got, &end),
                CF_E_DAMAGED);
  ck_assert_uint_eq(end.rows, 0);
  ck_assert_uint_eq(end.damaged_from, 192);
  cf_buf_fini(&q.url);
  free(got.seq);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "damage",
       .test = test_damaged_blocks,
       .setup = fake_setup,
       .teardown = fake_teardown},
      {.tcase = "damage", .test = test_damage_elsewhere},
      {.tcase = "damage", .test = test_lost_times},
      {.tcase = "damage", .test = test_lost_units},
  };
  return cf_test_run("query_damage", tests, CF_COUNT(tests));
}
