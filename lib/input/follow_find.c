/* SPDX-License-Identifier: MIT */
/* Files that a followed path named before: renamed ones, the copies of
 * truncated ones, and those that came and went unseen. They lie beside it, and
 * their names begin with its own. */
#include "config.h"

#include "lib/input/follow_in.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"

/* of clocks and file times; too much costs reading, not double events */
#define MISSED_MARGIN_US INT64_C(2000000)

/* A regular file beside the path. */
struct neighbour {
  int fd;
  struct stat st;
  const char *suffix; /* what its name has more than the path's */
  bool packed;
  /* of a packed one that was read up to somewhere: stands there */
  struct cf_stream *stream;
  struct cf_lines lines;
  struct cf_wake wake;
};

static void neighbour_close(struct neighbour *n)
{
  close(n->fd);
  cf_lines_fini(&n->lines);
  cf_stream_free(n->stream);
}

/* What programs that pack logs put behind a name. */
static const char *const packers[] = {".gz", ".xz", ".zst", ".bz2"};

/* Where that begins; its end where it has none. */
static const char *packer_of(const char *name)
{
  size_t n = strlen(name);
  for (size_t i = 0; i < sizeof packers / sizeof packers[0]; i++) {
    size_t k = strlen(packers[i]);
    if (n > k && strcmp(name + n - k, packers[i]) == 0)
      return name + n - k;
  }
  return name + n;
}

/* Is it still being packed? Then what it is made of lies beside it, and is read
 * itself. */
static bool is_unfinished(const struct cf_follow *f, const struct neighbour *n, const char *name)
{
  char whole[NAME_MAX + 1];
  int fd;
  const char *end = packer_of(n->suffix);
  if (*end == '\0')
    return false;
  (void)snprintf(whole, sizeof whole, "%.*s", (int)(end - name), name);
  if (!n->packed || end == n->suffix)
    return !n->packed;
  enum cf_err err = cf_opener_beside(&f->rules.opener, f->path, whole, &fd, NULL);
  if (err == CF_OK)
    close(fd);
  return err == CF_OK;
}

/* CF_OK: that is the one; CF_E_NOTFOUND: it is not. */
typedef enum cf_err accept_fn(struct cf_follow *f, struct neighbour *n, const void *wanted,
                              struct cf_fault *fault);

static enum cf_err try_neighbour(struct cf_follow *f, const char *name, accept_fn *accept,
                                 const void *wanted, struct neighbour *found,
                                 struct cf_fault *fault)
{
  struct neighbour n = {.suffix = name + strlen(cf_opener_name(f->path))};
  if (cf_opener_beside(&f->rules.opener, f->path, name, &n.fd, NULL) != CF_OK)
    return CF_E_NOTFOUND;
  enum cf_err err = CF_E_NOTFOUND;
  if (fstat(n.fd, &n.st) == 0 && S_ISREG(n.st.st_mode)) {
    n.packed = cf_follow_packed(n.fd);
    if (!is_unfinished(f, &n, name))
      err = accept(f, &n, wanted, fault);
  }
  if (err == CF_OK)
    *found = n;
  else
    neighbour_close(&n);
  return err;
}

/* The first neighbour that `accept` takes, open; its suffix is not kept.
 * CF_E_NOTFOUND, accept's errors. */
static enum cf_err neighbour_find(struct cf_follow *f, accept_fn *accept, const void *wanted,
                                  struct neighbour *found, struct cf_fault *fault)
{
  const char *own = cf_opener_name(f->path);
  size_t n = strlen(own);
  DIR *dir = NULL;
  enum cf_err err = CF_E_NOTFOUND;
  if (cf_opener_directory(&f->rules.opener, f->path, &dir, NULL) != CF_OK)
    return CF_E_NOTFOUND;
  for (struct dirent *entry; err == CF_E_NOTFOUND && (entry = readdir(dir)) != NULL;)
    if (strncmp(entry->d_name, own, n) == 0 && entry->d_name[n] != '\0')
      err = try_neighbour(f, entry->d_name, accept, wanted, found, fault);
  (void)closedir(dir);
  return err;
}

/* ---- known again ---- */

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
    err = found ? f->rules.name(f->rules.context, &line, head, fault) : CF_E_NOTFOUND;
  else if (err == CF_E_SYSTEM)
    err = CF_E_NOTFOUND;
  cf_lines_fini(&lines);
  return err;
}

/* It reaches to the mark, has its head, and before it the bytes that were
 * there; afterwards it stands there. */
static enum cf_err plain_reach(const struct cf_follow *f, struct neighbour *n,
                               const struct cf_mark *mark, struct cf_fault *fault)
{
  char head[CF_HEAD_N + 1];
  struct cf_wake wake;
  if ((uint64_t)n->st.st_size < mark->offset)
    return CF_E_NOTFOUND;
  enum cf_err err = head_of(f, n->fd, head, fault);
  if (err != CF_OK)
    return err;
  cf_wake_load(&wake, n->fd, mark->wake.end, (size_t)mark->wake.n);
  return strcmp(head, mark->head) == 0 && cf_wake_is(&wake, &mark->wake) &&
                 lseek(n->fd, (off_t)mark->offset, SEEK_SET) >= 0
             ? CF_OK
             : CF_E_NOTFOUND;
}

/* Read its lines up to there; one with another head no further than its first.
 * CF_E_NOTFOUND: it has another. */
static enum cf_err packed_read(const struct cf_follow *f, struct neighbour *n,
                               const struct cf_mark *mark, struct cf_fault *fault)
{
  char head[CF_HEAD_N + 1] = "";
  struct cf_line line;
  size_t got = 1;
  enum cf_err err = CF_OK;
  while (err == CF_OK && (head[0] == '\0' || n->lines.offset < mark->offset) && got > 0) {
    if (!cf_lines_take(&n->lines, false, &line)) {
      err = cf_lines_read(&n->lines, n->fd, &got);
      continue;
    }
    cf_wake_line(&n->wake, &line);
    if (line.offset == 0)
      err = f->rules.name(f->rules.context, &line, head, fault);
    if (line.offset == 0 && err == CF_OK && strcmp(head, mark->head) != 0)
      err = CF_E_NOTFOUND;
  }
  return err;
}

static void packed_close(struct neighbour *n)
{
  cf_lines_fini(&n->lines);
  cf_stream_free(n->stream);
  n->stream = NULL;
  n->wake.n = 0;
}

static enum cf_err packed_open(struct neighbour *n)
{
  packed_close(n);
  enum cf_err err = lseek(n->fd, 0, SEEK_SET) == 0 ? cf_stream_new(true, &n->stream) : CF_E_SYSTEM;
  n->lines.stream = n->stream;
  return err;
}

/* The same of a packed one. What is broken is not it. */
static enum cf_err packed_reach(const struct cf_follow *f, struct neighbour *n,
                                const struct cf_mark *mark, struct cf_fault *fault)
{
  enum cf_err err = packed_open(n);
  if (err == CF_OK)
    err = packed_read(f, n, mark, fault);
  if (err == CF_OK && mark->offset == 0) /* its first line told */
    err = packed_open(n);
  if (err == CF_OK && n->lines.offset == mark->offset && cf_wake_is(&n->wake, &mark->wake))
    return CF_OK;
  packed_close(n);
  return err == CF_E_SYNTAX || err == CF_E_FULL || err == CF_E_SYSTEM || err == CF_OK
             ? CF_E_NOTFOUND
             : err;
}

static enum cf_err accept_head(struct cf_follow *f, struct neighbour *n, const void *wanted,
                               struct cf_fault *fault)
{
  return (n->packed ? packed_reach : plain_reach)(f, n, wanted, fault);
}

/* Take it as the newest file, from the mark on. Its wake is the mark's and no
 * more: lines alone make one (wake.h), and so does what packs it later. */
static struct cf_followed *neighbour_add(struct cf_follow *f, const struct neighbour *n,
                                         const struct cf_mark *mark)
{
  struct cf_followed *file = cf_follow_add(f, n->fd, &n->st, mark->offset, mark->head);
  file->stream = n->stream;
  file->wake = n->wake;
  if (n->stream != NULL)
    file->lines = n->lines;
  else
    cf_wake_load(&file->wake, n->fd, mark->wake.end, (size_t)mark->wake.n);
  file->safe_wake = file->wake;
  return file;
}

/* ---- the copy of a truncated file ---- */

/* It has the begin that the file had, and what is not yet given of it. */
static enum cf_err accept_copy(struct cf_follow *f, struct neighbour *n, const void *wanted,
                               struct cf_fault *fault)
{
  const struct cf_followed *file = wanted;
  uint8_t front[CF_FRONT_N];
  if (n->packed) {
    struct cf_mark mark = {.offset = file->given, .wake = cf_wake_mark(&file->wake)};
    memcpy(mark.head, file->head, sizeof mark.head);
    return packed_reach(f, n, &mark, fault);
  }
  if (file->front_n == 0 || (uint64_t)n->st.st_size < file->given)
    return CF_E_NOTFOUND;
  if (pread(n->fd, front, sizeof front, 0) < (ssize_t)file->front_n ||
      memcmp(front, file->front, file->front_n) != 0 || !cf_wake_fits(&file->wake, n->fd))
    return CF_E_NOTFOUND;
  return lseek(n->fd, (off_t)file->given, SEEK_SET) >= 0 ? CF_OK : CF_E_NOTFOUND;
}

enum cf_err cf_follow_find_copy(struct cf_follow *f, struct cf_followed *file)
{
  struct neighbour found;
  enum cf_err err = neighbour_find(f, accept_copy, file, &found, NULL);
  if (err != CF_OK)
    return err;
  cf_lines_fini(&file->lines);
  cf_lines_init(&file->lines, file->given);
  if (found.stream != NULL)
    file->lines = found.lines;
  file->stream = found.stream;
  file->fd = found.fd;
  file->holds = false;
  file->device = found.st.st_dev;
  file->inode = found.st.st_ino;
  return CF_OK;
}

/* ---- files that came and went ---- */

/* .1, -20260131, .2026-01-31_00, perhaps compressed: what programs that rotate
 * logs put behind a name. */
static bool is_rotated_name(const char *suffix)
{
  size_t n = (size_t)(packer_of(suffix) - suffix);
  return strspn(suffix, ".-_0123456789") >= n && strcspn(suffix, "0123456789") < n;
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

/* It was written to since `since_us`, and nobody has read it. */
static bool is_missed(const struct cf_follow *f, const struct neighbour *n, int64_t since_us)
{
  return is_rotated_name(n->suffix) && !is_known(f, &n->st) &&
         cf_file_modified_us(&n->st) >= since_us;
}

static enum cf_err accept_missed(struct cf_follow *f, struct neighbour *n, const void *wanted,
                                 struct cf_fault *fault)
{
  (void)wanted, (void)fault;
  if (!is_missed(f, n, f->looked_us - MISSED_MARGIN_US))
    return CF_E_NOTFOUND;
  enum cf_err err = n->packed ? cf_stream_new(true, &n->stream) : CF_OK;
  n->lines.stream = n->stream;
  return err;
}

static int by_time(const void *a, const void *b)
{
  const struct cf_followed *x = a, *y = b;
  return (x->modified_us > y->modified_us) - (x->modified_us < y->modified_us);
}

void cf_follow_add_missed(struct cf_follow *f)
{
  const struct cf_mark begin = {.offset = 0};
  struct neighbour found;
  size_t before = f->files_n;
  /* One place stays free for the path's own file. */
  while (f->files_n + 1 < CF_FILES_MAX &&
         neighbour_find(f, accept_missed, NULL, &found, NULL) == CF_OK)
    neighbour_add(f, &found, &begin)->gone = true;
  qsort(f->files + before, f->files_n - before, sizeof f->files[0], by_time);
}

/* ---- marks ---- */

static enum cf_err accept_inode(struct cf_follow *f, struct neighbour *n, const void *wanted,
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
    neighbour_close(&n);
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
    cf_follow_miss(f, "the file of %s that was read to byte %ju is no longer there", f->path,
                   (uintmax_t)mark->offset);
    return CF_OK;
  }
  if (err == CF_OK)
    neighbour_add(f, &found, mark)->gone = gone;
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
    f->looked_us = marks->saved_us;
    enum cf_err err = file_resume(f, &marks->v[i], fault);
    if (err != CF_OK)
      return err;
    if (f->files_n > 0 && !f->files[f->files_n - 1].gone)
      return CF_OK;
  }
  if (!any)
    return CF_OK;
  cf_follow_add_missed(f);
  return CF_OK;
}
