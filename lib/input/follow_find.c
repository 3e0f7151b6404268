/* SPDX-License-Identifier: MIT */
/* Files that a followed path named before: renamed ones, the copies of
 * truncated ones, and those that came and went unseen. They lie beside it, and
 * their names begin with its own. */
#include "config.h"

#include "lib/input/follow_in.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/way.h"

/* of clocks and file times; too much costs reading, not double events */
#define MISSED_MARGIN_US INT64_C(2000000)

/* A regular file beside the path. */
struct neighbour {
  int fd;
  struct stat st;
  const char *suffix; /* what its name has more than the path's */
  bool compressed;
};

/* CF_OK: that is the one; CF_E_NOTFOUND: it is not. */
typedef enum cf_err accept_fn(struct cf_follow *f, const struct neighbour *n, const void *wanted,
                              struct cf_fault *fault);

static enum cf_err try_neighbour(struct cf_follow *f, int dir, const char *name, size_t path_n,
                                 accept_fn *accept, const void *wanted, struct neighbour *found,
                                 struct cf_fault *fault)
{
  struct neighbour n = {.fd = openat(dir, name,
                                     O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW),
                        .suffix = name + path_n};
  if (n.fd < 0)
    return CF_E_NOTFOUND;
  enum cf_err err = CF_E_NOTFOUND;
  if (fstat(n.fd, &n.st) == 0 && S_ISREG(n.st.st_mode)) {
    n.compressed = cf_follow_compressed(n.fd);
    err = accept(f, &n, wanted, fault);
  }
  if (err == CF_OK)
    *found = n;
  else
    close(n.fd);
  return err;
}

static DIR *directory_open(const struct cf_follow *f, const char *path)
{
  int fd;
  if (!f->rules.no_links)
    return opendir(path);
  if (cf_way_open(path, O_RDONLY | O_DIRECTORY, NULL, NULL, &fd, NULL) != CF_OK)
    return NULL;
  DIR *dir = fdopendir(fd);
  if (dir == NULL)
    close(fd);
  return dir;
}

/* The first neighbour that `accept` takes, open; its suffix is not kept.
 * CF_E_NOTFOUND, accept's errors. */
static enum cf_err neighbour_find(struct cf_follow *f, accept_fn *accept, const void *wanted,
                                  struct neighbour *found, struct cf_fault *fault)
{
  char *slash = strrchr(f->path, '/');
  if (slash == NULL)
    return CF_E_NOTFOUND;
  *slash = '\0';
  DIR *dir = directory_open(f, slash == f->path ? "/" : f->path);
  *slash = '/';
  enum cf_err err = CF_E_NOTFOUND;
  size_t n = strlen(slash + 1);
  for (struct dirent *entry; dir != NULL && err == CF_E_NOTFOUND && (entry = readdir(dir)) != NULL;)
    if (strncmp(entry->d_name, slash + 1, n) == 0 && entry->d_name[n] != '\0')
      err = try_neighbour(f, dirfd(dir), entry->d_name, n, accept, wanted, found, fault);
  if (dir != NULL)
    closedir(dir);
  return err;
}

/* ---- the copy of a truncated file ---- */

/* It has the begin that the file had, and what is not yet given of it. */
static enum cf_err accept_copy(struct cf_follow *f, const struct neighbour *n, const void *wanted,
                               struct cf_fault *fault)
{
  const struct cf_followed *file = wanted;
  uint8_t front[CF_FRONT_N];
  (void)f, (void)fault;
  if (n->compressed || file->front_n == 0 || (uint64_t)n->st.st_size < file->given)
    return CF_E_NOTFOUND;
  if (pread(n->fd, front, sizeof front, 0) < (ssize_t)file->front_n ||
      memcmp(front, file->front, file->front_n) != 0)
    return CF_E_NOTFOUND;
  return lseek(n->fd, (off_t)file->given, SEEK_SET) >= 0 ? CF_OK : CF_E_NOTFOUND;
}

enum cf_err cf_follow_find_copy(struct cf_follow *f, const struct cf_followed *file, int *fd,
                                struct stat *st)
{
  struct neighbour found;
  enum cf_err err = neighbour_find(f, accept_copy, file, &found, NULL);
  if (err != CF_OK)
    return err;
  *fd = found.fd;
  *st = found.st;
  return CF_OK;
}

/* ---- files that came and went ---- */

/* .1, -20260131, .2026-01-31_00, perhaps compressed: what programs that rotate
 * logs put behind a name. */
static bool is_rotated_name(const char *suffix)
{
  static const char *const packers[] = {"", ".gz", ".xz", ".zst", ".bz2"};
  size_t n = strspn(suffix, ".-_0123456789");
  bool has_digit = strcspn(suffix, "0123456789") < n;
  for (size_t i = 0; i < sizeof packers / sizeof packers[0]; i++)
    if (has_digit && (strcmp(suffix + n, packers[i]) == 0 ||
                      (n > 0 && suffix[n - 1] == '.' && strcmp(suffix + n - 1, packers[i]) == 0)))
      return true;
  return false;
}

static bool is_known(const struct cf_follow *f, const struct stat *st)
{
  for (size_t i = 0; i < f->files_n; i++)
    if (f->files[i].device == st->st_dev && f->files[i].inode == st->st_ino)
      return true;
  for (size_t i = 0; i < f->left_n && i < CF_LEFT_MAX; i++)
    if (f->left[i].device == st->st_dev && f->left[i].inode == st->st_ino)
      return true;
  return false;
}

static int64_t modified_us(const struct stat *st)
{
  return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

/* It was written to since `since_us`, and nobody has read it. */
static bool is_missed(const struct cf_follow *f, const struct neighbour *n, int64_t since_us)
{
  return is_rotated_name(n->suffix) && !is_known(f, &n->st) && modified_us(&n->st) >= since_us;
}

static enum cf_err accept_missed(struct cf_follow *f, const struct neighbour *n, const void *wanted,
                                 struct cf_fault *fault)
{
  (void)wanted, (void)fault;
  return !n->compressed && is_missed(f, n, f->looked_us - MISSED_MARGIN_US) ? CF_OK : CF_E_NOTFOUND;
}

/* Takes none, and tells of those that cannot be read. */
static enum cf_err warn_compressed(struct cf_follow *f, const struct neighbour *n,
                                   const void *wanted, struct cf_fault *fault)
{
  (void)wanted, (void)fault;
  if (n->compressed && is_missed(f, n, f->looked_us))
    cf_log(
        CF_LOG_WARNING,
        "%s%s: was compressed before it was read; give its text to `counterfoil import -` with the same --source",
        f->path, n->suffix);
  return CF_E_NOTFOUND;
}

static int by_time(const void *a, const void *b)
{
  const struct cf_followed *x = a, *y = b;
  return (x->modified_us > y->modified_us) - (x->modified_us < y->modified_us);
}

void cf_follow_add_missed(struct cf_follow *f)
{
  struct neighbour found;
  size_t before = f->files_n;
  /* One place stays free for the path's own file. */
  while (f->files_n + 1 < CF_FILES_MAX &&
         neighbour_find(f, accept_missed, NULL, &found, NULL) == CF_OK)
    cf_follow_add(f, found.fd, &found.st, 0, "")->gone = true;
  qsort(f->files + before, f->files_n - before, sizeof f->files[0], by_time);
}

/* ---- marks ---- */

/* The head of an open file. CF_E_NOTFOUND where its first line is not
 * complete. */
static enum cf_err head_of(const struct cf_follow *f, int fd, char head[CF_HEAD_N + 1],
                           struct cf_fault *fault)
{
  struct cf_lines lines;
  struct cf_line line;
  size_t n = 1;
  enum cf_err err = lseek(fd, 0, SEEK_SET) == 0 ? CF_OK : CF_E_NOTFOUND;
  cf_lines_init(&lines, 0);
  bool found = false;
  while (err == CF_OK && n > 0 && !(found = cf_lines_take(&lines, false, &line)))
    err = cf_lines_read(&lines, fd, &n);
  if (err == CF_OK)
    err = found ? f->rules.name(f->rules.context, line.text, head, fault) : CF_E_NOTFOUND;
  else if (err == CF_E_SYSTEM)
    err = CF_E_NOTFOUND;
  cf_lines_fini(&lines);
  return err;
}

/* It reaches to the mark and has its head; afterwards it stands there. */
static enum cf_err accept_head(struct cf_follow *f, const struct neighbour *n, const void *wanted,
                               struct cf_fault *fault)
{
  const struct cf_mark *mark = wanted;
  char head[CF_HEAD_N + 1];
  if (n->compressed || (uint64_t)n->st.st_size < mark->offset)
    return CF_E_NOTFOUND;
  enum cf_err err = head_of(f, n->fd, head, fault);
  if (err != CF_OK)
    return err;
  return strcmp(head, mark->head) == 0 && lseek(n->fd, (off_t)mark->offset, SEEK_SET) >= 0
             ? CF_OK
             : CF_E_NOTFOUND;
}

static enum cf_err accept_inode(struct cf_follow *f, const struct neighbour *n, const void *wanted,
                                struct cf_fault *fault)
{
  const struct cf_mark *mark = wanted;
  return n->st.st_dev == mark->device && n->st.st_ino == mark->inode
             ? accept_head(f, n, wanted, fault)
             : CF_E_NOTFOUND;
}

/* The path's own file, if it is the mark's. */
static enum cf_err open_marked(struct cf_follow *f, const struct cf_mark *mark,
                               struct neighbour *found, struct cf_fault *fault)
{
  struct neighbour n = {.suffix = ""};
  enum cf_err err = cf_follow_open(f, &n.fd, &n.st, fault);
  if (err != CF_OK)
    return err;
  err = accept_inode(f, &n, mark, fault);
  if (err == CF_OK)
    *found = n;
  else
    close(n.fd);
  return err;
}

/* Go on at a mark, in whatever file now holds what it speaks of. */
static enum cf_err file_resume(struct cf_follow *f, const struct cf_mark *mark,
                               struct cf_fault *fault)
{
  struct neighbour found;
  enum cf_err err = open_marked(f, mark, &found, fault);
  bool gone = err == CF_E_NOTFOUND;
  if (gone)
    err = neighbour_find(f, accept_inode, mark, &found, fault);
  if (err == CF_E_NOTFOUND)
    err = neighbour_find(f, accept_head, mark, &found, fault);
  if (err == CF_E_NOTFOUND) {
    cf_log(
        CF_LOG_WARNING,
        "%s: the file that was read to byte %ju is no longer there; if it had grown, the rest was not read",
        f->path, (uintmax_t)mark->offset);
    return CF_OK;
  }
  if (err == CF_OK)
    cf_follow_add(f, found.fd, &found.st, mark->offset, mark->head)->gone = gone;
  return err;
}

enum cf_err cf_follow_resume(struct cf_follow *f, const struct cf_marks *marks,
                             struct cf_fault *fault)
{
  bool any = false;
  for (size_t i = 0; i < marks->n && f->files_n + 1 < CF_FILES_MAX; i++) {
    if (strcmp(marks->v[i].path, f->path) != 0)
      continue;
    any = true;
    enum cf_err err = file_resume(f, &marks->v[i], fault);
    if (err != CF_OK)
      return err;
    if (f->files_n > 0 && !f->files[f->files_n - 1].gone)
      return CF_OK;
  }
  if (!any)
    return CF_OK;
  f->looked_us = marks->saved_us;
  (void)neighbour_find(f, warn_compressed, NULL, NULL, NULL);
  cf_follow_add_missed(f);
  return CF_OK;
}
