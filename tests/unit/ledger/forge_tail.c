/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tests/unit/ledger/forge_tail.h"

#include <stdlib.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/ledger/tail_in.h"
#include "lib/segment/block.h"
#include "tests/unit/segment/forge.h"

#define VALUE_MAX (1u << 20)

/* Copy a block, with what a kind's records have in the compartment made to
 * look erased. */
static void block_erase(const struct cf_block *block, enum cf_kind kind, enum cf_compartment c,
                        struct cf_buf *b)
{
  static uint8_t commitment[CF_GROUP][CF_HASH_N];
  struct cf_block_writer w;
  unsigned run = 0;
  cf_block_writer_init(&w);
  cf_block_writer_begin(&w, block->first);
  for (unsigned i = 0; i < block->n; i++) {
    struct cf_record r = block->record[i];
    uint8_t salts[CF_C_N][CF_HASH_N];
    while (run + 1 < block->runs && block->run[run + 1].from <= i)
      run++;
    cf_block_salts(block, i, salts);
    if (r.kind == kind && r.payload[c].n > 0) {
      cf_commitment(c, r.seq, salts[c], r.payload[c], commitment[i]);
      r.payload[c] = (struct cf_str){0};
      r.gone[c] = commitment[i];
    }
    forge_must(cf_block_writer_add(&w, &r, block->run[run].key), "a record");
  }
  forge_must(cf_block_writer_end(&w, b), "a block");
  cf_block_writer_fini(&w);
}

void forge_tail_erase(const char *file, enum cf_kind kind, enum cf_compartment c)
{
  struct cf_bdb *db = forge_table(file);
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  struct cf_buf key, value;
  struct cf_str k, v;
  CF_ASSERT(block != NULL);
  cf_block_init(block);
  cf_buf_init(&key, VALUE_MAX);
  cf_buf_init(&value, VALUE_MAX);
  forge_must(cf_bdb_cursor_open(db, &cursor), file);
  enum cf_bdb_move move = CF_BDB_FIRST;
  while (cf_bdb_cursor_move(cursor, move, cf_buf_str(&key), &k, &v) == CF_OK) {
    struct cf_tail_piece piece;
    forge_must(cf_tail_piece_get(v, cf_u64_get((const uint8_t *)k.p), block, &piece), "a piece");
    cf_buf_reset(&key);
    cf_buf_reset(&value);
    cf_buf_putstr(&key, k);
    cf_buf_put(&value, v.p, v.n - piece.bytes.n);
    block_erase(block, kind, c, &value);
    cf_bdb_cursor_close(cursor);
    forge_must(cf_bdb_put(db, NULL, cf_buf_str(&key), cf_buf_str(&value)), "a piece");
    cf_buf_putc(&key, 0); /* the next one */
    forge_must(cf_bdb_cursor_open(db, &cursor), file);
    move = CF_BDB_AT_LEAST;
  }
  cf_bdb_cursor_close(cursor);
  cf_block_fini(block);
  free(block);
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
