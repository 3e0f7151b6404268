/* SPDX-License-Identifier: MIT */
/* Idempotent ids: which of a group's (source, id) have been recorded within the
 * window? Fingerprints say where to look, the record says whether it is so,
 * unless it is doubted: an event taken twice is better than one lost.
 *
 * A group is screened as a whole: the filters of all segments are in memory,
 * side by side, and most ids are new. And where very many sources share an id,
 * their records are looked at once for all who ask for it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/die.h"
#include "lib/ledger/ledger_in.h"
#include "lib/record/values.h"

/* records with one fingerprint that are looked at for each ask by itself: many
 * sources may share an id */
#define CANDIDATES_MAX 64
/* looks that find damage: what else the unit may have is not looked for, or one
 * that cannot be read would hold up all who append */
#define DAMAGED_MAX 256
#define TAIL_AHEAD  8 /* asks whose places in a tail's index are on their way from memory */
/* asks that are screened at once: there may be a hit for each of them in each
 * segment */
#define SCREENED_MAX 1024

struct dedupe {
  struct cf_ledger *l;
  struct cf_dedupe_ask *ask;
  uint32_t n;
  int64_t now_us;
  /* these two are made when the first record must be looked at: */
  struct cf_view *view;   /* up to what is committed */
  struct cf_block *block; /* the last one opened */
  uint64_t block_first;   /* its first seq, or UINT64_MAX */
  struct cf_values values;
  struct cf_buf hits;           /* of asks that were screened: struct cf_id_hit */
  uint32_t damaged;             /* looks at the unit at hand that found damage */
  struct cf_buf offsets;        /* of candidates, each as it is in memory */
  struct cf_dedupe_ask **order; /* all asks by fingerprint and names; made when it is needed */
  bool *done;                   /* of each ask: a crowd was looked at in the unit at hand */
};

/* Asks that are still open. */
struct screened {
  uint64_t fingerprint[SCREENED_MAX];
  uint32_t ask[SCREENED_MAX];
  uint32_t n;
};

/* ---- looking at a record ---- */

static enum cf_err look_begin(struct dedupe *d)
{
  if (d->block == NULL) {
    d->block = malloc(sizeof *d->block);
    if (d->block == NULL)
      return CF_E_NOMEM;
    cf_block_init(d->block);
  }
  enum cf_err err = cf_view_at(d->l, d->l->size, &d->view);
  if (err == CF_OK)
    cf_view_doubt(d->view, true);
  return err;
}

/* Of the tail, or of a segment where that is NULL. CF_E_DAMAGED, where it is
 * doubted too. */
static enum cf_err open_block(struct dedupe *d, struct cf_tail *tail, uint64_t seq)
{
  uint64_t first = seq - seq % CF_GROUP;
  enum cf_err err = CF_OK;
  if (d->block_first == first)
    return CF_OK;
  d->block_first = UINT64_MAX;
  if (d->view == NULL)
    err = look_begin(d);
  if (err == CF_OK && tail != NULL)
    err = cf_tail_check_block(d->l, tail, first);
  if (err == CF_OK)
    err = cf_view_block(d->view, seq, d->block);
  if (err == CF_OK)
    d->block_first = first;
  return err;
}

/* A segment that somebody made is doubted only when the segments were judged:
 * before that a record must be in the tree. */
static enum cf_err ask_tell(struct dedupe *d, struct cf_tail *tail, struct cf_dedupe_ask *ask,
                            const struct cf_record *r)
{
  struct cf_hashes hashes;
  cf_view_hashes(d->view, &hashes);
  enum cf_err err = hashes.get(hashes.context, 0, r->seq, 1, ask->hash);
  if (err == CF_OK && tail == NULL && !atomic_load(&d->l->judged))
    err = cf_view_leaf_check(d->view, d->block, r->seq);
  if (err != CF_OK)
    return err;
  ask->found = true;
  ask->seq = r->seq;
  ask->recorded_us = r->recorded_us;
  return CF_OK;
}

/* ---- the window ---- */

static bool is_too_far_back(const struct dedupe *d, uint64_t seq)
{
  return d->l->size - seq > d->l->conf->dedupe_records;
}

static bool is_too_old(const struct dedupe *d, int64_t recorded_us)
{
  return d->now_us - recorded_us >= d->l->conf->dedupe_window_us;
}

/* May the record be one that is asked for? */
static bool is_remembered(const struct dedupe *d, const struct cf_record *r)
{
  return r->kind == CF_K_EVENT && !is_too_far_back(d, r->seq) && !is_too_old(d, r->recorded_us);
}

/* Is the record at seq the one? Then the ask says so. Most that are sent again
 * are the same: only where one is not, its names have to be looked at. */
static enum cf_err candidate_check(struct dedupe *d, struct cf_tail *tail,
                                   struct cf_dedupe_ask *ask, uint64_t seq)
{
  enum cf_err err = open_block(d, tail, seq);
  if (err != CF_OK)
    return err;
  const struct cf_record *r = &d->block->record[seq % CF_GROUP];
  if (!is_remembered(d, r))
    return CF_OK;
  ask->same = cf_record_same(ask->content, r);
  if (!ask->same) {
    err = cf_values_get(r, &d->values);
    if (err != CF_OK || !cf_str_eq(d->values.v[CF_M_SOURCE], ask->source) ||
        !cf_str_eq(d->values.v[CF_M_ID], ask->id))
      return err;
  }
  return ask_tell(d, tail, ask, r);
}

/* ---- where to look ---- */

/* A unit: exactly one of the two. */
struct place {
  struct cf_tail *tail;
  const struct cf_segment_meta *segment;
};

/* What a damaged unit cannot tell is not there, an event taken twice is better
 * than one refused for ever; what it can tell still counts. */
static enum cf_err pass_damage(struct dedupe *d, enum cf_err err)
{
  if (err != CF_E_DAMAGED)
    return err;
  d->damaged++;
  return CF_OK;
}

struct gathering {
  struct cf_buf *offsets;
  size_t max;
};

static bool offset_collect(void *context, uint32_t offset)
{
  struct gathering *g = context;
  cf_buf_put(g->offsets, &offset, sizeof offset);
  return g->offsets->err == CF_OK && g->offsets->n < g->max * sizeof offset;
}

static enum cf_err collect_in(struct cf_segment *segment, uint64_t fingerprint, struct gathering *g)
{
  cf_buf_reset(g->offsets);
  return cf_segment_find_id(segment, fingerprint, offset_collect, g);
}

/* Where the unit has records of that fingerprint, at most so many; of a damaged
 * one those that stand before the damage. */
static enum cf_err collect(struct dedupe *d, struct place place, uint64_t fingerprint, size_t max)
{
  struct gathering g = {&d->offsets, max};
  enum cf_err err = CF_OK;
  cf_buf_reset(g.offsets);
  if (place.segment != NULL)
    CF_SEGMENT_READ(d->l->pool, place.segment, err, segment, collect_in(segment, fingerprint, &g))
  else
    cf_tail_find(place.tail, CF_M_ID, fingerprint, offset_collect, &g);
  err = pass_damage(d, err);
  return err == CF_OK ? d->offsets.err : err;
}

static size_t candidates(const struct dedupe *d)
{
  return d->offsets.n / sizeof(uint32_t);
}

static uint64_t candidate(const struct dedupe *d, struct place place, size_t i)
{
  uint32_t offset;
  memcpy(&offset, d->offsets.p + i * sizeof offset, sizeof offset);
  return (place.tail != NULL ? cf_tail_meta(place.tail)->first : place.segment->first) + offset;
}

/* ---- crowds ---- */

static int names_compare(const struct cf_dedupe_ask *a, const struct cf_dedupe_ask *b)
{
  if (a->fingerprint != b->fingerprint)
    return a->fingerprint < b->fingerprint ? -1 : 1;
  int order = cf_str_cmp(a->source, b->source);
  return order != 0 ? order : cf_str_cmp(a->id, b->id);
}

static int order_compare(const void *a, const void *b)
{
  const struct cf_dedupe_ask *const *left = a, *const *right = b;
  return names_compare(*left, *right);
}

static enum cf_err order_make(struct dedupe *d)
{
  if (d->order != NULL)
    return CF_OK;
  d->order = malloc(d->n * sizeof *d->order);
  if (d->order == NULL)
    return CF_E_NOMEM;
  for (uint32_t i = 0; i < d->n; i++)
    d->order[i] = &d->ask[i];
  qsort(d->order, d->n, sizeof *d->order, order_compare);
  return CF_OK;
}

/* The first ask that does not come before the names. */
static uint32_t order_find(const struct dedupe *d, const struct cf_dedupe_ask *names)
{
  uint32_t low = 0, high = d->n;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (names_compare(d->order[middle], names) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Whose record is it that is at seq? Those asks say so. */
static enum cf_err crowd_check(struct dedupe *d, struct cf_tail *tail, uint64_t fingerprint,
                               uint64_t seq)
{
  enum cf_err err = open_block(d, tail, seq);
  if (err != CF_OK)
    return err;
  const struct cf_record *r = &d->block->record[seq % CF_GROUP];
  err = is_remembered(d, r) ? cf_values_get(r, &d->values) : CF_E_NOTFOUND;
  if (err != CF_OK)
    return err == CF_E_NOTFOUND ? CF_OK : err;
  const struct cf_dedupe_ask names = {.fingerprint = fingerprint,
                                      .source = d->values.v[CF_M_SOURCE],
                                      .id = d->values.v[CF_M_ID]};
  for (uint32_t i = order_find(d, &names);
       err == CF_OK && i < d->n && names_compare(d->order[i], &names) == 0; i++) {
    struct cf_dedupe_ask *ask = d->order[i];
    ask->same = ask->found ? ask->same : cf_record_same(ask->content, r);
    err = ask->found ? CF_OK : ask_tell(d, tail, ask, r);
  }
  return err;
}

/* Look at all records of the fingerprint in a unit, once for all who ask for
 * it. */
static enum cf_err crowd_search(struct dedupe *d, struct place place, uint64_t fingerprint)
{
  const struct cf_dedupe_ask first = {.fingerprint = fingerprint,
                                      .source = CF_STR(""),
                                      .id = CF_STR("")};
  enum cf_err err = order_make(d);
  if (err != CF_OK)
    return err;
  err = collect(d, place, fingerprint, UINT32_MAX);
  for (size_t i = 0; err == CF_OK && i < candidates(d) && d->damaged < DAMAGED_MAX; i++)
    err = pass_damage(d, crowd_check(d, place.tail, fingerprint, candidate(d, place, i)));
  for (uint32_t i = order_find(d, &first); i < d->n && d->order[i]->fingerprint == fingerprint; i++)
    d->done[d->order[i] - d->ask] = true;
  return err;
}

/* ---- units ---- */

static void unit_begin(struct dedupe *d)
{
  d->damaged = 0;
  memset(d->done, 0, d->n * sizeof *d->done);
}

static enum cf_err search_unit(struct dedupe *d, struct place place, struct cf_dedupe_ask *ask)
{
  enum cf_err err = collect(d, place, ask->fingerprint, CANDIDATES_MAX + 1);
  if (err == CF_OK && candidates(d) > CANDIDATES_MAX)
    return crowd_search(d, place, ask->fingerprint);
  for (size_t i = 0; err == CF_OK && i < candidates(d) && !ask->found; i++)
    err = pass_damage(d, candidate_check(d, place.tail, ask, candidate(d, place, i)));
  return err;
}

static bool is_open(const struct dedupe *d, uint32_t i)
{
  return !d->ask[i].found && !d->done[i];
}

/* Most ids are new: to find that out is to wait for memory. */
static enum cf_err search_tail(struct dedupe *d, struct cf_tail *tail)
{
  enum cf_err err = CF_OK;
  unit_begin(d);
  for (uint32_t k = 0; err == CF_OK && k < d->n; k++) {
    if (k + TAIL_AHEAD < d->n)
      cf_tail_look_id(tail, d->ask[k + TAIL_AHEAD].fingerprint);
    if (is_open(d, k) && cf_tail_has_id(tail, d->ask[k].fingerprint))
      err = search_unit(d, (struct place){.tail = tail}, &d->ask[k]);
  }
  return err;
}

static enum cf_err search_tails(struct dedupe *d)
{
  const struct cf_layout *layout = d->l->layout;
  enum cf_err err = CF_OK;
  for (size_t i = layout->tails_n; err == CF_OK && i-- > 0;)
    err = search_tail(d, layout->tails[i]);
  return err;
}

/* The segments where an ask may be, newest first: back to where not even a
 * segment's newest record is within dedupe_records. Where the clock was wrong
 * for a while, a segment of that while may be too old and those before it
 * not. */
static uint32_t segments_within(const struct dedupe *d, const struct cf_segment_meta **within)
{
  const struct cf_layout *layout = d->l->layout;
  uint32_t n = 0;
  for (size_t i = layout->segments_n; i-- > 0;) {
    const struct cf_segment_meta *meta = &layout->segments[i];
    if (is_too_far_back(d, meta->end - 1))
      break;
    if (!is_too_old(d, meta->recorded_max_us))
      within[n++] = meta;
  }
  return n;
}

static enum cf_err filters_bring(struct dedupe *d, const struct cf_segment_meta *const *segments,
                                 uint32_t n)
{
  enum cf_err err = CF_OK;
  for (uint32_t i = 0; err == CF_OK && i < n; i++)
    if (!cf_segment_has_filter(d->l->pool, segments[i])) {
      CF_SEGMENT_READ(d->l->pool, segments[i], err, segment, cf_segment_filter_load(segment))
      if (err == CF_E_DAMAGED)
        err = CF_OK; /* its ids are searched for without */
    }
  return err;
}

/* Some of the asks, as far as they are open: *from is where the next ones
 * begin. */
static void gather_open(const struct dedupe *d, uint32_t *from, struct screened *s)
{
  s->n = 0;
  for (; *from < d->n && s->n < SCREENED_MAX; ++*from)
    if (!d->ask[*from].found) {
      s->ask[s->n] = *from;
      s->fingerprint[s->n++] = d->ask[*from].fingerprint;
    }
}

/* The hits come segment by segment, newest first. */
static enum cf_err search_hits(struct dedupe *d, const struct screened *s,
                               const struct cf_segment_meta *const *segments)
{
  const struct cf_id_hit *hit = (const struct cf_id_hit *)(const void *)d->hits.p;
  enum cf_err err = d->hits.err;
  for (size_t i = 0, n = d->hits.n / sizeof *hit; err == CF_OK && i < n; i++) {
    uint32_t k = s->ask[hit[i].fingerprint];
    if (i == 0 || hit[i].segment != hit[i - 1].segment)
      unit_begin(d);
    if (is_open(d, k) && d->damaged < DAMAGED_MAX)
      err = search_unit(d, (struct place){.segment = segments[hit[i].segment]}, &d->ask[k]);
  }
  return err;
}

static enum cf_err search_segments(struct dedupe *d)
{
  const struct cf_segment_meta **within = malloc((d->l->layout->segments_n + 1) * sizeof *within);
  if (within == NULL)
    return CF_E_NOMEM;
  struct screened s;
  uint32_t segments_n = segments_within(d, within), from = 0;
  enum cf_err err = filters_bring(d, within, segments_n);
  while (err == CF_OK && segments_n > 0 && from < d->n) {
    gather_open(d, &from, &s);
    cf_segment_screen_ids(d->l->pool, within, segments_n, s.fingerprint, s.n, &d->hits);
    err = search_hits(d, &s, within);
  }
  free(within);
  return err;
}

static enum cf_err dedupe_search(struct dedupe *d)
{
  d->done = malloc(d->n * sizeof *d->done);
  if (d->done == NULL)
    return CF_E_NOMEM;
  enum cf_err err = search_tails(d);
  return err == CF_OK ? search_segments(d) : err;
}

enum cf_err cf_dedupe(struct cf_ledger *l, struct cf_dedupe_ask *ask, uint32_t n, int64_t now_us)
{
  if (n == 0)
    return CF_OK;
  struct dedupe d = {.l = l, .ask = ask, .n = n, .now_us = now_us, .block_first = UINT64_MAX};
  cf_buf_init(&d.offsets, SIZE_MAX / 2);
  cf_buf_init(&d.hits, SIZE_MAX / 2);
  cf_values_init(&d.values);
  enum cf_err err = dedupe_search(&d);
  cf_values_fini(&d.values);
  if (d.block != NULL)
    cf_block_fini(d.block);
  cf_view_put(d.view);
  free(d.block);
  free(d.done);
  free(d.order);
  cf_buf_fini(&d.offsets);
  cf_buf_fini(&d.hits);
  return err;
}
