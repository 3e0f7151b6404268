/* SPDX-License-Identifier: MIT */
/* Equal but for case, by Unicode's simple folding. */
#include "config.h"

#include "lib/base/fold.h"
#include "tests/unit/cf_test.h"

static const struct {
  uint32_t code, folded;
} codes[] = {
    {'A', 'a'},       {'a', 'a'},           {'Z', 'z'},         {'[', '['},
    {0xc9, 0xe9},     {0xd7, 0xd7},         {0xdf, 0xdf},       {0x1e9e, 0xdf},
    {0x130, 0x130},   {0x131, 0x131},       {0x17f, 's'},       {0x212a, 'k'},
    {0x2126, 0x3c9},  {0xb5, 0x3bc},        {0x3c2, 0x3c3},     {0x3a3, 0x3c3},
    {0x1c4, 0x1c6},   {0x1c5, 0x1c6},       {0x410, 0x430},     {0x13a0, 0x13a0},
    {0xab70, 0x13a0}, {0x1f88, 0x1f80},     {0x10400, 0x10428}, {0x1e921, 0x1e943},
    {0x4e00, 0x4e00}, {0x10ffff, 0x10ffff},
};

START_TEST(test_codes)
{
  for (size_t i = 0; i < CF_COUNT(codes); i++)
    ck_assert_msg(cf_fold_code(codes[i].code) == codes[i].folded, "U+%04X becomes U+%04X",
                  codes[i].code, cf_fold_code(codes[i].code));
}
END_TEST

/* Over all code points: what is folded stays, and each is among those that are
 * like it, which are all alike and in order. */
START_TEST(test_alike)
{
  size_t changed = 0;
  for (uint32_t code = 0; code < 0x110000; code++) {
    uint32_t folded = cf_fold_code(code), alike[CF_FOLD_MAX];
    changed += folded != code;
    if (code > 0x3000 && folded == code && code % 61 != 0)
      continue; /* most of them: every 61st is enough */
    ck_assert_uint_eq(cf_fold_code(folded), folded);
    size_t n = cf_fold_alike(code, alike), itself = 0;
    ck_assert(n >= 1 && n <= CF_FOLD_MAX);
    for (size_t i = 0; i < n; i++) {
      itself += alike[i] == code;
      ck_assert_uint_eq(cf_fold_code(alike[i]), folded);
      ck_assert(i == 0 || alike[i - 1] < alike[i]);
    }
    ck_assert_uint_eq(itself, 1);
  }
  ck_assert_uint_eq(changed, 1454); /* lines C and S of CaseFolding.txt */
  uint32_t alike[CF_FOLD_MAX];
  ck_assert_uint_eq(cf_fold_alike('k', alike), 3);
  ck_assert(alike[0] == 'K' && alike[1] == 'k' && alike[2] == 0x212a);
  ck_assert_uint_eq(cf_fold_alike(0x3b8, alike), 4);
}
END_TEST

static const struct {
  const char *a, *b;
  bool same;
} texts[] = {
    {"", "", true},
    {"Alice", "aLICE", true},
    {"Alice", "alic", false},
    {"alic", "Alice", false},
    {"ZO\xc3\x8b", "zo\xc3\xab", true},
    {"stra\xc3\x9f"
     "e",
     "STRASSE", false},
    {"\xe2\x84\xaa", "K", true},
    {"a\xff", "A\xff", true},
    {"a\xff", "A\xfe", false},
    {"a\xc3", "A\xc3", true},
    {"i", "\xc4\xb1", false},
};

START_TEST(test_equal)
{
  for (size_t i = 0; i < CF_COUNT(texts); i++) {
    struct cf_str a = cf_str_from(texts[i].a), b = cf_str_from(texts[i].b);
    ck_assert_msg(cf_fold_equal(a, b) == texts[i].same, "%s %s", texts[i].a, texts[i].b);
    ck_assert_msg(cf_fold_equal(b, a) == texts[i].same, "%s %s", texts[i].b, texts[i].a);
  }
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "fold", .test = test_codes},
      {.tcase = "fold", .test = test_alike},
      {.tcase = "fold", .test = test_equal},
  };
  return cf_test_run("fold", tests, CF_COUNT(tests));
}
