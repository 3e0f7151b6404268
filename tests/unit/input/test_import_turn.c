/* SPDX-License-Identifier: MIT */
/* Batches on their way while the next one is made: whose turn it is. */
#include "config.h"

#include "tests/unit/input/import_stage.h"

static void check_order(void)
{
  for (size_t i = 0; i + 1 < import_events_n; i++)
    ck_assert_int_lt(atoi(strchr(import_events[i].id, '.') + 1),
                     atoi(strchr(import_events[i + 1].id, '.') + 1));
}

START_TEST(test_pass)
{
  for (unsigned i = 0; i < 5; i++) {
    import_add(IMPORT_LINE);
    import_add("text");
    ck_assert_ok(cf_import_pass(import, NULL));
  }
  import_add(IMPORT_LINE);
  ck_assert_ok(cf_import_wait(import, NULL));
  import_check(10, 10, 0, 5);
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(11, 11, 0, 5);
  ck_assert_uint_eq(import_events_n, 11);
  check_order();
}
END_TEST

/* A request comes while the one before it is in work, and nothing of it is
 * taken before that one is. */
START_TEST(test_pass_ahead)
{
  import_hold = 2;
  for (unsigned i = 0; i < 6; i++) {
    import_add(IMPORT_LINE);
    import_add("text");
    ck_assert_ok(cf_import_pass(import, NULL));
  }
  ck_assert_ok(cf_import_wait(import, NULL));
  import_check(12, 12, 0, 6);
  ck_assert_uint_eq(import_posts, 6);
  ck_assert_uint_eq(import_entered - import_broken_off, 6);
  check_order();
}
END_TEST

/* Where one has to be sent again, the one that was made ready behind it is
 * broken off, and comes after it. */
START_TEST(test_pass_ahead_waits)
{
  import_hold = 2;
  import_troubles[0] = import_passing[_i];
  import_troubles_n = 1;
  for (unsigned i = 0; i < 3; i++) {
    import_add(IMPORT_LINE);
    ck_assert_ok(cf_import_pass(import, NULL));
  }
  ck_assert_ok(cf_import_wait(import, NULL));
  import_check(3, import_passing[_i].applied ? 2 : 3, import_passing[_i].applied, 0);
  ck_assert_uint_eq(import_events_n, 3);
  ck_assert_uint_eq(import_entered - import_broken_off, 4);
  ck_assert_uint_eq(import_posts, 4);
  check_order();
}
END_TEST

/* What was refused with a batch is made anew while lines are added. */
START_TEST(test_pass_refused)
{
  import_bad = "GET";
  for (unsigned i = 0; i < 3; i++) {
    import_add(IMPORT_LINE);
    ck_assert_ok(cf_import_pass(import, NULL));
    import_add("text");
  }
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(6, 6, 0, 6);
}
END_TEST

/* Where the ledger has no memory for two, the next request comes when the one
 * before it was answered. */
START_TEST(test_pass_one_at_a_time)
{
  import_rules.ahead = false;
  cf_import_free(import);
  ck_assert_ok(cf_import_new(&import_rules, &import, NULL));
  import_slow_ms = 20;
  for (unsigned i = 0; i < 6; i++) {
    import_add(IMPORT_LINE);
    ck_assert_ok(cf_import_pass(import, NULL));
  }
  ck_assert_ok(cf_import_wait(import, NULL));
  import_check(6, 6, 0, 0);
  ck_assert_uint_eq(import_most, 1);
  ck_assert_uint_eq(import_broken_off, 0);
  check_order();
}
END_TEST

/* A ledger that is slow is not sent what it would have to let go again. */
START_TEST(test_pass_slow)
{
  import_slow_ms = 150;
  for (unsigned i = 0; i < 5; i++) {
    import_add(IMPORT_LINE);
    ck_assert_ok(cf_import_pass(import, NULL));
  }
  ck_assert_ok(cf_import_wait(import, NULL));
  import_check(5, 5, 0, 0);
  ck_assert_uint_eq(import_posts, 5);
  ck_assert_uint_le(import_broken_off, 1);
  check_order();
}
END_TEST

/* The error comes with a later call; what was passed on meanwhile is not sent,
 * and nothing is forgotten. */
START_TEST(test_pass_fails)
{
  struct cf_fault fault = {.detail = ""};
  import_troubles[0] = (struct import_trouble){.err = CF_E_LOCKED};
  import_troubles_n = 1;
  import_add(IMPORT_LINE);
  ck_assert_ok(cf_import_pass(import, NULL));
  import_add("text");
  ck_assert_ok(cf_import_pass(import, &fault));
  import_add("more");
  ck_assert_err(cf_import_pass(import, &fault), CF_E_LOCKED);
  ck_assert_str_eq(fault.detail, "trouble");
  import_check(0, 0, 0, 0);
  ck_assert_uint_eq(import_events_n, 0);
  if (_i == 0)
    ck_assert_ok(cf_import_pass(import, NULL));
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(3, 3, 0, 2);
  check_order();
}
END_TEST

/* Who gives up does not wait for a ledger that is not ready. */
START_TEST(test_pass_left)
{
  import_troubles[0] = import_passing[0];
  import_troubles_n = 1;
  import_add(IMPORT_LINE);
  ck_assert_ok(cf_import_pass(import, NULL));
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "turn", .test = test_pass, .setup = import_setup, .teardown = import_teardown},
      {.tcase = "turn", .test = test_pass_refused},
      {.tcase = "turn", .test = test_pass_ahead},
      {.tcase = "turn", .test = test_pass_ahead_waits, .loops = IMPORT_PASSING_N},
      {.tcase = "turn", .test = test_pass_one_at_a_time},
      {.tcase = "turn", .test = test_pass_slow},
      {.tcase = "turn", .test = test_pass_fails, .loops = 2},
      {.tcase = "turn", .test = test_pass_left},
  };
  return cf_test_run("import_turn", tests, CF_COUNT(tests));
}
