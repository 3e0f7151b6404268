/* SPDX-License-Identifier: MIT */
/* A ledger whose owner is killed at an instant of the test's choice: what was on its way is whole or not there, and the directory can be used again. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/store/ledger.h"
#include "tests/unit/cf_test.h"

#define KILLED 9

static char home[256];
static struct cf_conf conf;
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
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
  step();
  return (int)syscall(SYS_fdatasync, fd);
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

static void set(const char *key, const char *value)
{
  struct cf_fault fault = {0};
  ck_assert_msg(cf_conf_set(&conf, cf_str_from(key), cf_str_from(value), &fault) == CF_OK, "%s: %s", key, fault.detail);
}

static void setup(void)
{
  const char *tmp = getenv("TMPDIR");
  snprintf(home, sizeof home, "%s/cf-crash-XXXXXX", tmp != NULL ? tmp : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(home));
  ck_assert_ok(cf_conf_defaults(&conf));
  char path[300];
  snprintf(path, sizeof path, "%s/data", home);
  set("data", path);
  set("origin", "test.example.org/log");
  set("segment_records", "256");
  set("min_free", "1M");
  struct cf_fault fault = {0};
  ck_assert_ok(cf_conf_check(&conf, &fault));
  fatal = NULL;
  before = false;
  steps = -1;
}

/* A command of the shell, in home. */
static void run(const char *command)
{
  char line[1024];
  snprintf(line, sizeof line, "cd '%s' && %s", home, command);
  ck_assert_int_eq(system(line), 0);
}

static void teardown(void)
{
  cf_conf_fini(&conf);
  run("rm -rf data data.signer && rmdir \"$PWD\"");
}

static void init(void)
{
  struct cf_fault fault = {0};
  enum cf_err err = cf_ledger_init(&conf, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
}

static struct cf_ledger *open_ledger(void)
{
  struct cf_ledger *ledger = NULL;
  struct cf_fault fault = {0};
  enum cf_err err = cf_ledger_open(&conf, "test 1", &ledger, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
  return ledger;
}

static void append(struct cf_ledger *ledger, unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    const struct cf_event_rules rules = {.source = CF_STR("test")};
    struct cf_event event;
    struct cf_fault fault = {0};
    struct cf_place place;
    ck_assert_ok(cf_event_parse(CF_STR("{\"action\":\"crash\"}"), &rules, &event, &fault));
    const struct cf_event *pointer = &event;
    struct cf_append a = {.events = &pointer, .n = 1, .places = &place};
    ck_assert_ok(cf_ledger_append(ledger, &a));
    cf_event_fini(&event);
  }
}

static struct cf_ledger_state state_of(struct cf_ledger *ledger)
{
  struct cf_ledger_state state;
  cf_ledger_state(ledger, &state);
  return state;
}

/* Killed when a generation's file goes: the segment that has its records is in the catalogue by then, and the next start removes a file that stayed. */
START_TEST(test_killed_when_a_tail_goes)
{
  init();
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    struct cf_ledger *ledger = open_ledger();
    before = _i == 1;
    fatal = "/env/";
    append(ledger, 300);
    sleep(20);
    _exit(1);
  }
  int status;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == KILLED);
  struct cf_ledger *ledger = open_ledger();
  ck_assert_uint_ge(state_of(ledger).size, 258);
  ck_assert_uint_eq(state_of(ledger).segments, 1);
  run("test ! -e data/env/tail-1 && test -e data/env/tail-2 && ! ls data/env | grep -q __db");
  cf_ledger_close(ledger);
}
END_TEST

/* One try: killed after n steps? */
static bool killed_in_init(int n)
{
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    steps = n;
    init();
    _exit(0);
  }
  int status;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status) && (WEXITSTATUS(status) == KILLED || WEXITSTATUS(status) == 0));
  return WEXITSTATUS(status) == KILLED;
}

/* Wherever an init is cut short, it can be called again, or there is a ledger already. */
START_TEST(test_killed_in_init)
{
  int n = 0;
  for (; killed_in_init(n); n++) {
    struct cf_ledger *ledger = NULL;
    struct cf_fault fault = {0};
    enum cf_err err = cf_ledger_open(&conf, "test 1", &ledger, &fault);
    ck_assert_msg(err == CF_OK || err == CF_E_NOTFOUND, "after %d steps: %s: %s: %s", n, cf_err_word(err), fault.at, fault.detail);
    if (err != CF_OK) {
      init();
      ledger = open_ledger();
    }
    append(ledger, 1);
    cf_ledger_close(ledger);
    struct cf_fault again = {0};
    ck_assert_err(cf_ledger_init(&conf, &again), CF_E_CONFLICT);
    run("rm -rf data data.signer");
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
  init();
  ck_assert_int_eq(stat(home, &st), 0);
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
  init();
  cf_ledger_close(open_ledger());
  run("rm -rf data");
  ck_assert_err(cf_ledger_init(&conf, &fault), CF_E_CONFLICT);
  ck_assert_err(cf_ledger_init(&conf, &fault), CF_E_CONFLICT);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "crash", .test = test_killed_when_a_tail_goes, .setup = setup, .teardown = teardown, .timeout = 60, .loops = 2},
    {.tcase = "crash", .test = test_killed_in_init},
    {.tcase = "crash", .test = test_init_syncs_names},
    {.tcase = "crash", .test = test_init_beside_a_used_key},
  };
  return cf_test_run("crash", tests, CF_COUNT(tests));
}
