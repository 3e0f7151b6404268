/* SPDX-License-Identifier: MIT */
/* Rolling while others wait for it, and while the ledger leaves. The roller is
 * held where it renames a file until the test lets it go. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/ledger/ledger_in.h"
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

/* ---- what is answered by the roller ---- */

static atomic_bool answered;

/* An answer may append: here it is the roller that brings it, and nobody else
 * could take from it what it has before it. */
static void answer_appends(void *context, enum cf_err err)
{
  struct cf_event e;
  (void)context;
  ck_assert_ok(err);
  stage_numbered(&e, 90001);
  (void)stage_append(&e);
  cf_event_fini(&e);
  atomic_store(&answered, true);
}

static void *append_across(void *arg)
{
  stage_append_range(80000, 80300, 300);
  return arg;
}

static size_t tails_now(void)
{
  struct cf_layout *layout = cf_layout_get(stage_ledger);
  size_t n = layout->tails_n;
  cf_layout_put(layout);
  return n;
}

static void lookers_add(unsigned n)
{
  (void)pthread_mutex_lock(&stage_ledger->queue.lock);
  stage_ledger->queue.lookers += n;
  (void)pthread_mutex_unlock(&stage_ledger->queue.lock);
}

/* Has somebody taken a group, and not committed it yet? */
static bool is_led(void)
{
  (void)pthread_mutex_lock(&stage_ledger->queue.lock);
  bool leading = stage_ledger->queue.leading && stage_ledger->queue.head == NULL;
  (void)pthread_mutex_unlock(&stage_ledger->queue.lock);
  return leading;
}

/* Somebody looks at the queue, and is busy with another answer: so whoever left
 * word while the group before was led waits for the next one who enters, which
 * is the roller with its segment. By then there are too many generations. */
START_TEST(test_roller_answers)
{
  pthread_t across;
  struct cf_event e;
  const struct cf_event *pointer = &e;
  struct cf_place place;
  struct cf_append append = {.events = &pointer, .n = 1, .places = &place};
  for (unsigned i = 0; tails_now() < CF_TAILS_MAX; i += 32)
    stage_append_range(i, i + 32, 32);
  (void)pthread_mutex_lock(&stage_ledger->commit);
  ck_assert_int_eq(pthread_create(&across, NULL, append_across, NULL), 0);
  while (!is_led())
    usleep(1000);
  lookers_add(1);
  stage_numbered(&e, 90000);
  ck_assert_ok(cf_ledger_append_then(stage_ledger, &append, answer_appends, NULL));
  (void)pthread_mutex_unlock(&stage_ledger->commit);
  ck_assert_int_eq(pthread_join(across, NULL), 0);
  ck_assert_uint_gt(tails_now(), CF_TAILS_MAX);
  ck_assert(!atomic_load(&answered));
  atomic_store(&held, false);
  while (!atomic_load(&answered))
    usleep(1000);
  lookers_add(-1u);
  cf_event_fini(&e);
  stage_wait_for_segments(FROZEN);
  stage_assert_verifies();
}
END_TEST

/* ---- who reads meanwhile ---- */

/* How many layouts between the two still hold what they show, for readers? */
static unsigned layouts_held(const struct cf_layout *from, const struct cf_layout *to)
{
  unsigned n = 0;
  for (const struct cf_layout *y = from->next; y != to; y = y->next)
    n += atomic_load(&y->refs) > 0;
  return n;
}

/* A long export keeps what it reads, not each generation that came and went
 * since it began. */
START_TEST(test_a_reader_keeps_no_more)
{
  struct cf_layout *read = cf_layout_get(stage_ledger);
  atomic_store(&held, false);
  stage_append_range(0, 1200, 100);
  stage_wait_for_segments(4);
  struct cf_layout *now = cf_layout_get(stage_ledger);
  while (layouts_held(read, now) > 0)
    usleep(1000); /* others look, too, for a moment */
  ck_assert_ptr_nonnull(read->tails);
  cf_layout_put(now);
  cf_layout_put(read);
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
       .timeout = 180},
      {.tcase = "roll", .test = test_roll_during_a_stop},
      {.tcase = "roll", .test = test_roller_answers},
      {.tcase = "roll", .test = test_a_reader_keeps_no_more},
  };
  return cf_test_run("roll", tests, CF_COUNT(tests));
}
