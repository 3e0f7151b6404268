/* SPDX-License-Identifier: MIT */
/* The canonical writer, its way back, and values read through json-c: nothing
 * that was sent is lost or taken for something else. */
#include "config.h"

#include "lib/record/json.h"

#include "tests/unit/cf_test.h"

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }

static struct cf_buf out;

static void open_out(void)
{
  cf_buf_init(&out, 1 << 20);
}
static void close_out(void)
{
  cf_buf_fini(&out);
}

/* ---- writer ---- */

#define FFFD "\xef\xbf\xbd"

static const struct {
  struct cf_str given;
  const char *written;
} strings[] = {
    {S(""), "\"\""},
    {S("alice"), "\"alice\""},
    {S("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
    {S("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
    {S("\0\x01\x1f\x0b"), "\"\\u0000\\u0001\\u001f\\u000b\""},
    {S("\x7f"), "\"\x7f\""},
    {S("b\xc3\xb6\xe2\x82\xac\xf0\x9f\x98\x80"), "\"b\xc3\xb6\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {S("\xff"), "\"" FFFD "\""},
    {S("a\xc3"), "\"a" FFFD "\""},
    {S("\xe2\x82"), "\"" FFFD FFFD "\""},
    {S("\xed\xa0\x80x"), "\"" FFFD FFFD FFFD "x\""},
    {S("\xc0\xaf"), "\"" FFFD FFFD "\""},
    {S("\xf4\x90\x80\x80"), "\"" FFFD FFFD FFFD FFFD "\""},
    {S("\xe2\x82\xac\x80"), "\"\xe2\x82\xac" FFFD "\""},
    {S("1234567\n"), "\"1234567\\n\""},
    {S("12345678\n12345678\"1234567\xff"), "\"12345678\\n12345678\\\"1234567" FFFD "\""},
    {S("<script>&'\xe2\x80\xa8"), "\"<script>&'\xe2\x80\xa8\""},
};

START_TEST(test_string)
{
  cf_json_put_str(&out, strings[_i].given);
  ck_assert_str_eq(cf_buf_cstr(&out), strings[_i].written);
}
END_TEST

/* Every byte at every place of a word: plain ones stand for themselves, the
 * others are found wherever they are. */
START_TEST(test_every_byte_at_every_place)
{
  struct cf_buf back;
  cf_buf_init(&back, 100);
  for (unsigned byte = 0; byte < 0x80; byte++) {
    for (size_t place = 0; place < 17; place++) {
      char text[17];
      memset(text, 'x', sizeof text);
      text[place] = (char)byte;
      cf_buf_reset(&out);
      cf_buf_reset(&back);
      cf_json_put_str(&out, (struct cf_str){text, sizeof text});
      bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
      ck_assert_msg(plain == (out.n == sizeof text + 2), "byte %u at %zu", byte, place);
      ck_assert_ok(cf_json_unescape((struct cf_str){(char *)out.p + 1, out.n - 2}, &back));
      ck_assert_bytes(back.p, back.n, text, sizeof text);
    }
  }
  cf_buf_fini(&back);
}
END_TEST

START_TEST(test_members)
{
  cf_json_put_name(&out, "first");
  cf_buf_puts(&out, "{");
  cf_json_put_member(&out, "a", CF_STR("x\"y"));
  cf_json_put_member_u64(&out, "b", UINT64_MAX);
  cf_json_put_member_bool(&out, "c", true);
  cf_json_put_member_bool(&out, "d", false);
  cf_json_put_member_base64(&out, "e", "\0\1\2\3", 4);
  cf_json_put_member_time(&out, "f", 1);
  cf_json_put_name(&out, "g");
  cf_buf_puts(&out, "[");
  cf_json_put_member_u64(&out, "h", 0);
  ck_assert_str_eq(
      cf_buf_cstr(&out),
      "\"first\":{\"a\":\"x\\\"y\",\"b\":18446744073709551615,\"c\":true,\"d\":false,\"e\":\"AAECAw==\","
      "\"f\":\"1970-01-01T00:00:00.000001Z\",\"g\":[\"h\":0");
}
END_TEST

static const struct cf_str no_escapes[] = {
    S("\\"),      S("a\\"),     S("\\/"),     S("\\u0041"), S("\\u000A"), S("\\u000a"),
    S("\\u001F"), S("\\u0020"), S("\\u007f"), S("\\u00e9"), S("\\u0008"), S("\\u0022"),
    S("\\u005c"), S("\\x41"),   S("\\u"),     S("\\u0"),    S("\\u00"),   S("\\u000"),
    S("\\ud800"), S("\\\0"),    S("\\u00 1"), S("\\N"),     S("\\u0100"), S("\\u1000"),
};

START_TEST(test_unescape_refuses)
{
  ck_assert_err(cf_json_unescape(no_escapes[_i], &out), CF_E_SYNTAX);
}
END_TEST

/* ---- reading ---- */

static struct cf_json *parse(struct cf_str text)
{
  struct cf_json *doc;
  struct cf_fault fault = {.at = ""};
  enum cf_err err = cf_json_parse(text, 16, &doc, &fault);
  ck_assert_msg(err == CF_OK, "%.*s: %s", (int)text.n, text.p, fault.detail);
  return doc;
}

START_TEST(test_types)
{
  struct cf_json *doc = parse(CF_STR(
      " {\"n\":null,\"t\":true,\"f\":false,\"i\":-12,\"d\":1.50,\"s\":\"x\",\"a\":[1,[2]],\"o\":{}} "));
  ck_assert_int_eq(cf_json_type(doc), CF_JSON_OBJECT);
  ck_assert_int_eq(cf_json_type(cf_json_member(doc, "n")), CF_JSON_NULL);
  ck_assert_int_eq(cf_json_type(cf_json_member(doc, "t")), CF_JSON_BOOL);
  ck_assert(cf_json_bool(cf_json_member(doc, "t")));
  ck_assert(!cf_json_bool(cf_json_member(doc, "f")));
  ck_assert_int_eq(cf_json_type(cf_json_member(doc, "i")), CF_JSON_INTEGER);
  ck_assert_int_eq(cf_json_type(cf_json_member(doc, "d")), CF_JSON_NUMBER);
  ck_assert_int_eq(cf_json_type(cf_json_member(doc, "s")), CF_JSON_STRING);
  ck_assert_uint_eq(cf_json_count(cf_json_member(doc, "a")), 2);
  ck_assert_uint_eq(cf_json_count(cf_json_element(cf_json_member(doc, "a"), 1)), 1);
  ck_assert_ptr_null(cf_json_element(cf_json_member(doc, "a"), 2));
  ck_assert_int_eq(cf_json_type(cf_json_member(doc, "o")), CF_JSON_OBJECT);
  ck_assert_uint_eq(cf_json_members(doc), 8);
  /* What is of another type, or absent, is empty. */
  ck_assert_uint_eq(cf_json_string(cf_json_member(doc, "i")).n, 0);
  ck_assert_uint_eq(cf_json_number(cf_json_member(doc, "s")).n, 0);
  ck_assert_uint_eq(cf_json_count(doc), 0);
  ck_assert_ptr_null(cf_json_member(doc, "none"));
  ck_assert_ptr_null(cf_json_member(cf_json_member(doc, "a"), "none"));
  ck_assert(!cf_json_bool(NULL));
  cf_json_free(doc);
}
END_TEST

START_TEST(test_scalars_alone)
{
  static const struct {
    struct cf_str text;
    enum cf_json_type type;
  } alone[] = {
      {S("1"), CF_JSON_INTEGER}, {S(" -1.5e3 "), CF_JSON_NUMBER}, {S("\"x\""), CF_JSON_STRING},
      {S("true"), CF_JSON_BOOL}, {S("null"), CF_JSON_NULL},       {S("[]"), CF_JSON_ARRAY},
  };
  for (size_t i = 0; i < CF_COUNT(alone); i++) {
    struct cf_json *doc = parse(alone[i].text);
    ck_assert_int_eq(cf_json_type(doc), alone[i].type);
    cf_json_free(doc);
  }
}
END_TEST

/* Strings come out decoded: escapes, U+0000, pairs joined, surrogates alone as
 * U+FFFD each, ill-formed bytes as they are. */
static const struct {
  struct cf_str text, decoded;
} decoded[] = {
    {S("\"\""), S("")},
    {S("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), S("\"\\/\b\f\n\r\t")},
    {S("\"a\\u0000b\""), S("a\0b")},
    {S("\"\\u0041\\u00e9\\u20AC\\uffff\""), S("A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf")},
    {S("\"\\ud83d\\ude00\""), S("\xf0\x9f\x98\x80")},
    {S("\"\\ud800\""), S(FFFD)},
    {S("\"\\ud800x\""), S(FFFD "x")},
    {S("\"\\udc00\""), S(FFFD)},
    {S("\"\\udc00\\ud800\""), S(FFFD FFFD)},
    {S("\"\\ud800\\ud800\""), S(FFFD FFFD)},
    {S("\"\\ud800\\ud800\\udc00\""), S(FFFD "\xf0\x90\x80\x80")},
    {S("\"\\udbff\\udfff\\udfff\""), S("\xf4\x8f\xbf\xbf" FFFD)},
    {S("\"\\ud800\\u0041\""), S(FFFD "A")},
    {S("\"\\ud800\\n\""), S(FFFD "\n")},
    {S("\"\\ud800\\\"\""), S(FFFD "\"")},
    {S("\"\\ud800\\\\ude00\""), S(FFFD "\\ude00")},
    {S("\"\\ud83d\xff\""), S(FFFD "\xff")},
    {S("\"\xff\xc3\xed\xa0\x80\""), S("\xff\xc3\xed\xa0\x80")},
    {S("\"\\ufffe\\ufdd0\""), S("\xef\xbf\xbe\xef\xb7\x90")},
};

START_TEST(test_decoded)
{
  struct cf_json *doc = parse(decoded[_i].text);
  struct cf_str s = cf_json_string(doc);
  ck_assert_bytes(s.p, s.n, decoded[_i].decoded.p, decoded[_i].decoded.n);
  cf_json_free(doc);
}
END_TEST

static const char *const numbers[] = {
    "0",
    "-1",
    "200",
    "9223372036854775807",
    "-9223372036854775808",
    "1.50",
    "-0.0",
    "1e3",
    "1E+2",
    "0e1",
    "1e400",
    "-1e-400",
    "99999999999999999999.5",
    "0.1000000000000000055511151231257827",
    "123456789012345678901234567890e-10",
};

START_TEST(test_number_text)
{
  struct cf_json *doc = parse(cf_str_from(numbers[_i]));
  struct cf_str s = cf_json_number(doc);
  ck_assert_bytes(s.p, s.n, numbers[_i], strlen(numbers[_i]));
  cf_json_free(doc);
}
END_TEST

static enum cf_err note_name(void *context, struct cf_str name, const struct cf_json *value)
{
  struct cf_buf *b = context;
  cf_buf_putstr(b, name);
  cf_buf_putc(b, value == NULL ? '0' : '1');
  return cf_str_is(name, "stop") ? CF_E_INVALID : CF_OK;
}

START_TEST(test_each)
{
  struct cf_json *doc = parse(CF_STR("{\"z\":1,\"a\":null,\"m\":[]}"));
  ck_assert_ok(cf_json_each(doc, note_name, &out));
  ck_assert_str_eq(cf_buf_cstr(&out), "z1a0m1");
  cf_json_free(doc);
  doc = parse(CF_STR("{\"z\":1,\"stop\":1,\"m\":[]}"));
  cf_buf_reset(&out);
  ck_assert_err(cf_json_each(doc, note_name, &out), CF_E_INVALID);
  ck_assert_str_eq(cf_buf_cstr(&out), "z1stop1");
  cf_json_free(doc);
}
END_TEST

START_TEST(test_parse_refuses)
{
  static const struct cf_str texts[] = {S(""),
                                        S("1 2"),
                                        S("{} {}"),
                                        S("{\"a\":1,\"a\":2}"),
                                        S("[1,]"),
                                        S("[9223372036854775808]"),
                                        S("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"),
                                        S("[1]\0")};
  for (size_t i = 0; i < CF_COUNT(texts); i++) {
    struct cf_json *doc = NULL;
    struct cf_fault fault = {.at = ""};
    ck_assert_err(cf_json_parse(texts[i], 16, &doc, &fault), CF_E_SYNTAX);
    ck_assert_ptr_null(doc);
    ck_assert_str_ne(fault.detail, "");
  }
}
END_TEST

/* ---- canonical ---- */

static const struct {
  struct cf_str given;
  const char *canonical;
} canonical[] = {
    {S("{}"), "{}"},
    {S(" { \"b\" : 1 , \"a\" : [ 1 , 2 ] } "), "{\"a\":[1,2],\"b\":1}"},
    {S("{\"z\":1,\"e\":1e3,\"\xc3\xa4\":1.50,\"a\":{\"y\":[1,\"two\",true,null],\"b\":\"\\u0001\"}}"),
     "{\"a\":{\"b\":\"\\u0001\",\"y\":[1,\"two\",true,null]},\"e\":1e3,\"z\":1,\"\xc3\xa4\":1.50}"},
    {S("{\"a\":null,\"b\":{\"c\":null},\"d\":[null,{\"e\":null}]}"), "{\"b\":{},\"d\":[null,{}]}"},
    {S("[-0,0,-0.0,1E5,1.0]"), "[0,0,-0.0,1E5,1.0]"},
    {S("[9223372036854775807,-9223372036854775808]"), "[9223372036854775807,-9223372036854775808]"},
    {S("{\"ab\":1,\"a\":2,\"\":3,\"B\":4}"), "{\"\":3,\"B\":4,\"a\":2,\"ab\":1}"},
    /* By the bytes that the names stand for: a quote is below '#', a line feed
   * below a space. */
    {S("{\"#\":1,\"\\\"\":2,\" \":3,\"\\n\":4,\"\\\\\":5,\"[\":6,\"]\":7}"),
     "{\"\\n\":4,\" \":3,\"\\\"\":2,\"#\":1,\"[\":6,\"\\\\\":5,\"]\":7}"},
    /* U+FFFD from ill-formed bytes sorts as U+FFFD, below U+10000, above
   * U+E000. */
    {S("{\"\xff\":1,\"\xf0\x90\x80\x80\":2,\"\xee\x80\x80\":3,\"a\":4}"),
     "{\"a\":4,\"\xee\x80\x80\":3,\"" FFFD "\":1,\"\xf0\x90\x80\x80\":2}"},
    {S("{\"k\":\"\xff\\ud800\\u0000\x7f\\/\\u00e9\"}"),
     "{\"k\":\"" FFFD FFFD "\\u0000\x7f/\xc3\xa9\"}"},
    {S("[[[[[[[[1]]]]]]]]"), "[[[[[[[[1]]]]]]]]"},
    {S("[1.123456789012345678901234567890123456789]"), NULL},
    {S("[1.12345678901234567890123456789012345678]"), "[1.12345678901234567890123456789012345678]"},
    {S("[[[[[[[[[1]]]]]]]]]"), NULL},
    {S("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}"), NULL},
};

START_TEST(test_canonical)
{
  struct cf_json *doc = parse(canonical[_i].given);
  struct cf_fault fault = {.at = ""};
  enum cf_err err = cf_json_put_canonical(&out, doc, 8, &fault);
  cf_json_free(doc);
  if (canonical[_i].canonical == NULL) {
    ck_assert_err(err, CF_E_INVALID);
    ck_assert_str_ne(fault.detail, "");
    return;
  }
  ck_assert_ok(err);
  ck_assert_str_eq(cf_buf_cstr(&out), canonical[_i].canonical);
  doc = parse(cf_buf_str(&out));
  struct cf_buf again;
  cf_buf_init(&again, 1000);
  ck_assert_ok(cf_json_put_canonical(&again, doc, 8, &fault));
  ck_assert_bytes(again.p, again.n, out.p, out.n);
  cf_buf_fini(&again);
  cf_json_free(doc);
}
END_TEST

/* More members than are sorted on the stack. */
START_TEST(test_canonical_of_many)
{
  struct cf_buf given, want;
  cf_buf_init(&given, 1 << 16);
  cf_buf_init(&want, 1 << 16);
  for (unsigned i = 0; i < 500; i++) {
    cf_buf_putf(&given, "%c\"n%03u\":%u", i == 0 ? '{' : ',', (i * 7) % 500, i);
    cf_buf_putf(&want, "%c\"n%03u\":%u", i == 0 ? '{' : ',', i, (i * 143) % 500);
  }
  cf_buf_putc(&given, '}');
  cf_buf_putc(&want, '}');
  struct cf_json *doc = parse(cf_buf_str(&given));
  ck_assert_ok(cf_json_put_canonical(&out, doc, 8, NULL));
  ck_assert_bytes(out.p, out.n, want.p, want.n);
  cf_json_free(doc);
  cf_buf_fini(&given);
  cf_buf_fini(&want);
}
END_TEST

START_TEST(test_pairs)
{
  struct cf_json *doc = parse(CF_STR("{\"m\":1,\"\xff\":2}"));
  struct cf_json_pair pairs[4];
  struct cf_fault fault;
  cf_json_pairs(doc, pairs);
  pairs[2] = (struct cf_json_pair){.name = CF_STR("b"), .text = CF_STR("[\"x\"]")};
  pairs[3] = (struct cf_json_pair){.name = CF_STR("gone")};
  ck_assert_ok(cf_json_put_pairs(&out, pairs, 4, 8, &fault));
  ck_assert_str_eq(cf_buf_cstr(&out), "{\"b\":[\"x\"],\"m\":1,\"" FFFD "\":2}");
  cf_json_pairs(doc, pairs);
  pairs[2] = (struct cf_json_pair){.name = CF_STR("\xfe"), .text = CF_STR("1")};
  ck_assert_err(cf_json_put_pairs(&out, pairs, 3, 8, &fault), CF_E_INVALID);
  ck_assert_ptr_nonnull(strstr(fault.detail, "twice"));
  cf_json_free(doc);
}
END_TEST

START_TEST(test_full)
{
  struct cf_buf little;
  static const char text[] = "{\"a\":[1,2,3],\"b\":\"long enough\"}";
  size_t n = sizeof text - 1;
  struct cf_json *doc = parse((struct cf_str){text, n});
  for (size_t max = 0; max <= n; max++) {
    cf_buf_init(&little, max);
    enum cf_err err = cf_json_put_canonical(&little, doc, 8, NULL);
    ck_assert_err(err, max < n ? CF_E_FULL : CF_OK);
    cf_buf_fini(&little);
  }
  cf_json_free(doc);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "writer",
       .test = test_string,
       .loops = CF_COUNT(strings),
       .setup = open_out,
       .teardown = close_out},
      {.tcase = "writer", .test = test_every_byte_at_every_place},
      {.tcase = "writer", .test = test_members},
      {.tcase = "writer", .test = test_unescape_refuses, .loops = CF_COUNT(no_escapes)},
      {.tcase = "reading", .test = test_types, .setup = open_out, .teardown = close_out},
      {.tcase = "reading", .test = test_scalars_alone},
      {.tcase = "reading", .test = test_decoded, .loops = CF_COUNT(decoded)},
      {.tcase = "reading", .test = test_number_text, .loops = CF_COUNT(numbers)},
      {.tcase = "reading", .test = test_each},
      {.tcase = "reading", .test = test_parse_refuses},
      {.tcase = "canonical",
       .test = test_canonical,
       .loops = CF_COUNT(canonical),
       .setup = open_out,
       .teardown = close_out},
      {.tcase = "canonical", .test = test_canonical_of_many},
      {.tcase = "canonical", .test = test_pairs},
      {.tcase = "canonical", .test = test_full},
  };
  return cf_test_run("json", tests, CF_COUNT(tests));
}
