/* SPDX-License-Identifier: MIT */
/* Berkeley DB 5.3: environments, transactions, btrees. The library's result
 * codes become ours in cf_bdb_classify(), and nowhere else. */
#include "config.h"

#include "lib/segment/bdb_in.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/segment/bdb_file_in.h"

#define LOG_BUFFER (4u << 20)
/* pages and their objects: twenty times what a batch of 16 MiB touches; each
 * costs 130 bytes from the start */
#define LOCKS_MAX      100000
#define LOCK_WAIT_US   20000000
#define PAGE_MAX       (32u << 10)
#define FILE_PAGES_MIN 16
#define VERIFY_CACHE   (8u << 20)

struct cf_bdb_txn {
  DB_TXN *txn;
  struct cf_bdb_env *env;
};

/* ---- what the library calls ---- */

static void install_calls(void)
{
  CF_ASSERT(db_env_set_func_fsync(cf_bdb_file_sync) == 0);
  CF_ASSERT(db_env_set_func_open(cf_bdb_file_open) == 0);
  CF_ASSERT(db_env_set_func_pread(cf_bdb_file_read) == 0);
  CF_ASSERT(db_env_set_func_seek(cf_bdb_file_seek) == 0);
  CF_ASSERT(db_env_set_func_write(cf_bdb_file_write) == 0);
  CF_ASSERT(db_env_set_func_unlink(cf_bdb_file_unlink) == 0);
  CF_ASSERT(db_env_set_func_rename(cf_bdb_file_rename) == 0);
}

/* On a full disk, or in a damaged file, the library has something to say of
 * every page. */
static struct cf_log_rate rate;

/* The last of it in this thread, which names the file that the result does
 * not. */
static _Thread_local char said[160];

static void on_error(const DB_ENV *env, const char *prefix, const char *message)
{
  (void)snprintf(said, sizeof said, "%s", message);
  (void)prefix;
  (void)env;
  cf_log_rated(&rate, CF_LOG_WARNING, "berkeley db: %s", message);
}

static void on_message(const DB_ENV *env, const char *message)
{
  (void)env;
  cf_log_rated(&rate, CF_LOG_INFO, "berkeley db: %s", message);
}

/* ---- results ---- */

static void db_die(const char *what, int result) __attribute__((noreturn));

static void db_die(const char *what, int result)
{
  cf_die(
      "berkeley db: %s: %s%s%s: a start again recovers; where that ends as this did, the data is damaged: put DATA back from a backup, or see `counterfoil recover`",
      what, db_strerror(result), said[0] != 0 ? ": " : "", said);
}

/* In a file of its own whatever the library cannot make sense of is damage: it
 * was written whole, synced and read back. */
static enum cf_err classify_odd(struct cf_bdb_env *env, int result, const char *what)
{
  if (result == EINVAL && env->pages != NULL)
    return CF_E_DAMAGED; /* a page that was refused: who did so has told of it */
  cf_log_rated(&rate, CF_LOG_ERROR, "berkeley db: %s: %s", what, db_strerror(result));
  if (result == DB_LOCK_DEADLOCK || result == DB_LOCK_NOTGRANTED)
    return CF_E_STORE;
  atomic_store(&env->failed, true);
  if (env->transactional)
    return CF_E_STORE;
  if (result == EMFILE || result == ENFILE || result == EACCES || result == EPERM ||
      result == EROFS)
    return CF_E_STORE;
  atomic_store(&env->spoiled, true);
  return CF_E_DAMAGED;
}

enum cf_err cf_bdb_classify(struct cf_bdb_env *env, int result, const char *what)
{
  switch (result) {
  case 0: return CF_OK;
  case DB_NOTFOUND:
  case ENOENT: return CF_E_NOTFOUND;
  case ENOMEM: return CF_E_NOMEM;
  case ENOSPC:
  case EDQUOT:
  case EFBIG: atomic_store(&env->failed, true); return CF_E_SPACE;
  case DB_RUNRECOVERY:
    if (env->transactional)
      db_die(what, result);
    break;
  default: break;
  }
  return classify_odd(env, result, what);
}

/* ---- environments ---- */

static int set_transactional(DB_ENV *env, uint64_t cache)
{
  int result;

  if ((result = env->set_cachesize(env, (uint32_t)(cache >> 30),
                                   (uint32_t)(cache & ((1u << 30) - 1)), 1)) != 0 ||
      (result = env->set_lg_bsize(env, LOG_BUFFER)) != 0 ||
      (result = env->set_lg_max(env, CF_BDB_LOG_FILE)) != 0 ||
      (result = env->set_lk_max_locks(env, LOCKS_MAX)) != 0 ||
      (result = env->set_lk_max_objects(env, LOCKS_MAX)) != 0 ||
      (result = env->set_lk_detect(env, DB_LOCK_DEFAULT)) != 0 ||
      (result = env->set_timeout(env, LOCK_WAIT_US, DB_SET_LOCK_TIMEOUT)) != 0)
    return result;
  return env->set_flags(env, DB_TXN_NOSYNC, 1);
}

/* A page that fails its checksum marks the whole environment as in panic, after
 * which the library would not even free its handles: DB_NOPANIC makes it go on,
 * and `spoiled` keeps us from asking it anything more. */
static int set_file(DB_ENV *env, const struct cf_pages *pages, uint64_t cache)
{
  const uint64_t least = (uint64_t)FILE_PAGES_MIN * (pages != NULL ? pages->page : PAGE_MAX);
  int result;

  if (cache < least)
    cache = least;
  if ((result = env->set_cachesize(env, (uint32_t)(cache >> 30),
                                   (uint32_t)(cache & ((1u << 30) - 1)), 1)) != 0 ||
      (result = env->set_mp_mmapsize(env, 1)) != 0)
    return result;
  return env->set_flags(env, DB_NOPANIC, 1);
}

static enum cf_err env_new(bool transactional, struct cf_bdb_env **out)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  struct cf_bdb_env *env = calloc(1, sizeof *env);

  pthread_once(&once, install_calls);
  if (env == NULL || db_env_create(&env->env, 0) != 0) {
    free(env);
    return CF_E_NOMEM;
  }
  env->transactional = transactional;
  env->env->set_errcall(env->env, on_error);
  env->env->set_msgcall(env->env, on_message);
  *out = env;
  return CF_OK;
}

/* Why an environment cannot be opened: recovery that fails must not end the
 * process, its operator has to read the reason. */
static enum cf_err open_failed(int result, const char *directory, struct cf_fault *fault)
{
  enum cf_err err = CF_E_STORE;

  if (result == ENOMEM)
    err = CF_E_NOMEM;
  else if (result == ENOSPC || result == EDQUOT)
    err = CF_E_SPACE;
  else if (result == DB_RUNRECOVERY || result == DB_CHKSUM_FAIL)
    err = CF_E_DAMAGED;
  return cf_fail(fault, err, directory, "the database environment cannot be opened: %s",
                 db_strerror(result));
}

/* Whatever is there the library may open, by its name alone. */
static enum cf_err entry_check(int home, const char *name, const char *directory,
                               struct cf_fault *fault)
{
  struct stat st;

  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return CF_OK;
  if (strcmp(name, "DB_CONFIG") == 0)
    return cf_fail(fault, CF_E_CONFIG, directory,
                   "a file DB_CONFIG there would override the program's settings: remove it");
  if (fstatat(home, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
      st.st_uid == geteuid())
    return CF_OK;
  return cf_fail(fault, CF_E_CONFIG, directory,
                 "%s there is not a regular file of uid %lu: remove it and, where the database "
                 "wants one of that name, restore the data directory from a backup",
                 name, (unsigned long)geteuid());
}

static enum cf_err home_check(const char *directory, struct cf_fault *fault)
{
  enum cf_err err = CF_OK;
  bool ours = access(directory, R_OK | W_OK | X_OK) == 0;
  int fd = ours ? open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
  DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

  if (d == NULL && fd >= 0)
    (void)close(fd);
  if (d == NULL)
    return cf_fail_errno(fault, CF_E_STORE, directory,
                         "the database directory, which may be no link, cannot be used");
  for (struct dirent *e; err == CF_OK && (e = readdir(d)) != NULL;)
    err = entry_check(dirfd(d), e->d_name, directory, fault);
  (void)closedir(d);
  return err;
}

/* The number of the oldest file of the log, 0 where there is none. */
static uint32_t log_oldest(const char *directory)
{
  DIR *d = opendir(directory);
  unsigned long oldest = 0, number;

  for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
    if (sscanf(e->d_name, "log.%10lu", &number) == 1 && (oldest == 0 || number < oldest))
      oldest = number;
  if (d != NULL)
    (void)closedir(d);
  return (uint32_t)oldest;
}

enum cf_err cf_bdb_env_open(const char *directory, uint64_t cache, bool spare,
                            struct cf_bdb_env **out, struct cf_fault *fault)
{
  const uint32_t flags = DB_CREATE | DB_INIT_MPOOL | DB_INIT_LOG | DB_INIT_LOCK | DB_INIT_TXN |
                         DB_PRIVATE | DB_THREAD | DB_RECOVER;
  struct cf_bdb_env *env = NULL;

  enum cf_err err = home_check(directory, fault);
  if (err == CF_OK)
    err = env_new(true, &env);
  if (err != CF_OK)
    return err;
  int result = set_transactional(env->env, cache);
  cf_bdb_file_spare(spare);
  cf_bdb_file_confine(directory);
  if (result == 0)
    result = env->env->open(env->env, directory, flags, CF_BDB_MODE);
  cf_bdb_file_confine(NULL);
  cf_bdb_file_spare(false);
  if (result != 0) {
    env->env->close(env->env, 0);
    free(env);
    return open_failed(result, directory, fault);
  }
  cf_bdb_log_begin(&env->log, directory, log_oldest(directory));
  *out = env;
  return CF_OK;
}

void cf_bdb_env_forsake(struct cf_bdb_env *env)
{
  atomic_store(&env->failed, true);
}

enum cf_err cf_bdb_env_open_file(const struct cf_pages *pages, uint64_t cache,
                                 struct cf_bdb_env **out, struct cf_fault *fault)
{
  struct cf_bdb_env *env = NULL;

  enum cf_err err = env_new(false, &env);
  if (err != CF_OK)
    return err;
  env->pages = pages;
  int result = set_file(env->env, pages, cache);
  if (result == 0)
    result = env->env->open(env->env, NULL, DB_INIT_MPOOL | DB_PRIVATE | DB_THREAD | DB_CREATE, 0);
  if (result != 0) {
    env->env->close(env->env, 0);
    free(env);
    return open_failed(result, NULL, fault);
  }
  *out = env;
  return CF_OK;
}

void cf_bdb_env_close(struct cf_bdb_env *env)
{
  if (env == NULL)
    return;
  if (env->transactional && !atomic_load(&env->failed) && cf_bdb_checkpoint(env, 0, 0) != CF_OK)
    cf_log(CF_LOG_WARNING, "berkeley db: no space for a checkpoint; the next start recovers");
  int result = env->env->close(env->env, 0);
  if (result != 0)
    cf_log(CF_LOG_WARNING, "berkeley db: closing an environment: %s", db_strerror(result));
  if (env->transactional)
    cf_bdb_log_end(&env->log);
  free(env);
}

/* ---- transactions ---- */

enum cf_err cf_bdb_txn_begin(struct cf_bdb_env *env, struct cf_bdb_txn **out)
{
  struct cf_bdb_txn *txn = malloc(sizeof *txn);

  if (txn == NULL)
    return CF_E_NOMEM;
  txn->env = env;
  enum cf_err err =
      cf_bdb_classify(env, env->env->txn_begin(env->env, NULL, &txn->txn, 0), "begin");
  if (err != CF_OK) {
    free(txn);
    return err;
  }
  *out = txn;
  return CF_OK;
}

enum cf_err cf_bdb_txn_commit(struct cf_bdb_txn *txn)
{
  enum cf_err err = cf_bdb_classify(txn->env, txn->txn->commit(txn->txn, DB_TXN_NOSYNC), "commit");

  free(txn);
  return err;
}

void cf_bdb_txn_abort(struct cf_bdb_txn *txn)
{
  if (txn == NULL)
    return;
  int result = txn->txn->abort(txn->txn);
  if (result != 0)
    db_die("abort", result);
  free(txn);
}

void cf_bdb_flush(struct cf_bdb_env *env)
{
  int result = env->env->log_flush(env->env, NULL);

  if (result != 0)
    db_die("flush", result);
}

/* A page that found no space stays in memory, and the log has it. */
enum cf_err cf_bdb_checkpoint(struct cf_bdb_env *env, uint32_t kbytes, uint32_t minutes)
{
  int result = env->env->txn_checkpoint(env->env, kbytes, minutes, 0);

  if (result == ENOSPC || result == EDQUOT || result == EFBIG)
    return CF_E_SPACE;
  if (result != 0)
    db_die("checkpoint", result);
  result = cf_bdb_log_remove(env);
  if (result != 0)
    db_die("removing old logs", result);
  return CF_OK;
}

/* ---- databases ---- */

/* An existing file says itself whether it has checksums. */
static int flags_check(DB *db, const struct cf_bdb_env *env, enum cf_bdb_open how)
{
  uint32_t have = 0;
  int result = db->get_flags(db, &have);

  if (result != 0 || (have & DB_CHKSUM) || env->pages != NULL)
    return result;
  return env->transactional || how == CF_BDB_READ ? DB_CHKSUM_FAIL : 0;
}

static int open_db(DB *db, struct cf_bdb_env *env, DB_TXN *txn, const char *file, const char *name,
                   enum cf_bdb_open how, uint32_t page)
{
  const struct cf_pages *watch = NULL;
  uint32_t flags = DB_THREAD;
  int result = env->transactional ? db->set_flags(db, DB_CHKSUM) : 0;

  if (result == 0 && how == CF_BDB_CREATE)
    result = db->set_pagesize(db, page);
  if (result != 0)
    return result;
  if (how == CF_BDB_CREATE) {
    flags |= DB_CREATE;
  } else if (!env->transactional) {
    flags |= DB_RDONLY;
    watch = env->pages != NULL ? env->pages : &cf_bdb_file_unsworn;
  }
  if (env->transactional && txn == NULL)
    flags |= DB_AUTO_COMMIT;
  cf_bdb_file_watch(watch);
  result = db->open(db, txn, file, name, DB_BTREE, flags, CF_BDB_MODE);
  cf_bdb_file_watch(NULL);
  return result != 0 ? result : flags_check(db, env, how);
}

enum cf_err cf_bdb_open(struct cf_bdb_env *env, struct cf_bdb_txn *txn, const char *file,
                        const char *name, enum cf_bdb_open how, uint32_t page, struct cf_bdb **out)
{
  if (cf_bdb_spoiled(env))
    return CF_E_DAMAGED;
  struct cf_bdb *db = malloc(sizeof *db);
  if (db == NULL)
    return CF_E_NOMEM;
  db->env = env;
  int result = db_create(&db->db, env->env, 0);
  if (result != 0) {
    free(db);
    return cf_bdb_classify(env, result, "create");
  }
  result = open_db(db->db, env, txn == NULL ? NULL : txn->txn, file, name, how, page);
  if (result != 0) {
    cf_bdb_close(db);
    return cf_bdb_classify(env, result, name == NULL ? file : name);
  }
  *out = db;
  return CF_OK;
}

/* Without a sync: the log has what a transactional database holds, and a file
 * that was not synced is not wanted. */
void cf_bdb_close(struct cf_bdb *db)
{
  if (db == NULL)
    return;
  int result = db->db->close(db->db, DB_NOSYNC);
  if (result != 0 && !cf_bdb_spoiled(db->env))
    (void)cf_bdb_classify(db->env, result, "close");
  free(db);
}

enum cf_err cf_bdb_sync(struct cf_bdb *db)
{
  return cf_bdb_spoiled(db->env) ? CF_E_DAMAGED
                                 : cf_bdb_classify(db->env, db->db->sync(db->db, 0), "sync");
}

/* It says a line for each page that it does not like. */
static void say_nothing(const DB_ENV *env, const char *prefix, const char *message)
{
  (void)env;
  (void)prefix;
  (void)message;
}

enum cf_err cf_bdb_verify(const struct cf_pages *pages, const char *file)
{
  struct cf_bdb_env *env = NULL;
  DB *db = NULL;

  enum cf_err err = cf_bdb_env_open_file(pages, VERIFY_CACHE, &env, NULL);
  if (err != CF_OK)
    return err;
  env->env->set_errcall(env->env, say_nothing);
  int result = db_create(&db, env->env, 0);
  cf_bdb_file_watch(pages != NULL ? pages : &cf_bdb_file_unsworn);
  cf_bdb_file_verify(true);
  if (result == 0)
    result = db->verify(db, file, NULL, NULL, 0); /* and db is gone */
  cf_bdb_file_verify(false);
  cf_bdb_file_watch(NULL);
  cf_bdb_env_close(env);
  if (result == 0 || result == ENOMEM)
    return result == 0 ? CF_OK : CF_E_NOMEM;
  return result < 0 || result == EINVAL ? CF_E_DAMAGED : CF_E_STORE;
}

/* A new file is written under a name of the library's own, and renamed. */
void cf_bdb_discard(const char *path)
{
  const char *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
  char *temporary = NULL;

  (void)unlink(path);
  if (asprintf(&temporary, "%.*s__db.%s", (int)(name - path), path, name) < 0)
    return;
  (void)unlink(temporary);
  free(temporary);
}

enum cf_err cf_bdb_remove(struct cf_bdb_env *env, struct cf_bdb_txn *txn, const char *file)
{
  int result = env->env->dbremove(env->env, txn == NULL ? NULL : txn->txn, file, NULL,
                                  txn == NULL ? DB_AUTO_COMMIT : 0);

  return cf_bdb_classify(env, result, file);
}

/* A slice as the library's argument: it only reads it, but has no const. */
static DBT dbt_of(struct cf_str s)
{
  union {
    const void *from;
    void *to;
  } p = {.from = s.p};
  DBT dbt;

  CF_ASSERT(s.n <= UINT32_MAX);
  memset(&dbt, 0, sizeof dbt);
  dbt.data = p.to;
  dbt.size = (uint32_t)s.n;
  return dbt;
}

static DB_TXN *txn_of(struct cf_bdb_txn *txn)
{
  return txn == NULL ? NULL : txn->txn;
}

enum cf_err cf_bdb_put(struct cf_bdb *db, struct cf_bdb_txn *txn, struct cf_str key,
                       struct cf_str value)
{
  if (cf_bdb_spoiled(db->env))
    return CF_E_DAMAGED;
  DBT k = dbt_of(key);
  DBT v = dbt_of(value);
  return cf_bdb_classify(db->env, db->db->put(db->db, txn_of(txn), &k, &v, 0), "put");
}

enum cf_err cf_bdb_del(struct cf_bdb *db, struct cf_bdb_txn *txn, struct cf_str key)
{
  if (cf_bdb_spoiled(db->env))
    return CF_E_DAMAGED;
  DBT k = dbt_of(key);
  return cf_bdb_classify(db->env, db->db->del(db->db, txn_of(txn), &k, 0), "delete");
}

/* One try with room for n bytes. *need is the value's size. */
static enum cf_err get_into(struct cf_bdb *db, DB_TXN *txn, DBT *key, struct cf_buf *value,
                            size_t n, size_t *need)
{
  DBT v;

  cf_buf_reset(value);
  memset(&v, 0, sizeof v);
  v.flags = DB_DBT_USERMEM;
  v.data = cf_buf_grow(value, n);
  v.ulen = (uint32_t)n;
  if (v.data == NULL)
    return value->err;
  int result = db->db->get(db->db, txn, key, &v, 0);
  *need = v.size;
  cf_buf_cut(value, result == 0 ? n - v.size : n);
  return result == DB_BUFFER_SMALL ? CF_E_FULL : cf_bdb_classify(db->env, result, "get");
}

enum cf_err cf_bdb_get(struct cf_bdb *db, struct cf_bdb_txn *txn, struct cf_str key,
                       struct cf_buf *value)
{
  if (cf_bdb_spoiled(db->env))
    return CF_E_DAMAGED;
  DBT k = dbt_of(key);
  size_t room = value->cap > CF_BDB_VALUE_FIRST ? value->cap - 1 : CF_BDB_VALUE_FIRST;
  size_t need = 0;
  if (room > value->max)
    room = value->max;
  enum cf_err err = get_into(db, txn_of(txn), &k, value, room, &need);
  if (err == CF_E_FULL && need > room)
    err = get_into(db, txn_of(txn), &k, value, need, &need);
  return err;
}
