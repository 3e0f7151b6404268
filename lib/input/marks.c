/* SPDX-License-Identifier: MIT */
/* The state file of `import --follow`. */
#include "config.h"

#include "lib/input/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/file.h"

#define TITLE     "counterfoil import 2 "
#define TITLE_1   "counterfoil import 1"
#define STATE_MAX (1U << 22)

const char *cf_ids_name(enum cf_ids ids)
{
  static const char *const names[CF_IDS_N] = {[CF_IDS_PLACE] = "place", [CF_IDS_LINE] = "line"};
  return names[ids];
}

enum cf_err cf_marks_add(struct cf_marks *marks, const struct cf_mark *mark)
{
  struct cf_mark *v = realloc(marks->v, (marks->n + 1) * sizeof *v);
  if (v == NULL)
    return CF_E_NOMEM;
  marks->v = v;
  v[marks->n] = *mark;
  v[marks->n].path = strdup(mark->path);
  if (v[marks->n].path == NULL)
    return CF_E_NOMEM;
  marks->n++;
  return CF_OK;
}

void cf_marks_fini(struct cf_marks *marks)
{
  for (size_t i = 0; i < marks->n; i++)
    free(marks->v[i].path);
  free(marks->v);
  *marks = (struct cf_marks){0};
}

/* ---- one at a time ---- */

static enum cf_err lock_take(int fd, const char *file, struct cf_fault *fault)
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_SETLK, &lock) == 0)
    return CF_OK;
  if (errno != EACCES && errno != EAGAIN)
    return cf_fail_errno(fault, CF_E_SYSTEM, file, "cannot lock the state file");
  if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
    lock.l_pid = 0;
  return cf_fail(fault, CF_E_LOCKED, file,
                 "in use: process %d follows with this state file; end it, or name another with "
                 "--state",
                 (int)lock.l_pid);
}

enum cf_err cf_marks_lock(const char *file, int *fd, struct cf_fault *fault)
{
  char path[PATH_MAX];
  if ((size_t)snprintf(path, sizeof path, "%s.lock", file) >= sizeof path)
    return cf_fail(fault, CF_E_SYSTEM, file, "the path is too long");
  int got = cf_file_make(AT_FDCWD, path, O_RDWR);
  if (got < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot make the state file's lock");
  enum cf_err err = lock_take(got, file, fault);
  if (err == CF_OK)
    *fd = got;
  else
    close(got);
  return err;
}

/* ---- reading ---- */

static enum cf_err read_state(const char *file, struct cf_buf *b, int64_t *saved_us,
                              struct cf_fault *fault)
{
  struct stat st;
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? CF_OK
                           : cf_fail_errno(fault, CF_E_SYSTEM, file, "cannot open the state file");
  enum cf_err err = cf_file_read_all(fd, b);
  if (err == CF_E_SYSTEM)
    err = cf_fail_errno(fault, err, file, "cannot read the state file");
  if (fstat(fd, &st) == 0)
    *saved_us = cf_file_modified_us(&st);
  close(fd);
  return err;
}

static bool head_ok(struct cf_str s)
{
  uint8_t bytes[CF_HEAD_N / 2];
  return cf_hex_get_n(s, bytes, sizeof bytes) == CF_OK;
}

/* Its end, length and hash out of a line. */
static enum cf_err take_wake(struct cf_str *line, struct cf_wake_mark *wake)
{
  struct cf_str end = cf_str_cut(line, ' '), n = cf_str_cut(line, ' '),
                hash = cf_str_cut(line, ' ');
  if (cf_u64_parse(end, INT64_MAX, &wake->end) != CF_OK ||
      cf_u64_parse(n, CF_WAKE_N, &wake->n) != CF_OK || wake->n > wake->end)
    return CF_E_SYNTAX;
  if (wake->n == 0)
    return cf_str_is(hash, "-") ? CF_OK : CF_E_SYNTAX;
  return cf_hex_get_n(hash, wake->hash, sizeof wake->hash);
}

static enum cf_err add_line(struct cf_str line, bool wakes, struct cf_marks *marks)
{
  struct cf_mark mark = {.path = NULL};
  struct cf_buf path;
  struct cf_str device = cf_str_cut(&line, ' '), inode = cf_str_cut(&line, ' '),
                offset = cf_str_cut(&line, ' '), head = cf_str_cut(&line, ' ');
  if (cf_u64_parse(device, UINT64_MAX, &mark.device) != CF_OK ||
      cf_u64_parse(inode, UINT64_MAX, &mark.inode) != CF_OK ||
      cf_u64_parse(offset, INT64_MAX, &mark.offset) != CF_OK || !head_ok(head))
    return CF_E_SYNTAX;
  memcpy(mark.head, head.p, CF_HEAD_N);
  enum cf_err err = wakes ? take_wake(&line, &mark.wake) : CF_OK;
  cf_buf_init(&path, STATE_MAX);
  if (err == CF_OK)
    err = cf_url_get(line, false, &path);
  if (err == CF_OK)
    err = (mark.path = cf_buf_take(&path)) == NULL ? CF_E_NOMEM : CF_OK;
  cf_buf_fini(&path);
  if (err != CF_OK)
    return err;
  err = mark.path[0] == '/' ? cf_marks_add(marks, &mark) : CF_E_SYNTAX;
  free(mark.path);
  return err;
}

static bool take_title(struct cf_str title, enum cf_ids *ids)
{
  if (!cf_str_starts(title, CF_STR(TITLE)))
    return false;
  struct cf_str name = {title.p + strlen(TITLE), title.n - strlen(TITLE)};
  for (*ids = 0; *ids < CF_IDS_N; (*ids)++)
    if (cf_str_is(name, cf_ids_name(*ids)))
      return true;
  return false;
}

static enum cf_err add_lines(struct cf_str text, struct cf_marks *marks)
{
  if (text.n == 0)
    return CF_OK;
  struct cf_str title = cf_str_cut(&text, '\n');
  bool wakes = !cf_str_is(title, TITLE_1);
  if (wakes && !take_title(title, &marks->ids))
    return CF_E_SYNTAX;
  while (text.n > 0) {
    enum cf_err err = add_line(cf_str_cut(&text, '\n'), wakes, marks);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

enum cf_err cf_marks_load(const char *file, struct cf_marks *marks, struct cf_fault *fault)
{
  struct cf_marks found = {0};
  struct cf_buf b;
  cf_buf_init(&b, STATE_MAX);
  enum cf_err err = read_state(file, &b, &found.saved_us, fault);
  if (err == CF_OK) {
    err = add_lines(cf_buf_str(&b), &found);
    if (err == CF_E_SYNTAX)
      err = cf_fail(fault, err, file,
                    "this is no state file of an import; remove it, or name another with --state");
  }
  cf_buf_fini(&b);
  if (err == CF_OK)
    *marks = found;
  else
    cf_marks_fini(&found);
  return err;
}

/* ---- writing ---- */

static void put_wake(const struct cf_wake_mark *wake, struct cf_buf *b)
{
  cf_buf_putf(b, "%ju %ju ", (uintmax_t)wake->end, (uintmax_t)wake->n);
  if (wake->n > 0)
    cf_hex_put(b, wake->hash, sizeof wake->hash);
  else
    cf_buf_putc(b, '-');
  cf_buf_putc(b, ' ');
}

static void put_marks(const struct cf_marks *marks, struct cf_buf *b)
{
  cf_buf_putf(b, TITLE "%s\n", cf_ids_name(marks->ids));
  for (size_t i = 0; i < marks->n; i++) {
    const struct cf_mark *mark = &marks->v[i];
    cf_buf_putf(b, "%ju %ju %ju %s ", (uintmax_t)mark->device, (uintmax_t)mark->inode,
                (uintmax_t)mark->offset, mark->head);
    put_wake(&mark->wake, b);
    cf_url_put(b, cf_str_from(mark->path));
    cf_buf_putc(b, '\n');
  }
}

enum cf_err cf_marks_save(const char *file, const struct cf_marks *marks, struct cf_fault *fault)
{
  struct cf_buf text;
  cf_buf_init(&text, STATE_MAX);
  put_marks(marks, &text);
  enum cf_err err = text.err == CF_OK ? CF_OK : CF_E_NOMEM;
  if (err == CF_OK && cf_file_replace(AT_FDCWD, file, 0600, cf_buf_str(&text)) != CF_OK)
    err = cf_fail_errno(fault, CF_E_SYSTEM, file, "cannot write the state file");
  cf_buf_fini(&text);
  return err;
}
