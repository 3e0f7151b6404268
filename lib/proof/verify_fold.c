/* SPDX-License-Identifier: MIT */
/* Tiles in order: what lies across their borders, the right edge of the tree,
 * the kept rows above. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/proof/verify_in.h"

#define ROWS_LEVELS (64 / CF_TILE_H)

void cf_run_lose_edge(struct cf_verify_run *run, const char *why)
{
  if (run->edge_known)
    cf_run_fault(run, CF_V_STORE_DAMAGED, NULL, "the root cannot be judged: %s", why);
  run->edge_known = false;
}

enum cf_err cf_run_begin(struct cf_verify_run *run)
{
  run->edge_known = true;
  run->folded = run->first;
  enum cf_err err = cf_tree_edge(&run->source->tiles, run->first, &run->edge);
  if (err == CF_E_DAMAGED || err == CF_E_NOTFOUND)
    cf_run_lose_edge(run, "a kept row before the first leaf cannot be read");
  else if (err != CF_OK)
    return err;
  else
    cf_edge_root(&run->edge, run->pruned_root);
  if (run->job->mode == CF_VERIFY_RANGE) /* what was kept in years before takes seconds */
    run->sought = run->first;
  err = cf_run_stop_next(run);
  return err == CF_OK ? cf_run_stops(run, run->edge_known) : err;
}

/* ---- borders ---- */

/* The link to the tile before. Seq 0 has no predecessor and says so; what is
 * before a walk that begins later is not known. */
static void fold_link(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  bool is_first = tile->first == run->first;
  static const uint8_t none[CF_HASH_N];
  const uint8_t *want = tile->first == 0 ? none : run->last;
  if (is_first) {
    run->opened = tile->opened;
    memcpy(run->prev, tile->prev, CF_HASH_N);
  }
  bool known = tile->first == 0 || (!is_first && run->closed);
  if (tile->opened && known) {
    run->result.links++;
    if (memcmp(tile->prev, want, CF_HASH_N) != 0)
      cf_run_fault(run, CF_V_LINK_BROKEN, &tile->first,
                   "prev is not the hash of the leaf before it");
  }
  run->closed = tile->closed;
  memcpy(run->last, tile->last, CF_HASH_N);
}

static void fold_time(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  if (!tile->timed)
    return;
  if (run->timed && tile->first_us < run->last_us && !tile->set_back)
    cf_run_fault(run, CF_V_TIME_REGRESSION, &tile->timed_seq,
                 "recorded before the record before it");
  run->timed = true;
  run->last_us = tile->last_us;
}

static void fold_counts(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  struct cf_verify_result *r = &run->result;
  r->leaves += tile->leaves;
  r->links += tile->links;
  r->openings += tile->openings;
  r->pages += tile->pages;
  r->entries += tile->entries;
  r->present += tile->states_present;
  r->erased += tile->states_erased;
  if (tile->lost)
    run->lost_seq = tile->lost_seq;
  run->lost |= tile->lost;
}

/* ---- rows ---- */

/* A wrong row has the place of its first leaf, unless a leaf below it is known
 * to be at fault: that is the better place. */
static void row_fault(struct cf_verify_run *run, unsigned level, uint64_t index, const char *what)
{
  uint64_t first = index << level * CF_TILE_H;
  bool better = run->located && run->located_seq >= first;
  cf_run_fault(run, CF_V_TILE_MISMATCH, better ? NULL : &first, "level %u, hash %llu %s", level,
               (unsigned long long)index, what);
}

/* Compare a computed row with the kept one. Where nothing could be computed the
 * kept one takes its place. */
static enum cf_err row_check(struct cf_verify_run *run, unsigned level, uint64_t index,
                             uint8_t hash[CF_HASH_N], bool *known)
{
  const struct cf_hashes *tiles = &run->source->tiles;
  uint8_t kept[CF_HASH_N];
  enum cf_err err = tiles->get(tiles->context, level, index, 1, kept);
  if (err == CF_E_DAMAGED || err == CF_E_NOTFOUND) {
    row_fault(run, level, index, err == CF_E_DAMAGED ? "cannot be read" : "is missing");
    return CF_OK;
  }
  if (err != CF_OK)
    return err;
  if (!*known)
    memcpy(hash, kept, CF_HASH_N);
  else if (memcmp(hash, kept, CF_HASH_N) != 0)
    row_fault(run, level, index, "is not the root of what is below it");
  run->result.tiles += *known;
  *known = true;
  return CF_OK;
}

/* Add a row to its group. True when the group is full: *above is its root, and
 * it is empty again. */
static bool row_group(struct cf_row_group *group, uint64_t index, const uint8_t hash[CF_HASH_N],
                      uint8_t above[CF_HASH_N])
{
  size_t place = (size_t)(index % CF_TILE_W);
  if (place == 0)
    group->n = 0;
  if (place != group->n)
    return false;
  memcpy(group->hash[group->n++], hash, CF_HASH_N);
  if (group->n < CF_TILE_W)
    return false;
  cf_fold(group->hash[0], CF_TILE_W, above);
  return true;
}

/* Check the row of a full tile and each row above that it completes. hash is
 * the tile's root. */
static enum cf_err fold_rows(struct cf_verify_run *run, uint64_t index, uint8_t hash[CF_HASH_N],
                             bool *known)
{
  uint8_t row[CF_HASH_N];
  enum cf_err err = row_check(run, 1, index, hash, known);
  memcpy(row, hash, sizeof row);
  bool more = *known;
  for (unsigned level = 1; err == CF_OK && more && level + 1 < ROWS_LEVELS; level++) {
    more = row_group(&run->rows[level], index, row, row);
    index /= CF_TILE_W;
    if (more)
      err = row_check(run, level + 1, index, row, &more);
  }
  return err;
}

/* ---- edge ---- */

/* Of log2 how many of the tile's leaves, from `at` on and before `to`, is there
 * a root? false: not even of one. */
static bool step_find(const struct cf_tile_report *tile, size_t at, size_t to, unsigned *level)
{
  *level = 0;
  if (at == 0 && to == CF_TILE_W)
    *level = CF_TILE_H;
  else if (at % CF_LEAVES_PART == 0 && to - at >= CF_LEAVES_PART &&
           tile->part_known[at / CF_LEAVES_PART])
    *level = CF_TILE_H / 2;
  return *level > 0 || tile->known[at];
}

static const uint8_t *step_root(const struct cf_tile_report *tile, size_t at, unsigned level)
{
  return level == 0           ? tile->hash[at]
         : level == CF_TILE_H ? tile->root
                              : tile->part[at / CF_LEAVES_PART];
}

/* Bring the edge to `to`, within a tile whose hashes are all known, or the
 * roots over them. Where it would stand in a part of which there is only that
 * it stays: what wants the root at that size cannot be judged. */
static void edge_grow(struct cf_verify_run *run, const struct cf_tile_report *tile, uint64_t to)
{
  size_t from = (size_t)(run->edge.size - tile->first), end = (size_t)(to - tile->first), at;
  unsigned level;
  bool reached = run->edge_known;
  for (at = from; reached && at < end; at += (size_t)1 << level)
    reached = step_find(tile, at, end, &level);
  for (at = from; reached && at < end; at += (size_t)1 << level) {
    (void)step_find(tile, at, end, &level);
    cf_edge_append_subtree(&run->edge, level, step_root(tile, at, level));
  }
}

/* Bring it over a tile in which some hash is not known: by the tile's row,
 * where there is one. */
static void edge_leap(struct cf_verify_run *run, const struct cf_tile_report *tile, bool rooted)
{
  char why[96];
  snprintf(why, sizeof why, "the leaf hash of %llu cannot be read",
           (unsigned long long)tile->unknown_seq);
  if (!rooted)
    cf_run_lose_edge(run, why);
  if (run->edge_known)
    cf_edge_append_subtree(&run->edge, CF_TILE_H, tile->root);
}

static enum cf_err fold_edge(struct cf_verify_run *run, const struct cf_tile_report *tile,
                             bool rooted)
{
  bool whole = tile->unknown == 0;
  uint64_t end = tile->first + tile->n;
  enum cf_err err = CF_OK;
  while (err == CF_OK && run->folded < end) {
    uint64_t to = cf_run_stop_at(run, end);
    if (whole)
      edge_grow(run, tile, to);
    else if (to == end)
      edge_leap(run, tile, rooted);
    run->folded = to;
    err = cf_run_stops(run, run->edge_known && run->edge.size == to);
  }
  return err;
}

enum cf_err cf_run_fold(struct cf_verify_run *run, struct cf_tile_report *tile)
{
  if (tile->err == CF_E_NOTFOUND) {
    cf_run_fault(run, CF_V_STORE_DAMAGED, &tile->first, "nothing is there from this record on");
    run->over = true;
    run->edge_known = false;
    return CF_OK;
  }
  if (tile->err != CF_OK)
    return tile->err;
  fold_link(run, tile);
  fold_time(run, tile);
  fold_counts(run, tile);
  cf_run_take_errors(run, tile);
  enum cf_err err = cf_run_claims(run, tile);
  if (err == CF_OK)
    err = cf_run_counted(run, tile);
  bool rooted = tile->n == CF_TILE_W && tile->unknown == 0;
  if (err == CF_OK && tile->n == CF_TILE_W)
    err = fold_rows(run, tile->first / CF_TILE_W, tile->root, &rooted);
  return err == CF_OK ? fold_edge(run, tile, rooted) : err;
}
