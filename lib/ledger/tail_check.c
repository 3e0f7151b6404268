/* SPDX-License-Identifier: MIT */
/* What a start found in the tail against the tree: each record is rebuilt as a
 * leaf and held against its hash, each whole tile of hashes against its row of
 * level 1, and each whole tile of those above against its own. The last hash is
 * the head's, and the tree's root was signed, so what fits was written by the
 * log. Once, before the first read and the first roll; a block that an append
 * has to believe before that by itself; what was not signed yet at the start
 * (cf_chain_check).
 *
 * Where the pieces have the sum of the head, whose MAC is good, they are what
 * the log wrote, to the byte: then their leaves are not rebuilt, and only the
 * tree's rows are held against their hashes. The first tile of each generation
 * is rebuilt all the same: what lies in front of it, and the hash that its row
 * has of that, is covered by no sum. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

struct check {
  struct cf_ledger *l;
  struct cf_view *view; /* of what the start found */
  struct cf_tail *tail;
  struct cf_block block;
  struct cf_buf leaf;
  uint64_t rows_of; /* of 256 tiles the number, from 1 on; and do */
  bool rows_fit;    /* the rows above them fit? */
  bool known;       /* the hash in front of what comes next: */
  uint8_t prev[CF_HASH_N];
};

/* ---- a tile ---- */

/* Do the hashes of a whole tile lead to its row of the level above? */
static bool tile_fits(struct check *c, unsigned level, uint64_t n, const uint8_t *hashes)
{
  uint8_t root[CF_HASH_N], row[CF_HASH_N];
  cf_fold(hashes, CF_TILE_W, root);
  return cf_levels_get(&c->l->levels, level + 1, n, 1, row) == CF_OK &&
         cf_equal(root, row, CF_HASH_N);
}

/* Do the rows over 256 tiles of leaf hashes lead on to the top, as far as their
 * tiles are whole? */
static bool rows_fit(struct check *c, uint64_t n)
{
  uint8_t rows[CF_TILE_W * CF_HASH_N];
  bool fit = true;
  for (unsigned level = 1; fit && level + 1 < CF_LEVELS_N; level++) {
    if (cf_view_size(c->view) >> CF_TILE_H * (level + 1) <= n)
      break;
    fit = cf_levels_get(&c->l->levels, level, n * CF_TILE_W, CF_TILE_W, rows) == CF_OK &&
          tile_fits(c, level, n, rows);
    n /= CF_TILE_W;
  }
  return fit;
}

static bool in_tree(struct check *c, uint64_t n, const uint8_t *hashes)
{
  if (c->rows_of != n / CF_TILE_W + 1) {
    c->rows_of = n / CF_TILE_W + 1;
    c->rows_fit = rows_fit(c, n / CF_TILE_W);
  }
  return c->rows_fit && tile_fits(c, 0, n, hashes);
}

/* Nothing erases in the tail: what looks erased there was made to, which does
 * not show in the leaf. */
static bool is_whole(const struct cf_record *r)
{
  bool whole = true;
  for (unsigned c = 0; c < CF_C_N; c++)
    whole &= r->gone[c] == NULL;
  return whole;
}

/* Is each record of the open block all of the leaf that has its hash? */
static bool records_fit(struct check *c, const uint8_t *hashes)
{
  bool fit = true;
  for (unsigned i = 0; i < c->block.n; i++, hashes += CF_HASH_N) {
    uint8_t hash[CF_HASH_N];
    cf_buf_reset(&c->leaf);
    cf_block_leaf(&c->block, i, c->prev, &c->leaf, hash);
    fit &= c->known && c->leaf.err == CF_OK && cf_equal(hash, hashes, CF_HASH_N) &&
           is_whole(&c->block.record[i]);
    c->known = true;
    memcpy(c->prev, hashes, CF_HASH_N);
  }
  return fit;
}

static enum cf_err block_check(struct check *c, uint64_t seq, const uint8_t *hashes, bool in_tree)
{
  enum cf_err err = cf_view_block(c->view, seq, &c->block);
  if (err != CF_OK)
    return err;
  bool fit = records_fit(c, hashes);
  if (!fit || !in_tree)
    cf_tail_doubt(c->tail, (uint32_t)((seq - cf_tail_meta(c->tail)->first) / CF_GROUP));
  return c->leaf.err == CF_E_NOMEM ? CF_E_NOMEM : CF_OK;
}

struct tile {
  uint64_t n; /* hashes */
  uint8_t hash[CF_TILE_W * CF_HASH_N];
  bool in_tree; /* it gives its row, or is not whole yet */
};

static enum cf_err tile_get(struct check *c, uint64_t first, struct tile *tile)
{
  uint64_t left = cf_view_size(c->view) - first;
  struct cf_hashes hashes;
  cf_view_hashes(c->view, &hashes);
  tile->n = left < CF_TILE_W ? left : CF_TILE_W;
  enum cf_err err = hashes.get(hashes.context, 0, first, tile->n, tile->hash);
  if (err == CF_OK)
    tile->in_tree = tile->n < CF_TILE_W || in_tree(c, first / CF_TILE_W, tile->hash);
  return err;
}

/* Is there nothing to rebuild in the tile that begins at first? */
static bool tile_is_own(struct check *c, uint64_t first, const struct tile *tile)
{
  uint64_t front = c->tail != NULL ? cf_tail_meta(c->tail)->first : c->l->own;
  if (first < c->l->own || first == front || !tile->in_tree)
    return false;
  c->known = true;
  memcpy(c->prev, tile->hash + (tile->n - 1) * CF_HASH_N, CF_HASH_N);
  return true;
}

static enum cf_err tile_check(struct check *c, uint64_t first)
{
  struct tile tile;
  enum cf_err err = tile_get(c, first, &tile);
  if (err == CF_OK && tile_is_own(c, first, &tile))
    return CF_OK;
  for (uint64_t at = 0; err == CF_OK && at < tile.n; at += CF_GROUP)
    err = block_check(c, first + at, tile.hash + at * CF_HASH_N, tile.in_tree);
  return err;
}

/* ---- the whole ---- */

/* The hash in front of `first`: of a generation its row has it, else whoever
 * holds the record. If that cannot be read the next record cannot be judged,
 * and is doubted. */
static enum cf_err front_get(struct check *c, uint64_t first)
{
  const struct cf_tail_meta *meta = c->tail != NULL ? cf_tail_meta(c->tail) : NULL;
  struct cf_hashes hashes;
  enum cf_err err = CF_OK;
  cf_view_hashes(c->view, &hashes);
  if (meta != NULL && meta->has_prev && meta->first == first)
    memcpy(c->prev, meta->prev, CF_HASH_N);
  else if (first > 0)
    err = hashes.get(hashes.context, 0, first - 1, 1, c->prev);
  c->known = err == CF_OK;
  return err == CF_E_DAMAGED ? CF_OK : err;
}

static enum cf_err tail_check(struct check *c)
{
  uint64_t end = cf_tail_end(c->tail), first = cf_tail_meta(c->tail)->first;
  enum cf_err err = front_get(c, first);
  if (end > cf_view_size(c->view))
    end = cf_view_size(c->view);
  for (uint64_t at = first; err == CF_OK && at < end; at += CF_TILE_W)
    err = cf_nap_stopped(c->l) ? CF_E_LEAVING : tile_check(c, at);
  unsigned bad = cf_tail_doubted(c->tail);
  if (err == CF_OK && bad > 0)
    cf_log(CF_LOG_ERROR,
           "of the records from %llu on, which are no segment yet, %u blocks of 64 are not what "
           "the tree says: they are not shown, and no segment is made of them; restore the data "
           "directory from a backup, or see `counterfoil recover`",
           (unsigned long long)first, bad);
  return err;
}

static enum cf_err tails_check(struct check *c)
{
  struct cf_layout *layout = cf_layout_get(c->l);
  enum cf_err err = cf_view_at(c->l, c->l->found, &c->view);
  for (size_t i = 0; err == CF_OK && i < layout->tails_n; i++) {
    c->tail = layout->tails[i];
    if (cf_tail_meta(c->tail)->first < c->l->found)
      err = tail_check(c);
  }
  cf_view_put(c->view);
  cf_layout_put(layout);
  return err;
}

static struct check *check_new(struct cf_ledger *l)
{
  struct check *c = calloc(1, sizeof *c);
  if (c == NULL)
    return NULL;
  c->l = l;
  cf_block_init(&c->block);
  cf_buf_init(&c->leaf, 2 * CF_LEAF_MAX);
  return c;
}

static void check_free(struct check *c)
{
  cf_block_fini(&c->block);
  cf_buf_fini(&c->leaf);
  free(c);
}

enum cf_err cf_tails_check(struct cf_ledger *l)
{
  if (atomic_load(&l->tails_checked))
    return CF_OK;
  struct check *c = check_new(l);
  if (c == NULL)
    return CF_E_NOMEM;
  enum cf_err err = tails_check(c);
  check_free(c);
  if (err == CF_OK)
    atomic_store(&l->tails_checked, true);
  return err;
}

/* ---- a block ---- */

static enum cf_err one_check(struct check *c, uint64_t first)
{
  uint64_t at = first % CF_TILE_W;
  struct tile tile;
  enum cf_err err = tile_get(c, first - at, &tile);
  if (err == CF_OK && tile_is_own(c, first - at, &tile))
    return CF_OK;
  if (err == CF_OK)
    err = front_get(c, first);
  return err == CF_OK ? block_check(c, first, tile.hash + at * CF_HASH_N, tile.in_tree) : err;
}

enum cf_err cf_tail_check_block(struct cf_ledger *l, struct cf_tail *tail, uint64_t first)
{
  if (first >= l->found || atomic_load(&l->tails_checked))
    return CF_OK;
  struct check *c = check_new(l);
  if (c == NULL)
    return CF_E_NOMEM;
  c->tail = tail;
  enum cf_err err = cf_view_at(l, l->found, &c->view);
  if (err == CF_OK)
    err = one_check(c, first);
  cf_view_put(c->view);
  check_free(c);
  return err;
}

/* ---- what nothing signed covers ---- */

static enum cf_err stretch_check(struct check *c, uint64_t first, bool *fit)
{
  struct tile tile;
  enum cf_err err = tile_get(c, first, &tile);
  if (err == CF_OK && tile_is_own(c, first, &tile))
    return CF_OK;
  if (err == CF_OK)
    *fit &= tile.in_tree;
  for (uint64_t at = 0; err == CF_OK && at < tile.n; at += CF_GROUP) {
    err = cf_view_block(c->view, first + at, &c->block);
    if (err == CF_OK)
      *fit &= records_fit(c, tile.hash + at * CF_HASH_N);
  }
  return err;
}

/* From the whole tile on that `from` lies in; that the last hash is the head's
 * is known. */
enum cf_err cf_chain_check(struct cf_ledger *l, uint64_t from, bool *fit)
{
  uint64_t first = from / CF_TILE_W * CF_TILE_W;
  *fit = true;
  if (from >= l->size)
    return CF_OK;
  struct check *c = check_new(l);
  if (c == NULL)
    return CF_E_NOMEM;
  enum cf_err err = cf_view_at(l, l->size, &c->view);
  if (err == CF_OK)
    err = front_get(c, first);
  for (uint64_t at = first; err == CF_OK && *fit && at < l->size; at += CF_TILE_W)
    err = stretch_check(c, at, fit);
  cf_view_put(c->view);
  check_free(c);
  return err;
}
