/* SPDX-License-Identifier: MIT */
/* Berkeley DB behind its face: order, sizes, recovery without a close, damage that stays in its file, an fsync that fails. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/store/bdb.h"
#include "tests/unit/cf_test.h"

#define CACHE (4u << 20)
#define PAGE 4096
#define MANY 5000 /* keys of a file that is damaged */

static char home[] = "/tmp/cf-bdb-XXXXXX";
static char file[64];
static char quiet[64];

static void set_up(void)
{
  strcpy(home, "/tmp/cf-bdb-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(home));
  snprintf(file, sizeof file, "%s/file", home);
  snprintf(quiet, sizeof quiet, "%s/messages", home);
  ck_assert_ok(cf_diag_open(quiet, "test", NULL));
}

static void tear_down(void)
{
  char command[96];

  ck_assert_ok(cf_diag_open(NULL, "test", NULL));
  snprintf(command, sizeof command, "rm -rf '%s'", home);
  ck_assert_int_eq(system(command), 0);
}

/* ---- fsync, counted and made to fail at will ---------------------------------- */

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

/* ---- Helpers ------------------------------------------------------------------- */

static struct cf_bdb_env *env_open(void)
{
  struct cf_bdb_env *env = NULL;

  ck_assert_ok(cf_bdb_env_open(home, CACHE, &env, NULL));
  return env;
}

static struct cf_bdb *db_open(struct cf_bdb_env *env, const char *path, const char *name, enum cf_bdb_open how)
{
  struct cf_bdb *db = NULL;

  ck_assert_ok(cf_bdb_open(env, NULL, path, name, how, PAGE, &db));
  return db;
}

static struct cf_bdb_env *file_env_open(void)
{
  struct cf_bdb_env *env = NULL;

  ck_assert_ok(cf_bdb_env_open_file(0, &env, NULL));
  return env;
}

static struct cf_str key_of(uint32_t i, uint8_t out[4])
{
  cf_u32_put(out, i);
  return (struct cf_str){(char *)out, 4};
}

/* A value that says which key it belongs to; its length depends on the key. */
static struct cf_str value_of(uint32_t i, char out[200])
{
  size_t n = 8 + i % 190;

  memset(out, (int)('a' + i % 26), n);
  cf_u32_put((uint8_t *)out, i);
  return (struct cf_str){out, n};
}

static void put_numbers(struct cf_bdb *db, struct cf_bdb_txn *txn, uint32_t from, uint32_t to)
{
  uint8_t k[4];
  char v[200];

  for (uint32_t i = from; i < to; i++)
    ck_assert_ok(cf_bdb_put(db, txn, key_of(i, k), value_of(i, v)));
}

static enum cf_err get_number(struct cf_bdb *db, uint32_t i)
{
  uint8_t k[4];
  char v[200];
  struct cf_buf got;

  cf_buf_init(&got, 1 << 20);
  enum cf_err err = cf_bdb_get(db, NULL, key_of(i, k), &got);
  if (err == CF_OK) {
    struct cf_str want = value_of(i, v);
    ck_assert_bytes(got.p, got.n, want.p, want.n);
  }
  cf_buf_fini(&got);
  return err;
}

static void make_file(void)
{
  static const char *const names[] = {"one", "two"};
  struct cf_bdb_env *env = file_env_open();

  for (size_t i = 0; i < CF_COUNT(names); i++) {
    struct cf_bdb *db = db_open(env, file, names[i], CF_BDB_CREATE);
    put_numbers(db, NULL, 0, MANY);
    ck_assert_ok(cf_bdb_sync(db));
    cf_bdb_close(db);
  }
  cf_bdb_env_close(env);
}

/* ---- Order and sizes ------------------------------------------------------------ */

START_TEST(test_values_of_every_size)
{
  static const size_t sizes[] = {0, 1, 1000, 4095, 4096, 4097, 20000, 300000};
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *db = db_open(env, "values", NULL, CF_BDB_CREATE);
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
  got.max = 100;
  cf_buf_reset(&got);
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
  {CF_BDB_FIRST, "", "b"},      {CF_BDB_NEXT, "", "d"},       {CF_BDB_NEXT, "", "dd"},     {CF_BDB_PREV, "", "d"},      {CF_BDB_LAST, "", "x"},
  {CF_BDB_NEXT, "", NULL},      {CF_BDB_AT_LEAST, "", "b"},   {CF_BDB_AT_LEAST, "c", "d"}, {CF_BDB_AT_LEAST, "d", "d"}, {CF_BDB_AT_LEAST, "da", "dd"},
  {CF_BDB_AT_LEAST, "y", NULL}, {CF_BDB_AT_MOST, "a", NULL},  {CF_BDB_AT_MOST, "b", "b"},  {CF_BDB_AT_MOST, "c", "b"},  {CF_BDB_AT_MOST, "dc", "d"},
  {CF_BDB_AT_MOST, "de", "dd"}, {CF_BDB_AT_MOST, "zzz", "x"}, {CF_BDB_PREV, "", "dd"},
};

START_TEST(test_cursor_moves)
{
  struct cf_bdb_env *env = file_env_open();
  struct cf_bdb *db = db_open(env, file, "moves", CF_BDB_CREATE);
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  static char large[100000];

  memset(large, 'v', sizeof large);
  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  ck_assert_err(cf_bdb_cursor_move(cursor, CF_BDB_FIRST, CF_STR(""), &key, &value), CF_E_NOTFOUND);
  ck_assert_err(cf_bdb_cursor_move(cursor, CF_BDB_AT_MOST, CF_STR("q"), &key, &value), CF_E_NOTFOUND);
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("x"), CF_STR("1")));
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("dd"), (struct cf_str){large, sizeof large}));
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("b"), CF_STR("3")));
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("d"), CF_STR("")));
  for (size_t i = 0; i < CF_COUNT(moves); i++) {
    enum cf_err err = cf_bdb_cursor_move(cursor, moves[i].move, cf_str_from(moves[i].seek), &key, &value);
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
  struct cf_bdb_env *env = file_env_open();
  struct cf_bdb *db = NULL;

  ck_assert_err(cf_bdb_open(env, NULL, file, "one", CF_BDB_READ, 0, &db), CF_E_NOTFOUND);
  make_file();
  ck_assert_err(cf_bdb_open(env, NULL, file, "three", CF_BDB_READ, 0, &db), CF_E_NOTFOUND);
  ck_assert_ptr_null(db);
  db = db_open(env, file, "two", CF_BDB_READ);
  ck_assert_err(get_number(db, MANY), CF_E_NOTFOUND);
  for (uint32_t i = 0; i < MANY; i++)
    ck_assert_ok(get_number(db, i));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

/* ---- Transactions ---------------------------------------------------------------- */

START_TEST(test_abort_leaves_nothing)
{
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *db = db_open(env, "t", NULL, CF_BDB_CREATE);
  struct cf_bdb_txn *txn = NULL;

  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  put_numbers(db, txn, 0, 100);
  cf_bdb_txn_abort(txn);
  ck_assert_err(get_number(db, 7), CF_E_NOTFOUND);
  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  put_numbers(db, txn, 0, 100);
  ck_assert_ok(cf_bdb_txn_commit(txn));
  ck_assert_ok(get_number(db, 7));
  cf_bdb_close(db);
  ck_assert_ok(cf_bdb_remove(env, NULL, "t"));
  ck_assert_err(cf_bdb_remove(env, NULL, "t"), CF_E_NOTFOUND);
  ck_assert_err(cf_bdb_open(env, NULL, "t", NULL, CF_BDB_READ, 0, &db), CF_E_NOTFOUND);
  cf_bdb_env_close(env);
}
END_TEST

/* One transaction may touch as many pages as a batch of 16 MiB of blocks does. */
START_TEST(test_large_transaction)
{
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *db = db_open(env, "large", NULL, CF_BDB_CREATE);
  struct cf_bdb_txn *txn = NULL;
  static char value[3500];
  uint8_t k[4];

  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  for (uint32_t i = 0; i < 10000; i++)
    ck_assert_ok(cf_bdb_put(db, txn, key_of(i, k), (struct cf_str){value, sizeof value}));
  ck_assert_ok(cf_bdb_txn_commit(txn));
  cf_bdb_flush(env);
  ck_assert_ok(cf_bdb_checkpoint(env, 0, 0));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

/* Run work in a child; its exit status. */
static int in_child(void (*work)(void))
{
  int status = 0;
  pid_t pid = fork();

  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    work();
    _exit(0);
  }
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/* Flushed, committed but not flushed, and not committed; then gone without a word. */
static void leave_in_the_middle(void)
{
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *db = db_open(env, "t", NULL, CF_BDB_CREATE);
  struct cf_bdb_txn *txn = NULL;

  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  put_numbers(db, txn, 0, 1000);
  ck_assert_ok(cf_bdb_txn_commit(txn));
  cf_bdb_flush(env);
  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  put_numbers(db, txn, 1000, 1100);
  ck_assert_ok(cf_bdb_txn_commit(txn));
  ck_assert_ok(cf_bdb_txn_begin(env, &txn));
  put_numbers(db, txn, 1100, 1200);
}

START_TEST(test_recovery)
{
  ck_assert_int_eq(in_child(leave_in_the_middle), 0);
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *db = db_open(env, "t", NULL, CF_BDB_READ);
  for (uint32_t i = 0; i < 1000; i++)
    ck_assert_ok(get_number(db, i));
  enum cf_err second = get_number(db, 1000);
  for (uint32_t i = 1000; i < 1100; i++)
    ck_assert_err(get_number(db, i), second);
  for (uint32_t i = 1100; i < 1200; i++)
    ck_assert_err(get_number(db, i), CF_E_NOTFOUND);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

static void flush_with_bad_disk(void)
{
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *db = db_open(env, "t", NULL, CF_BDB_CREATE);

  put_numbers(db, NULL, 0, 10);
  sync_fails_at = syncs + 1;
  cf_bdb_flush(env);
}

static void checkpoint_with_bad_disk(void)
{
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *db = db_open(env, "t", NULL, CF_BDB_CREATE);

  put_numbers(db, NULL, 0, 10);
  cf_bdb_flush(env);
  sync_fails_at = syncs + 1;
  ck_assert_ok(cf_bdb_checkpoint(env, 0, 0));
}

static void sync_file_with_bad_disk(void)
{
  struct cf_bdb_env *env = file_env_open();
  struct cf_bdb *db = db_open(env, file, "one", CF_BDB_CREATE);

  put_numbers(db, NULL, 0, 10);
  sync_fails_at = syncs + 1;
  ck_assert_ok(cf_bdb_sync(db));
}

START_TEST(test_failed_fsync_ends_the_process)
{
  static void (*const works[])(void) = {flush_with_bad_disk, checkpoint_with_bad_disk, sync_file_with_bad_disk};

  ck_assert_int_eq(in_child(works[_i]), 70);
}
END_TEST

/* A page of the environment's own database that fails its checksum ends the process too. */
static void read_transactional(void)
{
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *db = db_open(env, "t", NULL, CF_BDB_READ);

  for (uint32_t i = 0; i < MANY; i++)
    ck_assert_ok(get_number(db, i));
}

static void flip(const char *path, off_t at)
{
  uint8_t byte;
  int fd = open(path, O_RDWR);

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
  byte ^= 0x10;
  ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
  close(fd);
}

START_TEST(test_damage_in_the_environment)
{
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *db = db_open(env, "t", NULL, CF_BDB_CREATE);
  char path[80];

  put_numbers(db, NULL, 0, MANY);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  snprintf(path, sizeof path, "%s/t", home);
  ck_assert_int_eq(in_child(read_transactional), 0);
  flip(path, 5 * PAGE + 100);
  ck_assert_int_eq(in_child(read_transactional), 70);
}
END_TEST

START_TEST(test_db_config_is_refused)
{
  struct cf_bdb_env *env = NULL;
  struct cf_fault fault = {{0}, {0}};
  char path[80];

  snprintf(path, sizeof path, "%s/DB_CONFIG", home);
  FILE *f = fopen(path, "w");
  ck_assert_ptr_nonnull(f);
  fclose(f);
  ck_assert_err(cf_bdb_env_open(home, CACHE, &env, &fault), CF_E_CONFIG);
  ck_assert_str_eq(fault.at, home);
  ck_assert_err(cf_bdb_env_open("/nonexistent", CACHE, &env, &fault), CF_E_STORE);
}
END_TEST

/* ---- Two writers and a reader never wait for ever -------------------------------- */

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
    enum cf_err err = cf_bdb_put(w->db[w->first], txn, key_of(1, k), value_of(i, v));
    if (err == CF_OK)
      err = cf_bdb_put(w->db[!w->first], txn, key_of(1, k), value_of(i, v));
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
  struct cf_bdb_env *env = env_open();
  struct cf_bdb *a = db_open(env, "a", NULL, CF_BDB_CREATE);
  struct cf_bdb *b = db_open(env, "b", NULL, CF_BDB_CREATE);
  struct writer writers[] = {{env, {a, b}, 0}, {env, {a, b}, 1}};
  pthread_t threads[2];

  put_numbers(a, NULL, 0, 4);
  put_numbers(b, NULL, 0, 4);
  for (size_t i = 0; i < 2; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, write_both, &writers[i]), 0);
  for (size_t i = 0; i < 2; i++)
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  cf_bdb_close(a);
  cf_bdb_close(b);
  cf_bdb_env_close(env);
}
END_TEST

/* ---- Damage in a file ------------------------------------------------------------- */

static off_t size_of(const char *path)
{
  struct stat st;

  ck_assert_int_eq(stat(path, &st), 0);
  return st.st_size;
}

/* Read everything with both ways of reading: right, or CF_E_DAMAGED from then on. *good counts what could be read. */
static bool read_damaged(const char *name, uint32_t *good)
{
  struct cf_bdb_env *env = file_env_open();
  struct cf_bdb *db = NULL;
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str k, v;

  enum cf_err err = cf_bdb_open(env, NULL, file, name, CF_BDB_READ, 0, &db);
  for (uint32_t i = 0; err == CF_OK && i < MANY; i++) {
    err = get_number(db, i);
    *good = i;
  }
  if (err != CF_OK) {
    ck_assert_err(err, CF_E_DAMAGED);
    struct cf_bdb *again = NULL;
    ck_assert_err(cf_bdb_open(env, NULL, file, name, CF_BDB_READ, 0, &again), CF_E_DAMAGED);
    if (db != NULL) {
      ck_assert_err(get_number(db, 0), CF_E_DAMAGED);
      ck_assert_err(cf_bdb_cursor_open(db, &cursor), CF_E_DAMAGED);
    }
  } else {
    ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
    for (uint32_t i = 0; i < MANY; i++)
      ck_assert_ok(cf_bdb_cursor_move(cursor, i == 0 ? CF_BDB_FIRST : CF_BDB_NEXT, CF_STR(""), &k, &v));
    ck_assert_err(cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &k, &v), CF_E_NOTFOUND);
    cf_bdb_cursor_close(cursor);
  }
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  return err == CF_OK;
}

START_TEST(test_damage_in_a_file)
{
  make_file();
  off_t size = size_of(file);
  int damaged = 0;

  ck_assert_int_gt(size, 200 * PAGE);
  for (off_t page = 0; page < size / PAGE; page += 13) {
    off_t at = page * PAGE + (page * 7919) % PAGE;
    uint32_t good = 0;
    flip(file, at);
    bool one = read_damaged("one", &good);
    bool two = read_damaged("two", &good);
    damaged += !one + !two;
    ck_assert_msg(page == 0 || one || two, "page %ld spoils both", (long)page);
    flip(file, at);
  }
  ck_assert_int_gt(damaged, 10);
}
END_TEST

/* The pages beside a damaged one can be read after opening anew, and a cursor open at the moment of damage closes quietly. */
START_TEST(test_beside_the_damage)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str k, v;
  uint32_t good = 0;

  make_file();
  flip(file, 40 * PAGE + 999);
  ck_assert(!read_damaged("one", &good));
  ck_assert_uint_gt(good, 100);
  struct cf_bdb_env *env = file_env_open();
  struct cf_bdb *db = db_open(env, file, "one", CF_BDB_READ);
  for (uint32_t i = good + 200; i < MANY; i++)
    ck_assert_ok(get_number(db, i));
  enum cf_err err = cf_bdb_cursor_open(db, &cursor);
  while (err == CF_OK)
    err = cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &k, &v);
  ck_assert_err(err, CF_E_DAMAGED);
  ck_assert_err(cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &k, &v), CF_E_DAMAGED);
  cf_bdb_cursor_close(cursor);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

/* Damage that checksums do not see: a page of zeros, one from elsewhere in the file, a leaf that says it is a metadata page. */
static void spoil_page(int how, int fd, off_t page, off_t pages)
{
  static const uint8_t zeros[PAGE];
  uint8_t bytes[PAGE];
  off_t from = how == 1 ? (page + pages / 2) % pages : page;

  ck_assert_int_eq(pread(fd, bytes, PAGE, from * PAGE), PAGE);
  bytes[25] = how == 2 && bytes[25] == 5 ? 9 : bytes[25];
  ck_assert_int_eq(pwrite(fd, how == 0 ? zeros : bytes, PAGE, page * PAGE), PAGE);
}

START_TEST(test_wrong_page)
{
  uint8_t kept[PAGE];
  uint32_t good = 0;
  int damaged = 0;

  make_file();
  off_t pages = size_of(file) / PAGE;
  int fd = open(file, O_RDWR);
  ck_assert_int_ge(fd, 0);
  for (off_t page = 0; page < pages; page += 13) {
    ck_assert_int_eq(pread(fd, kept, PAGE, page * PAGE), PAGE);
    spoil_page(_i, fd, page, pages);
    damaged += !read_damaged("one", &good);
    damaged += !read_damaged("two", &good);
    ck_assert_int_eq(pwrite(fd, kept, PAGE, page * PAGE), PAGE);
  }
  ck_assert_int_gt(damaged, 10);
  close(fd);
}
END_TEST

START_TEST(test_cut_file)
{
  static const off_t sizes[] = {0, 1, 100, PAGE, 2 * PAGE, 3 * PAGE, 10 * PAGE, 77 * PAGE + 5, 200 * PAGE};
  uint32_t good = 0;

  make_file();
  ck_assert_int_eq(truncate(file, sizes[_i]), 0);
  ck_assert(!read_damaged("two", &good));
}
END_TEST

START_TEST(test_not_a_database)
{
  struct cf_bdb_env *env = file_env_open();
  struct cf_bdb *db = NULL;
  FILE *f = fopen(file, "w");

  ck_assert_ptr_nonnull(f);
  for (int i = 0; i < 3 * PAGE; i++)
    fputc(i * 31, f);
  fclose(f);
  ck_assert_err(cf_bdb_open(env, NULL, file, "one", CF_BDB_READ, 0, &db), CF_E_DAMAGED);
  cf_bdb_env_close(env);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "order", .test = test_values_of_every_size, .loops = 8, .setup = set_up, .teardown = tear_down},
    {.tcase = "order", .test = test_cursor_moves},
    {.tcase = "order", .test = test_missing_and_readonly},
    {.tcase = "transactions", .test = test_abort_leaves_nothing, .setup = set_up, .teardown = tear_down},
    {.tcase = "transactions", .test = test_large_transaction},
    {.tcase = "transactions", .test = test_recovery},
    {.tcase = "transactions", .test = test_failed_fsync_ends_the_process, .loops = 3},
    {.tcase = "transactions", .test = test_damage_in_the_environment},
    {.tcase = "transactions", .test = test_db_config_is_refused},
    {.tcase = "transactions", .test = test_deadlock_is_broken},
    {.tcase = "damage", .test = test_damage_in_a_file, .setup = set_up, .teardown = tear_down, .timeout = 60},
    {.tcase = "damage", .test = test_beside_the_damage},
    {.tcase = "damage", .test = test_wrong_page, .loops = 3},
    {.tcase = "damage", .test = test_cut_file, .loops = 9},
    {.tcase = "damage", .test = test_not_a_database},
  };
  return cf_test_run("bdb", tests, CF_COUNT(tests));
}
