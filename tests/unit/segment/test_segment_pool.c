/* SPDX-License-Identifier: MIT */
/* The pool of open segments: bounded, thread-safe, and damage to one of them is
 * no matter of the others. */
#include "config.h"

#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

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

static bool excludes_id(struct cf_segment_pool *p, const struct cf_segment_meta *meta,
                        uint64_t fingerprint)
{
  uint32_t maybe, n = 1;
  return cf_segment_screen_ids(p, meta, &fingerprint, 1, &maybe, &n) && n == 0;
}

/* A filter outlives its file's handle, answers most negatives, and goes with a
 * drop. */
START_TEST(test_filter_stays)
{
  unsigned excluded = 0;
  char text[300];

  build_many();
  ck_assert(!excludes_id(segment_pool, &metas[0], 12345));
  for (unsigned i = 0; i < MANY; i++) {
    struct reader r = {.pool = segment_pool, .meta = &metas[i]};
    reader_id(&r, fact_id(1, text));
    reader_end(&r);
  }
  for (uint32_t i = 0; i < 1000; i++)
    excluded += excludes_id(segment_pool, &metas[0], fact_mix(i, 9));
  ck_assert_uint_gt(excluded, 950);
  for (uint32_t i = 0; i < RECORDS; i++)
    if (fact_id(i, text).n > 0)
      ck_assert(!excludes_id(segment_pool, &metas[0],
                             cf_id_fingerprint(fact_ledger_key, fact_id(i, text))));
  cf_segment_pool_drop(segment_pool, &metas[0]);
  for (uint32_t i = 0; i < 1000; i++)
    ck_assert(!excludes_id(segment_pool, &metas[0], fact_mix(i, 9)));
}
END_TEST

/* A dropped and removed file can be read to the end by whoever holds it. */
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
      {.tcase = "pool", .test = test_drop},
      {.tcase = "pool", .test = test_threads, .loops = 2},
  };
  return cf_test_run("segment_pool", tests, CF_COUNT(tests));
}
