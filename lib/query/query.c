/* SPDX-License-Identifier: MIT */
/* A question answered: one page of a view, in either order, and its cursor. */
#include "config.h"

#include "lib/query/walk_in.h"
#include "lib/record/values.h"

#include <stdlib.h>

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

void cf_query_take_turns(struct cf_query *query, struct cf_turn *turn)
{
  query->turn = turn;
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
  cf_buf_init(&w->folded, SIZE_MAX / 2);
  w->searches = cf_query_searches(query);
  enum cf_err err = query->by_time ? cf_walk_by_time(w) : cf_walk_by_seq(w);
  cf_turn_rest(query->turn);
  end->has_more = end->has_more || err != CF_OK;
  err = put_cursor(w, err);
  cf_values_fini(&w->values);
  cf_buf_fini(&w->folded);
  cf_block_fini(&w->block);
  free(w);
  return err;
}
