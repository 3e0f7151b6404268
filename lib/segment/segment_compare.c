/* SPDX-License-Identifier: MIT */
/* A segment's indexes against what its records say: both are walked in the
 * order of their keys, and whatever is on one side only is told. */
#include "config.h"

#include "lib/index/postings.h"
#include "lib/segment/bloom_in.h"
#include "lib/segment/segment_in.h"

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
  struct cf_buf key;
  size_t pair; /* where the next id stands in rows.value */
  uint8_t *filter;
  size_t filter_n;
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
  if (rows->err == CF_OK && cf_str_cmp(cf_buf_str(&rows->last), rows->key) >= 0)
    rows->err = CF_E_DAMAGED;
  rows->more = rows->err == CF_OK;
  if (rows->err == CF_E_NOTFOUND)
    rows->err = CF_OK;
}

static enum cf_err rows_begin(struct cf_segment *s, unsigned sheet, struct rows *rows)
{
  struct cf_bdb *db = NULL;
  *rows = (struct rows){.cursor = NULL};
  cf_buf_init(&rows->last, CF_SEGMENT_VALUE_MAX);
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

static void count_compare(struct compare *c, struct cf_str key, const uint32_t *offsets, uint32_t n)
{
  struct rows *rows = &c->counts;
  int order = 1;
  cf_buf_reset(&c->key);
  cf_buf_puts(&c->key, cf_index_name(c->index));
  cf_buf_putc(&c->key, '\0');
  cf_buf_putstr(&c->key, key);
  while (rows->more && (order = cf_str_cmp(rows->key, cf_buf_str(&c->key))) < 0) {
    differ(c, offsets[0], "counts", "counts a value that no record has");
    rows_next(rows);
  }
  bool there = rows->more && order == 0;
  if (!there || rows->value.n != 4 || cf_u32_get((const uint8_t *)rows->value.p) != n)
    differ(c, offsets[0], "counts", "does not say how often the record's value is there");
  if (there)
    rows_next(rows);
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

/* Take one out: what is looked for is cheap, however large the segment. */
static void found_drop(struct compare *c, uint32_t offset)
{
  c->found.w[offset / 64] &= ~(UINT64_C(1) << offset % 64);
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
    count_compare(c, key, offsets, n);
  return c->rows.err != CF_OK ? c->rows.err : go_on(c);
}

/* ---- ids ---- */

static enum cf_err spoil(struct compare *c)
{
  c->rows.more = false;
  return c->rows.err = CF_E_DAMAGED;
}

/* The next pair of the sheet, or *more = false at its end. */
static enum cf_err pair_peek(struct compare *c, uint64_t *fingerprint, uint32_t *offset, bool *more)
{
  struct rows *rows = &c->rows;
  while (rows->more) {
    uint8_t next[CF_ID_KEY_N], end[CF_ID_KEY_N];
    if (rows->value.n < CF_ID_KEY_N || (rows->value.n - CF_ID_KEY_N) % CF_ID_PAIR_N != 0)
      return spoil(c);
    if (c->pair < rows->value.n)
      break;
    memcpy(next, rows->value.p, sizeof next);
    memset(end, 0xff, sizeof end);
    c->chunks++;
    c->pair = CF_ID_KEY_N;
    rows_next(rows);
    struct cf_str follows = rows->more ? rows->key : (struct cf_str){(const char *)end, sizeof end};
    if (rows->err == CF_OK && !cf_str_eq(follows, (struct cf_str){(const char *)next, sizeof next}))
      return spoil(c);
  }
  *more = rows->more;
  if (!rows->more)
    return rows->err;
  const uint8_t *p = (const uint8_t *)rows->value.p + c->pair;
  *fingerprint = cf_u64_get(p);
  *offset = (uint32_t)p[8] << 16 | (uint32_t)p[9] << 8 | p[10];
  return CF_OK;
}

static enum cf_err id_compare(void *context, uint64_t fingerprint, uint32_t offset)
{
  struct compare *c = context;
  uint64_t f = 0;
  uint32_t o = 0;
  bool more = false;
  enum cf_err err = pair_peek(c, &f, &o, &more);
  while (err == CF_OK && more && (f < fingerprint || (f == fingerprint && o < offset))) {
    differ(c, o < c->records ? o : 0, "id", "finds the record by an id that it does not have");
    c->pair += CF_ID_PAIR_N;
    err = pair_peek(c, &f, &o, &more);
  }
  if (err == CF_OK && more && f == fingerprint && o == offset)
    c->pair += CF_ID_PAIR_N;
  else if (err == CF_OK)
    differ(c, offset, "id", "does not find the record by its id");
  if (c->filter_n > 0 && !cf_bloom_may_have(c->filter, c->filter_n, fingerprint))
    differ(c, offset, "id", "its filter does not have the record's id");
  c->offsets++;
  return err != CF_OK ? err : go_on(c);
}

static enum cf_err filter_get(struct compare *c, struct cf_buf *b)
{
  struct cf_bdb *db = NULL;
  enum cf_err err = cf_segment_sheet(c->s, CF_SHEET_INFO, &db);
  if (err == CF_OK)
    err = cf_bdb_get(db, NULL, CF_STR("filter"), b);
  bool good =
      err == CF_OK && b->n > 8 &&
      cf_u64_get(b->p + b->n - 8) ==
          cf_index_fingerprint(c->truth->index, (struct cf_str){(const char *)b->p, b->n - 8});
  if (good) {
    c->filter = b->p;
    c->filter_n = b->n - 8;
  } else if (err == CF_OK || err == CF_E_DAMAGED || err == CF_E_NOTFOUND) {
    differ(c, 0, "id", "has no good filter");
    err = CF_OK;
  }
  return err;
}

static enum cf_err ids_compare(struct compare *c)
{
  struct cf_buf filter;
  uint64_t f;
  uint32_t o;
  bool more = true;
  cf_buf_init(&filter, CF_SEGMENT_VALUE_MAX);
  c->pair = CF_ID_KEY_N;
  enum cf_err err = filter_get(c, &filter);
  if (err == CF_OK)
    err = cf_index_each_id(c->truth->index, c->records, id_compare, c);
  while (err == CF_OK && more && (err = pair_peek(c, &f, &o, &more)) == CF_OK && more) {
    differ(c, o < c->records ? o : 0, "id", "finds the record by an id that it does not have");
    c->pair += CF_ID_PAIR_N;
  }
  c->filter = NULL;
  c->filter_n = 0;
  cf_buf_fini(&filter);
  return err;
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
  if (err == CF_OK && index == CF_M_ID)
    err = ids_compare(c);
  else if (err == CF_OK)
    err = cf_index_each(c->truth->index, index, c->records, value_compare, c);
  if (err == CF_OK && index != CF_M_ID)
    extra_take(c, NULL);
  bool whole = err == CF_OK && c->rows.err == CF_OK;
  if (whole &&
      (!info->present || info->chunks != c->chunks || info->missing != c->records - c->offsets ||
       (index != CF_M_ID && info->values != c->values)))
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

static enum cf_err times_compare(struct compare *c)
{
  int64_t row[CF_ROW_TIMES];
  for (uint32_t at = 0; at < c->records; at += CF_ROW_TIMES) {
    enum cf_err err = go_on(c);
    if (err == CF_OK)
      err = cf_segment_times(c->s, at, CF_ROW_TIMES, row);
    if (err == CF_E_DAMAGED)
      differ(c, at, "times", "cannot be read");
    else if (err != CF_OK)
      return err;
    for (uint32_t i = 0; err == CF_OK && i < CF_ROW_TIMES; i++)
      if (row[i] != c->truth->times[at + i])
        differ(c, at + i, "times", "has another time than the record");
  }
  return CF_OK;
}

enum cf_err cf_segment_compare(struct cf_segment *s, struct cf_segment_truth *truth)
{
  struct compare c = {.s = s, .truth = truth, .records = (uint32_t)(s->meta.end - s->meta.first)};
  cf_buf_init(&c.key, CF_SEGMENT_VALUE_MAX);
  enum cf_err err = cf_bits_new(c.records, &c.found);
  if (err == CF_OK)
    err = times_compare(&c);
  if (err == CF_OK)
    err = indexes_compare(&c);
  if (err == CF_OK)
    err = c.key.err;
  cf_bits_free(&c.found);
  cf_buf_fini(&c.key);
  return err;
}
