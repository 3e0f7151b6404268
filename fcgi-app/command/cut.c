/* SPDX-License-Identifier: MIT */
/* Values on a terminal. */
#include "config.h"

#include "fcgi-app/command/cut_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/crypto.h"
#include "lib/base/show.h"

#define SIGN    "…"
#define SLOTS_N 8192 /* half of them are used at most */

struct cf_cut_seen {
  uint8_t shown[CF_HASH_N]; /* of column and text as it was cut; 0: a free slot */
  uint8_t value[CF_HASH_N];
};

/* ---- one value ---- */

/* Append one character of text, and move behind it; returns how many are
 * shown. */
static size_t unit_put(struct cf_buf *b, struct cf_str *text)
{
  size_t before = b->n, left = text->n;

  if (cf_str_starts(*text, CF_STR(SIGN))) {
    *text = (struct cf_str){text->p + sizeof SIGN - 1, text->n - (sizeof SIGN - 1)};
    cf_buf_puts(b, "\\u{2026}");
    return b->n - before;
  }
  cf_show_next(b, text, CF_SHOW_TERMINAL);
  return left - text->n == b->n - before ? 1 : b->n - before;
}

/* Append all of it; returns its width. */
static size_t whole_put(struct cf_buf *b, struct cf_str text)
{
  size_t width = 0;

  while (text.n > 0)
    width += unit_put(b, &text);
  return width;
}

bool cf_cut_put(struct cf_buf *b, struct cf_str text, size_t width)
{
  size_t from = b->n, whole = whole_put(b, text), tail = (width - 1) / 2, at = 0;
  bool cut = false;

  if (whole <= width)
    return false;
  cf_buf_cut(b, b->n - from);
  while (text.n > 0) {
    size_t before = b->n, n = unit_put(b, &text);
    at += n;
    if (at <= width - 1 - tail || whole - (at - n) <= tail)
      continue;
    cf_buf_cut(b, b->n - before);
    if (!cut)
      cf_buf_puts(b, SIGN);
    cut = true;
  }
  return true;
}

/* ---- of a table ---- */

void cf_cuts_fini(struct cf_cuts *cuts)
{
  free(cuts->seen);
  *cuts = (struct cf_cuts){NULL, 0};
}

/* Is the text as it is shown this value's alone? */
static bool seen_enter(struct cf_cuts *cuts, unsigned column, struct cf_str shown,
                       struct cf_str value)
{
  static const uint8_t none[CF_HASH_N];
  struct cf_cut_seen new;
  uint16_t at;
  struct cf_buf key;

  if (cuts->seen == NULL)
    cuts->seen = calloc(SLOTS_N, sizeof *cuts->seen);
  if (cuts->seen == NULL)
    return false;
  cf_buf_init(&key, SIZE_MAX);
  cf_buf_putf(&key, "%u ", column);
  cf_buf_putstr(&key, shown);
  bool whole = key.err == CF_OK;
  if (whole)
    cf_sha256_1(key.p, key.n, new.shown);
  cf_buf_fini(&key);
  if (!whole)
    return false;
  cf_sha256_1(value.p, value.n, new.value);
  memcpy(&at, new.shown, sizeof at);
  for (size_t i = at % SLOTS_N;; i = (i + 1) % SLOTS_N) {
    struct cf_cut_seen *slot = &cuts->seen[i];
    if (memcmp(slot->shown, new.shown, CF_HASH_N) == 0)
      return memcmp(slot->value, new.value, CF_HASH_N) == 0;
    if (memcmp(slot->shown, none, CF_HASH_N) != 0)
      continue;
    if (cuts->n == SLOTS_N / 2)
      return false;
    cuts->n++;
    *slot = new;
    return true;
  }
}

void cf_cuts_put(struct cf_cuts *cuts, unsigned column, struct cf_buf *b, struct cf_str text,
                 size_t width)
{
  size_t from = b->n;

  if (!cf_cut_put(b, text, width) || b->err != CF_OK)
    return;
  if (seen_enter(cuts, column, (struct cf_str){(const char *)b->p + from, b->n - from}, text))
    return;
  cf_buf_cut(b, b->n - from);
  (void)whole_put(b, text);
}
