/* SPDX-License-Identifier: MIT */
/* A walk over a view's units: the records at its spots, looked at and given,
 * and what of a unit may hold some. The orders are walk_seq.c and
 * walk_time.c. */
#include "config.h"

#include "lib/query/walk_in.h"

/* ---- records ---- */

static void note_damage(struct cf_walk *w, uint64_t seq)
{
  uint64_t from = seq / CF_GROUP * CF_GROUP;
  uint64_t to = from + CF_GROUP;
  struct cf_unit unit;

  for (size_t i = 0; i < cf_view_units(w->view); i++) {
    cf_view_unit(w->view, i, &unit);
    if (seq < unit.first || seq >= unit.end)
      continue;
    from = from < unit.first ? unit.first : from;
    to = to > unit.end ? unit.end : to;
  }
  w->end->damaged_from = from;
  w->end->damaged_to = to;
}

static bool is_open(const struct cf_walk *w, uint64_t seq)
{
  return w->opened && w->block.first <= seq && seq - w->block.first < w->block.n;
}

/* The record of that seq, opening its block if need be. A block that does not
 * hold it is damaged. */
static enum cf_err unit_reach(struct cf_walk *w, uint64_t seq, const struct cf_record **record)
{
  enum cf_err err = CF_OK;

  if (!is_open(w, seq)) {
    w->opened = false;
    err = cf_turn_work(w->query->turn);
    if (err == CF_OK)
      err = cf_view_block(w->view, seq, &w->block);
    w->opened = err == CF_OK;
    if (err == CF_OK && !is_open(w, seq))
      err = CF_E_DAMAGED;
  }
  if (err == CF_E_DAMAGED)
    note_damage(w, seq);
  if (err == CF_OK)
    *record = &w->block.record[seq - w->block.first];
  return err;
}

/* Text that is not canonical cannot have been appended: it is damage too. */
static enum cf_err block_test(struct cf_walk *w, const struct cf_record *record, bool *pass)
{
  enum cf_err err = cf_query_test(w->query, record, &w->values, pass);

  if (err != CF_E_SYNTAX)
    return err;
  note_damage(w, record->seq);
  return CF_E_DAMAGED;
}

static uint64_t record_bytes(const struct cf_record *record)
{
  uint64_t n = record->public_text.n;

  for (unsigned c = 0; c < CF_C_N; c++)
    n += record->payload[c].n;
  return n;
}

static enum cf_err row_give(struct cf_walk *w, struct cf_spot spot, const struct cf_record *record)
{
  enum cf_err err = w->row(w->context, record);

  if (err != CF_OK)
    return err;
  w->end->rows++;
  w->given = spot;
  w->bytes += record_bytes(record);
  return CF_OK;
}

void cf_walk_stop(struct cf_walk *w)
{
  w->stop = true;
  w->end->has_more = true;
}

static bool is_full(const struct cf_walk *w)
{
  return w->query->limit != CF_QUERY_LIMIT_ALL && w->bytes >= CF_QUERY_BYTES_MAX;
}

bool cf_walk_late(const struct cf_walk *w)
{
  return w->moved && w->deadline_us != INT64_MAX && cf_clock_mono_us() >= w->deadline_us;
}

/* Go on behind a record. */
static void pass_by(struct cf_walk *w, struct cf_spot spot)
{
  w->at = spot;
  if (!w->query->by_time && w->query->ascending)
    w->at.seq++;
  w->moved = true;
}

enum cf_err cf_walk_examine(struct cf_walk *w, struct cf_spot spot)
{
  const struct cf_record *record;
  bool pass = false;

  if (!is_open(w, spot.seq) && cf_walk_late(w)) {
    cf_walk_stop(w);
    return CF_OK;
  }
  enum cf_err err = unit_reach(w, spot.seq, &record);
  if (err == CF_OK)
    err = block_test(w, record, &pass);
  if (err == CF_OK && pass && w->end->rows == w->query->limit) {
    cf_walk_stop(w);
    return CF_OK;
  }
  if (err == CF_OK && pass)
    err = row_give(w, spot, record);
  if (err != CF_OK)
    return err;
  pass_by(w, spot);
  if (is_full(w))
    cf_walk_stop(w);
  return CF_OK;
}

/* ---- units ---- */

static uint64_t above(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

static uint64_t below(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

bool cf_walk_stretch(const struct cf_walk *w, size_t turn, struct cf_stretch *s)
{
  const struct cf_query *q = w->query;

  s->i = q->ascending ? turn : cf_view_units(w->view) - 1 - turn;
  cf_view_unit(w->view, s->i, &s->unit);
  s->lo = above(s->unit.first, q->seq_from);
  s->hi = below(s->unit.end, q->seq_to);
  if (!q->by_time && q->ascending)
    s->lo = above(s->lo, w->at.seq);
  if (!q->by_time && !q->ascending)
    s->hi = below(s->hi, w->at.seq);
  return s->lo < s->hi && s->unit.recorded_max_us >= q->recorded_from_us &&
         s->unit.recorded_min_us < q->recorded_to_us;
}

enum cf_err cf_walk_candidates(struct cf_walk *w, const struct cf_stretch *s, int64_t lo_us,
                               int64_t hi_us, struct cf_bits *bits)
{
  struct cf_bits found;
  enum cf_err err = cf_bits_new((uint32_t)(s->hi - s->unit.first), &found);

  if (err != CF_OK)
    return err;
  err = cf_candidates(w->query, w->view, s->i, (uint32_t)(s->lo - s->unit.first), lo_us, hi_us,
                      &found);
  if (err == CF_OK)
    *bits = found;
  else
    cf_bits_free(&found);
  return err;
}

/* ---- times ---- */

/* Read the run of times that holds an offset, unless it is there. */
static enum cf_err load_times(struct cf_walk *w, const struct cf_stretch *s, uint32_t offset)
{
  uint32_t first = offset / CF_TIMES_RUN * CF_TIMES_RUN;
  uint64_t left = s->unit.end - s->unit.first - first;

  if (w->times.valid && w->times.unit == s->i && w->times.first == first)
    return CF_OK;
  w->times.unit = s->i;
  w->times.first = first;
  w->times.n = left < CF_TIMES_RUN ? (uint32_t)left : CF_TIMES_RUN;
  enum cf_err err = cf_turn_work(w->query->turn);
  if (err == CF_OK)
    err = cf_view_times(w->view, s->i, first, w->times.n, w->times.t);
  w->times.valid = err == CF_OK;
  return err;
}

enum cf_err cf_walk_unit_time(struct cf_walk *w, const struct cf_stretch *s, uint32_t offset,
                              int64_t *t_us)
{
  enum cf_err err = load_times(w, s, offset);

  if (err == CF_OK)
    *t_us = w->times.t[offset - w->times.first];
  return err;
}

enum cf_err cf_walk_time(struct cf_walk *w, const struct cf_stretch *s, uint32_t offset,
                         int64_t *t_us)
{
  const struct cf_record *record;
  enum cf_err err = cf_walk_unit_time(w, s, offset, t_us);

  if (err != CF_E_DAMAGED)
    return err;
  err = unit_reach(w, s->unit.first + offset, &record);
  if (err == CF_OK)
    *t_us = cf_record_effective_us(record);
  return err;
}
