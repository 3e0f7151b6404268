/* SPDX-License-Identifier: MIT */
/* Time: RFC 3339's examples, both ends of the calendar, every day between,
 * epochs by magnitude, and a local zone that must not matter. */
#include "config.h"

#include "lib/base/clock.h"

#include <time.h>

#include "tests/unit/cf_test.h"

#define BAD INT64_MIN

struct row {
  const char *text;
  int64_t us;
};

/* RFC 3339 section 5.8, then the edges. BAD: refused. */
static const struct row rfc3339[] = {
    {"1985-04-12T23:20:50.52Z", 482196050520000},
    {"1996-12-19T16:39:57-08:00", 851042397000000},
    {"1996-12-20T00:39:57Z", 851042397000000},
    {"1990-12-31T23:59:60Z", 662687999999999},
    {"1990-12-31T15:59:60-08:00", 662687999999999},
    {"1937-01-01T12:00:27.87+00:20", -1041337172130000},
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01t00:00:00z", 0},
    {"1970-01-01 00:00:00Z", 0},
    {"1970-01-01T00:00:00-00:00", 0},
    {"1970-01-01T23:59:00+23:59", 0},
    {"1969-12-31T00:01:00-23:59", 0},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"1969-12-31T23:59:59.9999999999Z", -1},
    {"1970-01-01T00:00:00.0000019Z", 1},
    {"1970-01-01T00:00:00.000000999999999999999999999999999999999999Z", 0},
    {"1970-01-01T00:00:00.5Z", 500000},
    {"2016-12-31T23:59:60.5Z", 1483228799999999},
    {"2016-12-31T23:59:59.9999995Z", 1483228799999999},
    {"2017-01-01T00:00:00Z", 1483228800000000},
    {"2000-02-29T00:00:00Z", 951782400000000},
    {"2024-02-29T12:00:00Z", 1709208000000000},
    {"0001-01-01T00:00:00Z", CF_TIME_MIN_US},
    {"9999-12-31T23:59:59.999999Z", CF_TIME_MAX_US},
    {"9999-12-31T23:59:60Z", CF_TIME_MAX_US},
    {"0001-01-01T00:00:00+00:01", BAD},
    {"9999-12-31T23:59:59-00:01", BAD},
    {"0000-12-31T23:59:59Z", BAD},
    {"0000-12-31T23:59:59-00:01", BAD},
    {"1900-02-29T00:00:00Z", BAD},
    {"2023-02-29T00:00:00Z", BAD},
    {"2023-04-31T00:00:00Z", BAD},
    {"2023-00-01T00:00:00Z", BAD},
    {"2023-13-01T00:00:00Z", BAD},
    {"2023-01-00T00:00:00Z", BAD},
    {"2023-01-32T00:00:00Z", BAD},
    {"2023-01-01T24:00:00Z", BAD},
    {"2023-01-01T23:60:00Z", BAD},
    {"2023-01-01T23:59:61Z", BAD},
    {"2023-01-01T23:59Z", BAD},
    {"2023-01-01T23:59:59", BAD},
    {"2023-01-01T23:59:59.Z", BAD},
    {"2023-01-01T23:59:59,5Z", BAD},
    {"2023-01-01T23:59:59+24:00", BAD},
    {"2023-01-01T23:59:59+00:60", BAD},
    {"2023-01-01T23:59:59+0000", BAD},
    {"2023-01-01T23:59:59+00", BAD},
    {"2023-01-01T23:59:59ZZ", BAD},
    {"2023-01-01T23:59:59Z ", BAD},
    {" 2023-01-01T23:59:59Z", BAD},
    {"2023-1-1T23:59:59Z", BAD},
    {"12023-01-01T23:59:59Z", BAD},
    {"+2023-01-01T23:59:59Z", BAD},
    {"-023-01-01T23:59:59Z", BAD},
    {"2023-01-01_23:59:59Z", BAD},
    {"20230101T235959Z", BAD},
    {"2023-01-01", BAD},
    {"", BAD},
};

static const struct row strict[] = {
    {"2026-11-24T02:00:00.000001Z", 1795485600000001},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"2026-11-24T02:00:00.00001Z", BAD},
    {"2026-11-24T02:00:00.0000001Z", BAD},
    {"2026-11-24t02:00:00.000001Z", BAD},
    {"2026-11-24 02:00:00.000001Z", BAD},
    {"2026-11-24T02:00:00.000001z", BAD},
    {"2026-11-24T02:00:60.000001Z", BAD},
    {"2026-11-24T02:00:00Z", BAD},
    {"2026-11-24T02:00:00.0+00:00", BAD},
    {"2026-11-24T02:00:00+00:0000", BAD},
    {"2026-11-31T02:00:00.000001Z", BAD},
};

static const struct row epochs[] = {
    {"0", 0},
    {"-0", 0},
    {"1", 1000000},
    {"-1", -1000000},
    {"1.5", 1500000},
    {"-1.5", -1500000},
    {"0.0000019", 1},
    {"-0.0000019", -1},
    {"0.000000999999999999999999999999", 0},
    {"1700000000.123456789", 1700000000123456},
    {"99999999999", 99999999999000000},
    {"99999999999.999999999", 99999999999999999},
    {"100000000000", 100000000000000},
    {"1700000000000", 1700000000000000},
    {"1700000000000.1239", 1700000000000123},
    {"99999999999999", 99999999999999000},
    {"100000000000000", 100000000000000},
    {"1700000000000000", 1700000000000000},
    {"1700000000000000.9", 1700000000000000},
    {"99999999999999999", 99999999999999999},
    {"100000000000000000", 100000000000000},
    {"1700000000123456789", 1700000000123456},
    {"-1700000000123456789", -1700000000123456},
    {"253402300799999999999", CF_TIME_MAX_US},
    {"253402300800000000000", BAD},
    {"-62135596800000000000", CF_TIME_MIN_US},
    {"-62135596800000001000", BAD},
    {"-62135596800", CF_TIME_MIN_US},
    {"-62135596801", BAD},
    {"99999999999999999999999999999999999999999999", BAD},
    {"", BAD},
    {"-", BAD},
    {"+1", BAD},
    {"--1", BAD},
    {"1.", BAD},
    {".5", BAD},
    {"1e9", 1000000000000000},
    {"1.5e3", 1500000000},
    {"1.7E+9", 1700000000000000},
    {"17e-1", 1700000},
    {"1700000000123.456e-3", 1700000000123456},
    {"1.7000000001234568e+18", 1700000000123456},
    {"9.99e10", 99900000000000000},
    {"1e11", 100000000000000},
    {"-1.5e0", -1500000},
    {"0e9", 0},
    {"0.000e-99", 0},
    {"1e-7", 0},
    {"1e-99", 0},
    {"0.00000000017e19", 1700000000000000},
    {"2.53402300799999999999e20", CF_TIME_MAX_US},
    {"1e21", BAD},
    {"1e400", BAD},
    {"1e", BAD},
    {"1e+", BAD},
    {"1e1.5", BAD},
    {"1ee1", BAD},
    {"e9", BAD},
    {"01e1", BAD},
    {"1.e1", BAD},
    {"01", BAD},
    {"0x10", BAD},
    {" 1", BAD},
    {"1 ", BAD},
    {"1_000", BAD},
    {"NaN", BAD},
};

#define NOW 1700000000000000

static const struct row bounds[] = {
    {"now", NOW},
    {"-90s", NOW - 90000000},
    {"-15m", NOW - 900000000},
    {"-24h", NOW - 86400000000},
    {"-7d", NOW - 7 * 86400000000},
    {"-2w", NOW - 14 * 86400000000},
    {"2026-11-24", 1795478400000000},
    {"2026-11-24T02:00:00+02:00", 1795478400000000},
    {"1700000000", NOW},
    {"-90", -90000000},
    {"0001-01-01", CF_TIME_MIN_US},
    {"-999999w", BAD},
    {"-0s", BAD},
    {"+1h", BAD},
    {"1h", BAD},
    {"-1y", BAD},
    {"-1", -1000000},
    {"-h", BAD},
    {"Now", BAD},
    {"2026-11-31", BAD},
    {"2026-11", BAD},
    {"yesterday", BAD},
    {"", BAD},
};

static const struct row spans[] = {
    {"1s", 1000000},
    {"90s", 90000000},
    {"5m", 300000000},
    {"24h", 86400000000},
    {"1d", 86400000000},
    {"1w", 604800000000},
    {"0s", BAD},
    {"s", BAD},
    {"1", BAD},
    {"-1s", BAD},
    {"1.5h", BAD},
    {"1S", BAD},
    {"1ms", BAD},
    {"1 s", BAD},
    {"99999999999999999999w", BAD},
    {"15250284452471w", BAD},
    {"", BAD},
};

typedef enum cf_err parser(struct cf_str s, int64_t *t_us);

static void check_row(parser *parse, const struct row *row)
{
  int64_t got = 42;
  enum cf_err err = parse(cf_str_from(row->text), &got);

  if (row->us == BAD) {
    ck_assert_msg(err == CF_E_SYNTAX, "\"%s\" was taken as %lld", row->text, (long long)got);
    ck_assert_int_eq(got, 42);
  } else {
    ck_assert_msg(err == CF_OK && got == row->us, "\"%s\": %s %lld, not %lld", row->text,
                  cf_err_word(err), (long long)got, (long long)row->us);
  }
}

static enum cf_err parse_bound_at_now(struct cf_str s, int64_t *t_us)
{
  return cf_time_parse_bound(s, NOW, t_us);
}

START_TEST(test_rfc3339)
{
  check_row(cf_time_parse, &rfc3339[_i]);
}
END_TEST

START_TEST(test_strict)
{
  check_row(cf_time_parse_strict, &strict[_i]);
}
END_TEST

START_TEST(test_epoch)
{
  check_row(cf_time_parse_epoch, &epochs[_i]);
}
END_TEST

START_TEST(test_bound)
{
  check_row(parse_bound_at_now, &bounds[_i]);
}
END_TEST

START_TEST(test_span)
{
  check_row(cf_span_parse, &spans[_i]);
}
END_TEST

/* Every day of the calendar, counted by hand: formatted, and parsed back by all
 * three ways. */
START_TEST(test_every_day)
{
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t t = CF_TIME_MIN_US;

  for (int year = 1; year <= 9999; year++) {
    for (int month = 1; month <= 12; month++) {
      bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
      int days = month == 2 && leap ? 29 : lengths[month - 1];
      for (int day = 1; day <= days; day++, t += 24 * CF_HOUR_US) {
        char want[64], got[CF_TIME_TEXT_N + 1];
        int64_t back = 0, civil = 0;
        (void)snprintf(want, sizeof want, "%04d-%02d-%02dT00:00:00.000000Z", year, month, day);
        cf_time_format(t, got);
        if (strcmp(got, want) != 0 || cf_time_parse_strict(cf_str_from(got), &back) != CF_OK ||
            back != t || cf_time_from_civil(year, month, day, 0, 0, 0, 0, &civil) != CF_OK ||
            civil != t)
          ck_abort_msg("%s: %s", want, got);
      }
    }
  }
  ck_assert_int_eq(t, CF_TIME_MAX_US + 1);
}
END_TEST

static const struct row formats[] = {
    {"0001-01-01T00:00:00.000000Z", CF_TIME_MIN_US},
    {"9999-12-31T23:59:59.999999Z", CF_TIME_MAX_US},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"1970-01-01T00:00:00.000000Z", 0},
    {"2026-11-24T02:00:00.000001Z", 1795485600000001},
    {"1600-02-29T23:00:00.100000Z", -11670915599900000},
};

START_TEST(test_format)
{
  char text[CF_TIME_TEXT_N + 1];

  memset(text, 'x', sizeof text);
  cf_time_format(formats[_i].us, text);
  ck_assert_str_eq(text, formats[_i].text);
  ck_assert_uint_eq(strlen(text), CF_TIME_TEXT_N);
}
END_TEST

static const struct {
  int field[7];
  int64_t us;
} civils[] = {
    {{1970, 1, 1, 0, 0, 0, 0}, 0},
    {{2000, 10, 10, 13, 55, 36, -7 * 3600}, 971211336000000},
    {{2016, 12, 31, 23, 59, 60, 0}, 1483228799999999},
    {{1, 1, 1, 0, 0, 0, 1}, BAD},
    {{9999, 12, 31, 23, 59, 59, -1}, BAD},
    {{0, 1, 1, 0, 0, 0, 0}, BAD},
    {{10000, 1, 1, 0, 0, 0, 0}, BAD},
    {{-1, 1, 1, 0, 0, 0, 0}, BAD},
    {{2000, 0, 1, 0, 0, 0, 0}, BAD},
    {{2000, 13, 1, 0, 0, 0, 0}, BAD},
    {{2001, 2, 29, 0, 0, 0, 0}, BAD},
    {{2000, 1, -1, 0, 0, 0, 0}, BAD},
    {{2000, 1, 1, -1, 0, 0, 0}, BAD},
    {{2000, 1, 1, 24, 0, 0, 0}, BAD},
    {{2000, 1, 1, 0, 60, 0, 0}, BAD},
    {{2000, 1, 1, 0, -1, 0, 0}, BAD},
    {{2000, 1, 1, 0, 0, 61, 0}, BAD},
    {{2000, 1, 1, 0, 0, -1, 0}, BAD},
    {{2000, 1, 1, 0, 0, 0, 86400}, BAD},
    {{2000, 1, 1, 0, 0, 0, -86400}, BAD},
};

START_TEST(test_civil)
{
  const int *f = civils[_i].field;
  int64_t got = 42;
  enum cf_err err = cf_time_from_civil(f[0], f[1], f[2], f[3], f[4], f[5], f[6], &got);

  ck_assert_err(err, civils[_i].us == BAD ? CF_E_SYNTAX : CF_OK);
  ck_assert_int_eq(got, civils[_i].us == BAD ? 42 : civils[_i].us);
}
END_TEST

START_TEST(test_hour)
{
  ck_assert_int_eq(cf_time_hour(0), 0);
  ck_assert_int_eq(cf_time_hour(CF_HOUR_US - 1), 0);
  ck_assert_int_eq(cf_time_hour(CF_HOUR_US), CF_HOUR_US);
  ck_assert_int_eq(cf_time_hour(-1), -CF_HOUR_US);
  ck_assert_int_eq(cf_time_hour(-CF_HOUR_US), -CF_HOUR_US);
  ck_assert_int_eq(cf_time_hour(-CF_HOUR_US - 1), -2 * CF_HOUR_US);
}
END_TEST

START_TEST(test_now)
{
  int64_t a = cf_clock_mono_us();
  int64_t b = cf_clock_mono_us();
  int64_t before_s = (int64_t)time(NULL);
  int64_t now_s = cf_clock_now_us() / 1000000;
  int64_t after_s = (int64_t)time(NULL);

  ck_assert_int_ge(b, a);
  ck_assert_int_ge(now_s, before_s);
  ck_assert_int_le(now_s, after_s + 1); /* time(2) may be a tick behind */
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "parse", .test = test_rfc3339, .loops = CF_COUNT(rfc3339)},
      {.tcase = "parse", .test = test_strict, .loops = CF_COUNT(strict)},
      {.tcase = "parse", .test = test_epoch, .loops = CF_COUNT(epochs)},
      {.tcase = "parse", .test = test_bound, .loops = CF_COUNT(bounds)},
      {.tcase = "parse", .test = test_span, .loops = CF_COUNT(spans)},
      {.tcase = "parse", .test = test_civil, .loops = CF_COUNT(civils)},
      {.tcase = "format", .test = test_format, .loops = CF_COUNT(formats)},
      {.tcase = "format", .test = test_every_day},
      {.tcase = "format", .test = test_hour},
      {.tcase = "format", .test = test_now},
  };

  setenv("TZ", "America/St_Johns", 1);
  tzset();
  return cf_test_run("clock", tests, CF_COUNT(tests));
}
