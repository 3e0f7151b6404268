/* SPDX-License-Identifier: MIT */
/* The filters over values: one tells of all that it was made of, and of few
 * others; those in memory are of the newest segments. */
#include "config.h"

#include "lib/segment/value_filter_in.h"
#include "tests/unit/cf_test.h"

#define ROOM 640

static struct cf_buf filter;
static struct cf_value_filters filters;

static void set_up(void)
{
  cf_buf_init(&filter, 1 << 20);
  cf_value_filters_init(&filters, ROOM);
}

static void tear_down(void)
{
  cf_buf_fini(&filter);
  cf_value_filters_fini(&filters);
}

static uint64_t number(uint64_t i)
{
  i = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
  i = (i ^ i >> 32) * UINT64_C(0xd6e8feb86659fd93);
  return i ^ i >> 32;
}

START_TEST(test_one)
{
  static uint64_t all[10000];
  const size_t n = _i == 0 ? 0 : CF_COUNT(all);
  unsigned wrong = 0;

  for (size_t i = 0; i < n; i++)
    all[i] = number(i);
  cf_value_filter_put(&filter, all, n);
  ck_assert_ok(filter.err);
  ck_assert(cf_value_filter_ok(cf_buf_str(&filter)));
  for (size_t i = 0; i < n; i++)
    ck_assert(cf_value_filter_has(cf_buf_str(&filter), all[i]));
  for (uint64_t i = 0; i < 100000; i++)
    wrong += cf_value_filter_has(cf_buf_str(&filter), number(n + i));
  ck_assert_uint_lt(wrong, 3000);
}
END_TEST

START_TEST(test_none)
{
  ck_assert(!cf_value_filter_ok(CF_STR("")));
  ck_assert(!cf_value_filter_ok(
      CF_STR("as long as a block, but for one that is missing at its end.....")));
}
END_TEST

static struct cf_segment_meta segment(unsigned i)
{
  return (struct cf_segment_meta){.first = 256 * i, .end = 256 * (i + 1), .generation = 1};
}

/* Of one index, a filter that has nothing. */
static void keep(unsigned i)
{
  struct cf_segment_meta meta = segment(i);

  cf_value_filters_keep(&filters, &meta, 1u << CF_M_USER, cf_buf_str(&filter));
}

static bool tells(unsigned i, unsigned index)
{
  struct cf_segment_meta meta = segment(i);

  return !cf_value_filters_may_have(&filters, &meta, index, number(1));
}

static bool wants(unsigned i)
{
  struct cf_segment_meta meta = segment(i);

  return cf_value_filters_want(&filters, &meta);
}

/* Ten find room. Whichever order they come in, the newest ones stay. */
START_TEST(test_many)
{
  cf_value_filter_put(&filter, NULL, 0);
  for (unsigned k = 0; k < 30; k++) {
    unsigned i = _i == 0 ? k : _i == 1 ? 29 - k : k * 7 % 30;
    keep(i);
  }
  for (unsigned i = 0; i < 30; i++) {
    ck_assert_int_eq(tells(i, CF_M_USER), i >= 20);
    ck_assert(!tells(i, CF_M_METHOD)); /* an index that the segment lacks */
    ck_assert(!wants(i));
  }
  ck_assert(wants(30));
  struct cf_segment_meta again = segment(25), gone = segment(29);
  again.generation = 2;
  ck_assert(cf_value_filters_may_have(&filters, &again, CF_M_USER, number(1)));
  ck_assert(cf_value_filters_want(&filters, &again));
  cf_value_filters_drop(&filters, &gone);
  ck_assert(!tells(29, CF_M_USER) && wants(29));
}
END_TEST

/* What finds no room though all before it went leaves them where they are. */
START_TEST(test_too_large)
{
  static const uint64_t all[600];

  cf_value_filter_put(&filter, NULL, 0);
  for (unsigned i = 0; i < 5; i++)
    keep(i);
  for (unsigned i = 10; i < 15; i++)
    keep(i);
  cf_buf_reset(&filter);
  cf_value_filter_put(&filter, all, _i == 0 ? 600 : 300);
  ck_assert_uint_gt(filter.n, _i == 0 ? ROOM : ROOM / 2);
  keep(5);
  ck_assert(wants(5));
  for (unsigned i = 0; i < 15; i++)
    ck_assert_int_eq(tells(i, CF_M_USER), i < 5 || i >= 10);
}
END_TEST

START_TEST(test_no_filter)
{
  struct cf_segment_meta meta = segment(1);

  cf_value_filters_keep(&filters, &meta, UINT64_MAX, CF_STR("none"));
  ck_assert(!tells(1, CF_M_USER) && wants(1));
}
END_TEST

int main(void)
{
#define ON(name) .tcase = (name), .setup = set_up, .teardown = tear_down
  const struct cf_test tests[] = {
      {ON("one"), .test = test_one, .loops = 2},   {ON("one"), .test = test_none},
      {ON("many"), .test = test_many, .loops = 3}, {ON("many"), .test = test_too_large, .loops = 2},
      {ON("many"), .test = test_no_filter},
  };
  return cf_test_run("value_filter", tests, CF_COUNT(tests));
}
