/* SPDX-License-Identifier: MIT */
/* Leaves: what reading them strictly takes and refuses, and what is said of one
 * that was just made. */
#include "config.h"

#include "lib/record/record.h"

#include "tests/unit/cf_test.h"
#include "tests/unit/record/records.h"

static const struct {
  struct cf_str text;
  bool ok;
} publics[] = {
    {S(PUBLIC), true},
    {S("\"source\":\"w\",\"outcome\":\"unknown\""), true},
    {S("\"source\":\"w\",\"source_seq\":0,\"id\":\"i\",\"time\":\"2026-11-24T02:00:00.000001Z\",\"action\":\"a\",\"method\":\"M\",\"status\":0,\"outcome\":\"failure\""),
     true},
    {S(""), false},
    {S("\"source\":\"w\""), false},                                          /* no outcome */
    {S("\"outcome\":\"unknown\""), false},                                   /* no source */
    {S("\"outcome\":\"unknown\",\"source\":\"w\""), false},                  /* order */
    {S("\"source\":\"w\",\"source\":\"w\",\"outcome\":\"unknown\""), false}, /* twice */
    {S("\"source\":\"w\",\"outcome\":\"unknown\",\"outcome\":\"unknown\""), false},
    {S(" \"source\":\"w\",\"outcome\":\"unknown\""), false}, /* space */
    {S("\"source\": \"w\",\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\", \"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"outcome\":\"unknown\" "), false},
    {S("\"source\":\"w\",\"outcome\":\"unknown\","), false},
    {S(",\"source\":\"w\",\"outcome\":\"unknown\""), false},
    {S("\"source\":\"\\u0077\",\"outcome\":\"unknown\""), false}, /* escapes */
    {S("\"source\":\"a\\/b\",\"outcome\":\"unknown\""), false},
    {S("\"sourc\\u0065\":\"w\",\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"status\":00,\"outcome\":\"unknown\""), false}, /* integers */
    {S("\"source\":\"w\",\"status\":0200,\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"status\":1000,\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"status\":-1,\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"status\":1e2,\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"status\":\"200\",\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"source_seq\":9007199254740992,\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"outcome\":\"maybe\""), false}, /* words, alphabets, times */
    {S("\"source\":\"a b\",\"outcome\":\"unknown\""), false},
    {S("\"source\":\"\",\"outcome\":\"unknown\""), false},
    {S("\"source\":null,\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"time\":\"2026-11-24T02:00:00Z\",\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"time\":\"2026-11-24T02:00:60.000000Z\",\"outcome\":\"unknown\""), false},
    {S("\"source\":\"w\",\"user\":\"x\",\"outcome\":\"unknown\""), false}, /* of a compartment */
    {S("\"source\":\"w\",\"colour\":\"red\",\"outcome\":\"unknown\""), false}, /* unknown */
    {S("\"source\":\"w\",\"outcome\":\"unknown\",\"body\":{}"), false},
    {S("\"source\":\"counterfoil\",\"outcome\":\"unknown\""), false}, /* reserved */
};

START_TEST(test_public)
{
  int64_t t;
  struct cf_fault fault = {.at = ""};
  ck_assert_err(cf_public_check(CF_K_EVENT, publics[_i].text, &t, &fault),
                publics[_i].ok ? CF_OK : CF_E_SYNTAX);
  if (!publics[_i].ok)
    ck_assert_str_ne(fault.detail, "");
}
END_TEST

#define DEEP8 "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}"

static const struct {
  enum cf_compartment compartment;
  struct cf_str text;
  bool ok;
} payloads[] = {
    {CF_C_ACTOR, S("{\"user\":\"\"}"), true},
    {CF_C_ACTOR, S("{\"user\":\"\\u0000\\u001f\\\"\\\\\\b\\f\\n\\r\\t\x7f\xc3\xa9\"}"), true},
    {CF_C_ACTOR, S("{\"user\":\"a\",\"session\":\"b\",\"credential\":\"c\"}"), true},
    {CF_C_ACTOR, S("{}"), false},
    {CF_C_ACTOR, S(""), false},
    {CF_C_ACTOR, S("[]"), false},
    {CF_C_ACTOR, S("{\"session\":\"b\",\"user\":\"a\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"a\",\"user\":\"a\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"a\"} "), false},
    {CF_C_ACTOR, S("{\"user\":\"a\"}}"), false},
    {CF_C_ACTOR, S("{\"user\":\"a\",}"), false},
    {CF_C_ACTOR, S("{ \"user\":\"a\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"a\"\n}"), false},
    {CF_C_ACTOR, S("{\"user\":\"a\\/b\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"\\u0041\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"\\u001F\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"\\u000a\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"\\u007f\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"\\ud83d\\ude00\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"\n\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"\xff\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"\xed\xa0\x80\"}"), false},
    {CF_C_ACTOR, S("{\"user\":\"\xc0\x80\"}"), false},
    {CF_C_ACTOR, S("{\"user\":1}"), false},
    {CF_C_ACTOR, S("{\"user\":null}"), false},
    {CF_C_ACTOR, S("{\"ip\":\"192.0.2.7\"}"), false},
    {CF_C_ACTOR, S("{\"name\":\"x\"}"), false},
    {CF_C_CLIENT, S("{\"ip\":\"192.0.2.7\"}"), true},
    {CF_C_CLIENT, S("{\"ip\":\"192.0.2.07\"}"), false},
    {CF_C_CLIENT, S("{\"ip\":\"::ffff:192.0.2.7\"}"), false},
    {CF_C_CLIENT, S("{\"ip\":\"2001:DB8::1\"}"), false},
    {CF_C_CLIENT, S("{\"ip\":\"\"}"), false},
    {CF_C_DETAIL, S("{\"bytes\":0,\"duration_us\":9007199254740991}"), true},
    {CF_C_DETAIL, S("{\"bytes\":00}"), false},
    {CF_C_DETAIL, S("{\"bytes\":-0}"), false},
    {CF_C_DETAIL, S("{\"protocol\":\"12345678901234567890123456789012\"}"), true},
    {CF_C_DETAIL, S("{\"protocol\":\"1234567890123456789012345678901\\n\"}"), true},
    {CF_C_DETAIL, S("{\"protocol\":\"12345678901234567890123456789012\\n\"}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":1}}"), true},
    {CF_C_DETAIL, S("{\"attributes\":{}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":[]}"), false},
    {CF_C_DETAIL, S("{\"attributes\":\"\"}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":{},\"b\":[],\"c\":[null,true,false,\"\"]}}"), true},
    /* which ledgers hold from before such numbers were refused */
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":[1e400,-1e999]}}"), true},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":null}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":{\"b\":null}}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"b\":1,\"a\":2}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":1,\"a\":2}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":1,\"ab\":2}}"), true},
    {CF_C_DETAIL, S("{\"attributes\":{\"ab\":1,\"a\":2}}"), false},
    {CF_C_DETAIL,
     S("{\"attributes\":{\"\\n\":1,\" \":2,\"\\\"\":3,\"#\":4,\"[\":5,\"\\\\\":6,\"]\":7}}"), true},
    {CF_C_DETAIL, S("{\"attributes\":{\"#\":1,\"\\\"\":2}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":{\"d\":1,\"c\":1}}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":[{\"d\":1,\"c\":1}]}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":" DEEP8 "}"), true},
    {CF_C_DETAIL, S("{\"attributes\":{\"b\":" DEEP8 "}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":[[[[[[[1]]]]]]]}}"), true},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":[[[[[[[[1]]]]]]]]}}"), false},
    {CF_C_DETAIL,
     S("{\"attributes\":{\"n\":[0,-1,9223372036854775807,-9223372036854775808,0.0,-0.0,1e3,1E+3,1.50]}}"),
     true},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":-0}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":01}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":9223372036854775808}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":-9223372036854775809}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":1.}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":.5}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":1e}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":+1}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":-}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":NaN}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":1.12345678901234567890123456789012345678}}"), true},
    {CF_C_DETAIL, S("{\"attributes\":{\"n\":1.123456789012345678901234567890123456789}}"), false},
    {CF_C_DETAIL, S("{\"attributes\":{\"a\":1},\"message\":\"x\"}"), false},
};

START_TEST(test_payload)
{
  struct cf_fault fault = {.at = ""};
  ck_assert_err(cf_payload_check(payloads[_i].compartment, payloads[_i].text, &fault),
                payloads[_i].ok ? CF_OK : CF_E_SYNTAX);
  if (!payloads[_i].ok)
    ck_assert_str_ne(fault.detail, "");
}
END_TEST

#define HEAD \
  "{\"v\":1,\"seq\":1,\"prev\":\"" ZERO \
  "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\","
#define ZERO    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define MEMBERS "\"source\":\"w\",\"outcome\":\"unknown\""

static const struct {
  struct cf_str text;
  bool ok;
} leaves[] = {
    {S(HEAD MEMBERS "}"), true},
    {S(HEAD MEMBERS ",\"actor\":\"" ZERO "\"}"), true},
    {S(HEAD MEMBERS ",\"resource\":\"" ZERO "\",\"detail\":\"" ZERO "\"}"), true},
    {S("{\"v\":1,\"seq\":18446744073709551615,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"," MEMBERS "}"),
     true},
    {S("{\"v\":1,\"seq\":0,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"genesis\",\"body\":{\"format\":\"counterfoil/v1\",\"key\":\"k\",\"origin\":\"o\"}}"),
     true},
    {S("{\"v\":1,\"seq\":1,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"genesis\",\"body\":{\"format\":\"counterfoil/v1\",\"key\":\"k\",\"origin\":\"o\"}}"),
     false},
    {S("{\"v\":1,\"seq\":18446744073709551616,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"," MEMBERS "}"),
     false},
    {S("{\"v\":1,\"seq\":01,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"," MEMBERS "}"),
     false},
    {S("{\"v\":2,\"seq\":1,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"," MEMBERS "}"),
     false},
    {S("{\"v\":1,\"seq\":1,\"prev\":\"\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"," MEMBERS
       "}"),
     false},
    {S("{\"v\":1,\"seq\":1,\"prev\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"," MEMBERS
       "}"),
     false},
    {S("{\"v\":1,\"seq\":1,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02Z\",\"kind\":\"event\"," MEMBERS "}"),
     false},
    {S("{\"v\":1,\"seq\":1,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"other\"," MEMBERS "}"),
     false},
    {S("{\"v\":1,\"seq\":1,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"}"),
     false},
    {S("{\"seq\":1,\"v\":1,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"," MEMBERS "}"),
     false},
    {S(HEAD MEMBERS ",\"detail\":\"" ZERO "\",\"resource\":\"" ZERO "\"}"), false},
    {S(HEAD MEMBERS ",\"detail\":\"" ZERO "\",\"detail\":\"" ZERO "\"}"), false},
    {S(HEAD MEMBERS ",\"detail\":\"AAAA\"}"), false},
    {S(HEAD MEMBERS ",\"other\":\"" ZERO "\"}"), false},
    {S(HEAD "\"actor\":\"" ZERO "\"," MEMBERS "}"), false},
    {S(HEAD MEMBERS "}\n"), false},
    {S(HEAD MEMBERS "}}"), false},
    {S(" " HEAD MEMBERS "}"), false},
    {S(HEAD MEMBERS), false},
    {S(HEAD MEMBERS ",}"), false},
    {S("{\"v\":1,\"seq\":1,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"hold\",\"source\":\"o\",\"body\":{\"hold\":\"h\"},\"detail\":\"" ZERO
       "\"}"),
     true},
    {S("{\"v\":1,\"seq\":1,\"prev\":\"" ZERO
       "\",\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"hold\",\"source\":\"o\",\"body\":{\"hold\":\"h\"},\"client\":\"" ZERO
       "\"}"),
     false},
};

START_TEST(test_leaf)
{
  struct cf_leaf leaf;
  struct cf_fault fault = {.at = ""};
  ck_assert_err(cf_leaf_parse(leaves[_i].text, &leaf, &fault), leaves[_i].ok ? CF_OK : CF_E_SYNTAX);
  if (!leaves[_i].ok)
    ck_assert_str_ne(fault.detail, "");
}
END_TEST

/* What is said of a leaf that was made is what reading it says. */
static void ck_assert_made(const struct cf_record *r, bool ok)
{
  uint8_t prev[CF_HASH_N] = {5}, salts[CF_C_N][CF_HASH_N] = {{6}}, hash[CF_HASH_N];
  struct cf_leaf made, read;
  struct cf_buf b;
  cf_buf_init(&b, 2 * CF_LEAF_MAX);
  cf_leaf_put(r, prev, (const uint8_t(*)[CF_HASH_N])salts, &b, hash);
  ck_assert_err(cf_leaf_made(r, prev, &made), ok ? CF_OK : CF_E_SYNTAX);
  if (ok) {
    ck_assert_err(cf_leaf_parse(cf_buf_str(&b), &read, NULL), CF_OK);
    ck_assert_uint_eq(made.seq, read.seq);
    ck_assert_mem_eq(made.prev, read.prev, CF_HASH_N);
    ck_assert_int_eq(made.recorded_us, read.recorded_us);
    ck_assert_int_eq(made.time_us, read.time_us);
    ck_assert_int_eq(made.kind, read.kind);
    ck_assert_int_eq(made.present, read.present);
    ck_assert(cf_str_eq(made.public_text, read.public_text));
  }
  cf_buf_fini(&b);
}

START_TEST(test_made)
{
  ck_assert_made(&records[_i], true);
}
END_TEST

START_TEST(test_made_of_a_bad_text)
{
  static const struct cf_str more[] = {
      S(MEMBERS ",\"actor\":\"" ZERO "\""),
      S(MEMBERS "}"),
      S("\"body\":{\"format\":\"counterfoil/v1\",\"key\":\"k\",\"origin\":\"o\"}"),
  };
  struct cf_record r = records[2];
  for (size_t i = 0; i < CF_COUNT(publics); i++) {
    r.public_text = publics[i].text;
    ck_assert_made(&r, publics[i].ok);
  }
  for (size_t i = 0; i < CF_COUNT(more); i++) {
    r.public_text = more[i];
    ck_assert_made(&r, false);
  }
  r = records[3];
  r.seq = 1;
  ck_assert_made(&r, false);
}
END_TEST

/* Public texts of which a byte is another, is gone or came in: what is said of
 * a leaf that was made is what reading it says. */
START_TEST(test_made_of_a_changed_text)
{
  const uint8_t prev[CF_HASH_N] = {5}, salts[CF_C_N][CF_HASH_N] = {{6}};
  static const char bytes[] = "\"{}:,\\0aZ\x00\xff";
  struct cf_record r = records[_i];
  struct cf_str was = r.public_text;
  struct cf_buf text, leaf;
  cf_buf_init(&text, SIZE_MAX / 2);
  cf_buf_init(&leaf, SIZE_MAX / 2);
  for (size_t at = 0; at <= was.n; at++)
    for (size_t how = 0; how < 2 * sizeof bytes; how++) {
      struct cf_leaf made, read;
      uint8_t hash[CF_HASH_N];
      size_t left_out = at < was.n ? how % 2 : 0;
      cf_buf_reset(&text);
      cf_buf_reset(&leaf);
      cf_buf_put(&text, was.p, at);
      if (how > 1)
        cf_buf_putc(&text, bytes[how / 2 - 1]);
      cf_buf_put(&text, was.p + at + left_out, was.n - at - left_out);
      r.public_text = cf_buf_str(&text);
      cf_leaf_put(&r, prev, salts, &leaf, hash);
      enum cf_err err = cf_leaf_parse(cf_buf_str(&leaf), &read, NULL);
      ck_assert_err(cf_leaf_made(&r, prev, &made), err);
      ck_assert(err != CF_OK || (made.present == read.present && made.time_us == read.time_us &&
                                 cf_str_eq(made.public_text, read.public_text)));
    }
  cf_buf_fini(&text);
  cf_buf_fini(&leaf);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "strict", .test = test_public, .loops = CF_COUNT(publics)},
      {.tcase = "strict", .test = test_payload, .loops = CF_COUNT(payloads)},
      {.tcase = "strict", .test = test_leaf, .loops = CF_COUNT(leaves)},
      {.tcase = "strict", .test = test_made, .loops = RECORDS_N},
      {.tcase = "strict", .test = test_made_of_a_bad_text},
      {.tcase = "strict", .test = test_made_of_a_changed_text, .loops = RECORDS_N},
  };
  return cf_test_run("leaf", tests, CF_COUNT(tests));
}
