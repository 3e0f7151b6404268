/* SPDX-License-Identifier: MIT */
/* A ledger in memory: planned, sealed, tampered with, and given to the
 * verifier. */
#include "config.h"

#include "tests/unit/proof/verify_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"

#define START_US INT64_C(1795485601000000) /* 2026-11-24T02:00:01Z */

static void plan_event(struct vl_record *r, size_t seq)
{
  r->kind = CF_K_EVENT;
  snprintf(r->public_text, sizeof r->public_text,
           "\"source\":\"web1\",\"method\":\"GET\",\"status\":%zu,\"outcome\":\"success\"",
           200 + seq % 5);
  snprintf(r->payload[CF_C_ACTOR], sizeof r->payload[0], "{\"user\":\"user%zu\"}", seq % 97);
  snprintf(r->payload[CF_C_RESOURCE], sizeof r->payload[0], "{\"resource\":\"/page/%zu\"}", seq);
}

static void plan_genesis(struct vl_ledger *l, struct vl_record *r)
{
  struct cf_buf b;
  cf_buf_init(&b, 512);
  cf_vkey_put(&l->vkey, &b);
  r->kind = CF_K_GENESIS;
  snprintf(r->public_text, sizeof r->public_text,
           "\"body\":{\"format\":\"counterfoil/v1\",\"key\":\"%s\",\"origin\":\"%s\"}",
           cf_buf_cstr(&b), VL_ORIGIN);
  cf_buf_fini(&b);
}

void vl_plan(struct vl_ledger *l, size_t n)
{
  uint8_t pubkey[CF_PUBKEY_N];
  memset(l, 0, sizeof *l);
  memset(l->seed, 7, sizeof l->seed);
  CF_ASSERT(cf_ed25519_public(l->seed, pubkey) == CF_OK);
  cf_vkey_make(CF_STR(VL_ORIGIN), pubkey, &l->vkey);
  l->opens = true;
  l->n = n;
  l->record = calloc(n + 1, sizeof *l->record); /* room for one more */
  CF_ASSERT(l->record != NULL);
  for (size_t i = 0; i < n; i++) {
    l->record[i].recorded_us = START_US + (int64_t)i * 1000000;
    if (i == 0)
      plan_genesis(l, &l->record[i]);
    else
      plan_event(&l->record[i], i);
  }
}

void vl_free(struct vl_ledger *l)
{
  for (size_t i = 0; i < l->n; i++)
    free(l->record[i].leaf);
  for (size_t level = 1; level < VL_LEVELS; level++)
    free(l->row[level]);
  free(l->record);
  free(l->kept);
  memset(l, 0, sizeof *l);
}

static struct cf_record record_of(const struct vl_record *r, size_t seq,
                                  uint8_t gone[CF_C_N][CF_HASH_N])
{
  struct cf_record record = {.seq = seq,
                             .recorded_us = r->recorded_us,
                             .kind = r->kind,
                             .time_us = CF_TIME_NONE,
                             .public_text = cf_str_from(r->public_text)};
  for (enum cf_compartment c = 0; c < CF_C_N; c++) {
    record.payload[c] = cf_str_from(r->payload[c]);
    if (!(r->erased >> c & 1))
      continue;
    cf_commitment(c, seq, r->salt[c], record.payload[c], gone[c]);
    record.gone[c] = gone[c];
    record.payload[c] = (struct cf_str){NULL, 0};
  }
  return record;
}

static const uint8_t no_hash[CF_HASH_N];

static void chain_one(struct vl_ledger *l, size_t seq)
{
  static const uint8_t salt_key[CF_SALTKEY_N] = {1, 2, 3};
  struct vl_record *r = &l->record[seq];
  uint8_t gone[CF_C_N][CF_HASH_N];
  struct cf_buf b;
  cf_salts(salt_key, seq, r->salt);
  struct cf_record record = record_of(r, seq, gone);
  cf_buf_init(&b, CF_LEAF_MAX);
  cf_leaf_put(&record, seq > 0 ? l->record[seq - 1].hash : no_hash,
              (const uint8_t(*)[CF_HASH_N])r->salt, &b, r->hash);
  CF_ASSERT(b.err == CF_OK);
  free(r->leaf);
  r->leaf_n = b.n;
  r->leaf = cf_buf_take(&b);
}

void vl_chain(struct vl_ledger *l, size_t from)
{
  for (size_t i = from; i < l->n; i++)
    chain_one(l, i);
}

static const uint8_t *row_hash(const struct vl_ledger *l, unsigned level, uint64_t i)
{
  return level ? l->row[level][i].hash : l->record[i].hash;
}

void vl_rows(struct vl_ledger *l)
{
  l->row_n[0] = l->n;
  for (unsigned level = 1; level < VL_LEVELS; level++) {
    size_t n = l->row_n[level - 1] / CF_TILE_W;
    free(l->row[level]);
    l->row_n[level] = n;
    l->row[level] = calloc(n + 1, sizeof **l->row);
    CF_ASSERT(l->row[level] != NULL);
    for (size_t i = 0; i < n; i++) {
      uint8_t below[CF_TILE_W][CF_HASH_N];
      for (size_t j = 0; j < CF_TILE_W; j++)
        memcpy(below[j], row_hash(l, level - 1, i * CF_TILE_W + j), CF_HASH_N);
      cf_fold(below[0], CF_TILE_W, l->row[level][i].hash);
    }
  }
}

void vl_root(const struct vl_ledger *l, size_t size, uint8_t root[CF_HASH_N])
{
  struct cf_edge edge;
  cf_edge_init(&edge);
  for (size_t i = 0; i < size; i++)
    cf_edge_append(&edge, l->record[i].hash);
  cf_edge_root(&edge, root);
}

void vl_sign(const struct vl_ledger *l, size_t size, const char *origin, char note[1024])
{
  struct cf_checkpoint checkpoint = {.size = size};
  uint8_t pubkey[CF_PUBKEY_N];
  struct cf_vkey vkey;
  struct cf_buf text, b;
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", origin);
  vl_root(l, size, checkpoint.root);
  CF_ASSERT(cf_ed25519_public(l->seed, pubkey) == CF_OK);
  cf_vkey_make(CF_STR(VL_ORIGIN), pubkey, &vkey);
  cf_buf_init(&text, 1024);
  cf_buf_init(&b, 1023);
  cf_checkpoint_put(&checkpoint, &text);
  cf_buf_putstr(&b, cf_buf_str(&text));
  cf_buf_putc(&b, '\n');
  CF_ASSERT(cf_note_sign(cf_buf_str(&text), &vkey, l->seed, &b) == CF_OK);
  strcpy(note, cf_buf_cstr(&b));
  cf_buf_fini(&text);
  cf_buf_fini(&b);
}

void vl_seal(struct vl_ledger *l)
{
  vl_chain(l, 0);
  vl_rows(l);
  l->sealed = l->n;
  vl_sign(l, l->n, VL_ORIGIN, l->head);
}

void vl_keep(struct vl_ledger *l)
{
  size_t n = l->n / CF_LEAVES_N;
  uint8_t(*hash)[CF_HASH_N] = calloc(CF_LEAVES_N, sizeof *hash);
  l->kept = calloc(n + 1, sizeof *l->kept);
  CF_ASSERT(hash != NULL && l->kept != NULL);
  l->opens = false;
  for (size_t t = 0; t < n; t++) {
    const struct vl_record *r = &l->record[t * CF_LEAVES_N];
    for (size_t i = 0; i < CF_LEAVES_N; i++)
      memcpy(hash[i], r[i].hash, CF_HASH_N);
    cf_leaves_keep(t > 0 ? r[-1].hash : no_hash, hash[0], &l->kept[t]);
  }
  free(hash);
}

void vl_remove(struct vl_ledger *l, size_t seq)
{
  free(l->record[seq].leaf);
  l->n--;
  memmove(&l->record[seq], &l->record[seq + 1], (l->n - seq) * sizeof *l->record);
}

void vl_insert(struct vl_ledger *l, size_t seq)
{
  struct vl_record *r = &l->record[seq];
  memmove(r + 1, r, (l->n - seq) * sizeof *r);
  l->n++;
  r->leaf = malloc(r->leaf_n);
  CF_ASSERT(r->leaf != NULL);
  memcpy(r->leaf, r[1].leaf, r->leaf_n);
}

/* ---- the source ---- */

/* Two workers with one scratch would be seen by a race detector. */
struct worker {
  size_t tiles;
  struct cf_record record[CF_TILE_W];
  uint8_t gone[CF_TILE_W][CF_C_N][CF_HASH_N];
  struct cf_buf text[CF_TILE_W];
};

static enum cf_err worker_new(void *context, void **worker)
{
  (void)context;
  struct worker *w = calloc(1, sizeof *w);
  if (w == NULL)
    return CF_E_NOMEM;
  for (size_t i = 0; i < CF_TILE_W; i++)
    cf_buf_init(&w->text[i], CF_LEAF_MAX);
  *worker = w;
  return CF_OK;
}

static void worker_free(void *context, void *worker)
{
  (void)context;
  struct worker *w = worker;
  for (size_t i = 0; w != NULL && i < CF_TILE_W; i++)
    cf_buf_fini(&w->text[i]);
  free(w);
}

static void leaf_give(const struct vl_ledger *l, const struct vl_record *r,
                      struct cf_verify_leaf *out)
{
  out->readable = !r->lost;
  out->leaf = (struct cf_str){r->leaf, r->leaf_n};
  memcpy(out->hash, r->hash, CF_HASH_N);
  out->hash_readable = !r->hash_lost;
  out->erased = r->erased;
  for (enum cf_compartment c = 0; c < CF_C_N; c++) {
    bool given = r->payload[c][0] && !(r->withheld >> c & 1) &&
                 (!(r->erased >> c & 1) || (r->shown >> c & 1));
    if (given && l->opens)
      out->payload[c] = cf_str_from(r->payload[c]);
    memcpy(out->salt[c], r->salt[c], CF_HASH_N);
  }
}

/* Make the i-th leaf of a tile of the plan again; without the hash in front of
 * it, that of the leaf before in its part, it cannot be made. */
static void leaf_make(const struct vl_record *r, size_t seq, const struct cf_leaves_kept *kept,
                      struct worker *w, struct cf_verify_leaf *out)
{
  size_t i = seq % CF_TILE_W;
  bool begins = i % CF_LEAVES_PART == 0;
  out->kept = kept;
  out->prev = begins             ? cf_leaves_before(kept, (unsigned)(i / CF_LEAVES_PART))
              : out[-1].readable ? out[-1].made
                                 : NULL;
  if (r->lost || out->prev == NULL)
    return;
  w->record[i] = record_of(r, seq, w->gone[i]);
  cf_buf_reset(&w->text[i]);
  cf_leaf_put(&w->record[i], out->prev, (const uint8_t(*)[CF_HASH_N])r->salt, &w->text[i],
              out->made);
  out->readable = true;
  out->record = &w->record[i];
  out->leaf = cf_buf_str(&w->text[i]);
  out->erased = r->erased;
}

static enum cf_err leaves(void *context, void *worker, uint64_t first, size_t n,
                          struct cf_verify_leaf *out)
{
  const struct vl_ledger *l = context;
  struct worker *w = worker;
  w->tiles++;
  CF_ASSERT(first % CF_TILE_W == 0 && n <= CF_TILE_W && first + n <= l->sealed);
  if (first >= l->n)
    return CF_E_NOTFOUND;
  bool made = l->kept != NULL && n == CF_TILE_W;
  for (size_t i = 0; i < n && first + i < l->n; i++)
    if (made)
      leaf_make(&l->record[first + i], first + i, &l->kept[first / CF_TILE_W], w, &out[i]);
    else
      leaf_give(l, &l->record[first + i], &out[i]);
  return CF_OK;
}

static enum cf_err rows_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  const struct vl_ledger *l = context;
  if (level == 0 || level >= VL_LEVELS || first + n > l->row_n[level])
    return CF_E_NOTFOUND;
  for (size_t i = 0; i < n; i++) {
    if (l->row[level][first + i].lost)
      return CF_E_DAMAGED;
    memcpy(out + i * CF_HASH_N, l->row[level][first + i].hash, CF_HASH_N);
  }
  return CF_OK;
}

static enum cf_err checkpoint_get(void *context, uint64_t size, uint64_t *found,
                                  struct cf_buf *note)
{
  const struct vl_ledger *l = context;
  size_t i = 0;
  while (i < l->checkpoints_n && l->checkpoint_size[i] < size)
    i++;
  if (i == l->checkpoints_n)
    return CF_E_NOTFOUND;
  *found = l->checkpoint_size[i];
  cf_buf_puts(note, l->checkpoint[i]);
  return note->err;
}

static enum cf_err file_get(void *context, size_t i, struct cf_verify_file *file)
{
  const struct vl_ledger *l = context;
  if (i >= l->files_n)
    return CF_E_NOTFOUND;
  *file = l->file[i];
  return CF_OK;
}

static enum cf_err later_each(void *context, uint64_t *at,
                              enum cf_err (*each)(void *to, uint64_t seq, enum cf_kind kind,
                                                  struct cf_str public_text),
                              void *to)
{
  const struct vl_ledger *l = context;
  size_t i = (size_t)(*at - l->sealed);
  if (i >= l->later_n)
    return CF_E_NOTFOUND;
  ++*at;
  return each(to, l->sealed + i, l->later[i].kind, cf_str_from(l->later[i].public_text));
}

struct cf_verify_source vl_source(struct vl_ledger *l)
{
  return (struct cf_verify_source){.context = l,
                                   .opens = l->opens,
                                   .worker_new = worker_new,
                                   .worker_free = worker_free,
                                   .leaves = leaves,
                                   .file = file_get,
                                   .later = later_each,
                                   .tiles = {.get = rows_get, .context = l},
                                   .checkpoint = checkpoint_get};
}
