/* SPDX-License-Identifier: MIT */
/* Whole reads and writes, files replaced, and names on disk, with the calls to
 * the system watched. */
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
static bool full;       /* nothing can be written at all */
static ino_t synced[4]; /* what was, one after the other; */
static unsigned synced_n;
static bool synced_all;     /* the last one by syncfs */
static int refuses;         /* errno of … */
static unsigned refuses_at; /* … that one and the later ones */

ssize_t write(int fd, const void *p, size_t n)
{
  if (full) {
    errno = ENOSPC;
    return -1;
  }
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
  ck_assert_uint_lt(synced_n, CF_COUNT(synced));
  bool refused = refuses != 0 && synced_n >= refuses_at;
  synced[synced_n++] = st.st_ino;
  synced_all = all;
  errno = refused ? refuses : 0;
  return refused ? -1 : 0;
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
  full = false;
  refuses = 0;
  refuses_at = 0;
  synced_n = 0;
}

static void tear_down(void)
{
  ck_assert_int_eq(chmod("a", 0700), 0);
  unlink("file");
  unlink("file.new");
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

/* ---- reading ---- */

static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 10000};

START_TEST(test_read_all)
{
  char content[10000];
  struct cf_buf b;
  size_t n = sizes[_i];

  memset(content, 'c', n);
  int fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ck_assert(cf_file_write(fd, (struct cf_str){content, n}));
  ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
  cf_buf_init(&b, n + 3);
  cf_buf_puts(&b, "old");
  ck_assert_ok(cf_file_read_all(fd, &b));
  ck_assert_bytes(b.p + 3, b.n - 3, content, n);
  ck_assert_bytes(b.p, 3u, "old", 3u);
  ck_assert_ok(cf_file_read_all(fd, &b)); /* nothing is left */
  cf_buf_fini(&b);
  if (n > 0) {
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    cf_buf_init(&b, n - 1);
    ck_assert_err(cf_file_read_all(fd, &b), CF_E_FULL);
    cf_buf_fini(&b);
  }
  close(fd);
}
END_TEST

START_TEST(test_read_refused)
{
  struct cf_buf b;

  int fd = open("a", O_RDONLY | O_CLOEXEC);
  cf_buf_init(&b, 100);
  ck_assert_err(cf_file_read_all(fd, &b), CF_E_SYSTEM);
  ck_assert_int_eq(errno, EISDIR);
  ck_assert_ok(b.err);
  cf_buf_fini(&b);
  close(fd);
}
END_TEST

/* ---- replacing ---- */

static void check_file(const char *name, const char *want)
{
  char back[32];

  int fd = open(name, O_RDONLY | O_CLOEXEC);
  ck_assert_msg(fd >= 0, "%s is not there", name);
  ssize_t n = read(fd, back, sizeof back);
  close(fd);
  ck_assert_bytes(back, (size_t)n, want, strlen(want));
}

static void check_absent(const char *name)
{
  struct stat st;

  ck_assert_int_eq(lstat(name, &st), -1);
  ck_assert_int_eq(errno, ENOENT);
}

static void write_file(const char *name, const char *content)
{
  int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  ck_assert(cf_file_write(fd, cf_str_from(content)));
  close(fd);
}

/* By its path, or by its name in an open directory. */
static enum cf_err replace(bool by_path, const char *content)
{
  if (by_path)
    return cf_file_replace(AT_FDCWD, "file", 0640, cf_str_from(content));
  int directory = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_int_eq(chdir("/"), 0);
  enum cf_err err = cf_file_replace(directory, "file", 0640, cf_str_from(content));
  int error = errno;
  close(directory);
  ck_assert_int_eq(chdir(home), 0);
  errno = error;
  return err;
}

/* Over nothing, over an old one, over what a crash left beside it: content and
 * name are synced, in this order. */
START_TEST(test_replace)
{
  struct stat st;

  if (_i / 2 > 0)
    write_file("file", "the old one");
  if (_i / 2 > 1)
    write_file("file.new", "a longer one that was not completed");
  umask(077);
  ck_assert_ok(replace(_i % 2 == 0, "the new one"));
  check_file("file", "the new one");
  check_absent("file.new");
  ck_assert_int_eq(stat("file", &st), 0);
  ck_assert_uint_eq(st.st_mode & 07777, 0640);
  ck_assert_uint_eq(synced_n, 2);
  ck_assert_uint_eq(synced[0], inode("file"));
  ck_assert_uint_eq(synced[1], inode("."));
}
END_TEST

START_TEST(test_replace_on_full_disk)
{
  write_file("file", "the old one");
  full = true;
  ck_assert_err(replace(_i == 0, "the new one"), CF_E_SPACE);
  ck_assert_int_eq(errno, ENOSPC);
  full = false;
  check_file("file", "the old one");
  check_absent("file.new");
  ck_assert_uint_eq(synced_n, 0);
}
END_TEST

/* The first fsync is of the content, the second of the name. */
START_TEST(test_replace_unsynced)
{
  write_file("file", "the old one");
  refuses = EIO;
  refuses_at = (unsigned)_i / 2;
  ck_assert_err(replace(_i % 2 == 0, "the new one"), CF_E_UNKNOWN);
  ck_assert_int_eq(errno, EIO);
  check_file("file", refuses_at == 0 ? "the old one" : "the new one");
}
END_TEST

START_TEST(test_replace_refused)
{
  char name[5000];

  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  ck_assert_err(cf_file_replace(AT_FDCWD, name, 0600, CF_STR("x")), CF_E_SYSTEM);
  ck_assert_int_eq(errno, ENAMETOOLONG);
  ck_assert_err(cf_file_replace(AT_FDCWD, "none/file", 0600, CF_STR("x")), CF_E_SYSTEM);
  ck_assert_int_eq(errno, ENOENT);
  ck_assert_err(cf_file_replace(AT_FDCWD, "a", 0600, CF_STR("x")), CF_E_SYSTEM);
  ck_assert_int_eq(errno, EISDIR);
  check_absent("a.new");
}
END_TEST

/* Somebody else's link or file beside it goes, and what it leads to stays. */
START_TEST(test_replace_beside_a_link)
{
  struct stat st;

  write_file("file", "the old one");
  write_file("other", "another's");
  ck_assert_int_eq(_i == 0 ? symlink("other", "file.new") : link("other", "file.new"), 0);
  ck_assert_ok(replace(true, "the new one"));
  check_file("file", "the new one");
  check_file("other", "another's");
  check_absent("file.new");
  ck_assert_int_eq(lstat("file", &st), 0);
  ck_assert(S_ISREG(st.st_mode) && st.st_nlink == 1);
  unlink("other");
}
END_TEST

/* What stands in the place of a file of ours is not opened for writing. */
START_TEST(test_make)
{
  static const char *const names[] = {"link", "pipe", "closet"};
  write_file("other", "another's");
  ck_assert_int_eq(symlink("other", "link") | mkfifo("pipe", 0600) | mkdir("closet", 0700), 0);
  for (size_t i = 0; i < CF_COUNT(names); i++) {
    ck_assert_int_lt(cf_file_make(AT_FDCWD, names[i], O_WRONLY), 0);
    ck_assert_int_lt(cf_file_make(AT_FDCWD, names[i], O_RDWR | O_TRUNC), 0);
  }
  check_file("other", "another's");
  int fd = cf_file_make(AT_FDCWD, "new", O_WRONLY);
  ck_assert_int_ge(fd, 0);
  close(fd);
  ck_assert_int_eq(unlink("new") | unlink("other") | unlink("link") | unlink("pipe"), 0);
  ck_assert_int_eq(rmdir("closet"), 0);
}
END_TEST

/* ---- names ---- */

static const struct {
  const char *path, *parent;
} names[] = {{"a", "."},   {"a/", "."},   {"a/b", "a"},     {"a//b//", "a"},
             {"./a", "."}, {"/tmp", "/"}, {"//tmp//", "/"}, {"/", "/"}};

START_TEST(test_name)
{
  ck_assert(cf_file_sync_name(names[_i].path));
  ck_assert(!synced_all);
  ck_assert_uint_eq(synced_n, 1);
  ck_assert_uint_eq(synced[0], inode(names[_i].parent));
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
  ck_assert(synced_n == 1 && synced[0] == inode("a/b"));
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
      {.tcase = "file", .test = test_read_all, .loops = CF_COUNT(sizes)},
      {.tcase = "file", .test = test_read_refused},
      {.tcase = "file", .test = test_replace, .loops = 6},
      {.tcase = "file", .test = test_replace_on_full_disk, .loops = 2},
      {.tcase = "file", .test = test_replace_unsynced, .loops = 4},
      {.tcase = "file", .test = test_replace_refused},
      {.tcase = "file", .test = test_replace_beside_a_link, .loops = 2},
      {.tcase = "file", .test = test_make},
      {.tcase = "file", .test = test_name, .loops = CF_COUNT(names)},
      {.tcase = "file", .test = test_refused, .loops = 2},
      {.tcase = "file", .test = test_closed_parent},
  };
  return cf_test_run("file", tests, CF_COUNT(tests));
}
