/* SPDX-License-Identifier: MIT */
/* Whole writes, and names that last. */
#include "config.h"

#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
