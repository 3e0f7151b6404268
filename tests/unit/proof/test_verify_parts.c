/* SPDX-License-Identifier: MIT */
/* The verifier over leaves that are made again, of which the source keeps what
 * a segment does: of each part of 16 the last hash and the root, and two bytes
 * of each hash. */
#include "config.h"

#include "lib/base/clock.h"
#include "tests/unit/proof/verify_script.h"

#define PART CF_LEAVES_PART

static void PARTED(size_t n)
{
  LEDGER(n);
  vl_keep(&L);
}

/* The record says something else than it did; what follows is as it was. */
static void CHANGE(size_t seq)
{
  char *status = strstr(L.record[seq].public_text, "\"status\":2");
  ck_assert_ptr_nonnull(status);
  status[strlen("\"status\":")] = '4';
}

static struct cf_leaves_kept *kept_of(size_t seq)
{
  return &L.kept[seq / CF_LEAVES_N];
}
static size_t part_of(size_t seq)
{
  return seq % CF_LEAVES_N / PART;
}
static void FLIP_MARK(size_t seq)
{
  kept_of(seq)->mark[seq % CF_LEAVES_N][CF_LEAF_MARK - 1] ^= 1;
}
static void FLIP_PART_ROOT(size_t seq)
{
  kept_of(seq)->root[part_of(seq)][CF_HASH_N - 1] ^= 1;
}
static void FLIP_PART_LAST(size_t seq)
{
  kept_of(seq)->last[part_of(seq)][CF_HASH_N - 1] ^= 1;
}

/* The i-th error that is told is that one, of the records first to last. */
static void TOLD(size_t i, enum cf_verdict verdict, uint64_t first, uint64_t last)
{
  ck_assert_msg(i < R->errors_n, "only %zu: %s", R->errors_n, said());
  const struct cf_verify_error *e = &R->errors[i];
  ck_assert_msg(e->verdict == verdict && e->has_seq == (first != NOWHERE) &&
                    (!e->has_seq || (e->seq == first && e->last == last)),
                "error %zu is not %s %lld to %lld: %s", i, cf_verdict_name(verdict),
                (long long)first, (long long)last, said());
}

/* Places in a part, in parts of a tile, in tiles. */
static const size_t spots[] = {1, 5, 15, 16, 23, 31, 240, 255, 256, 271, 300, 511};

/* ---- as it should be ---- */

START_TEST(whole)
{
  size_t n = sizes[_i];
  PARTED(n);
  CHECKPOINT(n / 2 ? n / 2 : 1);
  KEPT(n);
  FULL();
  EXPECT_OK();
  ck_assert_uint_eq(R->leaves, n);
  ck_assert_uint_eq(R->tiles, n / 256);
  ck_assert_uint_eq(R->links, n);
  RANGE(n / 3, n);
  EXPECT_OK();
  QUICK();
  EXPECT_OK();
}
END_TEST

/* Marks prove nothing: where root and last hash fit, a wrong one is not
 * asked. */
START_TEST(wrong_mark_alone)
{
  PARTED(600);
  FLIP_MARK(spots[_i]);
  FULL();
  EXPECT_OK();
}
END_TEST

/* ---- a changed record ---- */

/* It and what its part has behind it, each of which was made with the hash
 * before, are one fault; the next part begins with what is kept, which is not
 * the hash of the leaf in front of it. Neither row nor root is to blame. */
START_TEST(changed_record)
{
  size_t seq = spots[_i], end = seq - seq % PART + PART;
  PARTED(600);
  CHANGE(seq);
  FULL();
  TOLD(0, CF_V_LEAF_HASH, seq, end - 1);
  TOLD(1, CF_V_LINK_BROKEN, end, end);
  EXPECT(LEAF_HASH, seq);
  EXPECT_COUNT(2);
}
END_TEST

/* Told where the marks stop fitting: at a wrong one in front of the change. */
START_TEST(changed_record_behind_a_wrong_mark)
{
  PARTED(600);
  CHANGE(70);
  FLIP_MARK(66);
  FULL();
  TOLD(0, CF_V_LEAF_HASH, 66, 79);
  TOLD(1, CF_V_LINK_BROKEN, 80, 80);
  EXPECT_COUNT(2);
}
END_TEST

/* A wrong mark behind it changes nothing. */
START_TEST(changed_record_before_a_wrong_mark)
{
  PARTED(600);
  CHANGE(70);
  FLIP_MARK(74);
  FULL();
  TOLD(0, CF_V_LEAF_HASH, 70, 79);
  TOLD(1, CF_V_LINK_BROKEN, 80, 80);
  EXPECT_COUNT(2);
}
END_TEST

/* ---- what is kept is wrong ---- */

/* The marks blame nobody: all of the part. The root stands in the tree as it is
 * kept, which is why it is not the one that was signed. */
START_TEST(wrong_root)
{
  size_t seq = spots[_i], first = seq - seq % PART;
  PARTED(600);
  FLIP_PART_ROOT(seq);
  FULL();
  TOLD(0, CF_V_LEAF_HASH, first, first + PART - 1);
  TOLD(1, CF_V_TILE_MISMATCH, NOWHERE, NOWHERE);
  EXPECT(LEAF_HASH, first);
  EXPECT_ALSO(ROOT_MISMATCH, NOWHERE);
  EXPECT_COUNT(3);
}
END_TEST

/* The next part is made with it: none of its leaves is what it was. */
START_TEST(wrong_last)
{
  PARTED(600);
  FLIP_PART_LAST(40);
  FULL();
  TOLD(0, CF_V_LEAF_HASH, 32, 63);
  TOLD(1, CF_V_LINK_BROKEN, 48, 48);
  TOLD(2, CF_V_LINK_BROKEN, 64, 64);
  EXPECT(LEAF_HASH, 32);
  EXPECT_COUNT(4);
}
END_TEST

/* ---- order ---- */

/* Part after part and tile after tile, whatever is wrong with each; the root
 * last. */
START_TEST(told_in_order)
{
  PARTED(700);
  FLIP_PART_ROOT(300);
  CHANGE(250);
  LOSE(130);
  CHANGE(20);
  FLIP_MARK(17);
  FULL();
  TOLD(0, CF_V_LEAF_HASH, 17, 31);
  TOLD(1, CF_V_LINK_BROKEN, 32, 32);
  TOLD(2, CF_V_STORE_DAMAGED, 128, 129);
  TOLD(3, CF_V_STORE_DAMAGED, 130, 143);
  TOLD(4, CF_V_LEAF_HASH, 250, 255);
  TOLD(5, CF_V_LINK_BROKEN, 256, 256);
  TOLD(6, CF_V_LEAF_HASH, 288, 303);
  TOLD(7, CF_V_TILE_MISMATCH, NOWHERE, NOWHERE);
  TOLD(8, CF_V_ROOT_MISMATCH, NOWHERE, NOWHERE);
  ck_assert_uint_eq(R->errors_n, 9);
  ck_assert_uint_eq(R->first_bad, 17);
}
END_TEST

/* The same in parts as in one go. */
START_TEST(told_in_parts)
{
  PARTED(1000);
  CHECKPOINT(256);
  CHECKPOINT(320);
  CHANGE(20);
  LOSE(300);
  FLIP_PART_ROOT(600);
  PARTS();
  EXPECT_ALSO(LEAF_HASH, 20);
  EXPECT_ALSO(STORE_DAMAGED, 300);
  EXPECT_ALSO(LEAF_HASH, 592);
}
END_TEST

/* ---- what cannot be read ---- */

/* Of its part the records in front of it were read and cannot be judged, those
 * behind it cannot even be made. The root stands for all of them in the tree,
 * up to the signed one. */
START_TEST(lost_record)
{
  size_t seq = spots[_i], first = seq - seq % PART;
  PARTED(600);
  LOSE(seq);
  FULL();
  size_t i = 0;
  if (seq > first)
    TOLD(i++, CF_V_STORE_DAMAGED, first, seq - 1);
  ck_assert_msg(i == 0 || R->errors[0].rough, "%s", said());
  TOLD(i, CF_V_STORE_DAMAGED, seq, first + PART - 1);
  ck_assert_msg(!R->errors[i].rough, "%s", said());
  EXPECT(STORE_DAMAGED, seq);
  EXPECT_COUNT(PART);
  ck_assert_uint_eq(R->tiles, 2);
  ck_assert_uint_eq(R->links, L.n - (first + PART - seq)); /* the next part's by the last hash */
}
END_TEST

/* A checkpoint whose edge stands within that part cannot be judged, one at its
 * end can. */
START_TEST(lost_record_and_checkpoints)
{
  PARTED(600);
  CHECKPOINT(40);
  CHECKPOINT(48);
  CHECKPOINT(300);
  LOSE(45);
  FULL();
  EXPECT(STORE_DAMAGED, 45);
  EXPECT_COUNT(PART);
  ck_assert_uint_eq(R->checkpoints, 2);
}
END_TEST

int main(void)
{
#define ON(fixture) .setup = script_begin, .teardown = script_end, .tcase = fixture
  const struct cf_test tests[] = {
      {ON("whole"), .test = whole, .loops = CF_COUNT(sizes)},
      {ON("whole"), .test = wrong_mark_alone, .loops = CF_COUNT(spots)},
      {ON("changed"), .test = changed_record, .loops = CF_COUNT(spots)},
      {ON("changed"), .test = changed_record_behind_a_wrong_mark},
      {ON("changed"), .test = changed_record_before_a_wrong_mark},
      {ON("kept"), .test = wrong_root, .loops = CF_COUNT(spots)},
      {ON("kept"), .test = wrong_last},
      {ON("order"), .test = told_in_order},
      {ON("order"), .test = told_in_parts},
      {ON("lost"), .test = lost_record, .loops = CF_COUNT(spots)},
      {ON("lost"), .test = lost_record_and_checkpoints},
  };
  return cf_test_run("verify_parts", tests, CF_COUNT(tests));
}
