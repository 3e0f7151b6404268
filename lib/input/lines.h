/* SPDX-License-Identifier: MIT */
/* Lines out of a descriptor, each with the byte offset where it begins; bounded
 * memory whatever the file holds. */
#ifndef CF_INPUT_LINES_H
#define CF_INPUT_LINES_H

#include "lib/base/buf.h"

/* bytes of a line that are kept; the rest of a longer one is passed over */
#define CF_LINE_MAX 262144

struct cf_line {
  struct cf_str text; /* without its LF, and without a CR before it; valid until the next call */
  uint64_t offset;    /* where it begins */
  uint64_t next;      /* where the next one begins */
  bool cut;           /* there was more of it than text holds */
};

struct cf_lines {
  char *p; /* what was read: start ≤ seen ≤ end; NULL until the first read */
  size_t start, end;
  size_t seen;     /* no LF is before it */
  uint64_t offset; /* of `start` in the file */
  /* bytes of a long line, behind its first CF_LINE_MAX, that are no longer in
   * memory */
  uint64_t passed;
};

/* Begin at that offset of a file; the descriptor that is read must stand
 * there. */
void cf_lines_init(struct cf_lines *lines, uint64_t offset);
/* Free its memory. Harmless on a zeroed or finished one. */
void cf_lines_fini(struct cf_lines *lines);

/* Give the next complete line that is in memory; false when there is none: read
 * more. With `last` what stands behind the last LF is a line too. */
bool cf_lines_take(struct cf_lines *lines, bool last, struct cf_line *line);
/* Read once from fd; to be called when cf_lines_take had nothing. *n is 0 at
 * the end of the file. CF_E_SYSTEM (errno is read's), CF_E_NOMEM. */
CF_MUST enum cf_err cf_lines_read(struct cf_lines *lines, int fd, size_t *n);

/* How far the file was read. */
uint64_t cf_lines_read_to(const struct cf_lines *lines);

#endif
