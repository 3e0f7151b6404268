/* SPDX-License-Identifier: MIT */
/* Keys without regard to case, in order. */
#include "config.h"

#include "lib/index/key_fold.h"

#include <string.h>

#include "lib/base/utf8.h"

/* ---- a value's places ---- */

static void place_add(struct cf_key_place *place, struct cf_str text)
{
  struct cf_key_code *code = &place->code[place->n++];
  uint8_t key[CF_INDEX_VALUE_MAX];

  code->n = (uint8_t)cf_index_key(CF_M_USER, text, key);
  memcpy(code->byte, key, code->n);
}

/* In order: code points sort as their UTF-8 does, and as their keys do. */
static void place_make(struct cf_key_place *place, const uint8_t *p, size_t n)
{
  uint32_t alike[CF_FOLD_MAX];
  char room[CF_KEY_CODE_MAX + 1];

  place->n = 0;
  size_t alike_n = cf_fold_alike(cf_utf8_code(p, n), alike);
  for (size_t i = 0; i < alike_n; i++) {
    struct cf_buf b;
    cf_buf_fixed(&b, room, sizeof room);
    cf_utf8_put_code(&b, alike[i]);
    place_add(place, cf_buf_str(&b));
  }
}

void cf_key_fold_make(struct cf_str value, struct cf_key_fold *fold)
{
  fold->n = 0;
  while (value.n > 0 && fold->n < CF_INDEX_VALUE_MAX) {
    const uint8_t *p = (const uint8_t *)value.p;
    size_t n = cf_utf8_len(p, value.n);
    struct cf_key_place *place = &fold->place[fold->n++];
    if (n > 0) {
      place_make(place, p, n);
    } else {
      place->n = 0;
      place_add(place, (struct cf_str){value.p, n = 1});
    }
    value = (struct cf_str){value.p + n, value.n - n};
  }
}

/* ---- the next key ---- */

/* A key that is being written: which code was taken at each place, and where it
 * begins. While it is tight it is the beginning of what it must not be less
 * than. */
struct writing {
  const struct cf_key_fold *fold;
  struct cf_str least;
  uint8_t out[CF_INDEX_VALUE_MAX];
  size_t n;
  size_t places;
  bool tight;
  struct {
    uint8_t taken, at;
  } step[CF_INDEX_VALUE_MAX];
};

static void code_take(struct writing *w, uint8_t which)
{
  const struct cf_key_code *code = &w->fold->place[w->places].code[which];
  size_t room = CF_INDEX_VALUE_MAX - w->n;
  size_t n = code->n < room ? code->n : room;

  w->step[w->places].taken = which;
  w->step[w->places].at = (uint8_t)w->n;
  w->places++;
  memcpy(w->out + w->n, code->byte, n);
  w->n += n;
}

/* A code against what stands at its place in the key: below 0 where it is less,
 * 0 where it is what stands there, so far as a key goes. */
static int code_compare(const struct writing *w, const struct cf_key_code *code)
{
  size_t room = CF_INDEX_VALUE_MAX - w->n;
  size_t n = code->n < room ? code->n : room;
  size_t left = w->least.n - w->n;
  int order = memcmp(code->byte, w->least.p + w->n, n < left ? n : left);

  return order == 0 && left < n ? 1 : order;
}

/* Go back to the last place that has a greater code, and take that. false:
 * there is none. */
static bool write_greater(struct writing *w)
{
  w->tight = false;
  while (w->places > 0) {
    w->places--;
    w->n = w->step[w->places].at;
    uint8_t next = (uint8_t)(w->step[w->places].taken + 1);
    if (next < w->fold->place[w->places].n) {
      code_take(w, next);
      return true;
    }
  }
  return false;
}

static bool write_tight(struct writing *w)
{
  const struct cf_key_place *place = &w->fold->place[w->places];

  for (uint8_t i = 0; i < place->n; i++) {
    int order = code_compare(w, &place->code[i]);
    if (order < 0)
      continue;
    w->tight = order == 0;
    code_take(w, i);
    return true;
  }
  return write_greater(w);
}

/* Go on to the end with the least codes that are allowed. */
static bool write_rest(struct writing *w)
{
  while (w->places < w->fold->n && w->n < CF_INDEX_VALUE_MAX) {
    if (!w->tight)
      code_take(w, 0);
    else if (!write_tight(w))
      return false;
  }
  return true;
}

size_t cf_key_fold_next(const struct cf_key_fold *fold, struct cf_str key, bool behind,
                        uint8_t out[CF_INDEX_VALUE_MAX])
{
  struct writing w = {.fold = fold, .least = key, .tight = true};

  bool found = write_rest(&w);
  if (found && w.tight && (behind || w.n < key.n))
    found = write_greater(&w) && write_rest(&w);
  if (!found)
    return 0;
  memcpy(out, w.out, w.n);
  return w.n;
}

bool cf_key_fold_has(const struct cf_key_fold *fold, struct cf_str key)
{
  uint8_t next[CF_INDEX_VALUE_MAX];

  return fold->n == 0 ? key.n == 0
                      : cf_str_eq(key, (struct cf_str){(const char *)next,
                                                       cf_key_fold_next(fold, key, false, next)});
}
