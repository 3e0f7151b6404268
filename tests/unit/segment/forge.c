/* SPDX-License-Identifier: MIT */
/* A forger of ledgers. */
#include "config.h"

#include "tests/unit/segment/forge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/segment/block.h"
#include "lib/segment/pages_in.h"
#include "lib/segment/segment_in.h"

#define OPEN_MAX_N 32
#define CACHE      (1u << 20)
#define VALUE_MAX  4096

struct cf_segment_meta forge_meta;
static struct cf_bdb_env *env, *file;
static struct cf_bdb *opened[OPEN_MAX_N]; /* tables, or sheets */
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
  CF_ASSERT(opened_n < OPEN_MAX_N);
  forge_must(cf_bdb_open(in, NULL, name, sheet, how, 16384, &opened[opened_n]),
             sheet != NULL ? sheet : name);
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
  forge_must(cf_pages_sum(path, &pages, NULL), "sums");
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

/* Take a block's bytes out of its pieces, which are gone then. */
static void block_take(struct cf_bdb *db, uint32_t block, struct cf_buf *whole)
{
  struct cf_buf piece;
  uint8_t key[6];
  cf_u32_put(key, block);
  cf_buf_init(&piece, CF_SEGMENT_VALUE_MAX);
  forge_must(cf_bdb_get(db, NULL, forge_bytes(key, 4), whole), "a block");
  cf_buf_cut(whole, 4);
  for (uint16_t k = 1;
       cf_u16_put(key + 4, k), cf_bdb_get(db, NULL, forge_bytes(key, 6), &piece) == CF_OK; k++) {
    cf_buf_putstr(whole, cf_buf_str(&piece));
    forge_must(cf_bdb_del(db, NULL, forge_bytes(key, 6)), "a block");
  }
  cf_buf_fini(&piece);
}

static void block_put(struct cf_bdb *db, uint32_t block, struct cf_buf *bytes)
{
  uint8_t key[4], total[4];
  cf_u32_put(key, block);
  cf_u32_put(total, (uint32_t)bytes->n);
  cf_buf_put(bytes, total, sizeof total);
  forge_must(bytes->err, "a block");
  forge_must(cf_bdb_put(db, NULL, forge_bytes(key, sizeof key), cf_buf_str(bytes)), "a block");
}

void forge_record(uint32_t block, unsigned i,
                  void (*change)(struct cf_record *record, const uint8_t salts[CF_C_N][CF_HASH_N]))
{
  struct cf_bdb *db = forge_sheet("blocks");
  struct cf_block *read = calloc(1, sizeof *read);
  struct cf_block_writer *w = calloc(1, sizeof *w);
  struct cf_buf b;
  uint64_t first = forge_meta.first + (uint64_t)block * CF_GROUP;
  CF_ASSERT(read != NULL && w != NULL);
  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  cf_block_init(read);
  cf_block_writer_init(w);
  block_take(db, block, &b);
  forge_must(cf_block_open(read, first, cf_buf_str(&b)), "a block");
  cf_block_writer_begin(w, first);
  for (unsigned k = 0; k < read->n; k++) {
    uint8_t salts[CF_C_N][CF_HASH_N] = {{0}};
    cf_block_salts(read, k, salts);
    if (k == i)
      change(&read->record[k], (const uint8_t(*)[CF_HASH_N])salts);
    forge_must(cf_block_writer_add_salted(w, &read->record[k], (const uint8_t(*)[CF_HASH_N])salts),
               "a record");
  }
  cf_buf_reset(&b);
  forge_must(cf_block_writer_end(w, &b), "a block");
  block_put(db, block, &b);
  cf_block_writer_fini(w);
  cf_block_fini(read);
  cf_buf_fini(&b);
  free(w);
  free(read);
}
