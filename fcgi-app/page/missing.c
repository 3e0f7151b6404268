/* SPDX-License-Identifier: MIT */
/* The sources that lack most, out of all. */
#include "config.h"

#include "fcgi-app/page/missing.h"

#include <string.h>

#include "lib/ledger/ledger.h"

#define BUDGET_US 50000

static void row_put(struct cf_missing *m, const struct cf_producer *p,
                    const struct cf_producer_gap *newest)
{
  size_t at = m->n;
  while (at > 0 && m->row[at - 1].missing < p->missing)
    at--;
  if (at == CF_MISSING_ROWS)
    return;
  m->n += m->n < CF_MISSING_ROWS;
  memmove(&m->row[at + 1], &m->row[at], (m->n - at - 1) * sizeof m->row[0]);
  struct cf_missing_row *row = &m->row[at];
  memcpy(row->source, p->source.p, p->source.n);
  row->source[p->source.n] = '\0';
  row->missing = p->missing;
  row->gaps = p->gaps;
  row->newest = *newest;
}

static enum cf_err missing_tell(void *context, const struct cf_gaps_told *told)
{
  struct cf_missing *m = context;
  m->sources = cf_producers_n(told->producers);
  m->whole = told->complete && told->unread == 0 && cf_producers_untold(told->producers) == 0;
  for (size_t i = 0; i < m->sources; i++) {
    struct cf_producer p;
    struct cf_producer_gap newest;
    cf_producers_get(told->producers, i, &p);
    m->whole &= p.exact;
    m->missing += p.missing;
    if (cf_producers_gaps(told->producers, i, 1, &newest) == 0)
      continue;
    m->lacking++;
    row_put(m, &p, &newest);
  }
  return CF_OK;
}

enum cf_err cf_missing_get(struct cf_gaps *gaps, struct cf_ledger *ledger,
                           struct cf_missing *missing)
{
  struct cf_view *view = NULL;
  *missing = (struct cf_missing){.sources = 0};
  enum cf_err err = cf_view_get(ledger, &view);
  if (err == CF_OK)
    err = cf_gaps_ask(gaps, view, NULL, BUDGET_US, missing_tell, missing);
  cf_view_put(view);
  return err == CF_E_BUSY ? CF_OK : err;
}
