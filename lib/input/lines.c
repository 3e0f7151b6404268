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
  return lines->offset + (lines->end - lines->start) + lines->passed;
}

/* Give the n bytes at start as a line, and go on behind them and `gap` more
 * (its LF, what was passed over). */
static void line_give(struct cf_lines *lines, size_t n, size_t gap, struct cf_line *line)
{
  size_t kept = n < CF_LINE_MAX ? n : CF_LINE_MAX;
  line->cut = n > kept || lines->passed > 0;
  line->offset = lines->offset;
  line->next = lines->offset + n + gap + lines->passed;
  line->text = (struct cf_str){lines->p + lines->start, kept};
  if (!line->cut && kept > 0 && gap > 0 && line->text.p[kept - 1] == '\r')
    line->text.n--;
  lines->start += n + gap;
  lines->seen = lines->start;
  lines->offset = line->next;
  lines->passed = 0;
}

bool cf_lines_take(struct cf_lines *lines, bool last, struct cf_line *line)
{
  if (lines->start == lines->end)
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

enum cf_err cf_lines_read(struct cf_lines *lines, int fd, size_t *n)
{
  if (lines->p == NULL && (lines->p = malloc(CF_LINE_MAX + READ_N)) == NULL)
    return CF_E_NOMEM;
  make_room(lines);
  ssize_t got;
  do
    got = read(fd, lines->p + lines->end, READ_N);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return CF_E_SYSTEM;
  lines->end += (size_t)got;
  *n = (size_t)got;
  return CF_OK;
}
