/* SPDX-License-Identifier: MIT */
/* Reading a segment. Nothing in the file is taken on trust: what does not fit
 * the layout to the last byte is damage, and a search that finds less than
 * there should be notices it by the ordinals and limits of its neighbours. */
#include "config.h"

#include "lib/segment/pages_in.h"
#include "lib/segment/segment_in.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"

#define INFO_MAX 4096

/* ---- opening ---- */

enum cf_err cf_segment_spoil(struct cf_segment *s, enum cf_err err, const char *what)
{
  if (err == CF_E_NOTFOUND || err == CF_E_SYNTAX || err == CF_E_FULL)
    err = CF_E_DAMAGED;
  if (err != CF_E_DAMAGED)
    return err;
  static struct cf_log_rate rate;
  if (!atomic_exchange(&s->spent, true))
    cf_log_rated(&rate, CF_LOG_ERROR, "segment %" PRIu64 "-%" PRIu64 ": damaged: %s", s->meta.first,
                 s->meta.end, what);
  return err;
}

static enum cf_err open_sheet(struct cf_segment *s, unsigned sheet, struct cf_bdb **out)
{
  enum cf_err err = CF_OK;

  pthread_mutex_lock(&s->lock);
  struct cf_bdb *db = atomic_load(&s->db[sheet]);
  if (db == NULL)
    err = cf_bdb_open(s->env, NULL, s->path, cf_sheet_name(sheet), CF_BDB_READ, 0, &db);
  if (err == CF_OK)
    atomic_store(&s->db[sheet], db);
  pthread_mutex_unlock(&s->lock);
  if (err == CF_OK)
    *out = db;
  return cf_segment_spoil(s, err, cf_sheet_name(sheet));
}

enum cf_err cf_segment_sheet(struct cf_segment *s, unsigned sheet, struct cf_bdb **out)
{
  struct cf_bdb *db = atomic_load(&s->db[sheet]);

  if (db == NULL)
    return open_sheet(s, sheet, out);
  *out = db;
  return CF_OK;
}

/* What a key of a sheet holds replaces b's content. */
static enum cf_err sheet_get(struct cf_segment *s, unsigned sheet, struct cf_str key,
                             struct cf_buf *b)
{
  struct cf_bdb *db = NULL;

  enum cf_err err = cf_segment_sheet(s, sheet, &db);
  if (err == CF_OK)
    err = cf_bdb_get(db, NULL, key, b);
  return cf_segment_spoil(s, err, cf_sheet_name(sheet));
}

static enum cf_err get_row(struct cf_segment *s, unsigned sheet, uint32_t row, struct cf_buf *b)
{
  uint8_t key[4];

  cf_u32_put(key, row);
  return sheet_get(s, sheet, (struct cf_str){(char *)key, sizeof key}, b);
}

static enum cf_err read_info(struct cf_segment *s, uint64_t tag)
{
  struct cf_buf b;

  cf_buf_init(&b, INFO_MAX);
  enum cf_err err = sheet_get(s, CF_SHEET_INFO, CF_STR("segment"), &b);
  if (err == CF_OK)
    err = cf_segment_spoil(s, cf_segment_info_get(cf_buf_str(&b), &s->info),
                           "its description is not well-formed");
  if (err == CF_OK && (s->info.tag != tag || !cf_segment_meta_same(&s->info.meta, &s->meta)))
    err = cf_segment_spoil(s, CF_E_DAMAGED, "the file is another segment, or another ledger's");
  cf_buf_fini(&b);
  return err;
}

/* Of one that is not sworn the size alone: the library takes badly to a file
 * that was cut. */
static enum cf_err load_pages(struct cf_segment *s)
{
  struct cf_fault fault = {{0}, {0}};

  enum cf_err err = s->meta.sworn
                        ? cf_pages_load(s->path, s->meta.bytes, s->meta.digest, &s->pages, &fault)
                        : cf_pages_size_check(s->path, s->meta.bytes, &fault);
  if (err == CF_OK && s->meta.sworn)
    err = cf_pages_read_head(s->pages, &fault);
  return cf_segment_spoil(s, err, cf_fault_text(&fault, err));
}

enum cf_err cf_segment_open(struct cf_segment *s, const char *directory, const char *name,
                            uint64_t tag, uint64_t cache)
{
  s->path = cf_segment_path(directory, name, "");
  if (s->path == NULL)
    return CF_E_NOMEM;
  enum cf_err err = s->pages == NULL ? load_pages(s) : CF_OK;
  uint64_t sums_n = s->pages == NULL ? 0 : cf_pages_memory(s->pages);
  if (err == CF_OK)
    err = cf_bdb_env_open_file(s->pages, cache > sums_n ? cache - sums_n : 0, &s->env, NULL);
  if (err == CF_OK)
    err = read_info(s, tag);
  return err;
}

void cf_segment_close(struct cf_segment *s)
{
  for (unsigned i = 0; i < CF_SHEET_N; i++)
    cf_bdb_close(atomic_exchange(&s->db[i], NULL));
  cf_bdb_env_close(s->env);
  s->env = NULL;
  cf_pages_free(s->pages);
  s->pages = NULL;
  free(s->path);
  s->path = NULL;
}

/* ---- blocks, hashes, times ---- */

static uint32_t records_of(const struct cf_segment *s)
{
  return (uint32_t)(s->meta.end - s->meta.first);
}

/* Append the pieces behind the first until b holds total bytes. */
static enum cf_err get_pieces(struct cf_segment *s, uint32_t block, size_t total, struct cf_buf *b)
{
  struct cf_buf piece;
  uint8_t key[6];
  enum cf_err err = CF_OK;

  cf_buf_init(&piece, CF_SEGMENT_VALUE_MAX);
  cf_u32_put(key, block);
  for (uint16_t k = 1; b->n < total && err == CF_OK; k++) {
    cf_u16_put(key + 4, k);
    err = sheet_get(s, CF_SHEET_BLOCKS, (struct cf_str){(char *)key, sizeof key}, &piece);
    if (err == CF_OK && (piece.n == 0 || piece.n > total - b->n))
      err = cf_segment_spoil(s, CF_E_DAMAGED, "a block has pieces that do not add up");
    if (err == CF_OK)
      cf_buf_putstr(b, cf_buf_str(&piece));
    if (err == CF_OK)
      err = b->err;
  }
  cf_buf_fini(&piece);
  return err;
}

enum cf_err cf_segment_block(struct cf_segment *s, uint32_t i, struct cf_buf *b)
{
  CF_ASSERT(i < records_of(s) / CF_GROUP);
  enum cf_err err = get_row(s, CF_SHEET_BLOCKS, i, b);
  if (err != CF_OK)
    return err;
  if (b->n < 4)
    return cf_segment_spoil(s, CF_E_DAMAGED, "a block is too short");
  uint32_t total = cf_u32_get(b->p + b->n - 4);
  cf_buf_cut(b, 4);
  if (total < b->n || total > CF_SEGMENT_VALUE_MAX)
    return cf_segment_spoil(s, CF_E_DAMAGED, "a block does not have its length");
  return get_pieces(s, i, total, b);
}

static enum cf_err hashes_row(struct cf_segment *s, uint32_t row, uint32_t from, uint32_t n,
                              struct cf_buf *b, uint8_t *out)
{
  enum cf_err err = get_row(s, CF_SHEET_HASHES, row, b);

  if (err != CF_OK)
    return err;
  if (b->n != CF_ROW_HASHES * CF_HASH_N)
    return cf_segment_spoil(s, CF_E_DAMAGED, "a row of hashes does not have its length");
  memcpy(out, b->p + from * CF_HASH_N, (size_t)n * CF_HASH_N);
  return CF_OK;
}

enum cf_err cf_segment_hashes(struct cf_segment *s, uint32_t offset, uint32_t n, uint8_t *out)
{
  struct cf_buf b;
  enum cf_err err = CF_OK;

  CF_ASSERT(offset <= records_of(s) && n <= records_of(s) - offset);
  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  while (n > 0 && err == CF_OK) {
    uint32_t from = offset % CF_ROW_HASHES;
    uint32_t k = n < CF_ROW_HASHES - from ? n : CF_ROW_HASHES - from;
    err = hashes_row(s, offset / CF_ROW_HASHES, from, k, &b, out);
    offset += k;
    n -= k;
    out += (size_t)k * CF_HASH_N;
  }
  cf_buf_fini(&b);
  return err;
}

static enum cf_err times_row(struct cf_segment *s, uint32_t row, struct cf_buf *b,
                             int64_t out[CF_ROW_TIMES])
{
  struct cf_reader r;
  int64_t time = 0;
  bool good = true;

  enum cf_err err = get_row(s, CF_SHEET_TIMES, row, b);
  if (err != CF_OK)
    return err;
  cf_reader_init(&r, b->p, b->n);
  for (unsigned i = 0; i < CF_ROW_TIMES && good; i++) {
    good = !__builtin_add_overflow(time, cf_reader_varint_signed(&r), &time) &&
           time >= s->meta.time_min_us && time <= s->meta.time_max_us;
    out[i] = time;
  }
  return good && cf_reader_at_end(&r)
             ? CF_OK
             : cf_segment_spoil(s, CF_E_DAMAGED, "a row of times is not well-formed");
}

enum cf_err cf_segment_times(struct cf_segment *s, uint32_t offset, uint32_t n, int64_t *out)
{
  int64_t row[CF_ROW_TIMES];
  struct cf_buf b;
  enum cf_err err = CF_OK;

  CF_ASSERT(offset <= records_of(s) && n <= records_of(s) - offset);
  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  while (n > 0 && err == CF_OK) {
    uint32_t from = offset % CF_ROW_TIMES;
    uint32_t k = n < CF_ROW_TIMES - from ? n : CF_ROW_TIMES - from;
    err = times_row(s, offset / CF_ROW_TIMES, &b, row);
    if (err == CF_OK)
      memcpy(out, row + from, k * sizeof *out);
    offset += k;
    n -= k;
    out += k;
  }
  cf_buf_fini(&b);
  return err;
}
