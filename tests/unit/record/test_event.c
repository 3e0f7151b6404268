/* SPDX-License-Identifier: MIT */
/* Events in: what a client sends and the texts that come of it, what is refused
 * and how that is said. */
#include "config.h"

#include "lib/record/event.h"

#include "tests/unit/record/event_check.h"

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }
#define FFFD "\xef\xbf\xbd"

static const char *const no_sources[] = {NULL};
static const char *const some_sources[] = {"web2", "app-*", "counterfoil", NULL};

static const struct cf_event_rules plain = {.source = S("web1"), .sources = no_sources};
static const struct cf_event_rules by_token = {.source = S("web1"), .writer = S("k3")};
static const struct cf_event_rules other = {.source = S("web1"), .sources = some_sources};
static const struct cf_event_rules loose = {.source = S("web1"), .unknown_to_attributes = true};
static const struct cf_event_rules cutting = {.source = S("web1"), .cut_long = true};

/* ---- taken ---- */

static const struct {
  const struct cf_event_rules *rules;
  struct cf_str given;
  const char *public_text, *payload[CF_C_N];
} taken[] = {
    /* Order, defaults, normal forms. */
    {&plain,
     S("{\"action\":\"login\"}"),
     "\"source\":\"web1\",\"action\":\"login\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S(" {\"status\" : 204,\"method\":\"delete\"} "),
     "\"source\":\"web1\",\"method\":\"DELETE\",\"status\":204,\"outcome\":\"success\"",
     {NULL}},
    {&plain,
     S("{\"method\":\"GET\",\"status\":399}"),
     "\"source\":\"web1\",\"method\":\"GET\",\"status\":399,\"outcome\":\"success\"",
     {NULL}},
    {&plain,
     S("{\"method\":\"GET\",\"status\":400}"),
     "\"source\":\"web1\",\"method\":\"GET\",\"status\":400,\"outcome\":\"failure\"",
     {NULL}},
    {&plain,
     S("{\"method\":\"GET\",\"status\":0}"),
     "\"source\":\"web1\",\"method\":\"GET\",\"status\":0,\"outcome\":\"failure\"",
     {NULL}},
    {&plain,
     S("{\"method\":\"GET\",\"status\":500,\"outcome\":\"success\"}"),
     "\"source\":\"web1\",\"method\":\"GET\",\"status\":500,\"outcome\":\"success\"",
     {NULL}},
    {&plain,
     S("{\"message\":\"\"}"),
     "\"source\":\"web1\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL, "{\"message\":\"\"}"}},
    {&plain,
     S("{\"attributes\":{\"b\":1,\"a\":null},\"message\":\"m\",\"protocol\":\"HTTP/1.1\",\"duration_us\":3,\"bytes\":2,\"request_id\":\"r\",\"host\":\"h\",\"query\":\"q\",\"resource\":\"/\","
       "\"referer\":\"f\",\"user_agent\":\"ua\",\"ip\":\"::FFFF:192.0.2.7\",\"credential\":\"c\",\"session\":\"s\",\"user\":\"u\",\"outcome\":\"failure\",\"status\":1,\"method\":\"m\","
       "\"action\":\"a\",\"time\":\"2026-11-24T03:00:00+01:00\",\"id\":\"i\",\"source_seq\":9007199254740991,\"source\":\"web1\"}"),
     "\"source\":\"web1\",\"source_seq\":9007199254740991,\"id\":\"i\",\"time\":\"2026-11-24T02:00:00.000000Z\",\"action\":\"a\",\"method\":\"M\",\"status\":1,\"outcome\":\"failure\"",
     {"{\"user\":\"u\",\"session\":\"s\",\"credential\":\"c\"}",
      "{\"ip\":\"192.0.2.7\",\"user_agent\":\"ua\",\"referer\":\"f\"}",
      "{\"resource\":\"/\",\"query\":\"q\",\"host\":\"h\"}",
      "{\"request_id\":\"r\",\"bytes\":2,\"duration_us\":3,\"protocol\":\"HTTP/1.1\",\"message\":\"m\",\"attributes\":{\"b\":1}}"}},
    /* Absent: null, an object of nothing. An empty string is a value. */
    {&plain,
     S("{\"action\":\"a\",\"user\":null,\"status\":null,\"source\":null,\"attributes\":null,\"nonsense\":null}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"attributes\":{}}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"attributes\":{\"x\":null}}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"user\":\"\"}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {"{\"user\":\"\"}"}},
    /* Times: text and numbers. */
    {&plain,
     S("{\"action\":\"a\",\"time\":\"2026-11-24t02:00:60.9999999Z\"}"),
     "\"source\":\"web1\",\"time\":\"2026-11-24T02:00:59.999999Z\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"time\":1795485600}"),
     "\"source\":\"web1\",\"time\":\"2026-11-24T02:00:00.000000Z\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"time\":1795485600.0000019}"),
     "\"source\":\"web1\",\"time\":\"2026-11-24T02:00:00.000001Z\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"time\":1.7954856000000019e+18}"),
     "\"source\":\"web1\",\"time\":\"2026-11-24T02:00:00.000001Z\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"time\":1795485600000}"),
     "\"source\":\"web1\",\"time\":\"2026-11-24T02:00:00.000000Z\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"time\":1795485600000001}"),
     "\"source\":\"web1\",\"time\":\"2026-11-24T02:00:00.000001Z\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"time\":1795485600000001999}"),
     "\"source\":\"web1\",\"time\":\"2026-11-24T02:00:00.000001Z\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"time\":-1}"),
     "\"source\":\"web1\",\"time\":\"1969-12-31T23:59:59.000000Z\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    /* The writer, behind the source. */
    {&by_token,
     S("{\"action\":\"a\",\"writer\":null,\"source_seq\":1}"),
     "\"source\":\"web1\",\"writer\":\"k3\",\"source_seq\":1,\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    /* Sources. */
    {&other,
     S("{\"action\":\"a\",\"source\":\"web2\"}"),
     "\"source\":\"web2\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&other,
     S("{\"action\":\"a\",\"source\":\"app-7\"}"),
     "\"source\":\"app-7\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&other,
     S("{\"action\":\"a\",\"source\":\"web1\"}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    /* Hostile text is kept as it is, but for what is no UTF-8. */
    {&plain,
     S("{\"action\":\"a\",\"user\":\"\\u0000<script>\\ud800\xff\\u0022\\/\\u007f\\r\\n\\u001b[2J\xe2\x80\xae\"}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {"{\"user\":\"\\u0000<script>" FFFD FFFD "\\\"/\x7f\\r\\n\\u001b[2J\xe2\x80\xae\"}"}},
    {&plain,
     S("{\"\\u0061ction\":\"\\u0061\"}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    {&plain,
     S("{\"action\":\"a\",\"attributes\":{\"z\":1,\"e\":1e3,\"\xc3\xa4\":1.50,\"a\":{\"y\":[1,\"two\",true,null],\"b\":\"\\u0001\"}}}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL,
      "{\"attributes\":{\"a\":{\"b\":\"\\u0001\",\"y\":[1,\"two\",true,null]},\"e\":1e3,\"z\":1,\"\xc3\xa4\":1.50}}"}},
    /* Escapes of every sort, in several texts and names. */
    {&plain,
     S("{\"act\\u0069on\":\"a\\u002eb\",\"\\u0075ser\":\"\\ud83d\\ude00\\u00e9\\u20AC \\ud83d\\u0041\\ude00\",\"session\":\"a\\\\b\\/\\b\\f\\n\\r\\t\",\"ip\":\"192\\u002e0.2.7\",\"time\":\"2026-11-24T02:00:00\\u005a\"}"),
     "\"source\":\"web1\",\"time\":\"2026-11-24T02:00:00.000000Z\",\"action\":\"a.b\",\"outcome\":\"unknown\"",
     {"{\"user\":\"\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac " FFFD "A" FFFD
      "\",\"session\":\"a\\\\b/\\b\\f\\n\\r\\t\"}",
      "{\"ip\":\"192.0.2.7\"}"}},
    {&plain,
     S("{\"method\":\"GET\",\"status\":-0}"),
     "\"source\":\"web1\",\"method\":\"GET\",\"status\":0,\"outcome\":\"failure\"",
     {NULL}},
    /* Attributes in canonical form already, and nearly so. */
    {&plain,
     S("{\"action\":\"a\",\"attributes\":{\"a\":\"\\u0001\\\"\",\"b\":[1,-2.50,{}],\"c\":{\"d\":false}}}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL,
      "{\"attributes\":{\"a\":\"\\u0001\\\"\",\"b\":[1,-2.50,{}],\"c\":{\"d\":false}}}"}},
    {&plain,
     S("{\"action\":\"a\",\"attributes\":{\"a\":\"\\u000A\\/\xff\",\"b\":[-0, -0.0],\"c\":{\"d\":null}}}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL, "{\"attributes\":{\"a\":\"\\n/" FFFD "\",\"b\":[0,-0.0],\"c\":{}}}"}},
    {&plain,
     S("{\"action\":\"a\",\"attributes\": { \"b\" : [ ] ,\n\"a\\u00e9\":[ { \"z\":1 , \"y\":[[ \"\\ud83d\\ude00\" , null ]] } , { } ],\"a\xc3\xa8\":\"q\" ,\"aa\":null,\"\\u0041\":true } }"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL,
      "{\"attributes\":{\"A\":true,\"a\xc3\xa8\":\"q\",\"a\xc3\xa9\":[{\"y\":[[\"\xf0\x9f\x98\x80\",null]],\"z\":1},{}],\"b\":[]}}"}},
    /* Unknown members move. */
    {&loose,
     S("{\"action\":\"a\",\"x\":{\"b\":2,\"a\":1},\"attributes\":{\"y\":1,\"b\":2},\"a\":null,\"\":[]}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL, "{\"attributes\":{\"\":[],\"b\":2,\"x\":{\"a\":1,\"b\":2},\"y\":1}}"}},
    {&loose,
     S("{\"action\":\"a\",\"x\":1}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL, "{\"attributes\":{\"x\":1}}"}},
    {&loose,
     S("{\"action\":\"a\",\"x\":null}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL}},
    /* Long text is cut between sequences, and named. */
    {&cutting,
     S("{\"action\":\"a\",\"protocol\":\"1234567890123456789012345678901\xc3\xa9\"}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL,
      "{\"protocol\":\"1234567890123456789012345678901\",\"attributes\":{\"truncated\":[\"protocol\"]}}"}},
    {&cutting,
     S("{\"action\":\"a\",\"protocol\":\"123456789012345678901234567890\xff\"}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL,
      "{\"protocol\":\"123456789012345678901234567890\",\"attributes\":{\"truncated\":[\"protocol\"]}}"}},
    {&cutting,
     S("{\"action\":\"a\",\"protocol\":\"12345678901234567890123456789\xff\",\"attributes\":{\"z\":1,\"a\":2}}"),
     "\"source\":\"web1\",\"action\":\"a\",\"outcome\":\"unknown\"",
     {NULL, NULL, NULL,
      "{\"protocol\":\"12345678901234567890123456789" FFFD "\",\"attributes\":{\"a\":2,\"z\":1}}"}},
};

START_TEST(test_taken)
{
  struct cf_event event;
  struct cf_fault fault = {.at = ""};
  enum cf_err err = cf_event_parse(taken[_i].given, taken[_i].rules, &event, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s", fault.at, fault.detail);
  ck_assert_int_eq(event.record.kind, CF_K_EVENT);
  check_text(event.record.public_text, taken[_i].public_text);
  for (unsigned c = 0; c < CF_C_N; c++)
    check_text(event.record.payload[c], taken[_i].payload[c]);
  check_event(&event);
  cf_event_fini(&event);
}
END_TEST

/* ---- refused ---- */

static const struct {
  const struct cf_event_rules *rules;
  struct cf_str given;
  const char *at, *says;
} refused[] = {
    {&plain, S("{}"), "action", "one of"},
    {&plain, S("{\"user\":\"u\"}"), "action", "one of"},
    {&plain, S("{\"action\":null}"), "action", "one of"},
    {&plain, S("[]"), "", "object"},
    {&plain, S("\"x\""), "", "object"},
    {&plain, S("null"), "", "object"},
    {&plain, S("1"), "", "object"},
    {&plain, S("{\"action\":\"a\""), "", "at byte"},
    {&plain, S("{\"action\":\"a\",\"action\":\"a\"}"), "action", "has already"},
    {&plain, S("{\"action\":\"a\",\"\\u0061ction\":\"a\"}"), "", "has already"},
    {&plain, S("{\"action\":\"a\",\"usr\":\"u\"}"), "usr", "user"},
    {&plain, S("{\"action\":\"a\",\"zzzzzz\":\"u\"}"), "zzzzzz", "source, writer, source_seq"},
    {&plain, S("{\"action\":\"a\",\"recorded\":\"2026-11-24T02:00:00Z\"}"), "recorded",
     "no member"},
    {&plain, S("{\"action\":\"a\",\"seq\":1}"), "seq", "no member"},
    {&plain, S("{\"action\":\"a\",\"kind\":\"event\"}"), "kind", "no member"},
    {&plain, S("{\"action\":\"a\",\"body\":{}}"), "body", "no member"},
    {&plain, S("{\"action\":\"a\",\"\":1}"), "", "no member"},
    {&plain, S("{\"action\":\"a b\"}"), "action", "letters"},
    {&plain, S("{\"action\":\"\"}"), "action", "letters"},
    {&plain, S("{\"action\":1}"), "action", "a string"},
    {&plain, S("{\"action\":[\"a\"]}"), "action", "a string"},
    {&plain, S("{\"action\":true}"), "action", "a string"},
    {&plain, S("{\"action\":\"a\",\"id\":\"\\u0000\"}"), "id", "letters"},
    {&plain, S("{\"method\":\"GE T\"}"), "method", "token"},
    {&plain, S("{\"method\":\"123456789012345678901234567890123\"}"), "method", "token"},
    {&plain, S("{\"action\":\"a\",\"status\":1000}"), "status", "999"},
    {&plain, S("{\"action\":\"a\",\"status\":-1}"), "status", "999"},
    {&plain, S("{\"action\":\"a\",\"status\":200.0}"), "status", "an integer"},
    {&plain, S("{\"action\":\"a\",\"status\":2e2}"), "status", "an integer"},
    {&plain, S("{\"action\":\"a\",\"status\":\"200\"}"), "status", "an integer"},
    {&plain, S("{\"action\":\"a\",\"bytes\":9007199254740992}"), "bytes", "9007199254740991"},
    {&plain, S("{\"action\":\"a\",\"bytes\":9223372036854775808}"), "bytes", "64 bits"},
    {&plain, S("{\"action\":\"a\",\"attributes\":{\"x\":-9223372036854775809}}"), "attributes",
     "64 bits"},
    {&plain, S("{\"action\":\"a\",\"attributes\":{\"n\":1e400}}"), "attributes", "IEEE doubles"},
    {&plain, S("{\"attributes\":{\"d\":[{\"e\":[0,-1e999]}]},\"action\":\"a\"}"), "attributes",
     "IEEE doubles"},
    {&plain, S("{\"action\":\"a\",\"bytes\":1e400}"), "bytes", "IEEE doubles"},
    {&plain, S("{\"action\":\"a\",\"status\":1E+309}"), "status", "IEEE doubles"},
    {&plain, S("{\"action\":\"a\",\"duration_us\":-1e999}"), "duration_us", "IEEE doubles"},
    {&plain, S("{\"action\":\"a\",\"source_seq\":1e400}"), "source_seq", "IEEE doubles"},
    {&plain, S("{\"action\":\"a\",\"time\":1e400}"), "time", "IEEE doubles"},
    {&loose, S("{\"action\":\"a\",\"mine\":[1e400]}"), "mine", "IEEE doubles"},
    {&plain, S("{\"action\":\"a\",\"attributes\":{\"a\":[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]}}"),
     "attributes", "nested too deep"},
    {&plain, S("{\"action\":\"a\",\"outcome\":\"ok\"}"), "outcome", "success"},
    {&plain, S("{\"action\":\"a\",\"ip\":\"\"}"), "ip", "address"},
    {&plain, S("{\"action\":\"a\",\"ip\":\"fe80::1%eth0\"}"), "ip", "zone"},
    {&plain, S("{\"action\":\"a\",\"ip\":\"192.0.2.7\\u0000\"}"), "ip", "address"},
    {&plain, S("{\"action\":\"a\",\"time\":\"yesterday\"}"), "time", "RFC 3339"},
    {&plain, S("{\"action\":\"a\",\"time\":\"2026-11-24\"}"), "time", "RFC 3339"},
    {&plain, S("{\"action\":\"a\",\"time\":1e99}"), "time", "1970"},
    {&plain, S("{\"action\":\"a\",\"time\":true}"), "time", "1970"},
    {&plain, S("{\"action\":\"a\",\"time\":\"0000-01-01T00:00:00Z\"}"), "time", "1970"},
    {&plain, S("{\"action\":\"a\",\"protocol\":\"123456789012345678901234567890123\"}"), "protocol",
     "32 bytes"},
    {&plain, S("{\"action\":\"a\",\"protocol\":\"123456789012345678901234567890\xff\"}"),
     "protocol", "32 bytes"},
    {&plain, S("{\"action\":\"a\",\"attributes\":[]}"), "attributes", "an object"},
    {&plain, S("{\"action\":\"a\",\"attributes\":\"x\"}"), "attributes", "an object"},
    {&plain,
     S("{\"action\":\"a\",\"attributes\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}}"),
     "attributes", "too deep"},
    {&plain,
     S("{\"action\":\"a\",\"attributes\":{\"x\":1.123456789012345678901234567890123456789}}"),
     "attributes", "40 bytes"},
    {&plain, S("{\"action\":\"a\",\"source\":\"web2\"}"), "source", "may not"},
    {&plain, S("{\"action\":\"a\",\"source\":\"\"}"), "source", "may not"},
    {&plain, S("{\"action\":\"a\",\"source\":\"counterfoil\"}"), "source", "own name"},
    {&other, S("{\"action\":\"a\",\"source\":\"counterfoil\"}"), "source", "own name"},
    {&other, S("{\"action\":\"a\",\"source\":\"web22\"}"), "source", "may not"},
    {&other, S("{\"action\":\"a\",\"source\":\"app\"}"), "source", "may not"},
    {&other, S("{\"action\":\"a\",\"source\":\"app-x y\"}"), "source", "letters"},
    {&plain, S("{\"action\":\"a\",\"writer\":\"k3\"}"), "writer", "by the server"},
    {&by_token, S("{\"action\":\"a\",\"writer\":\"k3\"}"), "writer", "by the server"},
    {&loose, S("{\"action\":\"a\",\"writ\\u0065r\":7}"), "writer", "by the server"},
    {&loose, S("{\"action\":\"a\",\"x\":1,\"attributes\":{\"x\":2}}"), "attributes",
     "\"x\" is there twice"},
    {&loose, S("{\"action\":\"a\",\"\xff\":1,\"attributes\":{\"\\ufffd\":2}}"), "attributes",
     "twice"},
    {&loose, S("{\"action\":\"a\",\"user\":1}"), "user", "a string"},
    {&cutting, S("{\"action\":\"a\",\"usr\":\"u\"}"), "usr", "user"},
    {&cutting,
     S("{\"action\":\"a\",\"protocol\":\"123456789012345678901234567890123\",\"attributes\":{\"truncated\":1}}"),
     "attributes", "\"truncated\" is there twice"},
};

START_TEST(test_refused)
{
  struct cf_event event;
  struct cf_fault fault = {.at = ""};
  enum cf_err err = cf_event_parse(refused[_i].given, refused[_i].rules, &event, &fault);
  ck_assert_msg(err == CF_E_INVALID || err == CF_E_SYNTAX, "%s", cf_err_word(err));
  ck_assert_str_eq(fault.at, refused[_i].at);
  ck_assert_msg(strstr(fault.detail, refused[_i].says) != NULL, "%s", fault.detail);
  ck_assert_err(cf_event_parse(refused[_i].given, refused[_i].rules, &event, NULL), err);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "taken", .test = test_taken, .loops = CF_COUNT(taken)},
      {.tcase = "refused", .test = test_refused, .loops = CF_COUNT(refused)},
  };
  return cf_test_run("event", tests, CF_COUNT(tests));
}
