/* SPDX-License-Identifier: MIT */
/* How far files were read: the state that `import --follow` keeps between its
 * runs.
 *
 * A text file: the line `counterfoil import 2 IDS` (cf_ids_name), then a line a
 * mark: device, inode, offset, head, the wake's end, length and hash (wake.h; -
 * where its length is 0), and the path with every byte but unreserved ones as
 * %hh. One that begins with `counterfoil import 1` has no wakes. It is replaced
 * as a whole (written beside, fsync, rename, fsync of the directory), so a kill
 * leaves the old or the new one. */
#ifndef CF_INPUT_MARKS_H
#define CF_INPUT_MARKS_H

#include "lib/input/wake.h"

#define CF_HEAD_N 16 /* hex digits that name a file by its first line */

/* What an event's id is made of: its line's place in its file, or the line
 * itself (import.h). */
enum cf_ids { CF_IDS_PLACE, CF_IDS_LINE, CF_IDS_N };
const char *cf_ids_name(enum cf_ids ids); /* "place", "line" */

struct cf_mark {
  char *path; /* as it is followed, absolute; owned by the marks */
  uint64_t device, inode;
  uint64_t offset;
  char head[CF_HEAD_N + 1];
  struct cf_wake_mark wake;
};

struct cf_marks {
  struct cf_mark *v; /* n of them; of one path the file renamed longest ago first */
  size_t n;
  int64_t saved_us; /* when the file they were read from was written; wall clock */
  enum cf_ids ids;  /* of what was read */
};

/* Add a mark; the path is copied. CF_E_NOMEM. */
CF_MUST enum cf_err cf_marks_add(struct cf_marks *marks, const struct cf_mark *mark);
void cf_marks_fini(struct cf_marks *marks); /* empty it; harmless on an empty one */

/* Keep others from it: there is a file `<file>.lock`, which stays. The caller
 * closes *fd, which ends that; so does closing any other descriptor of it.
 * CF_E_LOCKED: another process has it; CF_E_SYSTEM. */
CF_MUST enum cf_err cf_marks_lock(const char *file, int *fd, struct cf_fault *fault);

/* Read the file; without one there are no marks. CF_E_SYSTEM, CF_E_SYNTAX (the
 * file is something else), CF_E_NOMEM. */
CF_MUST enum cf_err cf_marks_load(const char *file, struct cf_marks *marks, struct cf_fault *fault);
/* Replace the file (mode 0600). On CF_OK it is on disk. CF_E_SYSTEM,
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_marks_save(const char *file, const struct cf_marks *marks,
                                  struct cf_fault *fault);

#endif
