/* SPDX-License-Identifier: MIT */
/* Characters sorted by what they could do, and a writer a mode. */
#include "config.h"

#include "lib/base/show.h"

#include <string.h>

#include "lib/base/utf8.h"

enum sort { PLAIN, CONTROL, DANGEROUS, BROKEN };

/* The n bytes at p: a character, or one byte that is none. */
struct character {
  const uint8_t *p;
  size_t n;
  uint32_t code;
  enum sort sort;
};

/* Beside C0 and DEL. */
static const struct {
  uint32_t first, last;
} dangerous[] = {
    {0x80, 0x9f},       /* C1 controls */
    {0xad, 0xad},       /* soft hyphen */
    {0x61c, 0x61c},     /* Arabic letter mark */
    {0x180e, 0x180e},   /* Mongolian vowel separator */
    {0x200b, 0x200f},   /* zero width, direction marks */
    {0x2028, 0x202e},   /* line and paragraph separators, direction overrides */
    {0x2060, 0x206f},   /* word joiner, invisible operators, isolates */
    {0xfeff, 0xfeff},   /* byte order mark */
    {0xfff9, 0xfffb},   /* interlinear annotation */
    {0xe0000, 0xe007f}, /* tags */
};

static enum sort sort_of(uint32_t code)
{
  if (code < 0x80)
    return code < 0x20 || code == 0x7f ? CONTROL : PLAIN;
  for (size_t i = 0; i < sizeof dangerous / sizeof dangerous[0]; i++)
    if (code >= dangerous[i].first && code <= dangerous[i].last)
      return DANGEROUS;
  return PLAIN;
}

/* The code point of a well-formed sequence of n bytes. */
static uint32_t code_of(const uint8_t *p, size_t n)
{
  static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t code = p[0] & lead[n];
  for (size_t i = 1; i < n; i++)
    code = code << 6 | (p[i] & 0x3f);
  return code;
}

static struct character first_of(struct cf_str s)
{
  const uint8_t *p = (const uint8_t *)s.p;
  size_t n = cf_utf8_len(p, s.n);
  if (n == 0)
    return (struct character){p, 1, p[0], BROKEN};
  uint32_t code = code_of(p, n);
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
  if (c.sort == PLAIN)
    put_markup(b, c);
  else if (c.sort == CONTROL)
    cf_utf8_put_code(b, c.code == 0x7f ? 0x2421 : 0x2400u + c.code);
  else
    cf_utf8_put_code(b, 0xfffd);
}

static void put_csv(struct cf_buf *b, struct character c)
{
  bool c1 = c.sort == DANGEROUS && c.code < 0xa0;
  if (c1 || (c.sort == CONTROL && memchr("\t\r\n", (int)c.code, 3) == NULL))
    cf_buf_putf(b, "\\u%04x", (unsigned)c.code);
  else if (c.code == '"')
    cf_buf_puts(b, "\"\"");
  else
    cf_buf_put(b, c.p, c.n);
}

static void (*const writers[])(struct cf_buf *b, struct character c) = {
    [CF_SHOW_TERMINAL] = put_terminal,
    [CF_SHOW_LOG] = put_log,
    [CF_SHOW_HTML] = put_html,
    [CF_SHOW_CSV] = put_csv,
};

void cf_show_next(struct cf_buf *b, struct cf_str *s, enum cf_show_mode mode)
{
  struct character c = first_of(*s);
  writers[mode](b, c);
  *s = (struct cf_str){s->p + c.n, s->n - c.n};
}

void cf_show_put(struct cf_buf *b, struct cf_str s, enum cf_show_mode mode)
{
  while (s.n > 0)
    cf_show_next(b, &s, mode);
}
