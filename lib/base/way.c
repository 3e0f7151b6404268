/* SPDX-License-Identifier: MIT */
/* Ways without links. Each component is opened from the directory before it,
 * so that what was judged is what was gone through. */
#include "config.h"

#include "lib/base/way.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"

/* O_PATH opens the link itself, which is then seen. */
#define STEP (O_PATH | O_CLOEXEC | O_NOFOLLOW)

struct way {
  char path[PATH_MAX]; /* as far as it was gone */
  int fd;
  cf_way_judge *judge;
  void *context;
  struct cf_fault *fault;
};

static enum cf_err step_judge(const struct way *w, int fd)
{
  struct stat st;

  if (fstat(fd, &st) != 0)
    return cf_fail_errno(w->fault, CF_E_SYSTEM, w->path, "cannot look at it");
  if (S_ISLNK(st.st_mode))
    return cf_fail(w->fault, CF_E_CONFIG, w->path,
                   "is a link, which is not followed as root; name the place that it leads to");
  return w->judge != NULL ? w->judge(w->context, w->path, &st, w->fault) : CF_OK;
}

/* From the directory w->fd to `name` in it. */
static enum cf_err step_go(struct way *w, const char *name, int flags)
{
  struct stat st;
  int fd = openat(w->fd, name, flags);

  if (fd < 0 && fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
    fd = openat(w->fd, name, STEP); /* the link itself, to be refused as one */
  if (fd < 0)
    return cf_fail_errno(w->fault, errno == ENOENT ? CF_E_NOTFOUND : CF_E_SYSTEM, w->path,
                         "cannot open it");
  close(w->fd);
  w->fd = fd;
  return step_judge(w, fd);
}

static enum cf_err way_go(struct way *w, struct cf_str left, int flags)
{
  enum cf_err err = CF_OK;

  while (err == CF_OK && left.n > 0) {
    char name[NAME_MAX + 1];
    struct cf_str part = cf_str_cut(&left, '/');
    while (left.n > 0 && *left.p == '/')
      left = (struct cf_str){left.p + 1, left.n - 1};
    if (part.n > NAME_MAX)
      return cf_fail(w->fault, CF_E_SYSTEM, w->path, "a name in it is too long");
    memcpy(name, part.p, part.n);
    name[part.n] = '\0';
    size_t n = strlen(w->path);
    memcpy(w->path + n, name, part.n + 1);
    err = step_go(w, name, left.n > 0 ? STEP : flags | O_CLOEXEC | O_NOFOLLOW);
    if (left.n > 0)
      memcpy(w->path + n + part.n, "/", 2);
  }
  return err;
}

enum cf_err cf_way_open(const char *path, int flags, cf_way_judge *judge, void *context, int *fd,
                        struct cf_fault *fault)
{
  struct way w = {.judge = judge, .context = context, .fault = fault};
  struct cf_str left = cf_str_from(path);

  if (left.n + 2 > sizeof w.path)
    return cf_fail(fault, CF_E_SYSTEM, path, "the path is too long");
  while (left.n > 0 && *left.p == '/')
    left = (struct cf_str){left.p + 1, left.n - 1};
  memcpy(w.path, path[0] == '/' ? "/" : "", path[0] == '/' ? 2 : 1);
  int start = left.n > 0 ? STEP : flags | O_CLOEXEC | O_NOFOLLOW;
  w.fd = open(path[0] == '/' ? "/" : ".", start);
  if (w.fd < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot open it");
  enum cf_err err = step_judge(&w, w.fd);
  if (err == CF_OK)
    err = way_go(&w, left, flags);
  if (err == CF_OK)
    *fd = w.fd;
  else
    close(w.fd);
  return err;
}
