/* SPDX-License-Identifier: MIT */
/* A directory of the test's own, and what tests do to files. */
#include "config.h"

#include "tests/unit/temp_dir.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cf_test.h"

char temp_dir[256];

void temp_make(const char *name)
{
  char made[sizeof temp_dir];
  const char *tmp = getenv("TMPDIR");
  int n = snprintf(made, sizeof made, "%s/cf-%s-XXXXXX", tmp != NULL ? tmp : "/tmp", name);
  ck_assert(n > 0 && (size_t)n < sizeof made);
  ck_assert_ptr_nonnull(mkdtemp(made));
  char *plain = realpath(made, NULL);
  ck_assert(plain != NULL && strlen(plain) < sizeof temp_dir);
  strcpy(temp_dir, plain);
  free(plain);
}

void temp_remove(void)
{
  temp_run("rm -rf '%s'", temp_dir);
  temp_dir[0] = '\0';
}

const char *temp_path(const char *name)
{
  static char ring[8][sizeof temp_dir + 256];
  static unsigned turn;
  char *path = ring[turn++ % CF_COUNT(ring)];
  int n = snprintf(path, sizeof ring[0], "%s/%s", temp_dir, name);
  ck_assert(n > 0 && (size_t)n < sizeof ring[0]);
  return path;
}

void temp_run(const char *format, ...)
{
  char command[2048];
  va_list ap;
  ck_assert_str_ne(temp_dir, "");
  int from = snprintf(command, sizeof command, "cd '%s' || exit; ", temp_dir);
  va_start(ap, format);
  int n = vsnprintf(command + from, sizeof command - (size_t)from, format, ap);
  va_end(ap);
  ck_assert(n > 0 && (size_t)(from + n) < sizeof command);
  ck_assert_msg(system(command) == 0, "%s", command);
}

/* ---- files ---- */

void temp_write(const char *path, struct cf_str content, mode_t mode)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ck_assert_msg(fd >= 0, "%s cannot be written", path);
  ck_assert_int_eq(write(fd, content.p, content.n), (ssize_t)content.n);
  ck_assert_int_eq(fchmod(fd, mode), 0);
  close(fd);
}

void temp_get(const char *path, off_t at, void *p, size_t n)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pread(fd, p, n, at), (ssize_t)n);
  close(fd);
}

void temp_put(const char *path, off_t at, const void *p, size_t n)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pwrite(fd, p, n, at), (ssize_t)n);
  close(fd);
}

void temp_flip(const char *path, off_t at)
{
  uint8_t byte;
  temp_get(path, at, &byte, 1);
  byte ^= 0x40;
  temp_put(path, at, &byte, 1);
}
