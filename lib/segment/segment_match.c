/* SPDX-License-Identifier: MIT */
/* Searching a segment's indexes and ids. A search begins at the last chunk at
 * or below what it looks for and ends at the first one beyond; every two
 * neighbours on the way must be in sequence. */
#include "config.h"

#include "lib/index/postings.h"
#include "lib/segment/bloom_in.h"
#include "lib/segment/segment_in.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define KEY_MAX (CF_INDEX_VALUE_MAX + 4)

/* ---- values ---- */

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

static enum cf_err walk_all(struct walk *w)
{
  enum cf_err err = walk_start(w);

  while (err == CF_OK && !beyond(w)) {
    err = chunk_take(w);
    if (err == CF_OK)
      err = walk_step(w);
  }
  return err == CF_E_NOTFOUND ? CF_OK : err;
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

  CF_ASSERT(cf_index_exists(term->index) && term->index != CF_M_ID);
  w.records = (uint32_t)(s->meta.end - s->meta.first);
  if (!w.info->present)
    return cf_segment_spoil(s, CF_E_DAMAGED, "it lacks an index");
  if (from >= bits->n || (!term->prefix && cf_str_cmp(term->first, term->last) > 0))
    return CF_OK;
  enum cf_err err = cf_segment_sheet(s, CF_SHEET_INDEX + term->index, &db);
  if (err == CF_OK)
    err = cf_bdb_cursor_open(db, &w.cursor);
  if (err == CF_OK)
    err = walk_all(&w);
  cf_bdb_cursor_close(w.cursor);
  return cf_segment_spoil(s, err, cf_index_name(term->index));
}

/* ---- ids ---- */

struct search {
  uint64_t fingerprint;
  uint32_t records;
  bool (*each)(void *context, uint32_t offset);
  void *context;
  uint8_t next[CF_ID_KEY_N]; /* where the chunk being read ends */
};

static struct cf_str id_key(uint64_t fingerprint, uint32_t offset, uint8_t out[CF_ID_KEY_N])
{
  cf_u64_put(out, fingerprint);
  cf_u32_put(out + 8, offset);
  return (struct cf_str){(const char *)out, CF_ID_KEY_N};
}

/* The chunk's pairs must ascend from its key and stay below the next one's. */
static enum cf_err search_chunk(struct search *q, struct cf_str key, struct cf_str value,
                                bool *more)
{
  const uint8_t *p = (const uint8_t *)value.p;
  uint8_t pair[CF_ID_KEY_N] = {0};
  uint8_t before[CF_ID_KEY_N];

  if (key.n != CF_ID_KEY_N || value.n < CF_ID_KEY_N ||
      (value.n - CF_ID_KEY_N) % CF_ID_PAIR_N != 0 || memcmp(key.p, p, CF_ID_KEY_N) >= 0)
    return CF_E_DAMAGED;
  memcpy(q->next, p, CF_ID_KEY_N);
  memcpy(before, key.p, CF_ID_KEY_N);
  *more = true;
  for (size_t at = CF_ID_KEY_N; at < value.n; at += CF_ID_PAIR_N) {
    memcpy(pair, p + at, 8);
    memcpy(pair + 9, p + at + 8, 3);
    int order = memcmp(before, pair, sizeof pair);
    if (order > 0 || (order == 0 && at > CF_ID_KEY_N) || memcmp(pair, q->next, sizeof pair) >= 0 ||
        cf_u32_get(pair + 8) >= q->records)
      return CF_E_DAMAGED;
    if (*more && cf_u64_get(pair) == q->fingerprint)
      *more = q->each(q->context, cf_u32_get(pair + 8));
    memcpy(before, pair, sizeof pair);
  }
  return CF_OK;
}

static enum cf_err search_all(struct search *q, struct cf_bdb_cursor *cursor)
{
  uint8_t seek[CF_ID_KEY_N];
  struct cf_str key, value;
  bool more = true;

  enum cf_err err =
      cf_bdb_cursor_move(cursor, CF_BDB_AT_MOST, id_key(q->fingerprint, 0, seek), &key, &value);
  if (err == CF_OK && (key.n != sizeof seek || memcmp(key.p, seek, sizeof seek) > 0))
    return CF_E_DAMAGED;
  while (err == CF_OK) {
    err = search_chunk(q, key, value, &more);
    if (err != CF_OK || !more || cf_u64_get(q->next) > q->fingerprint)
      return err;
    if (memcmp(q->next, id_key(UINT64_MAX, UINT32_MAX, seek).p, sizeof seek) == 0)
      return CF_OK;
    err = cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &key, &value);
    if (err == CF_OK && (key.n != sizeof q->next || memcmp(key.p, q->next, sizeof q->next) != 0))
      return CF_E_DAMAGED;
  }
  return err;
}

/* Have the pool keep the segment's filter, and ask it. */
static enum cf_err load_filter(struct cf_segment *s, uint64_t fingerprint,
                               enum cf_bloom_answer *answer)
{
  struct cf_bdb *db = NULL;
  struct cf_buf b;

  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  enum cf_err err = cf_segment_sheet(s, CF_SHEET_INFO, &db);
  if (err == CF_OK)
    err = cf_bdb_get(db, NULL, CF_STR("filter"), &b);
  if (err == CF_OK)
    err = cf_segment_pool_bloom_keep(s->pool, &s->meta, cf_buf_str(&b));
  if (err == CF_OK)
    *answer = cf_bloom_may_have(b.p, b.n - 8, fingerprint) ? CF_BLOOM_MAYBE : CF_BLOOM_NO;
  cf_buf_fini(&b);
  return cf_segment_spoil(s, err, "the filter of its ids");
}

static enum cf_err search_sheet(struct cf_segment *s, struct search *q)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_bdb *db = NULL;

  enum cf_err err = cf_segment_sheet(s, CF_SHEET_INDEX + CF_M_ID, &db);
  if (err == CF_OK)
    err = cf_bdb_cursor_open(db, &cursor);
  if (err == CF_OK)
    err = search_all(q, cursor);
  cf_bdb_cursor_close(cursor);
  return cf_segment_spoil(s, err, "id");
}

enum cf_err cf_segment_find_id(struct cf_segment *s, uint64_t fingerprint,
                               bool (*each)(void *context, uint32_t offset), void *context)
{
  struct search q = {.fingerprint = fingerprint,
                     .records = (uint32_t)(s->meta.end - s->meta.first),
                     .each = each,
                     .context = context};
  enum cf_bloom_answer answer = cf_segment_pool_bloom_ask(s->pool, &s->meta, fingerprint);
  enum cf_err err = CF_OK;

  if (answer == CF_BLOOM_UNKNOWN)
    err = load_filter(s, fingerprint, &answer);
  return err != CF_OK || answer == CF_BLOOM_NO ? err : search_sheet(s, &q);
}
