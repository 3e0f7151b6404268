/* SPDX-License-Identifier: MIT */
/* Opened parts that are kept: bounded, the right ones, and gone with their
 * file. */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/segment/parts.h"
#include "tests/unit/segment/segment_stage.h"

#define BUDGET (64u << 10)

static struct cf_parts parts;
static struct cf_segment *segment;
static struct cf_block block, other;

static void set_up(void)
{
  segment_set_up();
  ck_assert_ok(cf_segment_acquire(segment_pool, &segment_meta, &segment));
  cf_parts_init(&parts, BUDGET);
  cf_block_init(&block);
  cf_block_init(&other);
}

static void tear_down(void)
{
  cf_block_fini(&block);
  cf_block_fini(&other);
  cf_parts_fini(&parts);
  cf_segment_release(segment_pool, segment);
  segment_tear_down();
}

static void part_keep(uint32_t number)
{
  ck_assert_ok(cf_segment_part(segment, number * CF_PART, &block));
  cf_parts_keep(&parts, segment_meta.digest, number, &block);
}

static void assert_same(const struct cf_block *a, const struct cf_block *b)
{
  ck_assert(a->first == b->first && a->n == CF_PART && b->n == CF_PART);
  for (unsigned i = 0; i < CF_PART; i++)
    if (a->record[i].seq != b->record[i].seq || !cf_record_same(&a->record[i], &b->record[i]))
      ck_abort_msg("record %u is another one", i);
}

START_TEST(test_found)
{
  part_keep(3);
  part_keep(4);
  ck_assert(!cf_parts_find(&parts, segment_meta.digest, 5, &block));
  ck_assert(cf_parts_find(&parts, segment_meta.digest, 3, &block));
  ck_assert_ok(cf_segment_part(segment, 3 * CF_PART, &other));
  assert_same(&block, &other);
}
END_TEST

/* Never more than the budget; what was used last stays; and what is open can be
 * read to the end. */
START_TEST(test_bounded)
{
  part_keep(0);
  ck_assert(cf_parts_find(&parts, segment_meta.digest, 0, &other));
  for (uint32_t k = 1; k < RECORDS / CF_PART; k++) {
    part_keep(k);
    ck_assert_uint_le(parts.bytes, BUDGET);
    if (k < 40)
      ck_assert(k / 4 % 14 == 3 || cf_parts_find(&parts, segment_meta.digest, k, &block));
  }
  ck_assert(!cf_parts_find(&parts, segment_meta.digest, 0, &block));
  ck_assert_ok(cf_segment_part(segment, 0, &block));
  assert_same(&block, &other);
}
END_TEST

/* Another generation of the same range is another file. */
START_TEST(test_other_generation)
{
  struct cf_segment_meta meta = segment_meta_of(2);

  segment_build(&meta);
  part_keep(1);
  ck_assert(!cf_parts_find(&parts, meta.digest, 1, &other));
  cf_parts_drop(&parts, meta.digest);
  ck_assert(cf_parts_find(&parts, segment_meta.digest, 1, &other));
  cf_parts_drop(&parts, segment_meta.digest);
  ck_assert(!cf_parts_find(&parts, segment_meta.digest, 1, &block));
  ck_assert_uint_eq(parts.bytes, 0);
  ck_assert(other.n == CF_PART && other.record[3].seq == FIRST + CF_PART + 3);
}
END_TEST

/* A pool with memory keeps them; with the file they go, though a reader of the
 * dropped one has asked again. */
START_TEST(test_pool)
{
  struct cf_segment_pool *pool = NULL;
  struct cf_segment *s = NULL;

  ck_assert_ok(cf_segment_pool_new(segment_directory, 8 << 20, fact_ledger_key, &pool));
  struct cf_parts *kept = cf_segment_pool_parts(pool);
  ck_assert_ok(cf_segment_acquire(pool, &segment_meta, &s));
  ck_assert_ok(cf_segment_part(s, 100, &block));
  ck_assert_ok(cf_segment_part(s, 101, &other));
  ck_assert(block.shared != NULL && block.shared == other.shared);
  cf_segment_pool_drop(pool, &segment_meta);
  ck_assert_uint_eq(kept->bytes, 0);
  ck_assert_ok(cf_segment_part(s, 102, &block));
  cf_segment_release(pool, s);
  ck_assert_uint_eq(kept->bytes, 0);
  assert_same(&block, &other);
  cf_block_fini(&block);
  cf_block_fini(&other);
  cf_segment_pool_free(pool);
}
END_TEST

static enum cf_err block_backwards(void *context, uint32_t i, struct cf_block *made)
{
  (void)context;
  return fact_block(RECORDS / CF_GROUP - 1 - i, made);
}

/* A segment's parts are unpacked with its own dictionary, whichever others are
 * open. */
START_TEST(test_dictionaries)
{
  struct cf_segment_meta meta = segment_meta_of(2);
  struct cf_index *index = segment_index_new(RECORDS);
  struct cf_segment_source source = segment_source(index);
  struct cf_segment *backwards = NULL;

  source.block = block_backwards;
  ck_assert_ok(cf_segment_build(segment_directory, &source, &meta, NULL));
  cf_index_free(index);
  ck_assert_ok(cf_segment_acquire(segment_pool, &meta, &backwards));
  for (uint32_t i = 0; i < RECORDS; i += CF_PART) {
    uint32_t mirrored = RECORDS - CF_GROUP - i / CF_GROUP * CF_GROUP + i % CF_GROUP;
    ck_assert_ok(cf_segment_part(segment, i, &block));
    ck_assert_ok(cf_segment_part(backwards, mirrored, &other));
    for (unsigned k = 0; k < CF_PART; k++)
      ck_assert(cf_record_same(&block.record[k], &other.record[k]));
  }
  cf_segment_release(segment_pool, backwards);
}
END_TEST

static void *worker_main(void *seed)
{
  struct cf_block *mine = calloc(1, sizeof *mine);
  uint64_t x = *(unsigned *)seed;

  cf_block_init(mine);
  for (unsigned i = 0; i < 400; i++) {
    uint32_t number = (uint32_t)(fact_mix(x, i) % 40);
    bool good = cf_parts_find(&parts, segment_meta.digest, number, mine);
    if (!good && cf_segment_part(segment, number * CF_PART, mine) == CF_OK) {
      good = true;
      cf_parts_keep(&parts, segment_meta.digest, number, mine);
    }
    if (!good || mine->record[5].seq != FIRST + number * CF_PART + 5 ||
        mine->record[5].public_text.p[0] != '"')
      abort();
    if (i % 100 == 99)
      cf_parts_drop(&parts, segment_meta.digest);
  }
  cf_block_fini(mine);
  free(mine);
  return NULL;
}

START_TEST(test_threads)
{
  pthread_t threads[4];
  unsigned seeds[4] = {1, 2, 3, 4};

  for (unsigned i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, worker_main, &seeds[i]), 0);
  for (unsigned i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  ck_assert_uint_le(parts.bytes, BUDGET);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "parts", .test = test_found, .setup = set_up, .teardown = tear_down},
      {.tcase = "parts", .test = test_bounded},
      {.tcase = "parts", .test = test_other_generation},
      {.tcase = "parts", .test = test_pool},
      {.tcase = "parts", .test = test_dictionaries},
      {.tcase = "parts", .test = test_threads},
  };
  return cf_test_run("parts", tests, CF_COUNT(tests));
}
