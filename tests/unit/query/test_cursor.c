/* SPDX-License-Identifier: MIT */
/* Cursors: a place to go on from, bound to its question. */
#include "config.h"

#include "lib/query/query_in.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/query/query_ask.h"

static const struct cf_spot spots[] = {
    {0, 0},
    {1700000000000000, 1},
    {-62135596800000000, UINT64_MAX},
    {INT64_MIN, 12345},
    {INT64_MAX, 1},
    {-1, 255},
};

static void cursor_of(const char *url, struct cf_spot spot, char out[128])
{
  struct cf_query *query;
  struct cf_fault fault;

  ck_assert_ok(ask_parse(url, NULL, &query, &fault));
  ck_assert_ok(cf_cursor_put(query, spot, out));
  ck_assert_uint_gt(strlen(out), 20);
  for (const char *p = out; *p != 0; p++)
    ck_assert(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", *p) !=
              NULL);
  cf_query_free(query);
}

static enum cf_err parse_with_cursor(const char *url, const char *cursor, struct cf_spot *spot,
                                     struct cf_fault *fault)
{
  char whole[512];
  struct cf_query *query;

  snprintf(whole, sizeof whole, "%s&cursor=%s", url, cursor);
  enum cf_err err = ask_parse(whole[0] == '&' ? whole + 1 : whole, NULL, &query, fault);
  if (err == CF_OK) {
    *spot = query->start;
    cf_query_free(query);
  }
  return err;
}

START_TEST(test_cursor_round)
{
  static const char *const urls[] = {"", "user=a", "order=asc", "sort=time&user=a",
                                     "sort=time&order=asc&from=-1h"};
  char cursor[128];
  struct cf_spot spot;
  struct cf_fault fault;

  for (size_t i = 0; i < CF_COUNT(urls); i++) {
    bool by_time = strstr(urls[i], "sort=time") != NULL;
    cursor_of(urls[i], spots[_i], cursor);
    ck_assert_ok(parse_with_cursor(urls[i], cursor, &spot, &fault));
    ck_assert_uint_eq(spot.seq, spots[_i].seq);
    ck_assert_int_eq(spot.time_us, by_time ? spots[_i].time_us : 0);
  }
}
END_TEST

/* The same question in other words takes the cursor; another question does
 * not. */
START_TEST(test_cursor_binds)
{
  static const struct {
    const char *made, *asked;
    bool good;
  } rows[] = {
      {"user=a&user=b", "user=b&user=a&limit=3&fields=ip", true},
      {"method=get", "method=GET", true},
      {"kind=event", "", true},
      {"from=-1h", "from=-1h", true},
      {"from=-1h", "from=-2h", false},
      {"user=a", "user=b", false},
      {"user=a", "user.not=a", false},
      {"user=a", "user=a&user=b", false},
      {"user=a", "", false},
      {"", "kind=all", false},
      {"", "order=asc", false},
      {"order=asc", "", false},
      {"", "sort=time", false},
      {"sort=time", "sort=time&order=asc", false},
      {"user=a&q=b", "user=b&q=a", false},
      {"user=a%26q%3Db", "user=a&q=b", false},
  };
  char cursor[128];
  struct cf_spot spot;
  struct cf_fault fault;

  for (size_t i = 0; i < CF_COUNT(rows); i++) {
    cursor_of(rows[i].made, spots[1], cursor);
    ck_assert_err(parse_with_cursor(rows[i].asked, cursor, &spot, &fault),
                  rows[i].good ? CF_OK : CF_E_CURSOR);
    if (!rows[i].good)
      ck_assert_str_eq(fault.at, "cursor");
  }
}
END_TEST

START_TEST(test_cursor_broken)
{
  static const char *const broken[] = {"", "x", "AAAA", "!!!!", "AAAAAAAAAAAAAAAAAAAAAAAA", "%00"};
  char cursor[128];
  struct cf_spot spot;
  struct cf_fault fault;

  for (size_t i = 0; i < CF_COUNT(broken); i++)
    ck_assert_err(parse_with_cursor("user=a", broken[i], &spot, &fault), CF_E_CURSOR);
  cursor_of("user=a", spots[1], cursor);
  size_t n = strlen(cursor);
  for (size_t i = 0; i < 11; i++) { /* version and digest */
    char kept = cursor[i];
    cursor[i] = kept == 'A' ? 'B' : 'A';
    ck_assert_err(parse_with_cursor("user=a", cursor, &spot, &fault), CF_E_CURSOR);
    cursor[i] = kept;
  }
  ck_assert_ok(parse_with_cursor("user=a", cursor, &spot, &fault));
  cursor[n - 1] = 0;
  ck_assert_err(parse_with_cursor("user=a", cursor, &spot, &fault), CF_E_CURSOR);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "cursor", .test = test_cursor_round, .loops = CF_COUNT(spots)},
      {.tcase = "cursor", .test = test_cursor_binds},
      {.tcase = "cursor", .test = test_cursor_broken},
  };
  return cf_test_run("cursor", tests, CF_COUNT(tests));
}
