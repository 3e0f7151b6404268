/* SPDX-License-Identifier: MIT */
/* A page in order of seq: unit by unit, candidate by candidate. */
#include "config.h"

#include "lib/query/walk_in.h"

/* Does the time allow the record? Where times cannot be read, the record says
 * so itself when it is looked at. */
static enum cf_err time_allows(struct cf_walk *w, const struct cf_stretch *s, uint32_t offset,
                               bool *allows)
{
  const struct cf_query *q = w->query;

  *allows = true;
  if (s->span.min_us >= q->from_us && s->span.max_us < q->to_us)
    return CF_OK;
  int64_t t_us;
  enum cf_err err = cf_walk_unit_time(w, s, offset, &t_us);
  if (err == CF_OK)
    *allows = q->from_us <= t_us && t_us < q->to_us;
  return err == CF_E_DAMAGED ? CF_OK : err;
}

static enum cf_err walk_candidates(struct cf_walk *w, const struct cf_stretch *s,
                                   const struct cf_bits *bits)
{
  for (uint32_t offset = cf_walk_next(w, bits, UINT32_MAX); offset != UINT32_MAX && !w->stop;
       offset = cf_walk_next(w, bits, offset)) {
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
  const struct cf_span asked = {q->from_us, q->to_us - 1};

  if (!cf_spans_meet(s->span, asked))
    return CF_OK;
  enum cf_err err = cf_walk_candidates(w, s, asked, &bits);
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

enum cf_err cf_walk_by_seq(struct cf_walk *w)
{
  size_t units = cf_view_units(w->view);
  struct cf_stretch s;

  for (size_t turn = 0; turn < units && !w->stop; turn++) {
    if (!cf_walk_stretch(w, turn, &s))
      continue;
    if (cf_walk_late(w)) {
      cf_walk_stop(w);
      break;
    }
    enum cf_err err = walk_stretch(w, &s);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}
