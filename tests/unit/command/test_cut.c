/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi-app/command/cut_in.h"

#include <string.h>

#include "tests/unit/cf_test.h"

static const struct {
  const char *text;
  size_t width;
  const char *want;
} cases[] = {
    {"", 8, ""},
    {"abcdefgh", 8, "abcdefgh"},
    {"abcdefghi", 8, "abcd…ghi"},
    {"abcdefghij", 3, "a…j"},
    {"/documents/4275/export", 9, "/doc…port"},
    {"äöüäöüäöü", 5, "äö…öü"},
    /* an escape is kept whole or not at all */
    {"abc\033defghijklm", 8, "abc…klm"},
    {"abcdefghijk\n", 9, "abcd…\\x0a"},
    {"abcdefghij\nk", 8, "abcd…k"},
    /* the sign of a cut is nobody's own text */
    {"a…b", 20, "a\\u{2026}b"},
    {"abcd…ghi", 16, "abcd\\u{2026}ghi"},
    {"\xff\xfe", 8, "\\xff\\xfe"},
};

START_TEST(a_long_value_keeps_its_beginning_and_its_end)
{
  struct cf_buf b;

  cf_buf_init(&b, 256);
  bool cut = cf_cut_put(&b, cf_str_from(cases[_i].text), cases[_i].width);
  ck_assert_str_eq(cf_buf_cstr(&b), cases[_i].want);
  ck_assert_int_eq(cut, strstr(cases[_i].want, "…") != NULL);
  cf_buf_fini(&b);
}
END_TEST

/* Values that differ in the middle only, and such as imitate a cut one. */
static struct cf_str value_make(unsigned i, char room[64])
{
  if (i % 3 == 2)
    (void)snprintf(room, 64, "begin%u…%u-the-end", i % 7, i % 5);
  else
    (void)snprintf(room, 64, "beginning-%u-the-end", i / 3 + 100000 * (i % 3));
  return cf_str_from(room);
}

START_TEST(two_values_never_look_the_same)
{
  enum { N = 600 };
  static char shown[N][128];
  char room[64], other[64];
  struct cf_cuts cuts = {0};

  for (unsigned i = 0; i < N; i++) {
    struct cf_buf b;
    cf_buf_init(&b, sizeof shown[i]);
    cf_cuts_put(&cuts, 0, &b, value_make(i, room), 16);
    (void)snprintf(shown[i], sizeof shown[i], "%s", cf_buf_cstr(&b));
    cf_buf_fini(&b);
  }
  for (unsigned i = 0; i < N; i++)
    for (unsigned k = 0; k < i; k++)
      if (!cf_str_eq(value_make(i, room), value_make(k, other)))
        ck_assert_str_ne(shown[i], shown[k]);
  ck_assert_ptr_nonnull(strstr(shown[0], "…"));
  cf_cuts_fini(&cuts);
}
END_TEST

START_TEST(the_same_value_looks_the_same_and_columns_are_apart)
{
  struct cf_cuts cuts = {0};
  struct cf_buf b;

  cf_buf_init(&b, 256);
  cf_cuts_put(&cuts, 0, &b, CF_STR("abcdefXghijkl"), 7);
  cf_cuts_put(&cuts, 0, &b, CF_STR(" abcdefXghijkl"), 7);
  cf_cuts_put(&cuts, 0, &b, CF_STR("abcdefXghijkl"), 7);
  cf_cuts_put(&cuts, 1, &b, CF_STR("abcdefYghijkl"), 7);
  cf_cuts_put(&cuts, 0, &b, CF_STR("abcdefYghijkl"), 7);
  ck_assert_str_eq(cf_buf_cstr(&b), "abc…jkl ab…jklabc…jklabc…jklabcdefYghijkl");
  cf_buf_fini(&b);
  cf_cuts_fini(&cuts);
}
END_TEST

START_TEST(what_does_not_fit_the_memory_is_not_cut)
{
  struct cf_cuts cuts = {0};
  char room[64];
  struct cf_buf b;

  cf_buf_init(&b, 256);
  for (unsigned i = 0; i < 5000; i++) {
    (void)snprintf(room, sizeof room, "%u------------%u", i, i);
    cf_buf_reset(&b);
    cf_cuts_put(&cuts, 0, &b, cf_str_from(room), 12);
  }
  ck_assert_str_eq(cf_buf_cstr(&b), room);
  cf_buf_fini(&b);
  cf_cuts_fini(&cuts);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "cut",
       .test = a_long_value_keeps_its_beginning_and_its_end,
       .loops = CF_COUNT(cases)},
      {.tcase = "cuts", .test = two_values_never_look_the_same},
      {.tcase = "cuts", .test = the_same_value_looks_the_same_and_columns_are_apart},
      {.tcase = "cuts", .test = what_does_not_fit_the_memory_is_not_cut},
  };
  return cf_test_run("cut", tests, CF_COUNT(tests));
}
