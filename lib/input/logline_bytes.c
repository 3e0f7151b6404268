/* SPDX-License-Identifier: MIT */
/* Bytes of a line: the escapes of logs undone, and what is no UTF-8 written so
 * that it can be had back. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "lib/input/logline_in.h"

/* One byte, and the bytes of the line that say it: itself, or an escape. */
struct unit {
  uint8_t byte;
  uint8_t n; /* 0: the line is at its end */
};

/* The byte that \c stands for in the logs of Apache, lighttpd and nginx; -1:
 * none. */
static int escaped(char c)
{
  static const char letters[] = "\"\\ntrbvfa", bytes[] = "\"\\\n\t\r\b\v\f\a";
  const char *at = c != '\0' ? strchr(letters, c) : NULL;
  return at == NULL ? -1 : bytes[at - letters];
}

static struct unit unit_at(struct cf_str s, bool escapes)
{
  if (s.n == 0)
    return (struct unit){0, 0};
  struct unit unit = {(uint8_t)s.p[0], 1};
  if (!escapes || s.p[0] != '\\' || s.n < 2)
    return unit;
  int c = escaped(s.p[1]);
  if (c >= 0)
    return (struct unit){(uint8_t)c, 2};
  if (s.n >= 4 && s.p[1] == 'x' &&
      cf_hex_get_n((struct cf_str){s.p + 2, 2}, &unit.byte, 1) == CF_OK)
    unit.n = 4;
  return unit;
}

/* The well-formed UTF-8 sequence that begins s: its length, or 0; *n is how
 * many bytes of the line it is. */
static size_t sequence_at(struct cf_str s, bool escapes, uint8_t bytes[4], size_t *n)
{
  struct unit unit;
  size_t got = 0, len = 0;
  *n = 0;
  do {
    unit = unit_at(cf_str_behind(s, *n), escapes);
    if (unit.n == 0)
      break;
    bytes[got++] = unit.byte;
    *n += unit.n;
    len = cf_utf8_len(bytes, got);
  } while (len == 0 && got < 4 && bytes[0] >= 0x80);
  return len;
}

/* Would a reader take a backslash in front of s for the beginning of \x5c or
 * \x80 to \xff? */
static bool looks_escaped(struct cf_str s, bool escapes)
{
  char text[3];
  uint8_t byte;
  for (size_t i = 0; i < sizeof text; i++) {
    struct unit unit = unit_at(s, escapes);
    if (unit.n == 0)
      return false;
    text[i] = (char)unit.byte;
    s = cf_str_behind(s, unit.n);
  }
  return text[0] == 'x' && cf_hex_get_n((struct cf_str){text + 1, 2}, &byte, 1) == CF_OK &&
         (byte >= 0x80 || byte == '\\');
}

/* As the log wrote it, where it wrote \xhh, else in that way. */
static void escape_write(struct cf_str as_written, uint8_t byte, char escape[5])
{
  static const char digits[] = "0123456789abcdef";
  const char made[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
  memcpy(escape, as_written.n == 4 ? as_written.p : made, 4);
  escape[4] = '\0';
}

static size_t character_at(struct cf_str s, bool escapes, size_t *n, uint8_t bytes[4],
                           char escape[5], struct cf_met *met)
{
  size_t len = sequence_at(s, escapes, bytes, n);
  bool slash = len == 1 && bytes[0] == '\\' && looks_escaped(cf_str_behind(s, *n), escapes);
  if (len > 0 && !slash)
    return len;
  struct unit unit = unit_at(s, escapes);
  escape_write((struct cf_str){s.p, unit.n}, unit.byte, escape);
  met->raw |= unit.n == 1 && !slash;
  met->escaped |= unit.n > 1 || slash;
  *n = unit.n;
  return 0;
}

size_t cf_logline_character(struct cf_str s, size_t *n, uint8_t bytes[4], char escape[5],
                            struct cf_met *met)
{
  return character_at(s, true, n, bytes, escape, met);
}

static void text_put(struct cf_str s, bool escapes, struct cf_buf *b, struct cf_met *met)
{
  uint8_t bytes[4];
  char escape[5];
  for (size_t n; s.n > 0; s = cf_str_behind(s, n)) {
    size_t len = character_at(s, escapes, &n, bytes, escape, met);
    if (len > 0)
      cf_buf_put(b, bytes, len);
    else
      cf_buf_put(b, escape, 4);
  }
}

bool cf_logline_plain(struct cf_str s)
{
  return s.n == 0 || (memchr(s.p, '\\', s.n) == NULL && cf_utf8_ok(s));
}

void cf_logline_unescape(struct cf_str s, struct cf_buf *b, struct cf_met *met)
{
  text_put(s, true, b, met);
}

bool cf_logline_verbatim(struct cf_str s, struct cf_buf *b)
{
  struct cf_met met = {false, false};
  bool raw = !cf_utf8_ok(s);
  if (raw)
    text_put(s, false, b, &met);
  else
    cf_buf_putstr(b, s);
  return raw;
}

void cf_logline_met_say(struct cf_logline *l, struct cf_met met)
{
  if (met.raw || met.escaped)
    cf_logline_other(l, CF_STR("not_utf8"), met.raw ? CF_STR("raw") : CF_STR("escaped"), false);
}
