/* SPDX-License-Identifier: MIT */
/* A ledger on a full disk. Space is what the test says: files that hold
 * `wanting` in their path cannot be written while DATA/reserve is there, and of
 * zeros only so many bytes where a file has nothing. */
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

#include "tests/unit/ledger/ledger_stage.h"

static char reserve[300];
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

static atomic_bool is_short;   /* the system says that nothing is left, */
static atomic_uint told_short; /* and has said it so often */

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

/* What zeros take where there is nothing yet. Some space comes back with the
 * reserve. */
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

static void setup(void)
{
  stage_configure("space", NULL);
  snprintf(reserve, sizeof reserve, "%s", temp_path("data/reserve"));
  stage_init_ledger();
  stage_open_ledger();
  ck_assert_int_eq(access(reserve, F_OK), 0);
}

/* Gives the size that it makes. */
static uint64_t append(void)
{
  struct cf_event e;
  stage_event(&e, "{\"action\":\"x\"}");
  uint64_t size = stage_append(&e).seq + 1;
  cf_event_fini(&e);
  return size;
}

/* ---- tests ---- */

/* The reserve goes before a seal fails. */
START_TEST(test_seal)
{
  struct cf_fault fault = {0};
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  wanting = "/state.new";
  ck_assert_ok(cf_ledger_seal(stage_ledger, append(), &note, &fault));
  ck_assert_uint_gt(atomic_load(&refused), 0);
  ck_assert_int_ne(access(reserve, F_OK), 0);
  cf_buf_fini(&note);
}
END_TEST

/* When there is space again, so is the reserve: the disk may fill up a second
 * time. */
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
    ck_assert_ok(cf_ledger_seal(stage_ledger, size, &note, &fault));
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

/* And before a ledger cannot be opened for want of one. */
START_TEST(test_seal_at_start)
{
  stage_close_ledger();
  wanting = "/state.new";
  stage_open_ledger();
  ck_assert_uint_gt(atomic_load(&refused), 0);
  ck_assert_int_ne(access(reserve, F_OK), 0);
}
END_TEST

/* A log file takes its space as it is written to. Recovery can do without what
 * it would take beforehand. */
START_TEST(test_recovery)
{
  append();
  stage_close_ledger();
  int fd = open(temp_path("data/env/log.0000000001"), O_RDWR);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
  ck_assert_int_eq(ftruncate(fd, 60 << 20), 0);
  ck_assert_int_eq(close(fd), 0);
  zeros_left = 16 << 20;
  stage_open_ledger();
  ck_assert_uint_gt(atomic_load(&refused), 0);
  append();
  zeros_left = LONG_MAX;
  stage_close_ledger();
  stage_open_ledger();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "space", .test = test_seal, .setup = setup, .teardown = stage_ledger_teardown},
      {.tcase = "space", .test = test_reserve_comes_back},
      {.tcase = "space", .test = test_seal_at_start},
      {.tcase = "space", .test = test_recovery},
  };
  return cf_test_run("space", tests, CF_COUNT(tests));
}
