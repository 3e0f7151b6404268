/* SPDX-License-Identifier: MIT */
/* Lines of disclosed records, found again by tile. */
#include "config.h"

#include "lib/proof/parcel_records.h"

#include <stdlib.h>

#define LOTS_MAX ((size_t)1 << 22) /* 536 million records */
#define LOT_MAX  (CF_TILE_W * (CF_DISCLOSED_MAX + 1))

void cf_parcel_records_fini(struct cf_parcel_records *records)
{
  free(records->lots);
  records->lots = NULL;
}

/* ---- the list ---- */

static enum cf_err lot_room(struct cf_parcel_records *r)
{
  if (r->n < r->cap)
    return CF_OK;
  size_t cap = r->cap ? 2 * r->cap : 64;
  struct cf_parcel_lot *lots = cap <= LOTS_MAX ? realloc(r->lots, cap * sizeof *lots) : NULL;
  if (lots == NULL)
    return cap <= LOTS_MAX ? CF_E_NOMEM : CF_E_FULL;
  r->lots = lots;
  r->cap = cap;
  return CF_OK;
}

/* The line at that place; *next is what its seq must not be below. */
static enum cf_err line_enter(struct cf_parcel_records *r, struct cf_str line, uint64_t at,
                              uint64_t *next, struct cf_fault *fault)
{
  struct cf_disclosed d;
  enum cf_err err = cf_disclosed_line(line, &d, fault);
  uint64_t seq = d.seq, tile = seq / CF_TILE_W;
  cf_disclosed_fini(&d);
  if (err == CF_OK && (seq < *next || seq == UINT64_MAX))
    err = cf_fail(fault, CF_E_SYNTAX, NULL, "the records are not in order");
  if (err == CF_OK && (r->n == 0 || r->lots[r->n - 1].tile != tile)) {
    err = lot_room(r);
    if (err == CF_OK)
      r->lots[r->n++] = (struct cf_parcel_lot){.tile = tile, .at = at};
  }
  if (err != CF_OK)
    return err;
  struct cf_parcel_lot *lot = &r->lots[r->n - 1];
  lot->n = at + line.n + 1 - lot->at;
  lot->there[seq % CF_TILE_W / 8] |= (uint8_t)(1 << seq % 8);
  *next = seq + 1;
  r->lines++;
  return CF_OK;
}

static enum cf_err line_fail(const struct cf_parcel_records *r, enum cf_err err,
                             const struct cf_fault *why, struct cf_fault *fault)
{
  return err == CF_E_SYNTAX
             ? cf_fail(fault, err, CF_RECORDS_PATH, "line %llu: %s",
                       (unsigned long long)r->lines + 1,
                       why->detail[0] != '\0' ? why->detail : "it is too long, or has no end")
             : err;
}

enum cf_err cf_parcel_records_open(struct cf_parcel_records *records,
                                   const struct cf_parcel *parcel, struct cf_fault *fault)
{
  struct cf_parcel_lines lines;
  struct cf_str line;
  struct cf_fault why = {.detail = ""};
  bool more = true;
  uint64_t next = 0;
  *records = (struct cf_parcel_records){.parcel = parcel};
  const struct cf_parcel_file *file = cf_parcel_find(parcel, CF_STR(CF_RECORDS_PATH));
  if (file == NULL)
    return CF_E_NOTFOUND;
  enum cf_err err = cf_parcel_lines_open(parcel, file, CF_DISCLOSED_MAX, &lines);
  if (err != CF_OK)
    return err;
  while (err == CF_OK && more) {
    err = cf_parcel_lines_next(&lines, &line, &more);
    if (err == CF_OK && more)
      err = line_enter(records, line, lines.at, &next, &why);
  }
  cf_parcel_lines_close(&lines);
  return line_fail(records, err, &why, fault);
}

const struct cf_parcel_lot *cf_parcel_lot_find(const struct cf_parcel_records *records,
                                               uint64_t tile)
{
  size_t low = 0, high = records->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (records->lots[mid].tile < tile)
      low = mid + 1;
    else
      high = mid;
  }
  return low < records->n && records->lots[low].tile == tile ? &records->lots[low] : NULL;
}

/* ---- reading ---- */

static enum cf_err lot_parse(struct cf_str text, struct cf_disclosed out[CF_TILE_W])
{
  enum cf_err err = CF_OK;
  while (err == CF_OK && text.n > 0) {
    struct cf_disclosed d;
    err = cf_disclosed_line(cf_str_cut(&text, '\n'), &d, NULL);
    struct cf_disclosed *place = &out[d.seq % CF_TILE_W];
    cf_disclosed_fini(place);
    *place = d;
  }
  return err;
}

enum cf_err cf_parcel_lot_read(const struct cf_parcel_records *records,
                               const struct cf_parcel_lot *lot, struct cf_disclosed out[CF_TILE_W])
{
  struct cf_buf text;
  memset(out, 0, CF_TILE_W * sizeof *out);
  if (lot == NULL)
    return CF_OK;
  cf_buf_init(&text, LOT_MAX);
  uint8_t *p = cf_buf_grow(&text, (size_t)lot->n);
  enum cf_err err = p == NULL
                        ? text.err
                        : cf_parcel_get_at(records->parcel,
                                           cf_parcel_find(records->parcel, CF_STR(CF_RECORDS_PATH)),
                                           lot->at, p, (size_t)lot->n);
  if (err == CF_OK)
    err = lot_parse(cf_buf_str(&text), out);
  cf_buf_fini(&text);
  return err;
}
