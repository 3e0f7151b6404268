/* SPDX-License-Identifier: MIT */
/* Berkeley DB in a temporary directory. */
#include "config.h"

#include "tests/unit/segment/bdb_stage.h"

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "tests/unit/segment/old_file.h"

char bdb_file[300];

void bdb_set_up(void)
{
  temp_make("bdb");
  snprintf(bdb_file, sizeof bdb_file, "%s", temp_path("file"));
  ck_assert_ok(cf_diag_open(temp_path("messages"), "test", NULL));
}

void bdb_tear_down(void)
{
  ck_assert_ok(cf_diag_open(NULL, "test", NULL));
  temp_remove();
}

struct cf_bdb_env *bdb_env_open(void)
{
  struct cf_bdb_env *env = NULL;

  ck_assert_ok(cf_bdb_env_open(temp_dir, CACHE, false, &env, NULL));
  return env;
}

struct cf_bdb *bdb_open(struct cf_bdb_env *env, const char *path, const char *name,
                        enum cf_bdb_open how)
{
  struct cf_bdb *db = NULL;

  ck_assert_ok(cf_bdb_open(env, NULL, path, name, how, PAGE, &db));
  return db;
}

struct cf_bdb_env *bdb_file_env_open(void)
{
  struct cf_bdb_env *env = NULL;

  ck_assert_ok(cf_bdb_env_open_file(NULL, 0, &env, NULL));
  return env;
}

struct cf_str bdb_key(uint32_t i, uint8_t out[4])
{
  cf_u32_put(out, i);
  return (struct cf_str){(char *)out, 4};
}

struct cf_str bdb_value(uint32_t i, char out[200])
{
  size_t n = 8 + i % 190;

  memset(out, (int)('a' + i % 26), n);
  cf_u32_put((uint8_t *)out, i);
  return (struct cf_str){out, n};
}

void bdb_put_numbers(struct cf_bdb *db, struct cf_bdb_txn *txn, uint32_t from, uint32_t to)
{
  uint8_t k[4];
  char v[200];

  for (uint32_t i = from; i < to; i++)
    ck_assert_ok(cf_bdb_put(db, txn, bdb_key(i, k), bdb_value(i, v)));
}

enum cf_err bdb_get_number(struct cf_bdb *db, uint32_t i)
{
  uint8_t k[4];
  char v[200];
  struct cf_buf got;

  cf_buf_init(&got, 1 << 20);
  enum cf_err err = cf_bdb_get(db, NULL, bdb_key(i, k), &got);
  if (err == CF_OK) {
    struct cf_str want = bdb_value(i, v);
    ck_assert_bytes(got.p, got.n, want.p, want.n);
  }
  cf_buf_fini(&got);
  return err;
}

void bdb_make_file(void)
{
  static const char *const names[] = {"one", "two"};
  struct cf_bdb_env *env = bdb_file_env_open();

  for (size_t i = 0; i < CF_COUNT(names); i++) {
    struct cf_bdb *db = bdb_open(env, bdb_file, names[i], CF_BDB_CREATE);
    bdb_put_numbers(db, NULL, 0, MANY);
    ck_assert_ok(cf_bdb_sync(db));
    cf_bdb_close(db);
  }
  cf_bdb_env_close(env);
  old_file_make(bdb_file, PAGE);
}
