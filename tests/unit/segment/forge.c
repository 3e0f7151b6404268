/* SPDX-License-Identifier: MIT */
/* A forger of segments. */
#include "config.h"

#include "tests/unit/segment/forge.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/codec.h"
#include "lib/segment/block.h"
#include "lib/segment/pages_in.h"
#include "lib/segment/segment_in.h"
#include "tests/unit/ledger/ledger_stage.h"

#define SHEETS_MAX 32

struct cf_segment_meta forge_meta;
static char path[300];
static struct cf_bdb_env *file;
static struct cf_bdb *sheets[SHEETS_MAX];
static unsigned sheets_n;

/* ---- the catalogue ---- */

static struct cf_str key_of(const uint8_t *p, size_t n)
{
  return (struct cf_str){(const char *)p, n};
}

/* Read the row of the n-th segment, or, with n = 0, write that of
 * forge_meta. */
static void catalogue(unsigned n)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb *db = NULL;
  struct cf_buf b;
  char name[300];
  snprintf(name, sizeof name, "%s/env", stage_conf.data);
  cf_buf_init(&b, 4096);
  ck_assert_ok(cf_bdb_env_open(name, 1u << 20, false, &env, NULL));
  ck_assert_ok(cf_bdb_open(env, NULL, "catalogue", NULL, CF_BDB_READ, 4096, &db));
  if (n > 0) {
    struct cf_bdb_cursor *cursor = NULL;
    struct cf_str key, value;
    ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
    ck_assert_ok(cf_bdb_cursor_move(cursor, CF_BDB_FIRST, CF_STR(""), &key, &value));
    while (--n > 0)
      ck_assert_ok(cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &key, &value));
    ck_assert_ok(cf_segment_meta_get(value, &forge_meta));
    cf_bdb_cursor_close(cursor);
  } else {
    uint8_t key[8];
    cf_u64_put(key, forge_meta.first);
    cf_segment_meta_put(&forge_meta, &b);
    ck_assert_ok(cf_bdb_put(db, NULL, key_of(key, sizeof key), cf_buf_str(&b)));
  }
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  cf_buf_fini(&b);
}

/* ---- the file ---- */

void forge_begin(unsigned n)
{
  catalogue(n);
  stage_segment_path(n, path);
  ck_assert_ok(cf_bdb_env_open_file(NULL, 1u << 20, &file, NULL));
}

struct cf_bdb *forge_sheet(const char *name)
{
  ck_assert_uint_lt(sheets_n, SHEETS_MAX);
  ck_assert_ok(cf_bdb_open(file, NULL, path, name, CF_BDB_CREATE, 16384, &sheets[sheets_n]));
  return sheets[sheets_n++];
}

void forge_end(void)
{
  struct cf_pages *pages = NULL;
  struct stat st;
  while (sheets_n > 0) {
    ck_assert_ok(cf_bdb_sync(sheets[--sheets_n]));
    cf_bdb_close(sheets[sheets_n]);
  }
  cf_bdb_env_close(file);
  ck_assert_ok(cf_pages_sum(path, &pages, NULL));
  ck_assert_ok(cf_pages_put(pages, path, NULL));
  cf_pages_digest(pages, forge_meta.digest);
  cf_pages_free(pages);
  ck_assert_int_eq(stat(path, &st), 0);
  forge_meta.bytes = (uint64_t)st.st_size;
  catalogue(0);
}

/* ---- rows ---- */

void forge_row(const char *sheet, uint32_t row, void (*change)(struct cf_buf *value))
{
  struct cf_bdb *db = forge_sheet(sheet);
  struct cf_buf b;
  uint8_t key[4];
  cf_u32_put(key, row);
  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  ck_assert_ok(cf_bdb_get(db, NULL, key_of(key, sizeof key), &b));
  change(&b);
  ck_assert_ok(b.err);
  ck_assert_ok(cf_bdb_put(db, NULL, key_of(key, sizeof key), cf_buf_str(&b)));
  cf_buf_fini(&b);
}

/* Take a block's bytes out of its pieces, which are gone then. */
static void block_take(struct cf_bdb *db, uint32_t block, struct cf_buf *whole)
{
  struct cf_buf piece;
  uint8_t key[6];
  cf_u32_put(key, block);
  cf_buf_init(&piece, CF_SEGMENT_VALUE_MAX);
  ck_assert_ok(cf_bdb_get(db, NULL, key_of(key, 4), whole));
  cf_buf_cut(whole, 4);
  for (uint16_t k = 1;
       cf_u16_put(key + 4, k), cf_bdb_get(db, NULL, key_of(key, 6), &piece) == CF_OK; k++) {
    cf_buf_putstr(whole, cf_buf_str(&piece));
    ck_assert_ok(cf_bdb_del(db, NULL, key_of(key, 6)));
  }
  cf_buf_fini(&piece);
}

static void block_put(struct cf_bdb *db, uint32_t block, struct cf_buf *bytes)
{
  uint8_t key[4], total[4];
  cf_u32_put(key, block);
  cf_u32_put(total, (uint32_t)bytes->n);
  cf_buf_put(bytes, total, sizeof total);
  ck_assert_ok(bytes->err);
  ck_assert_ok(cf_bdb_put(db, NULL, key_of(key, sizeof key), cf_buf_str(bytes)));
}

void forge_record(uint32_t block, unsigned i, void (*change)(struct cf_record *record))
{
  struct cf_bdb *db = forge_sheet("blocks");
  struct cf_block *read = calloc(1, sizeof *read);
  struct cf_block_writer *w = calloc(1, sizeof *w);
  struct cf_buf b;
  uint64_t first = forge_meta.first + (uint64_t)block * CF_GROUP;
  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  cf_block_init(read);
  cf_block_writer_init(w);
  block_take(db, block, &b);
  ck_assert_ok(cf_block_open(read, first, cf_buf_str(&b)));
  change(&read->record[i]);
  cf_block_writer_begin(w, first);
  for (unsigned k = 0; k < read->n; k++) {
    uint8_t salts[CF_C_N][CF_HASH_N] = {{0}};
    cf_block_salts(read, k, salts);
    ck_assert_ok(
        cf_block_writer_add_salted(w, &read->record[k], (const uint8_t(*)[CF_HASH_N])salts));
  }
  cf_buf_reset(&b);
  ck_assert_ok(cf_block_writer_end(w, &b));
  block_put(db, block, &b);
  cf_block_writer_fini(w);
  cf_block_fini(read);
  cf_buf_fini(&b);
  free(w);
  free(read);
}
