/* SPDX-License-Identifier: MIT */
/* JSON numbers held against int64 and IEEE doubles, on their decimal text. */
#include "config.h"

#include "lib/record/number.h"

#include <string.h>

/* 2^1024 - 2^970 is the least number that becomes infinite as a double: as many
 * of its digits as a number in attributes can have, and the power of ten of the
 * first. */
#define DIGITS     "1797693134862315807937289714053034"
#define DIGITS_N   (sizeof DIGITS - 1)
#define POWER      308
#define POWER_MOST INT64_C(1000000000000) /* an exponent beyond is as good as this */

bool cf_number_beyond_int64(struct cf_str digits, bool negative)
{
  const char *most = negative ? "9223372036854775808" : "9223372036854775807";
  return digits.n > 19 || (digits.n == 19 && memcmp(digits.p, most, 19) > 0);
}

/* The digits from the first on that is no 0, filled up with zeros. */
struct significant {
  char digits[DIGITS_N];
  size_t n;
  int64_t power; /* of ten, of the first digit */
};

/* Read up to the exponent's letter or the end; gives what is left. */
static struct cf_str read_digits(struct cf_str s, struct significant *got)
{
  bool point = false;
  size_t i = 0;
  memset(got->digits, '0', DIGITS_N);
  got->n = 0;
  got->power = -1;
  for (; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
    bool digit = s.p[i] != '.', counts = digit && (got->n > 0 || s.p[i] != '0');
    if (counts && got->n < DIGITS_N)
      got->digits[got->n++] = s.p[i];
    if (counts && !point)
      got->power++;
    else if (digit && !counts && point)
      got->power--;
    point = point || !digit;
  }
  return (struct cf_str){s.p + i, s.n - i};
}

/* "e+5" as 5; 0 of nothing. */
static int64_t read_exponent(struct cf_str s)
{
  size_t i = s.n > 0;
  bool negative = i < s.n && s.p[i] == '-';
  int64_t power = 0;
  i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
  for (; i < s.n && power < POWER_MOST; i++)
    power = power * 10 + (s.p[i] - '0');
  return negative ? -power : power;
}

/* Too short to be large: no exponent, or one of two digits. */
static bool is_small(struct cf_str number)
{
  bool small = number.n < 200;
  for (size_t i = 0; i + 3 < number.n && small; i++)
    small = (number.p[i] | 0x20) != 'e';
  return small;
}

bool cf_number_beyond_double(struct cf_str number)
{
  struct significant got;
  if (is_small(number))
    return false;
  size_t sign = number.n > 0 && *number.p == '-';
  struct cf_str rest = read_digits((struct cf_str){number.p + sign, number.n - sign}, &got);
  if (got.n == 0)
    return false;
  got.power += read_exponent(rest);
  if (got.power != POWER)
    return got.power > POWER;
  return memcmp(got.digits, DIGITS, DIGITS_N) >= 0;
}

bool cf_number_ok(struct cf_str number)
{
  bool negative = number.n > 0 && *number.p == '-';
  struct cf_str digits = {number.p + negative, number.n - negative};
  size_t i = 0;
  while (i < digits.n && digits.p[i] >= '0' && digits.p[i] <= '9')
    i++;
  if (i == digits.n)
    return !cf_number_beyond_int64(digits, negative);
  return number.n <= CF_NUMBER_MAX && !cf_number_beyond_double(number);
}
