/* SPDX-License-Identifier: MIT */
/* Rolling while others wait for it, and while the ledger leaves. The roller is
 * held where it renames a file until the test lets it go. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/ledger/ledger_stage.h"

#define FROZEN 8 /* generations that may wait before appends do */

static atomic_bool held;
static atomic_uint waiting;

int rename(const char *from, const char *to)
{
  bool segment = strstr(to, "/segments/") != NULL;
  atomic_fetch_add(&waiting, segment && atomic_load(&held));
  while (segment && atomic_load(&held))
    usleep(1000);
  return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

static void setup(void)
{
  atomic_store(&held, true);
  atomic_store(&waiting, 0);
  stage_ledger_setup();
}

static void *append_many(void *arg)
{
  unsigned from = *(const unsigned *)arg;
  stage_append_range(from, from + (FROZEN + 4) * 64, 32);
  return NULL;
}

static uint64_t tail_records(void)
{
  struct cf_ledger_state state;
  cf_ledger_state(stage_ledger, &state);
  return state.tail_records;
}

/* More callers than one wait for the roller; it does not wait for them. */
START_TEST(test_roll_while_appends_wait)
{
  unsigned from[4];
  pthread_t callers[CF_COUNT(from)];
  for (unsigned i = 0; i < CF_COUNT(from); i++) {
    from[i] = i * 10000;
    ck_assert_int_eq(pthread_create(&callers[i], NULL, append_many, &from[i]), 0);
  }
  uint64_t last = 0;
  while (tail_records() < FROZEN * 256 || tail_records() != last) {
    last = tail_records();
    usleep(50000);
  }
  ck_assert_uint_lt(last, (FROZEN + 2) * 256);
  atomic_store(&held, false);
  for (unsigned i = 0; i < CF_COUNT(from); i++)
    ck_assert_int_eq(pthread_join(callers[i], NULL), 0);
  stage_wait_for_segments(FROZEN + 4);
  stage_assert_verifies();
}
END_TEST

static void *close_ledger(void *arg)
{
  stage_close_ledger();
  return arg;
}

/* What was being written when the ledger was told to leave is in it. */
START_TEST(test_roll_during_a_stop)
{
  pthread_t closer;
  stage_append_range(0, 300, 100);
  while (atomic_load(&waiting) == 0)
    usleep(1000);
  ck_assert_int_eq(pthread_create(&closer, NULL, close_ledger, NULL), 0);
  usleep(200000);
  atomic_store(&held, false);
  ck_assert_int_eq(pthread_join(closer, NULL), 0);
  atomic_store(&held, true);
  stage_open_ledger();
  ck_assert_uint_eq(stage_segments(), 1);
  atomic_store(&held, false);
  stage_assert_holds(300);
  stage_assert_verifies();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "roll",
       .test = test_roll_while_appends_wait,
       .setup = setup,
       .teardown = stage_ledger_teardown,
       .timeout = 20},
      {.tcase = "roll", .test = test_roll_during_a_stop},
  };
  return cf_test_run("roll", tests, CF_COUNT(tests));
}
