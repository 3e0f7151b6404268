/* SPDX-License-Identifier: MIT */
/* What others made of kept checkpoints: cosignatures, in the rows of
 * `checkpoints`, whose sum kept.c guards, and timestamps, rows `stamp` || u64
 * size → u32 length of the note, note, answer of `meta`: whoever takes one of
 * those away takes a proof away, and can make none. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/ledger/kept.h"
#include "lib/ledger/ledger_in.h"
#include "lib/proof/cosignature.h"

#define STAMP_PREFIX "stamp"
#define STAMP_KEY_N  (sizeof STAMP_PREFIX - 1 + 8)

/* ---- kept ones ---- */

/* The one at the place to which `move` leads, or, past rows that are none,
 * further `on`. */
static enum cf_err kept_seek(struct cf_ledger *l, uint64_t size, enum cf_bdb_move move,
                             enum cf_bdb_move on, struct cf_kept *kept, struct cf_buf *note)
{
  uint8_t seek[8];
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value, at = {(const char *)seek, sizeof seek};
  cf_u64_put(seek, size);
  enum cf_err err = cf_bdb_cursor_open(l->checkpoints, &cursor);
  bool seen = false;
  while (err == CF_OK && !seen) {
    err = cf_bdb_cursor_move(cursor, move, at, &key, &value);
    seen = err == CF_OK && cf_meta_kept(key, value, kept);
    move = on;
  }
  if (err == CF_OK) {
    cf_buf_putstr(note, kept->note);
    err = note->err;
  }
  cf_bdb_cursor_close(cursor);
  return err;
}

enum cf_err cf_kept_from(struct cf_ledger *l, uint64_t size, uint64_t *found, int64_t *time_us,
                         struct cf_buf *note)
{
  struct cf_kept kept;
  enum cf_err err = kept_seek(l, size, CF_BDB_AT_LEAST, CF_BDB_NEXT, &kept, note);
  if (err == CF_OK) {
    *found = kept.size;
    *time_us = kept.time_us;
  }
  return err;
}

enum cf_err cf_kept_below(struct cf_ledger *l, uint64_t size, uint64_t *found, int64_t *time_us,
                          struct cf_buf *note)
{
  struct cf_kept kept;
  enum cf_err err =
      size == 0 ? CF_E_NOTFOUND : kept_seek(l, size - 1, CF_BDB_AT_MOST, CF_BDB_PREV, &kept, note);
  if (err == CF_OK) {
    *found = kept.size;
    *time_us = kept.time_us;
  }
  return err;
}

bool cf_kept_is_cosigned(struct cf_str note)
{
  struct cf_buf lines;
  cf_buf_init(&lines, CF_NOTE_MAX);
  bool any = cf_cosignatures_put(note, &lines) == CF_OK && lines.n > 0;
  cf_buf_fini(&lines);
  return any;
}

/* Under seal. */
static enum cf_err row_replace(struct cf_ledger *l, uint64_t size, struct cf_str note,
                               int64_t time_us)
{
  uint8_t key[8], time[8], sum[CF_HASH_N];
  struct cf_buf value;
  struct cf_bdb_txn *txn = NULL;
  memcpy(sum, l->kept_sum, sizeof sum);
  cf_u64_put(key, size);
  cf_u64_put(time, (uint64_t)time_us);
  cf_buf_init(&value, CF_NOTE_MAX + 8);
  cf_buf_put(&value, time, sizeof time);
  cf_buf_putstr(&value, note);
  (void)pthread_mutex_lock(&l->commit);
  enum cf_err err = value.err != CF_OK ? value.err : cf_bdb_txn_begin(l->env, &txn);
  if (err == CF_OK)
    err = cf_kept_put(l, txn, (struct cf_str){(const char *)key, sizeof key}, cf_buf_str(&value));
  if (err == CF_OK) {
    err = cf_bdb_txn_commit(txn);
    txn = NULL;
  }
  cf_bdb_txn_abort(txn);
  (void)pthread_mutex_unlock(&l->commit);
  if (err != CF_OK)
    memcpy(l->kept_sum, sum, sizeof sum);
  cf_buf_fini(&value);
  return err;
}

/* Is it a checkpoint that was signed here? Under seal. */
static enum cf_err note_judge(const struct cf_ledger *l, struct cf_str note,
                              struct cf_checkpoint *checkpoint)
{
  enum cf_err err = cf_keys_checkpoint(cf_ledger_keys(l), note, checkpoint);
  return err == CF_OK && checkpoint->size > l->sealed ? CF_E_PARAMETER : err;
}

enum cf_err cf_kept_cosign(struct cf_ledger *l, struct cf_str note, int64_t signed_us)
{
  struct cf_checkpoint checkpoint;
  struct cf_buf old;
  uint64_t found = 0;
  int64_t time_us = 0;
  if (l->signer == NULL)
    return CF_E_NOTREADY;
  cf_buf_init(&old, CF_NOTE_MAX);
  (void)pthread_mutex_lock(&l->seal);
  enum cf_err err = note_judge(l, note, &checkpoint);
  if (err == CF_OK)
    err = cf_kept_from(l, checkpoint.size, &found, &time_us, &old);
  if (err == CF_OK || err == CF_E_NOTFOUND)
    err = row_replace(l, checkpoint.size, note,
                      err == CF_OK && found == checkpoint.size ? time_us : signed_us);
  (void)pthread_mutex_unlock(&l->seal);
  if (err == CF_OK)
    cf_bdb_flush(l->env);
  cf_buf_fini(&old);
  return err;
}

/* ---- timestamps ---- */

void cf_stamp_init(struct cf_stamp *stamp)
{
  stamp->size = 0;
  cf_buf_init(&stamp->note, CF_NOTE_MAX);
  cf_buf_init(&stamp->answer, CF_STAMP_MAX);
}

void cf_stamp_fini(struct cf_stamp *stamp)
{
  cf_buf_fini(&stamp->note);
  cf_buf_fini(&stamp->answer);
}

static struct cf_str stamp_key(uint64_t size, uint8_t key[STAMP_KEY_N])
{
  memcpy(key, STAMP_PREFIX, STAMP_KEY_N - 8);
  cf_u64_put(key + STAMP_KEY_N - 8, size);
  return (struct cf_str){(const char *)key, STAMP_KEY_N};
}

static enum cf_err stamp_put(struct cf_ledger *l, struct cf_str key, struct cf_str value)
{
  struct cf_bdb_txn *txn = NULL;
  (void)pthread_mutex_lock(&l->commit);
  enum cf_err err = cf_bdb_txn_begin(l->env, &txn);
  if (err == CF_OK)
    err = cf_bdb_put(l->table[CF_TABLE_META], txn, key, value);
  if (err == CF_OK) {
    err = cf_bdb_txn_commit(txn);
    txn = NULL;
  }
  cf_bdb_txn_abort(txn);
  (void)pthread_mutex_unlock(&l->commit);
  if (err == CF_OK)
    cf_bdb_flush(l->env);
  return err;
}

enum cf_err cf_stamp_keep(struct cf_ledger *l, const struct cf_stamp *stamp)
{
  uint8_t key[STAMP_KEY_N], note_n[4];
  struct cf_checkpoint checkpoint;
  struct cf_buf value;
  if (l->signer == NULL)
    return CF_E_NOTREADY;
  (void)pthread_mutex_lock(&l->seal);
  enum cf_err err = note_judge(l, cf_buf_str(&stamp->note), &checkpoint);
  (void)pthread_mutex_unlock(&l->seal);
  if (err != CF_OK)
    return err;
  cf_buf_init(&value, 4 + CF_NOTE_MAX + CF_STAMP_MAX);
  cf_u32_put(note_n, (uint32_t)stamp->note.n);
  cf_buf_put(&value, note_n, sizeof note_n);
  cf_buf_putstr(&value, cf_buf_str(&stamp->note));
  cf_buf_putstr(&value, cf_buf_str(&stamp->answer));
  err = value.err != CF_OK ? value.err
                           : stamp_put(l, stamp_key(checkpoint.size, key), cf_buf_str(&value));
  cf_buf_fini(&value);
  return err;
}

/* False: whoever can write DATA put the row there. */
static bool stamp_read(struct cf_str key, struct cf_str value, struct cf_stamp *stamp)
{
  struct cf_reader r;
  if (key.n != STAMP_KEY_N || memcmp(key.p, STAMP_PREFIX, STAMP_KEY_N - 8) != 0)
    return false;
  cf_reader_init(&r, value.p, value.n);
  struct cf_str note = cf_reader_bytes(&r, cf_reader_u32(&r));
  if (r.err != CF_OK)
    return false;
  stamp->size = cf_u64_get((const uint8_t *)key.p + STAMP_KEY_N - 8);
  cf_buf_putstr(&stamp->note, note);
  cf_buf_put(&stamp->answer, r.p, (size_t)(r.end - r.p));
  return stamp->note.err == CF_OK && stamp->answer.err == CF_OK;
}

enum cf_err cf_stamp_from(struct cf_ledger *l, uint64_t size, struct cf_stamp *stamp)
{
  uint8_t seek[STAMP_KEY_N];
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value, at = stamp_key(size, seek);
  enum cf_err err = cf_bdb_cursor_open(l->table[CF_TABLE_META], &cursor);
  if (err == CF_OK)
    err = cf_bdb_cursor_move(cursor, CF_BDB_AT_LEAST, at, &key, &value);
  if (err == CF_OK && !stamp_read(key, value, stamp))
    err = CF_E_NOTFOUND;
  cf_bdb_cursor_close(cursor);
  return err;
}

enum cf_err cf_stamp_of(struct cf_ledger *l, uint64_t size, struct cf_stamp *stamp)
{
  struct cf_stamp got;
  cf_stamp_init(&got);
  enum cf_err err = cf_stamp_from(l, size, &got);
  if (err == CF_OK && got.size != size)
    err = CF_E_NOTFOUND;
  if (err == CF_OK) {
    stamp->size = size;
    cf_buf_putstr(&stamp->note, cf_buf_str(&got.note));
    cf_buf_putstr(&stamp->answer, cf_buf_str(&got.answer));
    err = stamp->note.err != CF_OK ? stamp->note.err : stamp->answer.err;
  }
  cf_stamp_fini(&got);
  return err;
}

bool cf_stamp_is_kept(struct cf_ledger *l, uint64_t size)
{
  struct cf_stamp stamp;
  cf_stamp_init(&stamp);
  bool kept = cf_stamp_of(l, size, &stamp) == CF_OK;
  cf_stamp_fini(&stamp);
  return kept;
}

bool cf_kept_is_marked(struct cf_ledger *l, uint64_t size)
{
  struct cf_buf note;
  uint64_t found = 0;
  int64_t time_us = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  bool cosigned = cf_kept_from(l, size, &found, &time_us, &note) == CF_OK && found == size &&
                  cf_kept_is_cosigned(cf_buf_str(&note));
  cf_buf_fini(&note);
  return cosigned || cf_stamp_is_kept(l, size);
}

/* ---- the one that meets the quorum ---- */

enum cf_err cf_witnessed_set(struct cf_ledger *l, struct cf_str note, uint64_t size)
{
  struct cf_buf made;
  cf_buf_init(&made, CF_NOTE_MAX);
  cf_buf_putstr(&made, note);
  if (made.err != CF_OK)
    return made.err;
  (void)pthread_mutex_lock(&l->look);
  if (size >= l->witnessed_size) {
    struct cf_buf old = l->witnessed;
    l->witnessed = made;
    l->witnessed_size = size;
    made = old;
  }
  (void)pthread_mutex_unlock(&l->look);
  cf_buf_fini(&made);
  return CF_OK;
}

enum cf_err cf_witnessed_get(struct cf_ledger *l, uint64_t size, struct cf_buf *note)
{
  (void)pthread_mutex_lock(&l->look);
  bool any = l->witnessed.n > 0 && l->witnessed_size >= size;
  if (any)
    cf_buf_putstr(note, cf_buf_str(&l->witnessed));
  (void)pthread_mutex_unlock(&l->look);
  return any ? note->err : CF_E_NOTFOUND;
}
