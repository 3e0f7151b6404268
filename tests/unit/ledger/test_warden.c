/* SPDX-License-Identifier: MIT */
/* Segments of an older ledger are sworn to at its first start, and those that
 * do not hold what they should are not. */
#include "config.h"

#include <unistd.h>

#include "lib/ledger/ledger_in.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/ledger/old_ledger.h"
#include "tests/unit/segment/forge.h"

#define SEGMENTS 3

/* Nothing is killed here: what is written need not be on disk. */
int fsync(int fd)
{
  (void)fd;
  return 0;
}

int fdatasync(int fd)
{
  (void)fd;
  return 0;
}

static void set_up(void)
{
  stage_configure("warden", stage_small_segments);
  old_ledger_make(SEGMENTS);
}

/* When the chain is read whole, and so many are left. */
static struct cf_ledger_state state_with(uint64_t unsworn)
{
  struct cf_ledger_state state;
  do {
    usleep(1000);
    cf_ledger_state(stage_ledger, &state);
  } while (!state.segments_checked || state.unsworn > unsworn);
  return state;
}

/* How many segments have sums, and how many rows a digest. */
static void assert_sworn(unsigned n)
{
  struct cf_layout *layout = cf_layout_get(stage_ledger);
  unsigned sworn = 0;
  for (size_t i = 0; i < layout->segments_n; i++)
    sworn += layout->segments[i].sworn;
  cf_layout_put(layout);
  ck_assert_uint_eq(sworn, n);
  temp_run("test $(ls data/segments/*[0-9].sums | wc -l) = %u", n);
}

START_TEST(test_all_are_sworn_to)
{
  for (unsigned start = 0; start < 2; start++) {
    stage_open_ledger();
    struct cf_ledger_state state = state_with(0);
    ck_assert_uint_eq(state.unsworn + state.mismatched + state.missing + state.damaged, 0);
    ck_assert_uint_eq(state.segments, SEGMENTS);
    assert_sworn(SEGMENTS);
    stage_assert_holds(SEGMENTS * 256);
    stage_assert_verifies();
    stage_close_ledger();
  }
}
END_TEST

/* A reader that began before goes on with what it has, and it is believed from
 * then on by its sums alone. */
START_TEST(test_under_a_reader)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  cf_block_init(block);
  stage_open_ledger();
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  (void)state_with(0);
  for (uint64_t seq = 0; seq < SEGMENTS * 256; seq += CF_GROUP)
    ck_assert_ok(cf_view_block(view, seq, block));
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
  stage_close_ledger();
}
END_TEST

/* An index that was changed before, with good checksums. */
static void index_spoil(void)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  char copy[300];
  forge_begin(stage_conf.data, 2);
  struct cf_bdb *db = forge_sheet("user");
  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  ck_assert_ok(cf_bdb_cursor_move(cursor, CF_BDB_FIRST, CF_STR(""), &key, &value));
  memcpy(copy, key.p, key.n);
  key.p = copy;
  cf_bdb_cursor_close(cursor);
  ck_assert_ok(cf_bdb_del(db, NULL, key));
  forge_end(FORGE_FILE);
}

static void page_spoil(void)
{
  char path[300];
  stage_segment_path(2, path);
  temp_flip(path, 2 * 16384 + 100);
}

START_TEST(test_a_false_one_is_left)
{
  (_i == 0 ? index_spoil : page_spoil)();
  stage_open_ledger();
  struct cf_ledger_state state = state_with(1);
  while (state.damaged == 0)
    cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.unsworn, 1);
  ck_assert_uint_eq(state.damaged, 1);
  ck_assert_uint_eq(state.mismatched + state.missing, 0);
  assert_sworn(SEGMENTS - 1);
  stage_close_ledger();
}
END_TEST

/* One that cannot be read, and the next, which begins with its last leaf hash,
 * wait for a backup. What is put back is read again, without a start. */
START_TEST(test_damage_keeps_two_waiting)
{
  char path[300];
  stage_segment_path(1, path);
  temp_run("cp '%s' away && dd if=/dev/zero of='%s' bs=16384 seek=1 count=1000 status=none", path,
           path);
  stage_open_ledger();
  (void)state_with(2);
  usleep(100000);
  assert_sworn(1);
  temp_run("cp away '%s' && rm away", path);
  ck_assert_ok(cf_catalogue_read_told(stage_ledger));
  cf_ledger_segments_check(stage_ledger);
  struct cf_ledger_state state;
  cf_ledger_state(stage_ledger, &state);
  ck_assert(state.segments_checked);
  ck_assert_uint_eq(state.unsworn, 2);
  stage_close_ledger();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "warden",
       .test = test_all_are_sworn_to,
       .setup = set_up,
       .teardown = stage_clear,
       .timeout = 20},
      {.tcase = "warden", .test = test_under_a_reader},
      {.tcase = "warden", .test = test_a_false_one_is_left, .loops = 2},
      {.tcase = "warden", .test = test_damage_keeps_two_waiting},
  };
  return cf_test_run("warden", tests, CF_COUNT(tests));
}
