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

/* The user agents and names that people really send to logs. */
static const struct {
  struct cf_str text;
  const char *terminal, *log, *html, *csv;
} hostile[] = {
    {S(""), "", "", "", ""},
    {S("plain ~ \\x41 %s"), "plain ~ \\x41 %s", "plain ~ \\x41 %s", "plain ~ \\x41 %s",
     "plain ~ \\x41 %s"},
    {S("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
    {S("a\r\n2026-11-24 forged\tline"), "a\\x0d\\x0a2026-11-24 forged\\x09line",
     "a\\x0d\\x0a2026-11-24 forged\\x09line",
     "a\xe2\x90\x8d\xe2\x90\x8a"
     "2026-11-24 forged\xe2\x90\x89line",
     "a\r\n2026-11-24 forged\tline"},
    {S("\x1b]0;title\x07\x1b[2J\x7f"), "\\x1b]0;title\\x07\\x1b[2J\\x7f",
     "\\x1b]0;title\\x07\\x1b[2J\\x7f",
     "\xe2\x90\x9b]0;title\xe2\x90\x87\xe2\x90\x9b[2J\xe2\x90\xa1",
     "\\u001b]0;title\\u0007\\u001b[2J\\u007f"},
    {S("nul\0nul"), "nul\\x00nul", "nul\\x00nul", "nul\xe2\x90\x80nul", "nul\\u0000nul"},
    /* CSI as one C1 control, in UTF-8 and as a byte */
    {S("\xc2\x9b"
       "31m"),
     "\\u{9b}31m", "\\xc2\\x9b31m", FFFD "31m", "\\u009b31m"},
    {S("\x9b"
       "31m"),
     "\\x9b31m", "\\x9b31m", FFFD "31m",
     "\x9b"
     "31m"},
    /* "gpj.exe" read backwards, from an override to the end of it */
    {S("photo\xe2\x80\xae"
       "gpj.exe\xe2\x80\xac"),
     "photo\\u{202e}gpj.exe\\u{202c}", "photo\\xe2\\x80\\xaegpj.exe\\xe2\\x80\\xac",
     "photo" FFFD "gpj.exe" FFFD,
     "photo\xe2\x80\xae"
     "gpj.exe\xe2\x80\xac"},
    /* names that look like another's */
    {S("ad\xe2\x80\x8bmin \xc2\xad \xe2\x81\xa0 \xf3\xa0\x81\x81"),
     "ad\\u{200b}min \\u{ad} \\u{2060} \\u{e0041}",
     "ad\\xe2\\x80\\x8bmin \\xc2\\xad \\xe2\\x81\\xa0 \\xf3\\xa0\\x81\\x81",
     "ad" FFFD "min " FFFD " " FFFD " " FFFD,
     "ad\xe2\x80\x8bmin \xc2\xad \xe2\x81\xa0 \xf3\xa0\x81\x81"},
    {S("<script>&amp;\"'"), "<script>&amp;\"'", "<script>&amp;\"'",
     "&lt;script&gt;&amp;amp;&quot;&#39;", "<script>&amp;\"\"'"},
    /* no UTF-8: wrong, cut, over-long, a surrogate, beyond the last */
    {S("\xff\xfe"), "\\xff\\xfe", "\\xff\\xfe", FFFD FFFD, "\xff\xfe"},
    {S("\xe2\x82"), "\\xe2\\x82", "\\xe2\\x82", FFFD FFFD, "\xe2\x82"},
    {S("\xe2\x80<"), "\\xe2\\x80<", "\\xe2\\x80<", FFFD FFFD "&lt;", "\xe2\x80<"},
    {S("\xc0\x8a"), "\\xc0\\x8a", "\\xc0\\x8a", FFFD FFFD, "\xc0\x8a"},
    {S("\xed\xa0\x80"), "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", FFFD FFFD FFFD, "\xed\xa0\x80"},
    {S("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80", FFFD FFFD FFFD FFFD,
     "\xf4\x90\x80\x80"},
};

START_TEST(test_hostile)
{
  check(CF_SHOW_TERMINAL, hostile[_i].text, cf_str_from(hostile[_i].terminal));
  check(CF_SHOW_LOG, hostile[_i].text, cf_str_from(hostile[_i].log));
  check(CF_SHOW_HTML, hostile[_i].text, cf_str_from(hostile[_i].html));
  check(CF_SHOW_CSV, hostile[_i].text, cf_str_from(hostile[_i].csv));
}
END_TEST

/* ---- every code point ---- */

/* Beside C0 and DEL; a list of its own, against which the table is held. */
static const struct {
  uint32_t first, last;
} dangerous[] = {
    {0x80, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},     {0x180e, 0x180e}, {0x200b, 0x200f},
    {0x2028, 0x2029}, {0x202a, 0x202e}, {0x2060, 0x2065},   {0x2066, 0x2069}, {0x206a, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};
#define DANGEROUS_N 195

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

START_TEST(test_dangerous)
{
  for (uint32_t code = dangerous[_i].first; code <= dangerous[_i].last; code++) {
    char text[32];
    struct cf_str bytes = bytes_of(code);
    snprintf(text, sizeof text, "\\u{%x}", (unsigned)code);
    check(CF_SHOW_TERMINAL, bytes, cf_str_from(text));
    for (size_t i = 0; i < bytes.n; i++)
      snprintf(text + 4 * i, 5, "\\x%02x", (unsigned)(uint8_t)bytes.p[i]);
    check(CF_SHOW_LOG, bytes, cf_str_from(text));
    check(CF_SHOW_HTML, bytes, CF_STR(FFFD));
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
  check(CF_SHOW_HTML, byte, bytes_of(_i < 32 ? 0x2400 + code : 0x2421));
  snprintf(text, sizeof text, "\\u%04x", (unsigned)code);
  check(CF_SHOW_CSV, byte, kept ? byte : cf_str_from(text));
}
END_TEST

/* All others, and none of these, are shown as they are: neither the table nor
 * the list above may lose one, or have one more. */
START_TEST(test_all)
{
  static const enum cf_show_mode modes[] = {CF_SHOW_TERMINAL, CF_SHOW_LOG, CF_SHOW_HTML};
  unsigned n = 0;
  for (uint32_t code = 0x80; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff)
      continue;
    struct cf_str bytes = bytes_of(code);
    cf_buf_reset(&shown);
    cf_show_put(&shown, bytes, modes[_i]);
    if (cf_str_eq(cf_buf_str(&shown), bytes) == is_dangerous(code) && code != 0xfffd)
      ck_abort_msg("U+%04X", (unsigned)code);
    n += is_dangerous(code);
  }
  ck_assert_uint_eq(n, DANGEROUS_N);
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
      {SHOW, .test = test_dangerous, .loops = CF_COUNT(dangerous)},
      {SHOW, .test = test_controls, .loops = 33},
      {SHOW, .test = test_all, .loops = 3},
      {SHOW, .test = test_next},
      {SHOW, .test = test_fixed},
  };
  return cf_test_run("show", tests, CF_COUNT(tests));
}
