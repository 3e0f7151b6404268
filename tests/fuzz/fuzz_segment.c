/* SPDX-License-Identifier: MIT */
/* Fuzz target: what stands in a segment's rows. The first byte chooses which
 * coding, the rest is the row. What is taken fits the segment, and is written
 * again as it was read. */
#include "config.h"

#include <stdlib.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/index/grams.h"
#include "lib/index/postings.h"
#include "lib/segment/block.h"
#include "lib/segment/fuse_in.h"
#include "lib/segment/id_chunk_in.h"
#include "lib/segment/value_filter_in.h"
#include "tests/fuzz/fuzz.h"

#define FIRST 4096 /* seq */

/* A length in two bytes, and so many, or all that are left. */
static struct cf_str piece_get(struct cf_reader *r)
{
  size_t n = (size_t)cf_reader_u8(r) << 8;
  n |= cf_reader_u8(r);
  size_t left = (size_t)(r->end - r->p);
  return cf_reader_bytes(r, n < left ? n : left);
}

/* ---- records ---- */

/* Each record of an open block, with its salts where they were asked for: all
 * of it lies in the block's bytes. */
static void block_read(const struct cf_block *block)
{
  uint8_t salts[CF_C_N][CF_HASH_N];
  struct cf_buf again;
  cf_buf_init(&again, SIZE_MAX / 2);
  for (unsigned i = 0; i < block->n; i++) {
    CF_ASSERT(block->record[i].seq == FIRST + i);
    cf_record_encode(&block->record[i], 0, &again);
    if (block->runs > 0)
      cf_block_salts(block, i, salts);
  }
  CF_ASSERT(again.err == CF_OK);
  cf_buf_fini(&again);
}

static struct cf_block *block_new(void)
{
  struct cf_block *block = calloc(1, sizeof *block);
  CF_ASSERT(block != NULL);
  cf_block_init(block);
  return block;
}

static void block_free(struct cf_block *block)
{
  cf_block_fini(block);
  free(block);
}

/* One part, or a block's and its salts, with a dictionary, or none. */
static void parts_check(struct cf_reader *r)
{
  struct cf_block *block = block_new();
  struct cf_dictionary *d = NULL;
  size_t end[CF_PARTS];
  unsigned n = cf_reader_u8(r) % 2 == 1 ? CF_PARTS : 1;
  enum cf_err err = cf_dictionary_new(piece_get(r), &d);
  for (unsigned i = 0; i < n && err == CF_OK; i++) {
    err = cf_part_unpack(d, piece_get(r), &block->raw);
    end[i] = block->raw.n;
  }
  if (err == CF_OK && n == CF_PARTS) {
    cf_buf_putstr(&block->raw, piece_get(r));
    err = block->raw.err;
  }
  if (err == CF_OK && cf_block_open_parts(block, FIRST, end, n) == CF_OK) {
    CF_ASSERT(block->n == n * CF_PART);
    block_read(block);
  }
  block_free(block);
  cf_dictionary_free(d);
}

/* A whole block, of layout 1 or of the tail. */
static void block_check(struct cf_str bytes)
{
  struct cf_block *block = block_new();
  if (cf_block_open(block, FIRST, bytes) == CF_OK)
    block_read(block);
  block_free(block);
}

/* ---- what finds them ---- */

/* As many as a segment may have. */
static uint32_t records_get(struct cf_reader *r)
{
  return (cf_reader_u32(r) % 1024 + 1) * CF_TIMES_RUN;
}

static void ids_check(struct cf_reader *r)
{
  static struct cf_id_chunk chunk, again;
  unsigned layout = cf_reader_u8(r) & 1 ? 1 : CF_SEGMENT_LAYOUT;
  uint32_t records = records_get(r);
  struct cf_str key = piece_get(r), value = piece_get(r);
  struct cf_buf k, v;
  if (cf_id_chunk_get(layout, key, value, records, &chunk) != CF_OK)
    return;
  for (unsigned i = 0; i < chunk.n; i++)
    CF_ASSERT(chunk.pair[i].offset < records && cf_id_pair_cmp(chunk.pair[i], chunk.next) < 0 &&
              (i == 0 || cf_id_pair_cmp(chunk.pair[i - 1], chunk.pair[i]) < 0));
  if (layout == 1)
    return;
  cf_buf_init(&k, 1 << 16);
  cf_buf_init(&v, 1 << 16);
  cf_id_chunk_put(&chunk, records, &k, &v);
  CF_ASSERT(k.err == CF_OK && v.err == CF_OK && cf_str_eq(cf_buf_str(&k), key));
  CF_ASSERT(cf_id_chunk_get(layout, key, cf_buf_str(&v), records, &again) == CF_OK);
  CF_ASSERT(again.n == chunk.n && cf_id_pair_cmp(again.next, chunk.next) == 0);
  for (unsigned i = 0; i < chunk.n; i++)
    CF_ASSERT(cf_id_pair_cmp(again.pair[i], chunk.pair[i]) == 0);
  cf_buf_fini(&k);
  cf_buf_fini(&v);
}

static void postings_check(struct cf_reader *r)
{
  uint32_t records = records_get(r), first = cf_reader_u32(r), count = 0, last = 0;
  struct cf_bits bits = {NULL, 0};
  CF_ASSERT(cf_bits_new(records, &bits) == CF_OK);
  if (cf_chunk_get(first, piece_get(r), records, 0, &bits, &count, &last) == CF_OK)
    CF_ASSERT(cf_bits_count(&bits) == count && cf_bits_next(&bits, 0) == first &&
              cf_bits_prev(&bits, records) == last);
  cf_bits_free(&bits);
}

/* A row that was taken is that of its groups, but for how its count is
 * written. */
static void grams_check(struct cf_reader *r)
{
  struct cf_bits groups = {NULL, 0}, again = {NULL, 0};
  uint32_t n = cf_reader_u32(r) % CF_GRAMS_GROUPS + 1;
  struct cf_buf b;
  CF_ASSERT(cf_bits_new(n, &groups) == CF_OK && cf_bits_new(n, &again) == CF_OK);
  cf_buf_init(&b, CF_GRAMS_ROW_MAX);
  if (cf_grams_row_get(piece_get(r), &groups) == CF_OK) {
    cf_grams_row_put(&b, &groups);
    CF_ASSERT(b.err == CF_OK && cf_grams_row_get(cf_buf_str(&b), &again) == CF_OK);
    for (uint32_t i = 0; i < n; i++)
      CF_ASSERT(cf_bits_has(&groups, i) == cf_bits_has(&again, i));
  }
  cf_buf_fini(&b);
  cf_bits_free(&groups);
  cf_bits_free(&again);
}

/* ---- filters ---- */

/* It is asked on a shelf with others. */
static void fuse_check(struct cf_str filter)
{
  static const uint64_t asked[] = {0, 1, UINT64_MAX, UINT64_C(0x8000000000000000)};
  uint32_t places[sizeof asked / sizeof *asked];
  struct cf_shelf shelf = {.cells = NULL};
  unsigned place = 0;
  if (!cf_fuse_ok(filter))
    return;
  for (unsigned i = 0; i < 6; i++)
    CF_ASSERT(cf_shelf_put(&shelf, filter, &place) == CF_OK && place == i);
  cf_shelf_screen(&shelf, asked, sizeof asked / sizeof *asked, places);
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
    CF_ASSERT(places[i] == 0 || places[i] == 63);
  cf_shelf_take(&shelf, 3);
  cf_shelf_fini(&shelf);
}

static void values_check(struct cf_str filter)
{
  for (uint64_t i = 0; i < 64 && cf_value_filter_ok(filter); i++)
    (void)cf_value_filter_has(filter, i * UINT64_C(0x0404040404040405));
}

static void info_check(struct cf_str s)
{
  struct cf_segment_info info, again;
  struct cf_buf b;
  if (cf_segment_info_get(s, &info) != CF_OK)
    return;
  cf_buf_init(&b, 1 << 16);
  cf_segment_info_put(&info, &b);
  CF_ASSERT(b.err == CF_OK && cf_segment_info_get(cf_buf_str(&b), &again) == CF_OK);
  CF_ASSERT(cf_segment_meta_same(&info.meta, &again.meta) && info.layout == again.layout);
  cf_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct cf_reader r;
  if (size == 0)
    return 0;
  const struct cf_str rest = {(const char *)data + 1, size - 1};
  cf_reader_init(&r, data + 1, size - 1);
  switch (data[0]) {
  case 'p': parts_check(&r); break;
  case 'b': block_check(rest); break;
  case 'i': ids_check(&r); break;
  case 'o': postings_check(&r); break;
  case 'g': grams_check(&r); break;
  case 'f': fuse_check(rest); break;
  case 'v': values_check(rest); break;
  case 'm': info_check(rest); break;
  default: break;
  }
  return 0;
}
