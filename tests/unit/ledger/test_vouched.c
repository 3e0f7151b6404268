/* SPDX-License-Identifier: MIT */
/* What is vouched for of segments, so that a first answer opens none for it. */
#include "config.h"

#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/ledger/ledger_in.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"

/* The warden's reading of all, a second after the start, does not come before
 * the test has asked for one. */
static atomic_bool whole_asked;
enum cf_err __real_cf_catalogue_judge_whole(struct cf_ledger *l);
enum cf_err __wrap_cf_catalogue_judge_whole(struct cf_ledger *l);

enum cf_err __wrap_cf_catalogue_judge_whole(struct cf_ledger *l)
{
  return atomic_load(&whole_asked) ? __real_cf_catalogue_judge_whole(l) : CF_OK;
}

static void judge_whole(void)
{
  atomic_store(&whole_asked, true);
  ck_assert_ok(cf_catalogue_judge_whole(stage_ledger));
}

static size_t told_n(void)
{
  (void)pthread_mutex_lock(&stage_ledger->entering);
  size_t n = stage_ledger->told.n;
  (void)pthread_mutex_unlock(&stage_ledger->entering);
  return n;
}

#define SEGMENTS 3
#define ROW_N    (8 + CF_HASH_N + SEGMENTS * 4)

static void row_get(struct cf_buf *row)
{
  forge_tables_open(stage_conf.data);
  forge_must(cf_bdb_get(forge_table("meta"), NULL, CF_VOUCHED_ROW, row), "the row");
  forge_tables_close();
}

static void row_put(struct cf_str row)
{
  forge_tables_open(stage_conf.data);
  forge_must(cf_bdb_put(forge_table("meta"), NULL, CF_VOUCHED_ROW, row), "the row");
  forge_tables_close();
}

/* Three segments, of which the last two were entered when the chain was
 * read. */
static void segments_make(void)
{
  ck_assert_ok(cf_catalogue_judge(stage_ledger));
  stage_append_range(0, 900, 100);
  stage_wait_for_segments(3);
}

static struct cf_segment_meta segment_get(size_t i)
{
  struct cf_layout *layout = cf_layout_get(stage_ledger);
  struct cf_segment_meta meta = layout->segments[i];
  cf_layout_put(layout);
  return meta;
}

/* Did the first question have each segment opened? */
static bool reads_all(void)
{
  struct cf_view *view = NULL;
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  cf_view_put(view);
  return atomic_load(&stage_ledger->told_whole);
}

START_TEST(test_a_first_answer_opens_none)
{
  segments_make();
  stage_close_ledger();
  stage_open_ledger();
  ck_assert(!reads_all());
  ck_assert_uint_eq(told_n(), 3);
  judge_whole();
  ck_assert(reads_all());
  ck_assert_uint_eq(told_n(), 3);
  stage_assert_holds(900);
  stage_assert_verifies();
}
END_TEST

/* Which kinds a segment may have is known before it is opened, and is what it
 * has. */
START_TEST(test_kinds_are_vouched_for)
{
  segments_make();
  stage_close_ledger();
  stage_open_ledger();
  for (unsigned round = 0; round < 2; round++) {
    struct cf_view *view = NULL;
    ck_assert_ok(cf_view_get(stage_ledger, &view));
    ck_assert(atomic_load(&stage_ledger->told_whole) == (round == 1));
    for (size_t i = 0; i < SEGMENTS; i++)
      for (unsigned k = 0; k < CF_K_N; k++) {
        struct cf_str name = cf_str_from(cf_kind_table[k].name);
        const struct cf_term term = {.index = CF_I_KIND, .first = name, .last = name};
        struct cf_bits bits;
        bool may = cf_view_may_match(view, i, &term);
        if (round == 0) {
          ck_assert(k != CF_K_EVENT || may);
          ck_assert(k != CF_K_TOKEN || !may);
          continue;
        }
        ck_assert_ok(cf_bits_new(256, &bits));
        ck_assert_ok(cf_view_match(view, i, &term, 0, &bits));
        ck_assert(may || !cf_bits_more(&bits, 0));
        cf_bits_free(&bits);
      }
    cf_view_put(view);
    judge_whole();
  }
}
END_TEST

/* That is of the file which it is vouched for: nothing is known of another in
 * its place; and who reads what the chain tells of segments is told nothing. */
START_TEST(test_kinds_are_of_a_file)
{
  const struct cf_term tokens = {.index = CF_I_KIND,
                                 .first = CF_STR("token"),
                                 .last = CF_STR("token")};
  struct cf_view *view = NULL;
  segments_make();
  stage_close_ledger();
  stage_open_ledger();
  ck_assert(!reads_all());
  struct cf_segment_meta meta = segment_get(1);
  ck_assert(!cf_vouched_may_have(stage_ledger, &meta, CF_K_TOKEN));
  meta.digest[0] ^= 1;
  ck_assert(cf_vouched_may_have(stage_ledger, &meta, CF_K_TOKEN));
  ck_assert_ok(cf_view_all(stage_ledger, &view));
  cf_view_doubt(view, false);
  ck_assert(cf_view_may_match(view, 1, &tokens));
  cf_view_put(view);
}
END_TEST

/* A byte of the size, of the MAC, of a segment's kinds. */
static const size_t bytes[] = {7, 6, 8, 8 + CF_HASH_N - 1, 8 + CF_HASH_N, ROW_N - 1};

START_TEST(test_another_row_is_not_believed)
{
  struct cf_buf row;
  segments_make();
  stage_close_ledger();
  cf_buf_init(&row, ROW_N);
  row_get(&row);
  row.p[bytes[_i]] ^= 1;
  row_put(cf_buf_str(&row));
  cf_buf_fini(&row);
  stage_open_ledger();
  ck_assert(reads_all());
  stage_assert_verifies();
}
END_TEST

/* One that is cut, or that is of fewer segments. */
START_TEST(test_a_row_of_before_is_not_believed)
{
  struct cf_buf row;
  segments_make();
  stage_close_ledger();
  cf_buf_init(&row, ROW_N);
  row_get(&row);
  if (_i == 0) {
    cf_buf_cut(&row, 1);
  } else {
    stage_open_ledger();
    (void)reads_all();
    stage_append_range(900, 1200, 100);
    stage_wait_for_segments(4);
    stage_close_ledger();
  }
  row_put(cf_buf_str(&row));
  cf_buf_fini(&row);
  stage_open_ledger();
  ck_assert(reads_all());
}
END_TEST

static void catalogue_put(const struct cf_segment_meta *meta)
{
  uint8_t key[8];
  struct cf_buf b;
  cf_buf_init(&b, 4096);
  cf_u64_put(key, meta->first);
  cf_segment_meta_put(meta, &b);
  forge_tables_open(stage_conf.data);
  forge_must(cf_bdb_put(forge_table("catalogue"), NULL, forge_bytes(key, sizeof key),
                        cf_buf_str(&b)),
             "its row");
  forge_tables_close();
  cf_buf_fini(&b);
}

/* It vouches for what the catalogue says of each: its digest, its times. */
START_TEST(test_another_catalogue_is_not_believed)
{
  segments_make();
  struct cf_segment_meta meta = segment_get(1);
  stage_close_ledger();
  if (_i == 0)
    meta.digest[0] ^= 1;
  else
    meta.time_max_us++;
  catalogue_put(&meta);
  stage_open_ledger();
  ck_assert(reads_all());
}
END_TEST

static struct cf_unit unit_get(size_t i)
{
  struct cf_view *view = NULL;
  struct cf_unit unit;
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  cf_view_unit(view, i, &unit);
  cf_view_put(view);
  return unit;
}

/* What it vouches for holds also where the file cannot be opened, until that is
 * known. */
START_TEST(test_until_all_is_read)
{
  char path[300];
  segments_make();
  stage_segment_path(2, path);
  stage_close_ledger();
  ck_assert_int_eq(truncate(path, 16384), 0);
  stage_open_ledger();
  ck_assert_int_lt(unit_get(1).time_max_us, CF_TIME_MAX_US);
  judge_whole();
  ck_assert_int_eq(unit_get(1).time_max_us, CF_TIME_MAX_US);
}
END_TEST

/* What came behind the size is read: a segment that was entered then, put back
 * as the row has it, is not what was told last. */
START_TEST(test_what_came_later_counts)
{
  struct cf_buf row;
  segments_make();
  const struct cf_segment_meta old = segment_get(1);
  struct cf_segment_meta fresh = old;
  stage_close_ledger();
  cf_buf_init(&row, ROW_N);
  row_get(&row);
  stage_open_ledger();
  (void)reads_all();
  fresh.generation++;
  fresh.digest[0] ^= 1;
  ck_assert_ok(cf_catalogue_enter(stage_ledger, &fresh, NULL));
  stage_close_ledger();
  row_put(cf_buf_str(&row));
  cf_buf_fini(&row);
  catalogue_put(&old);
  stage_open_ledger();
  ck_assert(!reads_all());
  ck_assert(cf_segment_doubted(stage_ledger, &old, CF_SEEN_MISMATCH));
}
END_TEST

/* Nobody vouches for a row of the catalogue that is not what was told, or has
 * other times than its file: another segment enters, and all is read again. */
START_TEST(test_a_lie_is_not_vouched_for)
{
  segments_make();
  struct cf_segment_meta meta = segment_get(1);
  stage_close_ledger();
  if (_i == 0)
    meta.digest[0] ^= 1;
  else
    meta.time_max_us = meta.time_min_us;
  catalogue_put(&meta);
  stage_open_ledger();
  ck_assert(reads_all());
  stage_append_range(900, 1200, 100);
  stage_wait_for_segments(4);
  stage_close_ledger();
  stage_open_ledger();
  ck_assert_int_eq(unit_get(1).time_max_us, CF_TIME_MAX_US);
  ck_assert(reads_all());
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "vouched",
       .test = test_a_first_answer_opens_none,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown,
       .timeout = 180},
      {.tcase = "vouched", .test = test_kinds_are_vouched_for},
      {.tcase = "vouched", .test = test_kinds_are_of_a_file},
      {.tcase = "vouched", .test = test_a_lie_is_not_vouched_for, .loops = 2},
      {.tcase = "vouched", .test = test_another_row_is_not_believed, .loops = CF_COUNT(bytes)},
      {.tcase = "vouched", .test = test_a_row_of_before_is_not_believed, .loops = 2},
      {.tcase = "vouched", .test = test_another_catalogue_is_not_believed, .loops = 2},
      {.tcase = "vouched", .test = test_until_all_is_read},
      {.tcase = "vouched", .test = test_what_came_later_counts},
  };
  return cf_test_run("vouched", tests, CF_COUNT(tests));
}
