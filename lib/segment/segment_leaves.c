/* SPDX-License-Identifier: MIT */
/* Leaf hashes of a segment: made of its records again, a part at a time, and
 * held against what is kept of them, which stands in other pages. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/die.h"
#include "lib/segment/made_in.h"
#include "lib/segment/segment_in.h"

/* ---- what is kept ---- */

enum cf_err cf_segment_leaves(struct cf_segment *s, uint32_t offset, struct cf_leaves_kept *kept)
{
  struct cf_buf b;

  CF_ASSERT(offset % CF_LEAVES_N == 0 && offset < s->meta.end - s->meta.first);
  if (s->info.layout == 1)
    return CF_E_NOTFOUND;
  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  enum cf_err err = cf_segment_get_row(s, CF_SHEET_HASHES, offset / CF_LEAVES_N, &b);
  if (err == CF_OK && b.n != sizeof *kept)
    err = cf_segment_spoil(s, CF_E_DAMAGED, "a row of hashes does not have its length");
  if (err == CF_OK)
    memcpy(kept, b.p, sizeof *kept);
  cf_buf_fini(&b);
  return err;
}

/* Layout 1: a row has 16 of them. */
static enum cf_err old_row(struct cf_segment *s, uint32_t offset, uint32_t n, struct cf_buf *b,
                           uint8_t *out)
{
  enum cf_err err = cf_segment_get_row(s, CF_SHEET_HASHES, offset / CF_ROW_HASHES, b);

  if (err != CF_OK)
    return err;
  if (b->n != CF_ROW_HASHES * CF_HASH_N)
    return cf_segment_spoil(s, CF_E_DAMAGED, "a row of hashes does not have its length");
  memcpy(out, b->p + offset % CF_ROW_HASHES * CF_HASH_N, (size_t)n * CF_HASH_N);
  return CF_OK;
}

/* ---- made again ---- */

struct making {
  struct cf_segment *s;
  uint32_t row, at; /* what kept and block hold; UINT32_MAX: nothing */
  struct cf_leaves_kept kept;
  struct cf_block block;
  struct cf_buf leaf;
  uint8_t part[CF_PART * CF_HASH_N];
};

static enum cf_err kept_get(struct making *m, uint32_t row)
{
  if (m->row == row)
    return CF_OK;
  enum cf_err err = cf_segment_leaves(m->s, row * CF_LEAVES_N, &m->kept);
  if (err == CF_OK)
    m->row = row;
  return err;
}

/* The whole block of 64, since the salts of a part are found from its beginning
 * on. */
static enum cf_err block_get(struct making *m, uint32_t block)
{
  if (m->at == block)
    return CF_OK;
  enum cf_err err = cf_segment_block(m->s, block, &m->block);
  if (err == CF_OK)
    m->at = block;
  return err;
}

/* The hashes of the part that begins at offset, checked, into m->part. */
static enum cf_err part_make(struct making *m, uint32_t offset)
{
  unsigned number = offset / CF_PART % CF_LEAVES_PARTS, at;
  enum cf_err err = kept_get(m, offset / CF_LEAVES_N);

  if (err == CF_OK)
    err = block_get(m, offset / CF_GROUP);
  if (err != CF_OK)
    return err;
  const uint8_t *prev = cf_leaves_before(&m->kept, number);
  for (unsigned i = 0; i < CF_PART; i++) {
    uint8_t *hash = m->part + (size_t)i * CF_HASH_N;
    cf_buf_reset(&m->leaf);
    cf_block_leaf(&m->block, offset % CF_GROUP + i, prev, &m->leaf, hash);
    prev = hash;
  }
  if (m->leaf.err != CF_OK)
    return m->leaf.err;
  return cf_leaves_fit(&m->kept, number, m->part, &at)
             ? CF_OK
             : cf_segment_spoil(m->s, CF_E_DAMAGED, "records do not have their leaf hashes");
}

/* The same, where they were made a moment ago of that. Nothing is kept of a
 * file that is not sworn. */
static enum cf_err part_get(struct making *m, uint32_t offset)
{
  const struct cf_segment_meta *meta = &m->s->meta;
  struct cf_made *made = cf_segment_pool_made(m->s->pool);

  if (meta->sworn && cf_made_find(made, meta, offset / CF_PART, m->part))
    return CF_OK;
  enum cf_err err = part_make(m, offset);
  if (err == CF_OK && meta->sworn)
    cf_made_keep(made, meta, offset / CF_PART, m->part);
  return err;
}

/* n of one part. */
static enum cf_err some_get(struct making *m, uint32_t offset, uint32_t n, uint8_t *out)
{
  unsigned from = offset % CF_PART;
  enum cf_err err;

  if (n == 1 && from == CF_PART - 1) {
    err = kept_get(m, offset / CF_LEAVES_N);
    if (err == CF_OK)
      memcpy(out, m->kept.last[offset / CF_PART % CF_LEAVES_PARTS], CF_HASH_N);
    return err;
  }
  err = part_get(m, offset - from);
  if (err == CF_OK)
    memcpy(out, m->part + (size_t)from * CF_HASH_N, (size_t)n * CF_HASH_N);
  return err;
}

static struct making *making_new(struct cf_segment *s)
{
  struct making *m = calloc(1, sizeof *m);

  if (m == NULL)
    return NULL;
  m->s = s;
  m->row = m->at = UINT32_MAX;
  cf_block_init(&m->block);
  cf_buf_init(&m->leaf, CF_LEAF_MAX);
  return m;
}

static void making_free(struct making *m)
{
  cf_block_fini(&m->block);
  cf_buf_fini(&m->leaf);
  free(m);
}

/* n of one part, where they were made a moment ago: what a proof asks for after
 * the record was opened. */
static bool made_get(struct cf_segment *s, uint32_t offset, uint32_t n, uint8_t *out)
{
  uint8_t part[CF_PART * CF_HASH_N];
  uint32_t from = offset % CF_PART;

  if (!s->meta.sworn || from + n > CF_PART ||
      !cf_made_find(cf_segment_pool_made(s->pool), &s->meta, offset / CF_PART, part))
    return false;
  memcpy(out, part + (size_t)from * CF_HASH_N, (size_t)n * CF_HASH_N);
  return true;
}

static enum cf_err new_hashes(struct cf_segment *s, uint32_t offset, uint32_t n, uint8_t *out)
{
  if (made_get(s, offset, n, out))
    return CF_OK;
  struct making *m = making_new(s);
  enum cf_err err = m == NULL ? CF_E_NOMEM : CF_OK;

  while (n > 0 && err == CF_OK) {
    uint32_t k = CF_PART - offset % CF_PART;
    if (k > n)
      k = n;
    err = some_get(m, offset, k, out);
    offset += k;
    n -= k;
    out += (size_t)k * CF_HASH_N;
  }
  if (m != NULL)
    making_free(m);
  return err;
}

static enum cf_err old_hashes(struct cf_segment *s, uint32_t offset, uint32_t n, uint8_t *out)
{
  struct cf_buf b;
  enum cf_err err = CF_OK;

  cf_buf_init(&b, CF_SEGMENT_VALUE_MAX);
  while (n > 0 && err == CF_OK) {
    uint32_t k = CF_ROW_HASHES - offset % CF_ROW_HASHES;
    if (k > n)
      k = n;
    err = old_row(s, offset, k, &b, out);
    offset += k;
    n -= k;
    out += (size_t)k * CF_HASH_N;
  }
  cf_buf_fini(&b);
  return err;
}

enum cf_err cf_segment_hashes(struct cf_segment *s, uint32_t offset, uint32_t n, uint8_t *out)
{
  uint64_t records = s->meta.end - s->meta.first;

  CF_ASSERT(offset <= records && n <= records - offset);
  return s->info.layout == 1 ? old_hashes(s, offset, n, out) : new_hashes(s, offset, n, out);
}
