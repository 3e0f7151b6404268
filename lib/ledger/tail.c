/* SPDX-License-Identifier: MIT */
/* A generation of the tail: its file and its image. */
#include "config.h"

#include "lib/ledger/tail_in.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define PIECE_MAX (CF_GROUP * (CF_LEAF_MAX + 1024u) + 4096u)

struct cf_tail {
  struct cf_tail_meta meta;
  struct cf_parts *parts;
  uint8_t owner[CF_HASH_N]; /* of what is kept there */
  struct cf_bdb *file;      /* the writer's; NULL once closed */
  atomic_uint refs;
  pthread_rwlock_t lock;       /* of what follows */
  uint32_t n;                  /* records in the image */
  struct cf_bytes *full;       /* blocks that are complete, one for each aligned 64 */
  struct cf_block_writer open; /* the block that is not */
  uint8_t *hashes;
  int64_t *times;
  bool *doubts; /* of each block */
  unsigned doubted;
  struct cf_index *index;
  struct cf_unit ranges;
  size_t block_bytes;
  uint8_t sum[CF_HASH_N]; /* behind what was loaded */
  /* the writer's own */
  struct cf_block_writer piece;
  struct cf_buf piece_bytes;
};

static uint32_t capacity(const struct cf_tail *t)
{
  return (uint32_t)(t->meta.limit - t->meta.first);
}

void cf_tail_file_name(uint64_t number, char out[32])
{
  (void)snprintf(out, 32, "tail-%llu", (unsigned long long)number);
}

static void tail_free(struct cf_tail *t)
{
  if (t->parts != NULL)
    cf_parts_drop(t->parts, t->owner);
  cf_bdb_close(t->file);
  for (uint32_t i = 0; t->full != NULL && i < capacity(t) / CF_GROUP; i++)
    free(t->full[i].p);
  free(t->full);
  free(t->hashes);
  free(t->times);
  free(t->doubts);
  cf_block_writer_fini(&t->open);
  cf_block_writer_fini(&t->piece);
  cf_buf_fini(&t->piece_bytes);
  cf_index_free(t->index);
  (void)pthread_rwlock_destroy(&t->lock);
  free(t);
}

/* The writer goes first: with the default, readers that follow each other
 * closely keep it out for ever. No reader takes the lock twice. */
static void lock_init(pthread_rwlock_t *lock)
{
  pthread_rwlockattr_t attributes;
  (void)pthread_rwlockattr_init(&attributes);
#ifdef __GLIBC__
  (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
  (void)pthread_rwlock_init(lock, &attributes);
  (void)pthread_rwlockattr_destroy(&attributes);
}

static enum cf_err tail_new(const struct cf_tail_meta *meta, const uint8_t fingerprint_key[16],
                            struct cf_parts *parts, struct cf_tail **tail)
{
  struct cf_tail *t = calloc(1, sizeof *t);
  if (t == NULL)
    return CF_E_NOMEM;
  t->meta = *meta;
  memcpy(t->sum, meta->sum, CF_HASH_N);
  t->parts = parts;
  cf_u64_put(t->owner, meta->number); /* as wide as a digest, and none */
  atomic_init(&t->refs, 1);
  lock_init(&t->lock);
  cf_block_writer_init(&t->open);
  cf_block_writer_init(&t->piece);
  cf_buf_init(&t->piece_bytes, PIECE_MAX);
  /* Sized for the whole generation: pages that are never touched cost
   * nothing. */
  t->full = calloc(capacity(t) / CF_GROUP, sizeof *t->full);
  t->hashes = calloc(capacity(t), CF_HASH_N);
  t->times = calloc(capacity(t), sizeof *t->times);
  t->doubts = calloc(capacity(t) / CF_GROUP, sizeof *t->doubts);
  if (t->full == NULL || t->hashes == NULL || t->times == NULL || t->doubts == NULL ||
      cf_index_new(fingerprint_key, &t->index) != CF_OK) {
    tail_free(t);
    return CF_E_NOMEM;
  }
  *tail = t;
  return CF_OK;
}

static enum cf_err open_file(struct cf_tail *t, struct cf_bdb_env *env, struct cf_bdb_txn *txn)
{
  char name[32];
  cf_tail_file_name(t->meta.number, name);
  return cf_bdb_open(env, txn, name, NULL, txn != NULL ? CF_BDB_CREATE : CF_BDB_READ, 4096,
                     &t->file);
}

enum cf_err cf_tail_make(struct cf_bdb_env *env, struct cf_bdb_txn *txn,
                         const struct cf_tail_meta *meta, const uint8_t fingerprint_key[16],
                         struct cf_parts *parts, struct cf_tail **tail)
{
  struct cf_tail *t = NULL;
  enum cf_err err = tail_new(meta, fingerprint_key, parts, &t);
  if (err == CF_OK)
    err = open_file(t, env, txn);
  if (err == CF_OK)
    *tail = t;
  else if (t != NULL)
    tail_free(t);
  return err;
}

void cf_tail_ref(struct cf_tail *tail)
{
  atomic_fetch_add(&tail->refs, 1);
}

void cf_tail_unref(struct cf_tail *tail)
{
  if (tail != NULL && atomic_fetch_sub(&tail->refs, 1) == 1)
    tail_free(tail);
}

void cf_tail_close_file(struct cf_tail *tail)
{
  cf_bdb_close(tail->file);
  tail->file = NULL;
}

const char *cf_tail_gone(const struct cf_tail *tail)
{
  return cf_bdb_gone(tail->file);
}

struct cf_bdb *cf_tail_file(const struct cf_tail *tail)
{
  return tail->file;
}

const struct cf_tail_meta *cf_tail_meta(const struct cf_tail *tail)
{
  return &tail->meta;
}

struct cf_parts *cf_tail_parts(const struct cf_tail *tail)
{
  return tail->parts;
}

const uint8_t *cf_tail_owner(const struct cf_tail *tail)
{
  return tail->owner;
}

const struct cf_index *cf_tail_index(const struct cf_tail *tail)
{
  return tail->index;
}

/* ---- writing ---- */

static enum cf_err bytes_copy(struct cf_str s, struct cf_bytes *copy)
{
  uint8_t *p = malloc(s.n);
  if (p == NULL)
    return CF_E_NOMEM;
  memcpy(p, s.p, s.n);
  *copy = (struct cf_bytes){p, s.n};
  return CF_OK;
}

/* The sum of a piece and all before it. */
static void sum_add(uint8_t sum[CF_HASH_N], struct cf_str key, struct cf_str value)
{
  const struct cf_str parts[] = {{(const char *)sum, CF_HASH_N}, key, value};
  cf_sha256(parts, 3, sum);
}

/* u16 count, the leaf hashes, the block. */
static enum cf_err encode_piece(struct cf_tail *t, struct cf_piece *piece)
{
  cf_block_writer_begin(&t->piece, piece->fresh[0].record.seq);
  for (unsigned i = 0; i < piece->n; i++) {
    enum cf_err err = cf_block_writer_add(&t->piece, &piece->fresh[i].record, piece->key);
    if (err != CF_OK)
      return err;
  }
  struct cf_buf *b = &t->piece_bytes;
  cf_buf_reset(b);
  uint8_t *count = cf_buf_grow(b, 2);
  if (count != NULL)
    cf_u16_put(count, (uint16_t)piece->n);
  for (unsigned i = 0; i < piece->n; i++)
    cf_buf_put(b, piece->fresh[i].hash, CF_HASH_N);
  size_t at = b->n;
  enum cf_err err = cf_block_writer_end(&t->piece, b);
  if (err == CF_OK)
    err = b->err;
  if (err == CF_OK && piece->n == CF_GROUP)
    err = bytes_copy((struct cf_str){(const char *)b->p + at, b->n - at}, &piece->block);
  return err;
}

enum cf_err cf_tail_put(struct cf_tail *tail, struct cf_bdb_txn *txn, struct cf_piece *piece,
                        uint8_t sum[CF_HASH_N])
{
  enum cf_err err = encode_piece(tail, piece);
  if (err != CF_OK)
    return err;
  uint8_t seq[8];
  const struct cf_str key = {(const char *)seq, sizeof seq};
  cf_u64_put(seq, piece->fresh[0].record.seq);
  sum_add(sum, key, cf_buf_str(&tail->piece_bytes));
  return cf_bdb_put(tail->file, txn, key, cf_buf_str(&tail->piece_bytes));
}

void cf_tail_sum_add(struct cf_tail *tail, uint64_t first, struct cf_str value)
{
  uint8_t key[8];
  cf_u64_put(key, first);
  sum_add(tail->sum, (struct cf_str){(const char *)key, sizeof key}, value);
}

const uint8_t *cf_tail_sum(const struct cf_tail *tail)
{
  return tail->sum;
}

static void ranges_widen(struct cf_unit *u, bool first, const struct cf_record *r)
{
  int64_t t = cf_record_effective_us(r);
  bool dated = cf_record_is_dated(r);
  if (first) {
    u->time_min_us = INT64_MAX;
    u->time_max_us = INT64_MIN;
  }
  if (dated && t < u->time_min_us)
    u->time_min_us = t;
  if (dated && t > u->time_max_us)
    u->time_max_us = t;
  if (first || r->recorded_us < u->recorded_min_us)
    u->recorded_min_us = r->recorded_us;
  if (first || r->recorded_us > u->recorded_max_us)
    u->recorded_max_us = r->recorded_us;
}

static void keep_block(struct cf_tail *t, uint32_t i, struct cf_bytes *block)
{
  t->block_bytes += block->n;
  t->full[i] = *block;
  *block = (struct cf_bytes){NULL, 0};
}

static enum cf_err close_block(struct cf_tail *t, uint32_t i)
{
  struct cf_bytes block = {NULL, 0};
  cf_buf_reset(&t->piece_bytes);
  enum cf_err err = cf_block_writer_end(&t->open, &t->piece_bytes);
  if (err == CF_OK)
    err = bytes_copy(cf_buf_str(&t->piece_bytes), &block);
  if (err == CF_OK)
    keep_block(t, i, &block);
  return err;
}

static enum cf_err write_open(struct cf_tail *t, const struct cf_record *r,
                              const uint8_t key[CF_SALTKEY_N])
{
  if (t->n % CF_GROUP == 0)
    cf_block_writer_begin(&t->open, r->seq);
  enum cf_err err = cf_block_writer_add(&t->open, r, key);
  if (err == CF_OK && t->n % CF_GROUP == CF_GROUP - 1)
    err = close_block(t, t->n / CF_GROUP);
  return err;
}

/* All of a record but its bytes. */
static enum cf_err record_enter(struct cf_tail *t, const struct cf_fresh *f)
{
  uint32_t offset = t->n;
  CF_ASSERT(f->record.seq == t->meta.first + offset && offset < capacity(t));
  int64_t effective_us = cf_record_effective_us(&f->record);
  enum cf_err err = cf_index_add(t->index, offset, effective_us, &f->keys);
  if (err != CF_OK)
    return err;
  memcpy(t->hashes + (size_t)offset * CF_HASH_N, f->hash, CF_HASH_N);
  t->times[offset] = effective_us;
  ranges_widen(&t->ranges, offset == 0, &f->record);
  t->n = offset + 1;
  return CF_OK;
}

static enum cf_err apply_locked(struct cf_tail *t, struct cf_piece *piece)
{
  enum cf_err err = CF_OK;
  for (unsigned i = 0; err == CF_OK && i < piece->n; i++) {
    if (piece->block.p == NULL)
      err = write_open(t, &piece->fresh[i].record, piece->key);
    if (err == CF_OK)
      err = record_enter(t, &piece->fresh[i]);
  }
  if (err == CF_OK && piece->block.p != NULL)
    keep_block(t, t->n / CF_GROUP - 1, &piece->block);
  return err;
}

enum cf_err cf_tail_apply(struct cf_tail *tail, struct cf_piece *piece)
{
  (void)pthread_rwlock_wrlock(&tail->lock);
  enum cf_err err = apply_locked(tail, piece);
  (void)pthread_rwlock_unlock(&tail->lock);
  return err;
}

void cf_tail_set_limit(struct cf_tail *tail, uint64_t limit)
{
  (void)pthread_rwlock_wrlock(&tail->lock);
  CF_ASSERT(limit % CF_TILE_W == 0 && limit >= tail->meta.first + tail->n &&
            limit <= tail->meta.limit);
  tail->meta.limit = limit;
  (void)pthread_rwlock_unlock(&tail->lock);
}

/* ---- reading ---- */

uint64_t cf_tail_end(struct cf_tail *tail)
{
  (void)pthread_rwlock_rdlock(&tail->lock);
  uint64_t end = tail->meta.first + tail->n;
  (void)pthread_rwlock_unlock(&tail->lock);
  return end;
}

bool cf_tail_ranges(struct cf_tail *tail, struct cf_unit *unit)
{
  (void)pthread_rwlock_rdlock(&tail->lock);
  bool any = tail->n > 0;
  if (any)
    *unit = tail->ranges;
  unit->first = tail->meta.first;
  unit->end = tail->meta.first + tail->n;
  unit->segment = false;
  (void)pthread_rwlock_unlock(&tail->lock);
  return any;
}

size_t cf_tail_memory(struct cf_tail *tail)
{
  (void)pthread_rwlock_rdlock(&tail->lock);
  size_t n = tail->block_bytes + (size_t)tail->n * (CF_HASH_N + sizeof *tail->times) +
             cf_index_memory(tail->index);
  (void)pthread_rwlock_unlock(&tail->lock);
  return n;
}

void cf_tail_doubt(struct cf_tail *tail, uint32_t i)
{
  (void)pthread_rwlock_wrlock(&tail->lock);
  tail->doubted += !tail->doubts[i];
  tail->doubts[i] = true;
  (void)pthread_rwlock_unlock(&tail->lock);
}

unsigned cf_tail_doubted(struct cf_tail *tail)
{
  (void)pthread_rwlock_rdlock(&tail->lock);
  unsigned n = tail->doubted;
  (void)pthread_rwlock_unlock(&tail->lock);
  return n;
}

bool cf_tail_doubts(struct cf_tail *tail, uint32_t i)
{
  (void)pthread_rwlock_rdlock(&tail->lock);
  bool doubts = tail->doubts[i];
  (void)pthread_rwlock_unlock(&tail->lock);
  return doubts;
}

enum cf_err cf_tail_block(struct cf_tail *tail, uint32_t i, struct cf_buf *b)
{
  enum cf_err err = CF_OK;
  (void)pthread_rwlock_rdlock(&tail->lock);
  if (i < capacity(tail) / CF_GROUP && tail->full[i].p != NULL)
    cf_buf_put(b, tail->full[i].p, tail->full[i].n);
  else if (i == tail->n / CF_GROUP && tail->n % CF_GROUP != 0)
    err = cf_block_writer_end(&tail->open, b);
  else
    err = CF_E_NOTFOUND;
  (void)pthread_rwlock_unlock(&tail->lock);
  return err != CF_OK ? err : b->err;
}

/* The arrays were allocated whole and an entry is written once, before the size
 * that covers it is published: no lock. */
void cf_tail_hashes(struct cf_tail *tail, uint32_t offset, uint32_t n, uint8_t *out)
{
  memcpy(out, tail->hashes + (size_t)offset * CF_HASH_N, (size_t)n * CF_HASH_N);
}

void cf_tail_times(struct cf_tail *tail, uint32_t offset, uint32_t n, int64_t *out)
{
  memcpy(out, tail->times + offset, (size_t)n * sizeof *out);
}

void cf_tail_spans(struct cf_tail *tail, uint32_t n, struct cf_span *spans)
{
  cf_spans_make(tail->times, n, spans);
}

void cf_tail_match(struct cf_tail *tail, const struct cf_term *term, uint32_t from,
                   struct cf_bits *bits)
{
  (void)pthread_rwlock_rdlock(&tail->lock);
  cf_index_match(tail->index, term, from, bits);
  (void)pthread_rwlock_unlock(&tail->lock);
}

uint32_t cf_tail_count(struct cf_tail *tail, const struct cf_term *term)
{
  (void)pthread_rwlock_rdlock(&tail->lock);
  uint32_t n = cf_index_count(tail->index, term);
  (void)pthread_rwlock_unlock(&tail->lock);
  return n;
}

void cf_tail_look_id(const struct cf_tail *tail, uint64_t fingerprint)
{
  cf_index_look(tail->index, CF_M_ID, fingerprint);
}

/* Only the writer changes what it reads here: no lock. */
bool cf_tail_has_id(const struct cf_tail *tail, uint64_t fingerprint)
{
  return cf_index_has(tail->index, CF_M_ID, fingerprint);
}

void cf_tail_find(struct cf_tail *tail, unsigned index, uint64_t fingerprint,
                  bool (*each)(void *context, uint32_t offset), void *context)
{
  (void)pthread_rwlock_rdlock(&tail->lock);
  cf_index_find(tail->index, index, fingerprint, each, context);
  (void)pthread_rwlock_unlock(&tail->lock);
}
