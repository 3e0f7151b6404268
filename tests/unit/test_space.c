/* SPDX-License-Identifier: MIT */
/* A ledger on a full disk. Space is what the test says: files that hold `wanting` in their path can't be written while DATA/reserve is there, and of zeros only so
 * many bytes where a file has nothing. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/store/ledger.h"
#include "tests/unit/cf_test.h"

static char home[256];
static char reserve[300];
static struct cf_conf conf;
static struct cf_ledger *ledger;
static const char *_Atomic wanting; /* the ledger's own threads write too */
static atomic_uint refused;
static long zeros_left = LONG_MAX;
static bool given_up;

/* Berkeley DB loses a handle where its recovery fails. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
  return "leak:libdb-5.3\n";
}

static atomic_bool is_short;    /* the system says that nothing is left, */
static atomic_uint told_short;  /* and has said it so often */

int fstatvfs(int fd, struct statvfs *s)
{
  int (*real)(int, struct statvfs *);
  *(void **)&real = dlsym(RTLD_NEXT, "fstatvfs");
  int result = real(fd, s);
  if (result == 0 && atomic_load(&is_short)) {
    s->f_bavail = 0;
    atomic_fetch_add(&told_short, 1);
  }
  return result;
}

static bool refuse(void)
{
  atomic_fetch_add(&refused, 1);
  errno = ENOSPC;
  return false;
}

/* What zeros take where there is nothing yet. Some space comes back with the reserve. */
static bool has_space_for_zeros(int fd, const char *p, size_t n)
{
  if (zeros_left == LONG_MAX || n < 1024 || p[0] != 0 || memcmp(p, p + 1, n - 1) != 0)
    return true;
  off_t at = lseek(fd, 0, SEEK_CUR), hole = lseek(fd, at, SEEK_HOLE);
  ck_assert_int_eq(lseek(fd, at, SEEK_SET), at);
  if (hole >= at + (off_t)n)
    return true;
  if (zeros_left < (long)n && !given_up && access(reserve, F_OK) != 0) {
    given_up = true;
    zeros_left += 1 << 20;
  }
  if (zeros_left < (long)n)
    return refuse();
  zeros_left -= (long)n;
  return true;
}

static bool has_space(int fd)
{
  const char *part = atomic_load(&wanting);
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = part == NULL ? -1 : readlink(link, path, sizeof path - 1);
  if (n < 0)
    return true;
  path[n] = 0;
  if (strstr(path, part) == NULL || access(reserve, F_OK) != 0)
    return true;
  return refuse();
}

ssize_t write(int fd, const void *p, size_t n)
{
  return has_space(fd) && has_space_for_zeros(fd, p, n) ? syscall(SYS_write, fd, p, n) : -1;
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
  wanting = NULL;
  refused = 0;
  zeros_left = LONG_MAX;
  given_up = false;
  atomic_store(&is_short, false);
  snprintf(home, sizeof home, "%s/cf-space-XXXXXX", tmp != NULL ? tmp : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(home));
  snprintf(path, sizeof path, "%s/data", home);
  snprintf(reserve, sizeof reserve, "%s/data/reserve", home);
  ck_assert_ok(cf_conf_defaults(&conf));
  set("data", path);
  set("origin", "test.example.org/log");
  set("min_free", "1M");
  ck_assert_ok(cf_conf_check(&conf, &fault));
  enum cf_err err = cf_ledger_init(&conf, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
  open_ledger();
  ck_assert_int_eq(access(reserve, F_OK), 0);
}

static void teardown(void)
{
  char command[400];
  close_ledger();
  cf_conf_fini(&conf);
  snprintf(command, sizeof command, "rm -rf '%s'", home);
  ck_assert_int_eq(system(command), 0);
}

static uint64_t append(void)
{
  const struct cf_event_rules rules = {.source = CF_STR("test")};
  struct cf_event event;
  struct cf_fault fault = {0};
  struct cf_place place;
  ck_assert_ok(cf_event_parse(CF_STR("{\"action\":\"x\"}"), &rules, &event, &fault));
  const struct cf_event *pointer = &event;
  struct cf_append a = {.events = &pointer, .n = 1, .places = &place};
  ck_assert_ok(cf_ledger_append(ledger, &a));
  cf_event_fini(&event);
  return a.size;
}

/* ---- tests ---- */

/* The reserve goes before a seal fails. */
START_TEST(test_seal)
{
  struct cf_fault fault = {0};
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  wanting = "/state.new";
  ck_assert_ok(cf_ledger_seal(ledger, append(), &note, &fault));
  ck_assert_uint_gt(atomic_load(&refused), 0);
  ck_assert_int_ne(access(reserve, F_OK), 0);
  cf_buf_fini(&note);
}
END_TEST

/* When there is space again, so is the reserve: the disk may fill up a second time. */
START_TEST(test_reserve_comes_back)
{
  struct cf_fault fault = {0};
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  for (unsigned i = 0; i < 2; i++) {
    wanting = "/state.new"; /* the ledger may seal by itself what is appended */
    uint64_t size = append();
    atomic_store(&told_short, 0);
    atomic_store(&is_short, true);
    ck_assert_ok(cf_ledger_seal(ledger, size, &note, &fault));
    ck_assert_uint_gt(atomic_load(&refused), i);
    while (atomic_load(&told_short) == 0)
      usleep(10000);
    wanting = NULL;
    atomic_store(&is_short, false);
    while (access(reserve, F_OK) != 0)
      usleep(10000);
  }
  cf_buf_fini(&note);
}
END_TEST

/* And before a ledger can't be opened for want of one. */
START_TEST(test_seal_at_start)
{
  close_ledger();
  wanting = "/state.new";
  open_ledger();
  ck_assert_uint_gt(atomic_load(&refused), 0);
  ck_assert_int_ne(access(reserve, F_OK), 0);
}
END_TEST

/* A log file takes its space as it is written to. Recovery can do without what it would take beforehand. */
START_TEST(test_recovery)
{
  char path[300];
  append();
  close_ledger();
  snprintf(path, sizeof path, "%s/data/env/log.0000000001", home);
  int fd = open(path, O_RDWR);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
  ck_assert_int_eq(ftruncate(fd, 60 << 20), 0);
  ck_assert_int_eq(close(fd), 0);
  zeros_left = 16 << 20;
  open_ledger();
  ck_assert_uint_gt(atomic_load(&refused), 0);
  append();
  zeros_left = LONG_MAX;
  close_ledger();
  open_ledger();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "space", .test = test_seal, .setup = setup, .teardown = teardown},
    {.tcase = "space", .test = test_reserve_comes_back},
    {.tcase = "space", .test = test_seal_at_start},
    {.tcase = "space", .test = test_recovery},
  };
  return cf_test_run("space", tests, CF_COUNT(tests));
}
