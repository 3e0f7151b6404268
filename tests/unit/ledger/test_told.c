/* SPDX-License-Identifier: MIT */
/* What the chain tells of segments, held against rows and files. */
#include "config.h"

#include <stdio.h>

#include "lib/base/codec.h"
#include "lib/ledger/told_in.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"

/* Told at seqs 600 and 900: two ranges, the second of them twice. */
static void tell(struct cf_told *told)
{
  const struct cf_segment_body bodies[] = {{.first = 256, .end = 512, .digest = {1}},
                                           {.first = 512, .end = 768, .digest = {2}},
                                           {.first = 512, .end = 768, .rewrite = 1, .digest = {3}}};
  for (size_t i = CF_COUNT(bodies); i-- > 0;)
    ck_assert_ok(cf_told_add(told, &bodies[i], 600 + i));
}

static const struct {
  struct cf_segment_meta row;
  enum cf_oath oath;
} oaths[] = {
    {{.first = 256, .end = 512, .sworn = true, .digest = {1}}, CF_OATH_KEPT},
    {{.first = 512, .end = 768, .generation = 1, .sworn = true, .digest = {3}}, CF_OATH_KEPT},
    /* one of before, another one, one without a digest */
    {{.first = 512, .end = 768, .sworn = true, .digest = {2}}, CF_OATH_BROKEN},
    {{.first = 256, .end = 512, .sworn = true, .digest = {2}}, CF_OATH_BROKEN},
    {{.first = 256, .end = 512}, CF_OATH_BROKEN},
    /* from before the first record; with a digest; over more than was told */
    {{.first = 0, .end = 256}, CF_OATH_UNSWORN},
    {{.first = 0, .end = 256, .sworn = true}, CF_OATH_BROKEN},
    {{.first = 0, .end = 512}, CF_OATH_BROKEN},
    {{.first = 256, .end = 768}, CF_OATH_BROKEN},
    /* of after it: it would have been told */
    {{.first = 768, .end = 1024}, CF_OATH_BROKEN},
};

START_TEST(test_a_row_is_what_was_told)
{
  struct cf_told told = {0};
  tell(&told);
  ck_assert_uint_eq(told.n, 2);
  ck_assert_uint_eq(told.since, 600);
  ck_assert_int_eq(cf_told_judge(&told, &oaths[_i].row), oaths[_i].oath);
  cf_told_fini(&told);
}
END_TEST

/* Files hold those of three ranges that the mask has; two of them were told. */
START_TEST(test_what_was_told_has_a_file)
{
  const struct cf_segment_body files[] = {{.first = 0, .end = 256},
                                          {.first = 256, .end = 512},
                                          {.first = 512, .end = 768}};
  const struct cf_segment_body *body;
  struct cf_told told = {0};
  uint64_t lacking = 0;
  size_t at = 0;
  tell(&told);
  for (unsigned i = 0; i < CF_COUNT(files); i++)
    while ((_i >> i & 1) != 0 && (body = cf_told_lacking(&told, &files[i], &at)) != NULL)
      lacking |= body->first >> 8;
  while ((body = cf_told_lacking(&told, NULL, &at)) != NULL)
    lacking |= body->first >> 8;
  ck_assert_uint_eq(lacking, (_i >> 1 & 3) ^ 3);
  cf_told_fini(&told);
}
END_TEST

/* ---- a ledger's own ---- */

static struct cf_ledger_state state_when_checked(void)
{
  struct cf_ledger_state state = {0};
  while (!state.segments_checked) {
    cf_ledger_segments_check(stage_ledger);
    cf_ledger_state(stage_ledger, &state);
    usleep(1000);
  }
  return state;
}

static void times_change(struct cf_buf *value)
{
  value->p[value->n - 1] ^= 1;
}

/* Each file is told, and found to be so after a restart too. */
START_TEST(test_files_are_told)
{
  stage_append_range(0, 900, 100);
  stage_wait_for_segments(3);
  for (unsigned i = 0; i < 2; i++) {
    struct cf_ledger_state state = state_when_checked();
    ck_assert_uint_eq(state.segments, 3);
    ck_assert_uint_eq(state.mismatched + state.missing + state.unsworn + state.damaged, 0);
    stage_close_ledger();
    stage_open_ledger();
  }
  stage_assert_holds(900);
  stage_assert_verifies();
}
END_TEST

/* A file that is gone is known at once, before anybody reads it. */
START_TEST(test_a_missing_file_is_seen)
{
  char path[310];
  struct cf_ledger_state state;
  stage_append_range(0, 900, 100);
  stage_wait_for_segments(3);
  stage_segment_path(2, path);
  if (_i == 1)
    strcat(path, ".sums");
  stage_close_ledger();
  ck_assert_int_eq(rename(path, temp_path("away")), 0);
  stage_open_ledger();
  cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.missing, 1);
  ck_assert_int_eq(rename(temp_path("away"), path), 0);
  cf_ledger_segments_check(stage_ledger);
  cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.missing, 0);
}
END_TEST

/* A file that somebody wrote, with its sums and its row: nobody reads it, and
 * the chain tells. */
START_TEST(test_a_forged_file_is_seen)
{
  stage_append_range(0, 900, 100);
  stage_wait_for_segments(3);
  stage_close_ledger();
  forge_begin(stage_conf.data, 2);
  forge_row("times", 0, times_change);
  forge_end(FORGE_ROW);
  stage_open_ledger();
  struct cf_ledger_state state = {0};
  while (state.mismatched == 0 || state.unsworn > 0) /* one that it may have told of */
    cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.mismatched, 1);
  ck_assert_uint_eq(state.missing + state.damaged, 0);
}
END_TEST

/* A row that has lost its digest, so that its pages need no sums: it is not
 * taken for one of an older ledger, and not sworn to. */
START_TEST(test_a_row_without_its_digest_is_seen)
{
  stage_append_range(0, 900, 100);
  stage_wait_for_segments(3);
  stage_close_ledger();
  forge_begin(stage_conf.data, 2);
  forge_meta.sworn = false;
  forge_end(FORGE_ROW);
  stage_open_ledger();
  struct cf_ledger_state state = {0};
  while (state.mismatched == 0 || state.unsworn > 0) /* one that it may have told of */
    cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.mismatched, 1);
}
END_TEST

/* ---- whose word counts ---- */

static uint64_t telling; /* seq of the record that tells of the first segment */
static char word[64];    /* the digest that it is to tell */

/* The first segment is told in the second one, which the tail tells of. */
static void tell_in_the_second(void)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  struct cf_segment_body body;
  stage_append_range(0, 270, 90);
  stage_wait_for_segments(1);
  stage_append_range(270, 900, 90);
  stage_wait_for_segments(3);
  cf_block_init(block);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  telling = 0;
  for (uint64_t seq = 256; seq < 512; seq++) {
    ck_assert_ok(cf_view_block(view, seq, block));
    const struct cf_record *r = &block->record[seq % CF_GROUP];
    if (r->kind == CF_K_SEGMENT && cf_segment_body_get(r->public_text, &body) == CF_OK &&
        body.first == 0)
      telling = seq;
  }
  ck_assert_uint_gt(telling, 0);
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
  stage_close_ledger();
}

static void word_change(struct cf_record *record, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  static char text[600];
  (void)salts;
  snprintf(text, sizeof text, "%.*s", (int)record->public_text.n, record->public_text.p);
  char *digest = strstr(text, "\"digest\":\"");
  ck_assert_ptr_nonnull(digest);
  memcpy(digest + strlen("\"digest\":\""), word, strlen(word));
  record->public_text.p = text;
}

/* The second segment, its sums and its row, so that it tells what `word` is. */
static void second_forge(void)
{
  forge_begin(stage_conf.data, 2);
  forge_record((uint32_t)(telling - 256) / CF_GROUP, telling % CF_GROUP, word_change);
  forge_end(FORGE_ROW);
}

static void first_forge(void)
{
  struct cf_buf b;
  forge_begin(stage_conf.data, 1);
  forge_row("times", 0, times_change);
  forge_end(FORGE_ROW);
  cf_buf_init(&b, sizeof word - 1);
  cf_base64_put(&b, forge_meta.digest, CF_HASH_N);
  snprintf(word, sizeof word, "%s", cf_buf_cstr(&b));
  cf_buf_fini(&b);
}

static bool is_shown(uint64_t seq)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  cf_block_init(block);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  enum cf_err err = cf_view_block(view, seq, block);
  ck_assert(err == CF_OK || err == CF_E_DAMAGED);
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
  return err == CF_OK;
}

static void name_take(void *context, uint64_t first, uint64_t last, const char *what)
{
  (void)what;
  ck_assert_uint_eq(last, first + 255);
  *(unsigned *)context |= 1u << first / 256;
}

/* One that was forged, and the word for it in another that was forged too. */
START_TEST(test_a_forged_word_is_not_believed)
{
  struct cf_ledger_state state;
  unsigned named = 0;
  tell_in_the_second();
  first_forge();
  second_forge();
  stage_open_ledger();
  ck_assert(!is_shown(0) && !is_shown(256));
  do {
    cf_ledger_state(stage_ledger, &state);
    usleep(1000);
  } while (state.damaged == 0);
  ck_assert(!is_shown(0) && !is_shown(256) && is_shown(512));
  (void)cf_ledger_segments_each(stage_ledger, name_take, &named);
  ck_assert_uint_eq(named, 3);
}
END_TEST

/* One whose word is lost with another: it is not shown until it was looked at,
 * and is told anew. */
START_TEST(test_a_lost_word_is_said_again)
{
  tell_in_the_second();
  memset(word, 'A', 42);
  word[42] = '\0';
  second_forge();
  for (unsigned start = 0; start < 2; start++) {
    unsigned named = 0;
    stage_open_ledger();
    while (!is_shown(0))
      usleep(1000);
    ck_assert(!is_shown(256));
    (void)cf_ledger_segments_each(stage_ledger, name_take, &named);
    ck_assert_uint_eq(named, 2);
    stage_close_ledger();
  }
}
END_TEST

/* Files that kept the chain from being read whole are there again: what they
 * tell counts at the next look, not some minutes later. */
START_TEST(test_a_file_that_comes_back_is_read)
{
  struct cf_ledger_state state = {0};
  char path[300];
  tell_in_the_second();
  if (_i == 2) { /* so that the warden cannot tell of the first anew */
    forge_begin(stage_conf.data, 1);
    forge_row("times", 0, times_change);
    forge_end(FORGE_FILE);
  }
  stage_segment_path(2, path);
  temp_run(_i != 1 ? "mv '%s' away" : "cp '%s' away", path);
  if (_i == 1)
    ck_assert_int_eq(truncate(path, 16384), 0);
  stage_open_ledger();
  ck_assert(!is_shown(256));
  cf_ledger_segments_check(stage_ledger);
  cf_ledger_state(stage_ledger, &state);
  ck_assert(!state.segments_checked);
  while (_i == 2 && state.damaged < 2)
    cf_ledger_state(stage_ledger, &state);
  temp_run("cp away '%s'", path);
  (void)state_when_checked(); /* the warden may be at it */
  ck_assert(is_shown(0) && is_shown(256));
}
END_TEST

/* One that is there and that nobody can open, as after a restore by another
 * user: it is named, and all others are read. */
START_TEST(test_a_file_that_cannot_be_opened_is_named)
{
  char path[300];
  unsigned named = 0;
  stage_append_range(0, 900, 100);
  stage_wait_for_segments(3);
  stage_segment_path(1, path);
  if (_i == 1)
    strcat(path, ".sums");
  stage_close_ledger();
  temp_run("rm '%s' && ln -s '%s' '%s'", path, path, path);
  stage_open_ledger();
  ck_assert(!is_shown(0) && is_shown(256) && is_shown(512));
  ck_assert(!cf_ledger_segments_each(stage_ledger, name_take, &named));
  ck_assert_uint_eq(named, 1);
}
END_TEST

/* Is the first segment passed over by what the view says of its times? It holds
 * no record that tells of another. */
static bool is_passed_over(void)
{
  struct cf_view *view = NULL;
  struct cf_unit unit = {0};
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  cf_view_unit(view, 0, &unit);
  cf_view_put(view);
  return unit.time_max_us < INT64_C(1000000000) * 1000000;
}

static void fault_count(void *context, uint64_t first, uint64_t last, const char *what)
{
  (void)what;
  ck_assert_uint_eq(last, first + 255);
  ck_assert_uint_eq(first, 0);
  ++*(unsigned *)context;
}

/* A row that puts a segment's records in another time, so that nobody would
 * look there; and the same where the file that gives it the lie is away. */
START_TEST(test_a_row_of_another_time_is_not_believed)
{
  char path[300];
  unsigned faults = 0;
  stage_append_range(0, 900, 100);
  stage_wait_for_segments(3);
  stage_segment_path(1, path);
  stage_close_ledger();
  forge_begin(stage_conf.data, 1);
  forge_meta.time_min_us = 0;
  forge_meta.time_max_us = 1;
  forge_end(FORGE_ROW);
  if (_i == 1)
    ck_assert_int_eq(rename(path, temp_path("away")), 0);
  stage_open_ledger();
  ck_assert(!is_passed_over());
  ck_assert(!cf_ledger_segments_each(stage_ledger, fault_count, &faults));
  ck_assert_uint_eq(faults, 1);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "told", .test = test_a_row_is_what_was_told, .loops = CF_COUNT(oaths)},
      {.tcase = "told", .test = test_what_was_told_has_a_file, .loops = 8},
      {.tcase = "ledger",
       .test = test_files_are_told,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown,
       .timeout = 180},
      {.tcase = "ledger", .test = test_a_missing_file_is_seen, .loops = 2},
      {.tcase = "ledger", .test = test_a_forged_file_is_seen},
      {.tcase = "ledger", .test = test_a_row_without_its_digest_is_seen},
      {.tcase = "ledger", .test = test_a_forged_word_is_not_believed},
      {.tcase = "ledger", .test = test_a_lost_word_is_said_again},
      {.tcase = "ledger", .test = test_a_file_that_comes_back_is_read, .loops = 3},
      {.tcase = "ledger", .test = test_a_file_that_cannot_be_opened_is_named, .loops = 2},
      {.tcase = "ledger", .test = test_a_row_of_another_time_is_not_believed, .loops = 2},
  };
  return cf_test_run("told", tests, CF_COUNT(tests));
}
