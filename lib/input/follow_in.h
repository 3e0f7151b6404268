/* SPDX-License-Identifier: MIT */
/* Inside follow: a file that is read, and the search for those that were
 * renamed or copied. */
#ifndef CF_INPUT_FOLLOW_IN_H
#define CF_INPUT_FOLLOW_IN_H

#include <sys/stat.h>

#include "lib/input/follow.h"

/* bytes at a file's begin by which a truncation is seen though the file has
 * grown again */
#define CF_FRONT_N   512
#define CF_FILES_MAX 16 /* one, and those that were renamed within drain_us */
#define CF_LEFT_MAX  32 /* files that were closed and are not taken for new ones */

struct cf_followed {
  int fd; /* -1: only what is in memory is left of it */
  uint64_t device, inode;
  int64_t modified_us;      /* when it was opened */
  struct cf_stream *stream; /* NULL where it is followed */
  struct cf_lines lines;
  struct cf_line held; /* taken, and not yet given, for want of a name */
  bool holds;
  uint64_t given;                 /* behind the last line given */
  uint64_t safe;                  /* behind the last line that was given and is safe */
  struct cf_wake wake, safe_wake; /* before given, and before safe */
  char head[CF_HEAD_N + 1];       /* empty while its first line is not complete */
  uint8_t front[CF_FRONT_N];
  size_t front_n;
  int64_t heard_us; /* when bytes came last, or it was renamed */
  bool gone;        /* the path names another file */
  bool ended;       /* what stands behind its last LF is a line */
};

struct cf_follow {
  char *path;
  struct cf_follow_rules rules;
  struct cf_followed files[CF_FILES_MAX]; /* oldest first; only the last one may be not gone */
  size_t files_n;
  struct {
    uint64_t device, inode;
  } left[CF_LEFT_MAX];
  size_t left_n;     /* so many were closed; the newest ones are in left */
  int64_t looked_us; /* wall clock: until then nothing had happened to the path */
  struct cf_gap gap; /* count 0: none */
};

/* ---- follow_file.c ---- */

/* Take the descriptor as the newest file. It stands where it is read from,
 * which is `offset`. There must be room. */
struct cf_followed *cf_follow_add(struct cf_follow *f, int fd, const struct stat *st,
                                  uint64_t offset, const char *head);
/* Open the path. CF_E_NOTFOUND where there is none and it may come yet. */
CF_MUST enum cf_err cf_follow_open(const struct cf_follow *f, int *fd, struct stat *st,
                                   struct cf_fault *fault);
bool cf_follow_packed(int fd);

/* Lines between looked_us and now may be lost. */
void cf_follow_miss(struct cf_follow *f, const char *format, ...) CF_PRINTF(2, 3);

/* ---- follow_find.c ---- */

/* The file was truncated: go on in its copy, at what was given of it. Its
 * descriptor and lines must be closed. CF_E_NOTFOUND. */
CF_MUST enum cf_err cf_follow_find_copy(struct cf_follow *f, struct cf_followed *file);
/* Add files that were rotated away since looked_us without having been seen at
 * the path, the oldest first. */
void cf_follow_add_missed(struct cf_follow *f);
/* Go on at the marks of the path. The errors of cf_follow_open and of name. */
CF_MUST enum cf_err cf_follow_resume(struct cf_follow *f, const struct cf_marks *marks,
                                     struct cf_fault *fault);

#endif
