/* SPDX-License-Identifier: MIT */
/* A walk over a view's units: the records at its spots, looked at and given,
 * and what of a unit may hold some. The orders are walk_seq.c and
 * walk_time.c. */
#include "config.h"

#include "lib/query/walk_in.h"

/* ---- damage ---- */

/* So many units and blocks on each side of what was met are looked at. */
#define NEAR_MAX 32

/* The unit that holds seq; false where there is none. */
static bool unit_find(const struct cf_walk *w, uint64_t seq, size_t *i, struct cf_unit *unit)
{
  for (*i = 0; *i < cf_view_units(w->view); ++*i) {
    cf_view_unit(w->view, *i, unit);
    if (unit->first <= seq && seq < unit->end)
      return true;
  }
  return false;
}

/* What is lost with a record that cannot be read: its unit, where nothing of
 * that can be read, or its block. */
static void lost_with(const struct cf_walk *w, uint64_t seq, uint64_t *from, uint64_t *to)
{
  struct cf_unit unit;
  size_t i;

  *from = seq / CF_GROUP * CF_GROUP;
  *to = *from + CF_GROUP;
  if (!unit_find(w, seq, &i, &unit))
    return;
  bool all = cf_view_lost(w->view, i);
  if (all || *from < unit.first)
    *from = unit.first;
  if (all || *to > unit.end)
    *to = unit.end;
}

/* Can the record not be read either? The open block is another one then. */
static bool is_lost(struct cf_walk *w, uint64_t seq)
{
  w->opened = false;
  return cf_turn_work(w->query->turn) == CF_OK &&
         cf_view_block(w->view, seq, &w->block) == CF_E_DAMAGED;
}

/* The whole run that holds the record, as far as it is near. */
static void note_damage(struct cf_walk *w, uint64_t seq)
{
  uint64_t *from = &w->end->damaged_from, *to = &w->end->damaged_to, none;

  lost_with(w, seq, from, to);
  for (unsigned n = 0; n<NEAR_MAX && * from> 0 && is_lost(w, *from - 1); n++)
    lost_with(w, *from - 1, from, &none);
  for (unsigned n = 0; n < NEAR_MAX && is_lost(w, *to); n++)
    lost_with(w, *to, &none, to);
}

/* ---- records ---- */

static bool is_open(const struct cf_walk *w, uint64_t seq)
{
  return w->opened && w->block.first <= seq && seq - w->block.first < w->block.n;
}

/* The record of that seq, opening its block if need be; with a look, NULL where
 * its block has none that is wanted. A block that does not hold it is
 * damaged. */
static enum cf_err unit_reach(struct cf_walk *w, uint64_t seq, const struct cf_block_look *look,
                              const struct cf_record **record)
{
  enum cf_err err = CF_OK;

  if (!is_open(w, seq) || (look == NULL && w->block.none)) {
    w->opened = false;
    err = cf_turn_work(w->query->turn);
    if (err == CF_OK)
      err = cf_view_record(w->view, seq, look, &w->block);
    w->opened = err == CF_OK;
    if (err == CF_OK && !is_open(w, seq))
      err = CF_E_DAMAGED;
  }
  if (err == CF_E_DAMAGED)
    note_damage(w, seq);
  if (err == CF_OK)
    *record = w->block.none ? NULL : &w->block.record[seq - w->block.first];
  return err;
}

static bool block_may(void *walk, struct cf_str bytes)
{
  struct cf_walk *w = walk;

  return cf_query_may(w->query, bytes, &w->folded);
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
  return w->end->enough ||
         (w->query->limit != CF_QUERY_LIMIT_ALL && w->bytes >= CF_QUERY_BYTES_MAX);
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
  const struct cf_block_look look = {block_may, w};
  const struct cf_record *record = NULL;
  bool pass = false;

  if (!is_open(w, spot.seq) && cf_walk_late(w)) {
    cf_walk_stop(w);
    return CF_OK;
  }
  enum cf_err err = unit_reach(w, spot.seq, w->searches ? &look : NULL, &record);
  if (err == CF_OK && record != NULL)
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
  s->span = cf_query_span(q, &s->unit);
  s->lo = above(s->unit.first, q->seq_from);
  s->hi = below(s->unit.end, q->seq_to);
  if (!q->by_time && q->ascending)
    s->lo = above(s->lo, w->at.seq);
  if (!q->by_time && !q->ascending)
    s->hi = below(s->hi, w->at.seq);
  return s->lo < s->hi && s->unit.recorded_max_us >= q->recorded_from_us &&
         s->unit.recorded_min_us < q->recorded_to_us;
}

enum cf_err cf_walk_candidates(struct cf_walk *w, const struct cf_stretch *s, struct cf_span asked,
                               struct cf_bits *bits)
{
  struct cf_bits found;

  if (cf_candidates_none(w->query, w->view, s->i)) {
    *bits = (struct cf_bits){NULL, 0};
    return CF_OK;
  }
  enum cf_err err = cf_bits_new((uint32_t)(s->hi - s->unit.first), &found);

  if (err != CF_OK)
    return err;
  err = cf_candidates(w->query, w->view, s->i, (uint32_t)(s->lo - s->unit.first), asked, &found);
  if (err == CF_OK)
    *bits = found;
  else
    cf_bits_free(&found);
  return err;
}

uint32_t cf_walk_next(const struct cf_walk *w, const struct cf_bits *bits, uint32_t offset)
{
  if (w->query->ascending)
    return cf_bits_next(bits, offset + 1); /* UINT32_MAX + 1 is 0 */
  return offset > 0 ? cf_bits_prev(bits, offset - 1) : UINT32_MAX;
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

/* One alone may be known to the unit already. */
static enum cf_err time_alone(struct cf_walk *w, const struct cf_stretch *s, uint32_t offset,
                              int64_t *t_us)
{
  enum cf_err err = cf_turn_work(w->query->turn);

  return err == CF_OK ? cf_view_times(w->view, s->i, offset, 1, t_us) : err;
}

enum cf_err cf_walk_time(struct cf_walk *w, const struct cf_stretch *s, uint32_t offset, bool alone,
                         int64_t *t_us)
{
  const struct cf_record *record = NULL;
  enum cf_err err = alone ? time_alone(w, s, offset, t_us) : cf_walk_unit_time(w, s, offset, t_us);

  if (err != CF_E_DAMAGED)
    return err;
  err = unit_reach(w, s->unit.first + offset, NULL, &record);
  if (err == CF_OK)
    *t_us = cf_record_effective_us(record);
  return err;
}
