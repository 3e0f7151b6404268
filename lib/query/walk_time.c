/* SPDX-License-Identifier: MIT */
/* A page in order of effective time. Candidates' times are gathered from all
 * units that may hold some; a heap keeps the first ones in order, a bounded
 * number; then their records are looked at. Where more candidates were found
 * than kept, the walk goes on behind them in another round. */
#include "config.h"

#include "lib/query/walk_in.h"

#include <stdlib.h>

#define ROUND_MIN 1024
#define ROUND_MAX 65536

/* The first spots in order that were found, the last of them on top. */
struct heap {
  struct cf_spot *p;
  size_t n, max;
  bool ascending;
};

static int spot_compare(struct cf_spot a, struct cf_spot b)
{
  if (a.time_us != b.time_us)
    return a.time_us < b.time_us ? -1 : 1;
  return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* Does a come before b in the answer? */
static bool before(bool ascending, struct cf_spot a, struct cf_spot b)
{
  return ascending ? spot_compare(a, b) < 0 : spot_compare(a, b) > 0;
}

/* ---- the heap ---- */

static void heap_swap(struct heap *h, size_t i, size_t j)
{
  struct cf_spot kept = h->p[i];

  h->p[i] = h->p[j];
  h->p[j] = kept;
}

static void sift_up(struct heap *h, size_t i)
{
  for (; i > 0 && before(h->ascending, h->p[(i - 1) / 2], h->p[i]); i = (i - 1) / 2)
    heap_swap(h, i, (i - 1) / 2);
}

static void sift_down(struct heap *h, size_t i, size_t n)
{
  for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
    if (child + 1 < n && before(h->ascending, h->p[child], h->p[child + 1]))
      child++;
    if (!before(h->ascending, h->p[i], h->p[child]))
      return;
    heap_swap(h, i, child);
    i = child;
  }
}

static void heap_keep(struct heap *h, struct cf_spot spot)
{
  if (h->n < h->max) {
    h->p[h->n] = spot;
    sift_up(h, h->n++);
  } else if (before(h->ascending, spot, h->p[0])) {
    h->p[0] = spot;
    sift_down(h, 0, h->n);
  }
}

/* Into the answer's order. */
static void heap_sort(struct heap *h)
{
  for (size_t n = h->n; n > 1; n--) {
    heap_swap(h, 0, n - 1);
    sift_down(h, 0, n - 1);
  }
}

/* ---- gathering ---- */

/* Times that are still asked for, both included: the filter's, from the walk's
 * spot on, up to the last one kept of a full heap. */
struct span {
  int64_t lo_us, hi_us;
};

static struct span wanted(const struct cf_walk *w, const struct heap *h)
{
  const struct cf_query *q = w->query;
  struct span s = {q->from_us, q->to_us - 1};
  int64_t begin_us = w->at.time_us;
  int64_t end_us = h->n == h->max ? h->p[0].time_us : q->ascending ? INT64_MAX : INT64_MIN;
  int64_t lo_us = q->ascending ? begin_us : end_us;
  int64_t hi_us = q->ascending ? end_us : begin_us;

  s.lo_us = lo_us > s.lo_us ? lo_us : s.lo_us;
  s.hi_us = hi_us < s.hi_us ? hi_us : s.hi_us;
  return s;
}

static enum cf_err gather_candidates(struct cf_walk *w, const struct cf_stretch *s,
                                     struct span span, const struct cf_bits *bits, struct heap *h)
{
  for (uint32_t offset = cf_bits_next(bits, 0); offset != UINT32_MAX;
       offset = offset + 1 < bits->n ? cf_bits_next(bits, offset + 1) : UINT32_MAX) {
    struct cf_spot spot = {0, s->unit.first + offset};
    enum cf_err err = cf_walk_time(w, s, offset, &spot.time_us);
    if (err != CF_OK)
      return err;
    if (span.lo_us <= spot.time_us && spot.time_us <= span.hi_us &&
        before(h->ascending, w->at, spot))
      heap_keep(h, spot);
  }
  return CF_OK;
}

static enum cf_err gather_unit(struct cf_walk *w, const struct cf_stretch *s, struct heap *h)
{
  struct span span = wanted(w, h);
  struct cf_bits bits;

  if (span.lo_us > span.hi_us || s->unit.time_max_us < span.lo_us ||
      s->unit.time_min_us > span.hi_us)
    return CF_OK;
  enum cf_err err = cf_walk_candidates(w, s, span.lo_us, span.hi_us, &bits);
  if (err != CF_OK)
    return err;
  err = gather_candidates(w, s, span, &bits, h);
  cf_bits_free(&bits);
  return err;
}

static enum cf_err heap_gather(struct cf_walk *w, struct heap *h)
{
  size_t units = cf_view_units(w->view);
  enum cf_err err = CF_OK;
  struct cf_stretch s;

  h->n = 0;
  for (size_t turn = 0; turn < units && err == CF_OK; turn++)
    if (cf_walk_stretch(w, turn, &s))
      err = gather_unit(w, &s, h);
  heap_sort(h);
  return err;
}

/* ---- rounds ---- */

static enum cf_err heap_grow(struct heap *h, size_t max)
{
  if (max <= h->max)
    return CF_OK;
  struct cf_spot *p = realloc(h->p, max * sizeof *p);
  if (p == NULL)
    return CF_E_NOMEM;
  h->p = p;
  h->max = max;
  return CF_OK;
}

/* A first round large enough for the page and the record after it; larger ones
 * where records often do not pass. */
static size_t round_size(const struct cf_walk *w, const struct heap *h)
{
  if (h->max > 0)
    return h->max * 4 < ROUND_MAX ? h->max * 4 : ROUND_MAX;
  return w->query->limit < ROUND_MIN            ? ROUND_MIN
         : w->query->limit < CF_QUERY_LIMIT_MAX ? CF_QUERY_LIMIT_MAX + 1
                                                : ROUND_MAX;
}

static enum cf_err stretch_look(struct cf_walk *w, struct heap *h, bool *more)
{
  enum cf_err err = heap_grow(h, round_size(w, h));

  if (err == CF_OK)
    err = heap_gather(w, h);
  for (size_t i = 0; i < h->n && err == CF_OK && !w->stop; i++)
    err = cf_walk_examine(w, h->p[i]);
  *more = h->n == h->max;
  return err;
}

enum cf_err cf_walk_by_time(struct cf_walk *w)
{
  struct heap h = {.ascending = w->query->ascending};
  enum cf_err err = CF_OK;

  for (bool more = true; more && err == CF_OK && !w->stop;)
    err = stretch_look(w, &h, &more);
  free(h.p);
  return err;
}
