/* SPDX-License-Identifier: MIT */
/* Inside `counterfoil import`: what is imported, and how far it is. */
#ifndef CF_COMMAND_CLI_IMPORT_IN_H
#define CF_COMMAND_CLI_IMPORT_IN_H

#include <sys/types.h>

#include "fcgi-app/command/cli_in.h"
#include "lib/input/follow.h"
#include "lib/input/import.h"

/* files at a time, those of directories among them; each is open */
#define CF_IMPORT_FILES_MAX 1000

struct cf_import_file {
  char *path;               /* absolute, or "-" */
  struct cf_follow *follow; /* NULL: not open */
  uint64_t lines;           /* taken of it */
  bool failed;              /* that was said */
  bool warned;              /* so was what keeps it from being followed now */
};

struct cf_import_job {
  struct cf_cli *cli;
  bool on;   /* --follow */
  bool root; /* started as root */
  enum cf_ids ids;
  int zone_s; /* of times that have none */
  struct cf_import_file *files;
  size_t files_n, failed_n;
  int reader; /* the socket of who opens the files; -1: we do */
  pid_t reader_pid;
  char *state;           /* the state file; NULL: none is kept */
  int state_lock;        /* -1: none */
  struct cf_marks marks; /* what it held at the start */
  uint64_t saved_lines;  /* in the ledger when the state was saved last */
  int64_t saved_us;      /* when that was; on the monotonic clock */
  struct cf_import *import;
  struct cf_import_known *known; /* NULL: it is not asked */
  bool file_trouble;             /* the last error is of a file, not of the ledger */
};

/* ---- cli_import_files.c ---- */

/* The files that the arguments name, each once, those of a directory oldest
 * first.
 * CF_E_CONFIG: a name that cannot be meant; CF_E_FULL: more than
 * CF_IMPORT_FILES_MAX; CF_E_SYSTEM, CF_E_NOMEM. */
CF_MUST enum cf_err cf_import_files_name(struct cf_import_job *job);
/* Open them. name gives them their names, as cf_follow_rules says, of the job.
 * Where it is read once, one that cannot be opened has failed, and is no error.
 * The errors of cf_follow_new. */
CF_MUST enum cf_err cf_import_files_open(struct cf_import_job *job,
                                         enum cf_err (*name)(void *job, const struct cf_line *first,
                                                             char head[CF_HEAD_N + 1],
                                                             struct cf_fault *fault));
/* As root links on the way to a file are refused, if not told otherwise. */
bool cf_import_links_refused(const struct cf_import_job *job);
/* The file cannot be read, or not to its end: say so, and what was taken of
 * it. */
void cf_import_file_fail(struct cf_import_job *job, struct cf_import_file *file, enum cf_err err);
void cf_import_files_close(struct cf_import_job *job);
/* How a command over these files ends, where nothing else went wrong. */
int cf_import_files_status(const struct cf_import_job *job);

/* ---- cli_import_reader.c ---- */

/* As root: leave a reader behind for what is followed (lib/input/reader.h),
 * which becomes the ledger's user in the groups that lead to the files. The
 * errors of cf_cli_load, cf_privilege_drop and cf_reader_start. */
CF_MUST enum cf_err cf_import_reader_start(struct cf_import_job *job);
void cf_import_reader_end(struct cf_import_job *job);

/* ---- cli_import_state.c ---- */

/* Find the state file, lock it, and read what it holds. CF_E_LOCKED: another
 * import uses it; the errors of cf_marks_load. */
CF_MUST enum cf_err cf_import_state_open(struct cf_import_job *job);
CF_MUST enum cf_err cf_import_state_save(const struct cf_import_job *job);
void cf_import_state_close(struct cf_import_job *job);

/* ---- cli_import_known.c ---- */

/* Are a file's first lines there under other ids, as from another import? Then
 * who imports is warned, for each is there twice. The ledger is asked once a
 * file, for events of the source at the times of its first 100 lines; those
 * count that have the same time, user and resource. CF_E_NOMEM. */
CF_MUST enum cf_err cf_import_known_new(struct cf_import_job *job);
void cf_import_known_free(struct cf_import_known *known); /* NULL is harmless */
/* The file's next line; what is asked is asked when there are 100. CF_E_NOMEM,
 * the errors of cf_ask. */
CF_MUST enum cf_err cf_import_known_line(struct cf_import_job *job, const struct cf_line *line,
                                         const char head[CF_HEAD_N + 1], const char *path);
/* The file ends: ask, if that was not done. */
CF_MUST enum cf_err cf_import_known_end(struct cf_import_job *job, const char *path);

/* ---- cli_import_preview.c ---- */

/* --dry-run, of files that are open: say what would be taken of each, by
 * format. */
CF_MUST enum cf_err cf_import_preview(struct cf_import_job *job);
/* A name for all of them, for no ids are made. */
CF_MUST enum cf_err cf_import_preview_name(void *job, const struct cf_line *first,
                                           char head[CF_HEAD_N + 1], struct cf_fault *fault);

#endif
