/* SPDX-License-Identifier: MIT */
/* Searching a segment's fingerprints: from the last chunk at or below what is
 * looked for, chunk by chunk, each of which must be where the one before said.
 * And the filter over those of ids, that keeps most searches from beginning. */
#include "config.h"

#include "lib/segment/filters_in.h"
#include "lib/segment/id_chunk_in.h"
#include "lib/segment/segment_in.h"

#include <string.h>

#include "lib/base/codec.h"

/* ---- searching ---- */

struct search {
  struct cf_bdb_cursor *cursor;
  unsigned layout;
  uint32_t records;
  struct cf_id_pair from; /* up to the pairs that each does not want any more */
  bool (*each)(void *context, struct cf_id_pair pair);
  void *context;
  struct cf_id_chunk chunk;
};

static enum cf_err chunk_at(struct search *q, enum cf_bdb_move move, struct cf_str seek)
{
  struct cf_str key, value;

  enum cf_err err = cf_bdb_cursor_move(q->cursor, move, seek, &key, &value);
  return err == CF_OK ? cf_id_chunk_get(q->layout, key, value, q->records, &q->chunk) : err;
}

/* false: each has enough. */
static bool chunk_give(struct search *q)
{
  for (unsigned i = 0; i < q->chunk.n; i++)
    if (cf_id_pair_cmp(q->chunk.pair[i], q->from) >= 0 && !q->each(q->context, q->chunk.pair[i]))
      return false;
  return true;
}

static enum cf_err search_chunks(struct search *q)
{
  uint8_t seek[CF_ID_KEY_MAX];

  enum cf_err err = chunk_at(q, CF_BDB_AT_MOST, cf_id_key(q->layout, q->from, seek));
  if (err == CF_OK && cf_id_pair_cmp(q->chunk.first, q->from) > 0)
    return CF_E_DAMAGED;
  while (err == CF_OK && chunk_give(q)) {
    struct cf_id_pair next = q->chunk.next;
    if (cf_id_pair_is_end(next))
      return CF_OK;
    err = chunk_at(q, CF_BDB_NEXT, CF_STR(""));
    if (err == CF_OK && cf_id_pair_cmp(q->chunk.first, next) != 0)
      return CF_E_DAMAGED;
  }
  return err;
}

static enum cf_err search_sheet(struct cf_segment *s, unsigned index, struct search *q)
{
  struct cf_bdb *db = NULL;

  q->layout = s->info.layout;
  q->records = (uint32_t)(s->meta.end - s->meta.first);
  enum cf_err err = cf_segment_sheet(s, CF_SHEET_INDEX + index, &db);
  if (err == CF_OK)
    err = cf_bdb_cursor_open(db, &q->cursor);
  if (err == CF_OK)
    err = search_chunks(q);
  cf_bdb_cursor_close(q->cursor);
  return cf_segment_spoil(s, err, cf_index_name(index));
}

struct finding {
  uint64_t fingerprint;
  bool (*each)(void *context, uint32_t offset);
  void *context;
};

static bool pair_find(void *context, struct cf_id_pair pair)
{
  const struct finding *f = context;
  return pair.fingerprint == f->fingerprint && f->each(f->context, pair.offset);
}

static enum cf_err find_all(struct cf_segment *s, unsigned index, uint64_t fingerprint,
                            bool (*each)(void *context, uint32_t offset), void *context)
{
  struct finding f = {cf_id_kept(s->info.layout, fingerprint), each, context};
  struct search q = {.from = {f.fingerprint, 0}, .each = pair_find, .context = &f};

  if (!s->info.index[index].present)
    return cf_segment_spoil(s, CF_E_DAMAGED, "it lacks an index");
  return search_sheet(s, index, &q);
}

enum cf_err cf_segment_find_id(struct cf_segment *s, uint64_t fingerprint,
                               bool (*each)(void *context, uint32_t offset), void *context)
{
  return find_all(s, CF_M_ID, fingerprint, each, context);
}

struct matching {
  uint32_t from;
  struct cf_bits *bits;
};

static bool offset_match(void *context, uint32_t offset)
{
  const struct matching *m = context;
  if (offset >= m->from && offset < m->bits->n)
    cf_bits_set(m->bits, offset);
  return true;
}

enum cf_err cf_segment_match_exact(struct cf_segment *s, unsigned index, struct cf_str value,
                                   uint32_t from, struct cf_bits *bits)
{
  uint8_t text[CF_INDEX_VALUE_MAX];
  struct cf_str key = {(const char *)text, cf_index_key(index, value, text)};
  const struct cf_term term = {.index = index, .first = key, .last = key};
  struct matching m = {from, bits};

  if (!cf_segment_is_exact(s, index))
    return cf_segment_match(s, &term, from, bits);
  return find_all(s, index, cf_segment_pool_fingerprint(s->pool, key), offset_match, &m);
}

/* ---- the filter ---- */

/* It ends with a check under the ledger's key. */
#define CHECK_N 8

size_t cf_segment_filter_max(const struct cf_segment *s)
{
  return cf_fuse_max((uint32_t)(s->meta.end - s->meta.first)) + CHECK_N;
}

enum cf_err cf_segment_filter_get(struct cf_segment *s, struct cf_buf *b)
{
  struct cf_bdb *db = NULL;

  enum cf_err err = cf_segment_sheet(s, CF_SHEET_INFO, &db);
  if (err == CF_OK)
    err = cf_bdb_get(db, NULL, CF_STR("filter"), b);
  if (err == CF_OK && b->n < CHECK_N)
    err = CF_E_SYNTAX;
  if (err != CF_OK)
    return err;
  uint64_t check = cf_u64_get(b->p + b->n - CHECK_N);
  cf_buf_cut(b, CHECK_N);
  return check == cf_segment_pool_fingerprint(s->pool, cf_buf_str(b)) && cf_fuse_ok(cf_buf_str(b))
             ? CF_OK
             : CF_E_SYNTAX;
}

static bool pair_collect(void *context, struct cf_id_pair pair)
{
  struct cf_buf *b = context;
  uint64_t last = ~pair.fingerprint;

  if (b->n > 0)
    memcpy(&last, b->p + b->n - sizeof last, sizeof last);
  if (last != pair.fingerprint)
    cf_buf_put(b, &pair.fingerprint, sizeof pair.fingerprint);
  return b->err == CF_OK;
}

/* A segment of layout 1 has another kind of filter. No record has two ids. */
static enum cf_err filter_make(struct cf_segment *s, struct cf_buf *filter)
{
  struct cf_buf ids;
  struct search q = {.each = pair_collect, .context = &ids};

  cf_buf_init(&ids, (size_t)(s->meta.end - s->meta.first) * sizeof(uint64_t));
  enum cf_err err = search_sheet(s, CF_M_ID, &q);
  if (err == CF_OK)
    err = ids.err;
  if (err == CF_OK && (err = cf_fuse_put(filter, (const uint64_t *)(const void *)ids.p,
                                         (uint32_t)(ids.n / sizeof(uint64_t)))) == CF_E_STORE)
    err = CF_E_DAMAGED; /* no keyed hash ever gave these */
  cf_buf_fini(&ids);
  return err;
}

enum cf_err cf_segment_filter_load(struct cf_segment *s)
{
  struct cf_buf b;

  cf_buf_init(&b, cf_segment_filter_max(s));
  enum cf_err err = s->info.layout == 1 ? filter_make(s, &b) : cf_segment_filter_get(s, &b);
  if (err == CF_OK)
    cf_segment_pool_keep_filter(s->pool, &s->meta, cf_buf_str(&b));
  cf_buf_fini(&b);
  return cf_segment_spoil(s, err, "the filter of its ids");
}
