/* SPDX-License-Identifier: MIT */
/* Opening logs. */
#include "config.h"

#include "lib/input/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/way.h"
#include "lib/input/reader.h"

const char *cf_opener_name(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static enum cf_err open_failed(const char *path, struct cf_fault *fault)
{
  return cf_fail_errno(fault, errno == ENOENT ? CF_E_NOTFOUND : CF_E_SYSTEM, path,
                       "cannot open it");
}

static enum cf_err ask(const struct cf_opener *o, enum cf_reader_what what, const char *path,
                       const char *name, int *fd, struct stat *st, struct cf_fault *fault)
{
  struct cf_reader_question question = {.what = what};
  if ((size_t)snprintf(question.path, sizeof question.path, "%s", path) >= sizeof question.path ||
      (size_t)snprintf(question.name, sizeof question.name, "%s", name) >= sizeof question.name)
    return cf_fail(fault, CF_E_SYSTEM, path, "the path is too long");
  return cf_reader_ask(o->reader, &question, fd, st, fault);
}

static enum cf_err way_open(const struct cf_opener *o, const char *path, int flags, int *fd,
                            struct cf_fault *fault)
{
  if (o->no_links)
    return cf_way_open(path, flags, NULL, NULL, fd, fault);
  int got = open(path, flags | O_CLOEXEC);
  if (got < 0)
    return open_failed(path, fault);
  *fd = got;
  return CF_OK;
}

enum cf_err cf_opener_file(const struct cf_opener *o, const char *path, int *fd,
                           struct cf_fault *fault)
{
  struct stat st;
  if (o->reader >= 0)
    return ask(o, CF_READER_FILE, path, "", fd, &st, fault);
  return way_open(o, path, O_RDONLY | O_NOCTTY | (o->waits ? 0 : O_NONBLOCK), fd, fault);
}

enum cf_err cf_opener_stat(const struct cf_opener *o, const char *path, struct stat *st,
                           struct cf_fault *fault)
{
  int fd;
  if (o->reader >= 0)
    return ask(o, CF_READER_STAT, path, "", &fd, st, fault);
  return stat(path, st) == 0 ? CF_OK : open_failed(path, fault);
}

/* The directory's descriptor. */
static enum cf_err parent_open(const struct cf_opener *o, const char *path, int *fd,
                               struct cf_fault *fault)
{
  char parent[PATH_MAX];
  struct stat st;
  int n = (int)(cf_opener_name(path) - path) - 1;
  if (o->reader >= 0)
    return ask(o, CF_READER_DIRECTORY, path, "", fd, &st, fault);
  if (n < 0 || n >= PATH_MAX)
    return cf_fail(fault, CF_E_NOTFOUND, path, "this names no directory");
  (void)snprintf(parent, sizeof parent, "%.*s", n == 0 ? 1 : n, path);
  return way_open(o, parent, O_RDONLY | O_DIRECTORY, fd, fault);
}

enum cf_err cf_opener_beside(const struct cf_opener *o, const char *path, const char *name, int *fd,
                             struct cf_fault *fault)
{
  struct stat st;
  int dir;
  if (o->reader >= 0)
    return ask(o, CF_READER_BESIDE, path, name, fd, &st, fault);
  enum cf_err err = parent_open(o, path, &dir, fault);
  if (err != CF_OK)
    return err;
  int got = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
  if (got < 0)
    err = open_failed(name, fault);
  else
    *fd = got;
  close(dir);
  return err;
}

enum cf_err cf_opener_directory(const struct cf_opener *o, const char *path, DIR **dir,
                                struct cf_fault *fault)
{
  int fd;
  enum cf_err err = parent_open(o, path, &fd, fault);
  if (err != CF_OK)
    return err;
  *dir = fdopendir(fd);
  if (*dir != NULL)
    return CF_OK;
  err = open_failed(path, fault);
  close(fd);
  return err;
}
