/* SPDX-License-Identifier: MIT */
/* The lines of a log file, once or for ever: complete lines only, each with
 * what its event's id is made of, through renames and truncations.
 *
 * A file is known by (device, inode) and by its head, a name made from its
 * first line. When its path names another file, the one that was renamed is
 * read on until it was quiet for a while, and both have a mark. When it is
 * truncated, what was not yet read is looked for in the copy that
 * `copytruncate` leaves beside it: a file in the same directory whose name
 * begins with this one's, with the same head. After a restart the same holds
 * for what happened in between. Files that were rotated away without having
 * been seen at the path (.1, -20260131 and the like, changed since) are read
 * too; only what is compressed by then is not, which is said. */
#ifndef CF_INPUT_FOLLOW_H
#define CF_INPUT_FOLLOW_H

#include "lib/input/lines.h"
#include "lib/input/marks.h"

/* How to read. */
struct cf_follow_rules {
  /* go on at the end: wait for more; else the last line needs no LF, and the
   * end is the end */
  bool on;
  bool no_links;   /* a link anywhere on the way to a file is refused */
  bool only_files; /* so is what is no regular file */
  /* how long a renamed file must be quiet before it is left, and its last line
   * taken without LF */
  int64_t drain_us;
  /* Name a file by its first line: CF_HEAD_N hex digits and a NUL. Its error is
   * given on. */
  enum cf_err (*name)(void *context, struct cf_str first_line, char head[CF_HEAD_N + 1],
                      struct cf_fault *fault);
  void *context;
};

struct cf_follow;

/* Open the file at path (absolute where it is followed; "-" is standard input)
 * where its marks say, else at its begin. A followed file need not exist yet.
 * The rules are copied, marks are only read here. CF_E_SYSTEM, CF_E_CONFIG
 * (compressed, no regular file), CF_E_NOMEM, name's errors. */
CF_MUST enum cf_err cf_follow_new(const char *path, const struct cf_follow_rules *rules,
                                  const struct cf_marks *marks, struct cf_follow **follow,
                                  struct cf_fault *fault);
void cf_follow_free(struct cf_follow *follow); /* NULL is harmless */

/* The next line, of the oldest file first, and its file's head. *more is false
 * when there is none now. Line and head are valid until the next call.
 * CF_E_SYSTEM, CF_E_NOMEM, name's errors: call again, nothing was lost. */
CF_MUST enum cf_err cf_follow_next(struct cf_follow *follow, struct cf_line *line,
                                   const char **head, bool *more, struct cf_fault *fault);

/* Everything given so far is safe: the marks move behind it. */
void cf_follow_commit(struct cf_follow *follow);
/* Add its marks. CF_E_NOMEM. */
CF_MUST enum cf_err cf_follow_marks(const struct cf_follow *follow, struct cf_marks *marks);

#endif
