/* SPDX-License-Identifier: MIT */
/* The scrubber, whose time the test tells: each page in a round, a round a
 * week, on from where it was. (The ledger's own sleeps for a minute as soon as
 * it is open.) */
#include "config.h"

#include "lib/ledger/ledger_in.h"
#include "tests/unit/ledger/ledger_stage.h"

#define RECORDS  1024
#define BATCH    256
#define SEGMENTS 2
#define PAGE     16384

static struct cf_scrub scrub;
static int64_t now_us;

static void larger_segments(void)
{
  stage_set("segment_records", "1024");
}

/* Text that does not compress well. */
static const char *noise(void)
{
  static char text[1501];
  static uint32_t x = 1;
  for (size_t i = 0; i + 1 < sizeof text; i++)
    text[i] = (char)('a' + (x = x * 1664525 + 1013904223) / 65536 % 26);
  return text;
}

/* Long ones, so that a segment has more pages than a slice. */
static void append_batch(unsigned from)
{
  static struct cf_event e[BATCH];
  static struct cf_place places[BATCH];
  const struct cf_event *p[BATCH];
  for (unsigned i = 0; i < BATCH; i++) {
    stage_event(&e[i], "{\"id\":\"e-%u\",\"message\":\"%s\"}", from + i, noise());
    p[i] = &e[i];
  }
  struct cf_append a = {.events = p, .n = BATCH, .places = places};
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  for (unsigned i = 0; i < BATCH; i++)
    cf_event_fini(&e[i]);
}

static void set_up(void)
{
  stage_configure("scrub", larger_segments);
  stage_init_ledger();
  stage_open_ledger();
  for (unsigned i = 0; i < SEGMENTS * RECORDS; i += BATCH)
    append_batch(i);
  stage_wait_for_segments(SEGMENTS);
  now_us = cf_clock_now_us();
  cf_scrub_begin(stage_ledger, &scrub, now_us);
}

static uint64_t damaged(void)
{
  struct cf_ledger_state state;
  cf_ledger_state(stage_ledger, &state);
  return state.damaged;
}

static void step(void)
{
  now_us += cf_scrub_step(stage_ledger, &scrub, now_us);
}

static bool is_at_end(void)
{
  return scrub.first == SEGMENTS * RECORDS;
}

/* To the end of this round; gives how many steps had a slice. */
static unsigned finish(void)
{
  unsigned slices = 0;
  while (!is_at_end()) {
    uint64_t first = scrub.first, page = scrub.page;
    step();
    slices += scrub.first != first || scrub.page != page;
  }
  return slices;
}

static unsigned slices_of_all(void)
{
  unsigned slices = 0;
  struct cf_layout *layout = cf_layout_get(stage_ledger);
  for (size_t i = 0; i < layout->segments_n; i++)
    slices += (unsigned)((layout->segments[i].bytes / PAGE + CF_SCRUB_PAGES - 1) / CF_SCRUB_PAGES);
  cf_layout_put(layout);
  return slices;
}

/* A week for a round, spread evenly. */
START_TEST(test_a_round_takes_a_week)
{
  int64_t began = scrub.round_us;
  unsigned all = slices_of_all();
  ck_assert_uint_ge(all, 2 * SEGMENTS);
  for (unsigned round = 0; round < 2; round++) {
    ck_assert_uint_eq(finish(), all);
    ck_assert_int_lt(now_us - began, CF_SCRUB_ROUND_US);
    ck_assert_int_gt(now_us - began, CF_SCRUB_ROUND_US / 4);
    while (is_at_end())
      step();
    ck_assert_int_ge(now_us - began, CF_SCRUB_ROUND_US);
    ck_assert_int_lt(now_us - began, CF_SCRUB_ROUND_US + 60000000);
    began = scrub.round_us;
  }
  ck_assert_uint_eq(damaged(), 0);
}
END_TEST

/* What could not be done in time is caught up with, at rest most of it. */
START_TEST(test_what_is_late_is_caught_up_with)
{
  now_us += 2 * CF_SCRUB_ROUND_US;
  int64_t began = now_us, real = cf_clock_mono_us();
  (void)finish();
  ck_assert_int_lt(now_us - began, 60000000);
  ck_assert_int_gt(now_us - began, 9 * (cf_clock_mono_us() - real) / 2);
}
END_TEST

START_TEST(test_a_page_is_found)
{
  const off_t pages[] = {0, 1, CF_SCRUB_PAGES - 1, CF_SCRUB_PAGES, -1};
  char path[300];
  stage_segment_path(1 + (unsigned)_i % 2, path);
  struct cf_layout *layout = cf_layout_get(stage_ledger);
  off_t last = (off_t)layout->segments[_i % 2].bytes / PAGE - 1;
  cf_layout_put(layout);
  temp_flip(path, (pages[_i] < 0 ? last : pages[_i]) * PAGE + 4000);
  ck_assert_uint_eq(damaged(), 0);
  (void)finish();
  ck_assert_uint_eq(damaged(), 1);
}
END_TEST

/* A file with its own good sums in the place of another. */
START_TEST(test_an_exchanged_file_is_found)
{
  char one[300], two[300];
  stage_segment_path(1, one);
  stage_segment_path(2, two);
  temp_run("cp '%s' '%s' && cp '%s.sums' '%s.sums'", one, two, one, two);
  (void)finish();
  ck_assert_uint_eq(damaged(), 1);
}
END_TEST

/* One that cannot be opened does not hold up the others. */
START_TEST(test_a_file_that_cannot_be_opened_is_found)
{
  char path[300];
  stage_segment_path(1, path);
  temp_run("rm '%s' && ln -s '%s' '%s'", path, path, path);
  (void)finish();
  ck_assert_uint_eq(damaged(), 1);
}
END_TEST

/* An owner goes on where the one before it was. */
START_TEST(test_the_place_is_kept)
{
  while (scrub.first == 0 || scrub.page == 0)
    step();
  struct cf_scrub kept = scrub;
  cf_scrub_end(stage_ledger, &scrub);
  stage_close_ledger();
  stage_open_ledger();
  cf_scrub_begin(stage_ledger, &scrub, now_us);
  ck_assert_int_eq(scrub.round_us, kept.round_us);
  ck_assert_uint_eq(scrub.first, kept.first);
  ck_assert_uint_eq(scrub.page, kept.page);
  ck_assert_uint_eq(finish(), slices_of_all() / SEGMENTS - 1);
}
END_TEST

/* A clock that was set back does not end it for years. */
START_TEST(test_a_clock_that_was_set_back)
{
  scrub.round_us += 10 * CF_SCRUB_ROUND_US;
  int64_t began = now_us;
  (void)finish();
  ck_assert_int_lt(now_us - began, CF_SCRUB_ROUND_US);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "scrub",
       .test = test_a_round_takes_a_week,
       .setup = set_up,
       .teardown = stage_ledger_teardown,
       .timeout = 180},
      {.tcase = "scrub", .test = test_what_is_late_is_caught_up_with},
      {.tcase = "scrub", .test = test_a_page_is_found, .loops = 5},
      {.tcase = "scrub", .test = test_an_exchanged_file_is_found},
      {.tcase = "scrub", .test = test_a_file_that_cannot_be_opened_is_found},
      {.tcase = "scrub", .test = test_the_place_is_kept},
      {.tcase = "scrub", .test = test_a_clock_that_was_set_back},
  };
  return cf_test_run("scrub", tests, CF_COUNT(tests));
}
