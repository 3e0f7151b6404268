/* SPDX-License-Identifier: MIT */
/* Whole reads and writes, and names that last. */
#include "config.h"

#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/crypto.h"

enum cf_err cf_file_read_all(int fd, struct cf_buf *b)
{
  char part[4096];
  ssize_t n;
  do {
    n = read(fd, part, sizeof part);
    if (n > 0)
      cf_buf_put(b, part, (size_t)n);
  } while ((n > 0 && b->err == CF_OK) || (n < 0 && errno == EINTR));
  cf_wipe(part, sizeof part);
  return n < 0 ? CF_E_SYSTEM : b->err;
}

/* It is open: its mode, and all of it. */
static enum cf_err file_take(int fd, const char *name, struct cf_buf *b, mode_t *mode,
                             struct cf_fault *fault)
{
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
    return cf_fail(fault, CF_E_CONFIG, name, "not a regular file");
  enum cf_err err = cf_file_read_all(fd, b);
  if (err == CF_E_SYSTEM)
    return cf_fail_errno(fault, err, name, "cannot read it");
  if (err == CF_E_FULL)
    return cf_fail(fault, CF_E_CONFIG, name, "longer than %zu bytes", b->max);
  if (err == CF_OK)
    *mode = st.st_mode;
  return err;
}

enum cf_err cf_file_get(int directory, const char *name, struct cf_buf *b, mode_t *mode,
                        struct cf_fault *fault)
{
  int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && errno == ENOENT)
    return CF_E_NOTFOUND;
  if (fd < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, name, "cannot open it");
  enum cf_err err = file_take(fd, name, b, mode, fault);
  close(fd);
  return err;
}

int cf_file_make(int directory, const char *name, int flags)
{
  const int always = O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  struct stat st;
  int fd = openat(directory, name, flags | always, 0600);
  if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
    return fd;
  close(fd);
  errno = EINVAL;
  return -1;
}

int64_t cf_file_modified_us(const struct stat *st)
{
  return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

bool cf_file_write(int fd, struct cf_str s)
{
  while (s.n > 0) {
    ssize_t n = write(fd, s.p, s.n);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    s = (struct cf_str){s.p + n, s.n - (size_t)n};
  }
  return true;
}

/* The directory that holds the name: "." of "a", "/" of "/a", "a" of "a/b//".
 * On the heap, or NULL. */
static char *parent_of(const char *path)
{
  size_t n = strlen(path);

  while (n > 1 && path[n - 1] == '/')
    n--;
  while (n > 0 && path[n - 1] != '/')
    n--;
  if (n == 0)
    return strdup(".");
  while (n > 1 && path[n - 1] == '/')
    n--;
  return strndup(path, n);
}

/* A file system that knows no fsync of directories says EINVAL. */
static bool sync_open(int fd, int (*sync)(int))
{
  if (fd < 0)
    return false;
  int error = sync(fd) == 0 || errno == EINVAL ? 0 : errno;
  close(fd);
  errno = error;
  return error == 0;
}

bool cf_file_sync_name(const char *path)
{
  char *parent = parent_of(path);
  if (parent == NULL)
    return false;
  int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(parent);
  if (fd < 0 && errno == EACCES)
    return sync_open(open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), syncfs);
  return sync_open(fd, fsync);
}

/* What errno says of a file that could not be written. */
static enum cf_err write_error(void)
{
  return errno == ENOSPC || errno == EDQUOT ? CF_E_SPACE : CF_E_SYSTEM;
}

/* Remove what was begun, and give why it cannot be ended. */
static enum cf_err file_drop(int directory, const char *path)
{
  int error = errno;
  (void)unlinkat(directory, path, 0);
  errno = error;
  return write_error();
}

enum cf_err cf_file_put(int directory, const char *path, mode_t mode, struct cf_str s)
{
  int fd = cf_file_make(directory, path, O_WRONLY | O_TRUNC);
  if (fd < 0)
    return write_error();
  enum cf_err err = CF_OK;
  if (fchmod(fd, mode) != 0 || !cf_file_write(fd, s))
    err = file_drop(directory, path);
  else if (fsync(fd) != 0)
    err = CF_E_UNKNOWN;
  int error = errno;
  close(fd);
  errno = error;
  return err;
}

enum cf_err cf_file_replace(int directory, const char *path, mode_t mode, struct cf_str s)
{
  char fresh[PATH_MAX];
  if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", path) >= sizeof fresh) {
    errno = ENAMETOOLONG;
    return CF_E_SYSTEM;
  }
  (void)unlinkat(directory, fresh, 0); /* where it is not ours to remove, put says so */
  enum cf_err err = cf_file_put(directory, fresh, mode, s);
  if (err != CF_OK)
    return err;
  if (renameat(directory, fresh, directory, path) != 0)
    return file_drop(directory, fresh);
  bool synced = directory == AT_FDCWD ? cf_file_sync_name(path) : fsync(directory) == 0;
  return synced ? CF_OK : CF_E_UNKNOWN;
}
