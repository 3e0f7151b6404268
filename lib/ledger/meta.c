/* SPDX-License-Identifier: MIT */
/* The ledger's tables: their names, and the rows of `meta` and `catalogue`.
 *
 * meta holds `head`, `secrets`, `origin`, `scrub`, `told`, and one `tail` ||
 * u64 number for each generation; catalogue holds u64 first → segment. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/ledger/ledger_in.h"

const char *const cf_table_files[CF_TABLES_ALL] = {
    [CF_TABLE_TOKENS] = "tokens",
    [CF_TABLE_SESSIONS] = "sessions",
    [CF_TABLE_META] = "meta",
    [CF_TABLE_CATALOGUE] = "catalogue",
};

#define TAIL_PREFIX "tail"
#define TAIL_OLD_N  16                        /* first, limit: of 0.1.0; */
#define TAIL_PREV_N (TAIL_OLD_N + CF_HASH_N)  /* the hash in front of it: of later ones; */
#define TAIL_N      (TAIL_PREV_N + CF_HASH_N) /* the sum in front of it */
_Static_assert(CF_TAIL_KEY_N == sizeof TAIL_PREFIX - 1 + 8, "a prefix and a number");

static struct cf_str str(const void *p, size_t n)
{
  return (struct cf_str){p, n};
}

static enum cf_err open_table(struct cf_ledger *l, const char *file, enum cf_bdb_open how,
                              struct cf_bdb **db, struct cf_fault *fault)
{
  enum cf_err err = cf_bdb_open(l->env, NULL, file, NULL, how, 4096, db);
  if (err == CF_E_NOTFOUND)
    return cf_signed_absent(l->conf, fault);
  return err == CF_OK
             ? CF_OK
             : cf_fail(
                   fault, err, file,
                   "cannot open the table in %s/env: restore the data directory from a backup, or see `counterfoil recover`",
                   l->conf->data);
}

/* Those that can be done without are made where they were set aside. */
enum cf_err cf_meta_open(struct cf_ledger *l, enum cf_bdb_open how, struct cf_fault *fault)
{
  enum cf_err err = open_table(l, "tiles", how, &l->tiles, fault);
  if (err == CF_OK)
    err = open_table(l, "checkpoints", CF_BDB_CREATE, &l->checkpoints, fault);
  for (size_t i = CF_TABLES_ALL; err == CF_OK && i-- > 0;)
    err =
        open_table(l, cf_table_files[i], i < CF_TABLE_N ? CF_BDB_CREATE : how, &l->table[i], fault);
  return err;
}

static void close_table(struct cf_bdb **db)
{
  cf_bdb_close(*db);
  *db = NULL;
}

void cf_meta_close(struct cf_ledger *l)
{
  close_table(&l->tiles);
  close_table(&l->checkpoints);
  for (size_t i = 0; i < CF_TABLES_ALL; i++)
    close_table(&l->table[i]);
}

/* ---- head ---- */

#define HEAD_KEY   CF_STR("head")
#define HEAD_OLD_N 56 /* size, last recorded, generation, last hash: of 0.1.0; */
#define HEAD_SUM_N (HEAD_OLD_N + CF_HASH_N) /* the sum of the pieces, then a MAC; or only that */
#define HEAD_N     (HEAD_SUM_N + CF_HASH_N)

/* Over the first n bytes. */
static void head_mac(const struct cf_signer *signer, const uint8_t *v, size_t n,
                     uint8_t mac[CF_HASH_N])
{
  const struct cf_str parts[] = {CF_STR("head"), str(v, n)};
  cf_signer_mac(signer, parts, 2, mac);
}

enum cf_err cf_meta_put_head(struct cf_ledger *l, struct cf_bdb_txn *txn,
                             const struct cf_head *head)
{
  uint8_t v[HEAD_N];
  cf_u64_put(v, head->size);
  cf_u64_put(v + 8, (uint64_t)head->last_recorded_us);
  cf_u64_put(v + 16, head->generation);
  memcpy(v + 24, head->last_hash, CF_HASH_N);
  memcpy(v + HEAD_OLD_N, head->sum, CF_HASH_N);
  head_mac(l->signer, v, HEAD_SUM_N, v + HEAD_SUM_N);
  return cf_bdb_put(l->table[CF_TABLE_META], txn, HEAD_KEY, str(v, sizeof v));
}

/* Read a row of a known length. */
static enum cf_err get_fixed(struct cf_ledger *l, struct cf_str key, uint8_t *out, size_t n)
{
  struct cf_buf b;
  cf_buf_init(&b, 4096);
  enum cf_err err = cf_bdb_get(l->table[CF_TABLE_META], NULL, key, &b);
  if (err == CF_OK && b.n != n)
    err = CF_E_DAMAGED;
  if (err == CF_OK)
    memcpy(out, b.p, n);
  cf_buf_fini(&b);
  return err;
}

static enum cf_err head_row(struct cf_ledger *l, struct cf_buf *b)
{
  enum cf_err err = cf_bdb_get(l->table[CF_TABLE_META], NULL, HEAD_KEY, b);
  bool known = b->n == HEAD_N || b->n == HEAD_SUM_N || b->n == HEAD_OLD_N;
  return err == CF_E_FULL || (err == CF_OK && !known) ? CF_E_DAMAGED : err;
}

enum cf_err cf_meta_get_head(struct cf_ledger *l, struct cf_head *head)
{
  struct cf_buf b;
  cf_buf_init(&b, HEAD_N);
  enum cf_err err = head_row(l, &b);
  if (err == CF_OK) {
    cf_random(head->sum, CF_HASH_N); /* which nothing has */
    if (b.n == HEAD_N)
      memcpy(head->sum, b.p + HEAD_OLD_N, CF_HASH_N);
    head->size = cf_u64_get(b.p);
    head->last_recorded_us = (int64_t)cf_u64_get(b.p + 8);
    head->generation = cf_u64_get(b.p + 16);
    memcpy(head->last_hash, b.p + 24, CF_HASH_N);
  }
  cf_buf_fini(&b);
  return err;
}

bool cf_meta_head_vouched(struct cf_ledger *l, const struct cf_signer *signer)
{
  uint8_t mac[CF_HASH_N];
  struct cf_buf b;
  cf_buf_init(&b, HEAD_N);
  bool vouched = head_row(l, &b) == CF_OK && b.n > HEAD_OLD_N;
  if (vouched) {
    head_mac(signer, b.p, b.n - sizeof mac, mac);
    vouched = cf_equal(b.p + b.n - sizeof mac, mac, sizeof mac) && cf_u64_get(b.p) == l->size &&
              cf_equal(b.p + 24, l->last_hash, CF_HASH_N) &&
              (b.n != HEAD_N || cf_equal(b.p + HEAD_OLD_N, l->sum, CF_HASH_N));
  }
  cf_buf_fini(&b);
  return vouched;
}

/* ---- secrets ---- */

enum cf_err cf_meta_put_secrets(struct cf_ledger *l, struct cf_bdb_txn *txn)
{
  uint8_t v[CF_SEED_N + 16];
  cf_random(v, sizeof v);
  memcpy(l->import_key, v, CF_SEED_N);
  memcpy(l->fingerprint_key, v + CF_SEED_N, 16);
  enum cf_err err = cf_bdb_put(l->table[CF_TABLE_META], txn, CF_STR("secrets"), str(v, sizeof v));
  cf_wipe(v, sizeof v);
  return err != CF_OK
             ? err
             : cf_bdb_put(l->table[CF_TABLE_META], txn, CF_STR("origin"), cf_str_from(l->origin));
}

enum cf_err cf_meta_get_secrets(struct cf_ledger *l)
{
  uint8_t v[CF_SEED_N + 16];
  enum cf_err err = get_fixed(l, CF_STR("secrets"), v, sizeof v);
  if (err != CF_OK)
    return err;
  memcpy(l->import_key, v, CF_SEED_N);
  memcpy(l->fingerprint_key, v + CF_SEED_N, 16);
  cf_wipe(v, sizeof v);
  struct cf_buf b;
  cf_buf_init(&b, CF_ORIGIN_MAX + 1);
  err = cf_bdb_get(l->table[CF_TABLE_META], NULL, CF_STR("origin"), &b);
  if (err == CF_OK && !cf_origin_ok(cf_buf_str(&b)))
    err = CF_E_DAMAGED;
  if (err == CF_OK) {
    memcpy(l->origin, b.p, b.n);
    l->origin[b.n] = 0;
  }
  cf_buf_fini(&b);
  return err;
}

/* ---- the scrubber ---- */

enum cf_err cf_meta_put_scrub(struct cf_ledger *l, struct cf_bdb_txn *txn,
                              const struct cf_scrub *scrub)
{
  uint8_t v[24];
  cf_u64_put(v, (uint64_t)scrub->round_us);
  cf_u64_put(v + 8, scrub->first);
  cf_u64_put(v + 16, scrub->page);
  return cf_bdb_put(l->table[CF_TABLE_META], txn, CF_STR("scrub"), str(v, sizeof v));
}

enum cf_err cf_meta_get_scrub(struct cf_ledger *l, struct cf_scrub *scrub)
{
  uint8_t v[24];
  enum cf_err err = get_fixed(l, CF_STR("scrub"), v, sizeof v);
  if (err != CF_OK)
    return err;
  scrub->round_us = (int64_t)cf_u64_get(v);
  scrub->first = cf_u64_get(v + 8);
  scrub->page = cf_u64_get(v + 16);
  return CF_OK;
}

/* ---- generations ---- */

void cf_meta_tail_key(uint64_t number, uint8_t key[CF_TAIL_KEY_N])
{
  memcpy(key, TAIL_PREFIX, sizeof TAIL_PREFIX - 1);
  cf_u64_put(key + sizeof TAIL_PREFIX - 1, number);
}

enum cf_err cf_meta_put_tail(struct cf_ledger *l, struct cf_bdb_txn *txn,
                             const struct cf_tail_meta *meta)
{
  uint8_t key[CF_TAIL_KEY_N], v[TAIL_N];
  cf_meta_tail_key(meta->number, key);
  cf_u64_put(v, meta->first);
  cf_u64_put(v + 8, meta->limit);
  memcpy(v + TAIL_OLD_N, meta->prev, CF_HASH_N);
  memcpy(v + TAIL_PREV_N, meta->sum, CF_HASH_N);
  return cf_bdb_put(l->table[CF_TABLE_META], txn, str(key, sizeof key),
                    str(v, meta->has_prev ? TAIL_N : TAIL_OLD_N));
}

/* Walk a table from seek on; each gives CF_E_NOTFOUND to end early and well. */
static enum cf_err table_walk(struct cf_bdb *db, struct cf_str seek,
                              enum cf_err (*each)(void *context, struct cf_str key,
                                                  struct cf_str value),
                              void *context)
{
  struct cf_bdb_cursor *cursor = NULL;
  enum cf_err err = cf_bdb_cursor_open(db, &cursor);
  struct cf_str key, value;
  enum cf_bdb_move move = seek.n > 0 ? CF_BDB_AT_LEAST : CF_BDB_FIRST;
  while (err == CF_OK && (err = cf_bdb_cursor_move(cursor, move, seek, &key, &value)) == CF_OK) {
    err = each(context, key, value);
    move = CF_BDB_NEXT;
  }
  cf_bdb_cursor_close(cursor);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

struct tails {
  enum cf_err (*each)(void *context, const struct cf_tail_meta *meta);
  void *context;
  struct cf_fault *fault;
};

/* A row that this version cannot read. One of a later version looks the
 * same. */
static enum cf_err row_unknown(struct cf_fault *fault, const char *table)
{
  return cf_fail(
      fault, CF_E_DAMAGED, table,
      "a row of this table is damaged, or of a later version of Counterfoil: use that, or restore the data directory from a backup");
}

static enum cf_err one_tail(void *context, struct cf_str key, struct cf_str value)
{
  const struct tails *w = context;
  if (!cf_str_starts(key, CF_STR(TAIL_PREFIX)))
    return CF_E_NOTFOUND;
  if (key.n != CF_TAIL_KEY_N ||
      (value.n != TAIL_OLD_N && value.n != TAIL_PREV_N && value.n != TAIL_N))
    return row_unknown(w->fault, "meta");
  const uint8_t *v = (const uint8_t *)value.p;
  struct cf_tail_meta meta = {
      .number = cf_u64_get((const uint8_t *)key.p + sizeof TAIL_PREFIX - 1),
      .first = cf_u64_get(v),
      .limit = cf_u64_get(v + 8),
      .has_prev = value.n >= TAIL_PREV_N,
  };
  if (meta.has_prev)
    memcpy(meta.prev, v + TAIL_OLD_N, CF_HASH_N);
  if (value.n == TAIL_N)
    memcpy(meta.sum, v + TAIL_PREV_N, CF_HASH_N);
  if (meta.first % CF_TILE_W != 0 || meta.limit % CF_TILE_W != 0 || meta.limit <= meta.first ||
      meta.limit - meta.first > UINT32_MAX / 2)
    return row_unknown(w->fault, "meta");
  return w->each(w->context, &meta);
}

enum cf_err cf_meta_each_tail(struct cf_ledger *l,
                              enum cf_err (*each)(void *context, const struct cf_tail_meta *meta),
                              void *context, struct cf_fault *fault)
{
  struct tails w = {each, context, fault};
  return table_walk(l->table[CF_TABLE_META], CF_STR(TAIL_PREFIX), one_tail, &w);
}

/* ---- segments ---- */

struct segments {
  enum cf_err (*each)(void *context, const struct cf_segment_meta *meta);
  void *context;
  struct cf_fault *fault;
};

static enum cf_err one_segment(void *context, struct cf_str key, struct cf_str value)
{
  const struct segments *w = context;
  struct cf_segment_meta meta;
  enum cf_err err = cf_segment_meta_get(value, &meta);
  if (err != CF_OK || key.n != 8 || cf_u64_get((const uint8_t *)key.p) != meta.first)
    return row_unknown(w->fault, "catalogue");
  return w->each(w->context, &meta);
}

enum cf_err cf_meta_each_segment(struct cf_ledger *l,
                                 enum cf_err (*each)(void *context,
                                                     const struct cf_segment_meta *meta),
                                 void *context, struct cf_fault *fault)
{
  struct segments w = {each, context, fault};
  return table_walk(l->table[CF_TABLE_CATALOGUE], (struct cf_str){0}, one_segment, &w);
}

enum cf_err cf_ledger_each_row(struct cf_ledger *l, enum cf_table table,
                               enum cf_err (*each)(void *context, struct cf_str key,
                                                   struct cf_str value),
                               void *context)
{
  return table_walk(l->table[table], (struct cf_str){0}, each, context);
}

/* ---- kept checkpoints ---- */

bool cf_meta_kept(struct cf_str key, struct cf_str value, struct cf_kept *kept)
{
  if (key.n != 8 || value.n <= 8 || value.n > 8 + CF_NOTE_MAX)
    return false;
  *kept = (struct cf_kept){.size = cf_u64_get((const uint8_t *)key.p),
                           .time_us = (int64_t)cf_u64_get((const uint8_t *)value.p),
                           .note = {value.p + 8, value.n - 8}};
  return true;
}

enum cf_err cf_meta_checkpoint(struct cf_ledger *l, uint64_t size, uint64_t *found,
                               struct cf_buf *note)
{
  uint8_t seek[8];
  cf_u64_put(seek, size);
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  struct cf_kept kept;
  enum cf_err err = cf_bdb_cursor_open(l->checkpoints, &cursor);
  enum cf_bdb_move move = CF_BDB_AT_LEAST;
  do {
    if (err == CF_OK)
      err = cf_bdb_cursor_move(cursor, move, str(seek, sizeof seek), &key, &value);
    move = CF_BDB_NEXT;
  } while (err == CF_OK && !cf_meta_kept(key, value, &kept));
  if (err == CF_OK) {
    *found = kept.size;
    cf_buf_putstr(note, kept.note);
    err = note->err;
  }
  cf_bdb_cursor_close(cursor);
  return err;
}

struct strays {
  void (*each)(void *context, struct cf_str key);
  void *context;
};

static enum cf_err one_kept(void *context, struct cf_str key, struct cf_str value)
{
  const struct strays *s = context;
  struct cf_kept kept;
  if (!cf_meta_kept(key, value, &kept))
    s->each(s->context, key);
  return CF_OK;
}

enum cf_err cf_ledger_kept_strays(struct cf_ledger *l,
                                  void (*each)(void *context, struct cf_str key), void *context)
{
  struct strays s = {each, context};
  return table_walk(l->checkpoints, (struct cf_str){0}, one_kept, &s);
}
