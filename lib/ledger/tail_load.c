/* SPDX-License-Identifier: MIT */
/* Reading a generation's file back into an image, at the start. One thread
 * reads, opens pieces and makes the keys of their records for the indexes; the
 * caller's enters them, which mostly waits for memory. They hand each other two
 * batches in turn. */
#include "config.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/thread.h"
#include "lib/ledger/tail_in.h"
#include "lib/record/values.h"

#define VALUE_MAX ((size_t)CF_GROUP * (CF_LEAF_MAX + 1024u) + 8192u)
/* of a batch: as many pieces as are read before it has so many bytes, and what
 * a large one took is given back when it has been entered */
#define PIECES      8
#define BATCH_BYTES ((size_t)1 << 20)
#define KEPT_BYTES  ((size_t)256 << 10)

/* A piece that was read. */
struct ready {
  struct cf_buf value; /* as the file has it */
  struct cf_tail_piece piece;
  struct cf_block block;
  struct cf_buf key_bytes;
  struct cf_index_keys keys[CF_GROUP];
};

struct batch {
  struct ready ready[PIECES];
  unsigned n;
  bool last;
};

struct loader {
  struct cf_tail *t;
  const uint8_t *fingerprint_key;
  struct batch batch[2];
  sem_t empty, full; /* how many of the two are */
  atomic_bool stop;  /* nothing more is entered */
  /* the reader's */
  struct cf_values values;
  uint64_t next; /* seq */
  struct cf_fault *fault;
  enum cf_err err;
};

static void ready_init(struct ready *r)
{
  cf_block_init(&r->block);
  cf_buf_init(&r->value, VALUE_MAX);
  cf_buf_init(&r->key_bytes, SIZE_MAX / 2);
}

static void ready_fini(struct ready *r)
{
  cf_block_fini(&r->block);
  cf_buf_fini(&r->value);
  cf_buf_fini(&r->key_bytes);
}

static void batch_wait(sem_t *s)
{
  while (sem_wait(s) != 0 && errno == EINTR)
    continue;
}

/* ---- reading ---- */

static enum cf_err damaged(struct loader *l, const char *what)
{
  char name[32];
  cf_tail_file_name(cf_tail_meta(l->t)->number, name);
  return cf_fail(l->fault, CF_E_DAMAGED, name,
                 "the piece at seq %llu %s: restore the data directory from a backup",
                 (unsigned long long)l->next, what);
}

enum cf_err cf_tail_piece_get(struct cf_str value, uint64_t first, struct cf_block *block,
                              struct cf_tail_piece *piece)
{
  struct cf_reader r;
  cf_reader_init(&r, value.p, value.n);
  unsigned n = (unsigned)cf_reader_u8(&r) << 8;
  n |= cf_reader_u8(&r);
  struct cf_str hashes = cf_reader_bytes(&r, (size_t)n * CF_HASH_N);
  if (r.err != CF_OK || n == 0)
    return CF_E_SYNTAX;
  *piece = (struct cf_tail_piece){.hashes = (const uint8_t *)hashes.p,
                                  .bytes = {(const char *)r.p, (size_t)(r.end - r.p)}};
  enum cf_err err = cf_block_open(block, first, piece->bytes);
  return err == CF_OK && block->n != n ? CF_E_SYNTAX : err;
}

static enum cf_err piece_open(struct loader *l, struct ready *r)
{
  enum cf_err err = cf_tail_piece_get(cf_buf_str(&r->value), l->next, &r->block, &r->piece);
  if (err == CF_E_SYNTAX)
    return damaged(l, "does not open");
  if (err == CF_OK && l->next + r->block.n > cf_tail_meta(l->t)->limit)
    return damaged(l, "goes beyond its generation");
  for (unsigned i = 0; err == CF_OK && i < r->block.runs; i++)
    if (r->block.run[i].key == NULL)
      return damaged(l, "has no salt key");
  return err;
}

/* The keys of the block's records, whose events have gone: from their texts. */
static enum cf_err keys_make(struct loader *l, struct ready *r)
{
  cf_buf_reset(&r->key_bytes);
  for (unsigned i = 0; i < r->block.n; i++) {
    const struct cf_record *record = &r->block.record[i];
    enum cf_err err = cf_values_get(record, &l->values);
    if (err != CF_OK)
      return err == CF_E_SYNTAX ? damaged(l, "does not parse") : err;
    cf_index_keys_put(l->fingerprint_key, record->kind, l->values.v, &r->key_bytes, &r->keys[i]);
  }
  cf_index_keys_settle(&r->key_bytes, r->keys, r->block.n);
  return r->key_bytes.err;
}

static enum cf_err piece_read(struct loader *l, struct cf_str key, struct cf_str value,
                              struct ready *r)
{
  if (key.n != 8 || cf_u64_get((const uint8_t *)key.p) != l->next)
    return damaged(l, "is missing");
  cf_buf_reset(&r->value);
  cf_buf_putstr(&r->value, value);
  enum cf_err err = r->value.err == CF_E_FULL ? damaged(l, "does not open") : r->value.err;
  if (err == CF_OK)
    err = piece_open(l, r);
  if (err == CF_OK)
    err = keys_make(l, r);
  l->next += r->block.n;
  return err;
}

/* CF_E_NOTFOUND: there is no more. */
static enum cf_err batch_read(struct loader *l, struct cf_bdb_cursor *cursor, enum cf_bdb_move move,
                              struct batch *b)
{
  const struct cf_str none = {0};
  struct cf_str key, value;
  enum cf_err err = CF_OK;
  size_t bytes = 0;
  b->n = 0;
  while (err == CF_OK && b->n < PIECES && bytes < BATCH_BYTES) {
    err = cf_bdb_cursor_move(cursor, move, none, &key, &value);
    if (err == CF_OK)
      err = piece_read(l, key, value, &b->ready[b->n]);
    if (err == CF_OK)
      bytes += b->ready[b->n++].block.raw.n;
    move = CF_BDB_NEXT;
  }
  return err;
}

static void *reader_main(void *loader)
{
  struct loader *l = loader;
  struct cf_bdb_cursor *cursor = NULL;
  enum cf_bdb_move move = CF_BDB_FIRST;
  enum cf_err err = cf_bdb_cursor_open(cf_tail_file(l->t), &cursor);
  for (unsigned i = 0;; i ^= 1, move = CF_BDB_NEXT) {
    struct batch *b = &l->batch[i];
    batch_wait(&l->empty);
    b->n = 0;
    bool stop = atomic_load(&l->stop);
    if (err == CF_OK && !stop)
      err = batch_read(l, cursor, move, b);
    b->last = stop || err != CF_OK;
    (void)sem_post(&l->full);
    if (stop || err != CF_OK)
      break;
  }
  cf_bdb_cursor_close(cursor);
  l->err = err == CF_E_NOTFOUND ? CF_OK : err;
  return NULL;
}

/* ---- entering ---- */

/* A run of records under one key. */
static enum cf_err run_enter(struct cf_tail *t, const struct ready *r, const struct cf_fresh *fresh,
                             unsigned run)
{
  const struct cf_block *b = &r->block;
  unsigned from = b->run[run].from, end = run + 1 < b->runs ? b->run[run + 1].from : b->n;
  struct cf_piece piece = {.fresh = fresh + from, .n = end - from};
  memcpy(piece.key, b->run[run].key, CF_SALTKEY_N);
  if (piece.n == CF_GROUP) {
    piece.block = (struct cf_bytes){malloc(r->piece.bytes.n), r->piece.bytes.n};
    if (piece.block.p == NULL)
      return CF_E_NOMEM;
    memcpy(piece.block.p, r->piece.bytes.p, r->piece.bytes.n);
  }
  enum cf_err err = cf_tail_apply(t, &piece);
  free(piece.block.p);
  return err;
}

static enum cf_err piece_enter(struct cf_tail *t, const struct ready *r)
{
  struct cf_fresh fresh[CF_GROUP];
  enum cf_err err = CF_OK;
  for (unsigned i = 0; i < r->block.n; i++) {
    fresh[i].record = r->block.record[i];
    fresh[i].keys = r->keys[i];
    if (r->keys[i].has_id)
      cf_tail_look_id(t, r->keys[i].fingerprint);
    memcpy(fresh[i].hash, r->piece.hashes + (size_t)i * CF_HASH_N, CF_HASH_N);
  }
  for (unsigned run = 0; err == CF_OK && run < r->block.runs; run++)
    err = run_enter(t, r, fresh, run);
  cf_tail_sum_add(t, r->block.first, cf_buf_str(&r->value));
  return err;
}

static enum cf_err batch_enter(struct loader *l, struct batch *b)
{
  enum cf_err err = CF_OK;
  for (unsigned k = 0; err == CF_OK && k < b->n; k++) {
    struct ready *r = &b->ready[k];
    err = piece_enter(l->t, r);
    if (r->value.cap + r->block.raw.cap + r->key_bytes.cap > KEPT_BYTES) {
      ready_fini(r);
      ready_init(r);
    }
  }
  return err;
}

/* Until the last batch, whatever comes of it: the reader waits for room. */
static enum cf_err batches_enter(struct loader *l)
{
  enum cf_err err = CF_OK;
  bool last = false;
  for (unsigned i = 0; !last; i ^= 1) {
    struct batch *b = &l->batch[i];
    batch_wait(&l->full);
    if (err == CF_OK)
      err = batch_enter(l, b);
    if (err != CF_OK)
      atomic_store(&l->stop, true);
    last = b->last;
    (void)sem_post(&l->empty);
  }
  return err;
}

static enum cf_err file_enter(struct loader *l)
{
  pthread_t reader;
  enum cf_err err = cf_thread_start(&reader, 0, reader_main, l, l->fault);
  if (err != CF_OK)
    return err;
  err = batches_enter(l);
  (void)pthread_join(reader, NULL);
  return err != CF_OK ? err : l->err;
}

/* ---- the whole ---- */

static struct loader *loader_new(const uint8_t fingerprint_key[16], struct cf_fault *fault)
{
  struct loader *l = calloc(1, sizeof *l);
  if (l == NULL)
    return NULL;
  l->fingerprint_key = fingerprint_key;
  l->fault = fault;
  cf_values_init(&l->values);
  for (unsigned i = 0; i < 2 * PIECES; i++)
    ready_init(&l->batch[i / PIECES].ready[i % PIECES]);
  (void)sem_init(&l->empty, 0, 2);
  (void)sem_init(&l->full, 0, 0);
  return l;
}

static void loader_free(struct loader *l)
{
  for (unsigned i = 0; i < 2 * PIECES; i++)
    ready_fini(&l->batch[i / PIECES].ready[i % PIECES]);
  cf_values_fini(&l->values);
  (void)sem_destroy(&l->empty);
  (void)sem_destroy(&l->full);
  free(l);
}

enum cf_err cf_tail_load(struct cf_bdb_env *env, const struct cf_tail_meta *meta,
                         const uint8_t fingerprint_key[16], struct cf_parts *parts,
                         struct cf_tail **tail, struct cf_fault *fault)
{
  struct loader *l = loader_new(fingerprint_key, fault);
  if (l == NULL)
    return CF_E_NOMEM;
  enum cf_err err = cf_tail_make(env, NULL, meta, fingerprint_key, parts, &l->t);
  if (err == CF_E_NOTFOUND) {
    char name[32];
    cf_tail_file_name(meta->number, name);
    err = cf_fail(fault, CF_E_DAMAGED, name,
                  "the piece at seq %llu is missing with its whole file: restore the data "
                  "directory from a backup",
                  (unsigned long long)meta->first);
  }
  if (err == CF_OK) {
    l->next = meta->first;
    err = file_enter(l);
  }
  if (err == CF_OK)
    *tail = l->t;
  else
    cf_tail_unref(l->t);
  loader_free(l);
  return err;
}
