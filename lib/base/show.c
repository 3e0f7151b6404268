/* SPDX-License-Identifier: MIT */
/* Characters sorted by what they could do, and a writer a mode. */
#include "config.h"

#include "lib/base/show.h"

#include <string.h>

#include "lib/base/utf8.h"

enum sort { PLAIN, CONTROL, DANGEROUS, BROKEN, EDGE };

/* The n bytes at p: a character, or one byte that is none. */
struct character {
  const uint8_t *p;
  size_t n;
  uint32_t code;
  enum sort sort;
};

struct range {
  uint32_t first, last;
};

/* Beside C0 and DEL. */
static const struct range dangerous[] = {
    {0x80, 0xa0},        /* C1 controls, no-break space */
    {0xad, 0xad},        /* soft hyphen */
    {0x34f, 0x34f},      /* grapheme joiner */
    {0x600, 0x605},      /* Arabic number signs */
    {0x61c, 0x61c},      /* Arabic letter mark */
    {0x6dd, 0x6dd},      /* Arabic end of ayah */
    {0x70f, 0x70f},      /* Syriac abbreviation mark */
    {0x890, 0x891},      /* Arabic pound and piastre mark */
    {0x8e2, 0x8e2},      /* Arabic disputed end of ayah */
    {0x115f, 0x1160},    /* Hangul fillers */
    {0x1680, 0x1680},    /* Ogham space */
    {0x17b4, 0x17b5},    /* Khmer vowels that are not seen */
    {0x180b, 0x180f},    /* Mongolian selectors and vowel separator */
    {0x2000, 0x200f},    /* spaces, zero width, direction marks */
    {0x2028, 0x202f},    /* line and paragraph separators, direction overrides */
    {0x205f, 0x206f},    /* word joiner, invisible operators, isolates */
    {0x2800, 0x2800},    /* Braille without a dot */
    {0x3000, 0x3000},    /* ideographic space */
    {0x3164, 0x3164},    /* Hangul filler */
    {0xe000, 0xf8ff},    /* private use */
    {0xfdd0, 0xfdef},    /* no characters */
    {0xfe00, 0xfe0f},    /* variation selectors */
    {0xfeff, 0xfeff},    /* byte order mark */
    {0xffa0, 0xffa0},    /* Hangul filler, halfwidth */
    {0xfff0, 0xfffb},    /* interlinear annotation */
    {0x110bd, 0x110bd},  /* Kaithi number sign */
    {0x110cd, 0x110cd},  /* likewise, above */
    {0x13430, 0x1343f},  /* Egyptian format controls */
    {0x1bca0, 0x1bca3},  /* shorthand format controls */
    {0x1d173, 0x1d17a},  /* musical format controls */
    {0xe0000, 0x10ffff}, /* tags, more selectors, private use */
};

/* Scripts whose letters a joiner binds or parts, and emoji, which it makes
 * one. */
static const struct range joining[] = {
    {0x620, 0x64a}, {0x66e, 0x6d5}, {0x6fa, 0x6ff},   {0x710, 0x74a},
    {0x750, 0x77f}, {0x7ca, 0x7ea}, {0x840, 0x858},   {0x860, 0x86a},
    {0x8a0, 0x8c9}, {0x900, 0xdff}, {0x1820, 0x1878}, {0x1887, 0x18aa},
};
static const struct range emoji[] = {
    {0x2190, 0x21ff}, {0x2300, 0x23ff}, {0x25a0, 0x27bf}, {0x2b00, 0x2bff}, {0x1f000, 0x1faff},
};

/* The ranges ascend. */
static bool is_in(const struct range *ranges, size_t n, uint32_t code)
{
  size_t i = 0;
  while (i < n && code > ranges[i].last)
    i++;
  return i < n && code >= ranges[i].first;
}
#define IS_IN(table, code) is_in(table, sizeof table / sizeof table[0], code)

static enum sort sort_of(uint32_t code)
{
  if (code < 0x80)
    return code < 0x20 || code == 0x7f ? CONTROL : PLAIN;
  return (code & 0xfffe) == 0xfffe || IS_IN(dangerous, code) ? DANGEROUS : PLAIN;
}

static bool joins(uint32_t before, uint32_t joiner, uint32_t after)
{
  if (joiner != 0x200c && joiner != 0x200d)
    return false;
  return (IS_IN(joining, before) && IS_IN(joining, after)) ||
         (joiner == 0x200d && IS_IN(emoji, before) && IS_IN(emoji, after));
}

static struct character first_of(struct cf_str s)
{
  const uint8_t *p = (const uint8_t *)s.p;
  size_t n = cf_utf8_len(p, s.n);
  if (n == 0)
    return (struct character){p, 1, p[0], BROKEN};
  uint32_t code = cf_utf8_code(p, n);
  return (struct character){p, n, code, sort_of(code)};
}

/* ---- modes ---- */

static void put_terminal(struct cf_buf *b, struct character c)
{
  if (c.sort == PLAIN)
    cf_buf_put(b, c.p, c.n);
  else
    cf_buf_putf(b, c.sort == DANGEROUS ? "\\u{%x}" : "\\x%02x", (unsigned)c.code);
}

static void put_log(struct cf_buf *b, struct character c)
{
  if (c.sort == PLAIN)
    cf_buf_put(b, c.p, c.n);
  else
    for (size_t i = 0; i < c.n; i++)
      cf_buf_putf(b, "\\x%02x", (unsigned)c.p[i]);
}

static void put_markup(struct cf_buf *b, struct character c)
{
  switch (c.code) {
  case '&': cf_buf_puts(b, "&amp;"); break;
  case '<': cf_buf_puts(b, "&lt;"); break;
  case '>': cf_buf_puts(b, "&gt;"); break;
  case '"': cf_buf_puts(b, "&quot;"); break;
  case '\'': cf_buf_puts(b, "&#39;"); break;
  default: cf_buf_put(b, c.p, c.n);
  }
}

static void put_html(struct cf_buf *b, struct character c)
{
  switch (c.sort) {
  case PLAIN: put_markup(b, c); break;
  case BROKEN: cf_buf_putf(b, "<mark>\\x%02x</mark>", (unsigned)c.code); break;
  default: cf_buf_putf(b, "<mark>U+%04X</mark>", (unsigned)c.code);
  }
}

/* NUL is the one character that HTML cannot tell. */
static void put_attribute(struct cf_buf *b, struct character c)
{
  if (c.sort == BROKEN || c.code == 0)
    cf_utf8_put_code(b, 0xfffd);
  else if (c.sort == CONTROL)
    cf_buf_putf(b, "&#%u;", (unsigned)c.code);
  else
    put_markup(b, c);
}

static void put_csv(struct cf_buf *b, struct character c)
{
  bool c1 = c.sort == DANGEROUS && c.code < 0xa0;
  if (c1 || (c.sort == CONTROL && memchr("\t\r\n", (int)c.code, 3) == NULL))
    cf_buf_putf(b, "\\u%04x", (unsigned)c.code);
  else if (c.code == '"')
    cf_buf_puts(b, "\"\"");
  else if (c.code == '\\')
    cf_buf_puts(b, "\\\\");
  else
    cf_buf_put(b, c.p, c.n);
}

static void (*const writers[])(struct cf_buf *b, struct character c) = {
    [CF_SHOW_TERMINAL] = put_terminal,   [CF_SHOW_LOG] = put_log, [CF_SHOW_HTML] = put_html,
    [CF_SHOW_ATTRIBUTE] = put_attribute, [CF_SHOW_CSV] = put_csv,
};

void cf_show_next(struct cf_buf *b, struct cf_str *s, enum cf_show_mode mode)
{
  struct character c = first_of(*s);
  writers[mode](b, c);
  *s = (struct cf_str){s->p + c.n, s->n - c.n};
}

/* Bytes that a mode writes as they are whatever stands beside them, so that a
 * text is looked at byte by byte and not character by character where it can
 * be. CSV leaves all as it is from 0x80 on but the C1 controls, which begin
 * with 0xc2. */
#define IN(mode) (1 << CF_SHOW_##mode)
#define IN_ALL   (IN(TERMINAL) | IN(LOG) | IN(HTML) | IN(ATTRIBUTE) | IN(CSV))
#define IN_TEXT  (IN(TERMINAL) | IN(LOG) | IN(CSV))
static const uint8_t as_it_is[256] = {
    ['\t'] = IN(CSV),
    ['\n'] = IN(CSV),
    ['\r'] = IN(CSV),
    [' '] = IN_ALL & ~IN(HTML),
    ['!'] = IN_ALL,
    ['"'] = IN(TERMINAL) | IN(LOG),
    ['#' ... '%'] = IN_ALL,
    ['&' ... '\''] = IN_TEXT,
    ['(' ... ';'] = IN_ALL,
    ['<'] = IN_TEXT,
    ['='] = IN_ALL,
    ['>'] = IN_TEXT,
    ['?' ... '['] = IN_ALL,
    ['\\'] = IN_ALL & ~IN(CSV),
    [']' ... '~'] = IN_ALL,
    [0x80 ... 0xc1] = IN(CSV),
    [0xc3 ... 0xff] = IN(CSV),
};

/* What s begins with of them. */
static struct cf_str run_of(struct cf_str s, enum cf_show_mode mode)
{
  size_t n = 0;
  while (n < s.n && (as_it_is[(uint8_t)s.p[n]] >> mode & 1) != 0)
    n++;
  return (struct cf_str){s.p, n};
}

/* Spaces at the ends are left out. */
static struct cf_str trimmed(struct cf_str s)
{
  while (s.n > 0 && *s.p == ' ')
    s = (struct cf_str){s.p + 1, s.n - 1};
  while (s.n > 0 && s.p[s.n - 1] == ' ')
    s.n--;
  return s;
}

void cf_show_put(struct cf_buf *b, struct cf_str s, enum cf_show_mode mode)
{
  struct cf_str inner = mode == CF_SHOW_HTML ? trimmed(s) : s;
  uint32_t before = 0; /* nothing joins to what a run ends with */
  while (s.n > 0) {
    struct cf_str run = run_of(s, mode);
    if (run.n > 0) {
      cf_buf_putstr(b, run);
      before = 0;
      s = (struct cf_str){s.p + run.n, s.n - run.n};
      continue;
    }
    struct character c = first_of(s);
    struct cf_str rest = {s.p + c.n, s.n - c.n};
    if (s.p < inner.p || s.p >= inner.p + inner.n)
      c.sort = EDGE;
    else if (c.sort == DANGEROUS && rest.n > 0 && joins(before, c.code, first_of(rest).code))
      c.sort = PLAIN;
    writers[mode](b, c);
    before = c.code;
    s = rest;
  }
}
