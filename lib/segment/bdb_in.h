/* SPDX-License-Identifier: MIT */
/* What the files that know Berkeley DB share: bdb.c and bdb_cursor.c. Nobody
 * else includes it. */
#ifndef CF_SEGMENT_BDB_IN_H
#define CF_SEGMENT_BDB_IN_H

#include <stdatomic.h>

#include <db.h>

#include "lib/segment/bdb.h"

/* room offered for a value before its size is known */
#define CF_BDB_VALUE_FIRST 4096

struct cf_bdb_env {
  DB_ENV *env;
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

#endif
