/* SPDX-License-Identifier: MIT */
/* What a verify of one's own ledger knows beside its records: segments' files,
 * and what was signed. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/evidence/verify_ledger.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"

static bool verify(enum cf_verify_mode mode)
{
  struct cf_verify_job job = {.mode = mode};
  struct cf_fault fault = {.at = ""};
  ck_assert_ok(cf_verify_ledger(stage_ledger, &job, stage_result, &fault));
  return stage_result->ok;
}

static void tells_at(size_t i, enum cf_verdict verdict, const char *what)
{
  ck_assert_int_eq(stage_result->errors[i].verdict, verdict);
  ck_assert_msg(strstr(stage_result->errors[i].detail, what) != NULL, "%s",
                stage_result->errors[i].detail);
}

static void tells(enum cf_verdict verdict, const char *what)
{
  ck_assert_uint_eq(stage_result->errors_total, 1);
  tells_at(0, verdict, what);
}

/* At once after a start too, before anybody has read what the chain tells. */
START_TEST(test_whole)
{
  for (unsigned i = 0; i < 2; i++) {
    ck_assert(verify(CF_VERIFY_QUICK));
    ck_assert(!stage_result->files_unjudged && stage_result->unsworn == 0);
    ck_assert(verify(CF_VERIFY_FULL));
    stage_close_ledger();
    stage_open_ledger();
  }
}
END_TEST

/* What was appended a moment ago is signed first. */
START_TEST(test_unsigned)
{
  for (unsigned i = 0; i < 2; i++) {
    struct cf_ledger_state state;
    stage_append_range(1000 + 10 * i, 1010 + 10 * i, 10);
    cf_ledger_state(stage_ledger, &state);
    ck_assert(verify(i == 0 ? CF_VERIFY_FULL : CF_VERIFY_DEEP));
    ck_assert_uint_ge(stage_result->size, state.size);
    ck_assert_uint_eq(stage_result->unsealed, 0);
  }
}
END_TEST

/* The first, which tells of no other, is taken away, or its sums: quick reads
 * none of its records. */
START_TEST(test_missing)
{
  char path[310];
  stage_segment_path(1, path);
  if (_i == 1)
    strcat(path, ".sums");
  stage_close_ledger();
  ck_assert_int_eq(rename(path, temp_path("away")), 0);
  stage_open_ledger();
  ck_assert(!verify(CF_VERIFY_QUICK));
  ck_assert(stage_result->has_first_bad && stage_result->first_bad == 0);
  tells(CF_V_STORE_DAMAGED, "is not there");
  ck_assert_uint_eq(stage_result->errors[0].last, 255);
  ck_assert(!verify(CF_VERIFY_FULL));
  ck_assert_uint_eq(stage_result->errors[0].last, 255);
}
END_TEST

/* Its file is not what it was: what it told of other files nobody knows. */
START_TEST(test_unjudged)
{
  char path[310];
  stage_segment_path(1, path);
  stage_close_ledger();
  temp_run("dd if=/dev/zero of='%s' bs=16384 seek=1 count=10 conv=notrunc status=none", path);
  stage_open_ledger();
  ck_assert(!verify(CF_VERIFY_QUICK));
  ck_assert(stage_result->files_unjudged);
  tells(CF_V_STORE_DAMAGED, "cannot be opened");
}
END_TEST

static void value_flip(struct cf_buf *value)
{
  value->p[value->n - 1] ^= 1;
}

/* Its sums and the catalogue's row were made good, the chain's record was
 * not. */
START_TEST(test_mismatched)
{
  stage_close_ledger();
  forge_begin(stage_conf.data, 1);
  forge_row("times", 0, value_flip);
  forge_end(FORGE_ROW);
  stage_open_ledger();
  ck_assert(!verify(CF_VERIFY_QUICK));
  ck_assert(stage_result->has_first_bad && stage_result->first_bad == 0);
  tells(CF_V_STORE_DAMAGED, "not what the chain tells");
}
END_TEST

/* Put a row among the kept checkpoints of the closed ledger. */
static void checkpoint_put(struct cf_str key, struct cf_str value)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb *db = NULL;
  char path[300];
  snprintf(path, sizeof path, "%s/env", stage_conf.data);
  ck_assert_ok(cf_bdb_env_open(path, 1u << 20, false, &env, NULL));
  ck_assert_ok(cf_bdb_open(env, NULL, "checkpoints", NULL, CF_BDB_READ, 4096, &db));
  ck_assert_ok(cf_bdb_put(db, NULL, key, value));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}

/* The newest, or all; and the row that tells of them. */
static void checkpoints_drop(bool all, bool told)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb *db = NULL;
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  char path[300];
  snprintf(path, sizeof path, "%s/env", stage_conf.data);
  ck_assert_ok(cf_bdb_env_open(path, 1u << 20, false, &env, NULL));
  ck_assert_ok(cf_bdb_open(env, NULL, "checkpoints", NULL, CF_BDB_READ, 4096, &db));
  for (bool more = true; more; more = all) {
    char copy[8];
    ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
    enum cf_err err = cf_bdb_cursor_move(cursor, CF_BDB_LAST, CF_STR(""), &key, &value);
    if (err == CF_OK)
      memcpy(copy, key.p, sizeof copy);
    cf_bdb_cursor_close(cursor);
    if (err != CF_OK)
      break;
    ck_assert_ok(cf_bdb_del(db, NULL, (struct cf_str){copy, sizeof copy}));
  }
  cf_bdb_close(db);
  if (told) {
    ck_assert_ok(cf_bdb_open(env, NULL, "meta", NULL, CF_BDB_READ, 4096, &db));
    ck_assert_ok(cf_bdb_del(db, NULL, CF_STR("kept")));
    cf_bdb_close(db);
  }
  cf_bdb_env_close(env);
}

/* A checkpoint of a larger tree that nobody signed. */
START_TEST(test_kept_beyond)
{
  uint8_t key[8];
  cf_u64_put(key, 1u << 20);
  stage_close_ledger();
  checkpoint_put((struct cf_str){(const char *)key, sizeof key}, CF_STR("12345678note"));
  stage_open_ledger();
  ck_assert(!verify(CF_VERIFY_FULL));
  ck_assert_uint_eq(stage_result->errors_total, 2);
  tells_at(0, CF_V_ROLLBACK, "size 1048576 is kept");
  tells_at(1, CF_V_STORE_DAMAGED, "not those that were kept");
}
END_TEST

/* All of them go, or the newest, or what tells of them goes too: restarts
 * change nothing, until the signer forgets what it knew. */
START_TEST(test_kept_gone)
{
  stage_close_ledger();
  checkpoints_drop(_i<2, _i> 0);
  for (unsigned i = 0; i < 2; i++) {
    stage_open_ledger();
    ck_assert(!verify(CF_VERIFY_FULL));
    tells(CF_V_STORE_DAMAGED, "not those that were kept");
    ck_assert(verify(CF_VERIFY_QUICK));
    stage_close_ledger();
  }
  temp_run("rm data.signer/before");
  stage_open_ledger();
  ck_assert(verify(CF_VERIFY_FULL));
}
END_TEST

/* Rows that are no checkpoints are told of, and end nothing: not the start, not
 * the thinning, not the walk. */
START_TEST(test_kept_strays)
{
  static char large[CF_NOTE_MAX + 9];
  static const struct cf_str rows[][2] = {
      {{"\0\0\1", 3}, {"12345678note", 12}},
      {{"\0\0\0\0\0\0\0\1\0", 9}, {"12345678note", 12}},
      {{"\0\0\0\0\0\0\0\2", 8}, {"1234", 4}},
      {{"\0\0\0\0\0\0\0\3", 8}, {large, sizeof large}},
      {{"\377\377\377\377\377\377\377\377", 8}, {"", 0}},
  };
  stage_close_ledger();
  for (size_t i = 0; i < CF_COUNT(rows); i++)
    checkpoint_put(rows[i][0], rows[i][1]);
  stage_open_ledger();
  ck_assert(!verify(CF_VERIFY_FULL));
  ck_assert(stage_result->complete);
  ck_assert_uint_eq(stage_result->errors_total, CF_COUNT(rows));
  ck_assert_uint_ge(stage_result->checkpoints, 1);
  tells_at(0, CF_V_STORE_DAMAGED, "the row 000000000000000100 of 9 bytes holds none");
  tells_at(2, CF_V_STORE_DAMAGED, "the row 0000000000000003 of 8 bytes holds none");
  ck_assert(verify(CF_VERIFY_QUICK));
}
END_TEST

int main(void)
{
#define ON .tcase = "own", .setup = stage_rolled_setup, .teardown = stage_rolled_teardown
  const struct cf_test tests[] = {
      {ON, .test = test_whole},
      {ON, .test = test_unsigned},
      {ON, .test = test_missing, .loops = 2},
      {ON, .test = test_unjudged},
      {ON, .test = test_mismatched},
      {ON, .test = test_kept_beyond},
      {ON, .test = test_kept_strays},
      {ON, .test = test_kept_gone, .loops = 3},
  };
  return cf_test_run("verify_ledger", tests, CF_COUNT(tests));
}
