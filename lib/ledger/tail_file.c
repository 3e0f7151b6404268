/* SPDX-License-Identifier: MIT */
/* A generation's file as it is on disk, against its image in memory, for a deep
 * verify: readers have the image, the next start has the file. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/ledger/ledger_in.h"
#include "lib/proof/verify.h"

#define CACHE ((uint64_t)1 << 20)
#define TRIES 8 /* beside writers, before these wait */

struct compare {
  struct cf_view *view;
  struct cf_tail *tail;
  uint64_t next, end; /* seqs that are still to be found in the file */
  uint64_t piece;     /* the first seq of the piece that next is in */
  struct cf_block block;
  struct cf_buf leaf;
};

/* ---- a piece ---- */

/* Does the record make its leaf behind the hash before it? */
static bool record_same(struct compare *c, unsigned i, const uint8_t kept[CF_HASH_N])
{
  uint8_t hash[CF_HASH_N], image[CF_HASH_N], prev[CF_HASH_N] = {0};
  struct cf_hashes hashes;
  cf_view_hashes(c->view, &hashes);
  cf_tail_hashes(c->tail, (uint32_t)(c->next - cf_tail_meta(c->tail)->first), 1, image);
  if (!cf_equal(kept, image, CF_HASH_N))
    return false;
  if (c->next > 0 && hashes.get(hashes.context, 0, c->next - 1, 1, prev) != CF_OK)
    return true; /* of a segment that is damaged */
  cf_buf_reset(&c->leaf);
  cf_block_leaf(&c->block, i, prev, &c->leaf, hash);
  return c->leaf.err == CF_OK && cf_equal(hash, image, CF_HASH_N);
}

static enum cf_err piece_compare(struct compare *c, struct cf_str key, struct cf_str value)
{
  struct cf_tail_piece piece;
  if (key.n != 8 || cf_u64_get((const uint8_t *)key.p) != c->next)
    return CF_E_DAMAGED;
  enum cf_err err = cf_tail_piece_get(value, c->next, &c->block, &piece);
  if (err != CF_OK)
    return err == CF_E_SYNTAX ? CF_E_DAMAGED : err;
  for (unsigned i = 0; i < c->block.n && c->next < c->end; i++, c->next++)
    if (!record_same(c, i, piece.hashes + (size_t)i * CF_HASH_N))
      return CF_E_DAMAGED;
  c->piece = c->next;
  return CF_OK;
}

/* ---- the file ---- */

/* From c->piece on. CF_E_DAMAGED: from c->next on it is not what the image
 * is. */
static enum cf_err file_compare(struct compare *c, const char *path)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb *db = NULL;
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  uint8_t seek[8];
  cf_u64_put(seek, c->next = c->piece);
  enum cf_err err = cf_bdb_env_open_file(NULL, CACHE, &env, NULL);
  if (err == CF_OK)
    err = cf_bdb_open(env, NULL, path, NULL, CF_BDB_READ, 0, &db);
  if (err == CF_OK)
    err = cf_bdb_cursor_open(db, &cursor);
  for (enum cf_bdb_move move = CF_BDB_AT_LEAST; err == CF_OK && c->next < c->end;
       move = CF_BDB_NEXT) {
    err = cf_bdb_cursor_move(cursor, move, (struct cf_str){(const char *)seek, sizeof seek}, &key,
                             &value);
    if (err == CF_OK)
      err = piece_compare(c, key, value);
  }
  cf_bdb_cursor_close(cursor);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  return err == CF_E_NOTFOUND ? CF_E_DAMAGED : err;
}

static bool is_tail(const struct cf_ledger *l, const struct cf_tail *tail)
{
  bool found = false;
  for (size_t i = 0; i < l->layout->tails_n; i++)
    found |= l->layout->tails[i] == tail;
  return found;
}

static enum cf_err written_compare(struct cf_ledger *l, struct compare *c, const char *path)
{
  enum cf_err err = cf_bdb_checkpoint(l->env, 0, 0);
  return err == CF_OK ? file_compare(c, path) : err;
}

/* What is in the image is on disk after a checkpoint, but while others write,
 * the pages at the end are not all of one moment: what does not fit is looked
 * at again, when writers are past it, and at last while nobody writes. One that
 * became a segment meanwhile has no file any more. */
static enum cf_err disk_compare(struct cf_ledger *l, struct compare *c, const char *path)
{
  enum cf_err err = CF_E_DAMAGED;
  for (unsigned i = 0; i < TRIES && err == CF_E_DAMAGED; i++)
    err = written_compare(l, c, path);
  if (err != CF_E_DAMAGED)
    return err;
  (void)pthread_mutex_lock(&l->commit);
  err = is_tail(l, c->tail) ? written_compare(l, c, path) : CF_E_NOTFOUND;
  (void)pthread_mutex_unlock(&l->commit);
  return err;
}

enum cf_err cf_tail_beside(struct cf_ledger *l, struct cf_view *view, struct cf_tail *tail,
                           struct cf_verify_beside *b)
{
  uint64_t end = cf_tail_end(tail), size = cf_view_size(view);
  char name[32], *path = NULL;
  struct compare *c = calloc(1, sizeof *c);
  cf_tail_file_name(cf_tail_meta(tail)->number, name);
  if (c == NULL || asprintf(&path, "%s/%s", l->env_path, name) < 0) {
    free(c);
    return CF_E_NOMEM;
  }
  c->view = view;
  c->tail = tail;
  c->piece = cf_tail_meta(tail)->first;
  c->end = end < size ? end : size;
  cf_block_init(&c->block);
  cf_buf_init(&c->leaf, 2 * CF_LEAF_MAX);
  enum cf_err err = disk_compare(l, c, path);
  if (err == CF_E_DAMAGED)
    cf_tile_fault(b->tile, CF_V_STORE_DAMAGED, c->next,
                  "%s does not have this record as it is shown: the next start will not find it",
                  name);
  if (err == CF_E_SPACE)
    cf_tile_fault(b->tile, CF_V_STORE_DAMAGED, c->piece,
                  "%s could not be compared: there is no space on the disk", name);
  cf_block_fini(&c->block);
  cf_buf_fini(&c->leaf);
  free(c);
  free(path);
  return err == CF_E_DAMAGED || err == CF_E_NOTFOUND || err == CF_E_SPACE ? CF_OK : err;
}
