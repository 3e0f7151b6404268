/* SPDX-License-Identifier: MIT */
/* Tiles of a parcel, by where they lie in the tree. */
#include "config.h"

#include "lib/proof/parcel_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/codec.h"

#define GAP_MAX     4096 /* tiles; what lies behind a wider one is not there */
#define ENTRY_MAX   (2 + CF_LEAF_MAX)
#define ENTRIES_MAX ((size_t)CF_TILE_W * ENTRY_MAX)
#define STOP_HEAD   "checkpoints/"

/* ---- which there are ---- */

static int u64_compare(const void *a, const void *b)
{
  const uint64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* Put it in order, each once. */
static size_t u64_sort(uint64_t *v, size_t n)
{
  size_t kept = 0;
  if (n > 0)
    qsort(v, n, sizeof *v, u64_compare);
  for (size_t i = 0; i < n; i++)
    if (kept == 0 || v[kept - 1] != v[i])
      v[kept++] = v[i];
  return kept;
}

/* Does the path of a file lead to one of these, and to which? */
typedef bool path_reads(const struct cf_parcel_tree *tree, struct cf_str path, uint64_t *n);

static bool entries_reads(const struct cf_parcel_tree *tree, struct cf_str path, uint64_t *n)
{
  struct cf_tile tile;
  if (cf_tile_path_parse(path, &tile) != CF_OK || !tile.entries ||
      tile.n > (tree->size - 1) / CF_TILE_W)
    return false;
  *n = tile.n;
  return true;
}

static bool stop_reads(const struct cf_parcel_tree *tree, struct cf_str path, uint64_t *n)
{
  (void)tree;
  struct cf_str digits = cf_str_behind(path, sizeof STOP_HEAD - 1);
  return (digits.n == 1 || digits.p[0] != '0') && cf_u64_parse(digits, UINT64_MAX, n) == CF_OK;
}

static enum cf_err list_make(const struct cf_parcel_tree *tree, struct cf_str head,
                             path_reads *reads, uint64_t **list, size_t *list_n)
{
  const struct cf_parcel *parcel = tree->parcel;
  size_t first = cf_parcel_seek(parcel, head), end = first, n = 0;
  while (end < parcel->n &&
         cf_str_starts(cf_str_from(cf_parcel_path(parcel, &parcel->files[end])), head))
    end++;
  uint64_t *v = end > first && tree->size > 0 ? calloc(end - first, sizeof *v) : NULL;
  if (v == NULL)
    return end > first && tree->size > 0 ? CF_E_NOMEM : CF_OK;
  for (size_t i = first; i < end; i++)
    n += reads(tree, cf_str_from(cf_parcel_path(parcel, &parcel->files[i])), &v[n]);
  *list = v;
  *list_n = u64_sort(v, n);
  return CF_OK;
}

/* A head that lies about its size must not be walked to its end. */
static uint64_t end_find(const struct cf_parcel_tree *tree)
{
  uint64_t next = 0;
  for (size_t i = 0; i < tree->tiles_n && tree->tiles[i] - next <= GAP_MAX; i++)
    next = tree->tiles[i] + 1;
  return next * CF_TILE_W;
}

enum cf_err cf_parcel_tree_init(struct cf_parcel_tree *tree, const struct cf_parcel *parcel,
                                uint64_t size)
{
  *tree = (struct cf_parcel_tree){.parcel = parcel, .size = size};
  enum cf_err err =
      list_make(tree, CF_STR("tile/entries/"), entries_reads, &tree->tiles, &tree->tiles_n);
  if (err == CF_OK)
    err = list_make(tree, CF_STR(STOP_HEAD), stop_reads, &tree->stops, &tree->stops_n);
  if (err == CF_OK)
    tree->end = end_find(tree);
  return err;
}

void cf_parcel_tree_fini(struct cf_parcel_tree *tree)
{
  free(tree->tiles);
  free(tree->stops);
}

/* ---- tiles ---- */

static const struct cf_parcel_file *tile_at(const struct cf_parcel *parcel,
                                            const struct cf_tile *tile)
{
  struct cf_buf path;
  cf_buf_init(&path, CF_PARCEL_PATH_MAX);
  cf_tile_path_put(&path, tile->entries, tile->level, tile->n, tile->width);
  const struct cf_parcel_file *file =
      path.err == CF_OK ? cf_parcel_find(parcel, cf_buf_str(&path)) : NULL;
  cf_buf_fini(&path);
  return file;
}

/* A tile that has what this one has: it, the full one, or a later partial one;
 * its width is written. NULL: there is none. */
static const struct cf_parcel_file *tile_find(const struct cf_parcel *parcel, struct cf_tile *tile)
{
  const struct cf_parcel_file *file = tile_at(parcel, tile);
  for (unsigned from = tile->width, w = CF_TILE_W; file == NULL && w > from; w--) {
    tile->width = w;
    file = tile_at(parcel, tile);
  }
  return file;
}

/* The part of the tree of the head's size that a tile of the level has. */
static unsigned tile_width(uint64_t size, unsigned level, uint64_t n)
{
  uint64_t hashes = level * CF_TILE_H < 64 ? size >> level * CF_TILE_H : 0;
  return n < hashes / CF_TILE_W ? CF_TILE_W : (unsigned)(hashes % CF_TILE_W);
}

static enum cf_err hashes_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  const struct cf_parcel_tree *tree = context;
  struct cf_tile tile = {.level = level, .n = first / CF_TILE_W};
  tile.width = tile_width(tree->size, level, tile.n);
  if (first % CF_TILE_W + n > tile.width)
    return CF_E_NOTFOUND;
  const struct cf_parcel_file *file = tile_find(tree->parcel, &tile);
  if (file == NULL)
    return CF_E_NOTFOUND;
  if (file->n != (uint64_t)tile.width * CF_HASH_N)
    return CF_E_DAMAGED;
  return cf_parcel_get_at(tree->parcel, file, first % CF_TILE_W * CF_HASH_N, out, n * CF_HASH_N);
}

/* ---- leaves ---- */

/* A worker's: a tile's leaves, as they were read. */
struct scratch {
  struct cf_buf entries;
  uint8_t hash[CF_TILE_W * CF_HASH_N];
  struct cf_disclosed lines[CF_TILE_W];
};

static enum cf_err scratch_new(void *context, void **worker)
{
  struct scratch *s = calloc(1, sizeof *s);
  (void)context;
  if (s == NULL)
    return CF_E_NOMEM;
  cf_buf_init(&s->entries, ENTRIES_MAX);
  *worker = s;
  return CF_OK;
}

static void lines_fini(struct scratch *s)
{
  for (size_t i = 0; i < CF_TILE_W; i++)
    cf_disclosed_fini(&s->lines[i]);
}

static void scratch_free(void *context, void *worker)
{
  struct scratch *s = worker;
  (void)context;
  lines_fini(s);
  cf_buf_fini(&s->entries);
  free(s);
}

/* What cannot be read is told leaf by leaf; what ends the work stays. */
static enum cf_err err_softened(enum cf_err err)
{
  return err == CF_E_NOTFOUND || err == CF_E_DAMAGED || err == CF_E_FULL ? CF_OK : err;
}

static enum cf_err hashes_fill(struct cf_parcel_tree *tree, struct scratch *s, uint64_t first,
                               size_t n, struct cf_verify_leaf *out)
{
  enum cf_err err = hashes_get(tree, 0, first, n, s->hash);
  for (size_t i = 0; err == CF_OK && i < n; i++) {
    memcpy(out[i].hash, s->hash + i * CF_HASH_N, CF_HASH_N);
    out[i].hash_readable = true;
  }
  return err_softened(err);
}

/* whole: nothing may come behind the last one. */
static void entries_fill(struct cf_str text, size_t n, bool whole, struct cf_verify_leaf *out)
{
  for (size_t i = 0; i < n && text.n >= 2; i++) {
    size_t length = cf_u16_get((const uint8_t *)text.p);
    if (length > text.n - 2)
      return;
    out[i].leaf = (struct cf_str){text.p + 2, length};
    out[i].readable = true;
    text = cf_str_behind(text, 2 + length);
  }
  if (whole && text.n > 0)
    out[n - 1].readable = false;
}

static enum cf_err lines_fill(struct cf_parcel_tree *tree, struct scratch *s, uint64_t first,
                              size_t n, struct cf_verify_leaf *out)
{
  const struct cf_parcel_lot *lot =
      tree->records != NULL ? cf_parcel_lot_find(tree->records, first / CF_TILE_W) : NULL;
  lines_fini(s);
  if (lot == NULL)
    return CF_OK;
  enum cf_err err = cf_parcel_lot_read(tree->records, lot, s->lines);
  for (size_t i = 0; i < n && err == CF_OK; i++) {
    const struct cf_disclosed *line = &s->lines[i];
    if (!cf_parcel_lot_has(lot, first + i))
      continue;
    out[i].opened = true;
    out[i].erased = line->erased;
    memcpy(out[i].payload, line->payload, sizeof out[i].payload);
    memcpy(out[i].salt, line->salt, sizeof out[i].salt);
  }
  return err;
}

static enum cf_err leaves_get(void *context, void *worker, uint64_t first, size_t n,
                              struct cf_verify_leaf *out)
{
  struct cf_parcel_tree *tree = context;
  struct scratch *s = worker;
  struct cf_tile tile = {.entries = true, .n = first / CF_TILE_W, .width = (unsigned)n};
  enum cf_err err = hashes_fill(tree, s, first, n, out);
  if (err == CF_OK && first >= tree->end)
    return out->hash_readable ? CF_OK : CF_E_NOTFOUND;
  if (err == CF_OK)
    err = lines_fill(tree, s, first, n, out);
  const struct cf_parcel_file *file = tile_find(tree->parcel, &tile);
  cf_buf_reset(&s->entries);
  if (err != CF_OK || file == NULL)
    return err;
  err = err_softened(
      cf_parcel_get(tree->parcel, cf_str_from(cf_parcel_path(tree->parcel, file)), &s->entries));
  if (err == CF_OK)
    entries_fill(cf_buf_str(&s->entries), n, tile.width == n, out);
  return err;
}

/* ---- checkpoints ---- */

static enum cf_err stop_get(void *context, uint64_t size, uint64_t *found, struct cf_buf *note)
{
  const struct cf_parcel_tree *tree = context;
  char path[64];
  size_t i = 0;
  while (i < tree->stops_n && tree->stops[i] < size)
    i++;
  if (i == tree->stops_n)
    return CF_E_NOTFOUND;
  *found = tree->stops[i];
  snprintf(path, sizeof path, STOP_HEAD "%llu", (unsigned long long)*found);
  enum cf_err err = cf_parcel_get(tree->parcel, cf_str_from(path), note);
  return err == CF_E_FULL ? CF_OK : err; /* what was read of it is no checkpoint */
}

void cf_parcel_tree_source(struct cf_parcel_tree *tree, struct cf_verify_source *source)
{
  *source = (struct cf_verify_source){.context = tree,
                                      .worker_new = scratch_new,
                                      .worker_free = scratch_free,
                                      .leaves = leaves_get,
                                      .tiles = {.get = hashes_get, .context = tree},
                                      .checkpoint = stop_get};
}
