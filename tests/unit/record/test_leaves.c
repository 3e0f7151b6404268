/* SPDX-License-Identifier: MIT */
/* What is kept of leaf hashes tells whether others are the same, and which one
 * of a part is not. */
#include "config.h"

#include "lib/record/leaves.h"

#include <string.h>

#include "tests/unit/cf_test.h"

static uint8_t hashes[CF_LEAVES_N][CF_HASH_N];
static const uint8_t before[CF_HASH_N] = "in front";
static struct cf_leaves_kept kept;

static void set_up(void)
{
  for (unsigned i = 0; i < CF_LEAVES_N; i++)
    cf_sha256_1(&i, sizeof i, hashes[i]);
  cf_leaves_keep(before, hashes[0], &kept);
}

START_TEST(test_the_same_fit)
{
  unsigned at = 99;
  for (unsigned p = 0; p < CF_LEAVES_PARTS; p++) {
    const uint8_t *front = p == 0 ? before : hashes[p * CF_LEAVES_PART - 1];
    ck_assert_mem_eq(cf_leaves_before(&kept, p), front, CF_HASH_N);
    ck_assert(cf_leaves_fit(&kept, p, hashes[p * CF_LEAVES_PART], &at));
  }
  ck_assert_uint_eq(at, 99);
}
END_TEST

/* The roots of parts are nodes of the tree over all. */
START_TEST(test_roots_are_of_the_tree)
{
  uint8_t all[CF_HASH_N], folded[CF_HASH_N];
  cf_fold(hashes[0], CF_LEAVES_N, all);
  cf_fold(kept.root[0], CF_LEAVES_PARTS, folded);
  ck_assert_mem_eq(all, folded, CF_HASH_N);
}
END_TEST

/* As a changed record does, all hashes from it on are others. */
START_TEST(test_the_first_that_is_another_is_named)
{
  const unsigned part = (unsigned)_i / CF_LEAVES_PART, first = (unsigned)_i;
  unsigned at = 99;
  for (unsigned i = first; i < (part + 1) * CF_LEAVES_PART; i++)
    hashes[i][0] ^= 1;
  ck_assert(!cf_leaves_fit(&kept, part, hashes[part * CF_LEAVES_PART], &at));
  ck_assert_uint_eq(at, first % CF_LEAVES_PART);
}
END_TEST

/* The marks prove nothing: what differs behind them does not fit either. */
START_TEST(test_what_the_marks_miss_does_not_fit)
{
  unsigned at = 99;
  hashes[_i][CF_LEAF_MARK] ^= 1;
  ck_assert(!cf_leaves_fit(&kept, (unsigned)_i / CF_LEAVES_PART,
                           hashes[_i / CF_LEAVES_PART * CF_LEAVES_PART], &at));
  ck_assert_uint_eq(at, 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "leaves", .test = test_the_same_fit, .setup = set_up},
      {.tcase = "leaves", .test = test_roots_are_of_the_tree, .setup = set_up},
      {.tcase = "leaves",
       .test = test_the_first_that_is_another_is_named,
       .setup = set_up,
       .loops = 40},
      {.tcase = "leaves",
       .test = test_what_the_marks_miss_does_not_fit,
       .setup = set_up,
       .loops = 40},
  };
  return cf_test_run("leaves", tests, CF_COUNT(tests));
}
