/* SPDX-License-Identifier: MIT */
/* Berkeley DB 5.3 behind a small face: ordered byte keys and values. bdb.c
 * and bdb_cursor.c are the only places that know it, so that another ordered
 * store can take its place.
 *
 * Two kinds of environment. A *transactional* one (DATA/env: private, recovered
 * at every open, checksums, 4 KiB pages): any failure of its log, of an fsync
 * or of a checkpoint ends the process, because only recovery can tell what is
 * on disk. A *file* one (a segment: cache only, one for each open file): where
 * its pages are known (pages_in.h), one that is not what was written gives
 * CF_E_DAMAGED to whoever needs it, and to nobody else. Where they are not, a
 * page that fails its checksum spoils that environment, and every later call on
 * it gives CF_E_DAMAGED too, until it is closed and opened anew.
 *
 * Errors, if not said otherwise: CF_E_NOTFOUND, CF_E_NOMEM, CF_E_SPACE (disk
 * full, quota), CF_E_DAMAGED, CF_E_STORE (anything else, logged). */
#ifndef CF_SEGMENT_BDB_H
#define CF_SEGMENT_BDB_H

#include "lib/base/buf.h"

struct cf_bdb_env;
struct cf_bdb_txn;
struct cf_bdb; /* one database, or one named sub-database of a file; usable from several threads */
struct cf_bdb_cursor; /* for one thread */
struct cf_pages;

/* Open (and create) the transactional environment in an existing directory,
 * running recovery, which takes up to 64 MiB of space for the newest log file
 * beforehand, or with spare as it is needed. Refuses a DB_CONFIG file
 * (CF_E_CONFIG). */
CF_MUST enum cf_err cf_bdb_env_open(const char *directory, uint64_t cache, bool spare,
                                    struct cf_bdb_env **env, struct cf_fault *fault);
/* An environment for one file of its own, without transactions. pages: what its
 * pages must be, borrowed until it is closed; NULL: a new file, or one whose
 * checksums have to do. cache in bytes, at least 16 pages are taken. */
CF_MUST enum cf_err cf_bdb_env_open_file(const struct cf_pages *pages, uint64_t cache,
                                         struct cf_bdb_env **env, struct cf_fault *fault);
/* All of its databases and cursors must be closed. A transactional one is
 * checkpointed first unless something failed. */
void cf_bdb_env_close(struct cf_bdb_env *env);

/* One writer at a time, by the caller's own lock. Commit does not sync: see
 * cf_bdb_flush. */
CF_MUST enum cf_err cf_bdb_txn_begin(struct cf_bdb_env *env, struct cf_bdb_txn **txn);
CF_MUST enum cf_err cf_bdb_txn_commit(struct cf_bdb_txn *txn);
void cf_bdb_txn_abort(struct cf_bdb_txn *txn); /* NULL is harmless */
/* When it returns, everything committed before the call is on disk. Concurrent
 * callers share an fsync. A failure ends the process. */
void cf_bdb_flush(struct cf_bdb_env *env);
/* Checkpoint when the log grew by kbytes or so many minutes passed (0, 0: now),
 * and remove logs that are no longer needed. CF_E_SPACE: nothing is lost, it
 * may be tried again. Any other failure ends the process. */
CF_MUST enum cf_err cf_bdb_checkpoint(struct cf_bdb_env *env, uint32_t kbytes, uint32_t minutes);

/* bdb_log.c: where the log's file is a quarter full and none is ready to follow
 * it, have one that is full of zeros, of 16 MiB. Without it the log grows as it
 * is written, and each flush writes where its blocks are too: where there is no
 * room for it, or the file system has no files without a name. Then an hour
 * passes before the next try. By one thread. */
void cf_bdb_log_prepare(struct cf_bdb_env *env);
/* Is the file that the log is written to still what its name leads to and, with
 * all, is each file of the log there? A few system calls, however large it is.
 * false: what was flushed cannot be found at the next start. */
bool cf_bdb_log_holds(struct cf_bdb_env *env, bool all);
/* The same of a database in a file of its own: the file's name where that leads
 * to another or to none, the caller's until db is closed; NULL: it holds, or
 * nobody can tell. NULL for NULL. */
const char *cf_bdb_gone(struct cf_bdb *db);
/* The directory is not ours any more: write nothing more to it by name. */
void cf_bdb_env_forsake(struct cf_bdb_env *env);

/* READ: an existing one, in a file environment for reading only; CREATE: made
 * where it does not exist. */
enum cf_bdb_open { CF_BDB_READ = 0, CF_BDB_CREATE = 1 };
/* file: a name inside the transactional environment, or a path for a file one;
 * name: the sub-database, or NULL. page: bytes for a new file (4096 in the
 * transactional one), ignored for an existing one. txn is NULL in a file
 * environment; in the transactional one NULL means a transaction of its own.
 * All are btrees, with the library's checksums but in a file that is made here,
 * or whose pages are known. */
CF_MUST enum cf_err cf_bdb_open(struct cf_bdb_env *env, struct cf_bdb_txn *txn, const char *file,
                                const char *name, enum cf_bdb_open how, uint32_t page,
                                struct cf_bdb **db);
/* NULL is harmless. In a file environment what was not synced is lost. */
void cf_bdb_close(struct cf_bdb *db);
/* Write what is cached of a file environment's database to its file and fsync
 * it (error: CF_E_STORE, CF_E_SPACE). */
CF_MUST enum cf_err cf_bdb_sync(struct cf_bdb *db);
/* Is each database of a file at a path a tree whose pages hang together, with
 * keys in order, each found where a search looks for it? pages as for
 * cf_bdb_env_open_file. Reads it all. CF_E_DAMAGED: it is not; CF_E_NOMEM,
 * CF_E_STORE. */
CF_MUST enum cf_err cf_bdb_verify(const struct cf_pages *pages, const char *file);
/* Remove the file of a file environment, at a path, if it is there, and what a
 * process that was killed while it created it has left: the library would wait
 * for that process for minutes. */
void cf_bdb_discard(const char *path);
/* Remove a closed database file of the transactional environment. */
CF_MUST enum cf_err cf_bdb_remove(struct cf_bdb_env *env, struct cf_bdb_txn *txn, const char *file);

/* replaces */
CF_MUST enum cf_err cf_bdb_put(struct cf_bdb *db, struct cf_bdb_txn *txn, struct cf_str key,
                               struct cf_str value);
CF_MUST enum cf_err cf_bdb_del(struct cf_bdb *db, struct cf_bdb_txn *txn, struct cf_str key);
/* Replace value's content with what the key holds; on an error it is empty.
 * CF_E_FULL beyond its maximum. */
CF_MUST enum cf_err cf_bdb_get(struct cf_bdb *db, struct cf_bdb_txn *txn, struct cf_str key,
                               struct cf_buf *value);

CF_MUST enum cf_err cf_bdb_cursor_open(struct cf_bdb *db, struct cf_bdb_cursor **cursor);
void cf_bdb_cursor_close(struct cf_bdb_cursor *cursor); /* NULL is harmless */
enum cf_bdb_move {
  CF_BDB_FIRST,
  CF_BDB_LAST,
  CF_BDB_NEXT,
  CF_BDB_PREV,
  CF_BDB_AT_LEAST, /* the first key ≥ seek */
  CF_BDB_AT_MOST   /* the last key ≤ seek */
};
/* Move and read. key and value are valid until the cursor's next call. seek is
 * used by the last two moves only and must not lie in what the cursor gave.
 * CF_E_NOTFOUND past the ends. */
CF_MUST enum cf_err cf_bdb_cursor_move(struct cf_bdb_cursor *cursor, enum cf_bdb_move move,
                                       struct cf_str seek, struct cf_str *key,
                                       struct cf_str *value);

#endif
