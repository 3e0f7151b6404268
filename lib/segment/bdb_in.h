/* SPDX-License-Identifier: MIT */
/* What the files that know Berkeley DB share: bdb.c, bdb_cursor.c, bdb_log.c.
 * Nobody else includes it. */
#ifndef CF_SEGMENT_BDB_IN_H
#define CF_SEGMENT_BDB_IN_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <db.h>

#include "lib/segment/bdb.h"

/* room offered for a value before its size is known */
#define CF_BDB_VALUE_FIRST 4096
#define CF_BDB_MODE        0640
/* at least four buffers of the log; an open writes the rest of one in zeros */
#define CF_BDB_LOG_FILE (16u << 20)

/* bdb_log.c: the log of a transactional environment, as files. */
struct cf_bdb_log {
  pthread_mutex_t lock; /* over what follows */
  int home;             /* its directory */
  int newest;           /* the file that is written to; -1: there is none yet */
  ino_t inode;          /* of it */
  uint32_t first, last; /* the numbers of the files there are */
  bool removing;        /* the library takes some away */
  int64_t try_us;       /* the clerk's: when a next file may be tried again; monotonic */
};

struct cf_bdb_env {
  DB_ENV *env;
  struct cf_bdb_log log; /* of a transactional one */
  bool transactional;
  const struct cf_pages *pages; /* of a file environment, where they are known */
  atomic_bool spoiled;          /* a file environment whose pages cannot be trusted */
  atomic_bool failed;           /* something was refused: no checkpoint at the end */
};

struct cf_bdb {
  DB *db;
  struct cf_bdb_env *env;
};

/* A result of the library as our error: what is damaged spoils a file
 * environment, and DB_RUNRECOVERY ends the process. `what` was tried. */
enum cf_err cf_bdb_classify(struct cf_bdb_env *env, int result, const char *what);
static inline bool cf_bdb_spoiled(struct cf_bdb_env *env)
{
  return atomic_load(&env->spoiled);
}

/* Once it is open; first: the number of the oldest file, 0 where there is
 * none. */
void cf_bdb_log_begin(struct cf_bdb_log *log, const char *directory, uint32_t first);
void cf_bdb_log_end(struct cf_bdb_log *log);
/* Remove files that are not needed any more. Gives the library's result. */
int cf_bdb_log_remove(struct cf_bdb_env *env);

#endif
