/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi-app/command/when_in.h"

#include <unistd.h>

#include "tests/unit/cf_test.h"

#define NOW "2026-03-29T12:00:00Z" /* clocks of Berlin went forward that night */

static int64_t time_of(const char *text)
{
  int64_t t_us;

  ck_assert_ok(cf_time_parse(cf_str_from(text), &t_us));
  return t_us;
}

/* Is the system's table of zones there at all? */
static bool has_zones(void)
{
  return access("/usr/share/zoneinfo/Europe/Berlin", R_OK) == 0;
}

static const struct {
  const char *zone, *text, *want; /* want NULL: not a time */
} bounds[] = {
    {"UTC", "today", "2026-03-29T00:00:00.000000Z"},
    {"UTC", "yesterday", "2026-03-28T00:00:00.000000Z"},
    {"UTC", "2026-03-29", "2026-03-29T00:00:00.000000Z"},
    {"Z", "2026-03-29 03:04", "2026-03-29T03:04:00.000000Z"},
    {"+02:00", "2026-03-29T03:04:05", "2026-03-29T01:04:05.000000Z"},
    {"-03:30", "today", "2026-03-29T03:30:00.000000Z"},
    {"+0200", "today", "2026-03-28T22:00:00.000000Z"},  /* as logs write it */
    {"+13:00", "today", "2026-03-29T11:00:00.000000Z"}, /* it is the 30th already */
    {"-12:00", "today", "2026-03-29T12:00:00.000000Z"},
    {"Europe/Berlin", "today", "2026-03-28T23:00:00.000000Z"},
    {"Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00.000000Z"},
    {"Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00.000000Z"}, /* in the gap */
    {"Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00.000000Z"}, /* the first of two */
    {"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00.000000Z"},        /* no 30th there */
    {"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00.000000Z"}, /* its midnight is skipped */
    {"UTC", "2 h ago", "-2h"},
    {"Europe/Berlin", "2 h ago", "-2h"},
    {"UTC", "90min ago", "-90m"},
    {"UTC", "1 day ago", "-1d"},
    {"UTC", "3 weeks ago", "-3w"},
    {"UTC", "45 seconds ago", "-45s"},
    {"UTC", "-24h", "-24h"},
    {"Europe/Berlin", "2026-03-29T00:00:00+05:00", "2026-03-29T00:00:00+05:00"},
    {"Europe/Berlin", "1767571200", "1767571200"},
    {"Europe/Berlin", "now", "now"},
    {"UTC", "2026-02-30", NULL},
    {"UTC", "2026-03-29 25:00", NULL},
    {"UTC", "tomorrow", NULL},
    {"UTC", "2 fortnights ago", NULL},
    {"UTC", "2 h ago or so", NULL},
    {"UTC", "ago", NULL},
    {"UTC", "-2 h ago", NULL},
    {"UTC", "", NULL},
    {"UTC", "0001-01-01", "0001-01-01"},
    {"+05:00", "9999-12-31", "9999-12-31"},
};

START_TEST(words_are_bounds_of_a_question)
{
  struct cf_buf b;

  if (strchr(bounds[_i].zone, '/') != NULL && !has_zones())
    return;
  cf_buf_init(&b, 128);
  ck_assert_ok(cf_when_zone(bounds[_i].zone, NULL));
  enum cf_err err = cf_when_bound(&b, cf_str_from(bounds[_i].text), time_of(NOW));
  ck_assert_int_eq(err, bounds[_i].want != NULL ? CF_OK : CF_E_SYNTAX);
  if (err == CF_OK)
    ck_assert_str_eq(cf_buf_cstr(&b), bounds[_i].want);
  cf_buf_fini(&b);
}
END_TEST

static const struct {
  const char *zone, *text, *want;
} shown[] = {
    {"UTC", "2026-03-29T00:59:59.999999Z", "2026-03-29T00:59:59.999999Z"},
    {"+00:00", "2026-03-29T00:59:59.999999Z", "2026-03-29T00:59:59.999999Z"},
    {"-03:30", "2026-03-29T00:59:59.999999Z", "2026-03-28T21:29:59.999999-03:30"},
    {"Europe/Berlin", "2026-03-29T00:59:59.999999Z", "2026-03-29T01:59:59.999999+01:00"},
    {"Europe/Berlin", "2026-03-29T01:00:00.000000Z", "2026-03-29T03:00:00.000000+02:00"},
    {"+14:00", "9999-12-31T23:00:00Z", "9999-12-31T23:00:00.000000Z"},
    {"-12:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
    {"Europe/Berlin", "1800-01-01T00:00:00.5Z", "1800-01-01T00:53:00.500000+00:53"},
};

START_TEST(times_have_their_offset)
{
  struct cf_buf b;
  int64_t t_us;

  if (strchr(shown[_i].zone, '/') != NULL && !has_zones())
    return;
  cf_buf_init(&b, 128);
  ck_assert_ok(cf_when_zone(shown[_i].zone, NULL));
  cf_when_show(&b, time_of(shown[_i].text), true);
  ck_assert_str_eq(cf_buf_cstr(&b), shown[_i].want);
  ck_assert_ok(cf_time_parse(cf_buf_str(&b), &t_us));
  ck_assert_int_eq(t_us, time_of(shown[_i].text));
  cf_buf_fini(&b);
}
END_TEST

static const char *const none[] =
    {"",       "Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "+2",      "+02:60",
     "+24:00", "zone.tab",        "Europe",           "UTC0 ",          "+02:00x", ":UTC"};

START_TEST(what_is_no_zone_is_refused)
{
  struct cf_fault fault = {"", ""};

  ck_assert_int_eq(cf_when_zone(none[_i], &fault), CF_E_PARAMETER);
  ck_assert_str_eq(fault.at, "tz");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "when", .test = words_are_bounds_of_a_question, .loops = CF_COUNT(bounds)},
      {.tcase = "when", .test = times_have_their_offset, .loops = CF_COUNT(shown)},
      {.tcase = "when", .test = what_is_no_zone_is_refused, .loops = CF_COUNT(none)},
  };
  return cf_test_run("when", tests, CF_COUNT(tests));
}
