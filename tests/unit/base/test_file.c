/* SPDX-License-Identifier: MIT */
/* Whole writes and names on disk, with the calls to the system watched. */
#include "config.h"

#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cf_test.h"

#define NOBODY 65534

static char home[64];
static int watched = -1; /* writes to it come in pieces: */
static unsigned room;    /* so many bytes in all, then the disk is full */
static bool interrupted;
static ino_t synced;    /* by fsync; */
static bool synced_all; /* by syncfs */
static int refuses;     /* errno of either */

ssize_t write(int fd, const void *p, size_t n)
{
  if (fd != watched)
    return syscall(SYS_write, fd, p, n);
  interrupted = !interrupted;
  if (interrupted || room == 0) {
    errno = interrupted ? EINTR : ENOSPC;
    return -1;
  }
  ssize_t done = syscall(SYS_write, fd, p, n < 3 ? n : 3);
  room -= (unsigned)done < room ? (unsigned)done : room;
  return done;
}

static int sync_call(int fd, bool all)
{
  struct stat st;

  ck_assert_int_eq(fstat(fd, &st), 0);
  synced = st.st_ino;
  synced_all = all;
  errno = refuses;
  return refuses == 0 ? 0 : -1;
}

int fsync(int fd)
{
  return sync_call(fd, false);
}
int syncfs(int fd)
{
  return sync_call(fd, true);
}

static void set_up(void)
{
  snprintf(home, sizeof home, "/tmp/cf-file-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(home));
  ck_assert_int_eq(chdir(home), 0);
  ck_assert_int_eq(mkdir("a", 0700), 0);
  ck_assert_int_eq(mkdir("a/b", 0700), 0);
  watched = -1;
  interrupted = false;
  refuses = 0;
  synced = 0;
}

static void tear_down(void)
{
  ck_assert_int_eq(chmod("a", 0700), 0);
  unlink("file");
  ck_assert_int_eq(rmdir("a/b"), 0);
  ck_assert_int_eq(rmdir("a"), 0);
  ck_assert_int_eq(chdir("/"), 0);
  ck_assert_int_eq(rmdir(home), 0);
}

static ino_t inode(const char *path)
{
  struct stat st;

  ck_assert_int_eq(stat(path, &st), 0);
  return st.st_ino;
}

START_TEST(test_write)
{
  char back[32];

  int fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ck_assert_int_ge(fd, 0);
  watched = fd;
  room = _i == 0 ? 100 : 6;
  bool whole = cf_file_write(fd, CF_STR("0123456789"));
  int error = errno;
  watched = -1;
  ck_assert_int_eq(whole, _i == 0);
  if (_i == 1)
    ck_assert_int_eq(error, ENOSPC);
  ssize_t n = pread(fd, back, sizeof back, 0);
  ck_assert_bytes(back, (size_t)n, "0123456789", _i == 0 ? 10u : 6u);
  ck_assert(cf_file_write(fd, CF_STR("")));
  close(fd);
}
END_TEST

static const struct {
  const char *path, *parent;
} names[] = {{"a", "."},   {"a/", "."},   {"a/b", "a"},     {"a//b//", "a"},
             {"./a", "."}, {"/tmp", "/"}, {"//tmp//", "/"}, {"/", "/"}};

START_TEST(test_name)
{
  ck_assert(cf_file_sync_name(names[_i].path));
  ck_assert(!synced_all);
  ck_assert_uint_eq(synced, inode(names[_i].parent));
}
END_TEST

START_TEST(test_refused)
{
  refuses = _i == 0 ? EIO : EINVAL; /* the latter of a file system that does not know this */
  ck_assert_int_eq(cf_file_sync_name("a/b"), _i == 1);
  if (_i == 0)
    ck_assert_int_eq(errno, EIO);
  ck_assert(!cf_file_sync_name("none/b"));
  ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static void as_nobody(void)
{
  ck_assert_int_eq(chmod("a", 0300), 0);
  if (geteuid() == 0)
    ck_assert_int_eq(setuid(NOBODY), 0);
  ck_assert(cf_file_sync_name("a/b"));
  ck_assert(synced_all);
  ck_assert(synced == inode("a/b"));
  _exit(0);
}

/* A directory that may be passed through and not read. */
START_TEST(test_closed_parent)
{
  int status;

  if (geteuid() == 0) {
    ck_assert_int_eq(chown("a", NOBODY, (gid_t)-1), 0);
    ck_assert_int_eq(chown("a/b", NOBODY, (gid_t)-1), 0);
    ck_assert_int_eq(chmod(home, 0711), 0);
  }
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0)
    as_nobody();
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "file", .test = test_write, .loops = 2, .setup = set_up, .teardown = tear_down},
      {.tcase = "file", .test = test_name, .loops = CF_COUNT(names)},
      {.tcase = "file", .test = test_refused, .loops = 2},
      {.tcase = "file", .test = test_closed_parent},
  };
  return cf_test_run("file", tests, CF_COUNT(tests));
}
