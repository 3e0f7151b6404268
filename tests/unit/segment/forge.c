/* SPDX-License-Identifier: MIT */
/* A forger of ledgers. */
#include "config.h"

#include "tests/unit/segment/forge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/codec.h"
#include "lib/base/crypto.h"
#include "lib/base/die.h"
#include "lib/segment/block.h"
#include "lib/segment/fuse_in.h"
#include "lib/segment/id_chunk_in.h"
#include "lib/segment/pages_in.h"
#include "lib/segment/segment_in.h"

#define OPEN_MAX_N 32
#define CACHE      (1u << 20)
#define VALUE_MAX  4096

struct cf_segment_meta forge_meta;
static struct cf_bdb_env *env, *file;
static struct cf_bdb *opened[OPEN_MAX_N]; /* tables, or sheets */
static const char *opened_as[OPEN_MAX_N];
static unsigned opened_n;
static const char *directory; /* DATA */
static char path[512];        /* of the segment's file */

void forge_must(enum cf_err err, const char *what)
{
  if (err != CF_OK)
    cf_die("cannot forge %s: %s", what, cf_err_word(err));
}

struct cf_str forge_bytes(const void *p, size_t n)
{
  return (struct cf_str){p, n};
}

static struct cf_bdb *open_one(struct cf_bdb_env *in, const char *name, const char *sheet,
                               enum cf_bdb_open how)
{
  const char *as = sheet != NULL ? sheet : name;
  for (unsigned i = 0; i < opened_n; i++)
    if (strcmp(opened_as[i], as) == 0)
      return opened[i];
  CF_ASSERT(opened_n < OPEN_MAX_N);
  forge_must(cf_bdb_open(in, NULL, name, sheet, how, 16384, &opened[opened_n]), as);
  opened_as[opened_n] = as;
  return opened[opened_n++];
}

/* ---- tables ---- */

void forge_tables_open(const char *data)
{
  char name[512];
  snprintf(name, sizeof name, "%s/env", data);
  forge_must(cf_bdb_env_open(name, CACHE, false, &env, NULL), name);
}

struct cf_bdb *forge_table(const char *name)
{
  return open_one(env, name, NULL, CF_BDB_READ);
}

void forge_tables_close(void)
{
  while (opened_n > 0)
    cf_bdb_close(opened[--opened_n]);
  cf_bdb_env_close(env);
  env = NULL;
}

/* The second of its secrets. */
void forge_fingerprint_key(const char *data, uint8_t key[16])
{
  struct cf_buf b;
  cf_buf_init(&b, VALUE_MAX);
  forge_tables_open(data);
  forge_must(cf_bdb_get(forge_table("meta"), NULL, CF_STR("secrets"), &b), "secrets");
  CF_ASSERT(b.n == CF_SEED_N + 16);
  memcpy(key, b.p + CF_SEED_N, 16);
  forge_tables_close();
  cf_buf_fini(&b);
}

/* ---- segments ---- */

static void catalogue_read(unsigned n)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  forge_tables_open(directory);
  forge_must(cf_bdb_cursor_open(forge_table("catalogue"), &cursor), "catalogue");
  for (enum cf_bdb_move move = CF_BDB_FIRST; n > 0; n--, move = CF_BDB_NEXT)
    forge_must(cf_bdb_cursor_move(cursor, move, CF_STR(""), &key, &value), "a segment");
  forge_must(cf_segment_meta_get(value, &forge_meta), "its row");
  cf_bdb_cursor_close(cursor);
  forge_tables_close();
}

static void catalogue_write(void)
{
  struct cf_buf b;
  uint8_t key[8];
  cf_buf_init(&b, VALUE_MAX);
  cf_u64_put(key, forge_meta.first);
  cf_segment_meta_put(&forge_meta, &b);
  forge_tables_open(directory);
  forge_must(cf_bdb_put(forge_table("catalogue"), NULL, forge_bytes(key, sizeof key),
                        cf_buf_str(&b)),
             "its row");
  forge_tables_close();
  cf_buf_fini(&b);
}

void forge_begin(const char *data, unsigned n)
{
  char name[64];
  directory = data;
  catalogue_read(n);
  cf_segment_name(&forge_meta, name);
  snprintf(path, sizeof path, "%s/segments/%s", data, name);
  forge_must(cf_bdb_env_open_file(NULL, CACHE, &file, NULL), path);
}

struct cf_bdb *forge_sheet(const char *name)
{
  return open_one(file, path, name, CF_BDB_CREATE);
}

static void sums_write(void)
{
  struct cf_pages *pages = NULL;
  struct stat st;
  forge_must(cf_pages_sum(path, NULL, NULL, &pages, NULL), "sums");
  forge_must(cf_pages_put(pages, path, NULL), "sums");
  cf_pages_digest(pages, forge_meta.digest);
  cf_pages_free(pages);
  CF_ASSERT(stat(path, &st) == 0);
  forge_meta.bytes = (uint64_t)st.st_size;
}

void forge_end(enum forge_good good)
{
  while (opened_n > 0) {
    forge_must(cf_bdb_sync(opened[--opened_n]), path);
    cf_bdb_close(opened[opened_n]);
  }
  cf_bdb_env_close(file);
  if (good >= FORGE_SUMS && forge_meta.sworn)
    sums_write();
  if (good >= FORGE_ROW)
    catalogue_write();
}

/* ---- rows ---- */

void forge_row(const char *sheet, uint32_t row, void (*change)(struct cf_buf *value))
{
  struct cf_bdb *db = forge_sheet(sheet);
  struct cf_buf b;
  uint8_t key[4];
  cf_u32_put(key, row);
  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  forge_must(cf_bdb_get(db, NULL, forge_bytes(key, sizeof key), &b), sheet);
  change(&b);
  forge_must(b.err, sheet);
  forge_must(cf_bdb_put(db, NULL, forge_bytes(key, sizeof key), cf_buf_str(&b)), sheet);
  cf_buf_fini(&b);
}

/* ---- ids ---- */

static uint32_t records_n(void)
{
  return (uint32_t)(forge_meta.end - forge_meta.first);
}

/* The chunk of `id` that has what begins at a pair, or would have it. */
static void id_chunk_get(struct cf_id_pair pair, struct cf_id_chunk *chunk)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  uint8_t seek[CF_ID_KEY_MAX];
  forge_must(cf_bdb_cursor_open(forge_sheet("id"), &cursor), "id");
  forge_must(cf_bdb_cursor_move(cursor, CF_BDB_AT_MOST, cf_id_key(CF_SEGMENT_LAYOUT, pair, seek),
                                &key, &value),
             "id");
  forge_must(cf_id_chunk_get(CF_SEGMENT_LAYOUT, key, value, records_n(), chunk), "id");
  cf_bdb_cursor_close(cursor);
}

static void id_chunk_put(const struct cf_id_chunk *chunk)
{
  struct cf_buf key, value;
  cf_buf_init(&key, VALUE_MAX);
  cf_buf_init(&value, VALUE_MAX);
  cf_id_chunk_put(chunk, records_n(), &key, &value);
  forge_must(cf_bdb_put(forge_sheet("id"), NULL, cf_buf_str(&key), cf_buf_str(&value)), "id");
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}

void forge_id_hide_last(void)
{
  struct cf_id_chunk chunk;
  id_chunk_get((struct cf_id_pair){0, 0}, &chunk);
  chunk.n--;
  id_chunk_put(&chunk);
}

void forge_id_add(void)
{
  struct cf_id_chunk chunk;
  id_chunk_get((struct cf_id_pair){0, 0}, &chunk);
  memmove(chunk.pair + 1, chunk.pair, (CF_ID_CHUNK_N - 1) * sizeof *chunk.pair);
  chunk.pair[0] = (struct cf_id_pair){0, 5};
  chunk.n += chunk.n < CF_ID_CHUNK_N;
  id_chunk_put(&chunk);
}

void forge_id_hide(uint64_t fingerprint)
{
  const struct cf_id_pair pair = {cf_id_kept(CF_SEGMENT_LAYOUT, fingerprint), UINT32_MAX};
  struct cf_id_chunk chunk;
  unsigned kept = 0;
  id_chunk_get(pair, &chunk);
  for (unsigned i = 0; i < chunk.n; i++)
    if (chunk.pair[i].fingerprint != pair.fingerprint)
      chunk.pair[kept++] = chunk.pair[i];
  CF_ASSERT(kept == chunk.n - 1);
  chunk.n = kept;
  id_chunk_put(&chunk);
}

void forge_filter_clear(const uint8_t fingerprint_key[16])
{
  uint8_t check[8];
  struct cf_buf b;
  cf_buf_init(&b, VALUE_MAX);
  forge_must(cf_fuse_put(&b, NULL, 0), "filter");
  cf_u64_put(check, cf_id_fingerprint(fingerprint_key, cf_buf_str(&b)));
  cf_buf_put(&b, check, sizeof check);
  forge_must(cf_bdb_put(forge_sheet("info"), NULL, CF_STR("filter"), cf_buf_str(&b)), "filter");
  cf_buf_fini(&b);
}

/* What a row of `blocks` holds, from all of its pieces. */
static void whole_get(struct cf_bdb *db, uint32_t row, struct cf_buf *whole)
{
  struct cf_buf piece;
  uint8_t key[6];
  cf_u32_put(key, row);
  cf_buf_init(&piece, CF_SEGMENT_VALUE_MAX);
  forge_must(cf_bdb_get(db, NULL, forge_bytes(key, 4), whole), "a block");
  cf_buf_cut(whole, 4);
  for (uint16_t k = 1;
       cf_u16_put(key + 4, k), cf_bdb_get(db, NULL, forge_bytes(key, 6), &piece) == CF_OK; k++)
    cf_buf_putstr(whole, cf_buf_str(&piece));
  cf_buf_fini(&piece);
}

/* In one piece. */
static void whole_put(struct cf_bdb *db, uint32_t row, struct cf_buf *bytes)
{
  uint8_t key[6], total[4];
  cf_u32_put(key, row);
  cf_u32_put(total, (uint32_t)bytes->n);
  cf_buf_put(bytes, total, sizeof total);
  forge_must(bytes->err, "a block");
  forge_must(cf_bdb_put(db, NULL, forge_bytes(key, 4), cf_buf_str(bytes)), "a block");
  for (uint16_t k = 1; cf_u16_put(key + 4, k), cf_bdb_del(db, NULL, forge_bytes(key, 6)) == CF_OK;
       k++)
    ;
}

/* Open a block of the file that is being changed; b is scratch. */
static void block_read(struct cf_bdb *db, uint32_t block, struct cf_buf *b, struct cf_block *read)
{
  struct cf_dictionary *d = NULL;
  size_t end[CF_PARTS];
  uint8_t key[4];
  whole_get(db, CF_ROW_DICTIONARY, b);
  forge_must(cf_dictionary_new(cf_buf_str(b), &d), "a dictionary");
  for (unsigned i = 0; i < CF_PARTS; i++) {
    whole_get(db, block * CF_PARTS + i, b);
    forge_must(cf_part_unpack(d, cf_buf_str(b), &read->raw), "a part");
    end[i] = read->raw.n;
  }
  cf_u32_put(key, block);
  forge_must(cf_bdb_get(forge_sheet("salts"), NULL, forge_bytes(key, sizeof key), b), "salts");
  cf_buf_putstr(&read->raw, cf_buf_str(b));
  forge_must(cf_block_open_parts(read, forge_meta.first + (uint64_t)block * CF_GROUP, end,
                                 CF_PARTS),
             "a block");
  cf_dictionary_free(d);
}

/* The records of an open block again, each with its salts, and the i-th as
 * change makes it. */
static void block_make(struct cf_block *block, unsigned i, forge_change *change,
                       struct cf_buf *bytes)
{
  struct cf_block_writer *w = calloc(1, sizeof *w);
  CF_ASSERT(w != NULL);
  cf_block_writer_init(w);
  cf_block_writer_begin(w, block->first);
  for (unsigned k = 0; k < block->n; k++) {
    uint8_t salts[CF_C_N][CF_HASH_N] = {{0}};
    cf_block_salts(block, k, salts);
    if (k == i)
      change(&block->record[k], (const uint8_t(*)[CF_HASH_N])salts);
    forge_must(cf_block_writer_add_salted(w, &block->record[k], (const uint8_t(*)[CF_HASH_N])salts),
               "a record");
  }
  cf_buf_reset(bytes);
  forge_must(cf_block_writer_end(w, bytes), "a block");
  cf_block_writer_fini(w);
  free(w);
}

void forge_record(uint32_t block, unsigned i, forge_change *change)
{
  struct cf_bdb *db = forge_sheet("blocks");
  struct cf_block *read = calloc(1, sizeof *read);
  uint8_t salts[CF_C_N][CF_HASH_N] = {{0}};
  struct cf_buf b;
  CF_ASSERT(read != NULL);
  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  cf_block_init(read);
  block_read(db, block, &b, read);
  cf_block_salts(read, i, salts);
  change(&read->record[i], (const uint8_t(*)[CF_HASH_N])salts);
  cf_buf_reset(&b);
  cf_buf_putc(&b, 0); /* not packed */
  cf_block_part_put(read, i / CF_PART, &b);
  whole_put(db, block * CF_PARTS + i / CF_PART, &b);
  cf_block_fini(read);
  cf_buf_fini(&b);
  free(read);
}

/* ---- a whole segment ---- */

/* What it is to hold. */
struct whole {
  struct cf_segment_truth truth; /* of its records */
  struct cf_block block;
  struct cf_buf *blocks, leaf;
  uint8_t (*hashes)[CF_HASH_N];
  uint8_t front[CF_HASH_N]; /* in front of the first */
  uint8_t prev[CF_HASH_N];  /* in front of the next record */
};

static enum cf_err whole_block(void *context, uint32_t i, struct cf_block *block)
{
  const struct whole *w = context;
  return cf_block_open(block, forge_meta.first + i * CF_GROUP, cf_buf_str(&w->blocks[i]));
}

static enum cf_err whole_hashes(void *context, uint32_t offset, uint32_t n, uint8_t *out)
{
  const struct whole *w = context;
  memcpy(out, w->hashes[offset], (size_t)n * CF_HASH_N);
  return CF_OK;
}

static enum cf_err whole_times(void *context, uint32_t offset, uint32_t n, int64_t *out)
{
  const struct whole *w = context;
  memcpy(out, w->truth.times + offset, n * sizeof *out);
  return CF_OK;
}

static struct whole *whole_new(const uint8_t key[16])
{
  size_t n = forge_meta.end - forge_meta.first;
  struct whole *w = calloc(1, sizeof *w);
  CF_ASSERT(w != NULL);
  w->blocks = calloc(n / CF_GROUP, sizeof *w->blocks);
  w->hashes = calloc(n, CF_HASH_N);
  CF_ASSERT(w->blocks != NULL && w->hashes != NULL);
  for (size_t i = 0; i < n / CF_GROUP; i++)
    cf_buf_init(&w->blocks[i], CF_SEGMENT_VALUE_MAX);
  cf_buf_init(&w->leaf, CF_SEGMENT_VALUE_MAX);
  cf_block_init(&w->block);
  forge_must(cf_segment_truth_init(&w->truth, key, &forge_meta), "an index");
  return w;
}

static void whole_free(struct whole *w)
{
  for (size_t i = 0; i < (forge_meta.end - forge_meta.first) / CF_GROUP; i++)
    cf_buf_fini(&w->blocks[i]);
  cf_segment_truth_fini(&w->truth);
  cf_block_fini(&w->block);
  cf_buf_fini(&w->leaf);
  free(w->blocks);
  free(w->hashes);
  free(w);
}

/* The n-th segment, from 1 on, whose row is forge_meta then. */
static struct cf_segment *segment_borrow(struct cf_segment_pool *pool, unsigned n)
{
  struct cf_segment *s = NULL;
  catalogue_read(n);
  forge_must(cf_segment_acquire(pool, &forge_meta, &s), "a segment");
  return s;
}

/* The leaf hash in front of the n-th segment. */
static void front_get(struct cf_segment_pool *pool, unsigned n, uint8_t hash[CF_HASH_N])
{
  memset(hash, 0, CF_HASH_N);
  if (n == 1)
    return;
  struct cf_segment *s = segment_borrow(pool, n - 1);
  uint32_t last = (uint32_t)(forge_meta.end - forge_meta.first - 1);
  forge_must(cf_segment_hashes(s, last, 1, hash), "a hash");
  cf_segment_release(pool, s);
}

static void whole_add(struct whole *w, unsigned i)
{
  const struct cf_record *r = &w->block.record[i];
  cf_buf_reset(&w->leaf);
  cf_block_leaf(&w->block, i, w->prev, &w->leaf, w->prev);
  memcpy(w->hashes[r->seq - forge_meta.first], w->prev, CF_HASH_N);
  forge_must(cf_segment_truth_add(&w->truth, r), "an index");
}

static void whole_take(struct whole *w, struct cf_segment *s, uint32_t at, forge_change *change)
{
  for (uint32_t i = 0; i < (forge_meta.end - forge_meta.first) / CF_GROUP; i++) {
    struct cf_buf *bytes = &w->blocks[i];
    forge_must(cf_segment_block(s, i, &w->block), "a block");
    block_make(&w->block, at / CF_GROUP == i ? at % CF_GROUP : CF_GROUP, change, bytes);
    for (unsigned k = 0; k < CF_GROUP; k++)
      whole_add(w, k);
  }
}

/* The file, its sums and its row. */
static void whole_write(struct whole *w, const char *segments)
{
  const struct cf_segment_source source = {w,           whole_block,    whole_hashes,
                                           whole_times, w->truth.index, CF_STR(""),
                                           w->front};
  const struct cf_segment_meta *t = &w->truth.meta;
  forge_meta.time_min_us = t->time_min_us;
  forge_meta.time_max_us = t->time_max_us;
  forge_meta.recorded_min_us = t->recorded_min_us;
  forge_meta.recorded_max_us = t->recorded_max_us;
  forge_must(cf_segment_build(segments, &source, &forge_meta, NULL), segments);
  catalogue_write();
}

void forge_segment(const char *data, unsigned n, uint32_t at, forge_change *change)
{
  struct cf_segment_pool *pool = NULL;
  uint8_t key[16];
  directory = data;
  snprintf(path, sizeof path, "%s/segments", data);
  forge_fingerprint_key(data, key);
  forge_must(cf_segment_pool_new(path, 0, key, &pool), path);
  uint8_t front[CF_HASH_N];
  front_get(pool, n, front);
  struct cf_segment *s = segment_borrow(pool, n);
  struct whole *w = whole_new(key);
  memcpy(w->front, front, CF_HASH_N);
  memcpy(w->prev, front, CF_HASH_N);
  whole_take(w, s, at, change);
  cf_segment_release(pool, s);
  cf_segment_pool_free(pool);
  whole_write(w, path);
  whole_free(w);
}
