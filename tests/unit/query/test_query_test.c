/* SPDX-License-Identifier: MIT */
/* Records against filters. */
#include "config.h"

#include "lib/query/query_in.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/query/query_ask.h"

/* {"actor":…} texts of one event; what each question says of it. */
static const struct {
  const char *url;
  bool pass;
} asked[] = {
    {"", true},
    {"user=a%22b", true},
    {"user=a", false},
    {"user=x&user=a%22b", true},
    {"user.not=a%22b", false},
    {"user.not=A%22b", true},
    {"user.prefix=a", true},
    {"user.prefix=A", false},
    {"session.not=s", true},
    {"session.prefix=", false},
    {"session=", false},
    {"host=", true},
    {"host.prefix=", true},
    {"host.not=", false},
    {"method=get", true},
    {"method.prefix=ge", true},
    {"status=404", true},
    {"status=4xx", true},
    {"status=400-403,405-500", false},
    {"status.not=5xx", true},
    {"status.prefix=40", true},
    {"status.prefix=44", false},
    {"ip=192.0.2.0/24", true},
    {"ip=192.0.2.7", true},
    {"ip=192.0.2.8/29", false},
    {"ip=2001:db8::/32", false},
    {"ip.not=10.0.0.0/8", true},
    {"ip.not=::/0", false},
    {"ip=::ffff:192.0.2.0/120", true},
    {"outcome=failure", true},
    {"q=CURL", true},
    {"q=%22B", true},
    {"q=get", false}, /* the method is no text member */
    {"q=zz&q=mozilla", true},
    {"from=2026-11-24T01:00:00Z&to=2026-11-24T01:00:00.000001Z", true},
    {"from=2026-11-24T01:00:00.000001Z", false},
    {"to=2026-11-24T01:00:00Z", false},
    {"recorded_from=2026-11-24T02:00:00Z", true},
    {"recorded_to=2026-11-24T02:00:00Z", false},
    {"seq_from=7&seq_to=8", true},
    {"seq_from=8", false},
    {"seq_to=7", false},
    {"kind=access", false},
    {"kind=access,event", true},
    {"kind=all", true},
    {"sort=time&order=asc&limit=1", true},
    {"user.ci=A%22B", true},
    {"user.ci=A%22", false},
    {"user.ci=bob&user.ci=a%22B", true},
    {"action.ci=READ", false},
    /* attributes */
    {"attributes.tenant=north", true},
    {"attributes.tenant=North", false},
    {"attributes.tenant.ci=NORTH", true},
    {"attributes.tenant.ci=nort", false},
    {"attributes.tenant.prefix=no", true},
    {"attributes.tenant.prefix=", true},
    {"attributes.tenant.not=north", false},
    {"attributes.tenant.not=south", true},
    {"attributes.none.not=south", true},
    {"attributes.none=", false},
    {"attributes.tenant=south&attributes.tenant=north", true},
    {"attributes.tenant=north&attributes.n=2", false},
    {"attributes.n=1.50", true},
    {"attributes.n=1.5", false},
    {"attributes.a.b=true", true},
    {"attributes.a.c%22=x%0Ay", true},
    {"attributes.a.c%22.ci=X%0aY", true},
    {"attributes.a=true", false},
    {"attributes.a.b.c=true", false},
    {"attributes.tags=red", true},
    {"attributes.tags=blue", true},
    {"attributes.tags.not=blue", false},
    {"attributes.tags=null", false},
    {"attributes.tags.x=deep", true},
    {"attributes.k8s.io%2Fname=pod", true},
    {"attributes.prefix=p", true},
    {"attributes.not.not=p", true},
    {"q=NORTH", true},
    {"q=x%0Ay", true},
    {"q=1.5", true},
    {"q=tenant", false}, /* a name is no value */
    {"q=%5Cn", false},
    {"q=null", false},
};

static const struct cf_record sample = {
    .seq = 7,
    .recorded_us = INT64_C(1795485600000000),
    .kind = CF_K_EVENT,
    .time_us = INT64_C(1795482000000000),
    .public_text =
        {"\"time\":\"2026-11-24T01:00:00.000000Z\",\"method\":\"GET\",\"status\":404,\"outcome\":\"failure\"",
         82},
    .payload =
        {{"{\"user\":\"a\\\"b\"}", 15},
         {"{\"ip\":\"192.0.2.7\",\"user_agent\":\"Mozilla cUrl\"}", 46},
         {"{\"host\":\"\"}", 11},
         {"{\"attributes\":{\"a\":{\"b\":true,\"c\\\"\":\"x\\ny\"},\"k8s.io/name\":\"pod\",\"n\":1.50,"
          "\"prefix\":\"p\",\"tags\":[\"red\",null,[\"blue\"],{\"x\":\"deep\"}],\"tenant\":\"north\"}}",
          0}},
};

START_TEST(test_record)
{
  struct cf_record record = sample;
  struct cf_values values;
  struct cf_query *query;
  struct cf_fault fault;
  bool pass;

  record.public_text.n = strlen(record.public_text.p);
  for (unsigned c = 0; c < CF_C_N; c++)
    record.payload[c].n = record.payload[c].p == NULL ? 0 : strlen(record.payload[c].p);
  cf_values_init(&values);
  ck_assert_ok(ask_parse(asked[_i].url, NULL, &query, &fault));
  ck_assert_ok(cf_query_test(query, &record, &values, &pass));
  ck_assert_msg(pass == asked[_i].pass, "%s: %d", asked[_i].url, pass);
  cf_query_free(query);
  cf_values_fini(&values);
}
END_TEST

/* What is erased is in no answer, and so is what is broken. */
START_TEST(test_attributes_gone)
{
  static const uint8_t commitment[CF_HASH_N];
  struct cf_record record = sample;
  struct cf_query *query;
  struct cf_fault fault;
  struct cf_values values;
  bool pass;

  record.public_text.n = strlen(record.public_text.p);
  for (unsigned c = 0; c < CF_C_N; c++)
    record.payload[c].n = strlen(record.payload[c].p);
  cf_values_init(&values);
  ck_assert_ok(ask_parse("attributes.tenant=north&q=north", NULL, &query, &fault));
  ck_assert_ok(cf_query_test(query, &record, &values, &pass));
  ck_assert(pass);
  record.payload[CF_C_DETAIL] = (struct cf_str){NULL, 0};
  record.gone[CF_C_DETAIL] = commitment;
  ck_assert_ok(cf_query_test(query, &record, &values, &pass));
  ck_assert(!pass);
  record.gone[CF_C_DETAIL] = NULL;
  record.payload[CF_C_DETAIL] = CF_STR("{\"attributes\":{\"tenant\":[\"north}}");
  ck_assert_err(cf_query_test(query, &record, &values, &pass), CF_E_SYNTAX);
  cf_query_free(query);
  cf_values_fini(&values);
}
END_TEST

/* A needle is found wherever it stands in a long text, also across the places
 * where the search cuts it. */
START_TEST(test_needles)
{
  static char text[12000];
  struct cf_query *query;
  struct cf_fault fault;
  struct cf_values values;
  struct cf_record record = sample;
  struct cf_buf payload;
  bool pass;

  cf_values_init(&values);
  ck_assert_ok(ask_parse("q=needLE", NULL, &query, &fault));
  for (size_t at = 0; at + 6 <= sizeof text; at += (at + 16) % 4096 < 32 ? 1 : 7) {
    memset(text, 'n', sizeof text);
    memcpy(text + at, "NeedLe", 6);
    cf_buf_init(&payload, SIZE_MAX);
    cf_buf_putc(&payload, '{');
    cf_json_put_member(&payload, "message", (struct cf_str){text, sizeof text});
    cf_buf_putc(&payload, '}');
    record.payload[CF_C_DETAIL] = cf_buf_str(&payload);
    record.payload[CF_C_ACTOR].n = record.payload[CF_C_CLIENT].n = record.payload[CF_C_RESOURCE].n =
        record.public_text.n = 0;
    ck_assert_ok(cf_query_test(query, &record, &values, &pass));
    ck_assert_msg(pass, "at %zu", at);
    memcpy(text + at, "NeedLf", 6);
    memcpy(payload.p + sizeof "{\"message\":\"" - 1, text, sizeof text);
    ck_assert_ok(cf_query_test(query, &record, &values, &pass));
    ck_assert(!pass);
    cf_buf_fini(&payload);
  }
  cf_query_free(query);
  cf_values_fini(&values);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "record", .test = test_record, .loops = CF_COUNT(asked)},
      {.tcase = "record", .test = test_attributes_gone},
      {.tcase = "record", .test = test_needles},
  };
  return cf_test_run("query_test", tests, CF_COUNT(tests));
}
