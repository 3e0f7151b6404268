/* SPDX-License-Identifier: MIT */
/* The verifier: when a record was recorded, what is opened, erased or pruned,
 * and how a run ends. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "tests/unit/proof/verify_script.h"

/* ---- times ---- */

START_TEST(time_goes_back)
{
  size_t seq = places[_i].seq ? places[_i].seq : 1;
  PLAN(places[_i].n + 1);
  RECORDED(seq, -1000001);
  SEAL();
  FULL();
  EXPECT(TIME_REGRESSION, seq);
  EXPECT_COUNT(1);
}
END_TEST

START_TEST(time_stands_still)
{
  PLAN(600);
  for (size_t i = 0; i < L.n; i++)
    L.record[i].recorded_us = L.record[0].recorded_us;
  SEAL();
  FULL();
  EXPECT_OK();
}
END_TEST

START_TEST(time_set_back)
{
  size_t seq = places[_i].seq ? places[_i].seq : 1;
  PLAN(places[_i].n + 1);
  RECORDED(seq, -1000000000);
  CLOCK(seq, "clock");
  SEAL();
  FULL();
  EXPECT_OK();
  CLOCK(seq, "start");
  SEAL();
  FULL();
  EXPECT(TIME_REGRESSION, seq);
}
END_TEST

/* ---- openings ---- */

START_TEST(opening_changed)
{
  LEDGER(300);
  strcpy(L.record[270].payload[CF_C_ACTOR], "{\"user\":\"somebody else\"}");
  FULL();
  EXPECT(OPENING_MISMATCH, 270);
  EXPECT_COUNT(1);
}
END_TEST

START_TEST(opening_ill_formed)
{
  LEDGER(300);
  strcpy(L.record[270].payload[CF_C_ACTOR], "{\"user\": \"user76\"}");
  FULL();
  EXPECT(OPENING_FORMAT, 270);
  EXPECT_COUNT(1);
}
END_TEST

START_TEST(opening_salt)
{
  LEDGER(300);
  L.record[270].salt[CF_C_RESOURCE][31] ^= 1;
  FULL();
  EXPECT(OPENING_MISMATCH, 270);
}
END_TEST

START_TEST(opening_of_nothing)
{
  LEDGER(300);
  strcpy(L.record[270].payload[CF_C_DETAIL], "{\"message\":\"\"}");
  FULL();
  EXPECT(OPENING_MISMATCH, 270);
}
END_TEST

START_TEST(opening_missing)
{
  LEDGER(300);
  L.record[270].withheld = 1 << CF_C_ACTOR;
  FULL();
  EXPECT(OPENING_MISSING, 270);
  EXPECT_COUNT(1);
  L.opens = false;
  FULL();
  EXPECT_OK();
  ck_assert_uint_eq(R->openings, 0);
}
END_TEST

/* ---- erasures and retention ---- */

static void erased_ledger(size_t n, size_t target, unsigned called, size_t erasure, unsigned named)
{
  PLAN(n);
  ERASED(target, (uint8_t)called);
  ERASURE(erasure, target, named);
  SEAL();
}

START_TEST(erased)
{
  erased_ledger(600, 5, 5, _i == 0 ? 6 : _i == 1 ? 256 : 599, 5);
  FULL();
  EXPECT_OK();
  ck_assert_uint_eq(R->erased, 1);
  ck_assert_uint_eq(R->present, 599);
}
END_TEST

START_TEST(erased_more_than_named)
{
  erased_ledger(600, 5, 5, 300, 1);
  FULL();
  EXPECT(ERASURE_UNAUTHORISED, 5);
  EXPECT_COUNT(1);
}
END_TEST

START_TEST(erased_by_two)
{
  erased_ledger(600, 5, 5, 300, 1);
  ERASURE(301, 5, 4);
  SEAL();
  FULL();
  EXPECT_OK();
}
END_TEST

START_TEST(erased_before)
{
  erased_ledger(600, 400, 1, 300, 1);
  FULL();
  EXPECT_ALSO(ERASURE_UNAUTHORISED, 400);
  EXPECT(LEAF_FORMAT, 300); /* an erasure follows what it erases */
}
END_TEST

/* The leaf decides which compartments there were. */
START_TEST(erased_what_never_was)
{
  erased_ledger(600, 5, 5, 300, 5);
  ERASED(5, 7);
  FULL();
  EXPECT_OK();
}
END_TEST

START_TEST(erased_many)
{
  PLAN(1000);
  for (size_t i = 1; i < 900; i++)
    ERASED(i, 1);
  ERASURE(950, 17, 1);
  SEAL();
  FULL();
  EXPECT(ERASURE_UNAUTHORISED, 1);
  EXPECT_COUNT(898U);
}
END_TEST

/* Runs that begin and end within tiles and at their edges, and over what was
 * never erased. */
START_TEST(erased_in_runs)
{
  static const char *const targets[] = {"[[1,899,1]]", "[[1,1],[2,254,1],[256,256,1],[512,388,1]]",
                                        "[[1,255,3],[256,1],[257,643,1]]"};
  PLAN(1000);
  for (size_t i = 1; i < 900; i++)
    if (i % 7 != 0)
      ERASED(i, 1);
  ERASURE_OF(950, targets[_i]);
  SEAL();
  FULL();
  EXPECT_OK();
}
END_TEST

static const struct {
  const char *targets;
  uint64_t bad;
  size_t n;
} short_runs[] = {
    {"[[2,898,1]]", 1, 1},
    {"[[1,898,1]]", 899, 1},
    {"[[1,255,1],[257,643,1]]", 256, 1},
    {"[[1,254,1],[256,644,1]]", 255, 1},
    {"[[1,511,1],[513,387,1]]", 512, 1},
    {"[[1,899,2]]", 1, 899},
    {"[[300,300,1]]", 1, 599},
};

START_TEST(erased_beside_runs)
{
  PLAN(1000);
  for (size_t i = 1; i < 900; i++)
    ERASED(i, 1);
  ERASURE_OF(950, short_runs[_i].targets);
  SEAL();
  FULL();
  EXPECT(ERASURE_UNAUTHORISED, short_runs[_i].bad);
  EXPECT_COUNT(short_runs[_i].n);
}
END_TEST

/* A run that reaches up to its own record names nothing. */
START_TEST(erased_run_before)
{
  PLAN(600);
  ERASED(299, 1);
  ERASURE_OF(300, "[[299,2,1]]");
  SEAL();
  FULL();
  EXPECT_ALSO(ERASURE_UNAUTHORISED, 299);
  EXPECT_ALSO(LEAF_FORMAT, 300);
  EXPECT_COUNT(2);
}
END_TEST

/* The record that would name it may be the one that is lost. */
START_TEST(erased_and_lost)
{
  erased_ledger(600, 5, 5, 300, 5);
  ERASED(400, 1);
  SEAL();
  LOSE(300);
  FULL();
  EXPECT_ALSO(ERASURE_UNAUTHORISED, 400);
  EXPECT(STORE_DAMAGED, 300);
  EXPECT_COUNT(2);
}
END_TEST

START_TEST(erased_but_there)
{
  erased_ledger(600, 5, 5, 300, 5);
  L.record[5].shown = 1;
  FULL();
  EXPECT(ERASED_BUT_PRESENT, 5);
  EXPECT_COUNT(1);
}
END_TEST

/* A retention record: the minimum it names, and the place whose prev and root
 * it names. */
static void RETENTION(size_t seq, size_t minimum, size_t prev, size_t root_at)
{
  char text[400];
  uint8_t root[CF_HASH_N];
  struct cf_buf b;
  vl_chain(&L, 0);
  vl_root(&L, root_at, root);
  cf_buf_init(&b, 200);
  cf_buf_puts(&b, "\"prev\":\"");
  cf_base64_put(&b, L.record[prev - 1].hash, CF_HASH_N);
  cf_buf_puts(&b, "\",\"root\":\"");
  cf_base64_put(&b, root, CF_HASH_N);
  snprintf(text, sizeof text,
           "\"source\":\"counterfoil\",\"body\":{\"minimum\":%zu,%s\",\"rule\":\"keep 400d\"}",
           minimum, cf_buf_cstr(&b));
  KIND(seq, CF_K_RETENTION, text);
  cf_buf_fini(&b);
}

START_TEST(pruned)
{
  PLAN(700);
  RETENTION(690, 256, 256, 256);
  SEAL();
  for (size_t i = 0; i < 256; i++)
    LOSE(i);
  job.minimum = 256;
  FULL();
  EXPECT_OK();
  ck_assert_uint_eq(R->expired, 256);
  ck_assert_uint_eq(R->leaves, 700 - 256);
  job.minimum = 512;
  FULL();
  EXPECT(PRUNED_UNAUTHORISED, NOWHERE);
}
END_TEST

static const struct {
  size_t minimum, prev, root;
} other_prunings[] = {{512, 256, 256}, {256, 255, 256}, {256, 256, 512}};

START_TEST(pruned_otherwise)
{
  PLAN(700);
  RETENTION(690, other_prunings[_i].minimum, other_prunings[_i].prev, other_prunings[_i].root);
  SEAL();
  job.minimum = 256;
  FULL();
  EXPECT(PRUNED_UNAUTHORISED, NOWHERE);
}
END_TEST

/* ---- how it ends ---- */

static uint64_t told_done, told_of, told_n;
static void tell(void *context, uint64_t done, uint64_t of)
{
  ck_assert_ptr_eq(context, &told_n);
  told_done = done;
  told_of = of;
  told_n++;
}

START_TEST(progress_told)
{
  LEDGER(1000);
  job.progress = tell;
  job.progress_context = &told_n;
  FULL();
  ck_assert_uint_ge(told_n, 2);
  ck_assert_uint_eq(told_done, 1000);
  ck_assert_uint_eq(told_of, 1000);
}
END_TEST

static enum cf_err (*slow_next)(void *context, void *worker, uint64_t first, size_t n,
                                struct cf_verify_leaf *out);
static enum cf_err slow(void *context, void *worker, uint64_t first, size_t n,
                        struct cf_verify_leaf *out)
{
  for (int64_t end = cf_clock_mono_us() + 3000; cf_clock_mono_us() < end;)
    continue;
  return slow_next(context, worker, first, n, out);
}

/* A budget ends it between tiles; going on where it says covers the rest. */
START_TEST(budget)
{
  LEDGER(5000);
  struct cf_verify_source source = vl_source(&L);
  slow_next = source.leaves;
  source.leaves = slow;
  job = (struct cf_verify_job){.mode = CF_VERIFY_FULL,
                               .head = cf_str_from(L.head),
                               .keys = keys(),
                               .budget_us = 1000,
                               .workers = 2};
  uint64_t leaves = 0, rounds = 0;
  do {
    ck_assert_ok(cf_verify(&source, &job, R, NULL));
    ck_assert_msg(R->ok && R->has_next == !R->complete, "%s", said());
    leaves += R->leaves;
    job.mode = CF_VERIFY_RANGE;
    job.from = R->next;
    job.to = 5000;
    rounds++;
  } while (!R->complete);
  ck_assert_uint_gt(rounds, 1);
  ck_assert_uint_eq(leaves, 5000);
}
END_TEST

START_TEST(parts)
{
  PLAN(1300);
  ERASED(5, 5);
  ERASURE(1200, 5, 5);
  ERASED(700, 1);
  ERASURE(701, 700, 1);
  SEAL();
  CHECKPOINT(300);
  CHECKPOINT(512);
  CHECKPOINT(1100);
  KEPT(900);
  PARTS();
  EXPECT_OK();
}
END_TEST

START_TEST(parts_erased)
{
  PLAN(1300);
  ERASED(5, 5);
  ERASURE(1200, 5, 1);
  ERASED(1299, 1);
  SEAL();
  PARTS();
  EXPECT(ERASURE_UNAUTHORISED, 5);
  EXPECT_ALSO(ERASURE_UNAUTHORISED, 1299);
  EXPECT_COUNT(2);
}
END_TEST

START_TEST(parts_tampered)
{
  LEDGER(1300);
  CHECKPOINT(400);
  CHECKPOINT(900);
  KEPT(600);
  REWRITE(500);
  LOSE(511);
  FLIP_HASH(512);
  FLIP_ROW(1, 2);
  PARTS();
  EXPECT(STORE_DAMAGED, 511);
  EXPECT_ALSO(LEAF_HASH, 512);
  EXPECT_ALSO(TILE_MISMATCH, 768);
  EXPECT_ALSO(ROOT_MISMATCH, NOWHERE);
  EXPECT_ALSO(INCONSISTENT_HEAD, NOWHERE);
}
END_TEST

static enum cf_err refuse(void *context, void **worker)
{
  (void)context;
  (void)worker;
  return CF_E_NOMEM;
}

/* A walk that was begun may be given up, and one that fails leaves nothing. */
START_TEST(parts_given_up)
{
  LEDGER(600);
  struct cf_verify_run *carry = NULL;
  struct cf_verify_source source = vl_source(&L);
  job = (struct cf_verify_job){.mode = CF_VERIFY_FULL,
                               .head = cf_str_from(L.head),
                               .keys = keys(),
                               .budget_us = 1,
                               .workers = 1,
                               .carry = &carry};
  ck_assert_ok(cf_verify(&source, &job, R, NULL));
  ck_assert_ptr_nonnull(carry);
  source.leaves = NULL;
  source.worker_new = refuse;
  ck_assert_err(cf_verify(&source, &job, R, NULL), CF_E_NOMEM);
  ck_assert_ptr_null(carry);
  source = vl_source(&L);
  ck_assert_ok(cf_verify(&source, &job, R, NULL));
  cf_verify_run_free(carry);
}
END_TEST

static enum cf_err broken(void *context, void *worker, uint64_t first, size_t n,
                          struct cf_verify_leaf *out)
{
  return first == 512 ? CF_E_STORE : slow_next(context, worker, first, n, out);
}

START_TEST(source_fails)
{
  LEDGER(2000);
  struct cf_verify_source source = vl_source(&L);
  job = (struct cf_verify_job){.mode = CF_VERIFY_FULL,
                               .head = cf_str_from(L.head),
                               .keys = keys(),
                               .workers = 2};
  slow_next = source.leaves;
  source.leaves = broken;
  ck_assert_err(cf_verify(&source, &job, R, NULL), CF_E_STORE);
  source.leaves = slow_next;
  source.worker_new = refuse;
  ck_assert_err(cf_verify(&source, &job, R, NULL), CF_E_NOMEM);
}
END_TEST

int main(void)
{
#define ON(fixture) .setup = script_begin, .teardown = script_end, .tcase = fixture
  const struct cf_test tests[] = {
      {ON("times"), .test = time_goes_back, .loops = CF_COUNT(places)},
      {ON("times"), .test = time_stands_still},
      {ON("times"), .test = time_set_back, .loops = CF_COUNT(places)},
      {ON("openings"), .test = opening_changed},
      {ON("openings"), .test = opening_ill_formed},
      {ON("openings"), .test = opening_salt},
      {ON("openings"), .test = opening_of_nothing},
      {ON("openings"), .test = opening_missing},
      {ON("erasures"), .test = erased, .loops = 3},
      {ON("erasures"), .test = erased_more_than_named},
      {ON("erasures"), .test = erased_by_two},
      {ON("erasures"), .test = erased_before},
      {ON("erasures"), .test = erased_what_never_was},
      {ON("erasures"), .test = erased_many},
      {ON("erasures"), .test = erased_in_runs, .loops = 3},
      {ON("erasures"), .test = erased_beside_runs, .loops = CF_COUNT(short_runs)},
      {ON("erasures"), .test = erased_run_before},
      {ON("erasures"), .test = erased_and_lost},
      {ON("erasures"), .test = erased_but_there},
      {ON("erasures"), .test = pruned},
      {ON("erasures"), .test = pruned_otherwise, .loops = CF_COUNT(other_prunings)},
      {ON("end"), .test = progress_told},
      {ON("end"), .test = budget},
      {ON("end"), .test = parts},
      {ON("end"), .test = parts_erased},
      {ON("end"), .test = parts_tampered},
      {ON("end"), .test = parts_given_up},
      {ON("end"), .test = source_fails},
  };
  return cf_test_run("verify_states", tests, CF_COUNT(tests));
}
