/* SPDX-License-Identifier: MIT */
/* What is missing of producers' own counts, held against a plain model that has
 * a bit for each value. */
#include "config.h"

#include "lib/record/producers.h"

#include <stdio.h>

#include "tests/unit/cf_test.h"

#define VALUES  8192
#define RECORDS 4000

static struct cf_producers *producers;

static void setup(void)
{
  ck_assert_int_eq(cf_producers_new(&producers), CF_OK);
}

static void teardown(void)
{
  cf_producers_free(producers);
}

static void add(const char *source, uint64_t value)
{
  static uint64_t seq;
  const struct cf_produced produced = {cf_str_from(source), value, ++seq, (int64_t)seq};
  ck_assert_int_eq(cf_producers_add(producers, &produced), CF_OK);
}

static struct cf_producer told(const char *source)
{
  struct cf_producer p;
  size_t i = cf_producers_find(producers, cf_str_from(source));
  ck_assert_uint_lt(i, cf_producers_n(producers));
  cf_producers_get(producers, i, &p);
  ck_assert(cf_str_is(p.source, source));
  return p;
}

/* ---- the model ---- */

/* By definition, with all of a source's values at hand. */
struct model {
  bool there[VALUES];
  uint64_t low, high;
  bool any;
  struct cf_producer told;
  struct cf_producer_gap gap[VALUES];
};

static void model_gaps(struct model *m, bool end)
{
  uint64_t from = 0;
  for (uint64_t v = m->low; m->any && v <= m->high; v++) {
    if (!m->there[v] && m->there[v - 1])
      from = v;
    m->told.missing += !m->there[v];
    if (!m->there[v] && m->there[v + 1])
      m->gap[m->told.gaps++] = (struct cf_producer_gap){from, v, m->told.restarts};
  }
  if (!end)
    return;
  memset(m->there, 0, sizeof m->there);
  m->any = false;
  m->told.restarts++;
}

static bool model_begins(const struct model *m, const uint64_t *values, size_t n, size_t i)
{
  uint64_t v = values[i];
  return m->any && v <= 1 && (m->there[v] || m->low > v + 1024) && i + 1 < n &&
         values[i + 1] <= m->high;
}

static void model_make(struct model *m, const uint64_t *values, size_t n)
{
  memset(m, 0, sizeof *m);
  for (size_t i = 0; i < n; i++) {
    uint64_t v = values[i];
    if (model_begins(m, values, n, i))
      model_gaps(m, true);
    m->told.repeats += m->there[v];
    m->there[v] = true;
    m->low = !m->any || v < m->low ? v : m->low;
    m->high = !m->any || v > m->high ? v : m->high;
    m->any = true;
  }
  model_gaps(m, false);
}

/* ---- random sources ---- */

/* A counter that loses some, tells some twice, some late, and begins again. */
static size_t values_make(uint64_t *values, uint64_t seed)
{
  uint64_t r = seed * 7919 + 1, next = cf_test_random(&r, 3) == 0 ? 2000 : cf_test_random(&r, 2);
  size_t n = 0;
  for (; n < RECORDS; n++) {
    uint64_t what = cf_test_random(&r, 200);
    next += what < 6 ? 1 + cf_test_random(&r, 20) : 0;
    if (what == 199 && cf_test_random(&r, 4) == 0)
      next = cf_test_random(&r, 2);
    values[n] = next++;
    if (what > 6 && what < 12 && n > 40)
      values[n] = values[n - 1 - cf_test_random(&r, 30)], next--;
    if (what > 12 && what < 40 && n > 8) {
      size_t k = n - cf_test_random(&r, 8);
      uint64_t swapped = values[k];
      values[k] = values[n];
      values[n] = swapped;
    }
  }
  /* what waits at the end is settled: by a value above all of its run */
  values[n++] = VALUES - 2;
  return n;
}

START_TEST(test_model)
{
  static uint64_t values[RECORDS + 1];
  static struct model m;
  struct cf_producer_gap gap[CF_PRODUCER_GAPS];
  size_t n = values_make(values, (uint64_t)_i);
  for (size_t i = 0; i < n; i++) {
    add("web", values[i]);
    add("other", i);
  }
  model_make(&m, values, n);
  struct cf_producer p = told("web");
  ck_assert(p.exact);
  ck_assert_uint_eq(p.records, n);
  ck_assert_uint_eq(p.first, m.low);
  ck_assert_uint_eq(p.last, m.high);
  ck_assert_uint_eq(p.restarts, m.told.restarts);
  ck_assert_uint_eq(p.repeats, m.told.repeats);
  ck_assert_uint_eq(p.missing, m.told.missing);
  ck_assert_uint_eq(p.gaps, m.told.gaps);
  size_t named = cf_producers_gaps(producers, 1, SIZE_MAX, gap);
  ck_assert_uint_eq(named, p.gaps < CF_PRODUCER_GAPS ? p.gaps : CF_PRODUCER_GAPS);
  for (size_t i = 0; i < named; i++) {
    const struct cf_producer_gap *want = &m.gap[p.gaps - named + i];
    ck_assert_uint_eq(gap[i].from, want->from);
    ck_assert_uint_eq(gap[i].to, want->to);
    ck_assert_uint_eq(gap[i].run, want->run);
  }
  ck_assert_uint_eq(told("other").gaps, 0);
}
END_TEST

/* ---- what each rule says ---- */

static const struct {
  const char *values;
  struct cf_producer want;
} rules[] = {
    {"7", {.first = 7, .last = 7}},
    {"7 8 9", {.first = 7, .last = 9}},
    {"7 9", {.first = 7, .last = 9, .gaps = 1, .missing = 1}},
    {"7 9 8", {.first = 7, .last = 9}},
    {"7 20 9", {.first = 7, .last = 20, .gaps = 2, .missing = 11}},
    {"7 8 5", {.first = 5, .last = 8, .gaps = 1, .missing = 1}},
    {"7 8 7", {.first = 7, .last = 8, .repeats = 1}},
    /* begins again */
    {"0 1 2 0 1", {.first = 0, .last = 1, .restarts = 1}},
    {"1 2 5 1 2", {.first = 1, .last = 2, .restarts = 1, .gaps = 1, .missing = 2}},
    {"1 2 3 1 3", {.first = 1, .last = 3, .restarts = 1, .gaps = 1, .missing = 1}},
    {"5000 5001 1 2 3", {.first = 1, .last = 3, .restarts = 1}},
    {"1 2 1 2 1 2", {.first = 1, .last = 2, .restarts = 2}},
    /* told twice, or late */
    {"1 2 3 1 4", {.first = 1, .last = 4, .repeats = 1}},
    {"1 2 3 1", {.first = 1, .last = 3, .repeats = 1}},
    {"2 3 4 1 5", {.first = 1, .last = 5}},
    {"1026 1 1027", {.first = 1, .last = 1027, .gaps = 1, .missing = 1024}},
    {"1025 1 2", {.first = 1, .last = 1025, .gaps = 1, .missing = 1022}},
    {"9007199254740991 0",
     {.first = UINT64_C(9007199254740991), .last = UINT64_C(9007199254740991)}},
};

START_TEST(test_rules)
{
  const struct cf_producer *want = &rules[_i].want;
  struct cf_str left = cf_str_from(rules[_i].values);
  while (left.n > 0)
    add("web", strtoull(cf_str_cut(&left, ' ').p, NULL, 10));
  struct cf_producer p = told("web");
  ck_assert_uint_eq(p.first, want->first);
  ck_assert_uint_eq(p.last, want->last);
  ck_assert_uint_eq(p.gaps, want->gaps);
  ck_assert_uint_eq(p.missing, want->missing);
  ck_assert_uint_eq(p.repeats, want->repeats);
  ck_assert_uint_eq(p.restarts, want->restarts);
  ck_assert(p.exact);
}
END_TEST

/* ---- bounds ---- */

/* More gaps than are kept are counted all the same, until something comes where
 * nothing was kept. */
START_TEST(test_many_gaps)
{
  struct cf_producer_gap gap[CF_PRODUCER_GAPS];
  const uint64_t n = 3 * CF_PRODUCER_SPANS;
  for (uint64_t i = 0; i < n; i++)
    add("web", 10 + 2 * i);
  struct cf_producer p = told("web");
  ck_assert(p.exact);
  ck_assert_uint_eq(p.gaps, n - 1);
  ck_assert_uint_eq(p.missing, n - 1);
  ck_assert_uint_eq(cf_producers_gaps(producers, 0, 7, gap), 7);
  ck_assert_uint_eq(gap[6].to, 10 + 2 * n - 3);
  add("web", 10 + 2 * n - 3);
  ck_assert_uint_eq(told("web").missing, n - 2);
  ck_assert(told("web").exact);
  add("web", 11);
  ck_assert_uint_eq(told("web").missing, n - 2);
  ck_assert(!told("web").exact);
  ck_assert_uint_lt(cf_producers_bytes(producers), 256u << 10);
}
END_TEST

/* Gaps that were let go stay unknown, whatever lower ones are let go later. */
START_TEST(test_lower_gaps)
{
  const uint64_t n = 3 * CF_PRODUCER_SPANS;
  for (uint64_t i = 0; i < n; i++)
    add("web", 1000 + 2 * i);
  add("web", 10);
  ck_assert(told("web").exact);
  ck_assert_uint_eq(told("web").first, 10);
  add("web", 1003);
  ck_assert(!told("web").exact);
  ck_assert_uint_eq(told("web").repeats, 0);
}
END_TEST

/* 1 that comes among gaps that were let go may fill one as well as begin a run;
 * 0, the lowest, was there. */
START_TEST(test_begin_unknown)
{
  const uint64_t n = 3 * CF_PRODUCER_SPANS;
  for (uint64_t i = 0; i < n; i++)
    add("web", 2 * i);
  add("web", (uint64_t)_i);
  ck_assert(told("web").exact == (_i == 0));
  add("web", 2);
  ck_assert_uint_eq(told("web").restarts, 1);
  ck_assert(told("web").exact == (_i == 0));
}
END_TEST

/* Runs that lack more than can be counted. */
START_TEST(test_most_missing)
{
  const uint64_t most = (UINT64_C(1) << 53) - 1;
  add("web", 0);
  add("web", most);
  ck_assert(told("web").exact);
  ck_assert_uint_eq(told("web").missing, most - 1);
  for (int i = 0; i < 5000; i++) {
    add("web", 0);
    add("web", most);
  }
  ck_assert_uint_eq(told("web").restarts, 5000);
  ck_assert_uint_eq(told("web").missing, most);
  ck_assert(!told("web").exact);
}
END_TEST

START_TEST(test_many_sources)
{
  char name[16];
  size_t bytes = 0;
  for (unsigned i = 0; i < 2 * CF_PRODUCERS_MAX; i++) {
    (void)snprintf(name, sizeof name, "s%06u", i * 7919 % 1000000);
    for (unsigned k = 0; k < 600; k++)
      add(name, 3 + 2 * k);
    bytes = i == CF_PRODUCERS_MAX - 1 ? cf_producers_bytes(producers) : bytes;
  }
  ck_assert_uint_eq(cf_producers_n(producers), CF_PRODUCERS_MAX);
  ck_assert_uint_eq(cf_producers_untold(producers), 600u * CF_PRODUCERS_MAX);
  ck_assert_uint_eq(cf_producers_bytes(producers), bytes);
  ck_assert_uint_lt(bytes, 24u << 20);
  for (size_t i = 0; i < CF_PRODUCERS_MAX; i++) {
    struct cf_producer p;
    cf_producers_get(producers, i, &p);
    ck_assert_uint_eq(p.missing, 599);
    ck_assert(p.exact);
    ck_assert_uint_eq(cf_producers_find(producers, p.source), i);
  }
}
END_TEST

/* ---- texts ---- */

static const struct {
  const char *text;
  bool has;
  uint64_t value;
} texts[] = {
    {"\"source\":\"web\",\"source_seq\":0,\"outcome\":\"unknown\"", true, 0},
    {"\"source\":\"web\",\"writer\":\"k3\",\"source_seq\":9007199254740991", true,
     UINT64_C(9007199254740991)},
    {"\"source\":\"web\",\"writer\":\"k3\",\"id\":\"source_seq\",\"action\":\"a\"", false, 0},
    {"\"source\":\"web\",\"body\":{\"source_seq\":1}", false, 0},
    {"\"source\":\"web\",\"source_seq\":9007199254740992", false, 0},
    {"\"source\":\"web\",\"source_seq\":", false, 0},
    {"\"source\":\"web", false, 0},
    {"\"body\":{}", false, 0},
    {"", false, 0},
};

START_TEST(test_texts)
{
  struct cf_produced p;
  ck_assert_int_eq(cf_produced_get(cf_str_from(texts[_i].text), &p), texts[_i].has);
  if (!texts[_i].has)
    return;
  ck_assert(cf_str_is(p.source, "web"));
  ck_assert_uint_eq(p.value, texts[_i].value);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "model", .test = test_model, .loops = 60, .setup = setup, .teardown = teardown},
      {.tcase = "rules",
       .test = test_rules,
       .loops = CF_COUNT(rules),
       .setup = setup,
       .teardown = teardown},
      {.tcase = "bounds", .test = test_many_gaps, .setup = setup, .teardown = teardown},
      {.tcase = "bounds", .test = test_lower_gaps, .setup = setup, .teardown = teardown},
      {.tcase = "bounds",
       .test = test_begin_unknown,
       .loops = 2,
       .setup = setup,
       .teardown = teardown},
      {.tcase = "bounds", .test = test_most_missing, .setup = setup, .teardown = teardown},
      {.tcase = "bounds", .test = test_many_sources},
      {.tcase = "texts", .test = test_texts, .loops = CF_COUNT(texts)},
  };
  return cf_test_run("producers", tests, CF_COUNT(tests));
}
