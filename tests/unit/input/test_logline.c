/* SPDX-License-Identifier: MIT */
/* Access log lines into events: formats, escapes, hostile lines, and that every
 * line becomes an event the ledger accepts. */
#include "config.h"

#include "lib/input/lines.h"
#include "tests/unit/input/logline_check.h"

#include <fcntl.h>
#include <unistd.h>

#define T "[17/May/2015:10:05:03 +0000]"

/* ---- access format ---- */

#define END "\"bytes\":2326,\"protocol\":\"HTTP/1.0\""
static const struct check_row access_rows[] = {
    {"192.0.2.1 - frank " T " \"GET /a.gif HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"user\":\"frank\",\"ip\":\"192.0.2.1\",\"resource\":\"/a.gif\"," END},
    {"192.0.2.1 - - " T " \"GET /a?b=c?d HTTP/1.0\" 304 - \"http://r/\" \"Mozilla/4.08 [en]\"", TIME
     ",\"method\":\"GET\",\"status\":304,\"ip\":\"192.0.2.1\",\"user_agent\":\"Mozilla/4.08 [en]\",\"referer\":\"http://r/\",\"resource\":\"/a\",\"query\":\"b=c?d\",\"protocol\":\"HTTP/1.0\""},
    {"2001:DB8:0:0::1 - - " T " \"HEAD / HTTP/2.0\" 200 0 \"-\" \"-\"", TIME
     ",\"method\":\"HEAD\",\"status\":200,\"ip\":\"2001:db8::1\",\"resource\":\"/\",\"bytes\":0,\"protocol\":\"HTTP/2.0\""},
    {"::ffff:192.0.2.7 - - " T " \"GET / HTTP/1.1\" 200 1 \"\" \"\"", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.7\",\"user_agent\":\"\",\"referer\":\"\",\"resource\":\"/\",\"bytes\":1,\"protocol\":\"HTTP/1.1\""},
    /* virtual hosts */
    {"www.example.org:443 192.0.2.1 - - " T " \"GET / HTTP/1.0\" 200 2326 \"-\" \"-\"", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/\",\"host\":\"www.example.org\"," END
     ",\"attributes\":{\"port\":\"443\"}"},
    {"www.example.org 192.0.2.1 - - " T " \"GET / HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/\",\"host\":\"www.example.org\"," END},
    {"127.0.1.1:80 ::1 - - " T " \"GET / HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"::1\",\"resource\":\"/\",\"host\":\"127.0.1.1\"," END
     ",\"attributes\":{\"port\":\"80\"}"},
    {"[::1]:8080 ::1 - - " T " \"GET / HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"::1\",\"resource\":\"/\",\"host\":\"[::1]\"," END
     ",\"attributes\":{\"port\":\"8080\"}"},
    {"127.0.0.1 192.0.2.1 - - " T " \"GET / HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/\",\"host\":\"127.0.0.1\"," END},
    {"127.0.0.1 localhost:8080 - " T " \"GET / HTTP/1.0\" 200 2326 \"-\" \"-\"", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"127.0.0.1\",\"resource\":\"/\",\"host\":\"localhost\"," END
     ",\"attributes\":{\"port\":\"8080\"}"},
    {"vhost.example.org client.example.net - - " T " \"GET / HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"resource\":\"/\",\"host\":\"vhost.example.org\"," END
     ",\"attributes\":{\"client_host\":\"client.example.net\"}"},
    {"- 192.0.2.1 - - " T " \"GET / HTTP/1.0\" 200 2326",
     TIME ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/\"," END},
    /* clients, ident names, users */
    {"client.example.net - - " T " \"GET / HTTP/1.0\" 200 2326",
     TIME ",\"method\":\"GET\",\"status\":200,\"resource\":\"/\"," END
          ",\"attributes\":{\"client_host\":\"client.example.net\"}"},
    {"192.0.2.1, 198.51.100.2 - - " T " \"GET / HTTP/1.0\" 200 2326",
     TIME ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/\"," END
          ",\"attributes\":{\"forwarded_for\":\"192.0.2.1, 198.51.100.2\"}"},
    {"192.0.2.1 root frank " T " \"GET / HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"user\":\"frank\",\"ip\":\"192.0.2.1\",\"resource\":\"/\"," END
     ",\"attributes\":{\"ident\":\"root\"}"},
    {"192.0.2.1 - John Q. Doe " T " \"GET / HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"user\":\"John Q. Doe\",\"ip\":\"192.0.2.1\",\"resource\":\"/\"," END},
    {"192.0.2.1 - \"\" " T " \"GET / HTTP/1.0\" 401 2326", TIME
     ",\"method\":\"GET\",\"status\":401,\"user\":\"\",\"ip\":\"192.0.2.1\",\"resource\":\"/\"," END},
    {"192.0.2.1 - a\\\"b\\\\c\\xc3\\xa9 " T " \"GET / HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"user\":\"a\\\"b\\\\c\xc3\xa9\",\"ip\":\"192.0.2.1\",\"resource\":\"/\"," END},
    {"192.0.2.1 " T " \"GET / HTTP/1.0\" 200 2326",
     TIME ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/\"," END},
    {"- - - " T " \"GET / HTTP/1.0\" 200 2326",
     TIME ",\"method\":\"GET\",\"status\":200,\"resource\":\"/\"," END},
    {"unix: - - " T " \"GET / HTTP/1.0\" 200 2326",
     TIME ",\"method\":\"GET\",\"status\":200,\"resource\":\"/\"," END
          ",\"attributes\":{\"client_host\":\"unix:\"}"},
    /* a user that plays a line of its own: its quotes are escaped, the true
   * bracket has a bare one behind it */
    {"192.0.2.1 - x [01/Jan/2001:00:00:00 +0000] \\\"GET /forged HTTP/1.1\\\" 200 1 " T
     " \"GET /true HTTP/1.0\" 401 2326",
     TIME
     ",\"method\":\"GET\",\"status\":401,\"user\":\"x [01/Jan/2001:00:00:00 +0000] \\\"GET /forged HTTP/1.1\\\" 200 1\",\"ip\":\"192.0.2.1\",\"resource\":\"/true\"," END},
    /* requests */
    {"192.0.2.1 - - " T " \"-\" 408 -",
     TIME ",\"action\":\"http.request\",\"status\":408,\"ip\":\"192.0.2.1\""},
    {"192.0.2.1 - - " T " \"\" 400 0",
     TIME ",\"action\":\"http.request\",\"status\":400,\"ip\":\"192.0.2.1\",\"bytes\":0"},
    {"192.0.2.1 - - " T " \"GET /old\" 200 5", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/old\",\"bytes\":5"},
    {"192.0.2.1 - - " T " \"GET \" 400 5",
     TIME ",\"method\":\"GET\",\"status\":400,\"ip\":\"192.0.2.1\",\"resource\":\"\",\"bytes\":5"},
    {"192.0.2.1 - - " T " \"GET HTTP/1.0\" 400 2326",
     TIME ",\"method\":\"GET\",\"status\":400,\"ip\":\"192.0.2.1\",\"resource\":\"\"," END},
    {"192.0.2.1 - - " T " \"GET  HTTP/1.0\" 400 2326",
     TIME ",\"method\":\"GET\",\"status\":400,\"ip\":\"192.0.2.1\",\"resource\":\"\"," END},
    {"192.0.2.1 - - " T " \"GET /a b?c d HTTP/1.0\" 404 2326", TIME
     ",\"method\":\"GET\",\"status\":404,\"ip\":\"192.0.2.1\",\"resource\":\"/a b\",\"query\":\"c d\"," END},
    {"192.0.2.1 - - " T " \"GET /? HTTP/1.0\" 200 2326", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/\",\"query\":\"\"," END},
    {"192.0.2.1 - - " T " \"OPTIONS sip:nm SIP/2.0\" 400 9", TIME
     ",\"method\":\"OPTIONS\",\"status\":400,\"ip\":\"192.0.2.1\",\"resource\":\"sip:nm\",\"bytes\":9,\"protocol\":\"SIP/2.0\""},
    {"192.0.2.1 - - " T " \"\\x16\\x03\\x01\\x02\" 400 226", TIME
     ",\"status\":400,\"ip\":\"192.0.2.1\",\"bytes\":226,\"message\":\"\\u0016\\u0003\\u0001\\u0002\""},
    {"192.0.2.1 - - " T " \"\\x16\\x03 GET / HTTP/1.0\" 400 226", TIME
     ",\"status\":400,\"ip\":\"192.0.2.1\",\"bytes\":226,\"message\":\"\\u0016\\u0003 GET / HTTP/1.0\""},
    {"192.0.2.1 - - " T " \"quit\" 400 226",
     TIME ",\"status\":400,\"ip\":\"192.0.2.1\",\"bytes\":226,\"message\":\"quit\""},
    {"192.0.2.1 - - " T " \"GET /a\"b\" 99 HTTP/1.0\" 200 2326 \"-\" \"-\"", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/a\\\"b\\\" 99\"," END},
    {"192.0.2.1 - - " T " \"GET / HTTP/1.0\" - 2326",
     TIME ",\"method\":\"GET\",\"ip\":\"192.0.2.1\",\"resource\":\"/\"," END},
    {"192.0.2.1 - - " T " \"GET / HTTP/1.0\" 200", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"/\",\"protocol\":\"HTTP/1.0\""},
/* referers, user agents and what follows */
#define GET "192.0.2.1 - - " T " \"GET / HTTP/1.0\" 200 2326"
#define GOT(more) \
  TIME ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\"," more "\"resource\":\"/\"," END
    {GET " \"-\" \"a\\\"b\\\\c\\x22\\x5C\\n\\t\\r\\b\\v\\f\\a\\q\\x4\\\"",
     GOT("\"user_agent\":\"a\\\"b\\\\c\\\"\\\\\\n\\t\\r\\b\\u000b\\f\\u0007\\\\q\\\\x4\\\"\",") ",\"attributes\":{\"unterminated\":\"user_agent\"}"},
    {GET " \"-\" \"a\\\"b\\\\c\\x22\\x5C\\n\\t\\r\\b\\v\\f\\a\\q\\x4\"",
     GOT("\"user_agent\":\"a\\\"b\\\\c\\\"\\\\\\n\\t\\r\\b\\u000b\\f\\u0007\\\\q\\\\x4\",")},
    {GET " \"-\" \"Mozilla \"x\" (y)\"", GOT("\"user_agent\":\"Mozilla \\\"x\\\" (y)\",")},
    {GET " \"-\" \"a\" \"b\" c\"", GOT("\"user_agent\":\"a\\\" \\\"b\\\" c\",")},
    {GET " \"-\" \"ua\" \"198.51.100.1\"",
     GOT("\"user_agent\":\"ua\",") ",\"attributes\":{\"extra\":\"\\\"198.51.100.1\\\"\"}"},
    {GET " \"-\" \"ua\" 0.004 \"up\\x41\" -",
     GOT("\"user_agent\":\"ua\",") ",\"attributes\":{\"extra\":\"0.004 \\\"up\\\\x41\\\" -\"}"},
    {GET " \"-\" \"cut he",
     GOT("\"user_agent\":\"cut he\",") ",\"attributes\":{\"unterminated\":\"user_agent\"}"},
    {GET " \"-\"", GOT("")},
    {GET " \"http://a/\"b\" \"ua\"", GOT("\"user_agent\":\"ua\",\"referer\":\"http://a/\\\"b\",")},
    {"h.example:443 192.0.2.1, 198.51.100.2 root - " T " \"GET / HTTP/1.1\" 200 1 \"-\" \"ua\" x y",
     TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"user_agent\":\"ua\",\"resource\":\"/\",\"host\":\"h.example\",\"bytes\":1,\"protocol\":\"HTTP/1.1\""
     ",\"attributes\":{\"extra\":\"x y\",\"forwarded_for\":\"192.0.2.1, 198.51.100.2\",\"ident\":\"root\",\"port\":\"443\"}"},
    {GET " 0.123 -", GOT("") ",\"attributes\":{\"extra\":\"0.123 -\"}"},
    {GET " \"half", GOT("") ",\"attributes\":{\"extra\":\"\\\"half\"}"},
    {GET " ", GOT("")},
    {"\xef\xbb\xbf" GET, GOT("")},
};

START_TEST(test_access)
{
  const struct check_row *row = &access_rows[_i];
  check_row(cf_str_from(row->line), row->event);
  ck_assert_int_eq(checked.format, CF_LOG_ACCESS);
}
END_TEST

static const struct {
  const char *text;
  const char *time; /* NULL: none, so the line is text */
  int bare;         /* it has no zone: its time in UTC+2 is two hours before */
} times[] = {
    {"17/May/2015:10:05:03 +0000", "2015-05-17T10:05:03.000000Z", 0},
    {"17/May/2015:10:05:03.5 +0000", "2015-05-17T10:05:03.500000Z", 0},
    {"17/May/2015:10:05:03,5 +0000", "2015-05-17T10:05:03.500000Z", 0},
    {"17/May/2015:10:05:03.1234567 +0000", "2015-05-17T10:05:03.123456Z", 0},
    {"01/Jan/2026:00:30:00 +0530", "2025-12-31T19:00:00.000000Z", 0},
    {"31/Dec/2025:23:30:00 -0100", "2026-01-01T00:30:00.000000Z", 0},
    {"30/Jun/2012:23:59:60 +0000", "2012-06-30T23:59:59.999999Z", 0},
    {"30/Jun/2012:23:59:60.5 +0000", "2012-06-30T23:59:59.999999Z", 0},
    {"17/May/2015:10:05:03 +02:00", "2015-05-17T08:05:03.000000Z", 0},
    {"17/May/2015:10:05:03 GMT", "2015-05-17T10:05:03.000000Z", 0},
    {"17/May/2015:10:05:03 UTC", "2015-05-17T10:05:03.000000Z", 0},
    {"17/May/2015:10:05:03 Z", "2015-05-17T10:05:03.000000Z", 0},
    {"17/May/2015:10:05:03", "2015-05-17T10:05:03.000000Z", 1},
    {"17/May/2015:10:05:03.25", "2015-05-17T10:05:03.250000Z", 1},
    {"17/May/2015 10:05:03", "2015-05-17T10:05:03.000000Z", 1},
    {"17/May/2015 10:05:03 +0200", "2015-05-17T08:05:03.000000Z", 0},
    /* other languages */
    {"17/Mai/2015:10:05:03 +0000", "2015-05-17T10:05:03.000000Z", 0},
    {"17/Okt/2015:10:05:03 +0000", "2015-10-17T10:05:03.000000Z", 0},
    {"17/M\xc3\xa4r/2015:10:05:03 +0000", "2015-03-17T10:05:03.000000Z", 0},
    {"17/f\xc3\xa9vr./2015:10:05:03 +0000", "2015-02-17T10:05:03.000000Z", 0},
    {"17/dic/2015:10:05:03 +0000", "2015-12-17T10:05:03.000000Z", 0},
    {"2015-05-17T10:05:03+02:00", "2015-05-17T08:05:03.000000Z", 0},
    {"2015-05-17T10:05:03.5+0200", "2015-05-17T08:05:03.500000Z", 0},
    {"2015-05-17 10:05:03 +0200", "2015-05-17T08:05:03.000000Z", 0},
    {"2015-05-17 10:05:03,123", "2015-05-17T10:05:03.123000Z", 1},
    {"2015-05-17T10:05:03", "2015-05-17T10:05:03.000000Z", 1},
    {"29/Feb/2015:10:05:03 +0000", NULL, 0},
    {"17/Foo/2015:10:05:03 +0000", NULL, 0},
    {"17//2015:10:05:03 +0000000", NULL, 0},
    {"17/May/2015:24:05:03 +0000", NULL, 0},
    {"17/May/2015:10:05:03 CEST", NULL, 0},
    {"17/May/2015:10:05:03 ", NULL, 0},
    {"17/May/2015:10:05:03 +2400", NULL, 0},
    {"17/May/20155:10:05:03", NULL, 0},
    {"1431857103", NULL, 0},
    {"", NULL, 0},
};

/* Each in UTC, then in UTC+2. */
START_TEST(test_times)
{
  char text[256];
  snprintf(text, sizeof text, "192.0.2.1 - - [%s] \"GET / HTTP/1.1\" 200 1", times[_i].text);
  const char *got = check_line(cf_str_from(text), false);
  ck_assert_int_eq(checked.format, times[_i].time != NULL ? CF_LOG_ACCESS : CF_LOG_TEXT);
  ck_assert_int_eq(strstr(got, "\"zone_assumed\":\"+00:00\"") != NULL, times[_i].bare);
  if (times[_i].time != NULL)
    ck_assert_bytes(checked.v[CF_M_TIME].p, checked.v[CF_M_TIME].n, times[_i].time,
                    strlen(times[_i].time));
  checked.zone_s = 2 * 3600;
  int64_t in_utc = 0, here = 0;
  if (times[_i].time != NULL) {
    ck_assert_ok(cf_time_parse(checked.v[CF_M_TIME], &in_utc));
    got = check_line(cf_str_from(text), false);
    ck_assert_ok(cf_time_parse(checked.v[CF_M_TIME], &here));
    ck_assert_int_eq(in_utc - here, times[_i].bare * 2 * CF_HOUR_US);
    ck_assert_int_eq(strstr(got, "\"zone_assumed\":\"+02:00\"") != NULL, times[_i].bare);
  }
}
END_TEST

/* ---- lines that are neither ---- */

static const char *const text_rows[] = {
    "",
    " ",
    "hello",
    "#Fields: date time",
    "[Sun May 17 10:05:03 2015] [error] [client 192.0.2.1] boo",
    "192.0.2.1 - - [17/May/2015:10:05:03 +0000]",
    "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET /",
    "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" abc 1",
    "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1.5",
    "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" + 1",
    "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\\\" 200 1",
    "[17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1",
    "{\"a\":1",
    "{\"a\":1} x",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"attributes\":{\"a\":2}}",
    "{\"a\\x00\":1}",
    "{\"a\":[1}",
    "{\"a\":1 2}",
    "{\"\\",
    "{\"\\x",
    "\\\"\\",
};

START_TEST(test_text)
{
  struct cf_str text = cf_str_from(text_rows[_i]);
  struct cf_buf want;
  cf_buf_init(&want, 1024);
  cf_buf_puts(&want, "\"action\":\"log.line\"");
  cf_json_put_member(&want, "message", text);
  check_row(text, cf_buf_cstr(&want));
  ck_assert_int_eq(checked.format, CF_LOG_TEXT);
  cf_buf_fini(&want);
}
END_TEST

START_TEST(test_nul_bytes)
{
  const char *text = check_line((struct cf_str){"a\0b", 3}, false);
  ck_assert_ptr_nonnull(strstr(text, "\"message\":\"a\\u0000b\""));
  text = check_line((struct cf_str){"192.0.2.1 - - " T " \"GET /\0 HTTP/1.1\" 200 1",
                                    sizeof "192.0.2.1 - - " T " \"GET /\0 HTTP/1.1\" 200 1" - 1},
                    false);
  ck_assert_ptr_nonnull(strstr(text, "\"resource\":\"/\\u0000\""));
}
END_TEST

/* ---- long ones ---- */

static char *repeat(const char *head, const char *unit, size_t times_n, const char *tail)
{
  struct cf_buf b;
  cf_buf_init(&b, 1U << 24);
  cf_buf_puts(&b, head);
  for (size_t i = 0; i < times_n; i++)
    cf_buf_puts(&b, unit);
  cf_buf_puts(&b, tail);
  return cf_buf_take(&b);
}

#define HEAD "192.0.2.1 - - " T " \"GET /"
#define TAIL " HTTP/1.1\" 200 1 \"-\" \"-\""
static const struct {
  const char *head, *unit;
  size_t n;
  const char *tail;
  enum cf_log_format format;
} long_rows[] = {
    {HEAD, "a", 65536, TAIL, CF_LOG_ACCESS},
    {HEAD, "a", 3000, TAIL, CF_LOG_ACCESS},
    {HEAD, "\xff", 9000, TAIL, CF_LOG_ACCESS},
    {HEAD, "\\x01", 4000, TAIL, CF_LOG_ACCESS},
    {HEAD, "\\x01", 9000, "\" 200 1 \"\\x01\" \"-\"", CF_LOG_ACCESS},
    {HEAD "?", "\x01", 9000, TAIL, CF_LOG_ACCESS},
    /* attributes would be too large */
    {HEAD " HTTP/1.1\" 200 1 \"-\" \"-\"", " \"x\"", 5000, "", CF_LOG_TEXT},
    {HEAD "\" 200 1 \"-\" \"-\"", " \x01", 1000, "", CF_LOG_ACCESS},
    {"", "x", CF_LINE_MAX, "", CF_LOG_TEXT},
    {"", "\x01", CF_LINE_MAX, "", CF_LOG_TEXT},
    {"", "\xff", CF_LINE_MAX, "", CF_LOG_TEXT},
    {"", "[", CF_LINE_MAX, "", CF_LOG_TEXT},
    {HEAD, "\" ", 100000, "", CF_LOG_TEXT},
    {HEAD "\" 200 1 \"-\" \"", "\" ", 100000, "x\"", CF_LOG_TEXT},
    {"{\"message\":\"", "m", 100000, "\"}", CF_LOG_JSON},
    {"{\"user\":\"", "u", 2000, "\",\"message\":\"m\"}", CF_LOG_JSON},
    {"{\"message\":\"m\",\"k\":\"", "v", 20000, "\"}", CF_LOG_JSON},
    {"{\"message\":\"m\",\"k\":", "[", 100, "", CF_LOG_TEXT},
    {"{\"message\":\"m\",\"k\":\"", "\x01", 2000, "\"}", CF_LOG_JSON},
    /* What is cut would be named in an attribute that is there already. */
    {"{\"message\":\"m\",\"truncated\":1,\"host\":\"", "h", 256, "\"}", CF_LOG_JSON},
    {"{\"message\":\"m\",\"truncated\":1,\"host\":\"", "h", 257, "\"}", CF_LOG_TEXT},
    {"{\"message\":\"m\",\"truncated\":1,\"user\":\"", "\xff", 256, "\"}", CF_LOG_JSON},
    {"{\"message\":\"m\",\"truncated\":1,\"user\":\"", "\xff", 257, "\"}", CF_LOG_TEXT},
};

START_TEST(test_long)
{
  char *text = repeat(long_rows[_i].head, long_rows[_i].unit, long_rows[_i].n, long_rows[_i].tail);
  const char *got = check_line(cf_str_from(text), false);
  ck_assert_int_eq(checked.format, long_rows[_i].format);
  /* The importer, or the server with ?long=cut, names what does not fit. */
  if (checked.format == CF_LOG_TEXT && strlen(text) > 16384)
    ck_assert_ptr_nonnull(strstr(got, "\"truncated\":[\"message\"]}}"));
  free(text);
}
END_TEST

START_TEST(test_cut_line_is_text)
{
  const char *got = check_line(CF_STR(GET), true);
  ck_assert_int_eq(checked.format, CF_LOG_TEXT);
  ck_assert_ptr_nonnull(strstr(got, "\"attributes\":{\"truncated\":[\"message\"]}}"));
}
END_TEST

START_TEST(test_mangled)
{
  for (size_t i = 0; i < CF_COUNT(access_rows); i++)
    check_mangled(access_rows[i].line);
}
END_TEST

/* ---- A real log, where one is at hand ---- */

START_TEST(test_real_log)
{
  const char *path = getenv("CF_REAL_LOG");
  if (path == NULL)
    return;
  struct cf_lines lines;
  struct cf_line one;
  size_t n = 1, lines_n = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ck_assert_int_ge(fd, 0);
  cf_lines_init(&lines, 0);
  while (n > 0) {
    ck_assert_ok(cf_lines_read(&lines, fd, &n));
    for (; cf_lines_take(&lines, false, &one); lines_n++) {
      check_line(one.text, one.cut);
      ck_assert_msg(checked.format == CF_LOG_ACCESS, "%.*s", (int)one.text.n, one.text.p);
    }
  }
  ck_assert_uint_gt(lines_n, 0);
  cf_lines_fini(&lines);
  close(fd);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "lines",
       .test = test_access,
       .loops = CF_COUNT(access_rows),
       .setup = check_open,
       .teardown = check_close},
      {.tcase = "lines", .test = test_times, .loops = CF_COUNT(times)},
      {.tcase = "lines", .test = test_text, .loops = CF_COUNT(text_rows)},
      {.tcase = "lines", .test = test_nul_bytes},
      {.tcase = "lines", .test = test_long, .loops = CF_COUNT(long_rows)},
      {.tcase = "lines", .test = test_cut_line_is_text},
      {.tcase = "lines", .test = test_mangled},
      {.tcase = "lines", .test = test_real_log},
  };
  return cf_test_run("logline", tests, CF_COUNT(tests));
}
