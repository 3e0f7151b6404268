/* SPDX-License-Identifier: MIT */
/* A log file followed through renames, truncations and restarts. */
#include "config.h"

#include "lib/input/follow_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/die.h"

static void close_file(struct cf_followed *file)
{
  if (file->fd >= 0)
    close(file->fd);
  cf_lines_fini(&file->lines);
  cf_stream_free(file->stream);
}

/* ---- truncation and rename ---- */

static ssize_t read_front(int fd, uint8_t front[CF_FRONT_N])
{
  return pread(fd, front, CF_FRONT_N, 0);
}

/* Does the file still begin as it did, reach as far as it was read, and have
 * before that what it had? Remembers more of its begin as it grows. */
static bool intact(struct cf_followed *file)
{
  struct stat st;
  uint8_t front[CF_FRONT_N];
  ssize_t n = read_front(file->fd, front);
  if (n < 0 || fstat(file->fd, &st) != 0)
    return true; /* reading will say what is wrong */
  if ((uint64_t)st.st_size < cf_lines_read_to(&file->lines) || n < (ssize_t)file->front_n ||
      memcmp(front, file->front, file->front_n) != 0 || !cf_wake_fits(&file->wake, file->fd))
    return false;
  memcpy(file->front, front, (size_t)n);
  file->front_n = (size_t)n;
  return true;
}

/* The file was truncated or written over: read on in its copy, else take what
 * is in memory as its last line. */
static void leave_truncated(struct cf_follow *f, struct cf_followed *file)
{
  close(file->fd);
  file->fd = -1;
  if (cf_follow_find_copy(f, file) == CF_OK)
    return;
  file->ended = true;
  cf_follow_miss(f, "%s was truncated or written over at byte %ju, and no copy of it is there",
                 f->path, (uintmax_t)cf_lines_read_to(&file->lines));
}

/* Is it still the path's? Where that cannot be told it is. */
static enum cf_err path_look(const struct cf_follow *f, const struct cf_followed *file, bool *is,
                             struct cf_fault *fault)
{
  struct stat st;
  enum cf_err err = cf_opener_stat(&f->rules.opener, f->path, &st, fault);
  *is = err != CF_OK || (file != NULL && file->device == st.st_dev && file->inode == st.st_ino);
  return err == CF_E_PEER ? err : CF_OK;
}

/* What happened to the path since its file was opened? *changed: there is
 * something new to read. */
static enum cf_err files_look(struct cf_follow *f, bool *changed, struct cf_fault *fault)
{
  struct cf_followed *newest =
      f->files_n > 0 && !f->files[f->files_n - 1].gone ? &f->files[f->files_n - 1] : NULL;
  int64_t now_us = cf_clock_now_us();
  struct stat st;
  int fd;
  *changed = false;
  if (f->files_n == CF_FILES_MAX)
    return CF_OK;
  bool here, truncated = newest != NULL && !intact(newest);
  enum cf_err err = path_look(f, newest, &here, fault);
  if (err != CF_OK)
    return err;
  if (!truncated && here) {
    if (newest != NULL)
      f->looked_us = now_us;
    return CF_OK;
  }
  /* Open the new one first: while that fails the old one stays. */
  err = cf_follow_open(f, &fd, &st, fault);
  if (err != CF_OK)
    return err == CF_E_NOTFOUND ? CF_OK : err;
  if (newest != NULL) {
    newest->gone = true;
    newest->heard_us = cf_clock_mono_us();
  }
  if (truncated)
    leave_truncated(f, newest);
  cf_follow_add_missed(f);
  (void)cf_follow_add(f, fd, &st, 0, "");
  f->looked_us = now_us;
  *changed = true;
  return CF_OK;
}

/* ---- reading ---- */

/* At the end of what the file has: is that its end? */
static bool is_end(const struct cf_follow *f, const struct cf_followed *file)
{
  if (!f->rules.on)
    return true;
  return file->gone && cf_clock_mono_us() - file->heard_us >= f->rules.drain_us;
}

/* Why it cannot be read on. */
static enum cf_err read_explain(const struct cf_follow *f, const struct cf_followed *file,
                                enum cf_err err, struct cf_fault *fault)
{
  switch (err) {
  case CF_E_SYSTEM: return cf_fail_errno(fault, err, f->path, "cannot read it");
  case CF_E_SYNTAX:
    return cf_fail(fault, err, f->path, "the %s archive is broken or breaks off",
                   cf_stream_packing(file->stream));
  case CF_E_FULL:
    return cf_fail(fault, err, f->path, "the %s archive takes too much memory to unpack",
                   cf_stream_packing(file->stream));
  case CF_E_CONFIG:
    return cf_fail(fault, err, f->path,
                   "is no text, there are NULs in its lines; --force takes it nevertheless");
  default: return err;
  }
}

/* A rotated file that is packed, and broken. */
static enum cf_err archive_leave(struct cf_follow *f, struct cf_followed *file, enum cf_err err)
{
  struct cf_fault fault = {.detail = ""};
  (void)read_explain(f, file, err, &fault);
  file->ended = true;
  cf_follow_miss(f, "a rotated file of %s cannot be read behind byte %ju: %s", f->path,
                 (uintmax_t)cf_lines_read_to(&file->lines), fault.detail);
  return CF_OK;
}

/* Read more of it. *more is false when there is nothing now. */
static enum cf_err read_more(struct cf_follow *f, struct cf_followed *file, bool *more,
                             struct cf_fault *fault)
{
  size_t n;
  *more = false;
  if (file->fd < 0 || (f->rules.on && !file->gone && !intact(file)))
    return CF_OK;
  enum cf_err err = cf_lines_read(&file->lines, file->fd, &n);
  if (err != CF_OK && file->stream != NULL && f->rules.on && err != CF_E_NOMEM)
    return archive_leave(f, file, err);
  if (err != CF_OK)
    return read_explain(f, file, err, fault);
  /* It may have been truncated, and have grown again, since it was looked
   * at. */
  if (n > 0 && f->rules.on && !file->gone && !intact(file)) {
    cf_lines_forget(&file->lines, n);
    return lseek(file->fd, (off_t)cf_lines_read_to(&file->lines), SEEK_SET) >= 0
               ? CF_OK
               : read_explain(f, file, CF_E_SYSTEM, fault);
  }
  if (n > 0)
    file->heard_us = cf_clock_mono_us();
  *more = n > 0 || (!file->ended && is_end(f, file));
  if (n == 0 && *more)
    file->ended = true;
  return CF_OK;
}

/* The line that is held, once its file has a name. */
static enum cf_err line_give(struct cf_follow *f, struct cf_followed *file, struct cf_line *line,
                             struct cf_fault *fault)
{
  if (file->head[0] == '\0') {
    enum cf_err err = f->rules.name(f->rules.context, &file->held, file->head, fault);
    if (err != CF_OK) {
      file->head[0] = '\0';
      return err;
    }
  }
  file->holds = false;
  file->given = file->held.next;
  cf_wake_line(&file->wake, &file->held);
  *line = file->held;
  return CF_OK;
}

static enum cf_err next_of(struct cf_follow *f, struct cf_followed *file, struct cf_line *line,
                           bool *more, struct cf_fault *fault)
{
  enum cf_err err = CF_OK;
  bool read = true;
  while (err == CF_OK && read && !file->holds &&
         !(file->holds = cf_lines_take(&file->lines, file->ended, &file->held)))
    err = read_more(f, file, &read, fault);
  *more = err == CF_OK && file->holds;
  return *more ? line_give(f, file, line, fault) : err;
}

/* Close the files that were read to their ends. */
static void leave_ended(struct cf_follow *f)
{
  size_t kept = 0;
  for (size_t i = 0; i < f->files_n; i++) {
    struct cf_followed *file = &f->files[i];
    if (!file->ended) {
      f->files[kept++] = *file;
      continue;
    }
    f->left[f->left_n % CF_LEFT_MAX].device = file->device;
    f->left[f->left_n++ % CF_LEFT_MAX].inode = file->inode;
    close_file(file);
  }
  f->files_n = kept;
}

enum cf_err cf_follow_next(struct cf_follow *f, struct cf_line *line, const char **head, bool *more,
                           struct cf_fault *fault)
{
  for (bool again = true; again;) {
    for (size_t i = 0; i < f->files_n; i++) {
      enum cf_err err = next_of(f, &f->files[i], line, more, fault);
      if (err == CF_OK && !*more)
        continue;
      *head = f->files[i].head;
      return err;
    }
    leave_ended(f);
    again = false;
    enum cf_err err = f->rules.on ? files_look(f, &again, fault) : CF_OK;
    if (err != CF_OK)
      return err;
  }
  *more = false;
  return CF_OK;
}

/* ---- gaps ---- */

const struct cf_gap *cf_follow_gap(const struct cf_follow *f)
{
  return f->gap.count > 0 ? &f->gap : NULL;
}

void cf_follow_gap_told(struct cf_follow *f)
{
  f->gap = (struct cf_gap){.count = 0};
}

/* ---- marks ---- */

void cf_follow_commit(struct cf_follow *f)
{
  for (size_t i = 0; i < f->files_n; i++) {
    f->files[i].safe = f->files[i].given;
    f->files[i].safe_wake = f->files[i].wake;
  }
}

enum cf_err cf_follow_marks(const struct cf_follow *f, struct cf_marks *marks)
{
  for (size_t i = 0; i < f->files_n; i++) {
    const struct cf_followed *file = &f->files[i];
    struct cf_mark mark = {.path = f->path,
                           .device = file->device,
                           .inode = file->inode,
                           .offset = file->safe,
                           .wake = cf_wake_mark(&file->safe_wake)};
    if (file->head[0] == '\0')
      continue;
    memcpy(mark.head, file->head, sizeof mark.head);
    enum cf_err err = cf_marks_add(marks, &mark);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* ---- life ---- */

static enum cf_err file_begin(struct cf_follow *f, const struct cf_marks *marks,
                              struct cf_fault *fault)
{
  struct stat st;
  int fd;
  enum cf_err err = marks != NULL ? cf_follow_resume(f, marks, fault) : CF_OK;
  if (err != CF_OK || (f->files_n > 0 && !f->files[f->files_n - 1].gone))
    return err;
  err = cf_follow_open(f, &fd, &st, fault);
  if (err != CF_OK)
    return err == CF_E_NOTFOUND ? CF_OK : err;
  struct cf_followed *file = cf_follow_add(f, fd, &st, 0, "");
  if (!f->rules.on)
    err = cf_stream_new(f->rules.any_bytes, &file->stream);
  file->lines.stream = file->stream;
  return err;
}

enum cf_err cf_follow_new(const char *path, const struct cf_follow_rules *rules,
                          const struct cf_marks *marks, struct cf_follow **follow,
                          struct cf_fault *fault)
{
  struct cf_follow *f = calloc(1, sizeof *f);
  if (f == NULL)
    return CF_E_NOMEM;
  f->rules = *rules;
  f->path = strdup(path);
  f->looked_us = cf_clock_now_us();
  enum cf_err err = f->path == NULL ? CF_E_NOMEM : file_begin(f, marks, fault);
  if (err == CF_OK)
    *follow = f;
  else
    cf_follow_free(f);
  return err;
}

void cf_follow_free(struct cf_follow *f)
{
  if (f == NULL)
    return;
  for (size_t i = 0; i < f->files_n; i++)
    close_file(&f->files[i]);
  free(f->path);
  free(f);
}
