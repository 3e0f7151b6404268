/* SPDX-License-Identifier: MIT */
/* What a start found in the tail against the tree: each record is rebuilt as a
 * leaf and held against its hash, each whole tile of hashes against its row of
 * level 1, and each whole tile of those above against its own. The last hash is
 * the head's, and the tree's root was signed, so what fits was written by the
 * log. Once, before the first read and the first roll. */
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
  bool rows_fit; /* of the levels above the tile at hand */
  bool known;    /* the hash in front of what comes next: */
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

/* Do the rows over the tile n of leaf hashes lead on to the top, as far as
 * their tiles are whole? */
static bool rows_fit(struct check *c, uint64_t n)
{
  uint8_t rows[CF_TILE_W * CF_HASH_N];
  bool fit = true;
  for (unsigned level = 1; fit && level + 1 < CF_LEVELS_N; level++) {
    n /= CF_TILE_W;
    if (cf_view_size(c->view) >> CF_TILE_H * (level + 1) <= n)
      break;
    fit = cf_levels_get(&c->l->levels, level, n * CF_TILE_W, CF_TILE_W, rows) == CF_OK &&
          tile_fits(c, level, n, rows);
  }
  return fit;
}

/* Is each record of the open block the leaf that has its hash? */
static bool records_fit(struct check *c, const uint8_t *hashes)
{
  bool fit = true;
  for (unsigned i = 0; i < c->block.n; i++, hashes += CF_HASH_N) {
    uint8_t salts[CF_C_N][CF_HASH_N], hash[CF_HASH_N];
    cf_block_salts(&c->block, i, salts);
    cf_buf_reset(&c->leaf);
    cf_leaf_put(&c->block.record[i], c->prev, (const uint8_t(*)[CF_HASH_N])salts, &c->leaf, hash);
    fit &= c->known && c->leaf.err == CF_OK && cf_equal(hash, hashes, CF_HASH_N);
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

static enum cf_err tile_check(struct check *c, uint64_t first)
{
  uint8_t hashes[CF_TILE_W * CF_HASH_N];
  uint64_t left = cf_view_size(c->view) - first, n = left < CF_TILE_W ? left : CF_TILE_W;
  cf_tail_hashes(c->tail, (uint32_t)(first - cf_tail_meta(c->tail)->first), (uint32_t)n, hashes);
  if (first == cf_tail_meta(c->tail)->first || first / CF_TILE_W % CF_TILE_W == 0)
    c->rows_fit = rows_fit(c, first / CF_TILE_W);
  bool in_tree = n < CF_TILE_W || (c->rows_fit && tile_fits(c, 0, first / CF_TILE_W, hashes));
  enum cf_err err = CF_OK;
  for (uint64_t at = 0; err == CF_OK && at < n; at += CF_GROUP)
    err = block_check(c, first + at, hashes + at * CF_HASH_N, in_tree);
  return err;
}

/* ---- the whole ---- */

static enum cf_err tail_check(struct check *c)
{
  uint64_t end = cf_tail_end(c->tail), first = cf_tail_meta(c->tail)->first;
  enum cf_err err = CF_OK;
  if (cf_tail_meta(c->tail)->has_prev) {
    memcpy(c->prev, cf_tail_meta(c->tail)->prev, CF_HASH_N);
    c->known = true;
  }
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

/* The hash in front of the oldest generation, where that does not have it, is a
 * segment's. If that cannot be read the first record cannot be judged, and is
 * doubted. */
static enum cf_err check_begin(struct check *c, uint64_t first)
{
  struct cf_hashes hashes;
  enum cf_err err = CF_OK;
  cf_view_hashes(c->view, &hashes);
  if (first > 0)
    err = hashes.get(hashes.context, 0, first - 1, 1, c->prev);
  c->known = err == CF_OK;
  return err == CF_E_DAMAGED ? CF_OK : err;
}

static enum cf_err tails_check(struct check *c)
{
  struct cf_layout *layout = cf_layout_get(c->l);
  enum cf_err err = cf_view_at(c->l, c->l->found, &c->view);
  if (err == CF_OK && layout->tails_n > 0)
    err = check_begin(c, cf_tail_meta(layout->tails[0])->first);
  for (size_t i = 0; err == CF_OK && i < layout->tails_n; i++) {
    c->tail = layout->tails[i];
    if (cf_tail_meta(c->tail)->first < c->l->found)
      err = tail_check(c);
  }
  cf_view_put(c->view);
  cf_layout_put(layout);
  return err;
}

enum cf_err cf_tails_check(struct cf_ledger *l)
{
  if (atomic_load(&l->tails_checked))
    return CF_OK;
  struct check *c = calloc(1, sizeof *c);
  if (c == NULL)
    return CF_E_NOMEM;
  c->l = l;
  cf_block_init(&c->block);
  cf_buf_init(&c->leaf, 2 * CF_LEAF_MAX);
  enum cf_err err = tails_check(c);
  cf_block_fini(&c->block);
  cf_buf_fini(&c->leaf);
  free(c);
  if (err == CF_OK)
    atomic_store(&l->tails_checked, true);
  return err;
}
