/* SPDX-License-Identifier: MIT */
/* Who may be called what, and write as whom. */
#include "config.h"

#include "lib/record/source.h"

#include "tests/unit/cf_test.h"

#define LONG_64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG_128 LONG_64 LONG_64

static const struct {
  const char *text;
  bool name, pattern;
} names[] = {
    {"web1", true, true},
    {"app-a:b/c@d+e=f.g_h", true, true},
    {LONG_128, true, true},
    {LONG_128 "x", false, false},
    {"", false, false},
    {"a b", false, false},
    {"gr\xc3\xbc\xc3\x9f", false, false},
    {"counterfoil", false, false},
    {"counterfoil2", true, true},
    {"Counterfoil", true, true},
    {"*", false, true},
    {"app.*", false, true},
    {LONG_128 "*", false, true},
    {"app.**", false, false},
    {"*.app", false, false},
    {"a*b", false, false},
    {"a *", false, false},
    {"counterfoil*", false, false},
};

START_TEST(test_names)
{
  struct cf_str text = cf_str_from(names[_i].text);
  ck_assert_int_eq(cf_source_ok(text), names[_i].name);
  ck_assert_int_eq(cf_source_pattern_ok(text), names[_i].pattern);
}
END_TEST

static const char *const none[] = {NULL};
static const char *const some[] = {"web2", "app.*", "", NULL};
static const char *const all[] = {"*", NULL};
static const char *const ours[] = {"counterfoil", "counter*", NULL};

static const struct {
  const char *source, *own;
  const char *const *patterns;
  bool allowed;
} asked[] = {
    {"web1", "web1", NULL, true},
    {"web1", "web1", none, true},
    {"web1", "web1", some, true},
    {"web2", "web1", NULL, false},
    {"web2", "web1", none, false},
    {"web2", "web1", some, true},
    {"web22", "web1", some, false},
    {"web", "web1", some, false},
    {"Web1", "web1", some, false},
    {"app.", "web1", some, true},
    {"app.a", "web1", some, true},
    {"app", "web1", some, false},
    {"app.*", "web1", some, true},
    {"anything", "web1", all, true},
    {"anything", "", none, false},
    {"counter", "web1", ours, true},
    {"counterfoil2", "web1", ours, true},
    /* the log's own name, whoever asks */
    {"counterfoil", "web1", all, false},
    {"counterfoil", "web1", ours, false},
    {"counterfoil", "counterfoil", none, false},
};

START_TEST(test_allowed)
{
  bool allowed = cf_source_allowed(cf_str_from(asked[_i].source), cf_str_from(asked[_i].own),
                                   asked[_i].patterns);
  ck_assert_int_eq(allowed, asked[_i].allowed);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "names", .test = test_names, .loops = CF_COUNT(names)},
      {.tcase = "allowed", .test = test_allowed, .loops = CF_COUNT(asked)},
  };
  return cf_test_run("source", tests, CF_COUNT(tests));
}
