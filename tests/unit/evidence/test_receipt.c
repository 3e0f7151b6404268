/* SPDX-License-Identifier: MIT */
/* What is handed out is checked first: no receipt that does not hold, whatever
 * somebody did to the files. */
#include "config.h"

#include "lib/evidence/opening.h"
#include "lib/evidence/proof.h"
#include "lib/evidence/receipt.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"

/* seqs within the second segment: */
#define FORGED 300 /* this one is changed, */
#define OTHER  310 /* this one is not */

static enum cf_err receipt(uint64_t seq)
{
  struct cf_buf b;
  struct cf_fault fault = {.at = ""};
  cf_buf_init(&b, SIZE_MAX);
  enum cf_err err = cf_receipt_get(stage_ledger, seq, &b, &fault);
  ck_assert((err == CF_OK) == (b.n > 0));
  cf_buf_fini(&b);
  return err;
}

/* The leaf alone, as in tiles of entries. */
static enum cf_err leaf(uint64_t seq)
{
  struct cf_opening opening;
  struct cf_view *view = NULL;
  cf_opening_init(&opening);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  enum cf_err err = cf_opening_get(&opening, view, seq, NULL);
  if (err == CF_OK)
    err = cf_opening_leaf(&opening, view, NULL);
  cf_view_put(view);
  cf_opening_fini(&opening);
  return err;
}

static void fill(void)
{
  stage_append_range(0, 1000, 100);
  stage_wait_for_segments(3);
  ck_assert_ok(receipt(FORGED));
  stage_close_ledger();
  forge_begin(stage_conf.data, 2);
}

static void other_user(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  ck_assert_uint_gt(r->payload[CF_C_ACTOR].n, 0);
  r->payload[CF_C_ACTOR] = CF_STR("{\"user\":\"mallory\"}");
}

/* The same where the file is believed, as it would be by whoever does not know
 * what the chain tells of it. */
static enum cf_err believed_leaf(uint64_t seq)
{
  struct cf_opening opening;
  struct cf_view *view = NULL;
  cf_opening_init(&opening);
  ck_assert_ok(cf_view_all(stage_ledger, &view));
  ck_assert_ok(cf_opening_get(&opening, view, seq, NULL));
  enum cf_err err = cf_opening_leaf(&opening, view, NULL);
  cf_view_put(view);
  cf_opening_fini(&opening);
  return err;
}

START_TEST(test_forged_record)
{
  fill();
  forge_record((FORGED - 256) / CF_GROUP, FORGED % CF_GROUP, other_user);
  forge_end(FORGE_ROW);
  stage_open_ledger();
  ck_assert_err(leaf(OTHER), CF_E_DAMAGED); /* the file is not what the chain tells */
  ck_assert_err(receipt(FORGED), CF_E_DAMAGED);
  ck_assert_err(leaf(FORGED), CF_E_DAMAGED);
  ck_assert_err(believed_leaf(FORGED), CF_E_DAMAGED);
  ck_assert_ok(believed_leaf(OTHER));
  ck_assert_ok(receipt(600));
  ck_assert_ok(leaf(600));
}
END_TEST

/* The root over its part of 16. */
static void flip(struct cf_buf *value)
{
  const unsigned part = FORGED % CF_LEAVES_N / CF_LEAVES_PART;
  value->p[offsetof(struct cf_leaves_kept, root) + part * CF_HASH_N] ^= 1;
}

/* What is kept of leaf hashes does not lead to what was signed. */
START_TEST(test_forged_hash)
{
  fill();
  forge_row("hashes", 0, flip);
  forge_end(FORGE_ROW);
  stage_open_ledger();
  ck_assert_err(receipt(FORGED), CF_E_DAMAGED);
  ck_assert_err(leaf(FORGED), CF_E_DAMAGED);
  ck_assert_err(leaf(FORGED + 1), CF_E_DAMAGED);   /* of its part */
  ck_assert_err(receipt(OTHER - 8), CF_E_DAMAGED); /* that root is on its path */
  ck_assert_err(believed_leaf(FORGED), CF_E_DAMAGED);
  ck_assert_err(believed_leaf(FORGED + 1), CF_E_DAMAGED);
  ck_assert_ok(believed_leaf(OTHER));
  ck_assert_ok(receipt(600));
}
END_TEST

/* Record and kept hash may have been changed so that one makes the other: the
 * hash leads nowhere. */
START_TEST(test_hash_of_no_leaf)
{
  struct cf_opening opening;
  struct cf_view *view = NULL;
  stage_append_range(0, 1000, 100);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  cf_opening_init(&opening);
  ck_assert_ok(cf_opening_get(&opening, view, FORGED, NULL));
  ck_assert_ok(cf_opening_leaf(&opening, view, NULL));
  for (size_t i = 0; i < 2; i++) {
    struct cf_inclusion inclusion;
    struct cf_fault fault = {.at = ""};
    cf_inclusion_init(&inclusion);
    ck_assert_err(cf_inclusion_get(&inclusion, stage_ledger, FORGED, opening.hash, &fault),
                  i == 0 ? CF_OK : CF_E_DAMAGED);
    cf_inclusion_fini(&inclusion);
    opening.hash[CF_HASH_N - 1] ^= 1;
  }
  cf_opening_fini(&opening);
  cf_view_put(view);
}
END_TEST

/* ---- proofs and tiles of hashes ---- */

static enum cf_err inclusion(uint64_t seq, uint64_t size)
{
  const struct cf_proof_ask ask = {"seq", "size", seq, size};
  struct cf_proof proof;
  struct cf_fault fault = {.at = ""};
  return cf_proof_inclusion(stage_ledger, &ask, &proof, &fault);
}

static enum cf_err consistency(uint64_t first, uint64_t second)
{
  const struct cf_proof_ask ask = {"first", "second", first, second};
  struct cf_proof proof;
  struct cf_fault fault = {.at = ""};
  return cf_proof_consistency(stage_ledger, &ask, &proof, &fault);
}

static enum cf_err tile(unsigned level, uint64_t n, unsigned width)
{
  const struct cf_tile asked = {.level = level, .n = n, .width = width};
  struct cf_fault fault = {.at = ""};
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  enum cf_err err = cf_proof_tile(stage_ledger, &asked, &b, &fault);
  ck_assert_uint_eq(b.n, err == CF_OK ? width * CF_HASH_N : 0);
  cf_buf_fini(&b);
  return err;
}

/* Every size and place, small ones and those around tiles. */
START_TEST(test_proofs_hold)
{
  static const uint64_t sizes[] = {1, 2, 3, 7, 255, 256, 257, 511, 512, 700, 768, 1000};
  stage_append_range(0, 1000, 100);
  stage_wait_for_segments(3);
  ck_assert_ok(inclusion(999, 1000)); /* signs them */
  for (size_t i = 0; i < CF_COUNT(sizes); i++)
    for (size_t k = 0; k <= i; k++) {
      ck_assert_ok(inclusion(sizes[k] - 1, sizes[i]));
      ck_assert_ok(consistency(sizes[k], sizes[i]));
    }
  for (uint64_t size = 1; size < 320; size += 11) /* every place in a part, every cut of one */
    for (uint64_t seq = 0; seq < size; seq += 1 + seq / 48)
      ck_assert_ok(inclusion(seq, size));
  ck_assert_ok(consistency(0, 5));
  ck_assert_ok(consistency(0, 0));
  ck_assert_err(inclusion(0, 0), CF_E_PARAMETER);
  ck_assert_err(inclusion(5, 5), CF_E_PARAMETER);
  ck_assert_err(consistency(6, 5), CF_E_PARAMETER);
  ck_assert_err(consistency(5, 5000), CF_E_PARAMETER);
  for (unsigned w = 1; w <= 256; w++)
    ck_assert_ok(tile(0, 1, w));
  ck_assert_ok(tile(1, 0, 3));
  ck_assert_err(tile(1, 0, 4), CF_E_NOTFOUND);
  ck_assert_err(tile(0, 8, 1), CF_E_NOTFOUND);
  ck_assert_err(tile(9, 0, 1), CF_E_NOTFOUND);
}
END_TEST

/* Hashes of the ledger, with a bit of one of them turned over. */
struct liar {
  struct cf_hashes hashes;
  unsigned level;
  uint64_t index;
};
static enum cf_err liar_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  const struct liar *l = context;
  enum cf_err err = l->hashes.get(l->hashes.context, level, first, n, out);
  if (err == CF_OK && level == l->level && first <= l->index && l->index < first + n)
    out[(l->index - first) * CF_HASH_N] ^= 1;
  return err;
}

/* Hashes that are kept and are not what was signed: none of them goes out, nor
 * what is made of them. */
START_TEST(test_forged_tile)
{
  const struct cf_tile row = {.level = 1, .n = 0, .width = 3}, leaves = {.n = 1, .width = 256};
  uint8_t out[CF_TILE_W * CF_HASH_N];
  struct cf_buf note;
  struct cf_view *view = NULL;
  struct cf_proof proof;
  struct cf_fault fault = {.at = ""};
  struct liar liar = {.level = 1, .index = 1};
  struct cf_signed_tree tree = {.hashes = {.get = liar_get, .context = &liar}};
  stage_append_range(0, 1000, 100);
  stage_wait_for_segments(3);
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_ok(cf_checkpoint_covering(stage_ledger, 1000, &note, &tree.head, &fault));
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  cf_view_hashes(view, &liar.hashes);
  ck_assert_err(cf_tree_prove_tile(&tree, &row, out), CF_E_PROOF);
  ck_assert_err(cf_tree_prove_inclusion(&tree, 10, 1000, &proof), CF_E_PROOF);
  ck_assert_err(cf_tree_prove_inclusion(&tree, 10, 600, &proof), CF_E_PROOF);
  ck_assert_err(cf_tree_prove_consistency(&tree, 300, 1000, &proof), CF_E_PROOF);
  ck_assert_err(cf_tree_prove_consistency(&tree, 600, 1000, &proof), CF_E_PROOF);
  liar = (struct liar){.hashes = liar.hashes, .level = 0, .index = 300};
  ck_assert_err(cf_tree_prove_tile(&tree, &leaves, out), CF_E_PROOF);
  ck_assert_err(cf_tree_prove_inclusion(&tree, 300, 1000, &proof), CF_E_PROOF);
  ck_assert_err(cf_tree_prove_inclusion(&tree, 301, 1000, &proof), CF_E_PROOF);
  ck_assert_ok(cf_tree_prove_inclusion(&tree, 600, 1000, &proof));
  ck_assert_ok(cf_tree_prove_tile(&tree, &row, out));
  cf_view_put(view);
  cf_buf_fini(&note);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "receipt",
       .test = test_forged_record,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "receipt", .test = test_forged_hash},
      {.tcase = "receipt", .test = test_hash_of_no_leaf},
      {.tcase = "proofs",
       .test = test_proofs_hold,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "proofs", .test = test_forged_tile},
  };
  return cf_test_run("receipt", tests, CF_COUNT(tests));
}
