/* SPDX-License-Identifier: MIT */
/* The table of questions: what is counted is told, and nothing else is lost
 * than speed where it is full. */
#include "config.h"

#include <stdio.h>

#include "fcgi-app/routes/questions_in.h"
#include "tests/unit/ledger/ledger_stage.h"

#define NOON   INT64_C(1795824000000000) /* a full hour */
#define MINUTE INT64_C(60000000)

static struct cf_questions *questions;

static void setup(void)
{
  stage_ledger_setup();
  ck_assert_ok(cf_questions_new(stage_ledger, &questions));
}

static void teardown(void)
{
  cf_questions_free(questions);
  stage_ledger_teardown();
}

static struct cf_question question(unsigned i)
{
  struct cf_question q = {.action = "query",
                          .who = {CF_STR("ron"), CF_STR("id"), "192.0.2.7"},
                          .filter = CF_STR("user=u")};
  memcpy(q.key, &i, sizeof i);
  return q;
}

/* ---- telling ---- */

START_TEST(test_told_within_a_minute)
{
  struct cf_question q = question(1);
  uint64_t before = stage_size();
  ck_assert(!cf_questions_repeat(questions, q.key, 1, 1));
  cf_questions_add(questions, &q, NOON);
  cf_questions_tick(questions, NOON + 2 * MINUTE);
  ck_assert_uint_eq(stage_size(), before); /* nothing to tell */
  ck_assert(cf_questions_repeat(questions, q.key, 1, 1));
  ck_assert(cf_questions_repeat(questions, q.key, 1, 1));
  cf_questions_tick(questions, NOON + MINUTE / 2);
  ck_assert_uint_eq(stage_size(), before);
  cf_questions_tick(questions, NOON + MINUTE - 1000000);
  ck_assert_uint_eq(stage_size(), before + 1);
  cf_questions_tick(questions, NOON + 2 * MINUTE);
  ck_assert_uint_eq(stage_size(), before + 1);
}
END_TEST

/* Before the hour closes, whenever it was told last; then it is asked anew. */
START_TEST(test_hour_closes)
{
  struct cf_question q = question(1);
  uint64_t before = stage_size();
  cf_questions_add(questions, &q, NOON + CF_HOUR_US - 10000000);
  ck_assert(cf_questions_repeat(questions, q.key, 1, 1));
  cf_questions_tick(questions, NOON + CF_HOUR_US - 8000000);
  ck_assert_uint_eq(stage_size(), before);
  cf_questions_tick(questions, NOON + CF_HOUR_US - 4000000);
  ck_assert_uint_eq(stage_size(), before + 1);
  cf_questions_tick(questions, NOON + CF_HOUR_US);
  ck_assert(!cf_questions_repeat(questions, q.key, 1, 1));
}
END_TEST

/* What the disk has no space for stays counted. */
START_TEST(test_kept_without_space)
{
  struct cf_question q = question(1);
  uint64_t before = stage_size();
  cf_questions_add(questions, &q, NOON);
  ck_assert(cf_questions_repeat(questions, q.key, 1, 1));
  stage_min_free("1000000G", false);
  cf_questions_tick(questions, NOON + MINUTE);
  ck_assert_uint_eq(stage_size(), before);
  stage_min_free("1M", true);
  cf_questions_tick(questions, NOON + 2 * MINUTE);
  ck_assert_uint_eq(stage_size(), before + 1);
}
END_TEST

/* And what there is none for at the end is a loss. */
START_TEST(test_lost_at_the_end)
{
  struct cf_question q = question(1);
  uint64_t before = stage_size();
  cf_questions_add(questions, &q, NOON);
  ck_assert(cf_questions_repeat(questions, q.key, 5, 5));
  stage_min_free("1000000G", false);
  cf_questions_free(questions);
  questions = NULL;
  while (stage_size() == before)
    usleep(10000);
  ck_assert_uint_eq(stage_size(), before + 1);
}
END_TEST

/* ---- limits ---- */

START_TEST(test_full)
{
  for (unsigned i = 0; i < CF_QUESTIONS_MAX; i++) {
    struct cf_question q = question(i);
    cf_questions_add(questions, &q, NOON);
    ck_assert(cf_questions_repeat(questions, q.key, 1, 0));
  }
  struct cf_question more = question(CF_QUESTIONS_MAX);
  cf_questions_add(questions, &more, NOON);
  ck_assert(!cf_questions_repeat(questions, more.key, 1, 1));
  uint64_t before = stage_size();
  cf_questions_tick(questions, NOON + CF_HOUR_US); /* all of it, by many appends */
  uint64_t told = stage_size() - before;           /* and a record for each segment meanwhile */
  ck_assert_uint_ge(told, CF_QUESTIONS_MAX);
  ck_assert_uint_le(told, CF_QUESTIONS_MAX + CF_QUESTIONS_MAX / 256 + 1);
  cf_questions_tick(questions, NOON + CF_HOUR_US);
  cf_questions_add(questions, &more, NOON + CF_HOUR_US);
  ck_assert(cf_questions_repeat(questions, more.key, 1, 1));
}
END_TEST

START_TEST(test_full_of_text)
{
  static char filter[1 << 20];
  unsigned n = 0;
  memset(filter, 'f', sizeof filter);
  for (; n < 16; n++) {
    struct cf_question q = question(n);
    q.filter = (struct cf_str){filter, sizeof filter};
    cf_questions_add(questions, &q, NOON);
    if (!cf_questions_repeat(questions, q.key, 1, 1))
      break;
  }
  ck_assert_uint_eq(n, CF_QUESTIONS_BYTES / sizeof filter - 1);
}
END_TEST

/* ---- strangers ---- */

static const char *network(const char *ip, int64_t now_us)
{
  static char text[CF_NETWORK_N];
  cf_questions_network(questions, ip, now_us, text);
  return text;
}

START_TEST(test_networks)
{
  ck_assert_str_eq(network("192.0.2.7", NOON), "192.0.2.0/24");
  ck_assert_str_eq(network("2001:db8::1", NOON), "2001:db8::/64");
  ck_assert_str_eq(network("2001:db8:1:2:3:4:5:6", NOON), "2001:db8:1:2::/64");
  ck_assert_str_eq(network("", NOON), "unknown");
}
END_TEST

/* So many are told apart, and again in the next hour. */
START_TEST(test_many)
{
  char ip[46];
  for (unsigned i = 0; i < CF_STRANGERS_MAX; i++) {
    snprintf(ip, sizeof ip, "10.%u.%u.1", i / 256, i % 256);
    ck_assert_str_ne(network(ip, NOON), "many");
  }
  ck_assert_str_eq(network("192.0.2.7", NOON), "many");
  ck_assert_str_eq(network("10.0.0.77", NOON), "10.0.0.0/24");
  ck_assert_str_eq(network("192.0.2.7", NOON + CF_HOUR_US), "192.0.2.0/24");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "telling", .test = test_told_within_a_minute, .setup = setup, .teardown = teardown},
      {.tcase = "telling", .test = test_hour_closes},
      {.tcase = "telling", .test = test_kept_without_space},
      {.tcase = "telling", .test = test_lost_at_the_end},
      {.tcase = "limits", .test = test_full, .setup = setup, .teardown = teardown},
      {.tcase = "limits", .test = test_full_of_text},
      {.tcase = "strangers", .test = test_networks, .setup = setup, .teardown = teardown},
      {.tcase = "strangers", .test = test_many},
  };
  return cf_test_run("questions", tests, CF_COUNT(tests));
}
