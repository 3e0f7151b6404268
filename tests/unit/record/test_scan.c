/* SPDX-License-Identifier: MIT */
/* The strict scanner: JSON's torture cases one by one. */
#include "config.h"

#include "lib/record/scan.h"

#include "lib/base/codec.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

#define Y(text) \
  { \
    text, sizeof(text) - 1, true \
  }
#define N(text) \
  { \
    text, sizeof(text) - 1, false \
  }
#define TEN(x) x x x x x x x x x x

static const struct {
  const char *p;
  size_t n;
  bool ok;
} cases[] = {
    /* Structure that is right. */
    Y("{}"),
    Y("[]"),
    Y("0"),
    Y("null"),
    Y("true"),
    Y("false"),
    Y("\"\""),
    Y(" [] "),
    Y("\t\r\n {} \n"),
    Y("[[]]"),
    Y("[[], {}]"),
    Y("[1,2,3]"),
    Y("[null]"),
    Y("{\"\":0}"),
    Y("{\"a\":[]}"),
    Y("{\"a\" : 1 , \"b\"\n:\t2}"),
    Y("[1\n]"),
    Y("[true,false,null]"),
    Y("{\"a\":{\"a\":{\"a\":1}}}"),
    Y("[{\"a\":1},{\"a\":2}]"),
    Y("{\"a\":1,\"A\":2}"),
    Y("{\"a\":1,\"a \":2}"),
    Y("[\"\"]"),
    /* Numbers that are right. */
    Y("[0]"),
    Y("[-0]"),
    Y("[-1]"),
    Y("[123]"),
    Y("[-123]"),
    Y("[0.5]"),
    Y("[1.50]"),
    Y("[-0.0]"),
    Y("[0e1]"),
    Y("[0e+1]"),
    Y("[1E22]"),
    Y("[1E-2]"),
    Y("[1E+2]"),
    Y("[1e2]"),
    Y("[123.456e78]"),
    Y("[123.456789]"),
    Y("[1e400]"),
    Y("[-1e-400]"),
    Y("[9223372036854775807]"),
    Y("[-9223372036854775808]"),
    Y("[0.00000000000000000000000000000000000000000000000000000000001]"),
    Y("[99999999999999999999.0]"),
    Y("[99999999999999999999e0]"),
    Y("[20e1]"),
    /* Strings that are right. */
    Y("[\"a\"]"),
    Y("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    Y("[\"\\u0060\\u012a\\u12AB\"]"),
    Y("[\"\\uD801\\udc37\"]"),
    Y("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
    Y("[\"\\u0000\"]"),
    Y("[\"\\u002c\"]"),
    Y("[\"\x7f\"]"),
    Y("[\"\xe2\x82\xac\xf0\x9d\x84\x9e\"]"),
    Y("[\"\\uFFFF\"]"),
    Y("[\"\\uDBFF\\uDFFF\"]"),
    Y("[\"\\\\u0000\"]"),
    Y("[\"\\\\n\"]"),
    Y("[\" \"]"),
    Y("[\"\xef\xbb\xbf\"]"),
    Y("[\"\xe2\x80\xa8\"]"),
    Y("[\"a/*b*/c\"]"),
    Y("[\"new\\u000Aline\"]"),
    Y("[\"twelve bytes and then some more, so that eight go at once\"]"),
    /* Bytes that are no UTF-8, and surrogates alone, are let pass inside
   * strings. */
    Y("[\"\xff\"]"),
    Y("[\"\xc3\"]"),
    Y("[\"\xed\xa0\x80\"]"),
    Y("[\"\xc0\xaf\"]"),
    Y("[\"\\uD800\"]"),
    Y("[\"\\uDFAA\"]"),
    Y("[\"\\uD800\\n\"]"),
    Y("[\"\\uD888\\u1234\"]"),
    Y("[\"\\uDd1e\\uD834\"]"),
    Y("{\"\xff\":1}"),
    Y("{\"\\ud800\":1}"),
    /* Depth 16, and 64 bits. */
    Y("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"),
    Y("{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}"),
    N("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"),
    N("{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"),
    N(TEN("[[[[[") "1" TEN("]]]]]")),
    N(TEN(TEN("[[["))),
    N(TEN(TEN("{\"a\":"))),
    N("[9223372036854775808]"),
    N("[-9223372036854775809]"),
    N("[18446744073709551615]"),
    N("[100000000000000000000]"),
    N("{\"a\":{\"b\":[12345678901234567890]}}"),
    N("-9223372036854775809"),
    /* Names twice, at any depth, however written. */
    N("{\"a\":1,\"a\":1}"),
    N("{\"a\":1,\"b\":2,\"a\":3}"),
    N("{\"a\":1,\"\\u0061\":2}"),
    N("{\"\\u0061\":1,\"a\":2}"),
    N("{\"\":1,\"\":2}"),
    N("[{\"x\":{\"a\":1,\"a\":null}}]"),
    N("{\"\\/\":1,\"/\":2}"),
    N("{\"\\u00e9\":1,\"\xc3\xa9\":2}"),
    N("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"),
    N("{\"\xff\":1,\"\xfe\":2}"),
    N("{\"\xff\":1,\"\\ufffd\":2}"),
    N("{\"\\ud800\":1,\"\\udfff\":2}"),
    N("{\"\\ud800\":1,\"\xef\xbf\xbd\":2}"),
    N("{\"\\udc00\\udc00\":1,\"\\ufffd\\ufffd\":2}"),
    N("{\"\\n\":1,\"\\u000A\":2}"),
    N("{\"a\\tb\":1,\"a\\u0009b\":2}"),
    N("{\"b\":1,\"c\":2,\"\\u0062\":3,\"a\":4}"),
    Y("{\"\xff\":1,\"\xff\xff\":2}"),
    Y("{\"\\ud800\":1,\"\\ud800\\ud800\":2}"),
    Y("{\"\\ud83d\":1,\"\\ud83d\\ude00\":2}"),
    Y("{\"a\\n\":1,\"a\\r\":2}"),
    N("{\"\\u0000\":1}"),
    N("{\"a\\u0000b\":1}"),
    N("{\"a\":{\"\\u0000\":1}}"),
    /* Arrays that are wrong. */
    N("["),
    N("]"),
    N("[1"),
    N("[1,"),
    N("[1,]"),
    N("[,1]"),
    N("[,]"),
    N("[1,,2]"),
    N("[1 true]"),
    N("[\"a\",]"),
    N("[\"a\",4"),
    N("[\"\"]]"),
    N("[x"),
    N("[3[4]]"),
    N("[1:2]"),
    N("[1}"),
    N("[a\xe5]"),
    N("[*]"),
    N("[\"a\"\n,4\n,1,"),
    N("[1]]"),
    N("[1],"),
    N("[][]"),
    N("[\"x\" \"y\"]"),
    N("[(1)]"),
    N("[-]"),
    N("[\v]"),
    N("[\f]"),
    N("[\"\"],"),
    N("[1,\n1\n,1"),
    N("[{}"),
    N("[\"a"),
    N("<.>"),
    N("[\xa0]"),
    N("[\xe2\x81\xa0]"),
    /* Objects that are wrong. */
    N("{"),
    N("}"),
    N("{]"),
    N("{\"a\""),
    N("{\"a\":"),
    N("{\"a\":\"a"),
    N("{\"a\":1,}"),
    N("{,\"a\":1}"),
    N("{\"a\" 1}"),
    N("{\"a\"::1}"),
    N("{\"a\"=1}"),
    N("{a:1}"),
    N("{'a':1}"),
    N("{1:1}"),
    N("{null:null}"),
    N("{\"a\",1}"),
    N("{\"a\":1 \"b\":2}"),
    N("{\"a\":1,,\"b\":2}"),
    N("{\"a\":true} \"x\""),
    N("{\"a\":\"b\"}/**/"),
    N("{\"a\":\"b\"}//"),
    N("{\"a\":/*c*/1}"),
    N("{\"a\":\"b\"}#"),
    N("{\"a\":1}}"),
    N("{[1]:1}"),
    N("{\"a\"}"),
    N("{\"a\":1;}"),
    N("{\"x\"::\"b\"}"),
    N("{\"id\":0,,,,,}"),
    N("{\xc3\xa9:1}"),
    N("{\"a\":1,'b':2}"),
    N("{\"a\":\"a\" 123}"),
    N("{:\"b\"}"),
    N("{\"a\" b}"),
    /* Numbers that are wrong. */
    N("[-01]"),
    N("[01]"),
    N("[00]"),
    N("[-]"),
    N("[+1]"),
    N("[++1]"),
    N("[.5]"),
    N("[-.5]"),
    N("[1.]"),
    N("[-2.]"),
    N("[2.e3]"),
    N("[1e]"),
    N("[1E+]"),
    N("[1e1.5]"),
    N("[0x1]"),
    N("[1_000]"),
    N("[1 000]"),
    N("[1+2]"),
    N("[NaN]"),
    N("[-NaN]"),
    N("[nan]"),
    N("[Inf]"),
    N("[Infinity]"),
    N("[-Infinity]"),
    N("[1ea]"),
    N("[0.3e]"),
    N("[0e+-1]"),
    N("[1a]"),
    N("[- 1]"),
    N("[-foo]"),
    N("[0.1.2]"),
    N("[9.e+]"),
    N("[1e1-]"),
    N("[\xef\xbc\x91]"),
    N("[012.5]"),
    N("[-012]"),
    N("[1.8011670033376514H-308]"),
    /* Words that are wrong. */
    N("[nul]"),
    N("[nulll]"),
    N("[tru]"),
    N("[truee]"),
    N("[fals]"),
    N("[True]"),
    N("[TRUE]"),
    N("[undefined]"),
    N("nul"),
    N("tr"),
    N("[n]"),
    N("[NULL]"),
    /* Strings that are wrong. */
    N("\""),
    N("\"\\"),
    N("[\"\\\"]"),
    N("[\"\\x00\"]"),
    N("[\"\\a\"]"),
    N("[\"\\'\"]"),
    N("[\"\\u\"]"),
    N("[\"\\u1\"]"),
    N("[\"\\u12\"]"),
    N("[\"\\u123\"]"),
    N("[\"\\u123g\"]"),
    N("[\"\\u+123\"]"),
    N("[\"\\u 123\"]"),
    N("[\"\\U0041\"]"),
    N("[\"a\nb\"]"),
    N("[\"a\tb\"]"),
    N("[\"\0\"]"),
    N("[\"\x1f\"]"),
    N("['a']"),
    N("abc"),
    N("[\\n]"),
    N("\"a\"x"),
    N("[\"\\uD800\\u\"]"),
    N("[\"\\uD800\\uD8\"]"),
    N("[\"\\u00A\"]"),
    N("[\"\\\0\"]"),
    N("[\"a"),
    N("[\"\\u{41}\"]"),
    N("[\"\\ \"]"),
    N("[\"\\\xe5\"]"),
    N("[\"\xff"),
    N("{\"a\\\":1}"),
    N("{\"a\n\":1}"),
    /* Nothing, or something around. */
    N(""),
    N(" "),
    N("\n"),
    N("\xef\xbb\xbf{}"),
    N("\0"),
    N("{}\0"),
    N("\0{}"),
    N("{}{}"),
    N("1 2"),
    N("{} x"),
    N("// c\n{}"),
    N("/**/{}"),
    N("\xff"),
    N("\xfe\xff\0["),
    N("&"),
    N("*"),
    N("@"),
};

static bool scans(struct cf_str text, struct cf_fault *fault)
{
  struct cf_str value = {NULL, 0}, rest = {NULL, 0};
  enum cf_err err = cf_scan_value(text, CF_SCAN_DEPTH, &value, &rest, fault);
  if (err == CF_OK) {
    ck_assert(value.p >= text.p && value.n > 0 && value.p + value.n == rest.p &&
              rest.p + rest.n == text.p + text.n);
    for (size_t i = 0; i < rest.n; i++)
      if (strchr(" \t\r\n", rest.p[i]) == NULL || rest.p[i] == 0)
        return false;
    return true;
  }
  ck_assert_err(err, CF_E_SYNTAX);
  ck_assert_ptr_null(value.p);
  ck_assert_msg(strncmp(fault->detail, "at byte ", 8) == 0, "%s", fault->detail);
  return false;
}

/* The text lies in memory of exactly its size, so that a sanitizer sees each
 * step beyond it. */
START_TEST(test_case)
{
  char *copy = malloc(cases[_i].n + 1);
  struct cf_str text = {copy, cases[_i].n};
  struct cf_fault fault = {.at = ""};
  struct cf_json *doc;
  copy = realloc(memcpy(copy, cases[_i].p, text.n), text.n > 0 ? text.n : 1);
  text.p = copy;
  ck_assert_msg(scans(text, &fault) == cases[_i].ok, "%s: %s", cases[_i].p, fault.detail);
  enum cf_err err = cf_json_parse(text, CF_SCAN_DEPTH, &doc, &fault);
  ck_assert_msg((err == CF_OK) == cases[_i].ok, "%s: %s", cases[_i].p, fault.detail);
  if (err == CF_OK)
    cf_json_free(doc);
  free(copy);
}
END_TEST

/* Each prefix of a good object is a bad one. */
START_TEST(test_prefixes)
{
  static const char text[] =
      "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\",{\"b\":null,\"c\":[true,false]}],\"d\":{\"e\":\"\xc3\xa9\"}}";
  struct cf_fault fault;
  for (size_t n = 0; n < sizeof text - 1; n++) {
    char *copy = malloc(n > 0 ? n : 1);
    memcpy(copy, text, n);
    ck_assert_msg(!scans((struct cf_str){copy, n}, &fault), "%.*s", (int)n, text);
    free(copy);
  }
  ck_assert(scans((struct cf_str){text, sizeof text - 1}, &fault));
}
END_TEST

START_TEST(test_nothing)
{
  struct cf_str nothing = {NULL, 0}, event;
  struct cf_scan scan;
  struct cf_scan_members members;
  struct cf_fault fault;
  bool more = true;
  ck_assert(!scans(nothing, &fault));
  cf_scan_init(&scan, nothing);
  cf_scan_members_init(&members);
  ck_assert_ok(cf_scan_next(&scan, &event, &members, &more, &fault));
  ck_assert(!more);
}
END_TEST

START_TEST(test_fault_says_where)
{
  struct cf_fault fault;
  ck_assert(!scans(CF_STR("{\"abc\":1, \"abc\":2}"), &fault));
  ck_assert_str_eq(fault.detail, "at byte 11: a name that this object has already");
  ck_assert(!scans(CF_STR("{\"abc\":1x}"), &fault));
  ck_assert_str_eq(fault.detail, "at byte 8: a comma or } expected");
}
END_TEST

/* Members as sent, of the outermost object only. */
START_TEST(test_object)
{
  static const struct {
    const char *name, *value;
    bool plain;
  } want[] = {
      {"a", "[1, {\"x\":2}]", true},
      {"\\u0062", "\"\\\"\"", false},
      {"\xff", "{\"y\" : {\"z\":3}}", false},
      {"\xc3\xa9", "-1.5e3", true},
      {"", "null", true},
  };
  struct cf_scan_members members;
  struct cf_fault fault;
  cf_scan_members_init(&members);
  ck_assert_ok(cf_scan_object(
      CF_STR(
          " { \"a\" : [1, {\"x\":2}] ,\"\\u0062\":\"\\\"\",\"\xff\": {\"y\" : {\"z\":3}},\"\xc3\xa9\":-1.5e3 , \"\":null} \n"),
      3, &members, &fault));
  ck_assert_uint_eq(members.n, CF_COUNT(want));
  for (size_t i = 0; i < members.n; i++) {
    const struct cf_scan_member *m = &members.v[i];
    ck_assert_bytes(m->name.p, m->name.n, want[i].name, strlen(want[i].name));
    ck_assert_bytes(m->value.p, m->value.n, want[i].value, strlen(want[i].value));
    ck_assert_int_eq(m->plain, want[i].plain);
  }
  cf_scan_members_fini(&members);
}
END_TEST

static const struct {
  struct cf_str text;
  enum cf_err err;
  const char *detail;
} no_objects[] = {
    {{"[{}]", 4}, CF_E_INVALID, "must be an object"},
    {{"\"{\"", 3}, CF_E_INVALID, "must be an object"},
    {{"{}{}", 4}, CF_E_SYNTAX, "at byte 2: more than one JSON value"},
    {{"{} x", 4}, CF_E_SYNTAX, "at byte 3: more than one JSON value"},
    {{"{\"a\":1", 6}, CF_E_SYNTAX, "at byte 6: a comma or } expected"},
    {{"{\"a\":{\"b\":[[]]}}", 16}, CF_E_SYNTAX, "at byte 11: nested too deep"},
    {{"", 0}, CF_E_SYNTAX, "at byte 0: the text ends too early"},
};

START_TEST(test_no_object)
{
  struct cf_scan_members members;
  struct cf_fault fault;
  cf_scan_members_init(&members);
  ck_assert_err(cf_scan_object(no_objects[_i].text, 3, &members, &fault), no_objects[_i].err);
  ck_assert_str_eq(fault.detail, no_objects[_i].detail);
  cf_scan_members_fini(&members);
}
END_TEST

/* What a string's inside stands for. */
static const struct {
  struct cf_str inside, text;
} texts[] = {
    {{"", 0}, {"", 0}},
    {{"plain \xc3\xa9", 8}, {"plain \xc3\xa9", 8}},
    {{"\\\"\\\\\\/\\b\\f\\n\\r\\t", 16}, {"\"\\/\b\f\n\r\t", 8}},
    {{"x\\u0000y", 8}, {"x\0y", 3}},
    {{"\\u00e9\\u20AC", 12}, {"\xc3\xa9\xe2\x82\xac", 5}},
    {{"\\uD83D\\uDE00", 12}, {"\xf0\x9f\x98\x80", 4}},
    {{"\\ud83d", 6}, {"\xef\xbf\xbd", 3}},
    {{"\\ude00\\ud83d", 12}, {"\xef\xbf\xbd\xef\xbf\xbd", 6}},
    {{"\\ud83d\\n", 8}, {"\xef\xbf\xbd\n", 4}},
    {{"\\ud83d\\ud83d\\ude00", 18}, {"\xef\xbf\xbd\xf0\x9f\x98\x80", 7}},
    {{"a\xff\\n\xc3", 5}, {"a\xff\n\xc3", 4}},
};

START_TEST(test_text)
{
  struct cf_buf b;
  cf_buf_init(&b, 64);
  cf_scan_text(texts[_i].inside, &b);
  ck_assert_int_eq(b.err, CF_OK);
  ck_assert_bytes(b.p, b.n, texts[_i].text.p, texts[_i].text.n);
  cf_buf_fini(&b);
}
END_TEST

static void put_member(struct cf_buf *b, const char *prefix, unsigned i)
{
  cf_buf_putf(b, "%c\"%s%u\":%u", b->n == 0 ? '{' : ',', prefix, i, i);
}

/* Objects of many members: all sizes around the change of method, up to the
 * limit, with and without one name twice. */
static const unsigned sizes[] =
    {1, 2, 23, 24, 25, 26, 63, 64, 65, 300, CF_SCAN_MEMBERS, CF_SCAN_MEMBERS + 1};

START_TEST(test_many_members)
{
  static const char *const prefixes[] = {"n", "\\u006e", "\xff"};
  unsigned n = sizes[_i];
  struct cf_fault fault;
  struct cf_scan_members members;
  struct cf_buf b;
  cf_buf_init(&b, 1 << 20);
  for (size_t f = 0; f < CF_COUNT(prefixes); f++) {
    cf_buf_reset(&b);
    for (unsigned i = 0; i < n; i++)
      put_member(&b, prefixes[f], i);
    cf_buf_putc(&b, '}');
    ck_assert_msg(scans(cf_buf_str(&b), &fault) == (n <= CF_SCAN_MEMBERS), "%u: %s", n,
                  fault.detail);
    cf_scan_members_init(&members);
    ck_assert_err(cf_scan_object(cf_buf_str(&b), 1, &members, &fault),
                  n <= CF_SCAN_MEMBERS ? CF_OK : CF_E_SYNTAX);
    ck_assert_uint_eq(members.n, n < CF_SCAN_MEMBERS ? n : CF_SCAN_MEMBERS);
    for (size_t i = 0; i < members.n; i++) {
      uint64_t number;
      ck_assert_ok(cf_u64_parse(members.v[i].value, n, &number));
      ck_assert_uint_eq(number, i);
    }
    cf_scan_members_fini(&members);
    cf_buf_cut(&b, 1);
    put_member(&b, prefixes[f], n / 2);
    cf_buf_putc(&b, '}');
    ck_assert_msg(!scans(cf_buf_str(&b), &fault), "%u", n);
  }
  cf_buf_fini(&b);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "values", .test = test_case, .loops = CF_COUNT(cases)},
      {.tcase = "values", .test = test_prefixes},
      {.tcase = "values", .test = test_nothing},
      {.tcase = "values", .test = test_fault_says_where},
      {.tcase = "members", .test = test_object},
      {.tcase = "members", .test = test_no_object, .loops = CF_COUNT(no_objects)},
      {.tcase = "members", .test = test_text, .loops = CF_COUNT(texts)},
      {.tcase = "members", .test = test_many_members, .loops = CF_COUNT(sizes)},
  };
  return cf_test_run("scan", tests, CF_COUNT(tests));
}
