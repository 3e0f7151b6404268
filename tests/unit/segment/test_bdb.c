/* SPDX-License-Identifier: MIT */
/* Berkeley DB behind its face: order, sizes, recovery without a close, an
 * environment that is damaged, an fsync that fails. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/segment/bdb_file_in.h"
#include "lib/segment/bdb_in.h"
#include "tests/unit/segment/bdb_stage.h"

/* ---- fsync, counted and made to fail at will ---- */

static int syncs;
static int sync_fails_at;

int fdatasync(int fd)
{
  int (*real)(int);

  *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
  if (++syncs == sync_fails_at) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

/* ---- order and sizes ---- */

START_TEST(test_values_of_every_size)
{
  static const size_t sizes[] = {0, 1, 1000, 4095, 4096, 4097, 20000, 300000};
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "values", NULL, CF_BDB_CREATE);
  struct cf_buf want;
  struct cf_buf got;

  cf_buf_init(&want, 1 << 20);
  cf_buf_init(&got, 1 << 20);
  memset(cf_buf_grow(&want, sizes[_i]), 'x', sizes[_i]);
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("key"), CF_STR("old")));
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("key"), cf_buf_str(&want)));
  cf_buf_puts(&got, "what was there");
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("key"), &got));
  ck_assert_bytes(got.p, got.n, want.p, want.n);
  cf_buf_fini(&got);
  cf_buf_init(&got, 100);
  ck_assert_err(cf_bdb_get(db, NULL, CF_STR("key"), &got), sizes[_i] > 100 ? CF_E_FULL : CF_OK);
  ck_assert_ok(cf_bdb_del(db, NULL, CF_STR("key")));
  ck_assert_err(cf_bdb_get(db, NULL, CF_STR("key"), &got), CF_E_NOTFOUND);
  ck_assert_err(cf_bdb_del(db, NULL, CF_STR("key")), CF_E_NOTFOUND);
  cf_buf_fini(&want);
  cf_buf_fini(&got);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

static const struct {
  enum cf_bdb_move move;
  const char *seek, *key; /* key NULL: not found */
} moves[] = {
    {CF_BDB_FIRST, "", "b"},       {CF_BDB_NEXT, "", "d"},       {CF_BDB_NEXT, "", "dd"},
    {CF_BDB_PREV, "", "d"},        {CF_BDB_LAST, "", "x"},       {CF_BDB_NEXT, "", NULL},
    {CF_BDB_AT_LEAST, "", "b"},    {CF_BDB_AT_LEAST, "c", "d"},  {CF_BDB_AT_LEAST, "d", "d"},
    {CF_BDB_AT_LEAST, "da", "dd"}, {CF_BDB_AT_LEAST, "y", NULL}, {CF_BDB_AT_MOST, "a", NULL},
    {CF_BDB_AT_MOST, "b", "b"},    {CF_BDB_AT_MOST, "c", "b"},   {CF_BDB_AT_MOST, "dc", "d"},
    {CF_BDB_AT_MOST, "de", "dd"},  {CF_BDB_AT_MOST, "zzz", "x"}, {CF_BDB_PREV, "", "dd"},
};

START_TEST(test_cursor_moves)
{
  struct cf_bdb_env *env = bdb_file_env_open();
  struct cf_bdb *db = bdb_open(env, bdb_file, "moves", CF_BDB_CREATE);
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  static char large[100000];

  memset(large, 'v', sizeof large);
  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  ck_assert_err(cf_bdb_cursor_move(cursor, CF_BDB_FIRST, CF_STR(""), &key, &value), CF_E_NOTFOUND);
  ck_assert_err(cf_bdb_cursor_move(cursor, CF_BDB_AT_MOST, CF_STR("q"), &key, &value),
                CF_E_NOTFOUND);
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("x"), CF_STR("1")));
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("dd"), (struct cf_str){large, sizeof large}));
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("b"), CF_STR("3")));
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("d"), CF_STR("")));
  for (size_t i = 0; i < CF_COUNT(moves); i++) {
    enum cf_err err =
        cf_bdb_cursor_move(cursor, moves[i].move, cf_str_from(moves[i].seek), &key, &value);
    ck_assert_err(err, moves[i].key == NULL ? CF_E_NOTFOUND : CF_OK);
    if (moves[i].key != NULL)
      ck_assert_msg(cf_str_is(key, moves[i].key), "move %zu came to %.*s", i, (int)key.n, key.p);
    if (moves[i].key != NULL && cf_str_is(key, "dd"))
      ck_assert_bytes(value.p, value.n, large, sizeof large);
  }
  cf_bdb_cursor_close(cursor);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

START_TEST(test_missing_and_readonly)
{
  struct cf_bdb_env *env = bdb_file_env_open();
  struct cf_bdb *db = NULL;

  ck_assert_err(cf_bdb_open(env, NULL, bdb_file, "one", CF_BDB_READ, 0, &db), CF_E_NOTFOUND);
  bdb_make_file();
  ck_assert_err(cf_bdb_open(env, NULL, bdb_file, "three", CF_BDB_READ, 0, &db), CF_E_NOTFOUND);
  ck_assert_ptr_null(db);
  db = bdb_open(env, bdb_file, "two", CF_BDB_READ);
  ck_assert_err(bdb_get_number(db, MANY), CF_E_NOTFOUND);
  for (uint32_t i = 0; i < MANY; i++)
    ck_assert_ok(bdb_get_number(db, i));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

/* ---- transactions ---- */

START_TEST(test_abort_leaves_nothing)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_CREATE);
  struct cf_bdb_txn *txn = NULL;

  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  bdb_put_numbers(db, txn, 0, 100);
  cf_bdb_txn_abort(txn);
  ck_assert_err(bdb_get_number(db, 7), CF_E_NOTFOUND);
  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  bdb_put_numbers(db, txn, 0, 100);
  ck_assert_ok(cf_bdb_txn_commit(txn));
  ck_assert_ok(bdb_get_number(db, 7));
  cf_bdb_close(db);
  ck_assert_ok(cf_bdb_remove(env, NULL, "t"));
  ck_assert_err(cf_bdb_remove(env, NULL, "t"), CF_E_NOTFOUND);
  ck_assert_err(cf_bdb_open(env, NULL, "t", NULL, CF_BDB_READ, 0, &db), CF_E_NOTFOUND);
  cf_bdb_env_close(env);
}
END_TEST

/* One transaction may touch as many pages as a batch of 16 MiB of blocks
 * does. */
START_TEST(test_large_transaction)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "large", NULL, CF_BDB_CREATE);
  struct cf_bdb_txn *txn = NULL;
  static char value[3500];
  uint8_t k[4];

  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  for (uint32_t i = 0; i < 10000; i++)
    ck_assert_ok(cf_bdb_put(db, txn, bdb_key(i, k), (struct cf_str){value, sizeof value}));
  ck_assert_ok(cf_bdb_txn_commit(txn));
  cf_bdb_flush(env);
  ck_assert_ok(cf_bdb_checkpoint(env, 0, 0));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

/* A disk that is full in the middle of a page: the reason is that, and none of
 * before. */
START_TEST(test_short_write)
{
  static const char page[16384] = {'x'};
  const struct rlimit most = {10000, RLIM_INFINITY};
  int fd = open(temp_path("short"), O_CREAT | O_RDWR, 0600);

  ck_assert_int_ge(fd, 0);
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &most), 0);
  errno = ENOENT;
  ck_assert_int_eq(cf_bdb_file_write(fd, page, sizeof page), -1);
  ck_assert_int_eq(errno, EFBIG);
  close(fd);
}
END_TEST

/* Flushed, committed but not flushed, and not committed; then gone without a
 * word. */
static void leave_in_the_middle(void)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_CREATE);
  struct cf_bdb_txn *txn = NULL;

  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  bdb_put_numbers(db, txn, 0, 1000);
  ck_assert_ok(cf_bdb_txn_commit(txn));
  cf_bdb_flush(env);
  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  bdb_put_numbers(db, txn, 1000, 1100);
  ck_assert_ok(cf_bdb_txn_commit(txn));
  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  bdb_put_numbers(db, txn, 1100, 1200);
}

START_TEST(test_recovery)
{
  ck_assert_int_eq(cf_test_child(leave_in_the_middle), 0);
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_READ);
  for (uint32_t i = 0; i < 1000; i++)
    ck_assert_ok(bdb_get_number(db, i));
  enum cf_err second = bdb_get_number(db, 1000);
  for (uint32_t i = 1000; i < 1100; i++)
    ck_assert_err(bdb_get_number(db, i), second);
  for (uint32_t i = 1100; i < 1200; i++)
    ck_assert_err(bdb_get_number(db, i), CF_E_NOTFOUND);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

static void flush_with_bad_disk(void)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_CREATE);

  bdb_put_numbers(db, NULL, 0, 10);
  sync_fails_at = syncs + 1;
  cf_bdb_flush(env);
}

static void checkpoint_with_bad_disk(void)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_CREATE);

  bdb_put_numbers(db, NULL, 0, 10);
  cf_bdb_flush(env);
  sync_fails_at = syncs + 1;
  ck_assert_ok(cf_bdb_checkpoint(env, 0, 0));
}

static void sync_file_with_bad_disk(void)
{
  struct cf_bdb_env *env = bdb_file_env_open();
  struct cf_bdb *db = bdb_open(env, bdb_file, "one", CF_BDB_CREATE);

  bdb_put_numbers(db, NULL, 0, 10);
  sync_fails_at = syncs + 1;
  ck_assert_ok(cf_bdb_sync(db));
}

START_TEST(test_failed_fsync_ends_the_process)
{
  static void (*const works[])(void) = {flush_with_bad_disk, checkpoint_with_bad_disk,
                                        sync_file_with_bad_disk};

  ck_assert_int_eq(cf_test_child(works[_i]), 70);
}
END_TEST

/* A page of the environment's own database that fails its checksum ends the
 * process too. */
static void read_transactional(void)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_READ);

  for (uint32_t i = 0; i < MANY; i++)
    ck_assert_ok(bdb_get_number(db, i));
}

START_TEST(test_damage_in_the_environment)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_CREATE);

  bdb_put_numbers(db, NULL, 0, MANY);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  ck_assert_int_eq(cf_test_child(read_transactional), 0);
  temp_flip(temp_path("t"), 5 * PAGE + 100);
  ck_assert_int_eq(cf_test_child(read_transactional), 70);
}
END_TEST

START_TEST(test_db_config_is_refused)
{
  struct cf_bdb_env *env = NULL;
  struct cf_fault fault = {{0}, {0}};

  temp_write(temp_path("DB_CONFIG"), CF_STR(""), 0600);
  ck_assert_err(cf_bdb_env_open(temp_dir, CACHE, false, &env, &fault), CF_E_CONFIG);
  ck_assert_str_eq(fault.at, temp_dir);
  ck_assert_err(cf_bdb_env_open("/nonexistent", CACHE, false, &env, &fault), CF_E_STORE);
}
END_TEST

/* What is no file of ours is named, and nobody waits for its other end. */
START_TEST(test_strange_entries_are_refused)
{
  static const char *const names[] = {"log.0000000001", "meta"};
  struct cf_bdb_env *env = NULL;
  for (size_t i = 0; i < 2 * CF_COUNT(names); i++) {
    struct cf_fault fault = {{0}, {0}};
    const char *name = names[i / 2], *path = temp_path(name);
    ck_assert_int_eq(i % 2 == 0 ? mkfifo(path, 0600) : symlink("/dev/null", path), 0);
    ck_assert_err(cf_bdb_env_open(temp_dir, CACHE, false, &env, &fault), CF_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(fault.detail, name));
    ck_assert_int_lt(cf_bdb_file_open(path, O_RDWR), 0);
    unlink(path);
  }
}
END_TEST

/* ---- a log that somebody wrote ---- */

#define FOP_CREATE 143 /* its records, Berkeley DB 5.3 */
#define FOP_REMOVE 144
#define FOP_WRITE  145
#define IN_HOME    1
static char stranger[320]; /* a file beside the environment's directory */

static void put_word(struct cf_buf *b, uint32_t word)
{
  cf_buf_put(b, &word, sizeof word);
}

static void put_text(struct cf_buf *b, const char *s, size_t n)
{
  put_word(b, (uint32_t)n);
  cf_buf_put(b, s, n);
}

/* A record of what is done to the file of that name, in a transaction. */
static void log_put(struct cf_bdb_env *env, DB_TXN *txn, uint32_t what, const char *name)
{
  static const char id[20], text[] = "forged";
  struct cf_buf b;
  DB_LSN at;

  cf_buf_init(&b, 4096);
  put_word(&b, what);
  put_word(&b, txn->id(txn));
  put_word(&b, 0); /* no record before */
  put_word(&b, 0);
  put_text(&b, name, strlen(name) + 1);
  if (what == FOP_REMOVE)
    put_text(&b, id, sizeof id);
  else
    put_text(&b, "", 0);
  put_word(&b, IN_HOME);
  if (what == FOP_CREATE)
    put_word(&b, 0600);
  if (what == FOP_WRITE) {
    put_word(&b, 512);
    put_word(&b, 0);
    put_word(&b, 0);
    put_text(&b, text, sizeof text - 1);
    put_word(&b, 0);
  }
  DBT record = {.data = b.p, .size = (uint32_t)b.n};
  ck_assert_int_eq(env->env->log_put(env->env, &at, &record, 0), 0);
  cf_buf_fini(&b);
}

static uint32_t what_is_logged;

/* Committed, and gone before it is done. */
static void log_and_leave(void)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_CREATE);
  DBT key = {.data = stranger, .size = 1};
  DB_TXN *txn = NULL;

  ck_assert_int_eq(env->env->txn_begin(env->env, NULL, &txn, 0), 0);
  ck_assert_int_eq(db->db->put(db->db, txn, &key, &key, 0), 0);
  log_put(env, txn, what_is_logged, stranger);
  ck_assert_int_eq(txn->commit(txn, 0), 0);
  cf_bdb_flush(env);
}

/* In a process of its own: where the library gives up it leaks. */
static void recover(void)
{
  struct cf_bdb_env *env = NULL;
  struct cf_fault fault;

  if (cf_bdb_env_open(temp_dir, CACHE, false, &env, &fault) == CF_OK)
    cf_bdb_env_close(env);
}

/* Whoever writes to the directory writes to no other by what recovery does. */
START_TEST(test_recovery_stays_at_home)
{
  static const uint32_t whats[] = {FOP_CREATE, FOP_REMOVE, FOP_WRITE};
  bool there = (what_is_logged = whats[_i]) != FOP_CREATE;
  struct cf_buf b;

  snprintf(stranger, sizeof stranger, "%s.stranger", temp_dir);
  if (there)
    temp_write(stranger, CF_STR("precious"), 0600);
  ck_assert_int_eq(cf_test_child(log_and_leave), 0);
  ck_assert_int_eq(cf_test_child(recover), 0);
  cf_buf_init(&b, 100);
  int fd = open(stranger, O_RDONLY | O_CLOEXEC);
  ck_assert(there == (fd >= 0));
  if (there) {
    ck_assert_ok(cf_file_read_all(fd, &b));
    ck_assert_str_eq(cf_buf_cstr(&b), "precious");
    close(fd);
  }
  cf_buf_fini(&b);
  unlink(stranger);
}
END_TEST

/* ---- two writers and a reader never wait for ever ---- */

struct writer {
  struct cf_bdb_env *env;
  struct cf_bdb *db[2];
  int first;
};

static void *write_both(void *p)
{
  struct writer *w = p;
  uintptr_t failed = 0;
  uint8_t k[4];
  char v[200];

  for (uint32_t i = 0; i < 100; i++) {
    struct cf_bdb_txn *txn = NULL;
    ck_assert_ok(cf_bdb_txn_begin(w->env, &txn));
    enum cf_err err = cf_bdb_put(w->db[w->first], txn, bdb_key(1, k), bdb_value(i, v));
    if (err == CF_OK)
      err = cf_bdb_put(w->db[!w->first], txn, bdb_key(1, k), bdb_value(i, v));
    if (err == CF_OK) {
      ck_assert_ok(cf_bdb_txn_commit(txn));
      continue;
    }
    ck_assert_err(err, CF_E_STORE);
    cf_bdb_txn_abort(txn);
    failed++;
  }
  return (void *)failed;
}

START_TEST(test_deadlock_is_broken)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *a = bdb_open(env, "a", NULL, CF_BDB_CREATE);
  struct cf_bdb *b = bdb_open(env, "b", NULL, CF_BDB_CREATE);
  struct writer writers[] = {{env, {a, b}, 0}, {env, {a, b}, 1}};
  pthread_t threads[2];

  bdb_put_numbers(a, NULL, 0, 4);
  bdb_put_numbers(b, NULL, 0, 4);
  for (size_t i = 0; i < 2; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, write_both, &writers[i]), 0);
  for (size_t i = 0; i < 2; i++)
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  cf_bdb_close(a);
  cf_bdb_close(b);
  cf_bdb_env_close(env);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "order",
       .test = test_values_of_every_size,
       .loops = 8,
       .setup = bdb_set_up,
       .teardown = bdb_tear_down},
      {.tcase = "order", .test = test_cursor_moves},
      {.tcase = "order", .test = test_missing_and_readonly},
      {.tcase = "transactions",
       .test = test_abort_leaves_nothing,
       .setup = bdb_set_up,
       .teardown = bdb_tear_down},
      {.tcase = "transactions", .test = test_large_transaction},
      {.tcase = "transactions", .test = test_short_write},
      {.tcase = "transactions", .test = test_recovery},
      {.tcase = "transactions", .test = test_failed_fsync_ends_the_process, .loops = 3},
      {.tcase = "transactions", .test = test_damage_in_the_environment},
      {.tcase = "transactions", .test = test_db_config_is_refused},
      {.tcase = "transactions", .test = test_strange_entries_are_refused},
      {.tcase = "transactions", .test = test_recovery_stays_at_home, .loops = 3},
      {.tcase = "transactions", .test = test_deadlock_is_broken},
  };
  return cf_test_run("bdb", tests, CF_COUNT(tests));
}
