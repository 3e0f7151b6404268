/* SPDX-License-Identifier: MIT */
/* The pool of open segments: bounded, thread-safe, and damage to one of them is
 * no matter of the others. */
#include "config.h"

#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#include "lib/segment/filters_in.h"
#include "tests/unit/segment/segment_reader.h"
#include "tests/unit/segment/segment_stage.h"

#define OPEN_MIN 4 /* files of a pool with the least cache */
#define MANY     12

static struct cf_segment_meta metas[MANY];

/* Copies under other generations will not do, they say who they are: each is
 * built. */
static void build_many(void)
{
  for (unsigned i = 0; i < MANY; i++) {
    metas[i] = segment_meta_of(100 + i);
    segment_build(&metas[i]);
  }
}

/* How many descriptors of this process are files of the directory. */
static unsigned open_files(void)
{
  char link[64], target[sizeof segment_path];
  unsigned n = 0;
  DIR *dir = opendir("/proc/self/fd");

  ck_assert_ptr_nonnull(dir);
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    snprintf(link, sizeof link, "/proc/self/fd/%.20s", e->d_name);
    ssize_t len = readlink(link, target, sizeof target - 1);
    n += len > 0 && strncmp(target, segment_directory, strlen(segment_directory)) == 0;
  }
  closedir(dir);
  return n;
}

START_TEST(test_bounded)
{
  struct cf_segment *held[MANY];
  char text[300];

  build_many();
  for (unsigned i = 0; i < MANY; i++) {
    struct reader r = {.pool = segment_pool, .meta = &metas[i]};
    reader_id(&r, fact_id(1, text));
    reader_end(&r);
    ck_assert_uint_le(open_files(), OPEN_MIN);
  }
  ck_assert_uint_eq(open_files(), OPEN_MIN);
  for (unsigned i = 0; i < MANY; i++)
    ck_assert_ok(cf_segment_acquire(segment_pool, &metas[i], &held[i]));
  ck_assert_uint_eq(open_files(), MANY);
  for (unsigned i = 0; i < MANY; i++)
    cf_segment_release(segment_pool, held[i]);
  ck_assert_uint_eq(open_files(), OPEN_MIN);
}
END_TEST

/* Is there a segment that may not have the fingerprint? */
static bool excludes_id(struct cf_segment_pool *p, uint32_t segments_n, uint64_t fingerprint)
{
  const struct cf_segment_meta *segments[MANY];
  struct cf_buf hits;

  for (uint32_t i = 0; i < segments_n; i++)
    segments[i] = &metas[i];
  cf_buf_init(&hits, 1 << 20);
  cf_segment_screen_ids(p, segments, segments_n, &fingerprint, 1, &hits);
  ck_assert_ok(hits.err);
  size_t n = hits.n / sizeof(struct cf_id_hit);
  cf_buf_fini(&hits);
  return n < segments_n;
}

static void load_filter(const struct cf_segment_meta *meta)
{
  struct cf_segment *s = NULL;

  ck_assert_ok(cf_segment_acquire(segment_pool, meta, &s));
  ck_assert_ok(cf_segment_filter_load(s));
  cf_segment_release(segment_pool, s);
}

/* A filter outlives its file's handle, answers most negatives, and goes with a
 * drop. */
START_TEST(test_filter_stays)
{
  unsigned excluded = 0;
  char text[300];

  build_many();
  ck_assert(!cf_segment_has_filter(segment_pool, &metas[0]));
  ck_assert(!excludes_id(segment_pool, 1, 12345));
  for (unsigned i = 0; i < MANY; i++)
    load_filter(&metas[i]);
  ck_assert(cf_segment_has_filter(segment_pool, &metas[0]));
  for (uint32_t i = 0; i < 1000; i++)
    excluded += excludes_id(segment_pool, 1, fact_mix(i, 9));
  ck_assert_uint_gt(excluded, 990);
  for (uint32_t i = 0; i < RECORDS; i++)
    if (fact_id(i, text).n > 0)
      ck_assert(
          !excludes_id(segment_pool, MANY, cf_id_fingerprint(fact_ledger_key, fact_id(i, text))));
  cf_segment_pool_drop(segment_pool, &metas[0]);
  for (uint32_t i = 0; i < 1000; i++)
    ck_assert(!excludes_id(segment_pool, 1, fact_mix(i, 9)));
}
END_TEST

/* Hits come by segment, then fingerprint, and beyond the budget the filters
 * that were not asked for longest go. */
START_TEST(test_hits)
{
  const struct cf_segment_meta *segments[3] = {&metas[4], &metas[2], &metas[7]};
  char text[300];
  uint64_t fingerprints[100];
  struct cf_buf hits;

  build_many();
  for (unsigned i = 0; i < MANY; i++)
    load_filter(&metas[i]);
  cf_buf_init(&hits, 1 << 20);
  for (uint32_t i = 0; i < 100; i++)
    fingerprints[i] =
        i % 10 == 2 ? cf_id_fingerprint(fact_ledger_key, fact_id(i, text)) : fact_mix(i, 12);
  cf_segment_pool_drop(segment_pool, &metas[2]);
  cf_segment_screen_ids(segment_pool, segments, 3, fingerprints, 100, &hits);
  const struct cf_id_hit *hit = (const struct cf_id_hit *)(void *)hits.p;
  ck_assert_uint_eq(hits.n / sizeof *hit, 10 + 100 + 10);
  for (unsigned i = 0; i < 120; i++) {
    bool whole = i >= 10 && i < 110;
    ck_assert_uint_eq(hit[i].segment, i < 10 ? 0 : whole ? 1 : 2);
    ck_assert_uint_eq(hit[i].fingerprint, whole ? i - 10 : i % 10 * 10 + 2);
  }
  cf_segment_pool_filter_budget(segment_pool, 45000); /* four stand side by side */
  load_filter(&metas[2]);
  unsigned kept = 0;
  for (unsigned i = 0; i < MANY; i++)
    kept += cf_segment_has_filter(segment_pool, &metas[i]);
  ck_assert_uint_eq(kept, 3);
  ck_assert(cf_segment_has_filter(segment_pool, &metas[2]));
  ck_assert(cf_segment_has_filter(segment_pool, &metas[4]));
  ck_assert(cf_segment_has_filter(segment_pool, &metas[7]));
  cf_buf_fini(&hits);
}
END_TEST

/* Filters of one kind stand four to a word; of others each has its own shelf,
 * whose empty places are memory too. */
START_TEST(test_filters_bounded)
{
  const size_t budget = 256 << 10;
  uint64_t fingerprints[1000];
  struct cf_filters filters;
  struct cf_buf b;
  unsigned kept = 0;

  for (size_t i = 0; i < CF_COUNT(fingerprints); i++)
    fingerprints[i] = (i + 1) << 54 | fact_mix(i, 13) >> 10;
  cf_buf_init(&b, cf_fuse_max(CF_COUNT(fingerprints)));
  ck_assert_ok(cf_fuse_put(&b, fingerprints, CF_COUNT(fingerprints)));
  cf_filters_init(&filters, budget);
  for (unsigned i = 0; i < 250; i++) {
    struct cf_segment_meta meta = segment_meta_of(i);
    b.p[0] = _i == 0 ? 0 : (uint8_t)i; /* its seed */
    cf_filters_keep(&filters, &meta, cf_buf_str(&b));
    ck_assert(cf_filters_has(&filters, &meta));
    ck_assert_uint_le(filters.bytes, budget);
  }
  for (unsigned i = 0; i < 250; i++) {
    struct cf_segment_meta meta = segment_meta_of(i);
    kept += cf_filters_has(&filters, &meta);
  }
  ck_assert_uint_le(kept * b.n * (_i == 0 ? 1 : 4), budget);
  ck_assert_uint_ge((kept + 4) * b.n * (_i == 0 ? 1 : 4), budget / 10 * 9);
  for (unsigned i = 0; i < 250; i++) {
    struct cf_segment_meta meta = segment_meta_of(i);
    cf_filters_drop(&filters, &meta);
  }
  ck_assert_uint_eq(filters.bytes, 0);
  cf_filters_fini(&filters);
  cf_buf_fini(&b);
}
END_TEST

static unsigned excluded_values(const struct cf_segment_meta *meta)
{
  unsigned n = 0;

  for (uint32_t i = 0; i < 1000; i++) {
    char text[32];
    snprintf(text, sizeof text, "nobody %u", i);
    struct cf_str key = cf_str_from(text);
    const struct cf_term term = {.index = CF_M_USER, .first = key, .last = key};
    n += !cf_segment_may_match(segment_pool, meta, &term);
  }
  return n;
}

/* The filter of values comes with the first open, excludes what is not there
 * and nothing that is, tells nothing of ranges, and goes with a drop. */
START_TEST(test_values_stay)
{
  struct cf_str key;

  build_many();
  ck_assert_uint_eq(excluded_values(&metas[0]), 0);
  for (unsigned i = 0; i < MANY; i++) {
    struct reader r = {.pool = segment_pool, .meta = &metas[i]};
    reader_block(&r, 0);
    reader_end(&r);
  }
  ck_assert_uint_gt(excluded_values(&metas[0]), 950);
  for (uint32_t i = 0; i < RECORDS; i++)
    for (unsigned index = 0; index < CF_I_N; index++)
      if (cf_index_exists(index) && index != CF_M_ID && fact_key(i, index, &key))
        ck_assert(
            cf_segment_may_match(segment_pool, &metas[0],
                                 &(struct cf_term){.index = index, .first = key, .last = key}));
  const struct cf_term range = {.index = CF_M_USER,
                                .first = CF_STR("nobody 1"),
                                .last = CF_STR("nobody 2")};
  const struct cf_term prefix = {.index = CF_M_USER, .first = CF_STR("nobody"), .prefix = true};
  ck_assert(cf_segment_may_match(segment_pool, &metas[0], &range));
  ck_assert(cf_segment_may_match(segment_pool, &metas[0], &prefix));
  cf_segment_pool_drop(segment_pool, &metas[0]);
  ck_assert_uint_eq(excluded_values(&metas[0]), 0);
}
END_TEST

/* Nothing vouches for what an older ledger's file says: it excludes nothing. */
START_TEST(test_values_unsworn)
{
  struct reader r = {.pool = segment_pool, .meta = &segment_meta};

  segment_age(&segment_meta);
  reader_block(&r, 0);
  reader_end(&r);
  ck_assert_uint_eq(excluded_values(&segment_meta), 0);
}
END_TEST

/* A dropped and removed file can be read to the end by whoever holds it. */
/* What finds nothing is known of this file and this filter alone; of one that
 * is not sworn nothing is; and older ones are forgotten, as room is bounded. */
START_TEST(test_barren)
{
  struct cf_segment_meta meta = segment_meta, other = segment_meta, unsworn = segment_meta;
  uint8_t filter[CF_HASH_N] = {1}, another[CF_HASH_N] = {2};
  struct cf_segment_pool *pool = NULL;
  unsigned kept = 0;

  ck_assert_ok(cf_segment_pool_new(segment_directory, 32u << 20, fact_ledger_key, &pool));
  other.digest[CF_HASH_N - 1] ^= 1;
  unsworn.sworn = false;
  ck_assert(!cf_segment_is_barren(pool, &meta, filter));
  cf_segment_note_barren(pool, &meta, filter);
  cf_segment_note_barren(pool, &unsworn, another);
  ck_assert(cf_segment_is_barren(pool, &meta, filter));
  ck_assert(!cf_segment_is_barren(pool, &meta, another));
  ck_assert(!cf_segment_is_barren(pool, &other, filter));
  ck_assert(!cf_segment_is_barren(pool, &unsworn, filter));
  for (unsigned i = 0; i < 100000; i++) {
    memcpy(another, &i, sizeof i);
    cf_segment_note_barren(pool, &other, another);
    ck_assert(cf_segment_is_barren(pool, &other, another));
  }
  for (unsigned i = 0; i < 100000; i++) {
    memcpy(another, &i, sizeof i);
    kept += cf_segment_is_barren(pool, &other, another);
  }
  ck_assert(kept > 0 && kept < 100000);
  cf_segment_pool_free(pool);
}
END_TEST

START_TEST(test_drop)
{
  struct reader r = {.pool = segment_pool, .meta = &segment_meta};
  struct cf_segment *s = NULL;

  reader_block(&r, 0);
  cf_segment_pool_drop(segment_pool, &segment_meta);
  ck_assert_int_eq(unlink(segment_path), 0);
  for (uint32_t i = 0; i < RECORDS / CF_GROUP; i++)
    reader_block(&r, i);
  ck_assert_uint_eq(tally_sum(r.tally.damaged), 0);
  ck_assert_uint_eq(open_files(), 1);
  reader_end(&r);
  ck_assert_uint_eq(open_files(), 0);
  ck_assert_err(cf_segment_acquire(segment_pool, &segment_meta, &s), CF_E_DAMAGED);
}
END_TEST

struct worker {
  unsigned seed;
  unsigned rounds;
  struct tally tally;
};

static void *read_at_random(void *p)
{
  struct worker *w = p;
  struct reader r = {.pool = segment_pool};
  char text[300];

  for (unsigned k = 0; k < w->rounds; k++) {
    uint64_t x = fact_mix(k, w->seed);
    r.meta = &metas[x % MANY];
    reader_block(&r, (uint32_t)(x >> 8) % (RECORDS / CF_GROUP));
    reader_hashes(&r, (uint32_t)(x >> 16) % (RECORDS - 100), 100);
    reader_times(&r, (uint32_t)(x >> 24) % (RECORDS - 100), 100);
    reader_index(&r, fact_members[(x >> 32) % FACT_MEMBERS_N], k);
    struct cf_str id = fact_id((uint32_t)(x >> 40) % RECORDS, text);
    if (id.n > 0)
      reader_id(&r, id);
    reader_end(&r);
  }
  w->tally = r.tally;
  return NULL;
}

/* Four threads, twelve segments, four of them open at a time; one is
 * damaged. */
START_TEST(test_threads)
{
  struct worker workers[4];
  pthread_t threads[4];
  unsigned good = 0, damaged = 0;

  build_many();
  if (_i == 1) {
    char name[64];
    cf_segment_name(&metas[3], name);
    snprintf(segment_path, sizeof segment_path, "%s/%s", segment_directory, name);
    for (off_t page = 42; page < 60; page++)
      temp_put(segment_path, page * PAGE + 500, "damage", 6);
  }
  for (unsigned i = 0; i < 4; i++) {
    workers[i] = (struct worker){.seed = i + 10, .rounds = cf_test_rounds(150)};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, read_at_random, &workers[i]), 0);
  }
  for (unsigned i = 0; i < 4; i++) {
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    good += tally_sum(workers[i].tally.good);
    damaged += tally_sum(workers[i].tally.damaged) + workers[i].tally.unopened;
  }
  ck_assert_uint_gt(good, 2000);
  ck_assert_int_eq(damaged > 0, _i == 1);
  ck_assert_uint_le(open_files(), OPEN_MIN);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "pool",
       .test = test_bounded,
       .setup = segment_set_up,
       .teardown = segment_tear_down},
      {.tcase = "pool", .test = test_filter_stays},
      {.tcase = "pool", .test = test_hits},
      {.tcase = "pool", .test = test_values_stay},
      {.tcase = "pool", .test = test_values_unsworn},
      {.tcase = "pool", .test = test_barren},
      {.tcase = "pool", .test = test_drop},
      {.tcase = "pool", .test = test_threads, .loops = 2},
      {.tcase = "filters", .test = test_filters_bounded, .loops = 2},
  };
  return cf_test_run("segment_pool", tests, CF_COUNT(tests));
}
