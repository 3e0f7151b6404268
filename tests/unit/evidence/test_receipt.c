/* SPDX-License-Identifier: MIT */
/* What is handed out is checked first: no receipt that does not hold, whatever
 * somebody did to the files. */
#include "config.h"

#include "lib/evidence/opening.h"
#include "lib/evidence/receipt.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"

/* seqs within the second segment: */
#define FORGED 300 /* this one is changed, */
#define OTHER  310 /* this one is not */
#define ROW    16  /* hashes a row */

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

START_TEST(test_forged_record)
{
  fill();
  forge_record((FORGED - 256) / CF_GROUP, FORGED % CF_GROUP, other_user);
  forge_end(FORGE_ROW);
  stage_open_ledger();
  ck_assert_err(leaf(OTHER), CF_E_DAMAGED); /* the file is not what the chain tells */
  ck_assert_err(receipt(FORGED), CF_E_DAMAGED);
  ck_assert_err(leaf(FORGED), CF_E_DAMAGED);
  ck_assert_ok(receipt(600));
  ck_assert_ok(leaf(600));
}
END_TEST

static void flip(struct cf_buf *value)
{
  value->p[(FORGED - 256) % ROW * CF_HASH_N] ^= 1;
}

/* A record whose kept hash was changed with it still does not lead to what was
 * signed. */
START_TEST(test_forged_hash)
{
  fill();
  forge_row("hashes", (FORGED - 256) / ROW, flip);
  forge_end(FORGE_ROW);
  stage_open_ledger();
  ck_assert_err(receipt(FORGED), CF_E_DAMAGED);
  ck_assert_err(leaf(FORGED), CF_E_DAMAGED);
  ck_assert_err(leaf(FORGED + 1), CF_E_DAMAGED);   /* its prev is another */
  ck_assert_err(receipt(OTHER - 8), CF_E_DAMAGED); /* the hash is on its path */
  ck_assert_ok(receipt(600));
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
  };
  return cf_test_run("receipt", tests, CF_COUNT(tests));
}
