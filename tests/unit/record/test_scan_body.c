/* SPDX-License-Identifier: MIT */
/* Bodies of every shape, cut into events. */
#include "config.h"

#include "lib/record/scan.h"
#include "tests/unit/cf_test.h"

enum {
  SINGLE = CF_SCAN_SINGLE,
  ARRAY = CF_SCAN_ARRAY,
  WRAPPER = CF_SCAN_WRAPPER,
  SEQUENCE = CF_SCAN_SEQUENCE
};

/* What comes out: each event's text in order, '!' for an error, parted by
 * '|'. */
static const struct {
  const char *body, *out;
  int shape;
} bodies[] = {
    {"", "", SINGLE},
    {" \n ", "", SINGLE},
    {"{\"a\":1}", "{\"a\":1}", SINGLE},
    {" {\"a\":1}\n", "{\"a\":1}", SINGLE},
    {"\xef\xbb\xbf{\"a\":1}", "{\"a\":1}", SINGLE},
    {"{\"a\":1", "!", SINGLE},
    {"{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}|{\"b\":2}", SEQUENCE},
    {"{\"a\":1}\r\n\r\n{\"b\":2}\r\n", "{\"a\":1}|{\"b\":2}", SEQUENCE},
    {"{\"a\":1}{\"b\":2} {\"c\":3}", "{\"a\":1}|{\"b\":2}|{\"c\":3}", SEQUENCE},
    {"{\n \"a\": 1\n}\n{\n \"b\": 2\n}", "{\n \"a\": 1\n}|{\n \"b\": 2\n}", SEQUENCE},
    {"{\"a\":1}\n{\"b\":\n{\"c\":3}\n{\"d\":4}", "{\"a\":1}|!|{\"c\":3}|{\"d\":4}", SEQUENCE},
    {"{\"a\":1,\n{\"c\":3}\n", "!|{\"c\":3}", SEQUENCE},
    {"garbage\n{\"c\":3}\n", "!|{\"c\":3}", SEQUENCE},
    {"{\"a\":1}\ngarbage\nmore\n{\"c\":3}\n", "{\"a\":1}|!|!|{\"c\":3}", SEQUENCE},
    {"{\"a\":1}\ngarbage", "{\"a\":1}|!", SEQUENCE},
    {"{\"a\":1} garbage {\"b\":2}\n{\"c\":3}", "{\"a\":1}|!|{\"c\":3}", SEQUENCE},
    {"{\n  \"a\": x,\n  \"action\": \"y\",\n  \"attributes\":\n  {\"action\": \"z\"}\n}\n{\"b\":2}",
     "!|{\"b\":2}", SEQUENCE},
    {"{\"a\":1,\"a\":2}\n{\"b\":2}", "!|{\"b\":2}", SEQUENCE},
    {"{\"a\":1,\"a\":2}{\"b\":2}", "!|{\"b\":2}", SEQUENCE},
    {"{\"a\":\"x\ny\"}\n{\"b\":2}", "!|!|{\"b\":2}", SEQUENCE},
    {"1 2", "1|2", SEQUENCE},
    {"[]", "", ARRAY},
    {" [ ] ", "", ARRAY},
    {"[{\"a\":1}]", "{\"a\":1}", ARRAY},
    {"[{\"a\":1} , {\"b\":2}]\n", "{\"a\":1}|{\"b\":2}", ARRAY},
    {"[1,[2],\"]\"]", "1|[2]|\"]\"", ARRAY},
    {"[{\"a\":1,\"a\":1},{\"b\":2}]", "!|{\"b\":2}", ARRAY},
    {"[{\"a\":99999999999999999999},{\"b\":2}]", "!|{\"b\":2}", ARRAY},
    {"[{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]},{\"b\":2}]", "!|{\"b\":2}", ARRAY},
    {"[{\"\\u0000\":1},{\"b\":2}]", "!|{\"b\":2}", ARRAY},
    {"[{\"a\":1},{\"b\":x},{\"c\":3}]", "{\"a\":1}|!", ARRAY},
    {"[{\"a\":1}", "{\"a\":1}|!", ARRAY},
    {"[{\"a\":1},", "{\"a\":1}|!", ARRAY},
    {"[{\"a\":1},]", "{\"a\":1}|!", ARRAY},
    {"[,{\"a\":1}]", "!", ARRAY},
    {"[{\"a\":1}{\"b\":2}]", "{\"a\":1}|!", ARRAY},
    {"[{\"a\":1}]]", "{\"a\":1}|!", ARRAY},
    {"[{\"a\":1}] [{\"b\":1}]", "{\"a\":1}|!", ARRAY},
    {"[", "!", ARRAY},
    {"{\"events\":[]}", "", WRAPPER},
    {"{\"events\":[{\"a\":1}]}", "{\"a\":1}", WRAPPER},
    {" { \"logs\" : [ {\"a\":1} , {\"b\":2} ] } \n", "{\"a\":1}|{\"b\":2}", WRAPPER},
    {"{\"events\":[{\"a\":1}],\"x\":1}", "{\"a\":1}|!", WRAPPER},
    {"{\"events\":[{\"a\":1}]", "{\"a\":1}|!", WRAPPER},
    {"{\"events\":[{\"a\":1}]}{", "{\"a\":1}|!", WRAPPER},
    {"{\"events\":{\"a\":1}}", "{\"events\":{\"a\":1}}", SINGLE},
    {"{\"event\":[1]}", "{\"event\":[1]}", SINGLE},
    {"{\"x\":1,\"events\":[1]}", "{\"x\":1,\"events\":[1]}", SINGLE},
};

/* The members are those that the event's text has by itself. */
static void check_members(struct cf_str event, const struct cf_scan_members *got)
{
  struct cf_scan_members want;
  struct cf_fault fault;
  cf_scan_members_init(&want);
  enum cf_err err = cf_scan_object(event, CF_SCAN_DEPTH, &want, &fault);
  ck_assert(err == CF_OK || (err == CF_E_INVALID && want.n == 0));
  ck_assert_uint_eq(got->n, want.n);
  for (size_t i = 0; i < want.n; i++) {
    ck_assert_ptr_eq(got->v[i].name.p, want.v[i].name.p);
    ck_assert_uint_eq(got->v[i].name.n, want.v[i].name.n);
    ck_assert_ptr_eq(got->v[i].value.p, want.v[i].value.p);
    ck_assert_uint_eq(got->v[i].value.n, want.v[i].value.n);
    ck_assert_int_eq(got->v[i].plain, want.v[i].plain);
  }
  cf_scan_members_fini(&want);
}

static void run_body(struct cf_str body, struct cf_buf *out, int *shape)
{
  struct cf_scan scan;
  struct cf_scan_members members;
  struct cf_fault fault;
  cf_scan_init(&scan, body);
  cf_scan_members_init(&members);
  for (bool more = true; more;) {
    struct cf_str event = {NULL, 0};
    enum cf_err err = cf_scan_next(&scan, &event, &members, &more, &fault);
    if (err == CF_OK && !more)
      break;
    if (out->n > 0)
      cf_buf_putc(out, '|');
    if (err == CF_OK)
      cf_buf_putstr(out, event);
    else
      cf_buf_putc(out, '!');
    if (err == CF_OK)
      check_members(event, &members);
  }
  cf_scan_members_fini(&members);
  *shape = (int)scan.shape;
}

START_TEST(test_body)
{
  struct cf_buf out;
  int shape;
  cf_buf_init(&out, 1 << 16);
  run_body(cf_str_from(bodies[_i].body), &out, &shape);
  ck_assert_str_eq(cf_buf_cstr(&out), bodies[_i].out);
  ck_assert_int_eq(shape, bodies[_i].shape);
  cf_buf_fini(&out);
}
END_TEST

/* A hostile body costs time in proportion to its size: deep openings that never
 * end are not read again from each line. */
START_TEST(test_body_hostile)
{
  static const char *const lines[] = {"{\"a\":[\n",
                                      "{\"a\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,\n",
                                      "{\"a\":\"\n",
                                      "[[[[\n",
                                      "{\n",
                                      "x\n",
                                      "{\"a\":1},\n"};
  struct cf_buf b, out;
  int shape;
  cf_buf_init(&b, 8 << 20);
  cf_buf_init(&out, 64 << 20);
  while (b.n < 2 << 20)
    cf_buf_puts(&b, lines[_i]);
  run_body(cf_buf_str(&b), &out, &shape);
  ck_assert_uint_gt(out.n, 0);
  cf_buf_fini(&b);
  cf_buf_fini(&out);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "bodies", .test = test_body, .loops = CF_COUNT(bodies)},
      {.tcase = "bodies", .test = test_body_hostile, .loops = 7},
  };
  return cf_test_run("scan_body", tests, CF_COUNT(tests));
}
