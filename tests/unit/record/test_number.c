/* SPDX-License-Identifier: MIT */
/* JSON numbers by their text, held against what C makes of them. */
#include "config.h"

#include "lib/record/number.h"

#include <math.h>

#include "tests/unit/cf_test.h"

static const struct {
  const char *text;
  bool beyond, ok;
} numbers[] = {
    {"0", false, true},
    {"-0", false, true},
    {"9223372036854775807", false, true},
    {"9223372036854775808", false, false},
    {"-9223372036854775808", false, true},
    {"-9223372036854775809", false, false},
    {"100000000000000000000", false, false},
    {"1.5", false, true},
    {"1e308", false, true},
    {"1.7976931348623157e308", false, true},
    {"-1.7976931348623157E+308", false, true},
    {"1.7976931348623158e308", false, true},
    {"1.79769313486231580793728971405303e308", false, true},
    {"1.7976931348623158079372897140531e+308", true, false},
    {"-1.8e308", true, false},
    {"1e309", true, false},
    {"1e400", true, false},
    {"-1e999", true, false},
    {"0.0001e313", true, false},
    {"0.0001e312", false, true},
    {"1000000e302", false, true},
    {"1000000e303", true, false},
    {"0e400", false, true},
    {"0.000e99999999999999999999999", false, true},
    {"1e99999999999999999999999", true, false},
    {"1e-99999999999999999999999", false, true},
    {"-1e-400", false, true},
    {"1.123456789012345678901234567890123456789", false, false},
};

START_TEST(test_numbers)
{
  struct cf_str text = cf_str_from(numbers[_i].text);
  ck_assert_int_eq(cf_number_beyond_double(text), numbers[_i].beyond);
  ck_assert_int_eq(!isfinite(strtod(numbers[_i].text, NULL)), numbers[_i].beyond);
  ck_assert_int_eq(cf_number_ok(text), numbers[_i].ok);
}
END_TEST

/* The point moved along a long row of digits, its exponent with it, is always
 * the same number. */
START_TEST(test_points)
{
  char text[512];
  for (int zeros = 0; zeros < 400; zeros += 7) {
    for (int digit = 8; digit <= 9; digit++) {
      int n = snprintf(text, sizeof text, "0.%0*d179769313486231%de%d", zeros + 1, 0, 50 + digit,
                       309 + zeros + 1);
      ck_assert_int_eq(cf_number_beyond_double((struct cf_str){text, (size_t)n}), digit == 9);
      ck_assert_int_eq(!isfinite(strtod(text, NULL)), digit == 9);
    }
  }
  memset(text, '9', 309);
  memcpy(text + 309, ".0", 3);
  ck_assert(cf_number_beyond_double(cf_str_from(text)));
  ck_assert(!cf_number_beyond_double(cf_str_from(text + 1)));
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "number", .test = test_numbers, .loops = CF_COUNT(numbers)},
      {.tcase = "number", .test = test_points},
  };
  return cf_test_run("number", tests, CF_COUNT(tests));
}
