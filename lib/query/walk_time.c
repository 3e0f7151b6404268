/* SPDX-License-Identifier: MIT */
/* A page in order of effective time. Candidates' times are gathered from the
 * units that may hold some, the most promising ones first; a heap keeps the
 * first ones in order, a bounded number, and what lies behind them all is
 * neither opened nor read; then their records are looked at. Where more
 * candidates were found than kept, the walk goes on behind them in another
 * round. */
#include "config.h"

#include "lib/query/walk_in.h"

#include <stdlib.h>

#define ROUND_BEYOND 32 /* candidates that may fail, beside a quarter of the page */
#define ROUND_GROWS  8  /* times the one before */
#define ROUND_MAX    65536

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
static struct cf_span wanted(const struct cf_walk *w, const struct heap *h)
{
  const struct cf_query *q = w->query;
  const struct cf_span asked = {q->from_us, q->to_us - 1};
  int64_t begin_us = w->at.time_us;
  int64_t end_us = h->n == h->max ? h->p[0].time_us : q->ascending ? INT64_MAX : INT64_MIN;

  return cf_span_meet(asked, q->ascending ? (struct cf_span){begin_us, end_us}
                                          : (struct cf_span){end_us, begin_us});
}

/* Of a unit: its candidates, and the spans of its runs of times, or NULL where
 * it does not pay to read them. */
struct gathering {
  const struct cf_stretch *stretch;
  struct cf_bits bits;
  struct cf_span *spans;
};

/* So many candidates have their times read without. */
#define FEW 16

/* Spans that cannot be read pass nothing by. */
static enum cf_err spans_read(struct cf_walk *w, struct gathering *g)
{
  uint64_t n = g->stretch->unit.end - g->stretch->unit.first;

  if (!cf_bits_more(&g->bits, FEW))
    return CF_OK;
  g->spans = calloc((n + CF_TIMES_RUN - 1) / CF_TIMES_RUN, sizeof *g->spans);
  if (g->spans == NULL)
    return CF_E_NOMEM;
  enum cf_err err = cf_view_spans(w->view, g->stretch->i, g->spans);
  if (err == CF_OK)
    return CF_OK;
  free(g->spans);
  g->spans = NULL;
  return err == CF_E_DAMAGED ? CF_OK : err;
}

/* Is it the only candidate of its run? */
static bool is_alone(const struct cf_bits *bits, uint32_t offset)
{
  uint32_t first = offset - offset % CF_TIMES_RUN;
  uint32_t before = offset > first ? cf_bits_prev(bits, offset - 1) : UINT32_MAX;

  return (before == UINT32_MAX || before < first) &&
         cf_bits_next(bits, offset + 1) - first >= CF_TIMES_RUN;
}

static enum cf_err spot_gather(struct cf_walk *w, const struct gathering *g, uint32_t offset,
                               struct heap *h)
{
  struct cf_spot spot = {0, g->stretch->unit.first + offset};
  enum cf_err err = cf_walk_time(w, g->stretch, offset, is_alone(&g->bits, offset), &spot.time_us);

  if (err != CF_OK)
    return err;
  bool asked = w->query->from_us <= spot.time_us && spot.time_us < w->query->to_us;
  if (asked && before(h->ascending, w->at, spot))
    heap_keep(h, spot);
  return CF_OK;
}

/* The last offset of its run in the walk's direction. */
static uint32_t run_edge(const struct cf_walk *w, uint32_t offset)
{
  uint32_t first = offset - offset % CF_TIMES_RUN;

  return w->query->ascending ? first + CF_TIMES_RUN - 1 : first;
}

/* In the walk's direction: as times mostly rise with seqs, the first ones are
 * kept at once; of the rest whole runs are passed by. */
static enum cf_err candidates_gather(struct cf_walk *w, const struct gathering *g, struct heap *h)
{
  enum cf_err err = CF_OK;

  for (uint32_t offset = cf_walk_next(w, &g->bits, UINT32_MAX);
       offset != UINT32_MAX && err == CF_OK; offset = cf_walk_next(w, &g->bits, offset)) {
    if (g->spans == NULL || cf_spans_meet(g->spans[offset / CF_TIMES_RUN], wanted(w, h)))
      err = spot_gather(w, g, offset, h);
    else
      offset = run_edge(w, offset);
  }
  return err;
}

static enum cf_err unit_gather(struct cf_walk *w, const struct cf_stretch *s, struct heap *h)
{
  struct gathering g = {.stretch = s};
  struct cf_span span = wanted(w, h);

  if (span.min_us > span.max_us || !cf_spans_meet(span, s->span))
    return CF_OK;
  enum cf_err err = cf_walk_candidates(w, s, span, &g.bits);
  if (err != CF_OK)
    return err;
  err = spans_read(w, &g);
  if (err == CF_OK)
    err = candidates_gather(w, &g, h);
  free(g.spans);
  cf_bits_free(&g.bits);
  return err;
}

/* ---- the most promising first ---- */

static int latest_first(const void *a, const void *b)
{
  const struct cf_stretch *s = a, *t = b;

  if (s->span.max_us != t->span.max_us)
    return s->span.max_us > t->span.max_us ? -1 : 1;
  return s->i > t->i ? -1 : s->i < t->i;
}

static int earliest_first(const void *a, const void *b)
{
  const struct cf_stretch *s = a, *t = b;

  if (s->span.min_us != t->span.min_us)
    return s->span.min_us < t->span.min_us ? -1 : 1;
  return s->i < t->i ? -1 : s->i > t->i;
}

static enum cf_err heap_gather(struct cf_walk *w, struct heap *h)
{
  size_t units = cf_view_units(w->view), n = 0;
  struct cf_stretch *stretches = calloc(units + 1, sizeof *stretches);
  enum cf_err err = CF_OK;

  if (stretches == NULL)
    return CF_E_NOMEM;
  for (size_t turn = 0; turn < units; turn++)
    n += cf_walk_stretch(w, turn, &stretches[n]);
  qsort(stretches, n, sizeof *stretches, w->query->ascending ? earliest_first : latest_first);
  h->n = 0;
  for (size_t i = 0; i < n && err == CF_OK; i++)
    err = unit_gather(w, &stretches[i], h);
  heap_sort(h);
  free(stretches);
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

/* A first round for the page, the record after it and some that do not pass:
 * the fewer are kept, the more is passed by. Larger ones where records often do
 * not pass. */
static size_t round_size(const struct cf_walk *w, const struct heap *h)
{
  uint64_t limit = w->query->limit;
  uint64_t size = h->max > 0                   ? h->max * ROUND_GROWS
                  : limit < CF_QUERY_LIMIT_MAX ? limit + limit / 4 + ROUND_BEYOND
                                               : ROUND_MAX;

  return size < ROUND_MAX ? (size_t)size : ROUND_MAX;
}

static enum cf_err round_look(struct cf_walk *w, struct heap *h, bool *more)
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
    err = round_look(w, &h, &more);
  free(h.p);
  return err;
}
