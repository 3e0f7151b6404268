/* SPDX-License-Identifier: MIT */
/* The state file of `import --follow`. */
#include "config.h"

#include "lib/input/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/file.h"

#define TITLE     "counterfoil import 1"
#define STATE_MAX (1U << 22)

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
    *saved_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
  close(fd);
  return err;
}

static bool head_ok(struct cf_str s)
{
  uint8_t bytes[CF_HEAD_N / 2];
  return cf_hex_get_n(s, bytes, sizeof bytes) == CF_OK;
}

static enum cf_err add_line(struct cf_str line, struct cf_marks *marks)
{
  struct cf_mark mark;
  struct cf_buf path;
  struct cf_str device = cf_str_cut(&line, ' '), inode = cf_str_cut(&line, ' '),
                offset = cf_str_cut(&line, ' '), head = cf_str_cut(&line, ' ');
  if (cf_u64_parse(device, UINT64_MAX, &mark.device) != CF_OK ||
      cf_u64_parse(inode, UINT64_MAX, &mark.inode) != CF_OK ||
      cf_u64_parse(offset, INT64_MAX, &mark.offset) != CF_OK || !head_ok(head))
    return CF_E_SYNTAX;
  memcpy(mark.head, head.p, CF_HEAD_N);
  mark.head[CF_HEAD_N] = '\0';
  cf_buf_init(&path, STATE_MAX);
  enum cf_err err = cf_url_get(line, false, &path);
  if (err == CF_OK)
    err = (mark.path = cf_buf_take(&path)) == NULL ? CF_E_NOMEM : CF_OK;
  cf_buf_fini(&path);
  if (err != CF_OK)
    return err;
  err = mark.path[0] == '/' ? cf_marks_add(marks, &mark) : CF_E_SYNTAX;
  free(mark.path);
  return err;
}

static enum cf_err add_lines(struct cf_str text, struct cf_marks *marks)
{
  if (text.n == 0)
    return CF_OK;
  if (!cf_str_is(cf_str_cut(&text, '\n'), TITLE))
    return CF_E_SYNTAX;
  while (text.n > 0) {
    enum cf_err err = add_line(cf_str_cut(&text, '\n'), marks);
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

static void put_marks(const struct cf_marks *marks, struct cf_buf *b)
{
  cf_buf_puts(b, TITLE "\n");
  for (size_t i = 0; i < marks->n; i++) {
    const struct cf_mark *mark = &marks->v[i];
    cf_buf_putf(b, "%ju %ju %ju %s ", (uintmax_t)mark->device, (uintmax_t)mark->inode,
                (uintmax_t)mark->offset, mark->head);
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
