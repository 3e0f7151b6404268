/* SPDX-License-Identifier: MIT */
/* Records: salts, the stored form, sameness, the flat event, strictness. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/record/builder.h"
#include "lib/record/event.h"
#include "lib/record/json.h"

#include "lib/record/values.h"
#include "tests/unit/cf_test.h"

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }

static const uint8_t gone[2][CF_HASH_N] = {{1, 2, 3}, {9}};

#define PUBLIC \
  "\"source\":\"web1\",\"id\":\"r-1\",\"time\":\"2026-11-24T02:00:00.000001Z\",\"method\":\"GET\",\"status\":200,\"outcome\":\"success\""
#define RECORDED INT64_C(1795485602000000)
#define TIME     INT64_C(1795485600000001)

static const struct cf_record records[] = {
    {.seq = 7,
     .recorded_us = RECORDED,
     .kind = CF_K_EVENT,
     .time_us = TIME,
     .public_text = S(PUBLIC),
     .payload = {S("{\"user\":\"al\\\"ice\",\"session\":\"\"}"), S("{\"ip\":\"192.0.2.7\"}"),
                 S("{\"resource\":\"/a\"}"),
                 S("{\"bytes\":0,\"attributes\":{\"a\":{\"b\":\"}\\\"\"}}}")}},
    {.seq = 7,
     .recorded_us = RECORDED,
     .kind = CF_K_EVENT,
     .time_us = TIME,
     .public_text = S(PUBLIC),
     .payload = {{NULL, 0}, {NULL, 0}, S("{\"resource\":\"/a\"}"), {NULL, 0}},
     .gone = {gone[0], gone[1], NULL, NULL}},
    {.seq = UINT64_MAX,
     .recorded_us = CF_TIME_MIN_US,
     .kind = CF_K_EVENT,
     .time_us = CF_TIME_NONE,
     .public_text = S("\"source\":\"time\",\"action\":\"x\",\"outcome\":\"unknown\"")},
    {.seq = 0,
     .recorded_us = CF_TIME_MAX_US,
     .kind = CF_K_GENESIS,
     .time_us = CF_TIME_NONE,
     .public_text = S("\"body\":{\"format\":\"counterfoil/v1\",\"key\":\"k\",\"origin\":\"o\"}")},
    {.seq = 1,
     .recorded_us = RECORDED,
     .kind = CF_K_POLICY,
     .time_us = CF_TIME_NONE,
     .public_text = S(
         "\"source\":\"admin\",\"body\":{\"rules\":[\"x,\\\"time\\\":\\\"2026-11-24T02:00:00.000001Z\"]}"),
     .payload = {S("{\"user\":\"dora\"}"), {NULL, 0}, {NULL, 0}, {NULL, 0}}},
};

START_TEST(test_salts)
{
  static uint8_t stream[CF_GROUP * CF_C_N * CF_HASH_N];
  uint8_t key[CF_SALTKEY_N] = {4, 2}, salt[CF_HASH_N];
  cf_keystream(key, 0, stream, sizeof stream);
  for (uint64_t seq = 0; seq < 3 * CF_GROUP; seq++) {
    for (unsigned c = 0; c < CF_C_N; c++) {
      cf_salt(key, seq, (enum cf_compartment)c, salt);
      ck_assert_bytes(salt, CF_HASH_N, stream + ((seq % 64) * 4 + c) * 32, CF_HASH_N);
    }
  }
}
END_TEST

START_TEST(test_effective_time)
{
  ck_assert_int_eq(cf_record_effective_us(&records[0]), TIME);
  ck_assert_int_eq(cf_record_effective_us(&records[2]), CF_TIME_MIN_US);
}
END_TEST

/* ---- stored ---- */

static void ck_assert_record(const struct cf_record *got, const struct cf_record *want)
{
  ck_assert_uint_eq(got->seq, want->seq);
  ck_assert_int_eq(got->recorded_us, want->recorded_us);
  ck_assert_int_eq(got->time_us, want->time_us);
  ck_assert(cf_record_same(got, want));
  for (unsigned c = 0; c < CF_C_N; c++) {
    ck_assert_int_eq(got->gone[c] != NULL, want->gone[c] != NULL);
    if (want->gone[c] != NULL)
      ck_assert_bytes(got->gone[c], CF_HASH_N, want->gone[c], CF_HASH_N);
  }
}

START_TEST(test_stored)
{
  static const int64_t bases[] = {RECORDED, RECORDED - 5,   RECORDED + 1000000,
                                  0,        CF_TIME_MIN_US, CF_TIME_MAX_US};
  const struct cf_record *r = &records[_i];
  struct cf_buf b;
  cf_buf_init(&b, CF_LEAF_MAX);
  for (size_t i = 0; i < CF_COUNT(bases); i++) {
    struct cf_record got;
    struct cf_reader reader;
    cf_buf_reset(&b);
    cf_record_encode(r, bases[i], &b);
    cf_record_encode(r, bases[i], &b);
    cf_reader_init(&reader, b.p, b.n);
    for (int twice = 0; twice < 2; twice++) {
      ck_assert_ok(cf_record_decode(&reader, r->seq, bases[i], &got));
      ck_assert_record(&got, r);
    }
    ck_assert(cf_reader_at_end(&reader));
  }
  cf_buf_fini(&b);
}
END_TEST

/* Whatever stands there: it is refused, or what comes out can be used. */
static void use(const uint8_t *p, size_t n)
{
  struct cf_record got;
  struct cf_reader reader;
  struct cf_values values;
  struct cf_buf b;
  uint8_t *copy = malloc(n > 0 ? n : 1);
  memcpy(copy, p, n);
  cf_reader_init(&reader, copy, n);
  if (cf_record_decode(&reader, 1, RECORDED, &got) == CF_OK) {
    cf_buf_init(&b, 4 * CF_LEAF_MAX);
    cf_values_init(&values);
    enum cf_err err = cf_values_get(&got, &values);
    ck_assert(err == CF_OK || err == CF_E_SYNTAX);
    cf_record_put_flat(&got, CF_FIELDS_ALL, &b);
    cf_record_put_flat(&got, 0x5555, &b);
    cf_values_fini(&values);
    cf_buf_fini(&b);
  }
  free(copy);
}

START_TEST(test_stored_damaged)
{
  struct cf_buf b;
  cf_buf_init(&b, CF_LEAF_MAX);
  cf_record_encode(&records[_i], RECORDED, &b);
  for (size_t n = 0; n < b.n; n++) {
    struct cf_record got;
    struct cf_reader reader;
    cf_reader_init(&reader, b.p, n);
    ck_assert_err(cf_record_decode(&reader, 1, RECORDED, &got), CF_E_SYNTAX);
    use(b.p, n);
  }
  for (size_t at = 0; at < b.n; at++) {
    uint8_t was = b.p[at];
    for (unsigned v = 0; v < 256; v++) {
      b.p[at] = (uint8_t)v;
      use(b.p, b.n);
    }
    b.p[at] = was;
  }
  cf_buf_fini(&b);
}
END_TEST

static const struct cf_str no_records[] = {
    S(""),
    S("\x63\0\0\0"),                                         /* no such kind */
    S("\x01\x11\0\0\x02{}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), /* present and gone at once */
    S("\x00\x01\0\0\x02{}"),
    S("\x03\x02\0\0\x02{}"), /* compartments that the kind does not have */
    S("\x01\x01\0\0\x01{"),
    S("\x01\x01\0\0\x03[1]"), /* no object */
    S("\x01\x01\0\0\x80\x80\x04"),
    S("\x01\0\0\xff\xff\xff\xff\x0f"),                     /* lengths beyond any record */
    S("\x01\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"), /* a time that no calendar has */
};

START_TEST(test_stored_refused)
{
  struct cf_record got;
  struct cf_reader reader;
  cf_reader_init(&reader, no_records[_i].p, no_records[_i].n);
  ck_assert_err(cf_record_decode(&reader, 1, RECORDED, &got), CF_E_SYNTAX);
}
END_TEST

/* ---- sameness ---- */

START_TEST(test_same)
{
  struct cf_record a = records[0], b = records[0];
  b.seq = 99;
  b.recorded_us++;
  ck_assert(cf_record_same(&a, &b));
  b.public_text = (struct cf_str)S("\"source\":\"web2\",\"action\":\"x\",\"outcome\":\"unknown\"");
  ck_assert(!cf_record_same(&a, &b));
  for (unsigned c = 0; c < CF_C_N; c++) {
    b = records[0];
    b.payload[c] = (struct cf_str)S("{\"user\":\"eve\"}");
    ck_assert(!cf_record_same(&a, &b));
    b.payload[c] = (struct cf_str){NULL, 0};
    ck_assert(!cf_record_same(&a, &b));
    ck_assert(!cf_record_same(&b, &a));
    b.gone[c] = gone[0];
    ck_assert(cf_record_same(&a, &b));
    ck_assert(cf_record_same(&b, &a));
  }
  a.payload[0] = b.payload[0] = (struct cf_str){NULL, 0};
  a.gone[0] = gone[0];
  b.gone[3] = NULL;
  b.payload[3] = records[0].payload[3];
  /* erased here, never there in the other */
  ck_assert(!cf_record_same(&a, &b) && !cf_record_same(&b, &a));
  a = b = records[0];
  b.kind = CF_K_ACCESS;
  ck_assert(!cf_record_same(&a, &b));
}
END_TEST

/* Who wrote it makes no difference; any other member does. */
START_TEST(test_same_but_for_the_writer)
{
  static const struct cf_str same[] = {
      S("\"source\":\"w\",\"id\":\"i\",\"outcome\":\"unknown\""),
      S("\"source\":\"w\",\"writer\":\"k3\",\"id\":\"i\",\"outcome\":\"unknown\""),
      S("\"source\":\"w\",\"writer\":\"local\",\"id\":\"i\",\"outcome\":\"unknown\""),
  };
  static const struct cf_str others[] = {
      S("\"source\":\"w2\",\"writer\":\"k3\",\"id\":\"i\",\"outcome\":\"unknown\""),
      S("\"source\":\"w\",\"writer\":\"k3\",\"outcome\":\"unknown\""),
      S("\"source\":\"w\",\"writer\":\"k3\",\"id\":\"i\",\"outcome\":\"failure\""),
      S("\"source\":\"w\",\"source_seq\":1,\"id\":\"i\",\"outcome\":\"unknown\""),
  };
  struct cf_record a = records[0], b = records[0];
  for (size_t i = 0; i < CF_COUNT(same); i++) {
    a.public_text = same[i];
    for (size_t k = 0; k < CF_COUNT(same); k++) {
      b.public_text = same[k];
      ck_assert(cf_record_same(&a, &b));
    }
    for (size_t k = 0; k < CF_COUNT(others); k++) {
      b.public_text = others[k];
      ck_assert(!cf_record_same(&a, &b) && !cf_record_same(&b, &a));
    }
  }
}
END_TEST

/* ---- flat ---- */

#define FIELD(m) (UINT32_C(1) << CF_M_##m)

static const struct {
  size_t record;
  uint32_t fields;
  const char *flat;
} flats[] = {
    {0, CF_FIELDS_ALL,
     "{\"seq\":7,\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"," PUBLIC
     ",\"user\":\"al\\\"ice\",\"session\":\"\",\"ip\":\"192.0.2.7\","
     "\"resource\":\"/a\",\"bytes\":0,\"attributes\":{\"a\":{\"b\":\"}\\\"\"}}}"},
    {0, 0, "{\"seq\":7,\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"}"},
    {0, FIELD(STATUS) | FIELD(USER) | FIELD(HOST) | FIELD(ATTRIBUTES),
     "{\"seq\":7,\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\",\"status\":200,\"user\":\"al\\\"ice\",\"attributes\":{\"a\":{\"b\":\"}\\\"\"}}}"},
    {0, FIELD(SESSION) | FIELD(BYTES) | FIELD(SOURCE),
     "{\"seq\":7,\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\",\"source\":\"web1\",\"session\":\"\",\"bytes\":0}"},
    {1, CF_FIELDS_ALL,
     "{\"seq\":7,\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\"," PUBLIC
     ",\"resource\":\"/a\",\"erased\":[\"actor\",\"client\"]}"},
    {1, FIELD(IP),
     "{\"seq\":7,\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"event\",\"erased\":[\"actor\",\"client\"]}"},
    {3, CF_FIELDS_ALL,
     "{\"seq\":0,\"recorded\":\"9999-12-31T23:59:59.999999Z\",\"kind\":\"genesis\",\"body\":{\"format\":\"counterfoil/v1\",\"key\":\"k\",\"origin\":\"o\"}}"},
    {4, FIELD(USER) | FIELD(SOURCE) | FIELD(TIME),
     "{\"seq\":1,\"recorded\":\"2026-11-24T02:00:02.000000Z\",\"kind\":\"policy\",\"source\":\"admin\",\"user\":\"dora\"}"},
};

START_TEST(test_flat)
{
  struct cf_buf b;
  cf_buf_init(&b, CF_LEAF_MAX);
  cf_buf_puts(&b, "[");
  cf_record_put_flat(&records[flats[_i].record], flats[_i].fields, &b);
  ck_assert_str_eq(cf_buf_cstr(&b) + 1, flats[_i].flat);
  cf_buf_fini(&b);
}
END_TEST

/* ---- strictness ---- */

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

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "time and salt", .test = test_salts},
      {.tcase = "time and salt", .test = test_effective_time},
      {.tcase = "stored", .test = test_stored, .loops = CF_COUNT(records)},
      {.tcase = "stored", .test = test_stored_damaged, .loops = CF_COUNT(records)},
      {.tcase = "stored", .test = test_stored_refused, .loops = CF_COUNT(no_records)},
      {.tcase = "same", .test = test_same},
      {.tcase = "same", .test = test_same_but_for_the_writer},
      {.tcase = "flat", .test = test_flat, .loops = CF_COUNT(flats)},
      {.tcase = "strict", .test = test_public, .loops = CF_COUNT(publics)},
      {.tcase = "strict", .test = test_payload, .loops = CF_COUNT(payloads)},
      {.tcase = "strict", .test = test_leaf, .loops = CF_COUNT(leaves)},
  };
  return cf_test_run("record", tests, CF_COUNT(tests));
}
