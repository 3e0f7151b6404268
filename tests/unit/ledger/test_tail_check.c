/* SPDX-License-Identifier: MIT */
/* Records of the tail that somebody changed, under good checksums of their
 * pages: they are not shown, and no segment is made of them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/ledger/ledger_in.h"
#include "tests/unit/ledger/forge_tail.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"

#define CHANGED 500 /* the event */
#define RECORDS 1024

static uint64_t changed_seq;

static void larger_segments(void)
{
  stage_set("segment_records", "1024");
}

/* In a whole tile, which nothing but its row of level 1 vouches for. */
static void set_up(void)
{
  struct cf_event e;
  stage_configure("tail_check", larger_segments);
  stage_init_ledger();
  stage_open_ledger();
  stage_append_range(0, CHANGED, 100);
  stage_numbered(&e, CHANGED);
  changed_seq = stage_append(&e).seq;
  cf_event_fini(&e);
  stage_append_range(CHANGED + 1, 700, 100);
  stage_close_ledger();
}

/* ---- changes ---- */

static void text_change(uint8_t *value, size_t n)
{
  uint8_t *at = memmem(value, n, "e-500", 5);
  ck_assert_ptr_nonnull(at);
  at[4] = '1';
}

static void hash_change(uint8_t *value, size_t n)
{
  (void)n;
  value[2] ^= 1;
}

/* Of the piece that holds the one event. */
static void piece_change(void (*change)(uint8_t *value, size_t n))
{
  uint8_t key[8];
  struct cf_buf value;
  cf_buf_init(&value, 1 << 20);
  cf_u64_put(key, changed_seq);
  forge_tables_open(stage_conf.data);
  struct cf_bdb *db = forge_table("tail-1");
  ck_assert_ok(cf_bdb_get(db, NULL, forge_bytes(key, sizeof key), &value));
  change(value.p, value.n);
  ck_assert_ok(cf_bdb_put(db, NULL, forge_bytes(key, sizeof key), cf_buf_str(&value)));
  forge_tables_close();
  cf_buf_fini(&value);
}

/* ---- what is shown ---- */

/* Which blocks of 64 a view shows; it must show all but those of the mask. */
static void assert_shown(struct cf_view *view, uint64_t hidden)
{
  struct cf_block *block = calloc(1, sizeof *block);
  cf_block_init(block);
  for (uint64_t seq = 0; seq < cf_view_size(view); seq += CF_GROUP)
    ck_assert_err(cf_view_block(view, seq, block),
                  hidden >> seq / CF_GROUP & 1 ? CF_E_DAMAGED : CF_OK);
  cf_block_fini(block);
  free(block);
}

/* Nothing that was made of the records of the generation is believed. */
static void assert_unsure(struct cf_view *view)
{
  struct cf_unit unit;
  int64_t t;
  cf_view_unit(view, 0, &unit);
  ck_assert_int_eq(unit.time_min_us, CF_TIME_MIN_US);
  ck_assert_int_eq(unit.time_max_us, CF_TIME_MAX_US);
  ck_assert_err(cf_view_times(view, 0, 0, 1, &t), CF_E_DAMAGED);
}

static const struct {
  void (*change)(uint8_t *value, size_t n);
  uint64_t hidden; /* blocks */
} changes[] = {
    {text_change, UINT64_C(1) << 7},   /* its own */
    {hash_change, UINT64_C(0xf) << 4}, /* the tile that does not give its row */
};

START_TEST(test_a_changed_record_is_not_shown)
{
  struct cf_view *view = NULL;
  struct cf_ledger_state state;
  ck_assert_uint_eq(changed_seq / CF_GROUP, 7);
  piece_change(changes[_i].change);
  stage_open_ledger();
  ck_assert_uint_eq(stage_ledger->own, UINT64_MAX);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  assert_shown(view, changes[_i].hidden);
  assert_unsure(view);
  cf_view_put(view);
  cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.damaged, 1);
}
END_TEST

/* Nothing erases in the tail: whose events these were is not hidden by saying
 * so, though their hashes are right. */
START_TEST(test_nothing_there_is_erased)
{
  struct cf_view *view = NULL;
  forge_tables_open(stage_conf.data);
  forge_tail_erase("tail-1", CF_K_EVENT, CF_C_ACTOR);
  forge_tables_close();
  stage_open_ledger();
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  assert_shown(view, (UINT64_C(1) << (700 / CF_GROUP + 1)) - 1);
  assert_unsure(view);
  cf_view_put(view);
}
END_TEST

/* Appending goes on, but what the chain would vouch for is not made. */
START_TEST(test_no_segment_is_made_of_it)
{
  struct cf_ledger_state state;
  piece_change(text_change);
  stage_open_ledger();
  stage_append_range(700, 2 * RECORDS, 100);
  do {
    usleep(1000);
    cf_ledger_state(stage_ledger, &state);
  } while (!state.roll_failed);
  ck_assert_uint_eq(state.segments, 0);
}
END_TEST

static void id_change(uint8_t *value, size_t n)
{
  uint8_t *at = memmem(value, n, "e-500", 5);
  ck_assert_ptr_nonnull(at);
  at[2] = '9';
}

/* An id that only the changed record has is not remembered, also before
 * anything was read: the event would be lost. Those of other blocks are. */
START_TEST(test_it_takes_no_event_for_another)
{
  struct cf_event e;
  struct cf_place place;
  piece_change(id_change);
  stage_open_ledger();
  stage_numbered(&e, 900);
  place = stage_append(&e);
  ck_assert_int_eq(place.err, CF_OK);
  ck_assert(!place.duplicate);
  cf_event_fini(&e);
  stage_numbered(&e, 10);
  ck_assert(stage_append(&e).duplicate);
  cf_event_fini(&e);
}
END_TEST

START_TEST(test_what_was_not_changed_is_shown)
{
  struct cf_view *view = NULL;
  struct cf_unit unit;
  stage_open_ledger();
  ck_assert_uint_eq(stage_ledger->own, 0);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  assert_shown(view, 0);
  cf_view_unit(view, 0, &unit);
  ck_assert_int_gt(unit.time_min_us, CF_TIME_MIN_US);
  cf_view_put(view);
}
END_TEST

/* ---- the sum of the pieces ---- */

/* The head as it was before it had one, which the signer vouched for. */
static void head_age(void)
{
  enum { OLD_N = 56 };
  struct cf_signer *signer = NULL;
  struct cf_buf head;
  cf_buf_init(&head, 4096);
  forge_tables_open(stage_conf.data);
  struct cf_bdb *meta = forge_table("meta");
  ck_assert_ok(cf_bdb_get(meta, NULL, CF_STR("head"), &head));
  const struct cf_str parts[] = {CF_STR("head"), {(const char *)head.p, OLD_N}};
  ck_assert_ok(cf_signer_open(stage_conf.signer, cf_str_from(stage_conf.origin), &signer, NULL));
  cf_signer_mac(signer, parts, 2, head.p + OLD_N);
  cf_signer_close(signer);
  ck_assert_ok(cf_bdb_put(meta, NULL, CF_STR("head"), forge_bytes(head.p, OLD_N + CF_HASH_N)));
  forge_tables_close();
  cf_buf_fini(&head);
}

/* Records that a sum does not cover are rebuilt as leaves, however many starts
 * and appends come, until they are a segment. */
START_TEST(test_what_has_no_sum_is_rebuilt)
{
  struct cf_view *view = NULL;
  head_age();
  for (unsigned i = 0; i < 2; i++) {
    stage_open_ledger();
    ck_assert_uint_eq(stage_ledger->own, UINT64_MAX);
    stage_append_range(700 + i, 701 + i, 1);
    ck_assert_ok(cf_view_get(stage_ledger, &view));
    assert_shown(view, 0);
    cf_view_put(view);
    stage_close_ledger();
  }
  stage_open_ledger();
  stage_append_range(702, RECORDS + 100, 100);
  stage_wait_for_segments(1);
  stage_close_ledger();
  stage_open_ledger();
  ck_assert_uint_eq(stage_ledger->own, RECORDS);
}
END_TEST

/* Generations of which none is signed, or becomes a segment, before the end,
 * which comes as sudden as a kill. */
static void end_with_generations(void)
{
  stage_open_ledger();
  (void)pthread_mutex_lock(&stage_ledger->entering);
  (void)pthread_mutex_lock(&stage_ledger->seal);
  stage_append_range(700, 700 + 3 * RECORDS, 100);
  _exit(0);
}

/* Each goes on where the one before ended: a piece that is changed in one
 * leaves no other its sum. */
START_TEST(test_one_sum_covers_all_generations)
{
  ck_assert_int_eq(cf_test_child(end_with_generations), 0);
  if (_i == 1)
    piece_change(text_change);
  stage_open_ledger();
  ck_assert_uint_eq(stage_ledger->own, _i == 1 ? UINT64_MAX : 0);
}
END_TEST

/* No sum covers the hash that a generation's row has of what is in front of it,
 * and no segment may be made with a false one. */
START_TEST(test_the_hash_in_front_is_checked)
{
  enum { NUMBER = 2, PREV_AT = 16 };
  uint8_t key[CF_TAIL_KEY_N];
  struct cf_view *view = NULL;
  struct cf_buf row;
  ck_assert_int_eq(cf_test_child(end_with_generations), 0);
  cf_buf_init(&row, 4096);
  cf_meta_tail_key(NUMBER, key);
  forge_tables_open(stage_conf.data);
  struct cf_bdb *meta = forge_table("meta");
  ck_assert_ok(cf_bdb_get(meta, NULL, forge_bytes(key, sizeof key), &row));
  row.p[PREV_AT] ^= 1;
  ck_assert_ok(cf_bdb_put(meta, NULL, forge_bytes(key, sizeof key), cf_buf_str(&row)));
  forge_tables_close();
  cf_buf_fini(&row);
  stage_open_ledger();
  ck_assert_uint_eq(stage_ledger->own, 0);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  assert_shown(view, UINT64_C(1) << RECORDS / CF_GROUP);
  cf_view_put(view);
}
END_TEST

static void user_change(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  r->payload[CF_C_ACTOR] = CF_STR("{\"user\":\"mallory\"}");
}

/* The root over the last tile of the forged segment. */
static void last_row_make(uint8_t row[CF_HASH_N])
{
  uint8_t hashes[CF_TILE_W * CF_HASH_N], fingerprints[16];
  struct cf_segment_pool *pool = NULL;
  struct cf_segment *s = NULL;
  forge_fingerprint_key(stage_conf.data, fingerprints);
  ck_assert_ok(cf_segment_pool_new(temp_path("data/segments"), 0, fingerprints, &pool));
  ck_assert_ok(cf_segment_acquire(pool, &forge_meta, &s));
  ck_assert_ok(cf_segment_hashes(s, RECORDS - CF_TILE_W, CF_TILE_W, hashes));
  cf_segment_release(pool, s);
  cf_segment_pool_free(pool);
  cf_fold(hashes, CF_TILE_W, row);
}

/* Generations that nothing signed covers; the first of them becomes a segment
 * elsewhere, another history, which then takes its place. */
static void history_exchange(void)
{
  uint8_t first[8] = {0}, last_row[CF_HASH_N], row_key[9] = {1}, tail_key[CF_TAIL_KEY_N];
  struct cf_buf row;
  cf_buf_init(&row, 4096);
  ck_assert_int_eq(cf_test_child(end_with_generations), 0);
  temp_run("cp -a data kept && cp -a data.signer kept.signer");
  stage_open_ledger();
  stage_wait_for_segments(1);
  stage_close_ledger();
  forge_segment(stage_conf.data, 1, 900, user_change);
  last_row_make(last_row);
  forge_tables_open(stage_conf.data);
  ck_assert_ok(cf_bdb_get(forge_table("catalogue"), NULL, forge_bytes(first, 8), &row));
  forge_tables_close();
  temp_run("cp -a data/segments/0*-00000000000000001024-* kept/segments/ && "
           "rm -r data data.signer && mv kept data && mv kept.signer data.signer");
  cf_meta_tail_key(1, tail_key);
  cf_u64_put(row_key + 1, RECORDS / CF_TILE_W - 1);
  forge_tables_open(stage_conf.data);
  ck_assert_ok(cf_bdb_put(forge_table("catalogue"), NULL, forge_bytes(first, 8), cf_buf_str(&row)));
  ck_assert_ok(cf_bdb_del(forge_table("meta"), NULL, forge_bytes(tail_key, sizeof tail_key)));
  ck_assert_ok(cf_bdb_put(forge_table("tiles"), NULL, forge_bytes(row_key, sizeof row_key),
                          forge_bytes(last_row, sizeof last_row)));
  forge_tables_close();
  cf_buf_fini(&row);
}

/* It holds together, and ends where the generations begin whose sum is good;
 * but the record there does not lead on from it. */
START_TEST(test_no_other_history_ends_at_the_sum)
{
  struct cf_fault fault;
  history_exchange();
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_ROLLBACK);
  ck_assert_msg(strstr(fault.detail, "what is after them") != NULL, "%s", fault.detail);
}
END_TEST

/* ---- rows above ---- */

static void no_segments(void)
{
  stage_set("segment_records", "1048576");
}

/* A row of level 1 that the root does not need, as that of level 2 stands for
 * it: what is below the one is not known to be what the other tells. */
START_TEST(test_a_row_leads_to_the_one_above)
{
  uint8_t key[9] = {1};
  struct cf_buf row;
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  stage_configure("tail_check", no_segments);
  stage_init_ledger();
  stage_open_ledger();
  stage_append_range(0, 66000, 6000);
  stage_close_ledger();
  cf_buf_init(&row, CF_HASH_N);
  cf_u64_put(key + 1, 10);
  forge_tables_open(stage_conf.data);
  struct cf_bdb *db = forge_table("tiles");
  ck_assert_ok(cf_bdb_get(db, NULL, forge_bytes(key, sizeof key), &row));
  row.p[0] ^= 1;
  ck_assert_ok(cf_bdb_put(db, NULL, forge_bytes(key, sizeof key), cf_buf_str(&row)));
  forge_tables_close();
  cf_buf_fini(&row);
  stage_open_ledger();
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  cf_block_init(block);
  ck_assert_err(cf_view_block(view, 0, block), CF_E_DAMAGED);
  ck_assert_err(cf_view_block(view, 65535, block), CF_E_DAMAGED);
  ck_assert_ok(cf_view_block(view, 65536, block));
  cf_block_fini(block);
  free(block);
  cf_view_put(view);
  stage_close_ledger();
  stage_clear();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "tail",
       .test = test_a_changed_record_is_not_shown,
       .loops = CF_COUNT(changes),
       .setup = set_up,
       .teardown = stage_ledger_teardown},
      {.tcase = "tail", .test = test_nothing_there_is_erased},
      {.tcase = "tail", .test = test_no_segment_is_made_of_it},
      {.tcase = "tail", .test = test_it_takes_no_event_for_another},
      {.tcase = "tail", .test = test_what_was_not_changed_is_shown},
      {.tcase = "tail", .test = test_what_has_no_sum_is_rebuilt},
      {.tcase = "tail", .test = test_one_sum_covers_all_generations, .loops = 2},
      {.tcase = "tail", .test = test_the_hash_in_front_is_checked},
      {.tcase = "tail", .test = test_no_other_history_ends_at_the_sum},
      {.tcase = "rows", .test = test_a_row_leads_to_the_one_above, .timeout = 180},
  };
  return cf_test_run("tail_check", tests, CF_COUNT(tests));
}
