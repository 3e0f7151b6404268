/* SPDX-License-Identifier: MIT */
/* One group's way into the ledger: who is new, which seq, which leaf; into one
 * transaction; then into the image.
 *
 * Runs under the commit lock. Nothing outside the transaction changes before it
 * is committed, so a group that fails leaves nothing. After the commit nothing
 * may fail but memory, which ends the process. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/die.h"
#include "lib/ledger/ledger_in.h"
#include "lib/record/control.h"

/* a step back up to this is waited out, beyond it a service record tells of
 * it */
#define CLOCK_BACK_US INT64_C(10000000)
#define TAILS_NEW_MAX 4096

/* An event of the group and what becomes of it. */
struct item {
  const struct cf_event *event;
  const struct cf_index_keys *keys;
  struct cf_place *place;
  struct cf_dedupe_ask *ask; /* NULL: it has no id */
};

/* An open-addressed table of the group's own ids. */
struct own_ids {
  uint32_t *slot; /* index of an ask + 1 */
  size_t mask;
};

struct plan {
  struct cf_ledger *l;
  struct cf_bdb_txn *txn;
  struct item *item;
  size_t items_n;
  struct cf_dedupe_ask *ask;
  struct cf_place **asker; /* the place that goes with each ask */
  uint32_t asks_n;
  struct own_ids own;
  int64_t now_us;

  struct cf_fresh *fresh;
  size_t fresh_n;
  struct cf_piece *piece;
  size_t pieces_n;
  struct cf_buf leaf;

  struct cf_buf done;
  uint8_t salt_key[CF_SALTKEY_N];
  uint8_t sum[CF_HASH_N];
  uint64_t size;
  uint64_t generation;
  struct cf_tail **tail; /* generations born in this transaction */
  size_t tails_n;
  struct cf_event clock; /* a `clock` record in front, where the clock was set back */
  struct cf_event_keys clock_keys;
};

_Static_assert(sizeof(struct cf_place) + sizeof(struct cf_index_keys) + sizeof(struct item) +
                       sizeof(struct cf_dedupe_ask) + sizeof(struct cf_fresh) + 64 <=
                   CF_APPEND_EVENT_N,
               "what an event takes here");

/* ---- who is new ---- */

static void item_init(struct plan *p, const struct cf_event *event,
                      const struct cf_index_keys *keys, struct cf_place *place)
{
  struct item *item = &p->item[p->items_n++];
  *item = (struct item){.event = event, .keys = keys, .place = place};
  if (event->record.kind != CF_K_EVENT || !keys->has_id)
    return;
  p->asker[p->asks_n] = place;
  item->ask = &p->ask[p->asks_n++];
  *item->ask = (struct cf_dedupe_ask){.source = cf_event_get(event, CF_M_SOURCE),
                                      .id = cf_event_get(event, CF_M_ID),
                                      .content = &event->record,
                                      .fingerprint = keys->fingerprint};
}

/* The earlier ask of the group with the same (source, id), or asks_n; enters
 * this one where there is none. Ids that are the names of their sources do not
 * meet in one slot. */
static uint32_t own_twin(struct plan *p, uint32_t index)
{
  const struct cf_dedupe_ask *ask = &p->ask[index];
  uint64_t source = cf_id_fingerprint(p->l->fingerprint_key, ask->source);
  uint64_t hash = ask->fingerprint + (source << 32 | source >> 32);
  for (size_t at = (size_t)hash & p->own.mask;; at = (at + 1) & p->own.mask) {
    if (p->own.slot[at] == 0) {
      p->own.slot[at] = index + 1;
      return p->asks_n;
    }
    const struct cf_dedupe_ask *other = &p->ask[p->own.slot[at] - 1];
    if (other->fingerprint == ask->fingerprint && cf_str_eq(other->id, ask->id) &&
        cf_str_eq(other->source, ask->source))
      return p->own.slot[at] - 1;
  }
}

/* Is the item there already, in the ledger or earlier in the group? Then its
 * place says so. */
static bool has_twin(struct plan *p, const struct item *item)
{
  const struct cf_dedupe_ask *ask = item->ask;
  if (ask == NULL)
    return false;
  if (ask->found) {
    *item->place = (struct cf_place){.err = ask->same ? CF_OK : CF_E_CONFLICT,
                                     .duplicate = ask->same,
                                     .seq = ask->seq,
                                     .recorded_us = ask->recorded_us};
    memcpy(item->place->leaf_hash, ask->hash, CF_HASH_N);
    return true;
  }
  uint32_t other = own_twin(p, (uint32_t)(ask - p->ask));
  if (other == p->asks_n)
    return false;
  bool same = cf_record_same(ask->content, p->ask[other].content);
  *item->place = *p->asker[other];
  item->place->err = same ? CF_OK : CF_E_CONFLICT;
  item->place->duplicate = same;
  return true;
}

/* ---- which seq, which leaf ---- */

static bool begins_piece(const struct plan *p, uint64_t seq)
{
  return p->pieces_n == 0 || seq % CF_GROUP == 0;
}

/* The leaf hash in front of fresh record i. */
static const uint8_t *hash_before(const struct plan *p, size_t i)
{
  return i > 0 ? p->fresh[i - 1].hash : p->l->last_hash;
}

/* Give the next seq to an event: leaf, hash, and its piece. */
static enum cf_err place_event(struct plan *p, const struct cf_event *event,
                               const struct cf_index_keys *keys, struct cf_place *place)
{
  struct cf_fresh *f = &p->fresh[p->fresh_n];
  f->record = event->record;
  f->keys = *keys;
  f->record.seq = p->size;
  f->record.recorded_us = p->now_us;
  if (p->size % CF_GROUP == 0)
    cf_random(p->salt_key, sizeof p->salt_key);
  if (begins_piece(p, p->size)) {
    p->piece[p->pieces_n] = (struct cf_piece){.fresh = f};
    memcpy(p->piece[p->pieces_n++].key, p->salt_key, CF_SALTKEY_N);
  }
  p->piece[p->pieces_n - 1].n++;

  uint8_t salts[CF_C_N][CF_HASH_N];
  cf_salts(p->salt_key, p->size, salts);
  const uint8_t *prev = hash_before(p, p->fresh_n);
  cf_buf_reset(&p->leaf);
  cf_leaf_put(&f->record, prev, (const uint8_t(*)[CF_HASH_N])salts, &p->leaf, f->hash);
  if (p->leaf.err != CF_OK)
    return p->leaf.err;
  if (place != NULL) {
    *place = (struct cf_place){.seq = p->size, .recorded_us = p->now_us};
    memcpy(place->leaf_hash, f->hash, CF_HASH_N);
  }
  p->fresh_n++;
  p->size++;
  return CF_OK;
}

static enum cf_err place_all(struct plan *p)
{
  enum cf_err err = cf_dedupe(p->l, p->ask, p->asks_n, p->now_us);
  if (err == CF_OK && p->clock.text != NULL)
    err = place_event(p, &p->clock, p->clock_keys.each, NULL);
  for (size_t i = 0; err == CF_OK && i < p->items_n; i++) {
    if (!has_twin(p, &p->item[i]))
      err = place_event(p, p->item[i].event, p->item[i].keys, p->item[i].place);
  }
  return err;
}

/* Has each that is for one seq only got it? A `clock` record may stand before
 * it. */
static bool placed_right(const struct cf_intake *const *group, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (group[i]->at != 0 && group[i]->append->places[0].seq != group[i]->at)
      return false;
  return true;
}

/* ---- into the transaction ---- */

static struct cf_tail *tail_of(const struct plan *p)
{
  return p->tails_n > 0 ? p->tail[p->tails_n - 1] : p->l->tail;
}

/* The generation that takes seq next; a new one where the last is full. */
static enum cf_err open_tail(struct plan *p, uint64_t seq, struct cf_tail **tail)
{
  struct cf_tail *t = tail_of(p);
  if (t != NULL && seq < cf_tail_meta(t)->limit) {
    *tail = t;
    return CF_OK;
  }
  if (p->tails_n == TAILS_NEW_MAX)
    return CF_E_FULL;
  struct cf_tail_meta meta = {.number = p->generation + 1,
                              .first = seq,
                              .limit = seq + p->l->conf->segment_records,
                              .has_prev = true};
  memcpy(meta.prev, hash_before(p, p->fresh_n - (size_t)(p->size - seq)), CF_HASH_N);
  memcpy(meta.sum, p->sum, CF_HASH_N);
  enum cf_err err = cf_tail_make(p->l->env, p->txn, &meta, p->l->fingerprint_key,
                                 cf_segment_pool_parts(p->l->pool), &t);
  if (err != CF_OK)
    return err;
  p->tail[p->tails_n++] = t;
  p->generation = meta.number;
  *tail = t;
  return cf_meta_put_tail(p->l, p->txn, &meta);
}

static enum cf_err write_pieces(struct plan *p)
{
  for (size_t i = 0; i < p->pieces_n; i++) {
    struct cf_tail *tail = NULL;
    enum cf_err err = open_tail(p, p->piece[i].fresh[0].record.seq, &tail);
    if (err == CF_OK)
      err = cf_tail_put(tail, p->txn, &p->piece[i], p->sum);
    for (unsigned j = 0; err == CF_OK && j < p->piece[i].n; j++)
      err = cf_filling_append(&p->l->planned, p->piece[i].fresh[j].record.seq,
                              p->piece[i].fresh[j].hash, p->l->tiles, p->txn, &p->done);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

static enum cf_err write_row(struct plan *p, const struct cf_row *row)
{
  struct cf_bdb *table = p->l->table[row->table];
  if (!row->gone)
    return cf_bdb_put(table, p->txn, row->key, row->value);
  enum cf_err err = cf_bdb_del(table, p->txn, row->key);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static enum cf_err write_rows(struct plan *p, const struct cf_intake *const *group, size_t n)
{
  enum cf_err err = CF_OK;
  for (size_t i = 0; err == CF_OK && i < n; i++)
    for (size_t j = 0; err == CF_OK && j < group[i]->append->rows_n; j++)
      err = write_row(p, &group[i]->append->rows[j]);
  return err;
}

static enum cf_err write_all(struct plan *p, const struct cf_intake *const *group, size_t n)
{
  enum cf_err err = write_pieces(p);
  if (err == CF_OK)
    err = write_rows(p, group, n);
  if (err != CF_OK || p->fresh_n == 0)
    return err;
  struct cf_head head = {.size = p->size,
                         .last_recorded_us = p->now_us,
                         .generation = p->generation};
  memcpy(head.last_hash, p->fresh[p->fresh_n - 1].hash, CF_HASH_N);
  memcpy(head.sum, p->sum, CF_HASH_N);
  return cf_meta_put_head(p->l, p->txn, &head);
}

/* ---- into the image ---- */

static enum cf_err extend_layout(struct plan *p)
{
  if (p->tails_n == 0)
    return CF_OK;
  const struct cf_layout *old = p->l->layout;
  struct cf_tail **all = malloc((old->tails_n + p->tails_n) * sizeof *all);
  if (all == NULL)
    return CF_E_NOMEM;
  if (old->tails_n > 0)
    memcpy(all, old->tails, old->tails_n * sizeof *all);
  memcpy(all + old->tails_n, p->tail, p->tails_n * sizeof *all);
  struct cf_layout *layout = NULL;
  enum cf_err err =
      cf_layout_make(old->segments, old->segments_n, all, old->tails_n + p->tails_n, &layout);
  if (err == CF_OK)
    cf_layout_swap(p->l, layout);
  free(all);
  return err;
}

static enum cf_err apply_pieces(struct plan *p)
{
  size_t next = 0;
  struct cf_tail *tail = p->l->tail;
  for (size_t i = 0; i < p->pieces_n; i++) {
    uint64_t seq = p->piece[i].fresh[0].record.seq;
    if (tail == NULL || seq >= cf_tail_meta(tail)->limit)
      tail = p->tail[next++];
    enum cf_err err = cf_tail_apply(tail, &p->piece[i]);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* What is committed must be in the image too. */
static void plan_apply(struct plan *p)
{
  struct cf_ledger *l = p->l;
  if (p->fresh_n == 0)
    return;
  enum cf_err err = extend_layout(p);
  if (err == CF_OK)
    err = apply_pieces(p);
  if (err == CF_OK)
    err = cf_levels_apply(&l->levels, &p->done);
  if (err != CF_OK)
    cf_die("cannot keep what was committed in memory (%s): restart the service", cf_err_word(err));
  if (p->tails_n > 0) {
    l->tail = p->tail[p->tails_n - 1];
    cf_nap_end(l, &l->roll_due);
  }
  l->size = p->size;
  l->generation = p->generation;
  l->last_recorded_us = p->now_us;
  cf_filling_copy(&l->planned, &l->filling);
  memcpy(l->salt_key, p->salt_key, CF_SALTKEY_N);
  memcpy(l->sum, p->sum, CF_HASH_N);
  memcpy(l->last_hash, p->fresh[p->fresh_n - 1].hash, CF_HASH_N);
}

/* ---- the whole ---- */

/* recorded never decreases, but at a `clock` record. */
static enum cf_err read_clock(struct plan *p)
{
  p->now_us = cf_clock_now_us();
  if (p->now_us >= p->l->last_recorded_us)
    return CF_OK;
  if (p->l->last_recorded_us - p->now_us <= CLOCK_BACK_US) {
    p->now_us = p->l->last_recorded_us;
    return CF_OK;
  }
  enum cf_err err = cf_control_service(p->l->software, "clock", &p->clock);
  const struct cf_event *clock = &p->clock;
  return err == CF_OK ? cf_event_keys_make(p->l, &clock, 1, &p->clock_keys) : err;
}

static enum cf_err plan_init(struct plan *p, struct cf_ledger *l,
                             const struct cf_intake *const *group, size_t n)
{
  memset(p, 0, sizeof *p);
  p->l = l;
  cf_buf_init(&p->leaf, 2 * CF_LEAF_MAX);
  cf_buf_init(&p->done, SIZE_MAX / 2);
  cf_filling_copy(&l->filling, &l->planned);
  p->size = l->size;
  p->generation = l->generation;
  memcpy(p->salt_key, l->salt_key, CF_SALTKEY_N);
  memcpy(p->sum, l->sum, CF_HASH_N);
  size_t events = 0, slots = 16;
  for (size_t i = 0; i < n; i++)
    events += group[i]->append->n;
  while (slots < events * 2)
    slots *= 2;
  p->own.mask = slots - 1;
  p->own.slot = calloc(slots, sizeof *p->own.slot);
  p->item = malloc((events + 1) * sizeof *p->item);
  p->ask = malloc((events + 1) * sizeof *p->ask);
  p->asker = malloc((events + 1) * sizeof *p->asker);
  p->fresh = malloc((events + 1) * sizeof *p->fresh);
  p->piece = malloc((events / CF_GROUP + 3) * sizeof *p->piece);
  p->tail = malloc((events / CF_TILE_W + 2) * sizeof(struct cf_tail *));
  if (p->own.slot == NULL || p->item == NULL || p->ask == NULL || p->asker == NULL ||
      p->fresh == NULL || p->piece == NULL || p->tail == NULL)
    return CF_E_NOMEM;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < group[i]->append->n; j++)
      item_init(p, group[i]->append->events[j], &group[i]->keys.each[j],
                &group[i]->append->places[j]);
  return read_clock(p);
}

static void plan_fini(struct plan *p, bool committed)
{
  for (size_t i = 0; i < p->tails_n; i++) {
    if (!committed)
      cf_tail_close_file(p->tail[i]);
    cf_tail_unref(p->tail[i]); /* the layout has its own reference */
  }
  for (size_t i = 0; i < p->pieces_n; i++)
    free(p->piece[i].block.p);
  free(p->own.slot);
  free(p->item);
  free(p->fresh);
  free(p->piece);
  free(p->tail);
  free(p->ask);
  free(p->asker);
  cf_buf_fini(&p->leaf);
  cf_buf_fini(&p->done);
  cf_event_fini(&p->clock);
  cf_event_keys_fini(&p->clock_keys);
}

enum cf_err cf_plan_run(struct cf_ledger *l, const struct cf_intake *const *group, size_t n)
{
  struct plan p;
  bool committed = false;
  enum cf_err err = plan_init(&p, l, group, n);
  if (err == CF_OK)
    err = place_all(&p);
  if (err == CF_OK && !placed_right(group, n))
    err = CF_E_CONFLICT;
  if (err == CF_OK)
    err = cf_bdb_txn_begin(l->env, &p.txn);
  if (err == CF_OK)
    err = write_all(&p, group, n);
  if (err == CF_OK) {
    err = cf_bdb_txn_commit(p.txn);
    p.txn = NULL;
    committed = err == CF_OK;
  }
  if (committed)
    plan_apply(&p);
  cf_bdb_txn_abort(p.txn);
  plan_fini(&p, committed);
  return err;
}
