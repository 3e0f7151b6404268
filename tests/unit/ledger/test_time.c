/* SPDX-License-Identifier: MIT */
/* A ledger whose clock jumps. */
#include "config.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/ledger/ledger_stage.h"

#define HOUR_S 3600
#define DAY_S  (24 * HOUR_S)

static atomic_long ahead_s; /* how far the wall clock is ahead of the machine's */

int clock_gettime(clockid_t id, struct timespec *t)
{
  int result = (int)syscall(SYS_clock_gettime, id, t);
  if (id == CLOCK_REALTIME)
    t->tv_sec += atomic_load(&ahead_s);
  return result;
}

static struct cf_place append(unsigned i)
{
  struct cf_event e;
  stage_numbered(&e, i);
  struct cf_place place = stage_append(&e);
  cf_event_fini(&e);
  ck_assert_int_eq(place.err, CF_OK);
  return place;
}

/* Append and seal n times, so many seconds apart. */
static void seal(unsigned from, unsigned n, long apart_s)
{
  for (unsigned i = from; i < from + n; i++) {
    atomic_fetch_add(&ahead_s, apart_s);
    struct cf_fault fault = {0};
    struct cf_buf note;
    uint64_t size = append(i).seq + 1;
    cf_buf_init(&note, CF_NOTE_MAX);
    ck_assert_ok(cf_ledger_seal(stage_ledger, size, &note, &fault));
    cf_buf_fini(&note);
  }
}

/* Kept checkpoints of sizes from ≤ size < to. */
static unsigned kept(uint64_t from, uint64_t to)
{
  struct cf_view *view = NULL;
  struct cf_buf note;
  uint64_t found = 0;
  unsigned n = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  for (uint64_t at = 0; cf_view_checkpoint(view, at, &found, &note) == CF_OK; at = found + 1) {
    struct cf_str text, signatures;
    struct cf_checkpoint c;
    ck_assert_ok(cf_note_split(cf_buf_str(&note), &text, &signatures));
    ck_assert_ok(cf_checkpoint_parse(text, &c));
    n += from <= c.size && c.size < to;
    cf_buf_reset(&note);
  }
  cf_buf_fini(&note);
  cf_view_put(view);
  return n;
}

/* ---- tests ---- */

/* An id of an hour ago is remembered, whatever the clock was in between. */
START_TEST(test_id_before_the_clock_was_wrong)
{
  for (unsigned i = 0; i < 300; i++)
    append(i);
  atomic_store(&ahead_s, -30 * DAY_S);
  for (unsigned i = 300; i < 900; i++)
    append(i);
  atomic_store(&ahead_s, HOUR_S);
  append(900);
  stage_wait_for_segments(3);
  ck_assert(append(0).duplicate);
  ck_assert(append(299).duplicate);
  ck_assert(!append(901).duplicate);
}
END_TEST

/* A caller who has the head signed again and again leaves no row each time, and
 * the newest head is always among those kept. */
START_TEST(test_one_checkpoint_a_minute)
{
  uint64_t from = stage_size() + 1;
  seal(0, 200, 0);
  ck_assert_uint_le(kept(from, stage_size() + 1), 2); /* of one minute, or of two */
  ck_assert_uint_eq(kept(stage_size(), stage_size() + 1), 1);
  seal(200, 10, 60);
  ck_assert_uint_ge(kept(from, stage_size() + 1), 10);
}
END_TEST

/* Checkpoints of a time that has not come yet do not keep others from being
 * thinned out. */
START_TEST(test_checkpoints_of_the_future)
{
  atomic_store(&ahead_s, 2 * DAY_S);
  seal(0, 3, 60);
  atomic_store(&ahead_s, 0);
  uint64_t from = stage_size() + 1;
  seal(3, 20, 60);
  uint64_t to = stage_size() + 1;
  ck_assert_uint_ge(kept(from, to), 20);
  stage_close_ledger();
  atomic_store(&ahead_s, DAY_S + 2 * HOUR_S);
  stage_open_ledger();
  while (kept(from, to) > 2) /* of one hour, or of two */
    usleep(10000);
  ck_assert_uint_ge(kept(0, from), 3);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "time",
       .test = test_id_before_the_clock_was_wrong,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "time",
       .test = test_one_checkpoint_a_minute,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "time", .test = test_checkpoints_of_the_future},
  };
  return cf_test_run("time", tests, CF_COUNT(tests));
}
