/* SPDX-License-Identifier: MIT */
/* The walk over a view's units that answers one page: in order of seq here, in
 * order of time in bytime.c. */
#include "config.h"

#include "lib/query/walk.h"

#include <stdlib.h>

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

static void walk_stop(struct cf_walk *w)
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
    walk_stop(w);
    return CF_OK;
  }
  enum cf_err err = unit_reach(w, spot.seq, &record);
  if (err == CF_OK)
    err = block_test(w, record, &pass);
  if (err == CF_OK && pass && w->end->rows == w->query->limit) {
    walk_stop(w);
    return CF_OK;
  }
  if (err == CF_OK && pass)
    err = row_give(w, spot, record);
  if (err != CF_OK)
    return err;
  pass_by(w, spot);
  if (is_full(w))
    walk_stop(w);
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
  enum cf_err err = cf_view_times(w->view, s->i, first, w->times.n, w->times.t);
  w->times.valid = err == CF_OK;
  return err;
}

enum cf_err cf_walk_time(struct cf_walk *w, const struct cf_stretch *s, uint32_t offset,
                         int64_t *t_us)
{
  const struct cf_record *record;
  enum cf_err err = load_times(w, s, offset);

  if (err == CF_OK)
    *t_us = w->times.t[offset - w->times.first];
  if (err != CF_E_DAMAGED)
    return err;
  err = unit_reach(w, s->unit.first + offset, &record);
  if (err == CF_OK)
    *t_us = cf_record_effective_us(record);
  return err;
}

/* ---- in order of seq ---- */

/* Does the time allow the record? Where times cannot be read, the record says
 * so itself when it is looked at. */
static enum cf_err time_allows(struct cf_walk *w, const struct cf_stretch *s, uint32_t offset,
                               bool *allows)
{
  const struct cf_query *q = w->query;

  *allows = true;
  if (s->unit.time_min_us >= q->from_us && s->unit.time_max_us < q->to_us)
    return CF_OK;
  enum cf_err err = load_times(w, s, offset);
  if (err == CF_OK) {
    int64_t t_us = w->times.t[offset - w->times.first];
    *allows = q->from_us <= t_us && t_us < q->to_us;
  }
  return err == CF_E_DAMAGED ? CF_OK : err;
}

static uint32_t offset_step(const struct cf_walk *w, const struct cf_bits *bits, uint32_t offset)
{
  if (w->query->ascending)
    return offset + 1 < bits->n ? cf_bits_next(bits, offset + 1) : UINT32_MAX;
  return offset > 0 ? cf_bits_prev(bits, offset - 1) : UINT32_MAX;
}

static enum cf_err walk_candidates(struct cf_walk *w, const struct cf_stretch *s,
                                   const struct cf_bits *bits)
{
  uint32_t offset = w->query->ascending ? cf_bits_next(bits, 0) : cf_bits_prev(bits, bits->n - 1);

  for (; offset != UINT32_MAX && !w->stop; offset = offset_step(w, bits, offset)) {
    bool allows;
    enum cf_err err = time_allows(w, s, offset, &allows);
    if (err == CF_OK && allows)
      err = cf_walk_examine(w, (struct cf_spot){0, s->unit.first + offset});
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

static enum cf_err walk_stretch(struct cf_walk *w, const struct cf_stretch *s)
{
  struct cf_bits bits;
  const struct cf_query *q = w->query;

  if (s->unit.time_max_us < q->from_us || s->unit.time_min_us >= q->to_us)
    return CF_OK;
  enum cf_err err = cf_walk_candidates(w, s, q->from_us, q->to_us - 1, &bits);
  if (err != CF_OK)
    return err;
  err = walk_candidates(w, s, &bits);
  cf_bits_free(&bits);
  if (err == CF_OK && !w->stop) {
    w->at.seq = q->ascending ? s->hi : s->lo;
    w->moved = true;
  }
  return err;
}

static enum cf_err walk_by_seq(struct cf_walk *w)
{
  size_t units = cf_view_units(w->view);
  struct cf_stretch s;

  for (size_t turn = 0; turn < units && !w->stop; turn++) {
    if (!cf_walk_stretch(w, turn, &s))
      continue;
    if (cf_walk_late(w)) {
      walk_stop(w);
      break;
    }
    enum cf_err err = walk_stretch(w, &s);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* ---- the page ---- */

/* Where the next page begins. In ascending order there is one even after the
 * last record, for those who come back; by time it begins behind the last row,
 * since records that are not there yet may be older than what was looked at. */
static enum cf_err put_cursor(struct cf_walk *w, enum cf_err err)
{
  bool ended = err == CF_OK && !w->end->has_more;

  if (ended && !w->query->ascending)
    return CF_OK;
  enum cf_err put =
      cf_cursor_put(w->query, ended && w->query->by_time ? w->given : w->at, w->end->cursor);
  return err == CF_OK ? put : err;
}

static int64_t deadline(int64_t budget_us)
{
  int64_t now_us = cf_clock_mono_us();

  return budget_us > INT64_MAX - now_us ? INT64_MAX : now_us + budget_us;
}

enum cf_err cf_query_run(const struct cf_query *query, struct cf_view *view, int64_t budget_us,
                         enum cf_err (*row)(void *context, const struct cf_record *record),
                         void *context, struct cf_page_end *end)
{
  struct cf_walk *w = calloc(1, sizeof *w);

  *end = (struct cf_page_end){.rows = 0};
  if (w == NULL)
    return CF_E_NOMEM;
  w->query = query;
  w->view = view;
  w->row = row;
  w->context = context;
  w->end = end;
  w->deadline_us = deadline(budget_us);
  w->at = w->given = query->start;
  cf_block_init(&w->block);
  cf_values_init(&w->values);
  enum cf_err err = query->by_time ? cf_walk_by_time(w) : walk_by_seq(w);
  end->has_more = end->has_more || err != CF_OK;
  err = put_cursor(w, err);
  cf_values_fini(&w->values);
  cf_block_fini(&w->block);
  free(w);
  return err;
}
