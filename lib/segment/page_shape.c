/* SPDX-License-Identifier: MIT */
/* A page of Berkeley DB 5.3, held against how one is laid out (db_page.h). */
#include "config.h"

#include "lib/segment/page_shape_in.h"

#include <string.h>

/* Offsets in a page of a tree; of metadata; in an item. */
enum { NUMBER = 8, PREV = 12, NEXT = 16, ENTRIES = 20, FREE_FROM = 22, LEVEL = 24, TYPE = 25 };
enum { META_MAGIC = 12, META_PAGE = 20, META_CIPHER = 24, META_CHECKS = 26, META_FREE = 28 };
enum { META_LAST = 32, META_PARTS = 36, META_FLAGS = 48, META_MIN_KEYS = 76, META_ROOT = 88 };
enum { ITEM_TYPE = 2, ITEM_N = 3, LONG_PAGE = 4, LONG_BYTES = 8, LONG_N = 12 };
enum { CHILD_PAGE = 4, CHILD_N = 12 };

enum { TYPE_FREE = 0, TYPE_INTERNAL = 3, TYPE_LEAF = 5, TYPE_OVERFLOW = 7, TYPE_META = 9 };
enum { ITEM_PLAIN = 1, ITEM_LONG = 3 };
#define BTREE_MAGIC      0x053162u
#define CHECKED          1u  /* META_CHECKS: with checksums, and nothing else */
#define HEAD_N           26u /* of a page, … */
#define HEAD_CHECKED_N   32u /* … in a file that has checksums */
#define FLAG_MANY_SHEETS 0x20u

/* What a page is, as others or it say: the level of one of a tree, 1 for
 * leaves, or one of these; 0: nobody has said anything. */
#define LEVEL_MAX     0x3f
#define SAID_TREE     0x40 /* some level */
#define SAID_OVERFLOW 0x41
#define SAID_META     0x42
#define SAID_FREE     0x43

struct shape {
  const struct cf_pages *pages;
  const uint8_t *p;
  uint32_t n; /* bytes */
  unsigned head;
  bool swapped; /* written by a machine of the other order of bytes */
};

static uint32_t word(const struct shape *s, size_t at)
{
  uint32_t v;

  memcpy(&v, s->p + at, sizeof v);
  return s->swapped ? __builtin_bswap32(v) : v;
}

static unsigned half(const struct shape *s, size_t at)
{
  uint16_t v;

  memcpy(&v, s->p + at, sizeof v);
  return s->swapped ? __builtin_bswap16(v) : v;
}

/* ---- what pages are ---- */

/* All that is ever said of a page must agree: then it does not matter who came
 * first. */
static bool say(const struct shape *s, uint32_t page, unsigned what)
{
  if (page >= s->pages->n)
    return false;
  unsigned char known = atomic_load(&s->pages->said[page]);
  while (known == 0 || (known == SAID_TREE && what <= LEVEL_MAX))
    if (atomic_compare_exchange_weak(&s->pages->said[page], &known, (unsigned char)what))
      return true;
  return known == what || (what == SAID_TREE && known <= LEVEL_MAX);
}

/* The same of a page that there may be: number 0 is none. */
static bool say_next(const struct shape *s, size_t at, unsigned what)
{
  return word(s, at) == 0 || say(s, word(s, at), what);
}

/* ---- items ---- */

/* What lies on pages of its own is no longer than the file. */
static bool long_ok(const struct shape *s, size_t at)
{
  return word(s, at + LONG_PAGE) != 0 && say(s, word(s, at + LONG_PAGE), SAID_OVERFLOW) &&
         word(s, at + LONG_BYTES) / s->n < s->pages->n;
}

static bool leaf_item_ok(const struct shape *s, size_t at)
{
  if (s->p[at + ITEM_TYPE] == ITEM_LONG)
    return at + LONG_N <= s->n && long_ok(s, at);
  return s->p[at + ITEM_TYPE] == ITEM_PLAIN && at + ITEM_N + half(s, at) <= s->n;
}

static bool child_ok(const struct shape *s, size_t at)
{
  unsigned key = half(s, at);

  if (at + CHILD_N + key > s->n || word(s, at + CHILD_PAGE) == 0 ||
      !say(s, word(s, at + CHILD_PAGE), s->p[LEVEL] - 1u))
    return false;
  if (s->p[at + ITEM_TYPE] == ITEM_LONG)
    return key == LONG_N && long_ok(s, at + CHILD_N);
  return s->p[at + ITEM_TYPE] == ITEM_PLAIN;
}

/* Items lie behind the list of where they are, each at a multiple of 4. */
static bool items_ok(const struct shape *s, bool (*ok)(const struct shape *s, size_t at),
                     size_t least_n)
{
  size_t n = half(s, ENTRIES), list_end = s->head + 2 * n;

  if (list_end > s->n || half(s, FREE_FROM) > s->n)
    return false;
  for (size_t i = 0; i < n; i++) {
    size_t at = half(s, s->head + 2 * i);
    if (at < list_end || at % 4 != 0 || at + least_n > s->n || !ok(s, at))
      return false;
  }
  return true;
}

/* ---- pages ---- */

static bool leaf_ok(const struct shape *s)
{
  unsigned n = half(s, ENTRIES);

  return s->p[LEVEL] == 1 && n % 2 == 0 && (n > 0 || (word(s, PREV) == 0 && word(s, NEXT) == 0)) &&
         say_next(s, PREV, 1) && say_next(s, NEXT, 1) && items_ok(s, leaf_item_ok, ITEM_N);
}

static bool internal_ok(const struct shape *s)
{
  unsigned level = s->p[LEVEL];

  return level > 1 && level <= LEVEL_MAX && half(s, ENTRIES) > 0 && say_next(s, PREV, level) &&
         say_next(s, NEXT, level) && items_ok(s, child_ok, CHILD_N);
}

/* Its bytes on this page are where others have the place of the first item. */
static bool overflow_ok(const struct shape *s)
{
  unsigned n = half(s, FREE_FROM);

  return half(s, ENTRIES) > 0 && n > 0 && s->head + n <= s->n && say_next(s, PREV, SAID_OVERFLOW) &&
         say_next(s, NEXT, SAID_OVERFLOW);
}

static bool meta_ok(const struct shape *s)
{
  return word(s, META_MAGIC) == BTREE_MAGIC && word(s, META_PAGE) == s->n &&
         s->p[META_CIPHER] == 0 && s->p[META_CHECKS] == s->pages->head[META_CHECKS] &&
         s->p[META_CHECKS] <= CHECKED && word(s, META_FREE) < s->pages->n &&
         word(s, META_LAST) < s->pages->n && word(s, META_PARTS) == 0 &&
         (word(s, META_FLAGS) & ~FLAG_MANY_SHEETS) == 0 && word(s, META_MIN_KEYS) >= 2 &&
         word(s, META_ROOT) != 0 && say(s, word(s, META_ROOT), SAID_TREE);
}

static unsigned what_of(const struct shape *s)
{
  switch (s->p[TYPE]) {
  case TYPE_LEAF:
  case TYPE_INTERNAL: return s->p[LEVEL];
  case TYPE_OVERFLOW: return SAID_OVERFLOW;
  case TYPE_META: return SAID_META;
  default: return SAID_FREE;
  }
}

bool cf_page_shape_ok(const struct cf_pages *pages, uint64_t k, const uint8_t *page)
{
  struct shape s = {.pages = pages, .p = pages->head, .n = pages->page};

  s.swapped = word(&s, META_MAGIC) != BTREE_MAGIC;
  s.head = pages->head[META_CHECKS] == CHECKED ? HEAD_CHECKED_N : HEAD_N;
  s.p = page;
  bool is_meta = s.p[TYPE] == TYPE_META; /* the library looks for the magic alone */
  if (word(&s, NUMBER) != k || (k == 0 && !is_meta) ||
      is_meta != (word(&s, META_MAGIC) == BTREE_MAGIC) || !say(&s, (uint32_t)k, what_of(&s)))
    return false;
  switch (s.p[TYPE]) {
  case TYPE_LEAF: return leaf_ok(&s);
  case TYPE_INTERNAL: return internal_ok(&s);
  case TYPE_OVERFLOW: return overflow_ok(&s);
  case TYPE_META: return meta_ok(&s);
  default: return s.p[TYPE] == TYPE_FREE && say_next(&s, NEXT, SAID_FREE);
  }
}
