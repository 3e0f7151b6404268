/* SPDX-License-Identifier: MIT */
/* Values of records: those of random ones as any JSON reader sees them. */
#include "config.h"

#include "lib/record/values.h"

#include "lib/record/builder.h"
#include "lib/record/event.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }

static uint64_t state;

static uint64_t draw(uint64_t below)
{
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (z ^ (z >> 31)) % below;
}

static void random_text(struct cf_buf *b, size_t max)
{
  static const struct cf_str pieces[] = {S("a"),
                                         S("Zz9"),
                                         S("\""),
                                         S("\\"),
                                         S("\n"),
                                         S("\0"),
                                         S("\x1f"),
                                         S("\x7f"),
                                         S("\xc3\xa9"),
                                         S("\xf0\x9f\x98\x80"),
                                         S("\xff"),
                                         S("\xe2\x82"),
                                         S("\",\"user\":\""),
                                         S("}"),
                                         S("{"),
                                         S(","),
                                         S("\\u0041"),
                                         S("plain text of some length")};
  for (uint64_t n = draw(12); n > 0; n--) {
    struct cf_str piece = pieces[draw(CF_COUNT(pieces))];
    if (b->n + piece.n <= max)
      cf_buf_putstr(b, piece);
  }
}

static void random_value(struct cf_builder *b, enum cf_member m)
{
  const struct cf_member_row *row = &cf_member_table[m];
  struct cf_buf text;
  cf_buf_init(&text, 1000);
  if (row->type == CF_T_TEXT) {
    random_text(&text, row->limit / 3);
    cf_builder_set(b, m, cf_buf_str(&text));
  } else if (row->type == CF_T_NAME || row->type == CF_T_TOKEN) {
    cf_buf_putf(&text, "N%llu", (unsigned long long)draw(1000));
    cf_builder_set(b, m, cf_buf_str(&text));
  } else if (row->type == CF_T_INTEGER) {
    cf_builder_set_u64(b, m, draw(row->limit + 1));
  } else if (row->type == CF_T_TIME) {
    cf_builder_set_time(b, m, (int64_t)draw(1u << 30) * 1000001);
  } else if (row->type == CF_T_WORD) {
    cf_builder_set(b, m, cf_str_from(draw(2) ? "success" : "failure"));
  } else if (row->type == CF_T_ADDRESS) {
    cf_buf_putf(&text, "2001:db8:%x::%x", (unsigned)draw(65536), (unsigned)draw(65536));
    cf_builder_set(b, m, cf_buf_str(&text));
  } else {
    cf_builder_set_object(b, CF_STR("{\"a\":[1,{\"b\":\"\\\"}\"}],\"c\":{}}"));
  }
  cf_buf_fini(&text);
}

static void random_record(struct cf_builder *b, struct cf_event *event)
{
  struct cf_fault fault = {.at = ""};
  cf_builder_set(b, CF_M_SOURCE, CF_STR("web1"));
  cf_builder_set(b, CF_M_ACTION, CF_STR("act"));
  for (unsigned m = 0; m < CF_M_N; m++)
    if (draw(2))
      random_value(b, (enum cf_member)m);
  enum cf_err err = cf_builder_end(b, event, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s", fault.at, fault.detail);
}

static enum cf_err compare_value(void *context, struct cf_str name, const struct cf_json *value)
{
  struct cf_values *values = context;
  enum cf_member m = cf_member_find(name);
  ck_assert_uint_ne(m, CF_M_N);
  struct cf_str got = values->v[m];
  struct cf_buf text;
  cf_buf_init(&text, CF_LEAF_MAX);
  ck_assert_ptr_nonnull(got.p);
  if (cf_json_type(value) == CF_JSON_STRING)
    cf_buf_putstr(&text, cf_json_string(value));
  else
    ck_assert_ok(cf_json_put_canonical(&text, value, 8, NULL));
  ck_assert_bytes(got.p, got.n, text.p, text.n);
  values->v[m].p = NULL;
  cf_buf_fini(&text);
  return CF_OK;
}

/* The flat event, read by json-c, and the values taken by our own walk: the
 * same, each way. */
static void compare(const struct cf_record *r, struct cf_values *values)
{
  struct cf_buf flat;
  struct cf_json *doc;
  cf_buf_init(&flat, 4 * CF_LEAF_MAX);
  ck_assert_ok(cf_values_get(r, values));
  cf_buf_putc(&flat, '{');
  cf_buf_putstr(&flat, r->public_text);
  for (unsigned c = 0; c < CF_C_N; c++) {
    if (r->payload[c].n == 0)
      continue;
    ck_assert_ok(cf_payload_check((enum cf_compartment)c, r->payload[c], NULL));
    cf_buf_putc(&flat, ',');
    cf_buf_put(&flat, r->payload[c].p + 1, r->payload[c].n - 2);
  }
  cf_buf_putc(&flat, '}');
  ck_assert_ok(cf_json_parse(cf_buf_str(&flat), 16, &doc, NULL));
  ck_assert_ok(cf_json_each(doc, compare_value, values));
  for (unsigned m = 0; m < CF_M_N; m++)
    ck_assert_ptr_null(values->v[m].p);
  cf_json_free(doc);
  cf_buf_fini(&flat);
}

START_TEST(test_random_values)
{
  struct cf_values values;
  struct cf_builder *b;
  state = (uint64_t)_i;
  cf_values_init(&values);
  ck_assert_ok(cf_builder_new(CF_K_EVENT, &b));
  for (int turn = 0; turn < 500; turn++) {
    struct cf_event event;
    random_record(b, &event);
    compare(&event.record, &values);
    cf_event_fini(&event);
  }
  cf_builder_free(b);
  cf_values_fini(&values);
}
END_TEST

static const struct cf_record whole = {.kind = CF_K_EVENT,
                                       .public_text = S(
                                           "\"source\":\"web1\",\"method\":\"GET\",\"status\":200"),
                                       .payload = {S("{\"user\":\"al\\\"ice\",\"session\":\"\"}"),
                                                   S("{\"ip\":\"192.0.2.7\"}"),
                                                   {NULL, 0},
                                                   S("{\"bytes\":0}")}};

static const struct cf_record odd_texts[] = {
    {.kind = CF_K_EVENT, .public_text = S("\"source\":\"w\",")},
    {.kind = CF_K_EVENT, .public_text = S("\"source\":")},
    {.kind = CF_K_EVENT, .public_text = S("\"source\":\"w")},
    {.kind = CF_K_EVENT, .public_text = S("\"source\":\"w\\\"")},
    {.kind = CF_K_EVENT, .public_text = S("\"source\":x")},
    {.kind = CF_K_EVENT, .public_text = S("\"id\":\"w\",\"source\":\"w\"")},
    {.kind = CF_K_EVENT, .public_text = S("\"source\":\"w\" ")},
    {.kind = CF_K_EVENT, .public_text = S("\"source\":\"\\x\"")},
    {.kind = CF_K_EVENT, .public_text = S("\"unknown\":\"w\"")},
    {.kind = CF_K_EVENT, .payload = {S("{\"user\":{}")}},
    {.kind = CF_K_EVENT, .payload = {S("{\"ip\":\"1.2.3.4\"}")}},
};

/* What a text that is none leaves behind does not show in the next one. */
START_TEST(test_odd_texts)
{
  struct cf_values values;
  cf_values_init(&values);
  ck_assert_err(cf_values_get(&odd_texts[_i], &values), CF_E_SYNTAX);
  ck_assert_ok(cf_values_get(&whole, &values));
  ck_assert(cf_str_is(values.v[CF_M_USER], "al\"ice"));
  ck_assert(cf_str_is(values.v[CF_M_BYTES], "0"));
  ck_assert_ptr_nonnull(values.v[CF_M_SESSION].p);
  ck_assert_uint_eq(values.v[CF_M_SESSION].n, 0);
  ck_assert_ptr_null(values.v[CF_M_HOST].p);
  cf_values_fini(&values);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "values", .test = test_random_values, .loops = 8},
      {.tcase = "values", .test = test_odd_texts, .loops = CF_COUNT(odd_texts)},
  };
  return cf_test_run("values", tests, CF_COUNT(tests));
}
