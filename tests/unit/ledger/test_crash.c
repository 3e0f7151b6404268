/* SPDX-License-Identifier: MIT */
/* A ledger whose owner is killed at an instant of the test's choice: what was
 * on its way is whole or not there, and the directory can be used again. */
#include "config.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/ledger/old_ledger.h"

#define KILLED 9

static const char *fatal; /* the removal of a path that holds this is the end of the process: */
static bool before;       /* before it is done, or after */

/* the end of the process is the first sync by the thread that renamed a
 * segment: the catalogue names it, and the generation's file is still there */
static bool after_entry;
static __thread bool renamed;

/* how many calls that change a directory or a disk may still be made; -1: any
 * number */
static atomic_int steps = -1;

static void step(void)
{
  if (atomic_load(&steps) >= 0 && atomic_fetch_sub(&steps, 1) <= 0)
    _exit(KILLED);
}

int mkdir(const char *path, mode_t mode)
{
  step();
  return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
  step();
  return (int)syscall(SYS_mkdirat, directory, path, mode);
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
  step();
  return (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
}

int unlinkat(int directory, const char *path, int flags)
{
  step();
  return (int)syscall(SYS_unlinkat, directory, path, flags);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
  step();
  return (int)syscall(SYS_renameat, from_directory, from, to_directory, to);
}

int rename(const char *from, const char *to)
{
  step();
  renamed = after_entry && strstr(to, "/segments/") != NULL && strstr(to, ".new") == NULL;
  return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

static ino_t synced[32]; /* what init syncs */
static unsigned synced_n;

int fsync(int fd)
{
  struct stat st;
  step();
  if (synced_n < CF_COUNT(synced) && fstat(fd, &st) == 0)
    synced[synced_n++] = st.st_ino;
  return 0; /* the machine goes on, and a killed process has nothing left to sync */
}

int fdatasync(int fd)
{
  (void)fd;
  step();
  if (renamed)
    _exit(KILLED);
  return 0;
}

/* The database calls these too. */
int unlink(const char *path)
{
  bool last = fatal != NULL && strstr(path, fatal) != NULL && strstr(path, "log.") == NULL;
  if (last && before)
    _exit(KILLED);
  int result = (int)syscall(SYS_unlink, path);
  if (last)
    _exit(KILLED);
  return result;
}

static void setup(void)
{
  stage_configure("crash", stage_small_segments);
  fatal = NULL;
  before = false;
  after_entry = false;
  atomic_store(&steps, -1);
}

/* There is nothing but the ledger. */
static void teardown(void)
{
  temp_run("rm -rf data data.signer && test -z \"$(ls -A)\"");
  stage_clear();
}

/* Killed when a generation's file is about to go, goes, or has gone: the
 * segment that has its records is in the catalogue by then, and the next start
 * removes a file that stayed. */
START_TEST(test_killed_when_a_tail_goes)
{
  stage_init_ledger();
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    stage_open_ledger();
    after_entry = _i == 2;
    before = _i == 1;
    fatal = "/env/";
    stage_append_range(0, 300, 1);
    for (;;)
      pause();
  }
  int status;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == KILLED);
  stage_open_ledger();
  ck_assert_uint_ge(stage_size(), 258);
  ck_assert_uint_eq(stage_segments(), 1);
  temp_run("test ! -e data/env/tail-1 && test -e data/env/tail-2 && ! ls data/env | grep -q __db");
  stage_append_range(1000, 1001, 1);
  stage_close_ledger();
}
END_TEST

static int roll_steps;

static void roll_once(void)
{
  stage_open_ledger();
  stage_append_range(0, 250, 50);
  atomic_store(&steps, roll_steps);
  stage_append_range(250, 300, 50);
  stage_wait_for_segments(1);
  _exit(0);
}

/* Wherever the writing of a segment is cut short, the next start leaves of it a
 * segment with its sums, or nothing. */
START_TEST(test_killed_in_roll)
{
  int status = KILLED;
  for (roll_steps = 0; status == KILLED; roll_steps++) {
    stage_init_ledger();
    status = cf_test_child(roll_once);
    stage_open_ledger();
    stage_append_range(1000, 1100, 50);
    stage_wait_for_segments(1);
    temp_run("test $(ls data/segments | wc -l) = 2 -a $(ls data/segments/*[0-9].sums | wc -l) = 1");
    stage_assert_verifies();
    stage_close_ledger();
    temp_run("rm -rf data data.signer");
  }
  ck_assert_int_eq(status, 0);
  ck_assert_int_gt(roll_steps, 6);
}
END_TEST

static void wait_until_sworn(void)
{
  struct cf_ledger_state state;
  do {
    usleep(1000);
    cf_ledger_state(stage_ledger, &state);
  } while (!state.segments_checked || state.unsworn > 0);
  ck_assert_uint_eq(state.mismatched + state.missing + state.damaged, 0);
}

static int swear_steps;

static void swear_once(void)
{
  atomic_store(&steps, swear_steps);
  stage_open_ledger();
  wait_until_sworn();
  _exit(0);
}

/* Wherever swearing to the segments of an older ledger is cut short, before or
 * after one is told, the next owner goes on with it. */
START_TEST(test_killed_in_swearing)
{
  int stride = getenv("CF_LONG") != NULL ? 1 : 3;
  int status = KILLED;
  old_ledger_make(2);
  temp_run("mkdir old && cp -a data data.signer old");
  for (swear_steps = 0; status == KILLED; swear_steps += stride) {
    status = cf_test_child(swear_once);
    stage_open_ledger();
    wait_until_sworn();
    temp_run("test $(ls data/segments | wc -l) = 4 -a $(ls data/segments/*[0-9].sums | wc -l) = 2");
    stage_assert_verifies();
    stage_close_ledger();
    temp_run("rm -rf data data.signer && cp -a old/* .");
  }
  ck_assert_int_eq(status, 0);
  ck_assert_int_gt(swear_steps, 8);
  temp_run("rm -rf old");
}
END_TEST

static void open_once(void)
{
  stage_open_ledger();
  _exit(0);
}

/* Wherever the first start on a ledger whose heads had no MAC is cut short, the
 * next one takes it. */
START_TEST(test_killed_in_the_first_mac)
{
  int status = KILLED, n = 0;
  stage_init_ledger();
  stage_open_ledger();
  stage_append_range(0, 10, 10);
  stage_close_ledger();
  old_ledger_head();
  temp_run("mkdir old && cp -a data data.signer old");
  for (; status == KILLED; n++) {
    atomic_store(&steps, n);
    status = cf_test_child(open_once);
    atomic_store(&steps, -1);
    stage_open_ledger();
    stage_assert_verifies();
    stage_close_ledger();
    temp_run("test -e data.signer/vouched; rm -rf data data.signer && cp -a old/* .");
  }
  ck_assert_int_eq(status, 0);
  ck_assert_int_gt(n, 5);
  temp_run("rm -rf old");
}
END_TEST

/* One try: killed after n steps? */
static bool killed_in_init(int n)
{
  atomic_store(&steps, n);
  int status = cf_test_child(stage_init_ledger);
  atomic_store(&steps, -1);
  ck_assert(status == KILLED || status == 0);
  return status == KILLED;
}

/* Wherever an init is cut short, it can be called again, or there is a ledger
 * already. */
START_TEST(test_killed_in_init)
{
  int n = 0;
  for (; killed_in_init(n); n++) {
    struct cf_fault fault = {0};
    /* what does not say that it is unfinished is signed */
    temp_run("test -e data.signer/state -o -e data/unfinished -o ! -e data/env");
    enum cf_err err = cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault);
    ck_assert_msg(err == CF_OK || err == CF_E_NOTFOUND, "after %d steps: %s: %s: %s", n,
                  cf_err_word(err), fault.at, fault.detail);
    if (err != CF_OK) {
      stage_init_ledger();
      stage_open_ledger();
    }
    stage_append_range(0, 1, 1);
    stage_close_ledger();
    struct cf_fault again = {0};
    ck_assert_err(cf_ledger_init(&stage_conf, &again), CF_E_CONFLICT);
    temp_run("rm -rf data data.signer");
  }
  ck_assert_int_gt(n, 10);
}
END_TEST

/* Not only what is in the new directories is on disk, their own names are. */
START_TEST(test_init_syncs_names)
{
  struct stat st;
  unsigned n = 0;
  synced_n = 0;
  stage_init_ledger();
  ck_assert_int_eq(stat(temp_dir, &st), 0);
  for (unsigned i = 0; i < synced_n; i++)
    n += synced[i] == st.st_ino;
  ck_assert_uint_eq(n, 2);
  ck_assert_uint_eq(synced[synced_n - 1], st.st_ino);
}
END_TEST

/* A key that has signed is not taken for a new ledger. */
START_TEST(test_init_beside_a_used_key)
{
  struct cf_fault fault = {0};
  stage_init_ledger();
  stage_open_ledger();
  stage_close_ledger();
  temp_run("rm -rf data");
  ck_assert_err(cf_ledger_init(&stage_conf, &fault), CF_E_CONFLICT);
  ck_assert_err(cf_ledger_init(&stage_conf, &fault), CF_E_CONFLICT);
}
END_TEST

#define EVENTS 560                    /* two generations are full */
static struct cf_place *acknowledged; /* shared with the one that is killed; seq 0: it was not */

static struct cf_place append_again(unsigned i)
{
  struct cf_event e;
  stage_numbered(&e, i);
  struct cf_place place = stage_append(&e);
  cf_event_fini(&e);
  ck_assert_int_eq(place.err, CF_OK);
  return place;
}

/* An owner's whole life: appends, seals, segments, the end. */
static void live(void)
{
  stage_open_ledger();
  for (unsigned i = 0; i < EVENTS; i++) {
    acknowledged[i] = append_again(i);
    if (i % 100 == 99) {
      struct cf_buf note;
      struct cf_fault fault = {0};
      cf_buf_init(&note, CF_NOTE_MAX);
      ck_assert_ok(cf_ledger_seal(stage_ledger, acknowledged[i].seq + 1, &note, &fault));
      cf_buf_fini(&note);
    }
  }
  stage_wait_for_segments(2);
  stage_close_ledger();
}

/* One try: killed after n steps? */
static bool killed_in_life(int n)
{
  atomic_store(&steps, n);
  int status = cf_test_child(live);
  atomic_store(&steps, -1);
  ck_assert_msg(status == KILLED || status == 0, "status %d after %d steps", status, n);
  return status == KILLED;
}

/* Wherever an owner is killed, the next one has what was acknowledged where it
 * was, and lives to its end. */
START_TEST(test_killed_in_life)
{
  int n = 0, stride = getenv("CF_LONG") != NULL ? 3 : 61;
  acknowledged = mmap(NULL, EVENTS * sizeof *acknowledged, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(acknowledged, MAP_FAILED);
  for (bool killed = true; killed; n += stride) {
    memset(acknowledged, 0, EVENTS * sizeof *acknowledged);
    stage_init_ledger();
    killed = killed_in_life(n);
    stage_open_ledger();
    for (unsigned i = 0; i < EVENTS; i++) {
      struct cf_place place = append_again(i);
      if (acknowledged[i].seq == 0)
        continue;
      ck_assert_msg(place.duplicate, "event %u after %d steps", i, n);
      ck_assert_uint_eq(place.seq, acknowledged[i].seq);
      ck_assert_bytes(place.leaf_hash, CF_HASH_N, acknowledged[i].leaf_hash, CF_HASH_N);
    }
    stage_close_ledger();
    temp_run("rm -rf data data.signer");
  }
  ck_assert_int_gt(n, 500);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "crash",
       .test = test_killed_when_a_tail_goes,
       .setup = setup,
       .teardown = teardown,
       .loops = 3},
      {.tcase = "crash", .test = test_killed_in_roll},
      {.tcase = "crash", .test = test_killed_in_swearing},
      {.tcase = "crash", .test = test_killed_in_init},
      {.tcase = "crash", .test = test_killed_in_the_first_mac},
      {.tcase = "crash", .test = test_init_syncs_names},
      {.tcase = "crash", .test = test_init_beside_a_used_key},
      {.tcase = "life", .test = test_killed_in_life, .setup = setup, .teardown = teardown},
  };
  return cf_test_run("crash", tests, CF_COUNT(tests));
}
