/* SPDX-License-Identifier: MIT */
/* Asking a segment which records may hold a text: a row for each gram of it,
 * until no group is left that has them all. */
#include "config.h"

#include "lib/segment/grams_in.h"

#include "lib/base/codec.h"
#include "lib/base/die.h"

/* The row of a gram in a chunk that holds its number; *row is empty where it
 * has none. */
static enum cf_err row_find(uint32_t begins, struct cf_str value, uint32_t number,
                            struct cf_str *row)
{
  struct cf_reader r;
  cf_reader_init(&r, value.p, value.n);
  uint64_t at = begins, next = cf_reader_u32(&r);
  *row = (struct cf_str){"", 0};
  if (r.err != CF_OK || number >= next)
    return CF_E_DAMAGED;
  for (bool first = true; r.err == CF_OK && r.p < r.end && row->n == 0; first = false) {
    uint64_t step = cf_reader_varint(&r), n = cf_reader_varint(&r);
    struct cf_str bytes = cf_reader_bytes(&r, n <= CF_GRAMS_ROW_MAX ? (size_t)n : SIZE_MAX);
    if (r.err != CF_OK || n == 0 || step >= next - at || (step == 0 && !first))
      return CF_E_DAMAGED;
    at += step;
    if (at == number)
      *row = bytes;
    else if (at > number)
      break;
  }
  return CF_OK;
}

/* Keep of the groups those that have the gram. */
static enum cf_err groups_narrow(struct cf_bdb_cursor *cursor, uint32_t number,
                                 struct cf_bits *groups)
{
  uint8_t seek[CF_GRAMS_KEY_N];
  struct cf_str key, value, row;
  struct cf_bits found;
  cf_u32_put(seek, number);
  enum cf_err err =
      cf_bdb_cursor_move(cursor, CF_BDB_AT_MOST, (struct cf_str){(const char *)seek, sizeof seek},
                         &key, &value);
  if (err != CF_OK)
    return err;
  if (key.n != CF_GRAMS_KEY_N || cf_u32_get((const uint8_t *)key.p) > number)
    return CF_E_DAMAGED;
  err = row_find(cf_u32_get((const uint8_t *)key.p), value, number, &row);
  if (err == CF_OK)
    err = cf_bits_new(groups->n, &found);
  if (err != CF_OK)
    return err;
  if (row.n > 0)
    err = cf_grams_row_get(row, &found);
  cf_bits_and(groups, &found);
  cf_bits_free(&found);
  return err;
}

/* The records of one stripe. */
static enum cf_err stripe_search(struct cf_bdb_cursor *cursor, uint32_t stripe,
                                 const uint16_t *grams, size_t n, struct cf_bits *groups)
{
  enum cf_err err = CF_OK;
  cf_bits_set_range(groups, 0, groups->n);
  for (size_t i = 0; i < n && err == CF_OK && cf_bits_next(groups, 0) != UINT32_MAX; i++)
    err = groups_narrow(cursor, stripe << 16 | grams[i], groups);
  return err;
}

static void records_add(const struct cf_bits *groups, uint32_t first, uint32_t from,
                        struct cf_bits *bits)
{
  for (uint32_t g = cf_bits_next(groups, 0); g != UINT32_MAX; g = cf_bits_next(groups, g + 1)) {
    uint32_t at = first + g * CF_GRAMS_GROUP;
    cf_bits_set_range(bits, at > from ? at : from, at + CF_GRAMS_GROUP);
  }
}

static enum cf_err stripes_search(struct cf_segment *s, const uint16_t *grams, size_t n,
                                  uint32_t from, struct cf_bits *bits)
{
  uint32_t records = (uint32_t)(s->meta.end - s->meta.first);
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_bdb *db = NULL;
  enum cf_err err = cf_segment_sheet(s, CF_SHEET_GRAMS, &db);
  if (err == CF_OK)
    err = cf_bdb_cursor_open(db, &cursor);
  for (uint32_t at = from / CF_STRIPE * CF_STRIPE; at < bits->n && err == CF_OK; at += CF_STRIPE) {
    uint32_t held = records - at < CF_STRIPE ? records - at : CF_STRIPE;
    struct cf_bits groups = {NULL, 0};
    err = cf_bits_new(held / CF_GRAMS_GROUP, &groups);
    if (err == CF_OK)
      err = stripe_search(cursor, at / CF_STRIPE, grams, n, &groups);
    if (err == CF_OK)
      records_add(&groups, at, from, bits);
    cf_bits_free(&groups);
  }
  cf_bdb_cursor_close(cursor);
  return cf_segment_spoil(s, err, "grams");
}

enum cf_err cf_segment_search(struct cf_segment *s, struct cf_str needle, uint32_t from,
                              struct cf_bits *bits)
{
  uint16_t grams[CF_GRAMS_NEEDLE];
  size_t n = cf_grams_of(needle, grams);
  CF_ASSERT(bits->n <= s->meta.end - s->meta.first);
  if (n > 0 && cf_sheet_is_in(s->info.layout, CF_SHEET_GRAMS))
    return stripes_search(s, grams, n, from, bits);
  cf_bits_set_range(bits, from, bits->n);
  return CF_OK;
}
