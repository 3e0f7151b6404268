/* SPDX-License-Identifier: MIT */
/* What is missing of producers' own counts, by the leaves that were walked. */
#include "config.h"

#include <string.h>

#include "lib/proof/verify_in.h"

enum cf_err cf_run_counted(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  enum cf_err err = CF_OK;
  if (tile->counted_n > 0 && run->producers == NULL)
    err = cf_producers_new(&run->producers);
  for (size_t i = 0; i < tile->counted_n && err == CF_OK; i++) {
    const struct cf_counted *c = &tile->counted[i];
    const struct cf_produced produced = {{(const char *)tile->claims.p + c->at, c->n},
                                         c->value,
                                         c->seq,
                                         c->recorded_us};
    err = cf_producers_add(run->producers, &produced);
  }
  return err;
}

static void finding_add(struct cf_verify_result *r, struct cf_str source,
                        const struct cf_producer_gap *gap)
{
  struct cf_verify_finding *f = &r->findings[r->findings_n++];
  f->verdict = CF_V_SOURCE_GAP;
  memcpy(f->source, source.p, source.n);
  f->source[source.n] = '\0';
  f->gap = *gap;
}

/* How many of each source's gaps find room: none fills the list alone. */
static size_t share(const struct cf_producers *producers)
{
  struct cf_producer p;
  size_t sources = 0;
  for (size_t i = 0; i < cf_producers_n(producers); i++) {
    cf_producers_get(producers, i, &p);
    sources += p.gaps > 0;
  }
  return sources == 0 || sources > CF_VERIFY_FINDINGS_MAX ? 1 : CF_VERIFY_FINDINGS_MAX / sources;
}

static void source_findings(const struct cf_producers *producers, size_t i, size_t max,
                            struct cf_verify_result *r)
{
  struct cf_producer_gap gap[CF_PRODUCER_GAPS];
  struct cf_producer p;
  size_t left = CF_VERIFY_FINDINGS_MAX - r->findings_n;
  cf_producers_get(producers, i, &p);
  size_t n = cf_producers_gaps(producers, i, max < left ? max : left, gap);
  for (size_t k = 0; k < n; k++)
    finding_add(r, p.source, &gap[k]);
  r->findings_total += p.gaps;
  r->findings_exact &= p.exact;
}

void cf_run_findings(const struct cf_verify_run *run, struct cf_verify_result *r)
{
  const struct cf_producers *producers = run->producers;
  r->findings_sought = run->job->mode >= CF_VERIFY_FULL;
  r->findings_exact = !run->lost && !run->over;
  r->findings_n = 0;
  r->findings_total = 0;
  if (producers == NULL)
    return;
  r->findings_exact &= cf_producers_untold(producers) == 0;
  size_t max = share(producers);
  for (size_t i = 0; i < cf_producers_n(producers); i++)
    source_findings(producers, i, max, r);
}
