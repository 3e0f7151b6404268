/* SPDX-License-Identifier: MIT */
/* Inside lib/query: a walk over a view that answers one page, shared by its two
 * orders. */
#ifndef CF_QUERY_WALK_IN_H
#define CF_QUERY_WALK_IN_H

#include "lib/query/query_in.h"

struct cf_walk {
  const struct cf_query *query;
  struct cf_view *view;
  enum cf_err (*row)(void *context, const struct cf_record *record);
  void *context;
  struct cf_page_end *end;
  int64_t deadline_us;  /* monotonic; INT64_MAX: none */
  uint64_t bytes;       /* of record text given */
  struct cf_spot at;    /* how far the walk has come */
  struct cf_spot given; /* of the last row given; where the page began while there was none */
  bool moved;           /* something was left behind: from now on budgets may end the page */
  bool stop;            /* the page is complete; more may follow where end->has_more says so */
  bool opened;          /* block holds records */
  struct cf_block block;
  struct cf_values values;
  bool searches;        /* some text is searched for */
  struct cf_buf folded; /* scratch: the bytes of a block */
  struct {              /* effective times read last */
    bool valid;
    size_t unit;
    uint32_t first, n;
    int64_t t[CF_TIMES_RUN];
  } times;
};

/* The part of a unit that the filter's seqs leave. */
struct cf_stretch {
  size_t i;
  struct cf_unit unit;
  uint64_t lo, hi;     /* lo ≤ seq < hi */
  struct cf_span span; /* of the unit (cf_query_span) */
};

/* ---- walk.c ---- */

/* The i-th unit to look at in the walk's direction, cut to the filter's seqs;
 * false where recorded times or seqs leave nothing of it. */
bool cf_walk_stretch(const struct cf_walk *w, size_t turn, struct cf_stretch *s);
/* The candidates of a stretch with an effective time in the span asked for; the
 * caller frees bits after CF_OK. */
CF_MUST enum cf_err cf_walk_candidates(struct cf_walk *w, const struct cf_stretch *s,
                                       struct cf_span asked, struct cf_bits *bits);
/* The candidate behind an offset in the walk's direction, or the first one for
 * UINT32_MAX; UINT32_MAX where there is none. */
uint32_t cf_walk_next(const struct cf_walk *w, const struct cf_bits *bits, uint32_t offset);
/* The effective time of the record at an offset, as the unit's times have it.
 * CF_E_DAMAGED where they cannot be read. */
CF_MUST enum cf_err cf_walk_unit_time(struct cf_walk *w, const struct cf_stretch *s,
                                      uint32_t offset, int64_t *t_us);
/* The effective time of the record at an offset: from the unit's times, else
 * from the record. alone: of its run of times no other one is wanted.
 * CF_E_DAMAGED, written into w->end. */
CF_MUST enum cf_err cf_walk_time(struct cf_walk *w, const struct cf_stretch *s, uint32_t offset,
                                 bool alone, int64_t *t_us);
/* Has the time ended that this page may take? Never before it has moved. */
bool cf_walk_late(const struct cf_walk *w);
/* End the page here: there is more. */
void cf_walk_stop(struct cf_walk *w);
/* Look at the record at spot: test it, give it, go on behind it; or stop before
 * it. CF_E_DAMAGED, written into w->end; row's error. */
CF_MUST enum cf_err cf_walk_examine(struct cf_walk *w, struct cf_spot spot);

/* ---- walk_seq.c ---- */

/* Give the page in the order of seqs. CF_E_NOMEM and what the others give. */
CF_MUST enum cf_err cf_walk_by_seq(struct cf_walk *w);

/* ---- walk_time.c ---- */

/* Give the page in the order of effective times. CF_E_NOMEM and what the others
 * give. */
CF_MUST enum cf_err cf_walk_by_time(struct cf_walk *w);

#endif
