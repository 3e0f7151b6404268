/* SPDX-License-Identifier: MIT */
/* The tiles of a bundle: hashes from the highest level down, then leaf hashes
 * and leaves side by side. Each is led to the signed root before it goes out:
 * hashes as any tile is (cf_tree_prove_tile), leaves by the hash of them all in
 * a tile that was. */
#include "config.h"

#include "lib/evidence/bundle_in.h"

#include "lib/base/codec.h"

static enum cf_err untrue(struct cf_evidence *b, const struct cf_tile *tile, enum cf_err err)
{
  if (err != CF_E_PROOF && (err != CF_E_DAMAGED || b->fault->detail[0] != '\0'))
    return err;
  return cf_fail(b->fault, CF_E_DAMAGED, NULL,
                 "tile %llu of level %u cannot be read, or does not lead to what was signed",
                 (unsigned long long)tile->n, tile->level);
}

/* That tile of the tree; its width is 0 where there is none. */
static struct cf_tile tile_of(const struct cf_evidence *b, unsigned level, uint64_t n)
{
  uint64_t nodes = level < 8 ? b->tree.head.size >> (CF_TILE_H * level) : 0;
  uint64_t left = nodes > n * CF_TILE_W ? nodes - n * CF_TILE_W : 0;
  return (struct cf_tile){.level = level,
                          .n = n,
                          .width = left < CF_TILE_W ? (unsigned)left : CF_TILE_W};
}

static enum cf_err tile_out(struct cf_evidence *b, const struct cf_tile *tile, struct cf_str bytes)
{
  char room[CF_TAR_NAME_N + 1];
  struct cf_buf path;
  cf_buf_fixed(&path, room, sizeof room);
  cf_tile_path_put(&path, tile->entries, tile->level, tile->n, tile->width);
  return path.err == CF_OK ? cf_evidence_whole(b, cf_buf_cstr(&path), bytes) : path.err;
}

static enum cf_err hashes_out(struct cf_evidence *b, const struct cf_tile *tile)
{
  uint8_t hashes[CF_TILE_W][CF_HASH_N];
  enum cf_err err = cf_tree_prove_tile(&b->tree, tile, hashes[0]);
  if (err != CF_OK)
    return untrue(b, tile, err);
  return tile_out(b, tile, (struct cf_str){(const char *)hashes, tile->width * sizeof hashes[0]});
}

/* ---- levels above the leaves ---- */

/* Those above the tiles of leaf hashes that belong to it, and the last one. */
static enum cf_err level_out(struct cf_evidence *b, unsigned level)
{
  uint64_t last = UINT64_MAX;
  struct cf_tile tile;
  enum cf_err err = CF_OK;
  for (uint32_t i = cf_bits_next(&b->hashes, 0); i != UINT32_MAX && err == CF_OK;
       i = i + 1 < b->hashes.n ? cf_bits_next(&b->hashes, i + 1) : UINT32_MAX) {
    tile = tile_of(b, level, (uint64_t)i >> (CF_TILE_H * level));
    if (tile.n == last || tile.width == 0)
      continue;
    last = tile.n;
    err = hashes_out(b, &tile);
  }
  tile = tile_of(b, level, (b->tree.head.size >> (CF_TILE_H * level)) / CF_TILE_W);
  return err == CF_OK && tile.width > 0 && tile.n != last ? hashes_out(b, &tile) : err;
}

static enum cf_err levels_out(struct cf_evidence *b)
{
  unsigned level = 0;
  enum cf_err err = CF_OK;
  while (tile_of(b, level + 1, 0).width > 0)
    level++;
  for (; level > 0 && err == CF_OK; level--)
    err = level_out(b, level);
  return err;
}

/* ---- leaves ---- */

static enum cf_err leaf_put(struct cf_evidence *b, uint64_t seq)
{
  size_t at = b->leaves.n;
  uint8_t length[2];
  enum cf_err err = cf_opening_get(&b->opening, b->view, seq, b->fault);
  if (err != CF_OK)
    return err;
  cf_buf_put(&b->leaves, "\0", sizeof length);
  cf_leaf_put(b->opening.record, b->prev, (const uint8_t(*)[CF_HASH_N])b->opening.salts, &b->leaves,
              b->opening.hash);
  if (b->leaves.err != CF_OK)
    return b->leaves.err;
  cf_u16_put(length, (uint16_t)(b->leaves.n - at - sizeof length));
  memcpy(b->leaves.p + at, length, sizeof length);
  memcpy(b->prev, b->opening.hash, CF_HASH_N);
  b->next = seq + 1;
  return CF_OK;
}

/* The hash of the leaf in front of the tile. */
static enum cf_err prev_find(struct cf_evidence *b, uint64_t first)
{
  if (b->next == first)
    return CF_OK;
  memset(b->prev, 0, CF_HASH_N);
  return first == 0 ? CF_OK : b->tree.hashes.get(b->tree.hashes.context, 0, first - 1, 1, b->prev);
}

/* Make the leaves of a tile of their records, and their hashes. */
static enum cf_err leaves_make(struct cf_evidence *b, const struct cf_tile *tile,
                               uint8_t hashes[CF_TILE_W][CF_HASH_N])
{
  enum cf_err err = prev_find(b, tile->n * CF_TILE_W);
  if (err != CF_OK)
    return untrue(b, tile, err);
  cf_buf_reset(&b->leaves);
  for (unsigned i = 0; i < tile->width && err == CF_OK; i++) {
    err = leaf_put(b, tile->n * CF_TILE_W + i);
    memcpy(hashes[i], b->prev, CF_HASH_N);
  }
  return err;
}

/* The hash of a full tile of leaf hashes, as a proved tile above has it. */
static enum cf_err above_get(struct cf_evidence *b, uint64_t n, uint8_t hash[CF_HASH_N])
{
  struct cf_tile tile = tile_of(b, 1, n / CF_TILE_W);
  enum cf_err err = CF_OK;
  if (b->above.n != tile.n) {
    b->above.n = UINT64_MAX;
    err = cf_tree_prove_tile(&b->tree, &tile, b->above.hash[0]);
  }
  if (err != CF_OK)
    return untrue(b, &tile, err);
  b->above.n = tile.n;
  memcpy(hash, b->above.hash[n % CF_TILE_W], CF_HASH_N);
  return CF_OK;
}

/* Are those the leaves that were signed? */
static enum cf_err leaves_check(struct cf_evidence *b, const struct cf_tile *tile,
                                const uint8_t hashes[CF_TILE_W][CF_HASH_N])
{
  uint8_t proved[CF_TILE_W][CF_HASH_N], root[CF_HASH_N];
  struct cf_edge edge;
  if (tile->width < CF_TILE_W) {
    enum cf_err err = cf_tree_prove_tile(&b->tree, tile, proved[0]);
    bool same = err == CF_OK && memcmp(hashes, proved, tile->width * sizeof proved[0]) == 0;
    return same ? CF_OK : untrue(b, tile, err == CF_OK ? CF_E_PROOF : err);
  }
  cf_edge_init(&edge);
  for (unsigned i = 0; i < tile->width; i++)
    cf_edge_append(&edge, hashes[i]);
  cf_edge_root(&edge, root);
  enum cf_err err = above_get(b, tile->n, proved[0]);
  if (err == CF_OK && memcmp(root, proved[0], CF_HASH_N) != 0)
    err = untrue(b, tile, CF_E_PROOF);
  return err;
}

static enum cf_err leaves_out(struct cf_evidence *b, struct cf_tile tile)
{
  uint8_t hashes[CF_TILE_W][CF_HASH_N];
  enum cf_err err = leaves_make(b, &tile, hashes);
  if (err == CF_OK)
    err = leaves_check(b, &tile, (const uint8_t(*)[CF_HASH_N])hashes);
  if (err == CF_OK)
    err = tile_out(b, &tile, (struct cf_str){(const char *)hashes, tile.width * sizeof hashes[0]});
  tile.entries = true;
  return err == CF_OK ? tile_out(b, &tile, cf_buf_str(&b->leaves)) : err;
}

enum cf_err cf_evidence_tiles(struct cf_evidence *b)
{
  enum cf_err err = levels_out(b);
  for (uint32_t i = 0; i < b->hashes.n && err == CF_OK; i++) {
    struct cf_tile tile = tile_of(b, 0, i);
    bool last = tile.width < CF_TILE_W;
    if (cf_bits_has(&b->entries, i))
      err = leaves_out(b, tile);
    else if (cf_bits_has(&b->hashes, i) || last)
      err = hashes_out(b, &tile);
    if (err == CF_OK)
      err = cf_turn_work(b->ask->turn);
  }
  return err;
}
