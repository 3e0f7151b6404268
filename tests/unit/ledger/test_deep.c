/* SPDX-License-Identifier: MIT */
/* Somebody changes what finds records, and makes good all that vouches for the
 * file: a full verify may not see it, a deep one names the record and the
 * index. */
#include "config.h"

#include "lib/base/codec.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"
#include "tests/unit/segment/old_file.h"

#define FIRST 256 /* of the second segment */

/* Go over it in that mode; true where all is well. */
static bool verify(enum cf_verify_mode mode)
{
  return stage_verify_as(mode, stage_result);
}

/* Is a mismatch of that index told of a record of the second segment? */
static bool told(const char *index)
{
  for (size_t i = 0; i < stage_result->errors_n; i++) {
    const struct cf_verify_error *e = &stage_result->errors[i];
    if (e->verdict == CF_V_INDEX_MISMATCH && e->has_seq && e->seq >= FIRST &&
        e->seq < FIRST + 256 && strncmp(e->detail, index, strlen(index)) == 0 &&
        e->detail[strlen(index)] == ':')
      return true;
  }
  return false;
}

START_TEST(test_whole)
{
  ck_assert(verify(CF_VERIFY_DEEP));
  ck_assert_uint_gt(stage_result->pages, 3);
  ck_assert_uint_gt(stage_result->entries, 3 * 256 * 5);
  ck_assert_uint_eq(stage_result->unsworn, 0);
  ck_assert(verify(CF_VERIFY_FULL));
  ck_assert_uint_gt(stage_result->pages, 3);
  ck_assert_uint_eq(stage_result->entries, 0);
}
END_TEST

/* ---- what is changed ---- */

/* Take the sheet's first row away. */
static void first_lost(const char *sheet)
{
  struct cf_bdb *db = forge_sheet(sheet);
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  char copy[300];
  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  ck_assert_ok(cf_bdb_cursor_move(cursor, CF_BDB_FIRST, CF_STR(""), &key, &value));
  ck_assert_uint_lt(key.n, sizeof copy);
  memcpy(copy, key.p, key.n);
  key.p = copy;
  cf_bdb_cursor_close(cursor);
  ck_assert_ok(cf_bdb_del(db, NULL, key));
}

/* Another value in the place of the sheet's first one. */
static void first_moved(const char *sheet)
{
  struct cf_bdb *db = forge_sheet(sheet);
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  char copy[300], content[5000];
  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  ck_assert_ok(cf_bdb_cursor_move(cursor, CF_BDB_FIRST, CF_STR(""), &key, &value));
  ck_assert(key.n > 0 && key.n < sizeof copy && value.n < sizeof content);
  memcpy(copy, key.p, key.n);
  memcpy(content, value.p, value.n);
  key.p = copy;
  value.p = content;
  cf_bdb_cursor_close(cursor);
  ck_assert_ok(cf_bdb_del(db, NULL, key));
  copy[0] = '!';
  ck_assert_ok(cf_bdb_put(db, NULL, key, value));
}

/* A bit in the last byte of a row. */
static void value_flip(struct cf_buf *value)
{
  value->p[value->n - 1] ^= 1;
}

static void user_lost(void)
{
  first_lost("user");
}
static void user_moved(void)
{
  first_moved("user");
}
static void ip_lost(void)
{
  first_lost("ip");
}
static void date_lost(void)
{
  first_lost("date");
}
static void kind_moved(void)
{
  first_moved("kind");
}
static void times_changed(void)
{
  forge_row("times", 0, value_flip);
}
static void counts_lost(void)
{
  first_lost("counts");
}
static void counts_moved(void)
{
  first_moved("counts");
}
static void id_lost(void)
{
  first_lost("id");
}

static void filter_changed(void)
{
  struct cf_bdb *db = forge_sheet("info");
  struct cf_buf b;
  cf_buf_init(&b, 5000);
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("filter"), &b));
  memset(b.p, 0, b.n - 8);
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("filter"), cf_buf_str(&b)));
  cf_buf_fini(&b);
}

/* It says of no value that it is there. */
static void keys_changed(void)
{
  struct cf_bdb *db = forge_sheet("info");
  struct cf_buf b;
  cf_buf_init(&b, 5000);
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("keys"), &b));
  memset(b.p, 0, b.n);
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("keys"), cf_buf_str(&b)));
  cf_buf_fini(&b);
}

/* One record's time lies outside. */
static void spans_changed(void)
{
  struct cf_bdb *db = forge_sheet("info");
  struct cf_buf b;
  cf_buf_init(&b, 5000);
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("spans"), &b));
  b.p[b.n - 1]--;
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("spans"), cf_buf_str(&b)));
  cf_buf_fini(&b);
}

static void spans_lost(void)
{
  ck_assert_ok(cf_bdb_del(forge_sheet("info"), NULL, CF_STR("spans")));
}

static void keys_short(void)
{
  ck_assert_ok(cf_bdb_put(forge_sheet("info"), NULL, CF_STR("keys"), CF_STR("no filter")));
}

static void keys_lost(void)
{
  ck_assert_ok(cf_bdb_del(forge_sheet("info"), NULL, CF_STR("keys")));
}

/* How many records have no value of the last index, which is that of kinds. */
static void info_changed(void)
{
  struct cf_bdb *db = forge_sheet("info");
  struct cf_buf b;
  cf_buf_init(&b, 5000);
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("segment"), &b));
  value_flip(&b);
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("segment"), cf_buf_str(&b)));
  cf_buf_fini(&b);
}

static const struct {
  void (*change)(void);
  const char *index;
} changes[] = {
    {user_lost, "user"},        {user_moved, "user"},     {ip_lost, "ip"},
    {date_lost, "date"},        {kind_moved, "kind"},     {times_changed, "times"},
    {counts_lost, "counts"},    {counts_moved, "counts"}, {id_lost, "id"},
    {forge_id_hide_last, "id"}, {filter_changed, "id"},   {forge_id_add, "id"},
    {info_changed, "kind"},     {keys_changed, "user"},   {keys_short, "info"},
    {keys_lost, "info"},        {spans_changed, "times"}, {spans_lost, "times"},
};

START_TEST(test_changed)
{
  stage_close_ledger();
  forge_begin(stage_conf.data, 2);
  changes[_i].change();
  forge_end(FORGE_ROW);
  stage_open_ledger();
  verify(CF_VERIFY_DEEP);
  ck_assert_msg(!stage_result->ok && told(changes[_i].index), "%s", stage_result->errors[0].detail);
}
END_TEST

/* The file of the newest records, under the running owner. */
START_TEST(test_the_file_of_the_tail)
{
  ck_assert(verify(CF_VERIFY_DEEP));
  temp_run(
      "f=$(ls data/env/tail-* | tail -n 1) && "
      "printf xyz | dd of=$f bs=1 seek=$(($(stat -c %%s $f) - 1000)) conv=notrunc status=none");
  ck_assert(verify(CF_VERIFY_FULL));
  ck_assert(!verify(CF_VERIFY_DEEP));
  ck_assert_int_eq(stage_result->errors[0].verdict, CF_V_STORE_DAMAGED);
  ck_assert_uint_ge(stage_result->first_bad, 768);
}
END_TEST

/* Somebody who makes the page's checksum good: the next start would find
 * another record than readers see. */
START_TEST(test_a_record_in_the_file_of_the_tail)
{
  static uint8_t page[65536];
  char path[64];
  struct cf_event e;
  uint8_t *at = NULL;
  stage_event(&e, "{\"id\":\"by-itself\",\"action\":\"x\"}");
  uint64_t seq = stage_append(&e).seq;
  cf_event_fini(&e);
  ck_assert(verify(CF_VERIFY_DEEP)); /* all of it is on disk then */
  struct cf_ledger_state state;
  cf_ledger_state(stage_ledger, &state);
  snprintf(path, sizeof path, "data/env/tail-%llu", (unsigned long long)state.segments + 1);
  temp_get(temp_path(path), 0, page, 512);
  uint32_t size;
  memcpy(&size, page + 20, sizeof size);
  ck_assert_uint_le(size, sizeof page);
  for (off_t n = 1; at == NULL; n++) {
    temp_get(temp_path(path), n * (off_t)size, page, size);
    at = memmem(page, size, "by-itself", 9);
    if (at == NULL)
      continue;
    *at ^= 1;
    old_file_mend(page, size);
    temp_put(temp_path(path), n * (off_t)size, page, size);
  }
  ck_assert(verify(CF_VERIFY_FULL));
  ck_assert(!verify(CF_VERIFY_DEEP));
  ck_assert_int_eq(stage_result->errors[0].verdict, CF_V_STORE_DAMAGED);
  ck_assert_uint_eq(stage_result->first_bad, seq);
}
END_TEST

int main(void)
{
#define ON .tcase = "deep", .setup = stage_rolled_setup, .teardown = stage_rolled_teardown
  const struct cf_test tests[] = {
      {ON, .test = test_whole},
      {ON, .test = test_changed, .loops = CF_COUNT(changes)},
      {ON, .test = test_the_file_of_the_tail},
      {ON, .test = test_a_record_in_the_file_of_the_tail},
  };
  return cf_test_run("deep", tests, CF_COUNT(tests));
}
