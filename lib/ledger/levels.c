/* SPDX-License-Identifier: MIT */
/* The tree's tiles of level 1 and above. */
#include "config.h"

#include "lib/ledger/levels_in.h"

#include <string.h>

#include "lib/base/codec.h"

#define ROW_KEY_N 9

void cf_levels_init(struct cf_levels *levels, struct cf_bdb *rows)
{
  (void)pthread_rwlock_init(&levels->lock, NULL);
  for (unsigned l = 0; l < CF_LEVELS_N; l++)
    cf_buf_init(&levels->hashes[l], SIZE_MAX / 2);
  levels->rows = rows;
}

void cf_levels_fini(struct cf_levels *levels)
{
  for (unsigned l = 0; l < CF_LEVELS_N; l++)
    cf_buf_fini(&levels->hashes[l]);
  (void)pthread_rwlock_destroy(&levels->lock);
}

static enum cf_err load_row(struct cf_levels *levels, struct cf_str key, struct cf_str value)
{
  const uint8_t *k = (const uint8_t *)key.p;
  if (key.n != ROW_KEY_N || value.n != CF_HASH_N || k[0] == 0 || k[0] >= CF_LEVELS_N)
    return CF_E_DAMAGED;
  struct cf_buf *b = &levels->hashes[k[0]];
  if (cf_u64_get(k + 1) != b->n / CF_HASH_N)
    return CF_E_DAMAGED;
  cf_buf_putstr(b, value);
  return b->err;
}

enum cf_err cf_levels_load(struct cf_levels *levels, uint64_t size, struct cf_fault *fault)
{
  struct cf_bdb_cursor *cursor = NULL;
  enum cf_err err = cf_bdb_cursor_open(levels->rows, &cursor);
  struct cf_str none = {0}, key, value;
  enum cf_bdb_move move = CF_BDB_FIRST;
  while (err == CF_OK && (err = cf_bdb_cursor_move(cursor, move, none, &key, &value)) == CF_OK) {
    err = load_row(levels, key, value);
    move = CF_BDB_NEXT;
  }
  cf_bdb_cursor_close(cursor);
  if (err == CF_E_NOTFOUND)
    err = CF_OK;
  for (unsigned l = 1; err == CF_OK && l < CF_LEVELS_N; l++)
    if (levels->hashes[l].n / CF_HASH_N != size >> (CF_TILE_H * l))
      err = CF_E_DAMAGED;
  if (err == CF_E_DAMAGED)
    return cf_fail(
        fault, err, "tiles",
        "the tree's rows do not fit the size %llu: restore the data directory from a backup",
        (unsigned long long)size);
  return err;
}

enum cf_err cf_levels_get(struct cf_levels *levels, unsigned level, uint64_t first, size_t n,
                          uint8_t *out)
{
  if (level == 0 || level >= CF_LEVELS_N)
    return CF_E_NOTFOUND;
  enum cf_err err = CF_OK;
  (void)pthread_rwlock_rdlock(&levels->lock);
  const struct cf_buf *b = &levels->hashes[level];
  if (first + n > b->n / CF_HASH_N)
    err = CF_E_NOTFOUND;
  else
    memcpy(out, b->p + first * CF_HASH_N, n * CF_HASH_N);
  (void)pthread_rwlock_unlock(&levels->lock);
  return err;
}

enum cf_err cf_filling_init(struct cf_filling *filling, const struct cf_hashes *hashes,
                            uint64_t size)
{
  uint8_t row[CF_TILE_W * CF_HASH_N];
  for (unsigned l = 0; l < CF_LEVELS_N; l++) {
    cf_edge_init(&filling->acc[l]);
    uint64_t count = size >> (CF_TILE_H * l);
    size_t n = (size_t)(count % CF_TILE_W);
    if (n == 0)
      continue;
    enum cf_err err = hashes->get(hashes->context, l, count - n, n, row);
    if (err != CF_OK)
      return err;
    for (size_t i = 0; i < n; i++)
      cf_edge_append(&filling->acc[l], row + i * CF_HASH_N);
  }
  return CF_OK;
}

void cf_filling_copy(const struct cf_filling *filling, struct cf_filling *to)
{
  for (unsigned l = 0; l < CF_LEVELS_N; l++) {
    to->acc[l].size = filling->acc[l].size;
    memcpy(to->acc[l].node, filling->acc[l].node, CF_TILE_H * sizeof to->acc[l].node[0]);
  }
}

static enum cf_err put_row(struct cf_bdb *rows, struct cf_bdb_txn *txn, unsigned level,
                           uint64_t index, const uint8_t hash[CF_HASH_N])
{
  uint8_t key[ROW_KEY_N];
  key[0] = (uint8_t)level;
  cf_u64_put(key + 1, index);
  return cf_bdb_put(rows, txn, (struct cf_str){(const char *)key, sizeof key},
                    (struct cf_str){(const char *)hash, CF_HASH_N});
}

enum cf_err cf_filling_append(struct cf_filling *filling, uint64_t size,
                              const uint8_t leaf_hash[CF_HASH_N], struct cf_bdb *rows,
                              struct cf_bdb_txn *txn, struct cf_buf *done)
{
  uint8_t hash[CF_HASH_N];
  memcpy(hash, leaf_hash, CF_HASH_N);
  for (unsigned l = 0; l + 1 < CF_LEVELS_N; l++) {
    struct cf_edge *acc = &filling->acc[l];
    cf_edge_append(acc, hash);
    if (acc->size < CF_TILE_W)
      return CF_OK;
    cf_edge_root(acc, hash);
    cf_edge_init(acc);
    cf_buf_putc(done, (char)(l + 1));
    cf_buf_put(done, hash, CF_HASH_N);
    enum cf_err err = put_row(rows, txn, l + 1, size >> (CF_TILE_H * (l + 1)), hash);
    if (err != CF_OK || done->err != CF_OK)
      return err != CF_OK ? err : done->err;
  }
  return CF_OK;
}

enum cf_err cf_levels_apply(struct cf_levels *levels, const struct cf_buf *done)
{
  enum cf_err err = CF_OK;
  (void)pthread_rwlock_wrlock(&levels->lock);
  for (size_t i = 0; err == CF_OK && i < done->n; i += 1 + CF_HASH_N) {
    struct cf_buf *b = &levels->hashes[done->p[i]];
    cf_buf_put(b, done->p + i + 1, CF_HASH_N);
    err = b->err;
  }
  (void)pthread_rwlock_unlock(&levels->lock);
  return err;
}
