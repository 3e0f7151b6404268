/* SPDX-License-Identifier: MIT */
/* Reading a segment's records: whole blocks with their salts, or the part that
 * holds one record. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/segment/parts.h"
#include "lib/segment/segment_in.h"

/* ---- bytes ---- */

/* Append the pieces behind the first, as many as can be told apart, until b
 * holds total bytes. */
static enum cf_err get_pieces(struct cf_segment *s, uint32_t row, size_t total, struct cf_buf *b)
{
  struct cf_buf piece;
  uint8_t key[6];
  enum cf_err err = CF_OK;

  cf_buf_init(&piece, total - b->n);
  cf_u32_put(key, row);
  for (uint16_t k = 1; b->n < total && err == CF_OK; k++) {
    cf_u16_put(key + 4, k);
    err = cf_segment_get(s, CF_SHEET_BLOCKS, (struct cf_str){(char *)key, sizeof key}, &piece);
    if (err == CF_OK && (k == 0 || piece.n == 0 || piece.n > total - b->n))
      err = cf_segment_spoil(s, CF_E_DAMAGED, "a block has pieces that do not add up");
    if (err == CF_OK)
      cf_buf_putstr(b, cf_buf_str(&piece));
    if (err == CF_OK)
      err = b->err;
  }
  cf_buf_fini(&piece);
  return err;
}

#define LENGTH_N 4 /* bytes, behind those of the first piece */

/* All that a row of `blocks` holds replaces b's content, which has room for the
 * longest and LENGTH_N. */
static enum cf_err get_whole(struct cf_segment *s, uint32_t row, struct cf_buf *b)
{
  enum cf_err err = cf_segment_get_row(s, CF_SHEET_BLOCKS, row, b);
  if (err != CF_OK)
    return err;
  if (b->n < LENGTH_N)
    return cf_segment_spoil(s, CF_E_DAMAGED, "a block is too short");
  uint32_t total = cf_u32_get(b->p + b->n - LENGTH_N);
  cf_buf_cut(b, LENGTH_N);
  if (total < b->n || total > b->max - LENGTH_N)
    return cf_segment_spoil(s, CF_E_DAMAGED, "a block does not have its length");
  return get_pieces(s, row, total, b);
}

/* ---- the dictionary ---- */

static enum cf_err dictionary_load(struct cf_segment *s, struct cf_dictionary **d)
{
  struct cf_buf b;

  cf_buf_init(&b, CF_DICTIONARY_MAX + LENGTH_N);
  enum cf_err err = get_whole(s, CF_ROW_DICTIONARY, &b);
  if (err == CF_OK)
    err = cf_dictionary_new(cf_buf_str(&b), d);
  cf_buf_fini(&b);
  return cf_segment_spoil(s, err, "its dictionary is none");
}

/* Two threads that come first at once both load it; one is kept. */
static enum cf_err dictionary_get(struct cf_segment *s, const struct cf_dictionary **d)
{
  struct cf_dictionary *loaded = NULL, *there = atomic_load(&s->dictionary);
  enum cf_err err = CF_OK;

  if (there == NULL && (err = dictionary_load(s, &loaded)) == CF_OK &&
      !atomic_compare_exchange_strong(&s->dictionary, &there, loaded))
    cf_dictionary_free(loaded);
  else if (there == NULL)
    there = loaded;
  if (err == CF_OK)
    *d = there;
  return err;
}

/* ---- records ---- */

/* Append one part, unpacked, to raw; b is scratch. */
static enum cf_err get_part(struct cf_segment *s, uint32_t part, struct cf_buf *b,
                            struct cf_buf *raw)
{
  const struct cf_dictionary *d = NULL;

  enum cf_err err = dictionary_get(s, &d);
  if (err == CF_OK)
    err = get_whole(s, part, b);
  return err == CF_OK ? cf_part_unpack(d, cf_buf_str(b), raw) : err;
}

/* Append the salts of a block to raw. */
static enum cf_err get_salts(struct cf_segment *s, uint32_t block, struct cf_buf *b,
                             struct cf_buf *raw)
{
  enum cf_err err = cf_segment_get_row(s, CF_SHEET_SALTS, block, b);

  if (err == CF_OK && b->n == 0)
    return CF_E_SYNTAX;
  if (err == CF_OK)
    cf_buf_putstr(raw, cf_buf_str(b));
  return err == CF_OK ? raw->err : err;
}

/* n parts, and the salts where they are a block. What block had open is gone
 * also where they cannot be read: its bytes make room for theirs. */
static enum cf_err get_parts(struct cf_segment *s, uint32_t part, unsigned n, struct cf_buf *b,
                             struct cf_block *block)
{
  size_t end[CF_PARTS];
  enum cf_err err = CF_OK;

  cf_block_reset(block);
  for (unsigned i = 0; i < n && err == CF_OK; i++) {
    err = get_part(s, part + i, b, &block->raw);
    end[i] = block->raw.n;
  }
  if (err == CF_OK && n == CF_PARTS)
    err = get_salts(s, part / CF_PARTS, b, &block->raw);
  return err == CF_OK ? cf_block_open_parts(block, s->meta.first + (uint64_t)part * CF_PART, end, n)
                      : err;
}

static enum cf_err get_block(struct cf_segment *s, uint32_t i, struct cf_buf *b,
                             struct cf_block *block)
{
  enum cf_err err = get_whole(s, i, b);

  if (err == CF_OK)
    err = cf_block_open(block, s->meta.first + (uint64_t)i * CF_GROUP, cf_buf_str(b));
  return err == CF_OK && block->n != CF_GROUP ? CF_E_SYNTAX : err;
}

/* n parts from one on, or in layout 1 the block that they are of. */
static enum cf_err open_parts(struct cf_segment *s, uint32_t part, unsigned n,
                              struct cf_block *block)
{
  struct cf_buf b;

  CF_ASSERT(part < (s->meta.end - s->meta.first) / CF_PART);
  cf_buf_init(&b, (s->info.layout == 1 ? CF_BLOCK_BYTES_MAX : CF_PART_BYTES_MAX) + LENGTH_N);
  enum cf_err err = s->info.layout == 1 ? get_block(s, part / CF_PARTS, &b, block)
                                        : get_parts(s, part, n, &b, block);
  cf_buf_fini(&b);
  return cf_segment_spoil(s, err, "a block is not well-formed");
}

enum cf_err cf_segment_block(struct cf_segment *s, uint32_t i, struct cf_block *block)
{
  return open_parts(s, i * CF_PARTS, CF_PARTS, block);
}

/* Nothing is kept of a file that is not sworn. */
enum cf_err cf_segment_part(struct cf_segment *s, uint32_t offset, struct cf_block *block)
{
  struct cf_parts *parts = cf_segment_pool_parts(s->pool);
  uint32_t part = offset / CF_PART;

  if (s->meta.sworn && cf_parts_find(parts, s->meta.digest, part, block))
    return CF_OK;
  enum cf_err err = open_parts(s, part, 1, block);
  if (err == CF_OK && s->meta.sworn && block->n == CF_PART)
    cf_parts_keep(parts, s->meta.digest, part, block);
  return err;
}
