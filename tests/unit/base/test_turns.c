/* SPDX-License-Identifier: MIT */
/* Turns: how many work at once, in which order, and who waits for nobody. */
#include "config.h"

#include "lib/base/turns.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/cf_test.h"
#include "tests/unit/held_clock.h"

#define WORKERS 6

static struct cf_turns *turns;
static atomic_uint inside, most, ended;

static void turns_open(unsigned at_once)
{
  atomic_store(&inside, 0);
  atomic_store(&most, 0);
  atomic_store(&ended, 0);
  ck_assert_ok(cf_turns_new(at_once, &turns));
}

static void turn_have(struct cf_turn *turn)
{
  cf_turn_init(turn, turns);
  while (!turn->has) {
    held_move(1000);
    ck_assert_ok(cf_turn_work(turn));
  }
}

/* Work in pieces between which somebody else may have the turn. */
static void *work_long(void *unused)
{
  struct cf_turn turn;
  for (unsigned piece = 0; piece < 4; piece++) {
    turn_have(&turn);
    unsigned now = atomic_fetch_add(&inside, 1) + 1;
    if (now > atomic_load(&most))
      atomic_store(&most, now);
    usleep(1000); /* so that others come meanwhile */
    atomic_fetch_sub(&inside, 1);
    cf_turn_rest(&turn);
  }
  atomic_fetch_add(&ended, 1);
  return unused;
}

/* ---- tests ---- */

/* 0: where nobody says how many, half of the processors, and at least one. */
START_TEST(test_so_many_work_at_once)
{
  pthread_t thread[WORKERS];
  long half = sysconf(_SC_NPROCESSORS_ONLN) / 2;
  unsigned at_once = _i > 0 ? (unsigned)_i : half > 1 ? (unsigned)half : 1;
  turns_open((unsigned)_i);
  for (unsigned i = 0; i < WORKERS; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, work_long, NULL), 0);
  for (unsigned i = 0; i < WORKERS; i++)
    ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
  ck_assert_uint_eq(atomic_load(&ended), WORKERS);
  ck_assert_uint_le(atomic_load(&most), at_once);
  cf_turns_free(turns);
}
END_TEST

START_TEST(test_short_work_waits_for_nobody)
{
  struct cf_turn slow, quick;
  turns_open(1);
  turn_have(&slow);
  cf_turn_init(&quick, turns);
  ck_assert_ok(cf_turn_work(&quick)); /* would not return if it waited */
  ck_assert(!quick.has);
  cf_turn_rest(&quick);
  cf_turn_rest(&slow);
  cf_turns_free(turns);
}
END_TEST

static void *take_once(void *flag)
{
  struct cf_turn turn;
  turn_have(&turn);
  atomic_store((atomic_bool *)flag, true);
  cf_turn_rest(&turn);
  return NULL;
}

/* Who works on gives its turn to one that waits, without resting. */
START_TEST(test_a_slice_ends_where_others_wait)
{
  struct cf_turn turn;
  pthread_t other;
  atomic_bool served = false;
  turns_open(1);
  turn_have(&turn);
  ck_assert_int_eq(pthread_create(&other, NULL, take_once, &served), 0);
  while (!atomic_load(&served)) {
    held_move(1000);
    ck_assert_ok(cf_turn_work(&turn));
  }
  ck_assert(turn.has);
  cf_turn_rest(&turn);
  ck_assert_int_eq(pthread_join(other, NULL), 0);
  cf_turns_free(turns);
}
END_TEST

/* Rests between pieces do not make long work short. */
START_TEST(test_short_pieces_add_up)
{
  struct cf_turn turn;
  turns_open(1);
  cf_turn_init(&turn, turns);
  for (unsigned i = 0; i < 40 && !turn.has; i++) {
    ck_assert_ok(cf_turn_work(&turn));
    held_move(1000);
    ck_assert_ok(cf_turn_work(&turn));
    if (!turn.has)
      cf_turn_rest(&turn);
  }
  ck_assert(turn.has);
  cf_turn_rest(&turn);
  cf_turn_rest(&turn); /* twice is harmless, and so is none */
  cf_turn_rest(NULL);
  ck_assert_ok(cf_turn_work(NULL));
  cf_turns_free(turns);
}
END_TEST

static bool answer_is(void *context)
{
  return *(bool *)context;
}

/* Whether it may wait is asked when it would; short work is not asked. */
START_TEST(test_one_that_may_not_wait)
{
  struct cf_turn turn;
  bool may = false;
  turns_open(1);
  cf_turn_init(&turn, turns);
  turn.may = answer_is;
  turn.context = &may;
  ck_assert_ok(cf_turn_work(&turn));
  held_move(30000);
  ck_assert_err(cf_turn_work(&turn), CF_E_CROWDED);
  ck_assert(!turn.has);
  may = true;
  ck_assert_ok(cf_turn_work(&turn));
  ck_assert(turn.has);
  cf_turn_rest(&turn);
  cf_turns_free(turns);
}
END_TEST

/* One who works for long is asked again and again: he may have to end. */
START_TEST(test_one_that_may_no_more)
{
  struct cf_turn turn;
  bool may = true;
  turns_open(1);
  cf_turn_init(&turn, turns);
  turn.may = answer_is;
  turn.context = &may;
  while (!turn.has) {
    held_move(1000);
    ck_assert_ok(cf_turn_work(&turn));
  }
  held_move(25000);
  ck_assert_ok(cf_turn_work(&turn));
  may = false;
  held_move(25000);
  ck_assert_err(cf_turn_work(&turn), CF_E_CROWDED);
  cf_turn_rest(&turn);
  cf_turns_free(turns);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "turns", .test = test_so_many_work_at_once, .loops = 4},
      {.tcase = "turns", .test = test_short_work_waits_for_nobody},
      {.tcase = "turns", .test = test_a_slice_ends_where_others_wait},
      {.tcase = "turns", .test = test_short_pieces_add_up},
      {.tcase = "turns", .test = test_one_that_may_not_wait},
      {.tcase = "turns", .test = test_one_that_may_no_more},
  };
  return cf_test_run("turns", tests, CF_COUNT(tests));
}
