/* SPDX-License-Identifier: MIT */
/* Bytes that are no UTF-8, in lines: what was in the log can be had back, and
 * no two requests become one. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "lib/input/logline_in.h"
#include "tests/unit/input/logline_check.h"

#define T "[17/May/2015:10:05:03 +0000]"

/* ---- fields ---- */

/* A field as it stands in the line, its value, and attributes.not_utf8. */
static const struct {
  const char *field, *value, *mark;
} fields[] = {
    {"/caf\xe9", "/caf\\xe9", "raw"},
    {"/caf\xe8", "/caf\\xe8", "raw"},
    {"/caf\\xe9", "/caf\\xe9", "escaped"},
    {"/caf\\xE9", "/caf\\xE9", "escaped"},
    {"/caf\\\\xe9", "/caf\\x5cxe9", "escaped"},
    {"/caf\\x5Cxe9", "/caf\\x5Cxe9", "escaped"},
    {"/caf\\\\\\xe9", "/caf\\\\xe9", "escaped"},
    {"/caf\xc3\xa9", "/caf\xc3\xa9", NULL},
    {"/caf\\xc3\\xa9", "/caf\xc3\xa9", NULL},
    {"/caf\xc3\\xa9", "/caf\xc3\xa9", NULL},
    {"/caf\\xc3\\xa9\\xe9", "/caf\xc3\xa9\\xe9", "escaped"},
    {"/\\xe2\\x82", "/\\xe2\\x82", "escaped"},
    {"/\\xe2\\x82x", "/\\xe2\\x82x", "escaped"},
    {"/\\xf0\\x9f\\x98\\x80", "/\xf0\x9f\x98\x80", NULL},
    {"/\\xed\\xa0\\x80", "/\\xed\\xa0\\x80", "escaped"},
    {"/a\\x0ab", "/a\nb", NULL},
    {"/C:\\\\x64", "/C:\\x64", NULL},
    {"/C:\\\\x5c", "/C:\\x5cx5c", "escaped"},
    {"/DOMAIN\\\\user", "/DOMAIN\\user", NULL},
    {"/\\\\x5", "/\\x5", NULL},
};

static bool is_field_value(const char *value)
{
  return checked.v[CF_M_PATH].n == strlen(value) &&
         memcmp(checked.v[CF_M_PATH].p, value, strlen(value)) == 0;
}

/* What was checked borrows from the line. */
static void take_field(const char *field)
{
  static char text[256];
  snprintf(text, sizeof text, "192.0.2.1 - - " T " \"GET %s HTTP/1.1\" 200 1 \"-\" \"UA\"", field);
  check_line(cf_str_from(text), false);
}

START_TEST(test_a_field_keeps_bytes_that_are_no_utf8)
{
  char attributes[64] = "";
  take_field(fields[_i].field);
  ck_assert_msg(is_field_value(fields[_i].value), "%.*s", (int)checked.v[CF_M_PATH].n,
                checked.v[CF_M_PATH].p);
  if (fields[_i].mark != NULL)
    snprintf(attributes, sizeof attributes, "{\"not_utf8\":\"%s\"}", fields[_i].mark);
  ck_assert_bytes(checked.v[CF_M_ATTRIBUTES].p, checked.v[CF_M_ATTRIBUTES].n, attributes,
                  strlen(attributes));
}
END_TEST

/* Each member, and what goes into attributes. */
START_TEST(test_every_text_of_a_line_keeps_them)
{
  const char *got = check_line(CF_STR("v\xe1 c\xe2 i\xe3 u\xe4 " T
                                      " \"GET /\xe5?\xe6 HTTP/1.1\" 200 1 \"r\xe7\" \"a\xe8\""
                                      " \xe9 k=\xea"),
                               false);
  ck_assert_str_eq(got, "{\"source\":\"s\",\"id\":\"i\"," TIME
                        ",\"method\":\"GET\",\"status\":200,\"user\":\"u\\\\xe4\","
                        "\"user_agent\":\"a\\\\xe8\",\"referer\":\"r\\\\xe7\","
                        "\"resource\":\"/\\\\xe5\",\"query\":\"\\\\xe6\",\"host\":\"v\\\\xe1\","
                        "\"bytes\":1,\"protocol\":\"HTTP/1.1\","
                        "\"attributes\":{\"client_host\":\"c\\\\xe2\",\"extra\":\"\\\\xe9\","
                        "\"ident\":\"i\\\\xe3\",\"k\":\"\\\\xea\",\"not_utf8\":\"raw\"}}\n");
}
END_TEST

/* ---- JSON lines ---- */

#define USER(value) "\"user\":\"" value "\",\"message\":\"m\""
#define MARK(mark)  ",\"attributes\":{\"not_utf8\":\"" mark "\"}"
/* A string in a line, and its event. */
static const struct check_row strings[] = {
    {"\xe9", USER("\\\\xe9") MARK("raw")},
    {"\\xe9", USER("\\\\xe9") MARK("escaped")},
    {"\\xc3\\xa9", USER("\xc3\xa9")},
    {"\xc3\\xa9\xa9", USER("\xc3\xa9\\\\xa9") MARK("raw")},
    {"\\xe9\\\\xe9", USER("\\\\xe9\\\\x5cxe9") MARK("escaped")},
    {"\xe9\\u00e9\\/\\\"\\n\\\\", USER("\\\\xe9\xc3\xa9/\\\"\\n\\\\") MARK("raw")},
    /* What is JSON, and UTF-8, is what it says. */
    {"\\\\xe9 \\\\x5c", USER("\\\\xe9 \\\\x5c")},
};

START_TEST(test_json_keeps_them_too)
{
  char text[256];
  snprintf(text, sizeof text, "{\"user\":\"%s\",\"message\":\"m\"}", strings[_i].line);
  check_row(cf_str_from(text), strings[_i].event);
}
END_TEST

START_TEST(test_json_keeps_them_in_names_and_in_what_is_deep)
{
  check_row(CF_STR("{\"message\":\"m\",\"k\xe9\":1,\"d\":[[[[[[[[[\"\xe8\"]]]]]]]]]}"),
            "\"message\":\"m\",\"attributes\":{\"d\":[[[[[[[\"[[\\\"\\\\xe8\\\"]]\"]]]]]]],"
            "\"k\\\\xe9\":1,\"not_utf8\":\"raw\"}");
}
END_TEST

/* A front that was taken off stays off where the line is mended. */
START_TEST(test_json_behind_a_front_is_mended)
{
  check_row(CF_STR("Oct 10 13:55:36 web1 app: {\"message\":\"m\\x22\"}"),
            "\"message\":\"m\\\"\",\"attributes\":{\"hostname\":\"web1\",\"program\":\"app\"}");
}
END_TEST

/* ---- the way back ---- */

/* \x5c and \x80 to \xff are their bytes, as the manual says. */
static void reverse(struct cf_str s, struct cf_buf *b)
{
  for (size_t i = 0; i < s.n; i++) {
    uint8_t byte;
    if (i + 3 < s.n && s.p[i] == '\\' && s.p[i + 1] == 'x' &&
        cf_hex_get_n((struct cf_str){s.p + i + 2, 2}, &byte, 1) == CF_OK &&
        (byte == '\\' || byte >= 0x80)) {
      cf_buf_putc(b, (char)byte);
      i += 3;
    } else {
      cf_buf_putc(b, s.p[i]);
    }
  }
}

/* Bytes as careful servers write them. */
static void log_escape(struct cf_str s, struct cf_buf *b)
{
  for (size_t i = 0; i < s.n; i++) {
    uint8_t c = (uint8_t)s.p[i];
    if (c == '"' || c == '\\')
      cf_buf_putf(b, "\\%c", c);
    else if (c < 0x20 || c >= 0x80)
      cf_buf_putf(b, "\\x%02x", c);
    else
      cf_buf_putc(b, (char)c);
  }
}

/* Texts of those bytes that matter, all of up to five. */
static const char alphabet[] = {'\\', 'x', '5', 'c', 'e', '\xc3', '\xa9', '\xe9'};

static size_t text_number(unsigned number, char text[8])
{
  size_t n = 0;
  for (; number > 0; number /= sizeof alphabet + 1)
    if (number % (sizeof alphabet + 1) > 0)
      text[n++] = alphabet[number % (sizeof alphabet + 1) - 1];
  return n;
}

START_TEST(test_what_was_there_can_be_had_back)
{
  struct cf_buf line, value, back;
  cf_buf_init(&line, 256);
  cf_buf_init(&value, 256);
  cf_buf_init(&back, 256);
  for (unsigned i = 0; i < 9 * 9 * 9 * 9 * 9; i++) {
    char bytes[8];
    struct cf_str text = {bytes, text_number(i, bytes)};
    struct cf_met met = {false, false};
    cf_buf_reset(&line);
    cf_buf_reset(&value);
    cf_buf_reset(&back);
    log_escape(text, &line);
    cf_logline_unescape(cf_buf_str(&line), &value, &met);
    ck_assert(cf_utf8_ok(cf_buf_str(&value)) && !met.raw);
    reverse(cf_buf_str(&value), &back);
    ck_assert_bytes(back.p, back.n, text.p, text.n);
    /* The mark says whether there is anything to be had back. */
    ck_assert(met.escaped || cf_str_eq(cf_buf_str(&value), text));
    /* A text is as it stands, but for bytes that are no UTF-8. */
    cf_buf_reset(&value);
    cf_buf_reset(&back);
    bool raw = cf_logline_verbatim(text, &value);
    ck_assert(cf_utf8_ok(cf_buf_str(&value)) && raw == !cf_utf8_ok(text));
    if (raw)
      reverse(cf_buf_str(&value), &back);
    else
      cf_buf_putstr(&back, cf_buf_str(&value));
    ck_assert_bytes(back.p, back.n, text.p, text.n);
  }
  cf_buf_fini(&line);
  cf_buf_fini(&value);
  cf_buf_fini(&back);
}
END_TEST

/* ---- lines that are text ---- */

START_TEST(test_a_text_is_as_it_stands)
{
  check_row(CF_STR("bad \\xe9 \\x5c \\\\xe9"),
            "\"action\":\"log.line\",\"message\":\"bad \\\\xe9 \\\\x5c \\\\\\\\xe9\"");
  check_row(CF_STR("bad \xe9 \\xe9 \\n"),
            "\"action\":\"log.line\",\"message\":\"bad \\\\xe9 \\\\x5cxe9 \\\\n\","
            "\"attributes\":{\"not_utf8\":\"raw\"}");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "fields",
       .test = test_a_field_keeps_bytes_that_are_no_utf8,
       .loops = CF_COUNT(fields),
       .setup = check_open,
       .teardown = check_close},
      {.tcase = "fields", .test = test_every_text_of_a_line_keeps_them},
      {.tcase = "fields", .test = test_a_text_is_as_it_stands},
      {.tcase = "json",
       .test = test_json_keeps_them_too,
       .loops = CF_COUNT(strings),
       .setup = check_open,
       .teardown = check_close},
      {.tcase = "json", .test = test_json_keeps_them_in_names_and_in_what_is_deep},
      {.tcase = "json", .test = test_json_behind_a_front_is_mended},
      {.tcase = "back", .test = test_what_was_there_can_be_had_back},
  };
  return cf_test_run("logline_bytes", tests, CF_COUNT(tests));
}
