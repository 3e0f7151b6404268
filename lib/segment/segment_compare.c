/* SPDX-License-Identifier: MIT */
/* A segment's indexes against what its records say: both are walked in the
 * order of their keys, and whatever is on one side only is told. */
#include "config.h"

#include "lib/index/postings.h"
#include "lib/segment/fuse_in.h"
#include "lib/segment/grams_in.h"
#include "lib/segment/id_chunk_in.h"
#include "lib/segment/segment_in.h"
#include "lib/segment/value_filter_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"

/* A row of a sheet under a cursor. */
struct rows {
  struct cf_bdb_cursor *cursor;
  bool more; /* there is one: */
  struct cf_str key, value;
  struct cf_buf last; /* the key before it */
  enum cf_err err;    /* why there is none, if not for the end */
};

struct compare {
  struct cf_segment *s;
  struct cf_segment_truth *truth;
  uint32_t records;
  unsigned index;                   /* being walked: */
  struct rows rows;                 /* its sheet */
  uint32_t chunks, values, offsets; /* of that index so far */
  struct rows counts;
  struct cf_bits found; /* of the value at hand, so many offsets: */
  uint32_t found_n;
  struct cf_buf value;
  /* records that the sheet has not given yet, and the fingerprint of each: */
  struct cf_bits expected;
  uint64_t *fingerprint;
  struct cf_shelf filter; /* the one of the ids */
  struct cf_buf known;    /* the filter of values, where there should be one */
};

static void differ(const struct compare *c, uint32_t offset, const char *name, const char *what)
{
  c->truth->differ(c->truth->context, offset, name, what);
}

static enum cf_err go_on(const struct compare *c)
{
  bool (*stopped)(void *context) = c->truth->stopped;
  return stopped != NULL && stopped(c->truth->context) ? CF_E_LEAVING : CF_OK;
}

/* ---- rows ---- */

/* Keys ascend: pages that lead back to one before would be read for ever. */
static void rows_next(struct rows *rows)
{
  cf_buf_reset(&rows->last);
  cf_buf_putstr(&rows->last, rows->key);
  rows->err = cf_bdb_cursor_move(rows->cursor, CF_BDB_NEXT, CF_STR(""), &rows->key, &rows->value);
  if (rows->err == CF_OK)
    rows->err = rows->last.err;
  if (rows->err == CF_OK &&
      (rows->key.n > CF_VALUE_KEY_MAX || cf_str_cmp(cf_buf_str(&rows->last), rows->key) >= 0))
    rows->err = CF_E_DAMAGED;
  rows->more = rows->err == CF_OK;
  if (rows->err == CF_E_NOTFOUND)
    rows->err = CF_OK;
}

static enum cf_err rows_begin(struct cf_segment *s, unsigned sheet, struct rows *rows)
{
  struct cf_bdb *db = NULL;
  *rows = (struct rows){.cursor = NULL};
  cf_buf_init(&rows->last, CF_VALUE_KEY_MAX);
  rows->err = cf_segment_sheet(s, sheet, &db);
  if (rows->err == CF_OK)
    rows->err = cf_bdb_cursor_open(db, &rows->cursor);
  if (rows->err == CF_OK)
    rows_next(rows);
  return rows->err;
}

/* Close it. Damage is told, as a difference of the whole sheet; gives other
 * errors. */
static enum cf_err rows_end(const struct compare *c, struct rows *rows, const char *name)
{
  enum cf_err err = rows->err;
  cf_bdb_cursor_close(rows->cursor);
  rows->cursor = NULL;
  cf_buf_fini(&rows->last);
  if (err != CF_E_DAMAGED && err != CF_E_SYNTAX)
    return err;
  differ(c, 0, name, "cannot be read");
  return CF_OK;
}

/* ---- counts ---- */

/* key: as cf_value_key gives it. */
static void count_compare(struct compare *c, struct cf_str key, const uint32_t *offsets, uint32_t n)
{
  struct rows *rows = &c->counts;
  int order = 1;
  while (rows->more && (order = cf_str_cmp(rows->key, key)) < 0) {
    differ(c, offsets[0], "counts", "counts a value that no record has");
    rows_next(rows);
  }
  bool there = rows->more && order == 0;
  if (!there || rows->value.n != 4 || cf_u32_get((const uint8_t *)rows->value.p) != n)
    differ(c, offsets[0], "counts", "does not say how often the record's value is there");
  if (there)
    rows_next(rows);
}

/* ---- the filter of values ---- */

/* Nothing is held against one that is not there: it is told here. */
static enum cf_err filter_begin(struct compare *c)
{
  if (c->s->info.layout < 2)
    return CF_OK;
  enum cf_err err = cf_segment_keys_get(c->s, &c->known);
  if (err != CF_E_SYNTAX && err != CF_E_DAMAGED && err != CF_E_NOTFOUND)
    return err;
  differ(c, 0, "info", "has no good filter of values");
  cf_buf_reset(&c->known);
  return CF_OK;
}

/* key: as cf_value_key gives it. */
static void filter_compare(const struct compare *c, struct cf_str key, uint32_t offset)
{
  if (c->known.n > 0 &&
      !cf_value_filter_has(cf_buf_str(&c->known), cf_index_fingerprint(c->truth->index, key)))
    differ(c, offset, cf_index_name(c->index), "the filter does not have the record's value");
}

/* ---- values ---- */

static struct cf_str row_value(const struct rows *rows)
{
  return rows->key.n < 4 ? rows->key : (struct cf_str){rows->key.p, rows->key.n - 4};
}

/* Take the chunk under the cursor into found. */
static void chunk_take(struct compare *c)
{
  struct rows *rows = &c->rows;
  uint32_t count = 0, last = 0;
  bool good =
      rows->key.n >= 4 && rows->value.n >= CF_ORDINAL_N &&
      cf_u16_get((const uint8_t *)rows->value.p) == (uint16_t)c->chunks &&
      cf_chunk_get(cf_u32_get((const uint8_t *)rows->key.p + rows->key.n - 4),
                   (struct cf_str){rows->value.p + CF_ORDINAL_N, rows->value.n - CF_ORDINAL_N},
                   c->records, 0, &c->found, &count, &last) == CF_OK;
  if (!good) {
    rows->err = CF_E_DAMAGED;
    rows->more = false;
    return;
  }
  c->chunks++;
  c->found_n += count;
  rows_next(rows);
}

static void found_clear(struct compare *c)
{
  memset(c->found.w, 0, ((size_t)c->records + 63) / 64 * sizeof *c->found.w);
  c->found_n = 0;
}

static void bits_drop(struct cf_bits *bits, uint32_t offset)
{
  bits->w[offset / 64] &= ~(UINT64_C(1) << offset % 64);
}

/* Take one out: what is looked for is cheap, however large the segment. */
static void found_drop(struct compare *c, uint32_t offset)
{
  bits_drop(&c->found, offset);
  c->found_n--;
}

/* All that is left in found belongs to no record. */
static void found_extra(struct compare *c)
{
  if (c->found_n == 0)
    return;
  for (uint32_t at = cf_bits_next(&c->found, 0); at != UINT32_MAX;
       at = cf_bits_next(&c->found, at + 1))
    differ(c, at, cf_index_name(c->index), "finds the record by a value that it does not have");
  found_clear(c);
}

/* Chunks of values before this one, or with NULL all that are left. */
static void extra_take(struct compare *c, const struct cf_str *until)
{
  while (c->rows.more && (until == NULL || cf_str_cmp(row_value(&c->rows), *until) < 0)) {
    chunk_take(c);
    found_extra(c);
  }
}

static enum cf_err value_compare(void *context, struct cf_str key, const uint32_t *offsets,
                                 uint32_t n)
{
  struct compare *c = context;
  char text[CF_VALUE_KEY_MAX];
  struct cf_str whole = cf_value_key(c->index, key, text);
  extra_take(c, &key);
  if (c->rows.err != CF_OK)
    return c->rows.err;
  while (c->rows.more && cf_str_eq(row_value(&c->rows), key))
    chunk_take(c);
  for (uint32_t i = 0; i < n; i++) {
    if (!cf_bits_has(&c->found, offsets[i]))
      differ(c, offsets[i], cf_index_name(c->index), "does not find the record by its value");
    else
      found_drop(c, offsets[i]);
  }
  found_extra(c);
  c->values++;
  c->offsets += n;
  if (n > 1)
    count_compare(c, whole, offsets, n);
  filter_compare(c, whole, offsets[0]);
  return c->rows.err != CF_OK ? c->rows.err : go_on(c);
}

static enum cf_err values_compare(struct compare *c)
{
  enum cf_err err = cf_index_each(c->truth->index, c->index, c->records, value_compare, c);
  if (err == CF_OK)
    extra_take(c, NULL);
  return err;
}

/* ---- fingerprints ---- */

static enum cf_err pair_expect(void *context, uint64_t fingerprint, uint32_t offset)
{
  struct compare *c = context;
  uint32_t maybe = 0;
  c->fingerprint[offset] = cf_id_kept(c->s->info.layout, fingerprint);
  cf_bits_set(&c->expected, offset);
  c->offsets++;
  cf_shelf_screen(&c->filter, &fingerprint, 1, &maybe);
  if (c->filter.taken != 0 && maybe == 0)
    differ(c, offset, "id", "its filter does not have the record's id");
  return go_on(c);
}

/* A pair must be that of a record, once. */
static void pair_compare(struct compare *c, struct cf_id_pair pair)
{
  if (!cf_bits_has(&c->expected, pair.offset) || c->fingerprint[pair.offset] != pair.fingerprint)
    differ(c, pair.offset, cf_index_name(c->index),
           "finds the record by a value that it does not have");
  else
    bits_drop(&c->expected, pair.offset);
}

/* The pairs of the sheet, chunk by chunk, each where the one before said. */
static enum cf_err pairs_compare(struct compare *c)
{
  struct rows *rows = &c->rows;
  struct cf_id_chunk chunk = {.next = {0, 0}};
  enum cf_err err = CF_OK;
  while (err == CF_OK && rows->more) {
    struct cf_id_pair first = chunk.next;
    if (cf_id_chunk_get(c->s->info.layout, rows->key, rows->value, c->records, &chunk) != CF_OK ||
        cf_id_pair_cmp(chunk.first, first) != 0)
      return rows->err = CF_E_DAMAGED;
    for (unsigned i = 0; i < chunk.n; i++)
      pair_compare(c, chunk.pair[i]);
    c->chunks++;
    rows_next(rows);
    err = go_on(c);
  }
  if (err == CF_OK && rows->err == CF_OK && !cf_id_pair_is_end(chunk.next))
    rows->err = CF_E_DAMAGED;
  return err != CF_OK ? err : rows->err;
}

/* The value under the cursor, of an index that the truth has by fingerprints
 * only. Its chunks give each record once. */
static enum cf_err old_value_compare(struct compare *c)
{
  struct rows *rows = &c->rows;
  uint32_t at = rows->key.n < 4 ? 0 : cf_u32_get((const uint8_t *)rows->key.p + rows->key.n - 4);
  char text[CF_VALUE_KEY_MAX];
  cf_buf_reset(&c->value);
  cf_buf_putstr(&c->value, row_value(rows));
  struct cf_str value = cf_buf_str(&c->value);
  if (c->value.err != CF_OK)
    return c->value.err;
  while (rows->more && cf_str_eq(row_value(rows), value))
    chunk_take(c);
  if (rows->err != CF_OK || value.n > CF_INDEX_VALUE_MAX)
    return rows->err != CF_OK ? rows->err : CF_E_DAMAGED;
  if (c->found_n > 1)
    count_compare(c, cf_value_key(c->index, value, text), &at, c->found_n);
  uint64_t fingerprint = cf_id_fingerprint(c->truth->key, value);
  for (; c->found_n > 0 && (at = cf_bits_next(&c->found, at)) != UINT32_MAX; at++) {
    found_drop(c, at);
    pair_compare(c, (struct cf_id_pair){fingerprint, at});
  }
  c->values++;
  return c->found_n > 0 ? CF_E_DAMAGED : go_on(c);
}

/* request_id in layout 1. */
static enum cf_err old_values_compare(struct compare *c)
{
  enum cf_err err = CF_OK;
  while (err == CF_OK && c->rows.more)
    err = old_value_compare(c);
  return err != CF_OK ? err : c->rows.err;
}

/* Layout 1 has another filter, which nobody asks. */
static enum cf_err filter_take(struct compare *c)
{
  struct cf_buf b;
  unsigned place;
  if (c->index != CF_M_ID || c->s->info.layout == 1)
    return CF_OK;
  cf_buf_init(&b, cf_segment_filter_max(c->s));
  enum cf_err err = cf_segment_filter_get(c->s, &b);
  if (err == CF_OK)
    err = cf_shelf_put(&c->filter, cf_buf_str(&b), &place);
  else if (err == CF_E_SYNTAX || err == CF_E_DAMAGED || err == CF_E_NOTFOUND) {
    differ(c, 0, "id", "has no good filter");
    err = CF_OK;
  }
  cf_buf_fini(&b);
  return err;
}

static enum cf_err exact_compare(struct compare *c)
{
  c->fingerprint = malloc(c->records * sizeof *c->fingerprint);
  enum cf_err err = c->fingerprint == NULL ? CF_E_NOMEM : cf_bits_new(c->records, &c->expected);
  if (err == CF_OK)
    err = filter_take(c);
  if (err == CF_OK)
    err = cf_index_each_exact(c->truth->index, c->index, c->records, pair_expect, c);
  if (err == CF_OK)
    err = cf_segment_is_exact(c->s, c->index) ? pairs_compare(c) : old_values_compare(c);
  for (uint32_t at = 0; err == CF_OK && (at = cf_bits_next(&c->expected, at)) != UINT32_MAX; at++)
    differ(c, at, cf_index_name(c->index), "does not find the record by its value");
  cf_shelf_fini(&c->filter);
  cf_bits_free(&c->expected);
  free(c->fingerprint);
  return err;
}

/* ---- grams ---- */

/* The next chunk that there must be; false at their end. */
static bool chunk_expect(const struct cf_buf *chunks, size_t *at, struct cf_str *key,
                         struct cf_str *value)
{
  if (*at == chunks->n)
    return false;
  const char *p = (const char *)chunks->p + *at + sizeof(uint32_t);
  *key = (struct cf_str){p, CF_GRAMS_KEY_N};
  *value = (struct cf_str){p + CF_GRAMS_KEY_N, cf_u32_get(chunks->p + *at)};
  *at += sizeof(uint32_t) + key->n + value->n;
  return true;
}

/* Records have one sheet of them only, to the byte. */
static enum cf_err grams_compare(struct compare *c)
{
  struct cf_str key = {"", 0}, value = {"", 0};
  size_t at = 0;
  bool same = true;
  if (!cf_sheet_is_in(c->s->info.layout, CF_SHEET_GRAMS))
    return CF_OK;
  enum cf_err err = rows_begin(c->s, CF_SHEET_GRAMS, &c->rows);
  while (err == CF_OK && same && c->rows.err == CF_OK &&
         chunk_expect(&c->truth->chunks, &at, &key, &value)) {
    same = c->rows.more && cf_str_eq(c->rows.key, key) && cf_str_eq(c->rows.value, value);
    if (same)
      rows_next(&c->rows);
    err = go_on(c);
  }
  if (err == CF_OK && c->rows.err == CF_OK && (!same || c->rows.more))
    differ(c, (cf_u32_get((const uint8_t *)key.p) >> 16) * CF_STRIPE, "grams",
           "does not tell which records hold a text");
  if (err != CF_OK && c->rows.err == CF_OK)
    c->rows.err = err;
  return rows_end(c, &c->rows, "grams");
}

/* ---- the whole ---- */

static enum cf_err index_compare(struct compare *c, unsigned index)
{
  const struct cf_index_info *info = &c->s->info.index[index];
  const char *name = cf_index_name(index);
  c->index = index;
  c->chunks = c->values = c->offsets = 0;
  found_clear(c);
  enum cf_err err = rows_begin(c->s, CF_SHEET_INDEX + index, &c->rows);
  if (err == CF_OK && cf_index_is_exact(index))
    err = exact_compare(c);
  else if (err == CF_OK)
    err = values_compare(c);
  bool whole = err == CF_OK && c->rows.err == CF_OK;
  if (whole &&
      (!info->present || info->chunks != c->chunks || info->missing != c->records - c->offsets ||
       (!cf_segment_is_exact(c->s, index) && info->values != c->values)))
    differ(c, 0, name, "its description is of another index");
  c->truth->entries += c->offsets;
  if (err != CF_OK && c->rows.err == CF_OK)
    c->rows.err = err;
  return rows_end(c, &c->rows, name);
}

static int compare_by_name(const void *a, const void *b)
{
  return strcmp(cf_index_name(*(const unsigned *)a), cf_index_name(*(const unsigned *)b));
}

/* By name, the order of `counts`. */
static enum cf_err indexes_compare(struct compare *c)
{
  unsigned order[CF_I_N];
  unsigned n = 0;
  enum cf_err err = rows_begin(c->s, CF_SHEET_COUNTS, &c->counts);
  for (unsigned i = 0; i < CF_I_N; i++)
    if (cf_index_exists(i))
      order[n++] = i;
  qsort(order, n, sizeof *order, compare_by_name);
  if (err == CF_E_DAMAGED)
    err = CF_OK; /* told at its end */
  for (unsigned k = 0; err == CF_OK && k < n; k++)
    err = index_compare(c, order[k]);
  while (err == CF_OK && c->counts.more) {
    differ(c, 0, "counts", "counts a value that no record has");
    rows_next(&c->counts);
  }
  enum cf_err ended = rows_end(c, &c->counts, "counts");
  return err == CF_OK ? ended : err;
}

/* Layout 1 has none. */
static enum cf_err spans_compare(struct compare *c)
{
  const uint32_t n = c->records / CF_TIMES_RUN;
  if (c->s->info.layout < 2)
    return CF_OK;
  struct cf_span *spans = calloc(2 * (size_t)n, sizeof *spans);
  if (spans == NULL)
    return CF_E_NOMEM;
  struct cf_span *truth = spans + n;
  cf_spans_make(c->truth->times, c->records, truth);
  enum cf_err err = cf_segment_spans(c->s, c->records, spans);
  if (err == CF_E_DAMAGED)
    differ(c, 0, "times", "has no good spans");
  for (uint32_t i = 0; err == CF_OK && i < n; i++)
    if (spans[i].min_us != truth[i].min_us || spans[i].max_us != truth[i].max_us)
      differ(c, i * CF_TIMES_RUN, "times", "has another span than the records");
  free(spans);
  return err == CF_E_DAMAGED ? CF_OK : err;
}

static enum cf_err times_compare(struct compare *c)
{
  int64_t row[CF_TIMES_RUN];
  for (uint32_t at = 0; at < c->records; at += CF_TIMES_RUN) {
    enum cf_err err = go_on(c);
    if (err == CF_OK)
      err = cf_segment_times(c->s, at, CF_TIMES_RUN, row);
    if (err == CF_E_DAMAGED)
      differ(c, at, "times", "cannot be read");
    else if (err != CF_OK)
      return err;
    for (uint32_t i = 0; err == CF_OK && i < CF_TIMES_RUN; i++)
      if (row[i] != c->truth->times[at + i])
        differ(c, at + i, "times", "has another time than the record");
  }
  return CF_OK;
}

/* What follows walks from leaf to leaf, where a search comes from above. */
static enum cf_err trees_check(const struct compare *c)
{
  enum cf_err err = cf_bdb_verify(c->s->pages, c->s->path);
  if (err == CF_E_DAMAGED)
    differ(c, 0, "pages", "do not hang together: a search may miss what is there");
  return err == CF_E_DAMAGED ? CF_OK : err;
}

enum cf_err cf_segment_compare(struct cf_segment *s, struct cf_segment_truth *truth)
{
  struct compare c = {.s = s, .truth = truth, .records = (uint32_t)(s->meta.end - s->meta.first)};
  cf_buf_init(&c.known, cf_segment_keys_max(s));
  cf_buf_init(&c.value, CF_VALUE_KEY_MAX);
  enum cf_err err = cf_bits_new(c.records, &c.found);
  if (err == CF_OK)
    err = trees_check(&c);
  if (err == CF_OK)
    err = times_compare(&c);
  if (err == CF_OK)
    err = grams_compare(&c);
  if (err == CF_OK)
    err = spans_compare(&c);
  if (err == CF_OK)
    err = filter_begin(&c);
  if (err == CF_OK)
    err = indexes_compare(&c);
  cf_bits_free(&c.found);
  cf_buf_fini(&c.known);
  cf_buf_fini(&c.value);
  return err;
}
