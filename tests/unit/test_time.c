/* SPDX-License-Identifier: MIT */
/* A ledger whose clock jumps. */
#include "config.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/store/ledger.h"
#include "tests/unit/cf_test.h"

#define HOUR_S 3600
#define DAY_S (24 * HOUR_S)

static char home[256];
static struct cf_conf conf;
static struct cf_ledger *ledger;
static atomic_long ahead_s; /* how far the wall clock is ahead of the machine's */

int clock_gettime(clockid_t id, struct timespec *t)
{
  int result = (int)syscall(SYS_clock_gettime, id, t);
  if (id == CLOCK_REALTIME)
    t->tv_sec += atomic_load(&ahead_s);
  return result;
}

/* ---- the stage ---- */

static void set(const char *key, const char *value)
{
  struct cf_fault fault = {0};
  ck_assert_msg(cf_conf_set(&conf, cf_str_from(key), cf_str_from(value), &fault) == CF_OK, "%s: %s", key, fault.detail);
}

static void open_ledger(void)
{
  struct cf_fault fault = {0};
  enum cf_err err = cf_ledger_open(&conf, "test 1", &ledger, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
}

static void close_ledger(void)
{
  cf_ledger_close(ledger);
  ledger = NULL;
}

static void setup(void)
{
  const char *tmp = getenv("TMPDIR");
  struct cf_fault fault = {0};
  char path[300];
  atomic_store(&ahead_s, 0);
  snprintf(home, sizeof home, "%s/cf-time-XXXXXX", tmp != NULL ? tmp : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(home));
  snprintf(path, sizeof path, "%s/data", home);
  ck_assert_ok(cf_conf_defaults(&conf));
  set("data", path);
  set("origin", "test.example.org/log");
  set("segment_records", "256");
  set("min_free", "1M");
  ck_assert_ok(cf_conf_check(&conf, &fault));
  ck_assert_ok(cf_ledger_init(&conf, &fault));
  open_ledger();
}

static void teardown(void)
{
  char command[400];
  close_ledger();
  cf_conf_fini(&conf);
  snprintf(command, sizeof command, "rm -rf '%s'", home);
  ck_assert_int_eq(system(command), 0);
}

static struct cf_place append(unsigned i)
{
  const struct cf_event_rules rules = {.source = CF_STR("test")};
  char text[80];
  struct cf_event event;
  struct cf_fault fault = {0};
  struct cf_place place;
  snprintf(text, sizeof text, "{\"id\":\"%u\",\"action\":\"x\"}", i);
  ck_assert_ok(cf_event_parse(cf_str_from(text), &rules, &event, &fault));
  const struct cf_event *pointer = &event;
  struct cf_append a = {.events = &pointer, .n = 1, .places = &place};
  ck_assert_ok(cf_ledger_append(ledger, &a));
  ck_assert_int_eq(place.err, CF_OK);
  cf_event_fini(&event);
  return place;
}

static struct cf_ledger_state state(void)
{
  struct cf_ledger_state s;
  cf_ledger_state(ledger, &s);
  return s;
}

/* Append and seal n times. */
static void seal(unsigned from, unsigned n)
{
  for (unsigned i = from; i < from + n; i++) {
    struct cf_fault fault = {0};
    struct cf_buf note;
    uint64_t size = append(i).seq + 1;
    cf_buf_init(&note, CF_NOTE_MAX);
    ck_assert_ok(cf_ledger_seal(ledger, size, &note, &fault));
    cf_buf_fini(&note);
  }
}

/* Kept checkpoints of sizes from ≤ size < to. */
static unsigned kept(uint64_t from, uint64_t to)
{
  struct cf_view *view = NULL;
  struct cf_view_source *vs = NULL;
  struct cf_verify_source source;
  struct cf_buf note;
  unsigned n = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_ok(cf_view_get(ledger, &view));
  ck_assert_ok(cf_view_source_new(view, cf_view_size(view), &vs, &source));
  for (size_t i = 0; source.checkpoint(source.context, i, &note) == CF_OK; i++) {
    struct cf_str text, signatures;
    struct cf_checkpoint c;
    ck_assert_ok(cf_note_split(cf_buf_str(&note), &text, &signatures));
    ck_assert_ok(cf_checkpoint_parse(text, &c));
    n += from <= c.size && c.size < to;
    cf_buf_reset(&note);
  }
  cf_buf_fini(&note);
  cf_view_source_free(vs);
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
  while (state().segments < 3)
    usleep(10000);
  ck_assert(append(0).duplicate);
  ck_assert(append(299).duplicate);
  ck_assert(!append(901).duplicate);
}
END_TEST

/* Checkpoints of a time that has not come yet don't keep others from being thinned out. */
START_TEST(test_checkpoints_of_the_future)
{
  atomic_store(&ahead_s, 2 * DAY_S);
  seal(0, 3);
  atomic_store(&ahead_s, 0);
  uint64_t from = state().size;
  seal(3, 20);
  uint64_t to = state().size + 1;
  ck_assert_uint_ge(kept(from, to), 20);
  close_ledger();
  atomic_store(&ahead_s, DAY_S + 2 * HOUR_S);
  open_ledger();
  while (kept(from, to) > 2) /* of one hour, or of two */
    usleep(10000);
  ck_assert_uint_ge(kept(0, from), 3);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "time", .test = test_id_before_the_clock_was_wrong, .setup = setup, .teardown = teardown},
    {.tcase = "time", .test = test_checkpoints_of_the_future},
  };
  return cf_test_run("time", tests, CF_COUNT(tests));
}
