/* SPDX-License-Identifier: MIT */
/* A ledger whose owner is killed at an instant of the test's choice: what was on its way is whole or not there, and the directory can be used again. */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ledger_stage.h"

#define KILLED 9

static const char *fatal; /* the removal of a path that holds this is the end of the process: */
static bool before;       /* before it is done, or after */

static int steps = -1;     /* how many calls that change a directory or a disk may still be made; -1: any number */

static void step(void)
{
  if (steps == 0)
    _exit(KILLED);
  if (steps > 0)
    steps--;
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
  steps = -1;
}

/* There is nothing but the ledger. */
static void teardown(void)
{
  temp_run("rm -rf data data.signer && test -z \"$(ls -A)\"");
  stage_clear();
}

/* Killed when a generation's file goes: the segment that has its records is in the catalogue by then, and the next start removes a file that stayed. */
START_TEST(test_killed_when_a_tail_goes)
{
  stage_init_ledger();
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    stage_open_ledger();
    before = _i == 1;
    fatal = "/env/";
    stage_append_range(0, 300, 1);
    sleep(20);
    _exit(1);
  }
  int status;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == KILLED);
  stage_open_ledger();
  ck_assert_uint_ge(stage_size(), 258);
  ck_assert_uint_eq(stage_segments(), 1);
  temp_run("test ! -e data/env/tail-1 && test -e data/env/tail-2 && ! ls data/env | grep -q __db");
  stage_close_ledger();
}
END_TEST

/* One try: killed after n steps? */
static bool killed_in_init(int n)
{
  steps = n;
  int status = cf_test_child(stage_init_ledger);
  steps = -1;
  ck_assert(status == KILLED || status == 0);
  return status == KILLED;
}

/* Wherever an init is cut short, it can be called again, or there is a ledger already. */
START_TEST(test_killed_in_init)
{
  int n = 0;
  for (; killed_in_init(n); n++) {
    struct cf_fault fault = {0};
    enum cf_err err = cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault);
    ck_assert_msg(err == CF_OK || err == CF_E_NOTFOUND, "after %d steps: %s: %s: %s", n, cf_err_word(err), fault.at, fault.detail);
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

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "crash", .test = test_killed_when_a_tail_goes, .setup = setup, .teardown = teardown, .timeout = 240, .loops = 2},
    {.tcase = "crash", .test = test_killed_in_init},
    {.tcase = "crash", .test = test_init_syncs_names},
    {.tcase = "crash", .test = test_init_beside_a_used_key},
  };
  return cf_test_run("crash", tests, CF_COUNT(tests));
}
