/* SPDX-License-Identifier: MIT */
/* The verifier: what cannot be read, and how it is told. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "tests/unit/proof/verify_script.h"

START_TEST(lost_record)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n);
  LOSE(seq);
  FULL();
  EXPECT(STORE_DAMAGED, seq);
  EXPECT_COUNT(1);
  ck_assert_uint_eq(R->links, L.n - 1);
}
END_TEST

START_TEST(lost_hash)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n);
  LOSE_HASH(seq);
  FULL();
  EXPECT(STORE_DAMAGED, seq);
  EXPECT_COUNT(1);
}
END_TEST

/* A full tile's row stands in for its hashes; in the last, partial tile nothing
 * does. */
START_TEST(lost_both)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n);
  LOSE(seq);
  LOSE_HASH(seq);
  FULL();
  EXPECT(STORE_DAMAGED, seq);
  bool judged = seq / 256 < L.n / 256;
  EXPECT_COUNT(judged ? 1U : 2U);
  if (!judged)
    EXPECT_ALSO(STORE_DAMAGED, NOWHERE);
}
END_TEST

/* No root within the tile can be judged, but one at its end. */
START_TEST(lost_both_and_checkpoints)
{
  LEDGER(600);
  CHECKPOINT(100);
  CHECKPOINT(200);
  CHECKPOINT(256);
  CHECKPOINT(300);
  LOSE(50);
  LOSE_HASH(50);
  KEPT(150);
  FULL();
  EXPECT(STORE_DAMAGED, 50);
  EXPECT_ALSO(STORE_DAMAGED, NOWHERE); /* what was kept elsewhere */
  EXPECT_COUNT(2);
  ck_assert_uint_eq(R->checkpoints, 2);
}
END_TEST

START_TEST(lost_much)
{
  LEDGER(1000);
  for (size_t i = 100; i < 1000; i++) {
    LOSE(i);
    LOSE_HASH(i);
  }
  for (size_t i = 0; i < 3; i++)
    LOSE_ROW(1, i);
  CHECKPOINT(500);
  FULL();
  EXPECT(STORE_DAMAGED, 100);
  EXPECT_NOT(ROOT_MISMATCH);
  EXPECT_COUNT(900U + 3 + 1);
  ck_assert_uint_eq(find(CF_V_STORE_DAMAGED, 100)->last, 999);
  ck_assert_uint_eq(R->errors_n, 1U + 3 + 1);
}
END_TEST

/* Ranges count against the bound, records do not: what is behind many
 * neighbours, in the same tile and in others, is named too. */
START_TEST(lost_ranges)
{
  LEDGER(1300);
  for (size_t i = 10; i < 1300; i++)
    if (i % 100 > 1)
      LOSE(i);
  FULL();
  EXPECT(STORE_DAMAGED, 10);
  EXPECT_COUNT(90U + 12 * 98);
  ck_assert_uint_eq(R->errors_n, 13);
  ck_assert_uint_eq(R->errors_untold, 0);
  ck_assert_uint_eq(R->errors[0].last, 99);
  for (size_t i = 1; i < 13; i++)
    ck_assert_msg(R->errors[i].seq == i * 100 + 2 && R->errors[i].last == i * 100 + 99, "%s",
                  said());
}
END_TEST

/* Nor does more than there is room for displace what was found first; all are
 * counted. */
START_TEST(lost_many_ranges)
{
  LEDGER(1000);
  for (size_t i = 1; i < 1000; i += 2)
    LOSE(i);
  FULL();
  EXPECT(STORE_DAMAGED, 1);
  EXPECT_COUNT(500);
  ck_assert_uint_eq(R->errors_n, CF_VERIFY_ERRORS_MAX / 4);
  ck_assert_uint_eq(R->errors_untold, 500 - R->errors_n);
  ck_assert_uint_eq(R->errors[R->errors_n - 1].last, 2 * R->errors_n - 1);
}
END_TEST

int main(void)
{
#define ON(fixture) .setup = script_begin, .teardown = script_end, .tcase = fixture
  const struct cf_test tests[] = {
      {ON("damage"), .test = lost_record, .loops = CF_COUNT(places)},
      {ON("damage"), .test = lost_hash, .loops = CF_COUNT(places)},
      {ON("damage"), .test = lost_both, .loops = CF_COUNT(places)},
      {ON("damage"), .test = lost_both_and_checkpoints},
      {ON("damage"), .test = lost_much},
      {ON("damage"), .test = lost_ranges},
      {ON("damage"), .test = lost_many_ranges},
  };
  return cf_test_run("verify_lost", tests, CF_COUNT(tests));
}
