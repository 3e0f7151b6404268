/* SPDX-License-Identifier: MIT */
/* Grams as chunks of rows, a stripe of records after the other. */
#include "config.h"

#include "lib/segment/grams_in.h"

#include "lib/base/codec.h"

#define ROW_HEAD_MAX 5 /* two varints */
_Static_assert(CF_GRAMS_ROW_MAX + ROW_HEAD_MAX <= CF_GRAMS_CHUNK_MAX, "a row fits a chunk");

enum cf_err cf_grams_sheet_init(struct cf_grams_sheet *sheet, uint32_t records,
                                enum cf_err (*put)(void *context, struct cf_str key,
                                                   struct cf_str value),
                                void *context)
{
  *sheet = (struct cf_grams_sheet){.put = put, .context = context, .records = records};
  cf_buf_init(&sheet->rows, CF_GRAMS_CHUNK_MAX);
  cf_buf_init(&sheet->head, CF_GRAMS_KEY_N + CF_GRAMS_CHUNK_MAX);
  cf_buf_init(&sheet->row, CF_GRAMS_ROW_MAX);
  return cf_grams_new(&sheet->grams);
}

void cf_grams_sheet_fini(struct cf_grams_sheet *sheet)
{
  cf_grams_free(sheet->grams);
  cf_buf_fini(&sheet->rows);
  cf_buf_fini(&sheet->head);
  cf_buf_fini(&sheet->row);
}

/* Give the chunk; the next one begins at that number. */
static enum cf_err chunk_end(struct cf_grams_sheet *sheet, uint32_t next)
{
  uint8_t key[CF_GRAMS_KEY_N], bytes[CF_GRAMS_KEY_N];
  cf_u32_put(key, sheet->begins);
  cf_u32_put(bytes, next);
  cf_buf_reset(&sheet->head);
  cf_buf_put(&sheet->head, bytes, sizeof bytes);
  cf_buf_putstr(&sheet->head, cf_buf_str(&sheet->rows));
  enum cf_err err = sheet->rows.err != CF_OK ? sheet->rows.err : sheet->head.err;
  if (err == CF_OK)
    err = sheet->put(sheet->context, (struct cf_str){(char *)key, sizeof key},
                     cf_buf_str(&sheet->head));
  cf_buf_reset(&sheet->rows);
  sheet->begins = sheet->before = next;
  return err;
}

static enum cf_err row_add(void *context, uint16_t gram, const struct cf_bits *groups)
{
  struct cf_grams_sheet *sheet = context;
  uint32_t number = (sheet->taken - 1) / CF_STRIPE << 16 | gram;
  enum cf_err err = CF_OK;
  cf_buf_reset(&sheet->row);
  cf_grams_row_put(&sheet->row, groups);
  if (sheet->rows.n + ROW_HEAD_MAX + sheet->row.n > CF_GRAMS_CHUNK_MAX)
    err = chunk_end(sheet, number);
  cf_varint_put(&sheet->rows, number - sheet->before);
  cf_varint_put(&sheet->rows, sheet->row.n);
  cf_buf_putstr(&sheet->rows, cf_buf_str(&sheet->row));
  sheet->before = number;
  return err == CF_OK ? sheet->row.err : err;
}

static enum cf_err stripe_end(struct cf_grams_sheet *sheet)
{
  enum cf_err err = cf_grams_each(sheet->grams, row_add, sheet);
  if (err == CF_OK)
    err = chunk_end(sheet, ((sheet->taken - 1) / CF_STRIPE + 1) << 16);
  cf_grams_reset(sheet->grams);
  return err;
}

enum cf_err cf_grams_sheet_add(struct cf_grams_sheet *sheet, struct cf_values *values)
{
  enum cf_err err = cf_grams_add(sheet->grams, values);
  sheet->taken++;
  if (err == CF_OK && sheet->taken % CF_GRAMS_GROUP == 0)
    err = cf_grams_next(sheet->grams);
  bool full = sheet->taken % CF_STRIPE == 0 || sheet->taken == sheet->records;
  return err == CF_OK && full ? stripe_end(sheet) : err;
}
