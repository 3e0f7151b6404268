/* SPDX-License-Identifier: MIT */
/* Records: salts, the stored form, sameness, the flat event. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/record/builder.h"
#include "lib/record/event.h"
#include "lib/record/json.h"

#include "lib/record/values.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/record/records.h"

START_TEST(test_salts)
{
  static uint8_t stream[CF_GROUP * CF_C_N * CF_HASH_N];
  uint8_t key[CF_SALTKEY_N] = {4, 2}, salts[CF_C_N][CF_HASH_N];
  cf_keystream(key, 0, stream, sizeof stream);
  for (uint64_t seq = 0; seq < 3 * CF_GROUP; seq++) {
    cf_salts(key, seq, salts);
    for (unsigned c = 0; c < CF_C_N; c++)
      ck_assert_bytes(salts[c], CF_HASH_N, stream + ((seq % 64) * 4 + c) * 32, CF_HASH_N);
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
  ck_assert_int_eq(cf_record_effective_us(got), cf_record_effective_us(want));
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
    b.gone[c] = records_gone[0];
    ck_assert(cf_record_same(&a, &b));
    ck_assert(cf_record_same(&b, &a));
  }
  a.payload[0] = b.payload[0] = (struct cf_str){NULL, 0};
  a.gone[0] = records_gone[0];
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

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "time and salt", .test = test_salts},
      {.tcase = "time and salt", .test = test_effective_time},
      {.tcase = "stored", .test = test_stored, .loops = RECORDS_N},
      {.tcase = "stored", .test = test_stored_damaged, .loops = RECORDS_N},
      {.tcase = "stored", .test = test_stored_refused, .loops = CF_COUNT(no_records)},
      {.tcase = "same", .test = test_same},
      {.tcase = "same", .test = test_same_but_for_the_writer},
      {.tcase = "flat", .test = test_flat, .loops = CF_COUNT(flats)},
  };
  return cf_test_run("record", tests, CF_COUNT(tests));
}
