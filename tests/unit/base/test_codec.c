/* SPDX-License-Identifier: MIT */
/* Codings: published vectors, then everything that must be refused. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/base/utf8.h"

#include "tests/unit/cf_test.h"

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }

static struct cf_buf out;

static void open_out(void)
{
  cf_buf_init(&out, 1 << 16);
}

static void close_out(void)
{
  cf_buf_fini(&out);
}

/* RFC 4648 section 10, and bytes that reach the two digits in which the
 * alphabets differ. */
static const struct pair {
  struct cf_str bytes;
  const char *standard, *url;
} base64[] = {
    {S(""), "", ""},
    {S("f"), "Zg==", "Zg"},
    {S("fo"), "Zm8=", "Zm8"},
    {S("foo"), "Zm9v", "Zm9v"},
    {S("foob"), "Zm9vYg==", "Zm9vYg"},
    {S("fooba"), "Zm9vYmE=", "Zm9vYmE"},
    {S("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
    {S("\xfb\xff\xbf"), "+/+/", "-_-_"},
    {S("\0"), "AA==", "AA"},
    {S("\xff\xff"), "//8=", "__8"},
};

START_TEST(test_base64_vectors)
{
  const struct pair *v = &base64[_i];
  uint8_t exact[16];

  cf_base64_put(&out, v->bytes.p, v->bytes.n);
  ck_assert_str_eq(cf_buf_cstr(&out), v->standard);
  cf_buf_reset(&out);
  cf_base64url_put(&out, v->bytes.p, v->bytes.n);
  ck_assert_str_eq(cf_buf_cstr(&out), v->url);
  cf_buf_reset(&out);
  ck_assert_ok(cf_base64_get(cf_str_from(v->standard), &out));
  ck_assert_bytes(out.p, out.n, v->bytes.p, v->bytes.n);
  ck_assert_ok(cf_base64url_get(cf_str_from(v->url), &out));
  ck_assert_uint_eq(out.n, 2 * v->bytes.n);
  ck_assert_ok(cf_base64_get_n(cf_str_from(v->standard), exact, v->bytes.n));
  ck_assert_bytes(exact, v->bytes.n, v->bytes.p, v->bytes.n);
  ck_assert_err(cf_base64_get_n(cf_str_from(v->standard), exact, v->bytes.n + 1), CF_E_SYNTAX);
}
END_TEST

static const struct cf_str base64_bad[] = {
    S("Zg"),     S("Zg="),   S("Zg==="),   S("Zg==="),    S("="),     S("=="),
    S("===="),   S("A==="),  S("Zh=="),    S("Zm9="),     S("Zm8"),   S("Zm9vYg==Zg=="),
    S("Zm9v\n"), S(" Zm9v"), S("Zm 9v"),   S("Zm9v=AAA"), S("Zm-v"),  S("Zm_v"),
    S("Zg==\n"), S("Z\0=="), S("Zm9\xc3"), S("Z"),        S("Zm9vY"), S("Zg=A"),
    S("=Zg="),
};

START_TEST(test_base64_bad)
{
  uint8_t exact[16] = {7};

  cf_buf_puts(&out, "kept");
  ck_assert_err(cf_base64_get(base64_bad[_i], &out), CF_E_SYNTAX);
  ck_assert_str_eq(cf_buf_cstr(&out), "kept");
  for (size_t n = 0; n < sizeof exact; n++)
    ck_assert_err(cf_base64_get_n(base64_bad[_i], exact, n), CF_E_SYNTAX);
  ck_assert_uint_eq(exact[0], 7);
}
END_TEST

static const struct cf_str base64url_bad[] = {S("Zg=="), S("Z"),     S("Zh"),   S("Zm9"),
                                              S("+/+/"), S("Zm9vY"), S("Zg\n"), S("Zm9v Zg")};

START_TEST(test_base64url_bad)
{
  ck_assert_err(cf_base64url_get(base64url_bad[_i], &out), CF_E_SYNTAX);
  ck_assert_uint_eq(out.n, 0);
}
END_TEST

/* Of all texts of four characters, those that decode are those that encode. */
START_TEST(test_base64_canonical)
{
  static const char set[] = "AQgw/+=B";
  char text[4];
  int good = 0;

  for (int i = 0; i < 4096; i++) {
    for (int j = 0; j < 4; j++)
      text[j] = set[i >> 3 * j & 7];
    struct cf_str s = {text, 4};
    cf_buf_reset(&out);
    if (cf_base64_get(s, &out) != CF_OK)
      continue;
    size_t n = out.n;
    cf_base64_put(&out, out.p, n);
    ck_assert_bytes(out.p + n, out.n - n, text, 4);
    good++;
  }
  ck_assert_int_eq(good, 7 * 7 * 7 * 7 + 7 * 7 * 4 + 7 * 4);
}
END_TEST

START_TEST(test_base64_full)
{
  struct cf_buf small;

  cf_buf_init(&small, 3);
  cf_base64_put(&small, "abc", 3);
  ck_assert_err(small.err, CF_E_FULL);
  cf_buf_reset(&small);
  ck_assert_ok(cf_base64_get(CF_STR("Zm9v"), &small));
  ck_assert_err(cf_base64_get(CF_STR("Zm9v"), &small), CF_E_FULL);
  ck_assert_uint_eq(small.n, 3);
  cf_buf_fini(&small);
}
END_TEST

START_TEST(test_hex)
{
  uint8_t bytes[4] = {0};

  cf_hex_put(&out, "\x00\x9a\xff\x10", 4);
  ck_assert_str_eq(cf_buf_cstr(&out), "009aff10");
  ck_assert_ok(cf_hex_get_n(CF_STR("009aFF10"), bytes, 4));
  ck_assert_hex(bytes, 4, "009aff10");
  ck_assert_err(cf_hex_get_n(CF_STR("009aFF1"), bytes, 4), CF_E_SYNTAX);
  ck_assert_err(cf_hex_get_n(CF_STR("009aFF100"), bytes, 4), CF_E_SYNTAX);
  ck_assert_err(cf_hex_get_n(CF_STR("11111g11"), bytes, 4), CF_E_SYNTAX);
  ck_assert_err(cf_hex_get_n(CF_STR("0x9aFF10"), bytes, 4), CF_E_SYNTAX);
  ck_assert_hex(bytes, 4, "009aff10");
  ck_assert_ok(cf_hex_get_n(CF_STR(""), bytes, 0));
}
END_TEST

START_TEST(test_big_endian)
{
  uint8_t p[8];

  cf_u64_put(p, UINT64_C(0x0123456789abcdef));
  ck_assert_hex(p, 8, "0123456789abcdef");
  ck_assert_uint_eq(cf_u64_get(p), UINT64_C(0x0123456789abcdef));
  ck_assert_uint_eq(cf_u32_get(p + 4), 0x89abcdef);
  ck_assert_uint_eq(cf_u16_get(p + 6), 0xcdef);
}
END_TEST

static const struct {
  uint64_t value;
  const char *hex;
} varints[] = {
    {0, "00"},
    {1, "01"},
    {127, "7f"},
    {128, "8001"},
    {300, "ac02"},
    {16383, "ff7f"},
    {16384, "808001"},
    {624485, "e58e26"},
    {UINT64_C(1) << 63, "80808080808080808001"},
    {UINT64_MAX, "ffffffffffffffffff01"},
};

START_TEST(test_varint)
{
  struct cf_reader r;

  cf_varint_put(&out, varints[_i].value);
  ck_assert_hex(out.p, out.n, varints[_i].hex);
  cf_reader_init(&r, out.p, out.n);
  ck_assert_uint_eq(cf_reader_varint(&r), varints[_i].value);
  ck_assert(cf_reader_at_end(&r));
  for (size_t n = 0; n < out.n; n++) {
    cf_reader_init(&r, out.p, n);
    ck_assert_uint_eq(cf_reader_varint(&r), 0);
    ck_assert_err(r.err, CF_E_SYNTAX);
  }
}
END_TEST

static const int64_t signed_values[] = {0,   -1, 1,         -2,        63,
                                        -64, 64, INT64_MAX, INT64_MIN, INT64_MIN + 1};

START_TEST(test_varint_signed)
{
  struct cf_reader r;

  cf_varint_put_signed(&out, signed_values[_i]);
  cf_reader_init(&r, out.p, out.n);
  ck_assert_int_eq(cf_reader_varint_signed(&r), signed_values[_i]);
  ck_assert(cf_reader_at_end(&r));
  if (_i < 4)
    ck_assert_uint_eq(out.p[0], (uint8_t)_i);
}
END_TEST

static const struct cf_str varints_bad[] = {
    S(""),
    S("\x80"),
    S("\x80\x00"),
    S("\xff\x80\x00"),
    S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
    S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81"),
    S("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
    S("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
};

START_TEST(test_varint_bad)
{
  struct cf_reader r;

  cf_reader_init(&r, varints_bad[_i].p, varints_bad[_i].n);
  ck_assert_uint_eq(cf_reader_varint(&r), 0);
  ck_assert_err(r.err, CF_E_SYNTAX);
}
END_TEST

START_TEST(test_reader)
{
  struct cf_reader r;

  cf_reader_init(&r, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d", 13);
  ck_assert_uint_eq(cf_reader_u8(&r), 1);
  ck_assert_uint_eq(cf_reader_u32(&r), 0x02030405);
  ck_assert_uint_eq(cf_reader_u64(&r), UINT64_C(0x060708090a0b0c0d));
  ck_assert(cf_reader_at_end(&r));
  ck_assert_uint_eq(cf_reader_bytes(&r, 0).n, 0);
  ck_assert(cf_reader_at_end(&r));
  ck_assert_uint_eq(cf_reader_u8(&r), 0);
  ck_assert(!cf_reader_at_end(&r));

  cf_reader_init(&r, "\x01\x02\x03", 3);
  ck_assert_uint_eq(cf_reader_u32(&r), 0);
  ck_assert_uint_eq(cf_reader_u8(&r), 0);
  ck_assert_uint_eq(cf_reader_bytes(&r, 1).n, 0);
  ck_assert_err(r.err, CF_E_SYNTAX);

  cf_reader_init(&r, "abc", 3);
  ck_assert(cf_str_is(cf_reader_bytes(&r, 2), "ab"));
  ck_assert_ptr_null(cf_reader_bytes(&r, SIZE_MAX).p);
  cf_reader_init(&r, NULL, 0);
  ck_assert(cf_reader_at_end(&r));
}
END_TEST

/* Unicode's definition by arithmetic, to hold the table against: the shortest
 * form of a code point that is no surrogate. */
static size_t by_definition(const uint8_t *p, size_t n)
{
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t len = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
  uint32_t code = len < 2 ? p[0] : p[0] & (0x7fU >> len);

  if (len == 0 || len > n)
    return 0;
  for (size_t i = 1; i < len; i++) {
    if (p[i] >> 6 != 2)
      return 0;
    code = code << 6 | (p[i] & 0x3f);
  }
  return code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : len;
}

START_TEST(test_utf8_exhaustive_three)
{
  for (uint32_t i = 0; i < 1U << 24; i++) {
    uint8_t p[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
    for (size_t n = 1; n <= 3; n++)
      if (cf_utf8_len(p, n) != by_definition(p, n))
        ck_abort_msg("%06x in %zu: %zu, not %zu", i, n, cf_utf8_len(p, n), by_definition(p, n));
  }
}
END_TEST

START_TEST(test_utf8_exhaustive_four)
{
  static const uint8_t last[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};

  for (uint32_t i = 0xee0000; i < 1U << 24; i++) {
    for (size_t j = 0; j < sizeof last; j++) {
      uint8_t p[4] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, last[j]};
      if (cf_utf8_len(p, 4) != by_definition(p, 4))
        ck_abort_msg("%06x%02x", i, last[j]);
    }
  }
}
END_TEST

START_TEST(test_utf8_codes)
{
  for (uint32_t code = 0; code < 0x110010; code++) {
    bool is_char = code < 0x110000 && (code < 0xd800 || code > 0xdfff);
    cf_buf_reset(&out);
    cf_utf8_put_code(&out, code);
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 || !is_char ? 3 : 4;
    if (out.n != len || by_definition(out.p, out.n) != len ||
        (!is_char && memcmp(out.p, "\xef\xbf\xbd", 3) != 0))
      ck_abort_msg("U+%04X", code);
  }
  cf_buf_reset(&out);
  cf_utf8_put_code(&out, 0x20ac);
  cf_utf8_put_code(&out, 0x1f600);
  ck_assert_hex(out.p, out.n, "e282acf09f9880");
}
END_TEST

#define BAD "\xef\xbf\xbd"

/* One U+FFFD a byte, as format.md wants; not one a maximal subpart, as others
 * do. */
static const struct {
  struct cf_str in;
  const char *out;
} mended[] = {
    {S(""), ""},
    {S("plain"), "plain"},
    {S("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f"},
    {S("\xff"), BAD},
    {S("a\xc3"), "a" BAD},
    {S("\xe2\x82"), BAD BAD},
    {S("\xe2\x82x"), BAD BAD "x"},
    {S("\xc0\xaf"), BAD BAD},
    {S("\xe0\x80\xaf"), BAD BAD BAD},
    {S("\xed\xa0\x80"), BAD BAD BAD},
    {S("\xf4\x90\x80\x80"), BAD BAD BAD BAD},
    {S("\xf0\x9f\x98\x80\x80"), "\xf0\x9f\x98\x80" BAD},
    {S("12345678\xff"
       "12345678\x80"),
     "12345678" BAD "12345678" BAD},
};

START_TEST(test_utf8_put)
{
  cf_utf8_put(&out, mended[_i].in);
  ck_assert_str_eq(cf_buf_cstr(&out), mended[_i].out);
  ck_assert_int_eq(cf_utf8_ok(mended[_i].in), cf_str_is(mended[_i].in, mended[_i].out));
  ck_assert(cf_utf8_ok(cf_buf_str(&out)));
}
END_TEST

/* A bad byte at each place of a text of each length around the eight-byte
 * steps. */
START_TEST(test_utf8_places)
{
  char text[40];

  for (size_t n = 1; n < sizeof text; n++) {
    for (size_t i = 0; i < n; i++) {
      memset(text, 'x', sizeof text);
      ck_assert(cf_utf8_ok((struct cf_str){text, n}));
      text[i] = (char)0x80;
      ck_assert(!cf_utf8_ok((struct cf_str){text, n}));
    }
  }
}
END_TEST

static const struct {
  struct cf_str in;
  size_t max, n;
} heads[] = {
    {S("abc"), 2, 2},
    {S("abc"), 3, 3},
    {S("abc"), 9, 3},
    {S("abc"), 0, 0},
    {S("a\xc3\xbc"), 2, 1},
    {S("a\xe2\x82\xac"), 3, 1},
    {S("a\xe2\x82\xac"), 2, 1},
    {S("a\xe2\x82\xac"), 4, 4},
    {S("\xf0\x9f\x98\x80"), 3, 0},
    {S("\xf0\x9f\x98\x80"), 1, 0},
    {S("\x80\x80\x80\x80\x80"), 3, 3},
    {S("a\xe2\x82z"), 2, 2},
    {S("\xe2\x82\xac\xe2\x82\xac"), 5, 3},
};

START_TEST(test_utf8_head)
{
  struct cf_str head = cf_utf8_head(heads[_i].in, heads[_i].max);

  ck_assert_uint_eq(head.n, heads[_i].n);
  ck_assert_ptr_eq(head.p, heads[_i].in.p);
}
END_TEST

START_TEST(test_url)
{
  ck_assert_ok(cf_url_get(CF_STR("a%20b+c%2bd%00"), true, &out));
  ck_assert_bytes(out.p, out.n, "a b c+d\0", 8);
  cf_buf_reset(&out);
  ck_assert_ok(cf_url_get(CF_STR("a+b%fF"), false, &out));
  ck_assert_str_eq(cf_buf_cstr(&out), "a+b\xff");
  cf_buf_reset(&out);
  cf_url_put(&out, CF_STR("AZaz09-._~ /?&=+%\n\xc3\xbc"));
  ck_assert_str_eq(cf_buf_cstr(&out), "AZaz09-._~%20%2F%3F%26%3D%2B%25%0A%C3%BC");
}
END_TEST

static const char *const url_bad[] = {"%", "a%", "%2", "%2g", "%g2", "ok%zz", "%%41", "%+1", "% 1"};

START_TEST(test_url_bad)
{
  cf_buf_puts(&out, "kept");
  ck_assert_err(cf_url_get(cf_str_from(url_bad[_i]), true, &out), CF_E_SYNTAX);
  ck_assert_str_eq(cf_buf_cstr(&out), "kept");
}
END_TEST

/* What was put is got, for every byte. */
START_TEST(test_url_all)
{
  char bytes[256];
  struct cf_buf text;

  for (int i = 0; i < 256; i++)
    bytes[i] = (char)i;
  cf_buf_init(&text, 1000);
  cf_url_put(&text, (struct cf_str){bytes, 256});
  ck_assert_ok(cf_url_get(cf_buf_str(&text), _i == 1, &out));
  ck_assert_bytes(out.p, out.n, bytes, 256);
  cf_buf_fini(&text);
}
END_TEST

static const struct {
  const char *text;
  uint64_t max, value;
  enum cf_err err;
} decimals[] = {
    {"0", UINT64_MAX, 0, CF_OK},
    {"007", 7, 7, CF_OK},
    {"18446744073709551615", UINT64_MAX, UINT64_MAX, CF_OK},
    {"18446744073709551616", UINT64_MAX, 0, CF_E_SYNTAX},
    {"99999999999999999999", UINT64_MAX, 0, CF_E_SYNTAX},
    {"184467440737095516150", UINT64_MAX, 0, CF_E_SYNTAX},
    {"100", 100, 100, CF_OK},
    {"101", 100, 0, CF_E_SYNTAX},
    {"0", 0, 0, CF_OK},
    {"1", 0, 0, CF_E_SYNTAX},
    {"", 10, 0, CF_E_SYNTAX},
    {"+1", 10, 0, CF_E_SYNTAX},
    {"-1", 10, 0, CF_E_SYNTAX},
    {" 1", 10, 0, CF_E_SYNTAX},
    {"1 ", 10, 0, CF_E_SYNTAX},
    {"1e1", 10, 0, CF_E_SYNTAX},
    {"0x1", 10, 0, CF_E_SYNTAX},
    {"1/", 10, 0, CF_E_SYNTAX},
    {"1:", 10, 0, CF_E_SYNTAX},
};

START_TEST(test_decimal)
{
  uint64_t v = 77;

  ck_assert_err(cf_u64_parse(cf_str_from(decimals[_i].text), decimals[_i].max, &v),
                decimals[_i].err);
  ck_assert_uint_eq(v, decimals[_i].err == CF_OK ? decimals[_i].value : 77);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "codec",
       .setup = open_out,
       .teardown = close_out,
       .test = test_base64_vectors,
       .loops = CF_COUNT(base64)},
      {.tcase = "codec", .test = test_base64_bad, .loops = CF_COUNT(base64_bad)},
      {.tcase = "codec", .test = test_base64url_bad, .loops = CF_COUNT(base64url_bad)},
      {.tcase = "codec", .test = test_base64_canonical},
      {.tcase = "codec", .test = test_base64_full},
      {.tcase = "codec", .test = test_hex},
      {.tcase = "codec", .test = test_big_endian},
      {.tcase = "codec", .test = test_varint, .loops = CF_COUNT(varints)},
      {.tcase = "codec", .test = test_varint_signed, .loops = CF_COUNT(signed_values)},
      {.tcase = "codec", .test = test_varint_bad, .loops = CF_COUNT(varints_bad)},
      {.tcase = "codec", .test = test_reader},
      {.tcase = "codec", .test = test_utf8_exhaustive_three},
      {.tcase = "codec", .test = test_utf8_exhaustive_four},
      {.tcase = "codec", .test = test_utf8_codes},
      {.tcase = "codec", .test = test_utf8_put, .loops = CF_COUNT(mended)},
      {.tcase = "codec", .test = test_utf8_places},
      {.tcase = "codec", .test = test_utf8_head, .loops = CF_COUNT(heads)},
      {.tcase = "codec", .test = test_url},
      {.tcase = "codec", .test = test_url_bad, .loops = CF_COUNT(url_bad)},
      {.tcase = "codec", .test = test_url_all, .loops = 2},
      {.tcase = "codec", .test = test_decimal, .loops = CF_COUNT(decimals)},
  };
  return cf_test_run("codec", tests, CF_COUNT(tests));
}
