/* SPDX-License-Identifier: MIT */
/* The names of a bundle's files against the layout of format.md, and its tiles
 * of hashes against each other: whoever makes a manifest anew can name in it
 * what he likes, and nothing is in a bundle that nobody looked at. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/proof/parcel_tree.h"

static const struct cf_str keys_head = CF_STR("keys/");
static const struct cf_str stops_head = CF_STR("checkpoints/");

/* ---- names ---- */

static bool number_read(struct cf_str digits, uint64_t *n)
{
  return (digits.n == 1 || (digits.n > 0 && digits.p[0] != '0')) &&
         cf_u64_parse(digits, UINT64_MAX, n) == CF_OK;
}

static bool is_single(struct cf_str path)
{
  static const char *const names[] = {"README.txt", CF_KEY_PATH,     CF_QUERY_PATH,
                                      CF_HEAD_PATH, CF_RECORDS_PATH, CF_MANIFEST_PATH};
  bool is = false;
  for (size_t i = 0; i < sizeof names / sizeof names[0] && !is; i++)
    is = cf_str_is(path, names[i]);
  return is;
}

static bool is_there(const struct cf_parcel *parcel, struct cf_str stem, const char *ending)
{
  struct cf_buf path;
  cf_buf_init(&path, CF_PARCEL_PATH_MAX);
  cf_buf_putstr(&path, stem);
  cf_buf_puts(&path, ending);
  bool there = path.err == CF_OK && cf_parcel_find(parcel, cf_buf_str(&path)) != NULL;
  cf_buf_fini(&path);
  return there;
}

/* `<size>` is earlier than the head; what others made of one stands beside it,
 * or is of the head. */
static bool is_stop(const struct cf_parcel *parcel, uint64_t size, struct cf_str path)
{
  struct cf_str ending = cf_str_behind(path, stops_head.n);
  struct cf_str digits = cf_str_cut(&ending, '.');
  struct cf_str stem = {path.p, stops_head.n + digits.n};
  uint64_t n;
  if (!number_read(digits, &n))
    return false;
  if (stem.n == path.n)
    return 0 < n && n < size;
  return (n == size || is_there(parcel, stem, "")) &&
         (cf_str_is(ending, "cosignatures") || cf_str_is(ending, "tsr") ||
          (cf_str_is(ending, "stamped") && is_there(parcel, stem, ".tsr")));
}

/* At the width that it has in a tree of that size. */
static bool is_tile(const struct cf_tile *tile, uint64_t size)
{
  return cf_tile_within(tile, size) &&
         (tile->width == CF_TILE_W ||
          tile->width == cf_tile_partial(size, tile->entries ? 0 : tile->level));
}

static bool is_placed(const struct cf_parcel *parcel, uint64_t size, struct cf_str path)
{
  struct cf_tile tile;
  uint64_t seq;
  if (cf_str_starts(path, keys_head))
    return number_read(cf_str_behind(path, keys_head.n), &seq) && seq < size;
  if (cf_str_starts(path, stops_head))
    return is_stop(parcel, size, path);
  return cf_tile_path_parse(path, &tile) == CF_OK ? is_tile(&tile, size) : is_single(path);
}

/* ---- tiles of hashes ---- */

/* Is the root of a full tile what the tile above has of it? A partial one is
 * part of the right edge. */
static enum cf_err tile_leads(const struct cf_hashes *hashes, const struct cf_tile *tile)
{
  uint8_t row[CF_TILE_W * CF_HASH_N], root[CF_HASH_N], above[CF_HASH_N];
  struct cf_edge edge;
  enum cf_err err = hashes->get(hashes->context, tile->level, tile->n * CF_TILE_W, CF_TILE_W, row);
  if (err == CF_OK)
    err = hashes->get(hashes->context, tile->level + 1, tile->n, 1, above);
  if (err != CF_OK)
    return err;
  cf_edge_init(&edge);
  for (size_t i = 0; i < CF_TILE_W; i++)
    cf_edge_append(&edge, row + i * CF_HASH_N);
  cf_edge_root(&edge, root);
  return memcmp(root, above, CF_HASH_N) == 0 ? CF_OK : CF_E_PROOF;
}

static enum cf_err edge_leads(const struct cf_hashes *hashes, uint64_t size,
                              const uint8_t root[CF_HASH_N])
{
  uint8_t folded[CF_HASH_N];
  enum cf_err err = cf_tree_root(hashes, size, folded);
  return err == CF_OK && memcmp(folded, root, CF_HASH_N) != 0 ? CF_E_PROOF : err;
}

/* Where the leaves of a tile are there, they are held against it anyway. */
static bool is_judged(const struct cf_parcel *parcel, const struct cf_tile *tile)
{
  struct cf_buf path;
  cf_buf_init(&path, CF_PARCEL_PATH_MAX);
  cf_tile_path_put(&path, true, 0, tile->n, tile->width);
  bool there = tile->level == 0 && is_there(parcel, cf_buf_str(&path), "");
  cf_buf_fini(&path);
  return there;
}

static enum cf_err lead_blame(enum cf_err err, struct cf_str path, cf_parcel_blame *blame,
                              void *context)
{
  if (err == CF_E_PROOF)
    blame(context, path, "its hashes do not lead to the root that was signed");
  else if (err == CF_E_NOTFOUND || err == CF_E_DAMAGED)
    blame(context, path, "hashes that lead from it to the root are missing");
  return err == CF_E_PROOF || err == CF_E_NOTFOUND || err == CF_E_DAMAGED ? CF_OK : err;
}

/* ---- all of them ---- */

enum cf_err cf_parcel_layout(const struct cf_parcel *parcel, const struct cf_hashes *hashes,
                             uint64_t size, const uint8_t root[CF_HASH_N], cf_parcel_blame *blame,
                             void *context)
{
  enum cf_err err = lead_blame(edge_leads(hashes, size, root), CF_STR("tile/"), blame, context);
  for (size_t i = 0; i < parcel->n && err == CF_OK; i++) {
    struct cf_str path = cf_str_from(cf_parcel_path(parcel, &parcel->files[i]));
    struct cf_tile tile;
    if (!is_placed(parcel, size, path))
      blame(context, path, "no such file belongs into a bundle of that size");
    else if (cf_tile_path_parse(path, &tile) == CF_OK && !tile.entries && tile.width == CF_TILE_W &&
             !is_judged(parcel, &tile))
      err = lead_blame(tile_leads(hashes, &tile), path, blame, context);
  }
  return err;
}
