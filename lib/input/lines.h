/* SPDX-License-Identifier: MIT */
/* Lines out of a descriptor, each with the byte offset where it begins; bounded
 * memory whatever the file holds.
 *
 * Who truncates a log under a writer that does not append leaves a hole in
 * front of the next line: NULs, which are passed over and counted. */
#ifndef CF_INPUT_LINES_H
#define CF_INPUT_LINES_H

#include "lib/input/stream.h"

/* bytes of a line that are kept; the rest of a longer one is passed over */
#define CF_LINE_MAX 262144

struct cf_line {
  /* without its LF, a CR before it and NULs in front of it; valid until the
   * next call */
  struct cf_str text;
  uint64_t nuls; /* in front of text */
  /* as it stands in the file, with its LF; empty where it is cut, and behind
   * NULs */
  struct cf_str raw;
  uint64_t offset; /* where it begins, with its NULs */
  uint64_t next;   /* where the next one begins */
  bool cut;        /* there was more of it than text holds */
};

struct cf_lines {
  char *p; /* what was read: start ≤ seen ≤ end; NULL until the first read */
  size_t start, end;
  size_t seen;     /* no LF is before it */
  uint64_t offset; /* in the file, of the line that `start` is in */
  uint64_t nuls;   /* of that line, before `start` */
  /* bytes of a long line, behind its first CF_LINE_MAX, that are no longer in
   * memory */
  uint64_t passed;
  /* unpacks what is read, which then stands at the file's begin at first;
   * borrowed. NULL: the bytes are the text */
  struct cf_stream *stream;
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
 * the end of the file. CF_E_SYSTEM (errno is read's), CF_E_NOMEM; the errors of
 * cf_stream_read where there is a stream. */
CF_MUST enum cf_err cf_lines_read(struct cf_lines *lines, int fd, size_t *n);

/* Forget the last n bytes that were read: nothing of them was taken. */
void cf_lines_forget(struct cf_lines *lines, size_t n);

/* How far the file was read. */
uint64_t cf_lines_read_to(const struct cf_lines *lines);

#endif
