/* SPDX-License-Identifier: MIT */
/* Time without the C library's time zones: days and fields by arithmetic on the
 * proleptic Gregorian calendar. */
#include "config.h"

#include "lib/base/clock.h"

#include <string.h>
#include <time.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define SECOND_US    INT64_C(1000000)
#define DAY_S        INT64_C(86400)
#define DAY_US       (DAY_S * SECOND_US)
#define DIGITS_MAX   64 /* of a number with an exponent */
#define EXPONENT_MAX 99

static int64_t read_clock(clockid_t id)
{
  struct timespec t;

  CF_ASSERT(clock_gettime(id, &t) == 0);
  return (int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000;
}

int64_t cf_clock_now_us(void)
{
  return read_clock(CLOCK_REALTIME);
}

int64_t cf_clock_mono_us(void)
{
  return read_clock(CLOCK_MONOTONIC);
}

/* Floor division: b > 0. */
static int64_t floor_div(int64_t a, int64_t b)
{
  return a / b - (a % b < 0);
}

int64_t cf_time_hour(int64_t t_us)
{
  return floor_div(t_us, CF_HOUR_US) * CF_HOUR_US;
}

static bool is_leap(int year)
{
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of_month(int year, int month)
{
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

  return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01. Years are counted from March, so that the leap day
 * comes last; 719468 days lie between 0000-03-01 and 1970. */
static int64_t days_from_civil(int year, int month, int day)
{
  int64_t y = year - (month <= 2);
  int64_t era = floor_div(y, 400);
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

  return era * 146097 + day_of_era - 719468;
}

/* The inverse. */
static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
  int64_t z = days + 719468;
  int64_t era = floor_div(z, 146097);
  int64_t day_of_era = z - era * 146097;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t from_march = (5 * day_of_year + 2) / 153;

  *day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
  *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
  *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

/* width digits and the character that follows. */
static char *put_digits(char *out, uint32_t v, int width, char then)
{
  for (int i = width - 1; i >= 0; i--, v /= 10)
    out[i] = (char)('0' + v % 10);
  out[width] = then;
  return out + width + 1;
}

void cf_time_format(int64_t t_us, char out[CF_TIME_TEXT_N + 1])
{
  int year, month, day;

  CF_ASSERT(t_us >= CF_TIME_MIN_US && t_us <= CF_TIME_MAX_US);
  int64_t days = floor_div(t_us, DAY_US);
  int64_t us = t_us - days * DAY_US;
  uint32_t second = (uint32_t)(us / SECOND_US);
  civil_from_days(days, &year, &month, &day);
  out = put_digits(out, (uint32_t)year, 4, '-');
  out = put_digits(out, (uint32_t)month, 2, '-');
  out = put_digits(out, (uint32_t)day, 2, 'T');
  out = put_digits(out, second / 3600, 2, ':');
  out = put_digits(out, second / 60 % 60, 2, ':');
  out = put_digits(out, second % 60, 2, '.');
  out = put_digits(out, (uint32_t)(us % SECOND_US), 6, 'Z');
  *out = '\0';
}

static bool in_range(int64_t t_us)
{
  return t_us >= CF_TIME_MIN_US && t_us <= CF_TIME_MAX_US;
}

static bool civil_ok(int year, int month, int day, int hour, int minute, int second)
{
  return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
         day <= days_of_month(year, month) && hour >= 0 && hour <= 23 && minute >= 0 &&
         minute <= 59 && second >= 0 && second <= 60;
}

enum cf_err cf_time_from_civil(int year, int month, int day, int hour, int minute, int second,
                               int offset_s, int64_t *t_us)
{
  if (!civil_ok(year, month, day, hour, minute, second) || offset_s <= -DAY_S || offset_s >= DAY_S)
    return CF_E_SYNTAX;
  int64_t s =
      days_from_civil(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - offset_s;
  int64_t t = second == 60 ? s * SECOND_US - 1 : s * SECOND_US;
  if (!in_range(t))
    return CF_E_SYNTAX;
  *t_us = t;
  return CF_OK;
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* The number that the width digits from at on are. */
static int digits_at(struct cf_str s, size_t at, size_t width)
{
  int v = 0;

  for (size_t i = at; i < at + width; i++)
    v = v * 10 + (s.p[i] - '0');
  return v;
}

/* Take width digits off the front of s. */
static bool take_digits(struct cf_str *s, size_t width, int *v)
{
  uint64_t number;

  if (s->n < width || cf_u64_parse((struct cf_str){s->p, width}, 99999, &number) != CF_OK)
    return false;
  *s = (struct cf_str){s->p + width, s->n - width};
  *v = (int)number;
  return true;
}

/* Take one of the characters of `any`. */
static bool take_one(struct cf_str *s, const char *any)
{
  if (s->n == 0 || s->p[0] == '\0' || strchr(any, s->p[0]) == NULL)
    return false;
  *s = (struct cf_str){s->p + 1, s->n - 1};
  return true;
}

static bool take_date(struct cf_str *s, int *year, int *month, int *day)
{
  return take_digits(s, 4, year) && take_one(s, "-") && take_digits(s, 2, month) &&
         take_one(s, "-") && take_digits(s, 2, day);
}

static bool take_clock(struct cf_str *s, int *hour, int *minute, int *second)
{
  return take_digits(s, 2, hour) && take_one(s, ":") && take_digits(s, 2, minute) &&
         take_one(s, ":") && take_digits(s, 2, second);
}

/* The digits at the front of s, which moves behind them. */
static struct cf_str take_run(struct cf_str *s)
{
  size_t n = 0;

  while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
    n++;
  struct cf_str run = {s->p, n};
  if (n > 0)
    *s = (struct cf_str){s->p + n, s->n - n};
  return run;
}

/* The first `width` digits of a fraction as a number, missing ones zero, the
 * rest dropped. */
static int64_t fraction(struct cf_str digits, size_t width)
{
  int64_t v = 0;

  for (size_t i = 0; i < width; i++)
    v = v * 10 + (i < digits.n ? digits.p[i] - '0' : 0);
  return v;
}

/* An optional '.' and digits; false for a '.' without digits. */
static bool take_fraction(struct cf_str *s, struct cf_str *digits)
{
  *digits = (struct cf_str){NULL, 0};
  if (!take_one(s, "."))
    return true;
  *digits = take_run(s);
  return digits->n > 0;
}

/* Z, or an offset east of UTC in seconds. */
static bool take_offset(struct cf_str *s, int *offset_s)
{
  int hour, minute;

  *offset_s = 0;
  if (take_one(s, "Zz"))
    return true;
  int sign = s->n > 0 && s->p[0] == '-' ? -1 : 1;
  if (!take_one(s, "+-") || !take_digits(s, 2, &hour) || !take_one(s, ":") ||
      !take_digits(s, 2, &minute) || hour > 23 || minute > 59)
    return false;
  *offset_s = sign * (hour * 3600 + minute * 60);
  return true;
}

enum cf_err cf_time_parse(struct cf_str s, int64_t *t_us)
{
  int year, month, day, hour, minute, second, offset_s;
  struct cf_str digits;
  int64_t t;

  if (!take_date(&s, &year, &month, &day) || !take_one(&s, "Tt ") ||
      !take_clock(&s, &hour, &minute, &second) || !take_fraction(&s, &digits) ||
      !take_offset(&s, &offset_s) || s.n > 0)
    return CF_E_SYNTAX;
  enum cf_err err = cf_time_from_civil(year, month, day, hour, minute, second, offset_s, &t);
  if (err != CF_OK)
    return err;
  *t_us = second == 60 ? t : t + fraction(digits, 6);
  return CF_OK;
}

/* Every digit has its place. */
enum cf_err cf_time_parse_strict(struct cf_str s, int64_t *t_us)
{
  static const char form[] = "0000-00-00T00:00:00.000000Z";
  int64_t t;

  if (s.n != CF_TIME_TEXT_N || s.p[17] == '6')
    return CF_E_SYNTAX;
  for (size_t i = 0; i < CF_TIME_TEXT_N; i++)
    if (form[i] == '0' ? !is_digit(s.p[i]) : s.p[i] != form[i])
      return CF_E_SYNTAX;
  enum cf_err err =
      cf_time_from_civil(digits_at(s, 0, 4), digits_at(s, 5, 2), digits_at(s, 8, 2),
                         digits_at(s, 11, 2), digits_at(s, 14, 2), digits_at(s, 17, 2), 0, &t);
  if (err == CF_OK)
    *t_us = t + digits_at(s, 20, 6);
  return err;
}

/* Microseconds from the digits before and behind the point. The unit follows
 * from the count of digits, and becomes a shift of the point: nothing is
 * multiplied or rounded. */
static bool epoch_us(struct cf_str whole, struct cf_str digits, int64_t *us)
{
  size_t shift = whole.n <= 11 ? 6 : whole.n <= 14 ? 3 : 0;
  uint64_t v;

  if (whole.n > 17)
    whole.n -= 3;
  if (cf_u64_parse(whole, CF_TIME_MAX_US, &v) != CF_OK)
    return false;
  *us = (int64_t)v;
  for (size_t i = 0; i < shift; i++)
    *us *= 10;
  *us += fraction(digits, shift);
  return true;
}

/* An optional exponent; beyond what any time has it stays at the limit. */
static bool take_exponent(struct cf_str *s, int *exponent)
{
  *exponent = 0;
  if (!take_one(s, "Ee"))
    return true;
  bool negative = take_one(s, "-");
  if (!negative)
    (void)take_one(s, "+");
  struct cf_str run = take_run(s);
  for (size_t i = 0; i < run.n && *exponent < EXPONENT_MAX; i++)
    *exponent = *exponent * 10 + (run.p[i] - '0');
  *exponent = (negative ? -1 : 1) * (*exponent < EXPONENT_MAX ? *exponent : EXPONENT_MAX);
  return run.n > 0;
}

/* The digits before and behind the point after it moved by the exponent, in
 * room for them. */
static bool move_point(struct cf_str *whole, struct cf_str *digits, int exponent,
                       char room[DIGITS_MAX + 2 * EXPONENT_MAX])
{
  size_t n = EXPONENT_MAX;

  if (whole->n + digits->n > DIGITS_MAX)
    return false;
  memset(room, '0', DIGITS_MAX + 2 * EXPONENT_MAX);
  memcpy(room + n, whole->p, whole->n);
  if (digits->n > 0)
    memcpy(room + n + whole->n, digits->p, digits->n);
  size_t point = (size_t)((int)(n + whole->n) + exponent);
  size_t end = n + whole->n + digits->n;
  size_t first = 0;
  while (first + 1 < point && room[first] == '0')
    first++;
  *whole = (struct cf_str){room + first, point - first};
  *digits = (struct cf_str){room + point, end > point ? end - point : 0};
  return true;
}

enum cf_err cf_time_parse_epoch(struct cf_str s, int64_t *t_us)
{
  char room[DIGITS_MAX + 2 * EXPONENT_MAX];
  struct cf_str digits;
  int exponent;
  int64_t us;

  bool negative = take_one(&s, "-");
  struct cf_str whole = take_run(&s);
  if (whole.n == 0 || (whole.n > 1 && whole.p[0] == '0') || !take_fraction(&s, &digits) ||
      !take_exponent(&s, &exponent) || s.n > 0)
    return CF_E_SYNTAX;
  if (exponent != 0 && !move_point(&whole, &digits, exponent, room))
    return CF_E_SYNTAX;
  if (!epoch_us(whole, digits, &us))
    return CF_E_SYNTAX;
  if (negative)
    us = -us;
  if (!in_range(us))
    return CF_E_SYNTAX;
  *t_us = us;
  return CF_OK;
}

enum cf_err cf_span_parse(struct cf_str s, int64_t *span_us)
{
  static const char letters[] = "smhdw";
  static const int64_t units_us[] = {SECOND_US, 60 * SECOND_US, 3600 * SECOND_US, DAY_US,
                                     7 * DAY_US};
  uint64_t count;

  const char *letter = s.n < 2 ? NULL : memchr(letters, s.p[s.n - 1], sizeof letters - 1);
  if (letter == NULL)
    return CF_E_SYNTAX;
  int64_t unit_us = units_us[letter - letters];
  uint64_t most = (uint64_t)((CF_TIME_MAX_US - CF_TIME_MIN_US) / unit_us);
  if (cf_u64_parse((struct cf_str){s.p, s.n - 1}, most, &count) != CF_OK || count == 0)
    return CF_E_SYNTAX;
  *span_us = (int64_t)count * unit_us;
  return CF_OK;
}

static enum cf_err parse_date(struct cf_str s, int64_t *t_us)
{
  int year, month, day;

  if (!take_date(&s, &year, &month, &day) || s.n > 0)
    return CF_E_SYNTAX;
  return cf_time_from_civil(year, month, day, 0, 0, 0, 0, t_us);
}

/* "now", or "-" and a span. */
static enum cf_err parse_relative(struct cf_str s, int64_t now_us, int64_t *t_us)
{
  int64_t span_us = 0;

  if (!cf_str_is(s, "now") && (!take_one(&s, "-") || cf_span_parse(s, &span_us) != CF_OK))
    return CF_E_SYNTAX;
  if (!in_range(now_us) || !in_range(now_us - span_us))
    return CF_E_SYNTAX;
  *t_us = now_us - span_us;
  return CF_OK;
}

/* No text is well-formed in two of these ways, so the order is free. */
enum cf_err cf_time_parse_bound(struct cf_str s, int64_t now_us, int64_t *t_us)
{
  if (cf_time_parse(s, t_us) == CF_OK || parse_date(s, t_us) == CF_OK ||
      parse_relative(s, now_us, t_us) == CF_OK)
    return CF_OK;
  return cf_time_parse_epoch(s, t_us);
}
