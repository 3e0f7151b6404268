/* SPDX-License-Identifier: MIT */
/* What stands in front of an access line, who the client is, and what stands
 * behind: spellings of servers, proxies, syslog and container engines. */
#include "config.h"

#include "tests/unit/input/logline_check.h"

#define T "[17/May/2015:10:05:03 +0000]"

#define END  "\"bytes\":612,\"protocol\":\"HTTP/1.1\""
#define GET  "\"GET /s HTTP/1.1\" 200 612"
#define LINE "192.0.2.9 - carol " T " " GET " \"-\" \"UA\""
#define CAROL \
  TIME ",\"method\":\"GET\",\"status\":200,\"user\":\"carol\",\"ip\":\"192.0.2.9\"," \
       "\"user_agent\":\"UA\",\"resource\":\"/s\"," END
#define WITH(attributes) CAROL ",\"attributes\":{" attributes "}"

/* ---- fronts ---- */

static const struct check_row fronts[] = {
    {LINE, CAROL},
    /* RFC 3164, also as nginx and programs on a local socket write it */
    {"Oct 10 13:55:36 web1 nginx: " LINE, WITH("\"hostname\":\"web1\",\"program\":\"nginx\"")},
    {"Oct  1 13:55:36 web1 nginx[123]: " LINE,
     WITH("\"hostname\":\"web1\",\"pid\":\"123\",\"program\":\"nginx\"")},
    {"<190>Oct 10 13:55:36 web1 nginx: " LINE,
     WITH("\"hostname\":\"web1\",\"priority\":\"190\",\"program\":\"nginx\"")},
    {"<190>Oct 10 13:55:36 nginx: " LINE, WITH("\"priority\":\"190\",\"program\":\"nginx\"")},
    {"Oct 10 2023 13:55:36 web1 nginx: " LINE, WITH("\"hostname\":\"web1\",\"program\":\"nginx\"")},
    {"Oct 10 13:55:36.123456 web1 nginx: " LINE,
     WITH("\"hostname\":\"web1\",\"program\":\"nginx\"")},
    /* rsyslog's own format, journalctl -o short-iso */
    {"2023-10-10T13:55:36.123456+02:00 web1 nginx: " LINE,
     WITH("\"hostname\":\"web1\",\"program\":\"nginx\"")},
    {"2023-10-10T13:55:36+0200 web1 nginx[1]: " LINE,
     WITH("\"hostname\":\"web1\",\"pid\":\"1\",\"program\":\"nginx\"")},
    /* RFC 5424 */
    {"<190>1 2023-10-10T13:55:36.1Z web1 nginx 12 access [a@1 b=\"]\\\"\"][c@2] " LINE,
     WITH("\"hostname\":\"web1\",\"msgid\":\"access\",\"pid\":\"12\",\"priority\":\"190\","
          "\"program\":\"nginx\"")},
    {"<34>1 - - - - - - \xef\xbb\xbf" LINE, WITH("\"priority\":\"34\"")},
    /* Kubernetes */
    {"2023-10-10T11:55:36.123456789Z stdout F " LINE, WITH("\"stream\":\"stdout\"")},
    {"2023-10-10T11:55:36.123456789+02:00 stderr F:x " LINE, WITH("\"stream\":\"stderr\"")},
    {"[pod/web-1/nginx] " LINE, WITH("\"container\":\"nginx\",\"pod\":\"web-1\"")},
    {"web-1  | " LINE, WITH("\"container\":\"web-1\"")},
    {"MESSAGE=" LINE, CAROL},
    /* one before the other */
    {"web-1  | Oct 10 13:55:36 web1 nginx: " LINE,
     WITH("\"container\":\"web-1\",\"hostname\":\"web1\",\"program\":\"nginx\"")},
    /* JSON behind a front; its own names and its own time stay */
    {"2023-10-10T11:55:36Z stdout F {\"status\":200,\"method\":\"GET\",\"stream\":\"mine\"}",
     "\"time\":\"2023-10-10T11:55:36.000000Z\",\"method\":\"GET\",\"status\":200,"
     "\"attributes\":{\"stream\":\"mine\"}"},
    {"Oct 10 13:55:36 web1 app: {\"status\":200,\"method\":\"GET\",\"k\":[1],\"z\":2}",
     "\"method\":\"GET\",\"status\":200,"
     "\"attributes\":{\"hostname\":\"web1\",\"k\":[1],\"program\":\"app\",\"z\":2}"},
    /* docker's json-file takes any line */
    {"{\"log\":\"192.0.2.9 - carol " T " \\\"GET /s HTTP/1.1\\\" 200 612 \\\"-\\\" \\\"UA\\\"\\n\","
     "\"stream\":\"stdout\",\"time\":\"2023-10-10T11:55:36.123456789Z\"}",
     WITH("\"stream\":\"stdout\"")},
    {"{\"log\":\"ready\\r\\n\",\"stream\":\"stderr\",\"attrs\":{\"tag\":\"web\",\"a\":1},"
     "\"time\":\"2015-05-17T10:05:03Z\"}",
     TIME ",\"action\":\"log.line\",\"message\":\"ready\","
          "\"attributes\":{\"attrs\":{\"a\":1,\"tag\":\"web\"},\"stream\":\"stderr\"}"},
    {"{\"log\":\"Oct 10 13:55:36 web1 nginx: ready\\n\",\"stream\":\"stdout\","
     "\"time\":\"2015-05-17T10:05:03Z\"}",
     TIME ",\"action\":\"log.line\",\"message\":\"Oct 10 13:55:36 web1 nginx: ready\","
          "\"attributes\":{\"stream\":\"stdout\"}"},
    {"{\"log\":\"{\\\"method\\\":\\\"GET\\\",\\\"k\\\":1}\\n\",\"stream\":\"stdout\","
     "\"time\":\"2015-05-17T10:05:03Z\"}",
     TIME ",\"method\":\"GET\",\"attributes\":{\"k\":1,\"stream\":\"stdout\"}"},
    /* part of a line, or somebody else's object: as it is */
    {"{\"log\":\""
     "half\",\"stream\":\"stdout\",\"time\":\"2015-05-17T10:05:03Z\"}",
     TIME ",\"action\":\"log.line\",\"attributes\":{\"log\":\"half\",\"stream\":\"stdout\"}"},
    {"{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2015-05-17T10:05:03Z\",\"x\":1}",
     TIME ",\"action\":\"log.line\","
          "\"attributes\":{\"log\":\"a\\n\",\"stream\":\"stdout\",\"x\":1}"},
};

START_TEST(test_a_known_front_is_taken_off)
{
  check_row(cf_str_from(fronts[_i].line), fronts[_i].event);
}
END_TEST

/* Of these nobody knows what is what: no user, no host is made of them. */
static const char *const unknown[] = {
    "Oct 10 13:55:36 web1 nginx 192.0.2.9 - carol " T " " GET,
    "Oct 10 25:5:36 web1 nginx: 192.0.2.9 - carol " T " " GET,
    "<999>Oct 10 13:55:36 web1 nginx: 192.0.2.9 - carol " T " " GET,
    "2023-10-10T11:55:36Z stdout P 192.0.2.31 - - " T " " GET,
    "2023-10-10T11:55:36Z stdlog F 192.0.2.31 - - " T " " GET,
    "Okt 10 13:55:36 web1 nginx: 192.0.2.9 - carol " T " " GET,
    "one two three four 192.0.2.9 - carol " T " " GET,
    "198.51.100.1 198.51.100.2 192.0.2.9 - carol " T " " GET,
    "one two 192.0.2.9 - carol " T " " GET,
    "INFO:     Started - \"GET / HTTP/1.1\" 200 OK",
    "127.0.0.1:50682 - \"GET / HTTP/1.1",
    "127.0.0.1:50682 - \"GET / HTTP/1.1\" 200 \"OK\"",
    "127.0.0.1:50682 - \"",
    /* what stands before a text belongs to it */
    "Oct 10 13:55:36 web1 nginx: started",
    "2023-10-10T11:55:36Z stdout F started",
    "MESSAGE=started",
};

START_TEST(test_too_many_words_make_a_text)
{
  struct cf_buf want;
  cf_buf_init(&want, 1024);
  cf_buf_puts(&want, "\"action\":\"log.line\"");
  cf_json_put_member(&want, "message", cf_str_from(unknown[_i]));
  check_row(cf_str_from(unknown[_i]), cf_buf_cstr(&want));
  cf_buf_fini(&want);
}
END_TEST

/* ---- clients and users ---- */

#define GOT(user, ip) \
  TIME ",\"method\":\"GET\",\"status\":200," user "\"ip\":\"" ip "\",\"resource\":\"/s\"," END
#define ALICE "\"user\":\"alice\","
static const struct check_row clients[] = {
    {"198.51.100.11:42918 - - " T " " GET,
     GOT("", "198.51.100.11") ",\"attributes\":{\"client_port\":\"42918\"}"},
    {"[2001:db8::7]:51234 - alice " T " " GET,
     GOT(ALICE, "2001:db8::7") ",\"attributes\":{\"client_port\":\"51234\"}"},
    {"[2001:db8::7] - alice " T " " GET, GOT(ALICE, "2001:db8::7")},
    {"2001:db8::7 - alice " T " " GET, GOT(ALICE, "2001:db8::7")},
    {"fe80::1%eth0 - alice " T " " GET,
     GOT(ALICE, "fe80::1") ",\"attributes\":{\"client_zone\":\"eth0\"}"},
    {"[fe80::1%eth0]:80 - alice " T " " GET,
     GOT(ALICE, "fe80::1") ",\"attributes\":{\"client_port\":\"80\",\"client_zone\":\"eth0\"}"},
    {"198.51.100.1:1, 192.0.2.2:2 - alice " T " " GET,
     GOT(ALICE, "198.51.100.1") ",\"attributes\":{\"client_port\":\"1\","
                                "\"forwarded_for\":\"198.51.100.1:1, 192.0.2.2:2\"}"},
    {"192.0.2.1 10.0.0.5:80 John Doe " T " " GET,
     TIME ",\"method\":\"GET\",\"status\":200,\"user\":\"John Doe\",\"ip\":\"192.0.2.1\","
          "\"resource\":\"/s\",\"host\":\"10.0.0.5\"," END ",\"attributes\":{\"port\":\"80\"}"},
    /* no ports, no addresses */
    {"192.0.2.1:99999 - - " T " " GET,
     TIME ",\"method\":\"GET\",\"status\":200,\"resource\":\"/s\"," END
          ",\"attributes\":{\"client_host\":\"192.0.2.1:99999\"}"},
    {"[2001:db8::7 - - " T " " GET,
     TIME ",\"method\":\"GET\",\"status\":200,\"resource\":\"/s\"," END
          ",\"attributes\":{\"client_host\":\"[2001:db8::7\"}"},
    /* Jetty: two spaces between fields */
    {"192.0.2.1 -  -  " T " " GET, GOT("", "192.0.2.1")},
    {"192.0.2.1 -  alice  " T " " GET, GOT(ALICE, "192.0.2.1")},
    {"192.0.2.1  -  alice  " T " " GET, GOT(ALICE, "192.0.2.1")},
    {"192.0.2.1 -  - " T " " GET, GOT("", "192.0.2.1")},
    {"192.0.2.1 -   " T " " GET, GOT("", "192.0.2.1")},
    /* a space that is of the name */
    {"192.0.2.1 -  alice " T " " GET, GOT("\"user\":\" alice\",", "192.0.2.1")},
    {"192.0.2.1 - alice  " T " " GET, GOT("\"user\":\"alice \",", "192.0.2.1")},
};

START_TEST(test_a_client_with_port_brackets_or_zone_is_an_address)
{
  check_row(cf_str_from(clients[_i].line), clients[_i].event);
}
END_TEST

/* ---- what stands behind ---- */

#define NGINX "192.0.2.8 - bob " T " " GET " \"-\" \"UA\""
#define BOB(duration) \
  TIME ",\"method\":\"GET\",\"status\":200,\"user\":\"bob\",\"ip\":\"192.0.2.8\"," \
       "\"user_agent\":\"UA\",\"resource\":\"/s\",\"bytes\":612," duration \
       "\"protocol\":\"HTTP/1.1\""
static const struct check_row behind[] = {
    {NGINX " \"203.0.113.5\" rt=0.005 uct=\"0.000\" uht=\"0.004\" urt=\"0.004\"",
     BOB("\"duration_us\":5000,") ",\"attributes\":{\"extra\":\"\\\"203.0.113.5\\\"\","
                                  "\"uct\":\"0.000\",\"uht\":\"0.004\",\"urt\":\"0.004\"}"},
    {NGINX " rt=\"1.5\" x=", BOB("\"duration_us\":1500000,") ",\"attributes\":{\"x\":\"\"}"},
    {NGINX " request_time=0.1234567", BOB("\"duration_us\":123456,")},
    {NGINX " duration_ms=2.5 b=\"a \\\"q\\\" \\x41\" a=-",
     BOB("\"duration_us\":2500,") ",\"attributes\":{\"b\":\"a \\\"q\\\" A\"}"},
    /* of what unit is it? */
    {NGINX " rt=5", BOB("") ",\"attributes\":{\"rt\":\"5\"}"},
    {NGINX " rt=x.5 rt=0.5", BOB("\"duration_us\":500000,") ",\"attributes\":{\"rt\":\"x.5\"}"},
    /* names that are there, or ours */
    {NGINX " a=1 a=2 extra=3 truncated=4 not_utf8=5",
     BOB("") ",\"attributes\":{\"a\":\"1\",\"extra\":\"a=2 extra=3 truncated=4 not_utf8=5\"}"},
    /* no names */
    {NGINX " =1 1a=2 a=b\"c", BOB("") ",\"attributes\":{\"extra\":\"=1 1a=2 a=b\\\"c\"}"},
    {NGINX " 0.004 /a?b=c", BOB("") ",\"attributes\":{\"extra\":\"0.004 /a?b=c\"}"},
    {NGINX "  a", BOB("") ",\"attributes\":{\"extra\":\" a\"}"},
    {"192.0.2.8 - bob " T " " GET " rt=0.5",
     TIME ",\"method\":\"GET\",\"status\":200,\"user\":\"bob\",\"ip\":\"192.0.2.8\","
          "\"resource\":\"/s\",\"bytes\":612,\"duration_us\":500000,\"protocol\":\"HTTP/1.1\""},
    /* a user agent with quotes of its own */
    {"192.0.2.8 - bob " T " " GET " \"-\" \"U a=\"b\" c\"",
     TIME ",\"method\":\"GET\",\"status\":200,\"user\":\"bob\",\"ip\":\"192.0.2.8\","
          "\"user_agent\":\"U a=\\\"b\\\" c\",\"resource\":\"/s\"," END},
};

START_TEST(test_named_fields_behind_are_attributes)
{
  check_row(cf_str_from(behind[_i].line), behind[_i].event);
}
END_TEST

/* ---- odd numbers ---- */

#define ODD(status, bytes) \
  TIME ",\"method\":\"GET\"," status "\"ip\":\"192.0.2.5\",\"resource\":\"/\"," bytes \
       "\"protocol\":\"HTTP/1.1\""
#define ASK "192.0.2.5 - - " T " \"GET / HTTP/1.1\" "
static const struct check_row numbers[] = {
    {ASK "000 0 \"-\" \"-\"", ODD("", "\"bytes\":0,") ",\"attributes\":{\"status\":\"000\"}"},
    {ASK "200 -1 \"-\" \"-\"", ODD("\"status\":200,", "") ",\"attributes\":{\"bytes\":\"-1\"}"},
    {ASK "200 18446744073709551615",
     ODD("\"status\":200,", "") ",\"attributes\":{\"bytes\":\"18446744073709551615\"}"},
    {ASK "1000 007", ODD("", "") ",\"attributes\":{\"bytes\":\"007\",\"status\":\"1000\"}"},
    {ASK "-1 -", ODD("", "") ",\"attributes\":{\"status\":\"-1\"}"},
};

START_TEST(test_an_odd_number_is_an_attribute)
{
  check_row(cf_str_from(numbers[_i].line), numbers[_i].event);
}
END_TEST

/* ---- servers ---- */

#define PLAIN(ip, members, rest) \
  TIME ",\"method\":\"GET\",\"status\":200,\"ip\":\"" ip "\"," members "\"resource\":\"/\"" rest
static const struct check_row servers[] = {
    /* Apache vhost_combined, nginx with $http_x_forwarded_for, lighttpd */
    {"www.example.org:443 192.0.2.1 - - " T " \"GET / HTTP/1.1\" 200 5 \"-\" \"UA\"",
     PLAIN("192.0.2.1", "\"user_agent\":\"UA\",",
           ",\"host\":\"www.example.org\",\"bytes\":5,\"protocol\":\"HTTP/1.1\","
           "\"attributes\":{\"port\":\"443\"}")},
    {"192.0.2.1 - - " T " \"GET / HTTP/1.1\" 200 5 \"-\" \"UA\" \"198.51.100.1, 10.0.0.1\"",
     PLAIN("192.0.2.1", "\"user_agent\":\"UA\",",
           ",\"bytes\":5,\"protocol\":\"HTTP/1.1\","
           "\"attributes\":{\"extra\":\"\\\"198.51.100.1, 10.0.0.1\\\"\"}")},
    {"192.0.2.1 www.example.org - " T " \"GET / HTTP/1.1\" 200 5 \"-\" \"UA\"",
     PLAIN("192.0.2.1", "\"user_agent\":\"UA\",",
           ",\"host\":\"www.example.org\",\"bytes\":5,\"protocol\":\"HTTP/1.1\"")},
    /* Tomcat with %D, Jetty, Gunicorn */
    {"0:0:0:0:0:0:0:1 - - " T " \"GET / HTTP/1.1\" 200 5 12",
     PLAIN("::1", "", ",\"bytes\":5,\"protocol\":\"HTTP/1.1\",\"attributes\":{\"extra\":\"12\"}")},
    {"[0:0:0:0:0:0:0:1] - - " T " \"GET / HTTP/1.1\" 200 5 \"-\" \"UA\" 12",
     PLAIN("::1", "\"user_agent\":\"UA\",",
           ",\"bytes\":5,\"protocol\":\"HTTP/1.1\",\"attributes\":{\"extra\":\"12\"}")},
    {" - - " T " \"GET / HTTP/1.1\" 200 5 \"-\" \"UA\"",
     TIME ",\"method\":\"GET\",\"status\":200,\"user_agent\":\"UA\",\"resource\":\"/\",\"bytes\":5,"
          "\"protocol\":\"HTTP/1.1\""},
    /* Varnishncsa, Squid's `common` */
    {"192.0.2.1 - - " T " \"GET http://h/ HTTP/1.1\" 200 5 TCP_MISS:HIER_DIRECT", TIME
     ",\"method\":\"GET\",\"status\":200,\"ip\":\"192.0.2.1\",\"resource\":\"http://h/\","
     "\"bytes\":5,\"protocol\":\"HTTP/1.1\",\"attributes\":{\"extra\":\"TCP_MISS:HIER_DIRECT\"}"},
    /* uvicorn, which writes no time */
    {"INFO:     127.0.0.1:50682 - \"GET /a?b HTTP/1.1\" 404 Not Found",
     "\"method\":\"GET\",\"status\":404,\"ip\":\"127.0.0.1\",\"resource\":\"/a\",\"query\":\"b\","
     "\"protocol\":\"HTTP/1.1\",\"attributes\":{\"client_port\":\"50682\"}"},
    {"2015-05-17T10:05:03Z stdout F ::1 - \"GET / HTTP/1.1\" 200 OK",
     TIME ",\"method\":\"GET\",\"status\":200,\"ip\":\"::1\",\"resource\":\"/\","
          "\"protocol\":\"HTTP/1.1\",\"attributes\":{\"stream\":\"stdout\"}"},
    /* Python's http.server */
    {"127.0.0.1 - - [17/May/2015 10:05:03] \"GET / HTTP/1.1\" 200 -",
     PLAIN("127.0.0.1", "",
           ",\"protocol\":\"HTTP/1.1\",\"attributes\":{\"zone_assumed\":\"+00:00\"}")},
};

START_TEST(test_servers_write_like_this)
{
  check_row(cf_str_from(servers[_i].line), servers[_i].event);
}
END_TEST

/* ---- a hole in front ---- */

START_TEST(test_nuls_in_front_are_told)
{
  const char *got = check_behind(300000, CF_STR(LINE));
  ck_assert_ptr_nonnull(strstr(got, "\"ip\":\"192.0.2.9\""));
  ck_assert_ptr_nonnull(strstr(got, "\"attributes\":{\"nuls_before\":300000}"));
  got = check_behind(1, CF_STR("Oct 10 13:55:36 web1 nginx: started"));
  ck_assert_ptr_nonnull(strstr(got, "\"message\":\"Oct 10 "));
  ck_assert_ptr_nonnull(strstr(got, "\"attributes\":{\"nuls_before\":1}"));
  got = check_behind(7, CF_STR("{\"message\":\"m\",\"z\":1}"));
  ck_assert_ptr_nonnull(strstr(got, "\"attributes\":{\"nuls_before\":7,\"z\":1}"));
  got = check_behind(5, CF_STR(""));
  ck_assert_ptr_nonnull(strstr(got, "\"message\":\"\",\"attributes\":{\"nuls_before\":5}"));
}
END_TEST

#define LINES(name, f, rows) \
  { \
    .tcase = name, .test = f, .loops = CF_COUNT(rows), .setup = check_open, \
    .teardown = check_close \
  }

int main(void)
{
  const struct cf_test tests[] = {
      LINES("fronts", test_a_known_front_is_taken_off, fronts),
      LINES("unknown", test_too_many_words_make_a_text, unknown),
      LINES("clients", test_a_client_with_port_brackets_or_zone_is_an_address, clients),
      LINES("behind", test_named_fields_behind_are_attributes, behind),
      LINES("numbers", test_an_odd_number_is_an_attribute, numbers),
      LINES("servers", test_servers_write_like_this, servers),
      {.tcase = "servers", .test = test_nuls_in_front_are_told},
  };
  return cf_test_run("logline_front", tests, CF_COUNT(tests));
}
