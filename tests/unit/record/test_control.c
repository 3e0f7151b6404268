/* SPDX-License-Identifier: MIT */
/* The log's own records: the exact texts of each, and what values from outside
 * can do to them. */
#include "config.h"

#include "lib/record/control.h"

#include "lib/record/kind_body.h"

#include "tests/unit/cf_test.h"

#define FFFD  "\xef\xbf\xbd"
#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define LONG  FIFTY FIFTY FIFTY FIFTY FIFTY /* 250 */

static struct cf_event event;
static struct cf_fault fault;

static void check_text(struct cf_str got, const char *want)
{
  struct cf_str text = cf_str_from(want);
  ck_assert_bytes(got.p, got.n, text.p, text.n);
}

/* The event is what it should be, and what a verifier takes; it is gone then.
 * NULL: there is no such compartment. */
static void check_event(enum cf_kind kind, const char *public_text, const char *const payload[])
{
  int64_t t;
  const struct cf_record *record = &event.record;
  ck_assert_int_eq(record->kind, kind);
  check_text(record->public_text, public_text);
  ck_assert_ok(cf_public_check(kind, record->public_text, &t, &fault));
  for (unsigned c = 0; c < CF_C_N; c++) {
    check_text(record->payload[c], payload[c]);
    if (payload[c] != NULL)
      ck_assert_ok(cf_payload_check((enum cf_compartment)c, record->payload[c], &fault));
  }
  cf_event_fini(&event);
}

static const char *const no_payload[CF_C_N] = {NULL};

/* ---- of the log ---- */

START_TEST(test_genesis)
{
  const struct cf_str none = CF_STR("");
  ck_assert_ok(cf_control_genesis(CF_STR("o+00+AA=="), "audit.example.org/\"main\"", none, &event));
  check_event(CF_K_GENESIS,
              "\"body\":{\"format\":\"counterfoil/v1\",\"key\":\"o+00+AA==\","
              "\"origin\":\"audit.example.org/\\\"main\\\"\"}",
              no_payload);
  ck_assert_err(cf_control_genesis(CF_STR(""), "o", none, &event), CF_E_INVALID);
}
END_TEST

#define ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
/* 68 bytes: a key's id and a signature. */
#define SIGNED \
  "vfc7p6gpo8tvwCnjasfcWE7gXaYB/JaFNtLWu4c56p6pChLgYHGd+hHbXvaGmLfWBpq6TI1q6Cwy5bFUm3II6XbTzwI="
#define LINE(name) "\xe2\x80\x94 " name " " SIGNED "\n"

static const struct {
  const char *note;
  bool ok;
} previous[] = {
    {"o\n5\n" ROOT "\n\n" LINE("o"), true},
    {"o\n0\n" ROOT "\n\n" LINE("o") LINE("o"), true},
    {"a\"b\\\\n\n5\n" ROOT "\n\n" LINE("a\"b\\\\n"), true},
    {"o\n5\n" ROOT "\n\n", false},
    {"o\n5\n" ROOT "\n", false},
    {"o\n5\n" ROOT "\n\n" LINE("o") "\n", false},
    {"o\n5\n" ROOT "\n\n" LINE("witness"), false},
    {"o\n5\n" ROOT "\n\n" LINE("o") LINE("witness"), false},
    {"o\n5\n" ROOT "\n\n\xe2\x80\x94 o AAAAAA==\n", false},
    {"o\n5\n" ROOT "\n\n- o " SIGNED "\n", false},
    {"o\n5\n" ROOT "\n\n\xe2\x80\x94 o " SIGNED, false},
    {"o\n05\n" ROOT "\n\n" LINE("o"), false},
    {"o\n\n" ROOT "\n\n" LINE("o"), false},
    {"o\n5\nAAAA\n\n" LINE("o"), false},
    {"o\n5\n" ROOT "\nmore\n\n" LINE("o"), false},
    {"o+1\n5\n" ROOT "\n\n" LINE("o+1"), false},
    {"o\t\n5\n" ROOT "\n\n" LINE("o\t"), false},
    {"\n", false},
};

START_TEST(test_genesis_previous)
{
  struct cf_str note = cf_str_from(previous[_i].note);
  enum cf_err err = cf_control_genesis(CF_STR("o+00+AA=="), "o2", note, &event);
  ck_assert_err(err, previous[_i].ok ? CF_OK : CF_E_INVALID);
  if (err == CF_OK)
    cf_event_fini(&event);
}
END_TEST

/* 16 signatures and no more, of the longest names. */
START_TEST(test_genesis_previous_limit)
{
  struct cf_buf note;
  for (unsigned n = 16; n <= 17; n++) {
    cf_buf_init(&note, 65536);
    cf_buf_puts(&note, LONG "12345\n9007199254740991\n" ROOT "\n\n");
    for (unsigned i = 0; i < n; i++)
      cf_buf_puts(&note, LINE(LONG "12345"));
    enum cf_err err = cf_control_genesis(CF_STR("o+00+AA=="), "o2", cf_buf_str(&note), &event);
    ck_assert_err(err, n > 16 ? CF_E_INVALID : CF_OK);
    if (err == CF_OK)
      cf_event_fini(&event);
    cf_buf_fini(&note);
  }
}
END_TEST

static const uint8_t digest[CF_HASH_N] = {1, 2, 3};
#define DIGEST "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

START_TEST(test_segment)
{
  struct cf_segment_body body;
  ck_assert_ok(cf_control_segment(256, 262144, 7, digest, &event));
  ck_assert_ok(cf_segment_body_get(event.record.public_text, &body));
  ck_assert_uint_eq(body.first, 256);
  ck_assert_uint_eq(body.end, 262144);
  ck_assert_uint_eq(body.rewrite, 7);
  ck_assert_bytes(body.digest, CF_HASH_N, digest, CF_HASH_N);
  check_event(CF_K_SEGMENT,
              "\"body\":{\"digest\":\"" DIGEST "\",\"end\":262144,\"first\":256,\"rewrite\":7}",
              no_payload);
  ck_assert_err(cf_control_segment(256, 256, 0, digest, &event), CF_E_INVALID);
  ck_assert_err(cf_control_segment(512, 256, 0, digest, &event), CF_E_INVALID);
  ck_assert_err(cf_control_segment(0, 255, 0, digest, &event), CF_E_INVALID);
  ck_assert_err(cf_control_segment(1, 256, 0, digest, &event), CF_E_INVALID);
  ck_assert_err(cf_segment_body_get(CF_STR("\"body\":{}"), &body), CF_E_SYNTAX);
  ck_assert_err(cf_segment_body_get(CF_STR(""), &body), CF_E_SYNTAX);
}
END_TEST

START_TEST(test_service)
{
  static const char *const known[] = {"start", "stop", "clock"};
  for (size_t i = 0; i < CF_COUNT(known); i++) {
    char text[128];
    snprintf(text, sizeof text, "\"body\":{\"software\":\"counterfoil 0.1.0\",\"what\":\"%s\"}",
             known[i]);
    ck_assert_ok(cf_control_service("counterfoil 0.1.0", known[i], &event));
    check_event(CF_K_SERVICE, text, no_payload);
  }
  ck_assert_err(cf_control_service("counterfoil 0.1.0", "dance", &event), CF_E_INVALID);
}
END_TEST

/* ---- of who asks it ---- */

/* One reading, counted. */
static struct cf_control_access reading(const char *action, struct cf_str filter, uint64_t rows)
{
  return (struct cf_control_access){.action = action,
                                    .outcome = "success",
                                    .filter = filter,
                                    .counted = true,
                                    .rows = rows};
}

START_TEST(test_access)
{
  struct cf_control_who who = {CF_STR("al\"ice"), CF_STR("k3y"), "2001:db8::1"};
  struct cf_control_access access = reading("export", CF_STR("user=alice&kind=all"), 12);
  ck_assert_ok(cf_control_access(&who, &access, &event, NULL));
  check_event(CF_K_ACCESS,
              "\"source\":\"counterfoil\",\"action\":\"export\",\"outcome\":\"success\"",
              (const char *const[CF_C_N]){
                  "{\"user\":\"al\\\"ice\",\"credential\":\"k3y\"}", "{\"ip\":\"2001:db8::1\"}",
                  NULL, "{\"attributes\":{\"filter\":\"user=alice&kind=all\",\"rows\":12}}"});
}
END_TEST

/* What is not known is absent, not empty. */
START_TEST(test_access_of_nobody)
{
  struct cf_control_who who = {CF_STR(""), CF_STR(""), ""};
  struct cf_control_access access = reading("read", CF_STR(""), 0);
  ck_assert_ok(cf_control_access(&who, &access, &event, NULL));
  check_event(CF_K_ACCESS, "\"source\":\"counterfoil\",\"action\":\"read\",\"outcome\":\"success\"",
              (const char *const[CF_C_N]){NULL, NULL, NULL,
                                          "{\"attributes\":{\"filter\":\"\",\"rows\":0}}"});
}
END_TEST

/* An answer that has only begun, and repeats of a stranger. */
START_TEST(test_access_counts)
{
  struct cf_control_who who = {CF_STR(""), CF_STR(""), ""};
  struct cf_control_tally repeats = {.count = 4, .first_us = 1, .last_us = 60000000};
  struct cf_control_access access = {.action = "export",
                                     .outcome = "unknown",
                                     .filter = CF_STR("kind=all")};
  ck_assert_ok(cf_control_access(&who, &access, &event, NULL));
  check_event(CF_K_ACCESS,
              "\"source\":\"counterfoil\",\"action\":\"export\",\"outcome\":\"unknown\"",
              (const char *const[CF_C_N]){NULL, NULL, NULL,
                                          "{\"attributes\":{\"filter\":\"kind=all\"}}"});
  access = reading("tile", CF_STR("entries"), 1024);
  access.network = "192.0.2.0/24";
  access.tally = &repeats;
  ck_assert_ok(cf_control_access(&who, &access, &event, NULL));
  check_event(CF_K_ACCESS, "\"source\":\"counterfoil\",\"action\":\"tile\",\"outcome\":\"success\"",
              (const char *const[CF_C_N]){
                  NULL, NULL, NULL,
                  "{\"attributes\":{\"count\":4,\"filter\":\"entries\","
                  "\"first\":\"1970-01-01T00:00:00.000001Z\","
                  "\"last\":\"1970-01-01T00:01:00.000000Z\",\"network\":\"192.0.2.0/24\","
                  "\"rows\":1024}}"});
}
END_TEST

/* A verdict stands among the rest in the order of names; what it does not name
 * is absent. */
START_TEST(test_access_verdict)
{
  struct cf_control_who who = {CF_STR("eve"), CF_STR(""), ""};
  struct cf_control_verdict verdict = {.word = "LEAF_HASH",
                                       .mode = "full",
                                       .has_first_bad = true,
                                       .first_bad = 5,
                                       .leaves = 100,
                                       .size = 120,
                                       .ranges = "5-9,12"};
  struct cf_control_access access = reading("verify", CF_STR(""), 100);
  access.outcome = "failure";
  access.verdict = &verdict;
  ck_assert_ok(cf_control_access(&who, &access, &event, NULL));
  check_event(
      CF_K_ACCESS, "\"source\":\"counterfoil\",\"action\":\"verify\",\"outcome\":\"failure\"",
      (const char *const[CF_C_N]){
          "{\"user\":\"eve\"}", NULL, NULL,
          "{\"attributes\":{\"filter\":\"\",\"first_bad\":5,\"leaves\":100,\"mode\":\"full\","
          "\"ranges\":\"5-9,12\",\"root\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","
          "\"rows\":100,\"size\":120,\"verdict\":\"LEAF_HASH\"}}"});
  verdict = (struct cf_control_verdict){.word = CF_VERDICT_HOLDS, .mode = "full"};
  access = reading("verify", (struct cf_str){NULL, 0}, 0);
  access.verdict = &verdict;
  ck_assert_ok(cf_control_access(&who, &access, &event, NULL));
  check_event(CF_K_ACCESS,
              "\"source\":\"counterfoil\",\"action\":\"verify\",\"outcome\":\"success\"",
              (const char *const[CF_C_N]){
                  "{\"user\":\"eve\"}", NULL, NULL,
                  "{\"attributes\":{\"leaves\":0,\"mode\":\"full\","
                  "\"root\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"rows\":0,\"size\":0,"
                  "\"verdict\":\"holds\"}}"});
}
END_TEST

/* A filter is whole; one that has no room says so, and which it was. */
START_TEST(test_access_long_filter)
{
  static char filter[CF_CONTROL_FILTER_MAX + 2], detail[20000];
  struct cf_control_who who = {CF_STR(""), CF_STR(""), ""};
  memset(filter, 'f', CF_CONTROL_FILTER_MAX);
  for (size_t more = 0; more < 2; more++) {
    struct cf_control_access access =
        reading("query", (struct cf_str){filter, CF_CONTROL_FILTER_MAX + more}, 1);
    snprintf(detail, sizeof detail, "{\"attributes\":{\"filter\":\"%.15360s\"%s,\"rows\":1}}",
             filter,
             more == 0 ? ""
                       : ",\"filter_length\":15361,\"filter_sha256\":"
                         "\"827fa503d5af977443d45374a060737f7c78ec41de8abfcea8f6261483511a2f\"");
    filter[CF_CONTROL_FILTER_MAX] = '\xc3'; /* what is cut is no part of a character */
    ck_assert_ok(cf_control_access(&who, &access, &event, NULL));
    check_event(CF_K_ACCESS,
                "\"source\":\"counterfoil\",\"action\":\"query\",\"outcome\":\"success\"",
                (const char *const[CF_C_N]){NULL, NULL, NULL, detail});
  }
}
END_TEST

/* Whoever somebody says that he is, his reading is told of: text is mended and
 * cut, each of his 1,024 bytes in three. */
START_TEST(test_access_hostile_who)
{
  char user[2048], actor[8192];
  size_t n = (size_t)snprintf(actor, sizeof actor, "{\"user\":\"");
  memset(user, 0xff, sizeof user);
  for (size_t i = 0; i < 1024 / 3; i++)
    n += (size_t)snprintf(actor + n, sizeof actor - n, "%s", FFFD);
  snprintf(actor + n, sizeof actor - n, "\",\"credential\":\"%s%s\"}", LONG, "012345");
  struct cf_control_who who = {{user, sizeof user}, CF_STR(LONG TEN), "192.0.2.7"};
  struct cf_control_access access = reading("read", CF_STR("\xff\n"), 1);
  ck_assert_ok(cf_control_access(&who, &access, &event, NULL));
  check_event(CF_K_ACCESS, "\"source\":\"counterfoil\",\"action\":\"read\",\"outcome\":\"success\"",
              (const char *const[CF_C_N]){actor, "{\"ip\":\"192.0.2.7\"}", NULL,
                                          "{\"attributes\":{\"filter\":\"" FFFD
                                          "\\n\",\"rows\":1}}"});
}
END_TEST

START_TEST(test_access_wrong)
{
  struct cf_control_who good = {CF_STR("u"), CF_STR("c"), "192.0.2.7"};
  struct cf_control_who lost = {CF_STR("u"), CF_STR("c"), "nowhere"};
  struct cf_control_access access = reading("a b", CF_STR(""), 1);
  ck_assert_err(cf_control_access(&good, &access, &event, &fault), CF_E_INVALID);
  ck_assert_str_eq(fault.at, "action");
  access.action = "read";
  ck_assert_err(cf_control_access(&lost, &access, &event, &fault), CF_E_INVALID);
  ck_assert_str_eq(fault.at, "ip");
}
END_TEST

static const struct cf_control_tally tally = {.reason = "no-token",
                                              .count = 7,
                                              .first_us = 1,
                                              .last_us = 60000000};

static const struct cf_control_access refused = {.action = "refused",
                                                 .outcome = "failure",
                                                 .tally = &tally};

START_TEST(test_refusal)
{
  struct cf_control_who who = {CF_STR("bob"), CF_STR(""), "192.0.2.7"};
  ck_assert_ok(cf_control_access(&who, &refused, &event, NULL));
  check_event(CF_K_ACCESS,
              "\"source\":\"counterfoil\",\"action\":\"refused\",\"outcome\":\"failure\"",
              (const char *const[CF_C_N]){
                  "{\"user\":\"bob\"}", "{\"ip\":\"192.0.2.7\"}", NULL,
                  "{\"attributes\":{\"count\":7,\"first\":\"1970-01-01T00:00:00.000001Z\","
                  "\"last\":\"1970-01-01T00:01:00.000000Z\",\"reason\":\"no-token\"}}"});
}
END_TEST

START_TEST(test_refusal_hostile_who)
{
  struct cf_control_who who = {CF_STR("a\x00\xff\x1b"), CF_STR(LONG "12345\xc3\xbc"), ""};
  ck_assert_ok(cf_control_access(&who, &refused, &event, NULL));
  check_event(CF_K_ACCESS,
              "\"source\":\"counterfoil\",\"action\":\"refused\",\"outcome\":\"failure\"",
              (const char *const[CF_C_N]){
                  "{\"user\":\"a\\u0000" FFFD "\\u001b\",\"credential\":\"" LONG "12345\"}", NULL,
                  NULL,
                  "{\"attributes\":{\"count\":7,\"first\":\"1970-01-01T00:00:00.000001Z\","
                  "\"last\":\"1970-01-01T00:01:00.000000Z\",\"reason\":\"no-token\"}}"});
}
END_TEST

/* ---- of writers ---- */

START_TEST(test_loss)
{
  ck_assert_ok(cf_control_loss(CF_STR("web1"), &tally, &event, NULL));
  check_event(CF_K_LOSS,
              "\"source\":\"web1\",\"body\":{\"count\":7,"
              "\"first\":\"1970-01-01T00:00:00.000001Z\","
              "\"last\":\"1970-01-01T00:01:00.000000Z\",\"reason\":\"no-token\"}",
              no_payload);
}
END_TEST

/* Who says so, and in what words, is erasable; what the source lost is not. */
START_TEST(test_gap)
{
  const struct cf_control_tally gap = {"gap", 1, 0, 1000000};
  const struct cf_control_who who = {CF_STR("web1"), CF_STR("0123456789"), ""};
  ck_assert_ok(cf_control_gap(CF_STR("app"), &who, &gap, CF_STR("cut\xff"), &event, NULL));
  check_event(CF_K_LOSS,
              "\"source\":\"app\",\"body\":{\"count\":1,\"first\":\"1970-01-01T00:00:00.000000Z\","
              "\"last\":\"1970-01-01T00:00:01.000000Z\",\"reason\":\"gap\"}",
              (const char *const[CF_C_N]){[CF_C_ACTOR] =
                                              "{\"user\":\"web1\",\"credential\":\"0123456789\"}",
                                          [CF_C_DETAIL] = "{\"message\":\"cut" FFFD "\"}"});
}
END_TEST

START_TEST(test_loss_wrong)
{
  struct cf_control_tally wordy = tally;
  wordy.reason = "two words";
  ck_assert_err(cf_control_loss(CF_STR("web1"), &wordy, &event, &fault), CF_E_INVALID);
  ck_assert_err(cf_control_loss(CF_STR("web 1"), &tally, &event, &fault), CF_E_INVALID);
  ck_assert_str_eq(fault.at, "source");
  ck_assert_err(cf_control_loss(CF_STR(""), &tally, &event, &fault), CF_E_INVALID);
}
END_TEST

static const char *const two_roles[] = {"writer", "auditor", NULL};
static const char *const no_names[] = {NULL};
static const char *const two_sources[] = {"app.*", "web2", NULL};

static struct cf_control_token change(void)
{
  return (struct cf_control_token){.what = "add",
                                   .source = CF_STR("admin"),
                                   .user = CF_STR("admin"),
                                   .credential = CF_STR("local"),
                                   .id = "abcdefgh23",
                                   .name = "web1",
                                   .roles = two_roles,
                                   .expires_us = 1};
}

START_TEST(test_token)
{
  struct cf_control_token token = change();
  ck_assert_ok(cf_control_token(&token, &event, NULL));
  check_event(CF_K_TOKEN,
              "\"source\":\"admin\",\"body\":{\"expires\":\"1970-01-01T00:00:00.000001Z\","
              "\"id\":\"abcdefgh23\",\"name\":\"web1\",\"roles\":[\"writer\",\"auditor\"],"
              "\"what\":\"add\"}",
              (const char *const[CF_C_N]){"{\"user\":\"admin\",\"credential\":\"local\"}", NULL,
                                          NULL, NULL});
}
END_TEST

START_TEST(test_token_whole)
{
  struct cf_control_token token = change();
  token.sources = two_sources;
  token.hash = digest;
  token.expires_us = CF_TIME_NONE;
  ck_assert_ok(cf_control_token(&token, &event, NULL));
  check_event(
      CF_K_TOKEN,
      "\"source\":\"admin\",\"body\":{\"id\":\"abcdefgh23\",\"name\":\"web1\","
      "\"roles\":[\"writer\",\"auditor\"],\"sources\":[\"app.*\",\"web2\"],\"what\":\"add\"}",
      (const char *const[CF_C_N]){"{\"user\":\"admin\",\"credential\":\"local\"}", NULL, NULL,
                                  "{\"attributes\":{\"hash\":\"" DIGEST "\"}}"});
}
END_TEST

/* By a user of the web server, whose name is none of a source. */
START_TEST(test_token_without_end)
{
  struct cf_control_token token = change();
  token.what = "revoke";
  token.source = CF_STR("");
  token.user = CF_STR("CN=\xff" LONG LONG LONG LONG LONG);
  token.credential = CF_STR("client_cert");
  token.roles = no_names;
  token.sources = no_names;
  token.expires_us = CF_TIME_NONE;
  ck_assert_ok(cf_control_token(&token, &event, NULL));
  check_event(CF_K_TOKEN,
              "\"source\":\"web-server\",\"body\":{\"id\":\"abcdefgh23\",\"name\":\"web1\","
              "\"what\":\"revoke\"}",
              (const char *const[CF_C_N]){"{\"user\":\"CN=" FFFD LONG LONG LONG LONG TEN "01234567"
                                          "\",\"credential\":\"client_cert\"}",
                                          NULL, NULL, NULL});
}
END_TEST

START_TEST(test_token_wrong)
{
  struct cf_control_token token = change();
  token.name = "web 1";
  ck_assert_err(cf_control_token(&token, &event, &fault), CF_E_INVALID);
  ck_assert_str_eq(fault.at, "body");
  token = change();
  token.sources = (const char *const[]){"counterfoil", NULL};
  ck_assert_err(cf_control_token(&token, &event, &fault), CF_E_INVALID);
  token = change();
  token.what = "steal";
  ck_assert_err(cf_control_token(&token, &event, &fault), CF_E_INVALID);
  token = change();
  token.source = CF_STR("gr\xc3\xbc\xc3\x9f");
  ck_assert_err(cf_control_token(&token, &event, &fault), CF_E_INVALID);
  ck_assert_str_eq(fault.at, "source");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "log", .test = test_genesis},
      {.tcase = "log", .test = test_genesis_previous, .loops = CF_COUNT(previous)},
      {.tcase = "log", .test = test_genesis_previous_limit},
      {.tcase = "log", .test = test_segment},
      {.tcase = "log", .test = test_service},
      {.tcase = "who", .test = test_access},
      {.tcase = "who", .test = test_access_of_nobody},
      {.tcase = "who", .test = test_access_counts},
      {.tcase = "who", .test = test_access_verdict},
      {.tcase = "who", .test = test_access_long_filter},
      {.tcase = "who", .test = test_access_hostile_who},
      {.tcase = "who", .test = test_access_wrong},
      {.tcase = "who", .test = test_refusal},
      {.tcase = "who", .test = test_refusal_hostile_who},
      {.tcase = "writers", .test = test_loss},
      {.tcase = "writers", .test = test_gap},
      {.tcase = "writers", .test = test_loss_wrong},
      {.tcase = "writers", .test = test_token},
      {.tcase = "writers", .test = test_token_whole},
      {.tcase = "writers", .test = test_token_without_end},
      {.tcase = "writers", .test = test_token_wrong},
  };
  return cf_test_run("control", tests, CF_COUNT(tests));
}
