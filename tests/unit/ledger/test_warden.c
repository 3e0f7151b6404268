/* SPDX-License-Identifier: MIT */
/* Segments of an older ledger are sworn to at its first start, and so are those
 * whose `segment` record is lost; those that do not hold what they should, or
 * hold together and were never signed, are not. */
#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/ledger/ledger_in.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/ledger/old_ledger.h"
#include "tests/unit/segment/forge.h"
#include "tests/unit/segment/old_file.h"

#define SEGMENTS 3
#define RECORD   100 /* of a segment, an event that is forged */

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

/* Does each block of the n-th segment, from 1 on, show, or none? */
static bool is_shown(unsigned n)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  unsigned shown = 0;
  cf_block_init(block);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  for (unsigned i = 0; i < 256; i += CF_GROUP) {
    enum cf_err err = cf_view_block(view, (n - 1) * 256 + i, block);
    ck_assert(err == CF_OK || err == CF_E_DAMAGED);
    shown += err == CF_OK;
  }
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
  ck_assert(shown == 0 || shown == 256 / CF_GROUP);
  return shown > 0;
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

/* One that can be read is not shown: it may hide what it has. */
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
  ck_assert(_i == 1 || !is_shown(2));
  stage_close_ledger();
}
END_TEST

/* One that cannot be read, or not even opened, and the next, which begins with
 * its last leaf hash, wait for a backup. What is put back is read again,
 * without a start. */
START_TEST(test_damage_keeps_two_waiting)
{
  char path[300];
  stage_segment_path(1, path);
  temp_run("mv '%s' away", path);
  temp_run(_i == 0 ? "head -c 16000000 /dev/zero >'%s'" : "ln -s '%s' '%s'", path, path);
  stage_open_ledger();
  (void)state_with(2);
  usleep(100000);
  assert_sworn(1);
  temp_run("mv away '%s'", path);
  ck_assert_ok(cf_catalogue_read_told(stage_ledger));
  cf_ledger_segments_check(stage_ledger);
  struct cf_ledger_state state;
  cf_ledger_state(stage_ledger, &state);
  ck_assert(state.segments_checked);
  ck_assert_uint_eq(state.unsworn, 2);
  stage_close_ledger();
}
END_TEST

/* ---- a segment that holds together, and was never signed ---- */

static void user_change(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  ck_assert_uint_gt(r->payload[CF_C_ACTOR].n, 0);
  r->payload[CF_C_ACTOR] = CF_STR("{\"user\":\"mallory\"}");
}

/* As an older version would have written it. */
static void segment_age(unsigned n)
{
  char path[310];
  struct stat st;
  stage_segment_path(n, path);
  old_file_make(path, 16384);
  ck_assert_int_eq(stat(path, &st), 0);
  forge_begin(stage_conf.data, n);
  forge_meta.bytes = (uint64_t)st.st_size;
  forge_meta.sworn = false;
  forge_end(FORGE_ROW);
  strcat(path, ".sums");
  ck_assert_int_eq(unlink(path), 0);
}

/* The next one, which nobody touched, waits, and is not said to be damaged. */
START_TEST(test_another_history_is_not_sworn_to)
{
  forge_segment(stage_conf.data, 2, RECORD, user_change);
  segment_age(2);
  stage_open_ledger();
  struct cf_ledger_state state = state_with(2);
  while (state.damaged == 0)
    cf_ledger_state(stage_ledger, &state);
  usleep(100000);
  cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.unsworn, 2);
  ck_assert_uint_eq(state.damaged, 1);
  assert_sworn(1);
  ck_assert(is_shown(1) && !is_shown(2) && is_shown(3));
  stage_close_ledger();
}
END_TEST

/* ---- a lost word ---- */

/* The n-th segment is told of in the next one, whose file goes. The word for
 * those before it counts no more then either. */
static void word_lose(unsigned n)
{
  char path[300];
  stage_append_range(0, n * 256 + 10, 90);
  stage_wait_for_segments(n);
  stage_append_range(n * 256 + 10, (n + 1) * 256 + 10, 90);
  stage_wait_for_segments(n + 1);
  stage_segment_path(n + 1, path);
  stage_close_ledger();
  ck_assert_int_eq(unlink(path), 0);
}

struct words {
  unsigned n; /* `segment` records of the one that begins at first */
  uint64_t first;
};

static enum cf_err word_count(void *context, const struct cf_record *r)
{
  struct cf_segment_body body;
  struct words *words = context;
  if (r != NULL && cf_segment_body_get(r->public_text, &body) == CF_OK)
    words->n += body.first == words->first;
  return CF_OK;
}

/* How often the chain tells of the n-th segment, as far as it can be read. */
static unsigned words_of(unsigned n)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  struct words words = {.first = (n - 1) * 256};
  const struct cf_view_each each = {CF_K_SEGMENT, block, word_count, &words};
  cf_block_init(block);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  for (size_t i = 0; i < cf_view_units(view); i++)
    ck_assert_ok(cf_view_each(view, i, &each));
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
  return words.n;
}

static void name_take(void *context, uint64_t first, uint64_t last, const char *what)
{
  (void)what;
  ck_assert_uint_eq(last, first + 255);
  *(unsigned *)context |= 1u << first / 256;
}

/* When the chain was read whole and each was looked at, so many are left; one
 * more has no file. */
static void wait_for_unsworn(unsigned n)
{
  struct cf_ledger_state state;
  (void)is_shown(1);
  ck_assert_ok(cf_catalogue_judge_whole(stage_ledger));
  cf_ledger_segments_check(stage_ledger);
  do {
    usleep(1000);
    cf_ledger_state(stage_ledger, &state);
  } while (state.damaged < state.unsworn + 1);
  ck_assert_uint_eq(state.unsworn, n);
  ck_assert_uint_eq(state.damaged, 1 + n);
}

/* The tree ends with the first segment at a power of two, so its root is on the
 * way to the signed one; with the third it is not. */
static const struct {
  unsigned n;
  bool forged;
} lost[] = {{1, false}, {1, true}, {3, false}, {3, true}};

/* An honest one is told again and then shown; another history never is, however
 * often it is looked at. */
START_TEST(test_a_lost_word)
{
  unsigned n = lost[_i].n;
  bool forged = lost[_i].forged;
  word_lose(n);
  if (forged)
    forge_segment(stage_conf.data, n, RECORD, user_change);
  for (unsigned start = 0; start < 2; start++) {
    unsigned named = 0;
    stage_open_ledger();
    ck_assert(!forged || !is_shown(n));
    wait_for_unsworn(forged);
    ck_assert_ok(cf_catalogue_read_told(stage_ledger));
    cf_ledger_segments_check(stage_ledger);
    ck_assert_int_eq(is_shown(n), !forged);
    ck_assert_uint_eq(words_of(n), !forged);
    (void)cf_ledger_segments_each(stage_ledger, name_take, &named);
    ck_assert_uint_eq(named, 1u << n | (unsigned)forged << (n - 1));
    for (unsigned before = 1; before < n; before++)
      ck_assert(is_shown(before) && words_of(before) > 0);
    stage_close_ledger();
  }
}
END_TEST

/* ---- before the chain was read ---- */

static atomic_bool waits; /* who would read it */

enum cf_err __real_cf_catalogue_judge(struct cf_ledger *l);
enum cf_err __wrap_cf_catalogue_judge(struct cf_ledger *l);

enum cf_err __wrap_cf_catalogue_judge(struct cf_ledger *l)
{
  while (atomic_load(&waits))
    usleep(1000);
  return __real_cf_catalogue_judge(l);
}

static void id_change(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  static char text[600];
  (void)salts;
  snprintf(text, sizeof text, "%.*s", (int)r->public_text.n, r->public_text.p);
  char *id = strstr(text, "\"id\":\"e-");
  ck_assert_ptr_nonnull(id);
  id[strlen("\"id\":\"")] = 'f';
  r->public_text.p = text;
}

/* No event is taken for one that was forged, not even then: it would be lost.
 * One that is there is known. */
START_TEST(test_an_event_is_not_taken_for_a_forged_one)
{
  struct cf_event e;
  bool forged = _i == 1;
  stage_append_range(0, 266, 90);
  stage_wait_for_segments(1);
  stage_close_ledger();
  if (forged)
    forge_segment(stage_conf.data, 1, RECORD, id_change);
  atomic_store(&waits, true);
  stage_open_ledger();
  for (unsigned i = RECORD - 5; forged && i <= RECORD; i++) {
    stage_event(&e, "{\"id\":\"f-%u\",\"method\":\"GET\"}", i);
    struct cf_place place = stage_append(&e);
    ck_assert(place.err == CF_OK && !place.duplicate);
    cf_event_fini(&e);
  }
  stage_numbered(&e, 10);
  ck_assert_int_eq(stage_append(&e).duplicate, !forged);
  cf_event_fini(&e);
  atomic_store(&waits, false);
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
       .timeout = 180},
      {.tcase = "warden", .test = test_under_a_reader},
      {.tcase = "warden", .test = test_a_false_one_is_left, .loops = 2},
      {.tcase = "warden", .test = test_damage_keeps_two_waiting, .loops = 2},
      {.tcase = "warden", .test = test_another_history_is_not_sworn_to},
      {.tcase = "words",
       .test = test_a_lost_word,
       .loops = CF_COUNT(lost),
       .setup = stage_ledger_setup,
       .teardown = stage_clear,
       .timeout = 180},
      {.tcase = "words", .test = test_an_event_is_not_taken_for_a_forged_one, .loops = 2},
  };
  return cf_test_run("warden", tests, CF_COUNT(tests));
}
