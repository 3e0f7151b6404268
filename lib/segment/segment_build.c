/* SPDX-License-Identifier: MIT */
/* Building a segment: each sheet is filled in the order of its keys in one
 * pass, then the file is synced, its pages summed, and read back through a new
 * environment that holds them against their sums, and compared by digests. Then
 * the sums are put in their place, the file is renamed, and the directory
 * synced: the name is never there before all that belongs to it. */
#include "config.h"

#include "lib/index/postings.h"
#include "lib/segment/bloom_in.h"
#include "lib/segment/pages_in.h"
#include "lib/segment/segment_in.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/base/file.h"

#define CACHE       (4u << 20)
#define SMALL       16384 /* records */
#define PAGE_SMALL  (16u << 10)
#define PAGE_LARGE  (32u << 10)
#define PENDING_MAX 32768

/* A digest over all keys and values of a sheet. Short pieces are gathered
 * first. */
struct sum {
  struct cf_sha256 *sha;
  struct cf_buf pending;
};

struct sheet {
  struct cf_bdb *db;
  struct sum sum;
  uint8_t digest[CF_HASH_N];
};

struct build {
  const struct cf_segment_source *source;
  struct cf_segment_info info;
  uint32_t records;
  uint32_t page;
  const char *path;
  struct cf_bdb_env *env;
  struct cf_pages *pages; /* of the file as it was written */
  struct sheet sheet[CF_SHEET_N];
  struct cf_buf key, value;
  unsigned index; /* the one being walked */
  uint8_t id_key[CF_ID_KEY_N];
  struct cf_buf pairs; /* of the chunk of ids being filled */
  uint64_t *fingerprints;
  uint32_t ids;
};

/* ---- digests ---- */

static enum cf_err sum_begin(struct sum *sum)
{
  cf_buf_init(&sum->pending, SIZE_MAX);
  return cf_sha256_new(&sum->sha);
}

static void sum_free(struct sum *sum)
{
  cf_buf_fini(&sum->pending);
  cf_sha256_free(sum->sha);
  sum->sha = NULL;
}

static void sum_flush(struct sum *sum)
{
  cf_sha256_add(sum->sha, sum->pending.p, sum->pending.n);
  cf_buf_reset(&sum->pending);
}

static enum cf_err sum_add(struct sum *sum, struct cf_str key, struct cf_str value)
{
  uint8_t lengths[8];

  cf_u32_put(lengths, (uint32_t)key.n);
  cf_u32_put(lengths + 4, (uint32_t)value.n);
  cf_buf_put(&sum->pending, lengths, sizeof lengths);
  cf_buf_putstr(&sum->pending, key);
  cf_buf_putstr(&sum->pending, value);
  enum cf_err err = sum->pending.err;
  if (err == CF_OK && sum->pending.n >= PENDING_MAX)
    sum_flush(sum);
  return err;
}

static void sum_end(struct sum *sum, uint8_t digest[CF_HASH_N])
{
  sum_flush(sum);
  cf_sha256_end(sum->sha, digest);
}

/* ---- sheets ---- */

/* A file that is being made holds nothing that could be damaged: the database
 * failed. */
static enum cf_err made(enum cf_err err)
{
  return err == CF_E_DAMAGED || err == CF_E_NOTFOUND ? CF_E_STORE : err;
}

static enum cf_err row_put(struct build *b, unsigned sheet, struct cf_str key, struct cf_str value)
{
  struct sheet *s = &b->sheet[sheet];
  enum cf_err err = sum_add(&s->sum, key, value);

  return err != CF_OK ? err : made(cf_bdb_put(s->db, NULL, key, value));
}

static enum cf_err put_row(struct build *b, unsigned sheet, uint32_t row, struct cf_str value)
{
  uint8_t key[4];

  cf_u32_put(key, row);
  return row_put(b, sheet, (struct cf_str){(char *)key, sizeof key}, value);
}

static void put_u32(struct cf_buf *b, uint32_t v)
{
  uint8_t bytes[4];

  cf_u32_put(bytes, v);
  cf_buf_put(b, bytes, sizeof bytes);
}

/* ---- blocks, hashes, times ---- */

/* The pieces of a block behind the first. */
static enum cf_err put_pieces(struct build *b, uint32_t block, struct cf_str rest, size_t max)
{
  enum cf_err err = CF_OK;
  uint8_t key[6];

  cf_u32_put(key, block);
  for (uint16_t piece = 1; rest.n > 0 && err == CF_OK; piece++) {
    struct cf_str s = {rest.p, rest.n < max ? rest.n : max};
    cf_u16_put(key + 4, piece);
    err = row_put(b, CF_SHEET_BLOCKS, (struct cf_str){(char *)key, sizeof key}, s);
    rest.p += s.n;
    rest.n -= s.n;
  }
  return err;
}

static enum cf_err put_block(struct build *b, uint32_t block)
{
  struct cf_buf whole;

  cf_buf_init(&whole, CF_SEGMENT_VALUE_MAX);
  enum cf_err err = b->source->block(b->source->context, block, &whole);
  if (err == CF_OK)
    err = whole.err;
  size_t max = cf_piece_max(b->page, whole.n), n = whole.n < max ? whole.n : max;
  cf_buf_reset(&b->value);
  cf_buf_put(&b->value, whole.p, n);
  put_u32(&b->value, (uint32_t)whole.n);
  if (err == CF_OK)
    err = b->value.err;
  if (err == CF_OK)
    err = put_row(b, CF_SHEET_BLOCKS, block, cf_buf_str(&b->value));
  if (err == CF_OK)
    err = put_pieces(b, block, (struct cf_str){(char *)whole.p + n, whole.n - n}, max);
  cf_buf_fini(&whole);
  return err;
}

static enum cf_err put_blocks(struct build *b)
{
  enum cf_err err = CF_OK;

  for (uint32_t i = 0; i < b->records / CF_GROUP && err == CF_OK; i++)
    err = put_block(b, i);
  return err;
}

static enum cf_err put_hashes(struct build *b)
{
  uint8_t row[CF_ROW_HASHES * CF_HASH_N];
  enum cf_err err = CF_OK;

  for (uint32_t i = 0; i < b->records / CF_ROW_HASHES && err == CF_OK; i++) {
    err = b->source->hashes(b->source->context, i * CF_ROW_HASHES, CF_ROW_HASHES, row);
    if (err == CF_OK)
      err = put_row(b, CF_SHEET_HASHES, i, (struct cf_str){(char *)row, sizeof row});
  }
  return err;
}

static enum cf_err put_times(struct build *b)
{
  int64_t row[CF_ROW_TIMES];
  enum cf_err err = CF_OK;

  for (uint32_t i = 0; i < b->records / CF_ROW_TIMES && err == CF_OK; i++) {
    err = b->source->times(b->source->context, i * CF_ROW_TIMES, CF_ROW_TIMES, row);
    cf_buf_reset(&b->value);
    for (unsigned k = 0; err == CF_OK && k < CF_ROW_TIMES; k++)
      cf_varint_put_signed(&b->value, row[k] - (k == 0 ? 0 : row[k - 1]));
    if (err == CF_OK)
      err = b->value.err;
    if (err == CF_OK)
      err = put_row(b, CF_SHEET_TIMES, i, cf_buf_str(&b->value));
  }
  return err;
}

/* ---- indexes ---- */

static enum cf_err put_count(struct build *b, struct cf_str key, uint32_t n)
{
  uint8_t count[4];

  cf_u32_put(count, n);
  cf_buf_reset(&b->key);
  cf_buf_puts(&b->key, cf_index_name(b->index));
  cf_buf_putc(&b->key, '\0');
  cf_buf_putstr(&b->key, key);
  return b->key.err != CF_OK ? b->key.err
                             : row_put(b, CF_SHEET_COUNTS, cf_buf_str(&b->key),
                                       (struct cf_str){(char *)count, sizeof count});
}

static enum cf_err put_chunk(struct build *b, struct cf_str key, const uint32_t *offsets,
                             uint32_t n)
{
  uint8_t ordinal[CF_ORDINAL_N];

  cf_u16_put(ordinal, (uint16_t)b->info.index[b->index].chunks++);
  cf_buf_reset(&b->key);
  cf_buf_reset(&b->value);
  cf_buf_putstr(&b->key, key);
  put_u32(&b->key, offsets[0]);
  cf_buf_put(&b->value, ordinal, sizeof ordinal);
  cf_chunk_put(&b->value, offsets, n);
  if (b->key.err != CF_OK || b->value.err != CF_OK)
    return CF_E_NOMEM;
  return row_put(b, CF_SHEET_INDEX + b->index, cf_buf_str(&b->key), cf_buf_str(&b->value));
}

static enum cf_err put_value(void *context, struct cf_str key, const uint32_t *offsets, uint32_t n)
{
  struct build *b = context;
  struct cf_index_info *info = &b->info.index[b->index];
  enum cf_err err = CF_OK;

  for (uint32_t at = 0, k; at < n && err == CF_OK; at += k) {
    k = cf_chunk_take(offsets + at, n - at);
    err = put_chunk(b, key, offsets + at, k);
  }
  info->values++;
  info->missing -= n;
  return err == CF_OK && n > 1 ? put_count(b, key, n) : err;
}

static void put_id_key(uint8_t out[CF_ID_KEY_N], uint64_t fingerprint, uint32_t offset)
{
  cf_u64_put(out, fingerprint);
  cf_u32_put(out + 8, offset);
}

/* Write the chunk of ids gathered so far; the next one begins with the pair. */
static enum cf_err flush_ids(struct build *b, uint64_t fingerprint, uint32_t offset)
{
  uint8_t next[CF_ID_KEY_N];

  put_id_key(next, fingerprint, offset);
  cf_buf_reset(&b->value);
  cf_buf_put(&b->value, next, sizeof next);
  cf_buf_putstr(&b->value, cf_buf_str(&b->pairs));
  enum cf_err err = b->value.err != CF_OK ? b->value.err : b->pairs.err;
  if (err == CF_OK)
    err = row_put(b, CF_SHEET_INDEX + CF_M_ID, (struct cf_str){(char *)b->id_key, sizeof b->id_key},
                  cf_buf_str(&b->value));
  memcpy(b->id_key, next, sizeof next);
  cf_buf_reset(&b->pairs);
  b->info.index[CF_M_ID].chunks++;
  return err;
}

static enum cf_err put_id(void *context, uint64_t fingerprint, uint32_t offset)
{
  struct build *b = context;
  uint8_t pair[CF_ID_KEY_N];
  enum cf_err err = CF_OK;

  if (b->pairs.n == CF_ID_PAIRS_MAX * CF_ID_PAIR_N)
    err = flush_ids(b, fingerprint, offset);
  put_id_key(pair, fingerprint, offset);
  memmove(pair + 8, pair + 9, 3);
  cf_buf_put(&b->pairs, pair, CF_ID_PAIR_N);
  if (b->ids == 0 || b->fingerprints[b->ids - 1] != fingerprint)
    b->info.index[CF_M_ID].values++;
  b->info.index[CF_M_ID].missing--;
  b->fingerprints[b->ids++] = fingerprint;
  return err;
}

static enum cf_err put_filter(struct build *b)
{
  size_t size = cf_bloom_size(b->ids);
  uint8_t check[8];

  cf_buf_reset(&b->value);
  uint8_t *filter = cf_buf_grow(&b->value, size);
  if (filter == NULL)
    return b->value.err;
  memset(filter, 0, size);
  for (uint32_t i = 0; i < b->ids; i++)
    cf_bloom_add(filter, size, b->fingerprints[i]);
  cf_u64_put(check, cf_index_fingerprint(b->source->index, cf_buf_str(&b->value)));
  cf_buf_put(&b->value, check, sizeof check);
  return b->value.err != CF_OK ? b->value.err
                               : row_put(b, CF_SHEET_INFO, CF_STR("filter"), cf_buf_str(&b->value));
}

static enum cf_err put_ids(struct build *b)
{
  b->fingerprints = malloc(b->records * sizeof *b->fingerprints);
  if (b->fingerprints == NULL)
    return CF_E_NOMEM;
  enum cf_err err = cf_index_each_id(b->source->index, b->records, put_id, b);
  if (err == CF_OK)
    err = flush_ids(b, UINT64_MAX, UINT32_MAX);
  return err == CF_OK ? put_filter(b) : err;
}

static int compare_by_name(const void *a, const void *b)
{
  return strcmp(cf_index_name(*(const unsigned *)a), cf_index_name(*(const unsigned *)b));
}

/* By name, so that `counts` is filled in order too. */
static enum cf_err put_indexes(struct build *b)
{
  unsigned order[CF_I_N];
  unsigned n = 0;
  enum cf_err err = CF_OK;

  for (unsigned i = 0; i < CF_I_N; i++)
    if (cf_index_exists(i))
      order[n++] = i;
  qsort(order, n, sizeof *order, compare_by_name);
  for (unsigned k = 0; k < n && err == CF_OK; k++) {
    b->index = order[k];
    b->info.index[b->index] = (struct cf_index_info){.present = true, .missing = b->records};
    err = b->index == CF_M_ID ? put_ids(b)
                              : cf_index_each(b->source->index, b->index, b->records, put_value, b);
  }
  return err;
}

/* Behind "checkpoint" and "filter". */
static enum cf_err put_info(struct build *b)
{
  cf_buf_reset(&b->value);
  cf_segment_info_put(&b->info, &b->value);
  return b->value.err != CF_OK
             ? b->value.err
             : row_put(b, CF_SHEET_INFO, CF_STR("segment"), cf_buf_str(&b->value));
}

/* ---- the file ---- */

static enum cf_err open_sheets(struct build *b)
{
  enum cf_err err = CF_OK;

  for (unsigned i = 0; i < CF_SHEET_N && err == CF_OK; i++) {
    if (cf_sheet_name(i) == NULL)
      continue;
    err = sum_begin(&b->sheet[i].sum);
    if (err == CF_OK)
      err = made(cf_bdb_open(b->env, NULL, b->path, cf_sheet_name(i), CF_BDB_CREATE, b->page,
                             &b->sheet[i].db));
  }
  return err;
}

static void close_sheets(struct build *b)
{
  for (unsigned i = 0; i < CF_SHEET_N; i++) {
    cf_bdb_close(b->sheet[i].db);
    sum_free(&b->sheet[i].sum);
  }
}

/* All sheets share the file's pages: syncing one syncs them all. */
static enum cf_err sheets_fill(struct build *b)
{
  enum cf_err err = open_sheets(b);

  if (err == CF_OK)
    err = put_blocks(b);
  if (err == CF_OK)
    err = put_hashes(b);
  if (err == CF_OK)
    err = put_times(b);
  if (err == CF_OK)
    err = row_put(b, CF_SHEET_INFO, CF_STR("checkpoint"), b->source->checkpoint);
  if (err == CF_OK)
    err = put_indexes(b);
  if (err == CF_OK)
    err = put_info(b);
  if (err == CF_OK)
    err = made(cf_bdb_sync(b->sheet[CF_SHEET_INFO].db));
  for (unsigned i = 0; i < CF_SHEET_N && err == CF_OK; i++)
    if (cf_sheet_name(i) != NULL)
      sum_end(&b->sheet[i].sum, b->sheet[i].digest);
  return err;
}

static enum cf_err write_file(struct build *b, struct cf_fault *fault)
{
  enum cf_err err = cf_bdb_env_open_file(NULL, CACHE, &b->env, fault);

  if (err != CF_OK)
    return err;
  err = sheets_fill(b);
  close_sheets(b);
  cf_bdb_env_close(b->env);
  b->env = NULL;
  return err == CF_OK
             ? CF_OK
             : cf_fail(fault, err, b->path, "the segment cannot be written: %s", cf_err_title(err));
}

static enum cf_err sum_sheet(struct cf_bdb *db, struct sum *sum, uint8_t digest[CF_HASH_N])
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;

  enum cf_err err = cf_bdb_cursor_open(db, &cursor);
  if (err != CF_OK)
    return err;
  while (err == CF_OK) {
    err = cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &key, &value);
    if (err == CF_OK)
      err = sum_add(sum, key, value);
  }
  cf_bdb_cursor_close(cursor);
  if (err != CF_E_NOTFOUND)
    return err;
  sum_end(sum, digest);
  return CF_OK;
}

static enum cf_err check_sheet(struct build *b, unsigned sheet)
{
  struct cf_bdb *db = NULL;
  struct sum sum = {NULL, {0}};
  uint8_t digest[CF_HASH_N];

  enum cf_err err = cf_bdb_open(b->env, NULL, b->path, cf_sheet_name(sheet), CF_BDB_READ, 0, &db);
  if (err == CF_OK)
    err = sum_begin(&sum);
  if (err == CF_OK)
    err = sum_sheet(db, &sum, digest);
  if (err == CF_OK && memcmp(digest, b->sheet[sheet].digest, sizeof digest) != 0)
    err = CF_E_STORE;
  cf_bdb_close(db);
  sum_free(&sum);
  return err;
}

static enum cf_err read_back(struct build *b, struct cf_fault *fault)
{
  unsigned sheet = 0;
  enum cf_err err = cf_bdb_env_open_file(b->pages, CACHE, &b->env, fault);

  if (err != CF_OK)
    return err;
  for (; sheet < CF_SHEET_N && err == CF_OK; sheet++)
    if (cf_sheet_name(sheet) != NULL)
      err = check_sheet(b, sheet);
  cf_bdb_env_close(b->env);
  b->env = NULL;
  if (err == CF_OK || err == CF_E_NOMEM)
    return err;
  return cf_fail(fault, CF_E_STORE, b->path, "the segment does not read back as written, in %s",
                 cf_sheet_name(sheet - 1));
}

/* The new name is on disk when this returns. */
static enum cf_err file_publish(const char *from, const char *to, struct cf_fault *fault)
{
  if (rename(from, to) != 0)
    return cf_fail_errno(fault, CF_E_STORE, to, "the segment cannot be renamed");
  if (!cf_file_sync_name(to))
    cf_die("fsync of the directory of %s: %s", to, strerror(errno));
  return CF_OK;
}

static enum cf_err build_file(struct build *b, const char *path, struct cf_fault *fault)
{
  cf_bdb_discard(b->path);
  enum cf_err err = write_file(b, fault);
  if (err == CF_OK)
    err = made(cf_pages_sum(b->path, NULL, NULL, &b->pages, fault));
  if (err == CF_OK)
    err = read_back(b, fault);
  if (err == CF_OK)
    err = cf_pages_put(b->pages, path, fault);
  if (err == CF_OK)
    err = file_publish(b->path, path, fault);
  if (err != CF_OK)
    cf_bdb_discard(b->path);
  return err;
}

static void build_init(struct build *b, const struct cf_segment_source *source,
                       const struct cf_segment_meta *meta)
{
  memset(b, 0, sizeof *b);
  b->source = source;
  b->info.tag = cf_index_fingerprint(source->index, CF_SEGMENT_TAG);
  b->info.meta = *meta;
  b->info.meta.bytes = 0;
  b->info.meta.sworn = false;
  b->records = (uint32_t)(meta->end - meta->first);
  b->page = b->records < SMALL ? PAGE_SMALL : PAGE_LARGE;
  cf_buf_init(&b->key, CF_SEGMENT_VALUE_MAX);
  cf_buf_init(&b->value, CF_SEGMENT_VALUE_MAX);
  cf_buf_init(&b->pairs, CF_SEGMENT_VALUE_MAX);
}

static void build_fini(struct build *b)
{
  cf_buf_fini(&b->key);
  cf_buf_fini(&b->value);
  cf_buf_fini(&b->pairs);
  cf_pages_free(b->pages);
  free(b->fingerprints);
}

enum cf_err cf_segment_build(const char *directory, const struct cf_segment_source *source,
                             struct cf_segment_meta *meta, struct cf_fault *fault)
{
  struct build b;
  char name[64];
  enum cf_err err = CF_E_NOMEM;

  CF_ASSERT(meta->first % CF_ROW_TIMES == 0 && meta->end % CF_ROW_TIMES == 0 &&
            meta->first < meta->end && meta->end - meta->first <= CF_OFFSET_MAX);
  build_init(&b, source, meta);
  cf_segment_name(meta, name);
  char *path = cf_segment_path(directory, name, "");
  char *temporary = cf_segment_path(directory, name, ".new");
  if (path != NULL && temporary != NULL) {
    b.path = temporary;
    err = build_file(&b, path, fault);
  }
  if (err == CF_OK) {
    meta->bytes = b.pages->n * b.pages->page;
    meta->sworn = true;
    cf_pages_digest(b.pages, meta->digest);
  }
  free(path);
  free(temporary);
  build_fini(&b);
  return err;
}
