/* SPDX-License-Identifier: MIT */
/* Lines out of a descriptor: one buffer that holds the longest line kept and
 * one read more. */
#include "config.h"

#include "lib/input/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_N 65536

void cf_lines_init(struct cf_lines *lines, uint64_t offset)
{
  *lines = (struct cf_lines){.offset = offset};
}

void cf_lines_fini(struct cf_lines *lines)
{
  free(lines->p);
  *lines = (struct cf_lines){0};
}

uint64_t cf_lines_read_to(const struct cf_lines *lines)
{
  return lines->offset + lines->nuls + (lines->end - lines->start) + lines->passed;
}

/* Give the n bytes at start as a line, and go on behind them and `gap` more
 * (its LF, what was passed over). */
static void line_give(struct cf_lines *lines, size_t n, size_t gap, struct cf_line *line)
{
  size_t kept = n < CF_LINE_MAX ? n : CF_LINE_MAX;
  line->cut = n > kept || lines->passed > 0;
  line->offset = lines->offset;
  line->nuls = lines->nuls;
  line->next = lines->offset + lines->nuls + n + gap + lines->passed;
  line->text = (struct cf_str){lines->p + lines->start, kept};
  line->raw = (struct cf_str){line->text.p, line->cut || lines->nuls > 0 ? 0 : n + gap};
  if (!line->cut && kept > 0 && gap > 0 && line->text.p[kept - 1] == '\r')
    line->text.n--;
  lines->start += n + gap;
  lines->seen = lines->start;
  lines->offset = line->next;
  lines->passed = 0;
  lines->nuls = 0;
}

/* `start` goes behind the NULs that are in front of its line. */
static void pass_nuls(struct cf_lines *lines)
{
  size_t from = lines->start;
  while (lines->start < lines->end && lines->p[lines->start] == '\0')
    lines->start++;
  lines->nuls += lines->start - from;
  if (lines->seen < lines->start)
    lines->seen = lines->start;
}

void cf_lines_forget(struct cf_lines *lines, size_t n)
{
  lines->end -= n;
  if (lines->seen > lines->end)
    lines->seen = lines->end;
}

bool cf_lines_take(struct cf_lines *lines, bool last, struct cf_line *line)
{
  pass_nuls(lines);
  if (lines->start == lines->end && (!last || lines->nuls == 0))
    return false;
  const char *lf = memchr(lines->p + lines->seen, '\n', lines->end - lines->seen);
  if (lf != NULL)
    line_give(lines, (size_t)(lf - lines->p) - lines->start, 1, line);
  else if (last)
    line_give(lines, lines->end - lines->start, 0, line);
  else
    lines->seen = lines->end;
  return lf != NULL || last;
}

/* Room for READ_N bytes: what is left moves to the front, and of a long line
 * only the first CF_LINE_MAX bytes stay. */
static void make_room(struct cf_lines *lines)
{
  size_t n = lines->end - lines->start;
  if (n > CF_LINE_MAX) {
    lines->passed += n - CF_LINE_MAX;
    n = CF_LINE_MAX;
  }
  if (lines->start > 0 && n > 0)
    memmove(lines->p, lines->p + lines->start, n);
  lines->start = 0;
  lines->end = lines->seen = n;
}

static enum cf_err bytes_read(int fd, char *out, size_t max, size_t *n)
{
  ssize_t got;
  do
    got = read(fd, out, max);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return CF_E_SYSTEM;
  *n = (size_t)got;
  return CF_OK;
}

enum cf_err cf_lines_read(struct cf_lines *lines, int fd, size_t *n)
{
  if (lines->p == NULL && (lines->p = malloc(CF_LINE_MAX + READ_N)) == NULL)
    return CF_E_NOMEM;
  make_room(lines);
  char *out = lines->p + lines->end;
  enum cf_err err = lines->stream != NULL ? cf_stream_read(lines->stream, fd, out, READ_N, n)
                                          : bytes_read(fd, out, READ_N, n);
  if (err == CF_OK)
    lines->end += *n;
  return err;
}
