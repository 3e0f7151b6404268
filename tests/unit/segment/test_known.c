/* SPDX-License-Identifier: MIT */
/* What is remembered of sworn segments beside their files: what finds nothing,
 * and times of single records. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/segment/barren_in.h"
#include "lib/segment/known_times_in.h"
#include "lib/segment/segment_in.h"
#include "tests/unit/segment/segment_stage.h"

#define BUDGET 4096
#define MANY   10000

/* The n-th of many hashes. */
static const uint8_t *hash_of(uint32_t n)
{
  static uint8_t hash[2][CF_HASH_N];
  static unsigned turn;
  uint8_t number[4];

  turn ^= 1;
  cf_u32_put(number, n);
  cf_sha256_1(number, sizeof number, hash[turn]);
  return hash[turn];
}

/* A pool that has room for them; the fixture's has not. */
static struct cf_segment_pool *roomy_pool(void)
{
  struct cf_segment_pool *pool = NULL;

  ck_assert_ok(cf_segment_pool_new(segment_directory, UINT64_C(1) << 20, fact_ledger_key, &pool));
  return pool;
}

/* ---- what finds nothing ---- */

START_TEST(test_barren_is_a_pair)
{
  struct cf_barren barren;

  cf_barren_init(&barren, BUDGET);
  ck_assert(!cf_barren_has(&barren, hash_of(1), hash_of(2)));
  cf_barren_note(&barren, hash_of(1), hash_of(2));
  cf_barren_note(&barren, hash_of(1), hash_of(2));
  ck_assert(cf_barren_has(&barren, hash_of(1), hash_of(2)));
  ck_assert(!cf_barren_has(&barren, hash_of(1), hash_of(3)));
  ck_assert(!cf_barren_has(&barren, hash_of(3), hash_of(2)));
  ck_assert(!cf_barren_has(&barren, hash_of(2), hash_of(1)));
  cf_barren_fini(&barren);
}
END_TEST

/* The newest is there, and of all no more than there is room for. */
START_TEST(test_barren_is_bounded)
{
  struct cf_barren barren;
  size_t have = 0;

  cf_barren_init(&barren, _i == 0 ? BUDGET : 0);
  for (uint32_t n = 0; n < MANY; n++) {
    cf_barren_note(&barren, hash_of(n), hash_of(n + 1));
    ck_assert(cf_barren_has(&barren, hash_of(n), hash_of(n + 1)) == (_i == 0));
  }
  for (uint32_t n = 0; n < MANY; n++)
    have += cf_barren_has(&barren, hash_of(n), hash_of(n + 1));
  ck_assert_uint_eq(have, _i == 0 ? BUDGET / CF_BARREN_N : 0);
  cf_barren_fini(&barren);
}
END_TEST

/* It is of a file's digest: one that is written again is another, and of one
 * that nothing vouches for nothing is noted. */
START_TEST(test_barren_is_of_a_file)
{
  struct cf_segment_meta again = segment_meta, unsworn = segment_meta;
  struct cf_segment_pool *pool = roomy_pool();

  again.generation++;
  again.digest[CF_HASH_N - 1] ^= 1;
  unsworn.sworn = false;
  cf_segment_note_barren(pool, &unsworn, hash_of(1));
  ck_assert(!cf_segment_is_barren(pool, &segment_meta, hash_of(1)));
  cf_segment_note_barren(pool, &segment_meta, hash_of(1));
  ck_assert(cf_segment_is_barren(pool, &segment_meta, hash_of(1)));
  ck_assert(!cf_segment_is_barren(pool, &segment_meta, hash_of(2)));
  ck_assert(!cf_segment_is_barren(pool, &again, hash_of(1)));
  ck_assert(!cf_segment_is_barren(pool, &unsworn, hash_of(1)));
  cf_segment_pool_free(pool);
}
END_TEST

/* ---- times ---- */

START_TEST(test_time_is_of_a_record)
{
  struct cf_known_times times;
  int64_t t_us = 0;

  cf_known_times_init(&times, 256); /* all have the same places */
  ck_assert(!cf_known_times_find(&times, hash_of(1), 0, &t_us));
  cf_known_times_keep(&times, hash_of(1), 7, -5);
  cf_known_times_keep(&times, hash_of(1), 8, 6);
  ck_assert(cf_known_times_find(&times, hash_of(1), 7, &t_us));
  ck_assert_int_eq(t_us, -5);
  ck_assert(cf_known_times_find(&times, hash_of(1), 8, &t_us));
  ck_assert_int_eq(t_us, 6);
  ck_assert(!cf_known_times_find(&times, hash_of(1), 9, &t_us));
  ck_assert(!cf_known_times_find(&times, hash_of(2), 7, &t_us));
  cf_known_times_fini(&times);
}
END_TEST

START_TEST(test_times_are_bounded)
{
  struct cf_known_times times;
  size_t have = 0;
  int64_t t_us;

  cf_known_times_init(&times, _i == 0 ? BUDGET : 0);
  for (uint32_t n = 0; n < MANY; n++) {
    cf_known_times_keep(&times, hash_of(n % 7), n, n);
    ck_assert(cf_known_times_find(&times, hash_of(n % 7), n, &t_us) == (_i == 0));
  }
  for (uint32_t n = 0; n < MANY; n++)
    if (cf_known_times_find(&times, hash_of(n % 7), n, &t_us)) {
      ck_assert_int_eq(t_us, n);
      have++;
    }
  ck_assert((have > 0) == (_i == 0));
  ck_assert_uint_le(have, BUDGET / CF_HASH_N);
  cf_known_times_fini(&times);
}
END_TEST

/* One that is asked for alone is the one of its row, and is kept, but of a file
 * that is not sworn. */
START_TEST(test_times_of_a_file)
{
  uint32_t n = (uint32_t)(segment_meta.end - segment_meta.first);
  int64_t *all = calloc(n, sizeof *all), t_us, kept_us;
  struct cf_segment_pool *pool = roomy_pool();
  struct cf_segment *s = NULL;

  ck_assert_ptr_nonnull(all);
  ck_assert_ok(cf_segment_acquire(pool, &segment_meta, &s));
  ck_assert_ok(cf_segment_times(s, 0, n, all));
  for (uint32_t round = 0; round < 2; round++)
    for (uint32_t at = 0; at < n; at += 37) {
      ck_assert_ok(cf_segment_times(s, at, 1, &t_us));
      ck_assert_int_eq(t_us, all[at]);
      bool kept =
          cf_known_times_find(cf_segment_pool_times(pool), segment_meta.digest, at, &kept_us);
      ck_assert(kept == segment_meta.sworn);
      ck_assert(!kept || kept_us == all[at]);
    }
  cf_segment_release(pool, s);
  cf_segment_pool_free(pool);
  free(all);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "tables", .test = test_barren_is_a_pair},
      {.tcase = "tables", .test = test_barren_is_bounded, .loops = 2},
      {.tcase = "tables", .test = test_time_is_of_a_record},
      {.tcase = "tables", .test = test_times_are_bounded, .loops = 2},
      {.tcase = "sworn",
       .test = test_barren_is_of_a_file,
       .setup = segment_set_up,
       .teardown = segment_tear_down},
      {.tcase = "sworn", .test = test_times_of_a_file},
      {.tcase = "unsworn",
       .test = test_times_of_a_file,
       .setup = segment_set_up_old,
       .teardown = segment_tear_down},
  };
  return cf_test_run("known", tests, CF_COUNT(tests));
}
