/* SPDX-License-Identifier: MIT */
/* Text from outside as each mode shows it: hostile examples, and every code
 * point that there is. */
#include "config.h"

#include "lib/base/show.h"

#include "lib/base/utf8.h"
#include "tests/unit/cf_test.h"

#define FFFD "\xef\xbf\xbd"

static struct cf_buf shown;

static void set_up(void)
{
  cf_buf_init(&shown, SIZE_MAX);
}

static void tear_down(void)
{
  cf_buf_fini(&shown);
}

static void check(enum cf_show_mode mode, struct cf_str s, struct cf_str want)
{
  cf_buf_reset(&shown);
  cf_show_put(&shown, s, mode);
  ck_assert_ok(shown.err);
  ck_assert_bytes(shown.p, shown.n, want.p, want.n);
}

/* ---- examples ---- */

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }

#define CHIP(text) "<mark>" text "</mark>"
#define EDGE       CHIP("U+0020")

/* The user agents and names that people really send to logs. */
static const struct {
  struct cf_str text;
  const char *terminal, *log, *html, *csv;
} hostile[] = {
    {S(""), "", "", "", ""},
    {S("plain ~ \\x41 %s"), "plain ~ \\x41 %s", "plain ~ \\x41 %s", "plain ~ \\x41 %s",
     "plain ~ \\\\x41 %s"},
    {S("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
    {S("a\r\n2026-11-24 forged\tline"), "a\\x0d\\x0a2026-11-24 forged\\x09line",
     "a\\x0d\\x0a2026-11-24 forged\\x09line",
     "a" CHIP("U+000D") CHIP("U+000A") "2026-11-24 forged" CHIP("U+0009") "line",
     "a\r\n2026-11-24 forged\tline"},
    {S("\x1b]0;title\x07\x1b[2J\x7f"), "\\x1b]0;title\\x07\\x1b[2J\\x7f",
     "\\x1b]0;title\\x07\\x1b[2J\\x7f",
     CHIP("U+001B") "]0;title" CHIP("U+0007") CHIP("U+001B") "[2J" CHIP("U+007F"),
     "\\u001b]0;title\\u0007\\u001b[2J\\u007f"},
    {S("nul\0nul"), "nul\\x00nul", "nul\\x00nul", "nul" CHIP("U+0000") "nul", "nul\\u0000nul"},
    /* CSI as one C1 control, in UTF-8 and as a byte */
    {S("\xc2\x9b"
       "31m"),
     "\\u{9b}31m", "\\xc2\\x9b31m", CHIP("U+009B") "31m", "\\u009b31m"},
    {S("\x9b"
       "31m"),
     "\\x9b31m", "\\x9b31m", CHIP("\\x9b") "31m",
     "\x9b"
     "31m"},
    /* "gpj.exe" read backwards, from an override to the end of it */
    {S("photo\xe2\x80\xae"
       "gpj.exe\xe2\x80\xac"),
     "photo\\u{202e}gpj.exe\\u{202c}", "photo\\xe2\\x80\\xaegpj.exe\\xe2\\x80\\xac",
     "photo" CHIP("U+202E") "gpj.exe" CHIP("U+202C"),
     "photo\xe2\x80\xae"
     "gpj.exe\xe2\x80\xac"},
    /* names that look like another's */
    {S("ad\xe2\x80\x8bmin \xc2\xad \xe2\x81\xa0 \xf3\xa0\x81\x81"),
     "ad\\u{200b}min \\u{ad} \\u{2060} \\u{e0041}",
     "ad\\xe2\\x80\\x8bmin \\xc2\\xad \\xe2\\x81\\xa0 \\xf3\\xa0\\x81\\x81",
     "ad" CHIP("U+200B") "min " CHIP("U+00AD") " " CHIP("U+2060") " " CHIP("U+E0041"),
     "ad\xe2\x80\x8bmin \xc2\xad \xe2\x81\xa0 \xf3\xa0\x81\x81"},
    {S("<script>&amp;\"'"), "<script>&amp;\"'", "<script>&amp;\"'",
     "&lt;script&gt;&amp;amp;&quot;&#39;", "<script>&amp;\"\"'"},
    {S("C:\\u001b"), "C:\\u001b", "C:\\u001b", "C:\\u001b", "C:\\\\u001b"},
    {S("<mark>U+0000</mark>"), "<mark>U+0000</mark>", "<mark>U+0000</mark>",
     "&lt;mark&gt;U+0000&lt;/mark&gt;", "<mark>U+0000</mark>"},
    /* no UTF-8: wrong, cut, over-long, a surrogate, beyond the last */
    {S("\xff\xfe"), "\\xff\\xfe", "\\xff\\xfe", CHIP("\\xff") CHIP("\\xfe"), "\xff\xfe"},
    {S("\xe2\x82"), "\\xe2\\x82", "\\xe2\\x82", CHIP("\\xe2") CHIP("\\x82"), "\xe2\x82"},
    {S("\xe2\x80<"), "\\xe2\\x80<", "\\xe2\\x80<", CHIP("\\xe2") CHIP("\\x80") "&lt;", "\xe2\x80<"},
    {S("\xc0\x8a"), "\\xc0\\x8a", "\\xc0\\x8a", CHIP("\\xc0") CHIP("\\x8a"), "\xc0\x8a"},
    {S("\xed\xa0\x80"), "\\xed\\xa0\\x80", "\\xed\\xa0\\x80",
     CHIP("\\xed") CHIP("\\xa0") CHIP("\\x80"), "\xed\xa0\x80"},
    {S("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80",
     CHIP("\\xf4") CHIP("\\x90") CHIP("\\x80") CHIP("\\x80"), "\xf4\x90\x80\x80"},
};

START_TEST(test_hostile)
{
  check(CF_SHOW_TERMINAL, hostile[_i].text, cf_str_from(hostile[_i].terminal));
  check(CF_SHOW_LOG, hostile[_i].text, cf_str_from(hostile[_i].log));
  check(CF_SHOW_HTML, hostile[_i].text, cf_str_from(hostile[_i].html));
  check(CF_SHOW_CSV, hostile[_i].text, cf_str_from(hostile[_i].csv));
}
END_TEST

/* Of each line all values are different, and look so. */
static const struct {
  struct cf_str text;
  const char *html;
} alike[] = {
    {S("a b"), "a b"},
    {S("a  b"), "a  b"},
    {S(" a b"), EDGE "a b"},
    {S("a b "), "a b" EDGE},
    {S("a b  "), "a b" EDGE EDGE},
    {S(" "), EDGE},
    {S("a\xc2\xa0"
       "b"),
     "a" CHIP("U+00A0") "b"},
    {S("a\xe3\x80\x80"
       "b"),
     "a" CHIP("U+3000") "b"},
    {S("a\xe2\x80\xaf"
       "b"),
     "a" CHIP("U+202F") "b"},
    {S("a\xe2\xa0\x80"
       "b"),
     "a" CHIP("U+2800") "b"},
    {S("\xe3\x85\xa4"), CHIP("U+3164")},
    {S("\xef\xbf\xbd"), "\xef\xbf\xbd"}, /* U+FFFD, which what was mended has */
    {S("\xff"), CHIP("\\xff")},
    {S("\xe2\x90\x80"), "\xe2\x90\x80"}, /* a picture of NUL */
    {S("\0"), CHIP("U+0000")},
    {S("U+0000"), "U+0000"},
    {S("\xe2\x9d\xa4"), "\xe2\x9d\xa4"},
    {S("\xe2\x9d\xa4\xef\xb8\x8f"), "\xe2\x9d\xa4" CHIP("U+FE0F")},
    /* joiners: in Latin; between emoji; between Persian letters; in Hindi; at
     * ends */
    {S("ad\xe2\x80\x8dmin"), "ad" CHIP("U+200D") "min"},
    {S("ad\xe2\x80\x8cmin"), "ad" CHIP("U+200C") "min"},
    {S("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"),
     "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"},
    {S("\xf0\x9f\x91\xa9\xe2\x80\x8c\xf0\x9f\x92\xbb"),
     "\xf0\x9f\x91\xa9" CHIP("U+200C") "\xf0\x9f\x92\xbb"},
    {S("\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"), "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"},
    {S("\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7"),
     "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7"},
    {S("\xd9\x85\xe2\x80\x8c"), "\xd9\x85" CHIP("U+200C")},
    {S("\xe2\x80\x8d\xf0\x9f\x92\xbb"), CHIP("U+200D") "\xf0\x9f\x92\xbb"},
    {S("\xd9\x85\xe2\x80\x8c\xe2\x80\x8c\xd8\xae"),
     "\xd9\x85" CHIP("U+200C") CHIP("U+200C") "\xd8\xae"},
};

START_TEST(test_alike)
{
  for (size_t i = 0; i < CF_COUNT(alike); i++)
    check(CF_SHOW_HTML, alike[i].text, cf_str_from(alike[i].html));
}
END_TEST

/* What a form has, it sends back. */
START_TEST(test_attribute)
{
  check(CF_SHOW_ATTRIBUTE, CF_STR("  <\"'&>\xe2\x80\xae\xc2\x9b\xc2\xa0 "),
        CF_STR("  &lt;&quot;&#39;&amp;&gt;\xe2\x80\xae\xc2\x9b\xc2\xa0 "));
  check(CF_SHOW_ATTRIBUTE, CF_STR("\t\r\n\x1b\x7f"), CF_STR("&#9;&#13;&#10;&#27;&#127;"));
  check(CF_SHOW_ATTRIBUTE, CF_STR("\0\xff"), CF_STR(FFFD FFFD));
}
END_TEST

/* ---- every code point ---- */

/* Beside C0 and DEL; a list of its own, against which the table is held. */
static const struct {
  uint32_t first, last;
} dangerous[] = {
    /* Unicode 15, general categories Cc, Cf, Zs, Zl, Zp, Co */
    {0x80, 0x9f},
    {0xa0, 0xa0},
    {0xad, 0xad},
    {0x600, 0x605},
    {0x61c, 0x61c},
    {0x6dd, 0x6dd},
    {0x70f, 0x70f},
    {0x890, 0x891},
    {0x8e2, 0x8e2},
    {0x1680, 0x1680},
    {0x180e, 0x180e},
    {0x2000, 0x200a},
    {0x200b, 0x200f},
    {0x2028, 0x2029},
    {0x202a, 0x202e},
    {0x202f, 0x202f},
    {0x205f, 0x205f},
    {0x2060, 0x2064},
    {0x2066, 0x206f},
    {0x3000, 0x3000},
    {0xe000, 0xf8ff},
    {0xfeff, 0xfeff},
    {0xfff9, 0xfffb},
    {0x110bd, 0x110bd},
    {0x110cd, 0x110cd},
    {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a},
    {0xe0001, 0xe0001},
    {0xe0020, 0xe007f},
    {0xf0000, 0xffffd},
    {0x100000, 0x10fffd},
    /* Default_Ignorable_Code_Point beyond them, selectors among it */
    {0x34f, 0x34f},
    {0x115f, 0x1160},
    {0x17b4, 0x17b5},
    {0x180b, 0x180d},
    {0x180f, 0x180f},
    {0x2065, 0x2065},
    {0x3164, 0x3164},
    {0xfe00, 0xfe0f},
    {0xffa0, 0xffa0},
    {0xfff0, 0xfff8},
    {0xe0000, 0xe0000},
    {0xe0002, 0xe001f},
    {0xe0080, 0xe0fff},
    /* what looks like nothing; what is none, or not yet any, up there */
    {0x2800, 0x2800},
    {0xfdd0, 0xfdef},
    {0xfffe, 0xffff},
    {0x1fffe, 0x1ffff},
    {0x2fffe, 0x2ffff},
    {0x3fffe, 0x3ffff},
    {0x4fffe, 0x4ffff},
    {0x5fffe, 0x5ffff},
    {0x6fffe, 0x6ffff},
    {0x7fffe, 0x7ffff},
    {0x8fffe, 0x8ffff},
    {0x9fffe, 0x9ffff},
    {0xafffe, 0xaffff},
    {0xbfffe, 0xbffff},
    {0xcfffe, 0xcffff},
    {0xdfffe, 0xdffff},
    {0xe1000, 0xeffff},
    {0xffffe, 0xfffff},
    {0x10fffe, 0x10ffff},
};

static bool is_dangerous(uint32_t code)
{
  for (size_t i = 0; i < CF_COUNT(dangerous); i++)
    if (code >= dangerous[i].first && code <= dangerous[i].last)
      return true;
  return false;
}

/* Its UTF-8, in one static buffer. */
static struct cf_str bytes_of(uint32_t code)
{
  static uint8_t room[8];
  struct cf_buf b;
  cf_buf_fixed(&b, room, sizeof room);
  cf_utf8_put_code(&b, code);
  return cf_buf_str(&b);
}

/* The first and the last of each range. */
START_TEST(test_dangerous)
{
  for (int end = 0; end < 2; end++) {
    uint32_t code = end == 0 ? dangerous[_i].first : dangerous[_i].last;
    char text[40];
    struct cf_str bytes = bytes_of(code);
    snprintf(text, sizeof text, "\\u{%x}", (unsigned)code);
    check(CF_SHOW_TERMINAL, bytes, cf_str_from(text));
    for (size_t i = 0; i < bytes.n; i++)
      snprintf(text + 4 * i, 5, "\\x%02x", (unsigned)(uint8_t)bytes.p[i]);
    check(CF_SHOW_LOG, bytes, cf_str_from(text));
    snprintf(text, sizeof text, "<mark>U+%04X</mark>", (unsigned)code);
    check(CF_SHOW_HTML, bytes, cf_str_from(text));
    check(CF_SHOW_ATTRIBUTE, bytes, bytes);
    snprintf(text, sizeof text, "\\u%04x", (unsigned)code);
    check(CF_SHOW_CSV, bytes, code < 0xa0 ? cf_str_from(text) : bytes);
  }
}
END_TEST

START_TEST(test_controls)
{
  uint32_t code = _i < 32 ? (uint32_t)_i : 0x7f;
  bool kept = code == '\t' || code == '\r' || code == '\n';
  char text[32], c = (char)code;
  struct cf_str byte = {&c, 1};
  snprintf(text, sizeof text, "\\x%02x", (unsigned)code);
  check(CF_SHOW_TERMINAL, byte, cf_str_from(text));
  check(CF_SHOW_LOG, byte, cf_str_from(text));
  snprintf(text, sizeof text, "<mark>U+%04X</mark>", (unsigned)code);
  check(CF_SHOW_HTML, byte, cf_str_from(text));
  snprintf(text, sizeof text, "\\u%04x", (unsigned)code);
  check(CF_SHOW_CSV, byte, kept ? byte : cf_str_from(text));
}
END_TEST

/* All others, and none of these, are shown as they are: neither the table nor
 * the list above may lose one, or have one more. */
START_TEST(test_all)
{
  static const enum cf_show_mode modes[] = {CF_SHOW_TERMINAL, CF_SHOW_LOG, CF_SHOW_HTML};
  for (uint32_t code = 0x80; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff)
      continue;
    struct cf_str bytes = bytes_of(code);
    cf_buf_reset(&shown);
    cf_show_put(&shown, bytes, modes[_i]);
    if (cf_str_eq(cf_buf_str(&shown), bytes) == is_dangerous(code))
      ck_abort_msg("U+%04X", (unsigned)code);
  }
}
END_TEST

/* ---- piece by piece ---- */

START_TEST(test_next)
{
  static const size_t lefts[] = {9, 7, 6, 3, 2, 1, 0};
  struct cf_str s = CF_STR("a\xc3\xbc\n\xe2\x80\xae\xff\xe2\x80");
  for (size_t i = 0; i < CF_COUNT(lefts); i++) {
    cf_show_next(&shown, &s, CF_SHOW_TERMINAL);
    ck_assert_uint_eq(s.n, lefts[i]);
  }
  ck_assert_str_eq(cf_buf_cstr(&shown), "a\xc3\xbc\\x0a\\u{202e}\\xff\\xe2\\x80");
}
END_TEST

/* Whatever two bytes stand together in the middle of a text: it is shown as its
 * characters are, one after the other. */
START_TEST(test_runs)
{
  struct cf_buf one_by_one;
  cf_buf_init(&one_by_one, 64);
  for (unsigned pair = 0; pair < 0x10000; pair++) {
    const char text[] = {'x', (char)(pair >> 8), (char)pair, 'y'};
    struct cf_str s = {text, sizeof text};
    cf_buf_reset(&one_by_one);
    while (s.n > 0)
      cf_show_next(&one_by_one, &s, (enum cf_show_mode)_i);
    check((enum cf_show_mode)_i, (struct cf_str){text, sizeof text}, cf_buf_str(&one_by_one));
  }
  cf_buf_fini(&one_by_one);
}
END_TEST

/* Without heap memory; what does not fit is told. */
START_TEST(test_fixed)
{
  char room[13];
  struct cf_buf b;
  cf_buf_fixed(&b, room, sizeof room);
  cf_show_put(&b, CF_STR("\xe2\x80\xae"), CF_SHOW_LOG);
  ck_assert_ok(b.err);
  ck_assert_str_eq(cf_buf_cstr(&b), "\\xe2\\x80\\xae");
  cf_show_put(&b, CF_STR("x"), CF_SHOW_LOG);
  ck_assert_err(b.err, CF_E_FULL);
  ck_assert_ptr_eq(b.p, room);
}
END_TEST

int main(void)
{
#define SHOW .tcase = "show", .setup = set_up, .teardown = tear_down
  const struct cf_test tests[] = {
      {SHOW, .test = test_hostile, .loops = CF_COUNT(hostile)},
      {SHOW, .test = test_alike},
      {SHOW, .test = test_attribute},
      {SHOW, .test = test_dangerous, .loops = CF_COUNT(dangerous)},
      {SHOW, .test = test_controls, .loops = 33},
      {SHOW, .test = test_all, .loops = 3},
      {SHOW, .test = test_next},
      {SHOW, .test = test_runs, .loops = CF_SHOW_CSV + 1},
      {SHOW, .test = test_fixed},
  };
  return cf_test_run("show", tests, CF_COUNT(tests));
}
