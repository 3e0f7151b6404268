/* SPDX-License-Identifier: MIT */
/* The verifier: what it says of a good ledger, and of one whose leaves, hashes,
 * head or checkpoints somebody has been at. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/turns.h"
#include "tests/unit/proof/verify_script.h"

/* ---- A good ledger ---- */

START_TEST(good_full)
{
  size_t n = sizes[_i];
  LEDGER(n);
  CHECKPOINT(0);
  CHECKPOINT(n / 2);
  CHECKPOINT(n);
  KEPT(n / 3);
  FULL();
  EXPECT_OK();
  ck_assert_uint_eq(R->leaves, n);
  ck_assert_uint_eq(R->links, n);
  ck_assert_uint_eq(R->tiles, n / 256);
  ck_assert_uint_eq(R->checkpoints, n > 1 ? 3U : 2U); /* one of each size */
  ck_assert_uint_eq(R->openings, 2 * (n - 1));
  ck_assert_uint_eq(R->present, n);
  ck_assert_uint_eq(R->size, n);
  ck_assert_str_eq(R->origin, VL_ORIGIN);
}
END_TEST

START_TEST(good_quick)
{
  size_t n = sizes[_i];
  LEDGER(n);
  KEPT(n - n / 3);
  QUICK();
  EXPECT_OK();
  ck_assert_uint_eq(R->leaves, n % 256 ? n % 256 : 256);
}
END_TEST

START_TEST(good_range)
{
  size_t n = sizes[_i];
  LEDGER(n);
  CHECKPOINT(n / 2);
  for (size_t from = 0; from <= n; from += 1 + n / 5)
    for (size_t to = from; to <= n + 300; to += 1 + n / 3) {
      RANGE(from, to);
      EXPECT_OK();
      size_t end = to < n ? (to + 255) / 256 * 256 : n;
      end = end < n ? end : n;
      ck_assert_uint_eq(R->leaves, from < to && from < n ? end - from / 256 * 256 : 0);
    }
}
END_TEST

START_TEST(good_empty)
{
  LEDGER(0);
  KEPT(0);
  FULL();
  EXPECT_OK();
  QUICK();
  EXPECT_OK();
  RANGE(0, 10);
  EXPECT_OK();
  job.kept_root[0] ^= 1;
  QUICK();
  EXPECT(INCONSISTENT_HEAD, NOWHERE);
}
END_TEST

/* Rows of level 2. */
START_TEST(good_tall)
{
  LEDGER(65536 + 300);
  FULL();
  EXPECT_OK();
  ck_assert_uint_eq(R->tiles, 257 + 1);
  FLIP_ROW(2, 0);
  FULL();
  EXPECT(TILE_MISMATCH, 0);
  EXPECT_COUNT(1);
  FLIP_ROW(2, 0);
  FLIP_ROW(1, 255);
  RANGE(65000, 65536);
  EXPECT(TILE_MISMATCH, 255 * 256);
  EXPECT_COUNT(1);
}
END_TEST

/* ---- leaves ---- */

START_TEST(flipped_leaf)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n);
  FLIP(seq, 60);
  FULL();
  EXPECT(LEAF_HASH, seq);
  if (seq + 1 < L.n)
    EXPECT_ALSO(LINK_BROKEN, seq + 1);
  EXPECT_NOT(ROOT_MISMATCH);
  EXPECT_NOT(TILE_MISMATCH);
}
END_TEST

/* Whatever byte, wherever: the place is named. */
START_TEST(flipped_any_byte)
{
  LEDGER(20);
  size_t seq = (size_t)_i;
  for (size_t byte = 0; byte < L.record[seq].leaf_n; byte++) {
    FLIP(seq, byte);
    FULL();
    EXPECT(LEAF_HASH, seq);
    FLIP(seq, byte);
  }
}
END_TEST

START_TEST(flipped_hash)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n);
  FLIP_HASH(seq);
  FULL();
  EXPECT(LEAF_HASH, seq);
  EXPECT_ALSO(ROOT_MISMATCH, NOWHERE);
}
END_TEST

/* Whoever changes a record and its hash breaks the next link. */
START_TEST(changed_with_hash)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n);
  struct vl_record *r = &L.record[seq];
  FLIP(seq, 60);
  cf_leaf_hash((struct cf_str){r->leaf, r->leaf_n}, r->hash);
  FULL();
  EXPECT_ALSO(ROOT_MISMATCH, NOWHERE);
  EXPECT_NOT(LEAF_HASH);
  if (seq + 1 < L.n)
    EXPECT_ALSO(LINK_BROKEN, seq + 1);
}
END_TEST

/* Whoever rewrites all that follows still has not the signature, nor what was
 * signed and kept before. */
START_TEST(rewritten)
{
  LEDGER(600);
  CHECKPOINT(290);
  CHECKPOINT(310);
  KEPT(400);
  REWRITE(300);
  FULL();
  EXPECT(TILE_MISMATCH, 256);
  EXPECT_ALSO(ROOT_MISMATCH, NOWHERE);
  EXPECT_ALSO(INCONSISTENT_HEAD, NOWHERE);
  ck_assert_uint_eq(R->checkpoints, 2);
  EXPECT_COUNT(4);
  QUICK();
  EXPECT_ALSO(ROOT_MISMATCH, NOWHERE);
}
END_TEST

/* With the key in hand the head can be made to fit, but not what others
 * kept. */
START_TEST(rewritten_and_signed)
{
  LEDGER(600);
  CHECKPOINT(400);
  KEPT(400);
  REWRITE(300);
  vl_rows(&L);
  OLD_HEAD(600);
  FULL();
  EXPECT(INCONSISTENT_HEAD, NOWHERE);
  EXPECT_ALSO(ROOT_MISMATCH, NOWHERE);
  EXPECT_COUNT(2);
  L.checkpoints_n = 0;
  QUICK();
  EXPECT(INCONSISTENT_HEAD, NOWHERE);
  RANGE(0, 10);
  EXPECT(INCONSISTENT_HEAD, NOWHERE);
  job.kept_size = 600;
  QUICK();
  EXPECT(INCONSISTENT_HEAD, NOWHERE);
}
END_TEST

START_TEST(deleted)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n);
  DELETE(seq);
  FULL();
  if (seq < L.n) {
    EXPECT(INDEX_GAP, seq);
    EXPECT_ALSO(LINK_BROKEN, seq);
  } else {
    EXPECT(STORE_DAMAGED, seq);
  }
}
END_TEST

START_TEST(inserted)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n);
  INSERT(seq);
  FULL();
  if (seq + 1 < places[_i].n)
    EXPECT(INDEX_GAP, seq + 1);
  else
    EXPECT_OK(); /* what is behind the head was never signed */
}
END_TEST

START_TEST(swapped)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n + 1);
  SWAP(seq, seq + 1);
  FULL();
  EXPECT(INDEX_GAP, seq);
  EXPECT_ALSO(INDEX_GAP, seq + 1);
}
END_TEST

START_TEST(truncated)
{
  size_t seq = places[_i].seq;
  LEDGER(places[_i].n);
  TRUNCATE(seq);
  FULL();
  EXPECT(STORE_DAMAGED, seq);
  QUICK();
  ck_assert(!R->ok);
}
END_TEST

START_TEST(truncated_much)
{
  LEDGER(2000);
  TRUNCATE(512);
  FULL();
  EXPECT(STORE_DAMAGED, 512);
  EXPECT_COUNT(1);
  ck_assert(R->complete);
}
END_TEST

/* The row above a bad hash is no better place than the hash. */
START_TEST(flipped_hashes)
{
  LEDGER(600);
  FLIP_HASH(10);
  FLIP_HASH(300);
  FULL();
  EXPECT(LEAF_HASH, 10);
  EXPECT_ALSO(LEAF_HASH, 300);
  EXPECT_ALSO(TILE_MISMATCH, NOWHERE);
  ck_assert(!find(CF_V_TILE_MISMATCH, 0) && !find(CF_V_TILE_MISMATCH, 256));
}
END_TEST

START_TEST(not_a_genesis)
{
  PLAN(3);
  strcpy(L.record[0].public_text, "\"source\":\"web1\",\"method\":\"GET\",\"outcome\":\"unknown\"");
  L.record[0].kind = CF_K_EVENT;
  SEAL();
  FULL();
  EXPECT(LEAF_FORMAT, 0);
}
END_TEST

START_TEST(second_genesis)
{
  PLAN(3);
  KIND(2, CF_K_GENESIS, L.record[0].public_text);
  SEAL();
  FULL();
  EXPECT(LEAF_FORMAT, 2);
}
END_TEST

START_TEST(genesis_of_another)
{
  PLAN(3);
  char *at = strstr(strstr(L.record[0].public_text, "\"origin\""), "audit");
  memcpy(at, "other", 5);
  SEAL();
  FULL();
  EXPECT(ORIGIN_MISMATCH, 0);
}
END_TEST

/* ---- head and checkpoints ---- */

START_TEST(bad_signature)
{
  LEDGER(10);
  FLIP_SIGNATURE(L.head);
  FULL();
  EXPECT(CHECKPOINT_SIGNATURE, NOWHERE);
}
END_TEST

START_TEST(changed_head)
{
  LEDGER(19);
  char *size = strstr(L.head, "\n19\n");
  size[2] = '8';
  FULL();
  EXPECT_ALSO(CHECKPOINT_SIGNATURE, NOWHERE);
  EXPECT_ALSO(ROOT_MISMATCH, NOWHERE);
}
END_TEST

START_TEST(no_head)
{
  LEDGER(10);
  strcpy(L.head, "nothing\n");
  FULL();
  EXPECT(CHECKPOINT_SIGNATURE, NOWHERE);
  ck_assert_uint_eq(R->leaves, 0);
}
END_TEST

START_TEST(wrong_key)
{
  LEDGER(10);
  WRONG_KEY();
  FULL();
  EXPECT_ALSO(KEY_UNKNOWN, NOWHERE);
  EXPECT(KEY_UNKNOWN, 0); /* the genesis names another */
  EXPECT_COUNT(2);
}
END_TEST

START_TEST(wrong_origin)
{
  LEDGER(10);
  OTHER_ORIGIN();
  QUICK();
  EXPECT_ALSO(ORIGIN_MISMATCH, NOWHERE);
}
END_TEST

START_TEST(old_head)
{
  LEDGER(600);
  KEPT(600);
  OLD_HEAD(500);
  FULL();
  EXPECT(ROLLBACK, NOWHERE);
  QUICK();
  EXPECT(ROLLBACK, NOWHERE);
  job.kept = false;
  FULL();
  EXPECT_OK();
  CHECKPOINT(501);
  FULL();
  EXPECT(ROLLBACK, NOWHERE);
}
END_TEST

START_TEST(bad_checkpoint)
{
  LEDGER(300);
  CHECKPOINT(100);
  CHECKPOINT(200);
  CHECKPOINT(250);
  FLIP_SIGNATURE(L.checkpoint[1]);
  strcpy(L.checkpoint[2], "nothing\n");
  FULL();
  EXPECT(CHECKPOINT_SIGNATURE, NOWHERE);
  EXPECT_COUNT(2);
  ck_assert_uint_eq(R->checkpoints, 1);
}
END_TEST

/* Those before a range are of no use, and it does not even look at them. */
START_TEST(checkpoints_of_a_range)
{
  LEDGER(700);
  CHECKPOINT(10);
  CHECKPOINT(100);
  CHECKPOINT(550);
  strcpy(L.checkpoint[1], "nothing\n");
  RANGE(512, 600);
  EXPECT_OK();
  ck_assert_uint_eq(R->checkpoints, 1);
}
END_TEST

START_TEST(flipped_row)
{
  LEDGER(1000);
  FLIP_ROW(1, 1);
  FULL();
  EXPECT(TILE_MISMATCH, 256);
  EXPECT_COUNT(1);
  RANGE(0, 100);
  EXPECT(ROOT_MISMATCH, NOWHERE);
  LOSE_ROW(1, 1);
  FULL();
  EXPECT(TILE_MISMATCH, 256);
  RANGE(0, 100);
  EXPECT(STORE_DAMAGED, NOWHERE);
  RANGE(600, 700);
  EXPECT(STORE_DAMAGED, NOWHERE);
}
END_TEST

/* ---- turns ---- */

static void *full_walk(void *context)
{
  struct cf_fault fault = {.at = ""};
  struct cf_verify_source source = vl_source(&L);
  ck_assert_ok(cf_verify(&source, &job, R, &fault));
  atomic_store((atomic_bool *)context, true);
  return NULL;
}

/* It is one long question among others: it waits for its turn, and leaves
 * it. */
START_TEST(walk_takes_turns)
{
  struct cf_turns *turns = NULL;
  struct cf_turn other, own;
  atomic_bool over = false;
  pthread_t thread;
  LEDGER(3000);
  ck_assert_ok(cf_turns_new(1, &turns));
  cf_turn_init(&other, turns);
  cf_turn_init(&own, turns);
  other.used_us = own.used_us = 1000000; /* neither is short any more */
  ck_assert_ok(cf_turn_work(&other));
  job.mode = CF_VERIFY_FULL;
  job.head = cf_str_from(L.head);
  job.keys = keys();
  job.workers = 2;
  job.turn = &own;
  ck_assert_int_eq(pthread_create(&thread, NULL, full_walk, &over), 0);
  usleep(50000);
  ck_assert(!atomic_load(&over));
  cf_turn_rest(&other);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  EXPECT_OK();
  job.turn = NULL;
  cf_turn_rest(&own);
  cf_turns_free(turns);
}
END_TEST

int main(void)
{
#define ON(fixture) .setup = script_begin, .teardown = script_end, .tcase = fixture
  const struct cf_test tests[] = {
      {ON("good"), .test = good_full, .loops = CF_COUNT(sizes)},
      {ON("good"), .test = good_quick, .loops = CF_COUNT(sizes)},
      {ON("good"), .test = good_range, .loops = CF_COUNT(sizes)},
      {ON("good"), .test = good_empty},
      {ON("good"), .test = good_tall},
      {ON("leaves"), .test = flipped_leaf, .loops = CF_COUNT(places)},
      {ON("leaves"), .test = flipped_any_byte, .loops = 20},
      {ON("leaves"), .test = flipped_hash, .loops = CF_COUNT(places)},
      {ON("leaves"), .test = changed_with_hash, .loops = CF_COUNT(places)},
      {ON("leaves"), .test = rewritten},
      {ON("leaves"), .test = rewritten_and_signed},
      {ON("leaves"), .test = deleted, .loops = CF_COUNT(places)},
      {ON("leaves"), .test = inserted, .loops = CF_COUNT(places)},
      {ON("leaves"), .test = swapped, .loops = CF_COUNT(places)},
      {ON("leaves"), .test = truncated, .loops = CF_COUNT(places)},
      {ON("leaves"), .test = truncated_much},
      {ON("leaves"), .test = flipped_hashes},
      {ON("leaves"), .test = not_a_genesis},
      {ON("leaves"), .test = second_genesis},
      {ON("leaves"), .test = genesis_of_another},
      {ON("head"), .test = bad_signature},
      {ON("head"), .test = changed_head},
      {ON("head"), .test = no_head},
      {ON("head"), .test = wrong_key},
      {ON("head"), .test = wrong_origin},
      {ON("head"), .test = old_head},
      {ON("head"), .test = bad_checkpoint},
      {ON("head"), .test = checkpoints_of_a_range},
      {ON("head"), .test = flipped_row},
      {ON("turns"), .test = walk_takes_turns},
  };
  return cf_test_run("verify", tests, CF_COUNT(tests));
}
