/* SPDX-License-Identifier: MIT */
/* Seals, and the clerk: the thread that signs a grown head, writes what was
 * posted, checkpoints the database, has its log's next file ready and thins out
 * old checkpoints. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

#define NAP_US            INT64_C(100000)
#define BDB_CHECKPOINT_KB 32768u
#define MINUTE_US         INT64_C(60000000)
#define DAY_US            (24 * CF_HOUR_US)
#define PRUNE_BATCH       4096

/* ---- seals ---- */

static enum cf_err checkpoint_delete(struct cf_ledger *l, struct cf_bdb_txn *txn, uint64_t size)
{
  uint8_t key[8];
  cf_u64_put(key, size);
  return cf_kept_del(l, txn, (struct cf_str){(const char *)key, sizeof key});
}

/* Under seal. Keep a checkpoint: u64 size → u64 time, note. Callers who ask for
 * receipts have one signed as often as they like: of a minute the last stays,
 * and what others made something of (kept.h). */
static enum cf_err checkpoint_keep(struct cf_ledger *l, uint64_t size, struct cf_str note)
{
  int64_t now_us = cf_clock_now_us();
  bool again = l->kept != size && now_us / MINUTE_US == l->kept_us / MINUTE_US &&
               !cf_kept_is_marked(l, l->kept);
  uint8_t key[8], time[8], sum[CF_HASH_N];
  memcpy(sum, l->kept_sum, sizeof sum);
  cf_u64_put(key, size);
  cf_u64_put(time, (uint64_t)now_us);
  struct cf_buf value;
  cf_buf_init(&value, CF_NOTE_MAX + 8);
  cf_buf_put(&value, time, sizeof time);
  cf_buf_putstr(&value, note);
  struct cf_bdb_txn *txn = NULL;
  (void)pthread_mutex_lock(&l->commit);
  enum cf_err err = value.err != CF_OK ? value.err : cf_bdb_txn_begin(l->env, &txn);
  if (err == CF_OK)
    err = cf_kept_put(l, txn, (struct cf_str){(const char *)key, sizeof key}, cf_buf_str(&value));
  if (err == CF_OK && again)
    err = checkpoint_delete(l, txn, l->kept);
  if (err == CF_OK) {
    err = cf_bdb_txn_commit(txn);
    txn = NULL;
  }
  cf_bdb_txn_abort(txn);
  (void)pthread_mutex_unlock(&l->commit);
  cf_buf_fini(&value);
  if (err != CF_OK) {
    memcpy(l->kept_sum, sum, sizeof sum);
    return err;
  }
  l->kept = size;
  l->kept_us = now_us;
  return CF_OK;
}

/* What was signed last is here, on disk, before anything else is signed: what
 * the signer signed before its last note is among the kept ones, then, or a
 * larger one (kept.c). */
static enum cf_err last_keep(struct cf_ledger *l)
{
  struct cf_checkpoint last;
  struct cf_buf note;
  uint64_t found = 0;
  if (!cf_signer_last(l->signer, &last))
    return CF_OK;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = l->kept >= last.size ? CF_OK : cf_meta_checkpoint(l, last.size, &found, &note);
  if (err == CF_E_NOTFOUND)
    err = checkpoint_keep(l, last.size, cf_signer_note(l->signer));
  cf_buf_fini(&note);
  if (err == CF_OK)
    cf_bdb_flush(l->env);
  return err;
}

static enum cf_err head_sign(struct cf_ledger *l, uint64_t size, const uint8_t root[CF_HASH_N],
                             const struct cf_hashes *hashes, struct cf_buf *note,
                             struct cf_fault *fault)
{
  enum cf_err err = cf_signer_ready(l->signer, fault);
  if (err == CF_OK)
    err = last_keep(l);
  if (err == CF_OK && !cf_ground_holds_all(l))
    return cf_fail(fault, CF_E_NOTREADY, l->conf->data, "its files are not in their place");
  if (err == CF_OK)
    err = cf_key_turn_settle(l, size, fault);
  return err == CF_OK ? cf_signer_sign(l->signer, size, root, hashes, note, fault) : err;
}

/* Under seal: it was signed. Whoever asks for no more does not wait for the
 * next one, whose signer may hang. */
static enum cf_err sealed_set(struct cf_ledger *l, uint64_t size, struct cf_str note)
{
  struct cf_buf made;
  cf_buf_init(&made, CF_NOTE_MAX);
  cf_buf_putstr(&made, note);
  if (made.err == CF_OK) {
    (void)pthread_mutex_lock(&l->look);
    struct cf_buf old = l->sealed_note;
    l->sealed_note = made;
    l->sealed = size;
    l->sealed_us = cf_clock_now_us();
    (void)pthread_mutex_unlock(&l->look);
    made = old;
  }
  enum cf_err err = made.err;
  cf_buf_fini(&made);
  return err;
}

/* The note of the newest one, where that covers size. */
static bool sealed_get(struct cf_ledger *l, uint64_t size, struct cf_buf *note)
{
  (void)pthread_mutex_lock(&l->look);
  bool covers = l->sealed >= size && l->sealed > 0;
  if (covers)
    cf_buf_putstr(note, cf_buf_str(&l->sealed_note));
  (void)pthread_mutex_unlock(&l->look);
  return covers;
}

/* Under seal: sign the durable head. */
static enum cf_err seal_now(struct cf_ledger *l, struct cf_fault *fault)
{
  static struct cf_log_rate rate;
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  uint8_t root[CF_HASH_N];
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_view_all(l, &view);
  if (err != CF_OK)
    goto out;
  cf_view_hashes(view, &hashes);
  err = cf_tree_root(&hashes, cf_view_size(view), root);
  if (err == CF_OK)
    err = head_sign(l, cf_view_size(view), root, &hashes, &note, fault);
  if (err == CF_E_NOTREADY || /* the signer was lost on the way, and may be back */
      (err == CF_E_SPACE && cf_space_release(l))) /* what is left of the disk is for this too */
    err = head_sign(l, cf_view_size(view), root, &hashes, &note, fault);
  if (err == CF_OK)
    err = sealed_set(l, cf_view_size(view), cf_buf_str(&note));
  if (err != CF_OK)
    goto out;
  if (checkpoint_keep(l, l->sealed, cf_buf_str(&note)) != CF_OK)
    cf_log_rated(&rate, CF_LOG_WARNING,
                 "a checkpoint could not be kept; it was signed all the same");
out:
  atomic_store(&l->seal_err, err);
  cf_view_put(view);
  cf_buf_fini(&note);
  return err;
}

/* Of a copy opened as evidence: what was signed of it, for nothing is signed
 * now. */
static enum cf_err evidence_note(const struct cf_ledger *l, uint64_t size, struct cf_buf *note,
                                 struct cf_fault *fault)
{
  if (!l->evidence.any || l->sealed < size)
    return cf_fail(fault, CF_E_NOTFOUND, NULL,
                   "of this copy, opened as evidence, %llu records are signed",
                   (unsigned long long)l->sealed);
  cf_buf_putstr(note, cf_buf_str(&l->evidence.note));
  return note->err;
}

enum cf_err cf_ledger_seal(struct cf_ledger *l, uint64_t size, struct cf_buf *note,
                           struct cf_fault *fault)
{
  (void)pthread_mutex_lock(&l->look);
  uint64_t durable = l->durable;
  (void)pthread_mutex_unlock(&l->look);
  if (size > durable)
    return cf_fail(fault, CF_E_PARAMETER, "size", "the ledger has %llu records",
                   (unsigned long long)durable);
  if (l->signer == NULL)
    return evidence_note(l, size, note, fault);
  if (sealed_get(l, size, note))
    return note->err;
  (void)pthread_mutex_lock(&l->seal);
  enum cf_err err = CF_OK;
  if (!sealed_get(l, size, note)) { /* nobody did while this one waited */
    err = seal_now(l, fault);
    (void)(err == CF_OK && sealed_get(l, size, note));
  }
  (void)pthread_mutex_unlock(&l->seal);
  return err == CF_OK ? note->err : err;
}

enum cf_err cf_ledger_checkpoint(struct cf_ledger *l, struct cf_buf *note)
{
  return cf_ledger_seal(l, 0, note, NULL);
}

/* ---- thinning ---- */

/* The newest one so far, and the hour or minute that it is of. */
struct newest {
  bool any;
  uint64_t size;
  int64_t slot_us;
};
struct thinning {
  struct cf_ledger *ledger;
  int64_t day_ago_us, now_us;
  struct newest plain, cosigned; /* without cosignatures, and with */
  uint64_t size[PRUNE_BATCH];
  size_t n;
};

/* Of each minute of the last day, and of each hour before, the last stays, and
 * the last that is cosigned; and those that have a timestamp. What is of the
 * future does not count: the clock was ahead. */
static enum cf_err thin_row(struct thinning *t, struct cf_str key, struct cf_str value)
{
  struct cf_kept kept;
  if (t->n == PRUNE_BATCH)
    return CF_E_NOTFOUND;
  if (!cf_meta_kept(key, value, &kept) || kept.time_us > t->now_us)
    return CF_OK;
  bool cosigned = cf_kept_is_cosigned(kept.note);
  struct newest *of = cosigned ? &t->cosigned : &t->plain;
  int64_t time = kept.time_us;
  int64_t slot_us = time < t->day_ago_us ? cf_time_hour(time) : time - time % MINUTE_US;
  if (of->any && slot_us == of->slot_us && !cf_stamp_is_kept(t->ledger, of->size))
    t->size[t->n++] = of->size;
  /* one that is cosigned does for the minute as well */
  if (cosigned && t->plain.any && slot_us == t->plain.slot_us && t->n < PRUNE_BATCH &&
      !cf_stamp_is_kept(t->ledger, t->plain.size))
    t->size[t->n++] = t->plain.size;
  if (cosigned)
    t->plain.any = false;
  *of = (struct newest){.any = true, .size = kept.size, .slot_us = slot_us};
  return CF_OK;
}

static enum cf_err thin_delete(struct cf_ledger *l, const struct thinning *t)
{
  struct cf_bdb_txn *txn = NULL;
  uint8_t sum[CF_HASH_N];
  (void)pthread_mutex_lock(&l->seal);
  memcpy(sum, l->kept_sum, sizeof sum);
  (void)pthread_mutex_lock(&l->commit);
  enum cf_err err = cf_bdb_txn_begin(l->env, &txn);
  for (size_t i = 0; err == CF_OK && i < t->n; i++)
    err = checkpoint_delete(l, txn, t->size[i]);
  if (err == CF_OK) {
    err = cf_bdb_txn_commit(txn);
    txn = NULL;
  }
  cf_bdb_txn_abort(txn);
  (void)pthread_mutex_unlock(&l->commit);
  if (err != CF_OK)
    memcpy(l->kept_sum, sum, sizeof sum);
  (void)pthread_mutex_unlock(&l->seal);
  return err;
}

/* Returns whether there may be more. */
static bool checkpoints_thin(struct cf_ledger *l)
{
  int64_t now_us = cf_clock_now_us();
  struct thinning t = {.ledger = l, .day_ago_us = now_us - DAY_US, .now_us = now_us};
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str none = {0}, key, value;
  enum cf_err err = cf_bdb_cursor_open(l->checkpoints, &cursor);
  for (enum cf_bdb_move move = CF_BDB_FIRST; err == CF_OK; move = CF_BDB_NEXT) {
    err = cf_bdb_cursor_move(cursor, move, none, &key, &value);
    if (err == CF_OK)
      err = thin_row(&t, key, value);
  }
  cf_bdb_cursor_close(cursor);
  if (err == CF_E_NOTFOUND && t.n > 0)
    err = thin_delete(l, &t);
  if (err != CF_OK && err != CF_E_NOTFOUND)
    cf_log(CF_LOG_WARNING, "old checkpoints could not be thinned out: %s", cf_err_word(err));
  return err == CF_OK && t.n == PRUNE_BATCH;
}

/* ---- the clerk ---- */

static void seal_if_grown(struct cf_ledger *l, int64_t *next_us)
{
  static struct cf_log_rate rate;
  int64_t now = cf_clock_mono_us();
  if (now < *next_us)
    return;
  (void)pthread_mutex_lock(&l->look);
  uint64_t durable = l->durable;
  (void)pthread_mutex_unlock(&l->look);
  struct cf_buf note;
  struct cf_fault fault = {0};
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_ledger_seal(l, durable, &note, &fault);
  if (err != CF_OK)
    cf_log_rated(&rate, CF_LOG_ERROR, "the head could not be signed: %s",
                 cf_fault_text(&fault, err));
  cf_buf_fini(&note);
  *next_us = now + l->conf->checkpoint_interval_us;
}

void *cf_clerk_main(void *ledger)
{
  struct cf_ledger *l = ledger;
  int64_t next_seal_us = 0, next_thin_us = 0, next_slow_us = 0;
  while (cf_nap(l, NAP_US, NULL)) {
    cf_ground_watch(l);
    cf_append_posted(l);
    seal_if_grown(l, &next_seal_us);
    int64_t now = cf_clock_mono_us();
    if (now >= next_slow_us) {
      if (cf_bdb_checkpoint(l->env, BDB_CHECKPOINT_KB, 1) == CF_E_SPACE)
        (void)cf_space_release(l);
      if (cf_space_watch(l))
        cf_bdb_log_prepare(l->env);
      cf_clerk_end_tail(l);
      next_slow_us = now + 1000000;
    }
    if (now >= next_thin_us) {
      next_thin_us = checkpoints_thin(l) ? now : now + CF_HOUR_US;
    }
  }
  return NULL;
}
