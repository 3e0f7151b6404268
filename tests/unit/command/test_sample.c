/* SPDX-License-Identifier: MIT */
/* Sample events: the same ones for the same seed, each one acceptable, and as
 * various as they promise. */
#include "config.h"

#include "fcgi-app/command/sample_in.h"
#include "lib/record/event.h"
#include "lib/record/values.h"
#include "tests/unit/cf_test.h"

#define N      20000
#define DAY_US (24 * CF_HOUR_US)

static void make(uint64_t seed, int64_t from_us, uint64_t n, struct cf_buf *b)
{
  struct cf_sample sample;
  cf_buf_init(b, SIZE_MAX / 2);
  cf_sample_init(&sample, seed, from_us, n);
  for (uint64_t i = 0; i < n; i++)
    cf_sample_put(&sample, b);
  ck_assert_ok(b->err);
}

START_TEST(test_same_for_a_seed)
{
  struct cf_buf a, b, c, d;
  make(7, CF_SAMPLE_FROM_US, 1000, &a);
  make(7, CF_SAMPLE_FROM_US, 1000, &b);
  make(8, CF_SAMPLE_FROM_US, 1000, &c);
  make(7, CF_SAMPLE_FROM_US + DAY_US, 1000, &d);
  ck_assert_bytes(a.p, a.n, b.p, b.n);
  ck_assert(!cf_str_eq(cf_buf_str(&a), cf_buf_str(&c)));
  ck_assert(!cf_str_eq(cf_buf_str(&a), cf_buf_str(&d)));
  cf_buf_fini(&a);
  cf_buf_fini(&b);
  cf_buf_fini(&c);
  cf_buf_fini(&d);
}
END_TEST

/* What was seen of a member's values: a set of their hashes, good enough to
 * count. */
struct seen {
  uint64_t hashes[4096];
  size_t n, present;
};

static void see(struct seen *seen, struct cf_str value)
{
  uint64_t hash = UINT64_C(14695981039346656037);
  if (value.p == NULL)
    return;
  seen->present++;
  for (size_t i = 0; i < value.n; i++)
    hash = (hash ^ (uint8_t)value.p[i]) * UINT64_C(1099511628211);
  for (size_t i = 0; i < seen->n; i++)
    if (seen->hashes[i] == hash)
      return;
  if (seen->n < CF_COUNT(seen->hashes))
    seen->hashes[seen->n++] = hash;
}

static struct seen seen[CF_M_N];
static size_t late, v6;

static void see_event(struct cf_str text, int64_t *newest_us)
{
  const struct cf_event_rules rules = {.source = CF_STR("sample")};
  struct cf_event event;
  struct cf_values values;
  struct cf_fault fault;
  enum cf_err err = cf_event_parse(text, &rules, &event, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s in %.*s", fault.at, fault.detail, (int)text.n, text.p);
  cf_values_init(&values);
  ck_assert_ok(cf_values_get(&event.record, &values));
  for (unsigned m = 0; m < CF_M_N; m++)
    see(&seen[m], values.v[m]);
  if (values.v[CF_M_IP].n > 0 && memchr(values.v[CF_M_IP].p, ':', values.v[CF_M_IP].n) != NULL)
    v6++;
  if (event.record.time_us < *newest_us)
    late++;
  else
    *newest_us = event.record.time_us;
  cf_values_fini(&values);
  cf_event_fini(&event);
}

static const struct {
  enum cf_member member;
  size_t values, present; /* at least so many of each, of N */
} wanted[] = {
    {CF_M_USER, 150, N / 2},      {CF_M_IP, 200, N},
    {CF_M_METHOD, 5, N / 2},      {CF_M_PATH, 1000, N / 2},
    {CF_M_STATUS, 10, N / 2},     {CF_M_HOST, 3, N / 2},
    {CF_M_USER_AGENT, 8, N / 2},  {CF_M_REQUEST_ID, 4096, N / 2},
    {CF_M_ACTION, 10, N / 2},     {CF_M_ATTRIBUTES, 50, N / 2},
    {CF_M_SESSION, 500, N / 2},   {CF_M_OUTCOME, 2, N},
    {CF_M_BYTES, 1000, N / 2},    {CF_M_DURATION_US, 1000, N / 2},
    {CF_M_QUERY, 3, N / 10},      {CF_M_REFERER, 1, N / 10},
    {CF_M_CREDENTIAL, 1, N / 20}, {CF_M_MESSAGE, 2, 1},
};

START_TEST(test_all_acceptable_and_various)
{
  struct cf_buf b;
  int64_t newest_us = INT64_MIN;
  size_t n = 0;
  make(1, CF_SAMPLE_FROM_US, N, &b);
  for (struct cf_str left = cf_buf_str(&b); left.n > 0; n++)
    see_event(cf_str_cut(&left, '\n'), &newest_us);
  ck_assert_uint_eq(n, N);
  for (size_t i = 0; i < CF_COUNT(wanted); i++) {
    const struct seen *of = &seen[wanted[i].member];
    ck_assert_msg(of->n >= wanted[i].values && of->present >= wanted[i].present,
                  "%s: %zu values, %zu times", cf_member_table[wanted[i].member].name, of->n,
                  of->present);
  }
  ck_assert_uint_gt(v6, N / 20);
  ck_assert_uint_gt(late, N / 100);
  ck_assert_uint_lt(late, N / 10);
  ck_assert_int_gt(newest_us, CF_SAMPLE_FROM_US + 4 * DAY_US);
  ck_assert_int_lt(newest_us, CF_SAMPLE_FROM_US + 10 * DAY_US);
  cf_buf_fini(&b);
}
END_TEST

/* Few or very many: still about a week, never before the start by more than an
 * event can be late. */
START_TEST(test_any_number)
{
  static const uint64_t numbers[] = {1, 2, 100, UINT64_C(1) << 40, UINT64_MAX};
  struct cf_sample sample;
  struct cf_buf b;
  cf_buf_init(&b, 1U << 20);
  cf_sample_init(&sample, 0, CF_SAMPLE_FROM_US, numbers[_i]);
  for (int i = 0; i < 100; i++) {
    int64_t before_us = sample.now_us;
    cf_sample_put(&sample, &b);
    ck_assert_int_gt(sample.now_us, before_us);
  }
  ck_assert_ok(b.err);
  cf_buf_fini(&b);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "sample", .test = test_same_for_a_seed},
      {.tcase = "sample", .test = test_all_acceptable_and_various},
      {.tcase = "sample", .test = test_any_number, .loops = 5},
  };
  return cf_test_run("sample", tests, CF_COUNT(tests));
}
