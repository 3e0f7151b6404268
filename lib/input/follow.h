/* SPDX-License-Identifier: MIT */
/* The lines of a log file, once or for ever: complete lines only, each with
 * what its event's id is made of, through renames and truncations.
 *
 * A file is known by (device, inode) and by its head, a name made from its
 * first line. When its path names another file, the one that was renamed is
 * read on until it was quiet for a while, and both have a mark. When it is
 * truncated or written over, which its first bytes and those before the place
 * that was read to tell (wake.h), what was not yet read is looked for in the
 * copy that `copytruncate` leaves beside it: a file in the same directory whose
 * name begins with this one's, with the same bytes there. After a restart the
 * same holds for what happened in between. Files that were rotated away without
 * having been seen at the path (.1, -20260131.gz and the like, changed since)
 * are read too, packed ones as well. What cannot be found is a gap.
 *
 * What is read once may be packed (stream.h): a line's place is that in the
 * text, and its file's name that of the text's first line, so that
 * access.log.2.gz holds the lines of the access.log that it was. */
#ifndef CF_INPUT_FOLLOW_H
#define CF_INPUT_FOLLOW_H

#include "lib/input/lines.h"
#include "lib/input/marks.h"
#include "lib/input/opener.h"

/* How to read. */
struct cf_follow_rules {
  /* go on at the end: wait for more; else the last line needs no LF, and the
   * end is the end */
  bool on;
  struct cf_opener opener; /* how files are opened */
  bool only_files;         /* so is what is no regular file */
  bool any_bytes;          /* what is read once may be no text */
  /* how long a renamed file must be quiet before it is left, and its last line
   * taken without LF */
  int64_t drain_us;
  /* Name a file by its first line: CF_HEAD_N hex digits and a NUL. Its error is
   * given on. */
  enum cf_err (*name)(void *context, const struct cf_line *first, char head[CF_HEAD_N + 1],
                      struct cf_fault *fault);
  void *context;
};

struct cf_follow;

/* Lines that may have been lost unseen: nobody knows whether there were any,
 * and how many. */
struct cf_gap {
  uint64_t count;            /* how often that was */
  int64_t first_us, last_us; /* between these: wall clock */
  char what[400];            /* for people, of the first of them */
};

/* Open the file at path (absolute where it is followed; "-" is standard input)
 * where its marks say, else at its begin. A followed file need not exist yet.
 * The rules are copied, marks are only read here. CF_E_SYSTEM, CF_E_CONFIG
 * (packed and followed, no regular file), CF_E_NOMEM, name's errors. */
CF_MUST enum cf_err cf_follow_new(const char *path, const struct cf_follow_rules *rules,
                                  const struct cf_marks *marks, struct cf_follow **follow,
                                  struct cf_fault *fault);
void cf_follow_free(struct cf_follow *follow); /* NULL is harmless */

/* The next line, of the oldest file first, and its file's head. *more is false
 * when there is none now. Line and head are valid until the next call.
 * CF_E_SYSTEM, CF_E_NOMEM, name's errors: call again, nothing was lost.
 * CF_E_PEER: who opens the files is gone. Of a
 * file that is read once also the errors of cf_stream_read, which stay. */
CF_MUST enum cf_err cf_follow_next(struct cf_follow *follow, struct cf_line *line,
                                   const char **head, bool *more, struct cf_fault *fault);

/* What was lost since cf_follow_gap_told; NULL: nothing. */
const struct cf_gap *cf_follow_gap(const struct cf_follow *follow);
void cf_follow_gap_told(struct cf_follow *follow);

/* Everything given so far is safe: the marks move behind it. */
void cf_follow_commit(struct cf_follow *follow);
/* Add its marks. CF_E_NOMEM. */
CF_MUST enum cf_err cf_follow_marks(const struct cf_follow *follow, struct cf_marks *marks);

#endif
