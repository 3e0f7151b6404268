/* SPDX-License-Identifier: MIT */
/* Rolling: the thread that turns frozen generations into segments, oldest first
 * (architecture.md, The store). */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

#define RETRY_US   INT64_C(5000000)
#define LOOK_US    INT64_C(500000)
#define MORE_BYTES (1u << 20)
/* twice what a full generation of ordinary events takes */
#define TAIL_MEMORY_MAX ((size_t)160 << 20)

/* The newest kept checkpoint at or below end; empty where there is none. */
static enum cf_err newest_checkpoint(struct cf_ledger *l, uint64_t end, struct cf_buf *note)
{
  uint8_t seek[8];
  cf_u64_put(seek, end);
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  struct cf_kept kept;
  enum cf_err err = cf_bdb_cursor_open(l->checkpoints, &cursor);
  enum cf_bdb_move move = CF_BDB_AT_MOST;
  do {
    if (err == CF_OK)
      err = cf_bdb_cursor_move(cursor, move, (struct cf_str){(const char *)seek, sizeof seek}, &key,
                               &value);
    move = CF_BDB_PREV;
  } while (err == CF_OK && !cf_meta_kept(key, value, &kept));
  if (err == CF_OK)
    cf_buf_putstr(note, kept.note);
  cf_bdb_cursor_close(cursor);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

/* The leaf hash in front of a generation: one of 0.1.0 does not have it. */
static enum cf_err front_get(struct cf_ledger *l, const struct cf_tail_meta *meta,
                             uint8_t front[CF_HASH_N])
{
  memset(front, 0, CF_HASH_N);
  if (meta->has_prev || meta->first == 0) {
    memcpy(front, meta->prev, CF_HASH_N);
    return CF_OK;
  }
  return cf_ledger_leaf_hash(l, meta->first - 1, front);
}

static enum cf_err segment_build(struct cf_ledger *l, struct cf_tail *tail,
                                 struct cf_segment_meta *meta, struct cf_fault *fault)
{
  struct cf_unit unit;
  (void)cf_tail_ranges(tail, &unit);
  *meta = (struct cf_segment_meta){.first = unit.first,
                                   .end = unit.end,
                                   .time_min_us = unit.time_min_us,
                                   .time_max_us = unit.time_max_us,
                                   .recorded_min_us = unit.recorded_min_us,
                                   .recorded_max_us = unit.recorded_max_us};
  struct cf_buf note;
  uint8_t front[CF_HASH_N];
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = newest_checkpoint(l, unit.end, &note);
  if (err == CF_OK)
    err = front_get(l, cf_tail_meta(tail), front);
  if (err == CF_OK) {
    struct cf_segment_source source;
    cf_tail_segment_source(tail, &source);
    source.checkpoint = cf_buf_str(&note);
    source.before = front;
    err = cf_segment_build(l->segments_path, &source, meta, fault);
  }
  cf_buf_fini(&note);
  return err;
}

/* Only when what named it is gone from disk: a removal that a crash cuts
 * short takes the file with it, whether its transaction was committed or not
 * (Berkeley DB 5.3). A file that stays is removed at the next start. */
static void remove_file(struct cf_ledger *l, struct cf_tail *tail)
{
  char file[32];
  cf_tail_file_name(cf_tail_meta(tail)->number, file);
  cf_tail_close_file(tail);
  if (cf_bdb_remove(l->env, NULL, file) != CF_OK)
    cf_log(CF_LOG_WARNING, "%s could not be removed; the next start does it", file);
}

/* What is told of a segment vouches for it for good. */
static enum cf_err tail_judge(struct cf_ledger *l, struct cf_tail *tail, struct cf_fault *fault)
{
  (void)pthread_mutex_lock(&l->judging);
  enum cf_err err = cf_tails_check(l);
  (void)pthread_mutex_unlock(&l->judging);
  return err == CF_OK && cf_tail_doubted(tail) > 0
             ? cf_fail(fault, CF_E_DAMAGED, NULL,
                       "records from %llu on are not what the tree says: restore the data "
                       "directory from a backup",
                       (unsigned long long)cf_tail_meta(tail)->first)
             : err;
}

static enum cf_err tail_roll(struct cf_ledger *l, struct cf_tail *tail, struct cf_fault *fault)
{
  struct cf_segment_meta meta;
  enum cf_err err = tail_judge(l, tail, fault);
  if (err != CF_OK)
    return err;
  cf_bdb_flush(l->env); /* the generation is committed whole: now it is durable too */
  if (!cf_ground_holds(l))
    return CF_E_NOTREADY;
  cf_publish(l, cf_tail_meta(tail)->limit);
  err = segment_build(l, tail, &meta, fault);
  if (err == CF_OK)
    err = cf_catalogue_enter(l, &meta, tail);
  if (err == CF_OK)
    remove_file(l, tail);
  return err;
}

static void rolled_tell(struct cf_ledger *l, bool failed, bool gone)
{
  (void)pthread_mutex_lock(&l->look);
  l->roll_failed = failed;
  l->roller_gone = gone;
  (void)pthread_cond_broadcast(&l->rolled);
  (void)pthread_mutex_unlock(&l->look);
}

/* The oldest generation, when a newer one has taken over; with a reference. */
static struct cf_tail *oldest_frozen(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->commit); /* so that what was committed is in its image whole */
  const struct cf_layout *layout = l->layout;
  struct cf_tail *tail = layout->tails_n > 1 ? layout->tails[0] : NULL;
  if (tail != NULL)
    cf_tail_ref(tail);
  (void)pthread_mutex_unlock(&l->commit);
  return tail;
}

/* An image is many small pieces: without this its pages stay with the process
 * until the next one needs them. */
void cf_memory_trim(void)
{
#ifdef __GLIBC__
  (void)malloc_trim(0);
#endif
}

/* Roll until nothing is frozen; false after a failure. */
static bool roll_all(struct cf_ledger *l)
{
  static struct cf_log_rate rate;
  struct cf_tail *tail;
  while (!cf_nap_stopped(l) && (tail = oldest_frozen(l)) != NULL) {
    struct cf_fault fault = {0};
    enum cf_err err = tail_roll(l, tail, &fault);
    if (err != CF_OK && err != CF_E_LEAVING)
      cf_log_rated(&rate, CF_LOG_ERROR,
                   "a segment could not be written (%s): %s; it is tried again", cf_err_word(err),
                   cf_fault_text(&fault, err));
    cf_tail_unref(tail);
    cf_memory_trim();
    rolled_tell(l, err != CF_OK, false);
    if (err != CF_OK)
      return false;
  }
  return true;
}

/* Sleep after a failure, no longer than until there is more space; false when
 * the ledger is closing. */
static bool retry_wait(struct cf_ledger *l)
{
  uint64_t left = cf_space_free(l);
  bool more = false, open = true;
  for (int64_t t_us = 0; t_us < RETRY_US && !more && open; t_us += LOOK_US) {
    open = cf_nap(l, LOOK_US, NULL);
    more = cf_space_free(l) >= left + MORE_BYTES;
  }
  return open;
}

void *cf_roller_main(void *ledger)
{
  struct cf_ledger *l = ledger;
  bool ok = roll_all(l); /* what an earlier owner left */
  while (ok ? cf_nap(l, RETRY_US, &l->roll_due) : retry_wait(l))
    ok = roll_all(l);
  rolled_tell(l, !ok, true);
  return NULL;
}

/* ---- before a generation is full ---- */

static enum cf_err set_limit(struct cf_ledger *l, uint64_t limit)
{
  struct cf_tail_meta meta = *cf_tail_meta(l->tail);
  meta.limit = limit;
  struct cf_bdb_txn *txn = NULL;
  enum cf_err err = cf_bdb_txn_begin(l->env, &txn);
  if (err == CF_OK)
    err = cf_meta_put_tail(l, txn, &meta);
  if (err == CF_OK) {
    err = cf_bdb_txn_commit(txn);
    txn = NULL;
  }
  cf_bdb_txn_abort(txn);
  if (err == CF_OK)
    cf_tail_set_limit(l->tail, limit);
  return err;
}

/* One that is ended early tells nothing of what was configured. */
void cf_roll_tell_limit(struct cf_ledger *l)
{
  const struct cf_tail_meta *meta = l->tail != NULL ? cf_tail_meta(l->tail) : NULL;
  if (meta == NULL || meta->limit - meta->first == l->conf->segment_records ||
      meta->limit < l->size + CF_TILE_W)
    return;
  cf_log(
      CF_LOG_INFO,
      "segment_records is %llu from the next segment on; the one that is being filled takes %llu",
      (unsigned long long)l->conf->segment_records,
      (unsigned long long)(meta->limit - meta->first));
}

/* Too old, or, with long values that are all different, too large. */
static bool is_over(struct cf_ledger *l, const struct cf_unit *unit)
{
  return cf_clock_now_us() - unit->recorded_min_us >= l->conf->segment_span_us ||
         cf_tail_memory(l->tail) > TAIL_MEMORY_MAX;
}

void cf_clerk_end_tail(struct cf_ledger *l)
{
  static struct cf_log_rate rate;
  (void)pthread_mutex_lock(&l->commit);
  struct cf_unit unit;
  if (l->tail != NULL && cf_tail_ranges(l->tail, &unit) && unit.end - unit.first >= CF_TILE_W &&
      is_over(l, &unit)) {
    uint64_t limit = (unit.end + CF_TILE_W - 1) / CF_TILE_W * CF_TILE_W;
    if (limit < cf_tail_meta(l->tail)->limit && set_limit(l, limit) != CF_OK)
      cf_log_rated(&rate, CF_LOG_WARNING, "an old tail could not be ended; it is tried again");
  }
  (void)pthread_mutex_unlock(&l->commit);
}
