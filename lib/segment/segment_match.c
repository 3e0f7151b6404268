/* SPDX-License-Identifier: MIT */
/* Searching a segment's indexes. A search begins at the last chunk at
 * or below what it looks for and ends at the first one beyond; every two
 * neighbours on the way must be in sequence. One for many values, far apart, is
 * a search for each that may be there. */
#include "config.h"

#include "lib/index/key_fold.h"
#include "lib/index/postings.h"
#include "lib/segment/segment_in.h"
#include "lib/segment/value_filter_in.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define KEY_MAX (CF_INDEX_VALUE_MAX + 4)

/* A chunk under the cursor. */
struct chunk {
  struct cf_str value; /* what is indexed */
  uint32_t first;
  uint16_t ordinal;
  struct cf_str bytes;
};

struct walk {
  struct cf_segment *s;
  const struct cf_index_info *info;
  const struct cf_term *term;
  uint32_t records;
  uint32_t from;
  struct cf_bits *bits;
  struct cf_bdb_cursor *cursor;
  struct chunk chunk;
  bool started;
  uint16_t ordinal; /* of the chunk before */
  uint32_t last;    /* its last offset, where it was read */
  size_t key_n;     /* its key */
  uint8_t key[KEY_MAX];
};

static bool chunk_parse(struct cf_str key, struct cf_str value, uint32_t records, struct chunk *out)
{
  if (key.n < 4 || key.n > KEY_MAX || value.n < CF_ORDINAL_N)
    return false;
  out->value = (struct cf_str){key.p, key.n - 4};
  out->first = cf_u32_get((const uint8_t *)key.p + key.n - 4);
  out->ordinal = cf_u16_get((const uint8_t *)value.p);
  out->bytes = (struct cf_str){value.p + CF_ORDINAL_N, value.n - CF_ORDINAL_N};
  return out->first < records;
}

/* Does the chunk follow the one before, or begin the sheet? A search that began
 * in the middle has none before. */
static bool in_sequence(const struct walk *w, struct cf_str key, bool at_start)
{
  if (!w->started)
    return !at_start || w->chunk.ordinal == 0;
  return w->chunk.ordinal == (uint16_t)(w->ordinal + 1) &&
         cf_str_cmp((struct cf_str){(const char *)w->key, w->key_n}, key) < 0;
}

/* Take over where the cursor came to. at_start: nothing may lie before it. */
static enum cf_err walk_arrive(struct walk *w, struct cf_str key, struct cf_str value,
                               bool at_start)
{
  if (!chunk_parse(key, value, w->records, &w->chunk))
    return CF_E_DAMAGED;
  if (!in_sequence(w, key, at_start))
    return CF_E_DAMAGED;
  w->started = true;
  w->ordinal = w->chunk.ordinal;
  memcpy(w->key, key.p, key.n);
  w->key_n = key.n;
  return CF_OK;
}

/* Where the search begins: the last chunk that may hold what it looks for, or
 * the sheet's first. */
static enum cf_err walk_start(struct walk *w)
{
  uint8_t seek[KEY_MAX + CF_INDEX_VALUE_MAX];
  struct cf_str at = {(const char *)seek, w->term->first.n};
  struct cf_str key, value;

  CF_ASSERT(at.n <= CF_INDEX_VALUE_MAX);
  if (at.n > 0)
    memcpy(seek, w->term->first.p, at.n);
  if (!w->term->prefix && cf_str_eq(w->term->first, w->term->last)) {
    cf_u32_put(seek + at.n, w->from);
    at.n += 4;
  }
  enum cf_err err = cf_bdb_cursor_move(w->cursor, CF_BDB_AT_MOST, at, &key, &value);
  if (err == CF_OK)
    return cf_str_cmp(key, at) <= 0 ? walk_arrive(w, key, value, false) : CF_E_DAMAGED;
  if (err != CF_E_NOTFOUND)
    return err;
  err = cf_bdb_cursor_move(w->cursor, CF_BDB_FIRST, at, &key, &value);
  if (err == CF_OK)
    return cf_str_cmp(key, at) > 0 ? walk_arrive(w, key, value, true) : CF_E_DAMAGED;
  return err == CF_E_NOTFOUND && w->info->chunks > 0 ? CF_E_DAMAGED : err;
}

/* CF_E_NOTFOUND at the end, where the last chunk must have the last ordinal. */
static enum cf_err walk_step(struct walk *w)
{
  struct cf_str key, value;

  enum cf_err err = cf_bdb_cursor_move(w->cursor, CF_BDB_NEXT, CF_STR(""), &key, &value);
  if (err == CF_OK)
    return walk_arrive(w, key, value, false);
  if (err == CF_E_NOTFOUND && w->ordinal != (uint16_t)(w->info->chunks - 1))
    return CF_E_DAMAGED;
  return err;
}

/* Nothing from here on can match: a value beyond the term, or offsets beyond
 * those asked for where there is one value only. */
static bool beyond(const struct walk *w)
{
  const struct cf_term *term = w->term;

  if (term->prefix)
    return cf_str_cmp(w->chunk.value, term->first) > 0 &&
           !cf_str_starts(w->chunk.value, term->first);
  int order = cf_str_cmp(w->chunk.value, term->last);
  return order > 0 ||
         (order == 0 && cf_str_eq(term->first, term->last) && w->chunk.first >= w->bits->n);
}

static enum cf_err chunk_take(struct walk *w)
{
  uint32_t count = 0;

  if (!cf_term_has(w->term, w->chunk.value))
    return CF_OK;
  return cf_chunk_get(w->chunk.first, w->chunk.bytes, w->records, w->from, w->bits, &count,
                      &w->last) == CF_OK
             ? CF_OK
             : CF_E_DAMAGED;
}

/* CF_E_NOTFOUND at the sheet's end. */
static enum cf_err walk_to_beyond(struct walk *w)
{
  enum cf_err err = walk_start(w);

  while (err == CF_OK && !beyond(w)) {
    err = chunk_take(w);
    if (err == CF_OK)
      err = walk_step(w);
  }
  return err;
}

/* A search for each key that may be meant: where one ends tells which is
 * next. */
static enum cf_err walk_folds(struct walk *w)
{
  const struct cf_key_fold *fold = w->term->fold;
  uint8_t key[CF_INDEX_VALUE_MAX];
  struct cf_term one = {.index = w->term->index, .first = {(const char *)key, 0}};
  enum cf_err err = CF_OK;

  one.first.n = fold->n == 0 ? 0 : cf_key_fold_next(fold, CF_STR(""), false, key);
  bool more = fold->n == 0 || one.first.n > 0;
  w->term = &one;
  while (more && err == CF_OK) {
    one.last = one.first;
    w->started = false;
    err = walk_to_beyond(w);
    bool behind = err == CF_OK && cf_str_eq(w->chunk.value, one.first);
    one.first.n = err == CF_OK ? cf_key_fold_next(fold, w->chunk.value, behind, key) : 0;
    more = one.first.n > 0;
  }
  return err;
}

enum cf_err cf_segment_match(struct cf_segment *s, const struct cf_term *term, uint32_t from,
                             struct cf_bits *bits)
{
  struct walk w = {.s = s,
                   .info = &s->info.index[term->index],
                   .term = term,
                   .from = from,
                   .bits = bits};
  struct cf_bdb *db = NULL;

  CF_ASSERT(cf_index_exists(term->index) && !cf_segment_is_exact(s, term->index));
  w.records = (uint32_t)(s->meta.end - s->meta.first);
  if (!w.info->present)
    return cf_segment_spoil(s, CF_E_DAMAGED, "it lacks an index");
  if (from >= bits->n || (!term->prefix && cf_str_cmp(term->first, term->last) > 0))
    return CF_OK;
  enum cf_err err = cf_segment_sheet(s, CF_SHEET_INDEX + term->index, &db);
  if (err == CF_OK)
    err = cf_bdb_cursor_open(db, &w.cursor);
  if (err == CF_OK)
    err = term->fold != NULL ? walk_folds(&w) : walk_to_beyond(&w);
  cf_bdb_cursor_close(w.cursor);
  return cf_segment_spoil(s, err == CF_E_NOTFOUND ? CF_OK : err, cf_index_name(term->index));
}

enum cf_err cf_segment_count(struct cf_segment *s, const struct cf_term *term, uint32_t *n)
{
  char key[CF_VALUE_KEY_MAX];
  struct cf_bdb *db = NULL;
  struct cf_buf b;

  CF_ASSERT(cf_term_is_one(term));
  cf_buf_init(&b, sizeof *n);
  enum cf_err err = cf_segment_sheet(s, CF_SHEET_COUNTS, &db);
  if (err == CF_OK)
    err = cf_bdb_get(db, NULL, cf_value_key(term->index, term->first, key), &b);
  if (err == CF_OK && b.n != sizeof *n)
    err = CF_E_DAMAGED;
  if (err == CF_OK)
    *n = cf_u32_get(b.p);
  else if (err == CF_E_NOTFOUND)
    *n = 1;
  cf_buf_fini(&b);
  return err == CF_E_NOTFOUND ? CF_OK : cf_segment_spoil(s, err, "counts");
}

/* ---- the filter ---- */

size_t cf_segment_keys_max(const struct cf_segment *s)
{
  size_t values = 0;

  for (unsigned i = 0; i < CF_I_N; i++)
    values += s->info.index[i].present && !cf_index_is_exact(i) ? s->info.index[i].values : 0;
  return cf_value_filter_size(values);
}

enum cf_err cf_segment_keys_get(struct cf_segment *s, struct cf_buf *b)
{
  struct cf_bdb *db = NULL;

  enum cf_err err = cf_segment_sheet(s, CF_SHEET_INFO, &db);
  if (err == CF_OK)
    err = cf_bdb_get(db, NULL, CF_STR("keys"), b);
  if (err == CF_E_FULL || (err == CF_OK && b->n != cf_segment_keys_max(s)))
    return CF_E_SYNTAX;
  return err;
}
