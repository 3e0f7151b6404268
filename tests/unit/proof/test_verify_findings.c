/* SPDX-License-Identifier: MIT */
/* The verifier: what is missing of events that their producers count is told,
 * and is no fault of the chain. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/proof/verify_script.h"

/* The record is that source's, of that count. */
static void COUNTED(size_t seq, const char *source, unsigned long long value)
{
  (void)snprintf(L.record[seq].public_text, sizeof L.record[seq].public_text,
                 "\"source\":\"%s\",\"source_seq\":%llu,\"action\":\"a\",\"outcome\":\"unknown\"",
                 source, value);
}

static void EXPECT_FINDING(size_t i, const char *source, uint64_t from, uint64_t to, uint64_t run)
{
  ck_assert_uint_lt(i, R->findings_n);
  const struct cf_verify_finding *f = &R->findings[i];
  ck_assert_int_eq(f->verdict, CF_V_SOURCE_GAP);
  ck_assert_str_eq(f->source, source);
  ck_assert_uint_eq(f->gap.from, from);
  ck_assert_uint_eq(f->gap.to, to);
  ck_assert_uint_eq(f->gap.run, run);
}

static void EXPECT_FINDINGS(uint64_t n)
{
  ck_assert(R->findings_sought && R->findings_exact);
  ck_assert_uint_eq(R->findings_total, n);
}

START_TEST(gaps_are_found)
{
  PLAN(2000);
  for (size_t i = 1; i < L.n; i++)
    COUNTED(i, i % 2 ? "web" : "app", i / 2 + (i > 700 && i % 2) + (i > 1800 ? 5 : 0));
  COUNTED(600, "app", 300);
  SEAL();
  FULL();
  EXPECT_OK();
  EXPECT_FINDINGS(3);
  ck_assert_uint_eq(R->findings_n, 3);
  EXPECT_FINDING(0, "app", 901, 905, 0);
  EXPECT_FINDING(1, "web", 350, 350, 0);
  EXPECT_FINDING(2, "web", 901, 905, 0);
  PARTS();
}
END_TEST

START_TEST(runs_are_told_apart)
{
  PLAN(600);
  for (size_t i = 1; i < L.n; i++)
    COUNTED(i, "web", i < 300 ? i + (i > 20) : i - 299 + (i > 400));
  SEAL();
  FULL();
  EXPECT_OK();
  EXPECT_FINDINGS(2);
  EXPECT_FINDING(0, "web", 21, 21, 0);
  EXPECT_FINDING(1, "web", 102, 102, 1);
  PARTS();
}
END_TEST

START_TEST(nothing_is_missing)
{
  LEDGER(600);
  FULL();
  EXPECT_OK();
  EXPECT_FINDINGS(0);
  QUICK();
  ck_assert(!R->findings_sought);
  RANGE(0, 600);
  ck_assert(!R->findings_sought);
}
END_TEST

/* No source fills the list alone, and all are counted. */
START_TEST(list_is_bounded)
{
  PLAN(2000);
  for (size_t i = 1; i < L.n; i++)
    COUNTED(i, i % 10 ? "web" : "app", 3 * i);
  SEAL();
  FULL();
  EXPECT_OK();
  EXPECT_FINDINGS(199 - 1 + 1800 - 1);
  ck_assert_uint_eq(R->findings_n, CF_VERIFY_FINDINGS_MAX);
  EXPECT_FINDING(49, "app", 3 * 1980 + 1, 3 * 1990 - 1, 0);
  EXPECT_FINDING(99, "web", 3 * 1998 + 1, 3 * 1999 - 1, 0);
  PARTS();
}
END_TEST

/* Where a record cannot be read, it may be the one that is missing. */
START_TEST(lost_record_makes_it_inexact)
{
  PLAN(600);
  for (size_t i = 1; i < L.n; i++)
    COUNTED(i, "web", i);
  SEAL();
  LOSE(300);
  FULL();
  EXPECT(STORE_DAMAGED, 300);
  ck_assert(R->findings_sought && !R->findings_exact);
  ck_assert_uint_eq(R->findings_total, 1);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "findings", .test = gaps_are_found, .setup = script_begin, .teardown = script_end},
      {.tcase = "findings", .test = runs_are_told_apart},
      {.tcase = "findings", .test = nothing_is_missing},
      {.tcase = "findings", .test = list_is_bounded},
      {.tcase = "findings", .test = lost_record_makes_it_inexact},
  };
  return cf_test_run("verify_findings", tests, CF_COUNT(tests));
}
