/* SPDX-License-Identifier: MIT */
/* Idempotent ids: has this (source, id) been recorded within the window? Fingerprints say where to look, the record says whether it is so. */
#include "config.h"

#include <string.h>

#include "lib/base/diag.h"
#include "lib/store/parts.h"

#define CANDIDATES_MAX 64 /* records with one fingerprint that are looked at in a unit: as many sources may share an id */

struct candidates {
  size_t n;
  uint32_t offset[CANDIDATES_MAX];
};

static bool collect(void *context, uint32_t offset)
{
  struct candidates *c = context;
  if (c->n == CANDIDATES_MAX)
    return false;
  c->offset[c->n++] = offset;
  return true;
}

void cf_twin_init(struct cf_twin *twin)
{
  twin->found = false;
  cf_block_init(&twin->block);
  cf_values_init(&twin->values);
}

void cf_twin_fini(struct cf_twin *twin)
{
  cf_block_fini(&twin->block);
  cf_values_fini(&twin->values);
}

/* Is the record at seq the one? Then twin holds it. */
static enum cf_err check(struct cf_view *view, uint64_t seq, struct cf_str source, struct cf_str id, struct cf_twin *twin)
{
  enum cf_err err = cf_view_block(view, seq, &twin->block);
  if (err != CF_OK)
    return err;
  unsigned i = (unsigned)(seq % CF_GROUP);
  const struct cf_record *r = &twin->block.record[i];
  if (r->kind != CF_K_EVENT || (err = cf_values_get(r, &twin->values)) != CF_OK)
    return err;
  if (!cf_str_eq(twin->values.v[CF_M_SOURCE], source) || !cf_str_eq(twin->values.v[CF_M_ID], id))
    return CF_OK;
  struct cf_hashes hashes;
  cf_view_hashes(view, &hashes);
  err = hashes.get(hashes.context, 0, seq, 1, twin->hash);
  if (err != CF_OK)
    return err;
  twin->found = true;
  twin->seq = seq;
  twin->i = i;
  return CF_OK;
}

static enum cf_err find_in_segment(struct cf_ledger *l, const struct cf_segment_meta *meta, uint64_t fingerprint, struct candidates *c)
{
  struct cf_segment *segment = NULL;
  enum cf_err err = cf_segment_acquire(l->pool, meta, &segment);
  if (err == CF_OK) {
    err = cf_segment_find_id(segment, fingerprint, collect, c);
    cf_segment_release(l->pool, segment);
  }
  return err;
}

/* Look at the candidates of a unit on their records; rare, since a fingerprint has 64 bits. */
static enum cf_err check_all(struct cf_ledger *l, uint64_t first, const struct candidates *c, struct cf_str source, struct cf_str id, struct cf_twin *twin)
{
  if (c->n == 0)
    return CF_OK;
  struct cf_view *view = NULL;
  enum cf_err err = cf_view_at(l, l->size, &view);
  for (size_t i = 0; err == CF_OK && i < c->n && !twin->found; i++)
    err = check(view, first + c->offset[i], source, id, twin);
  cf_view_put(view);
  return err;
}

static enum cf_err search_tails(struct cf_ledger *l, uint64_t fingerprint, struct cf_str source, struct cf_str id, struct cf_twin *twin)
{
  const struct cf_layout *layout = l->layout;
  for (size_t i = layout->tails_n; i-- > 0 && !twin->found;) {
    struct candidates c = {.n = 0};
    cf_tail_find_id(layout->tails[i], fingerprint, collect, &c);
    enum cf_err err = check_all(l, cf_tail_meta(layout->tails[i])->first, &c, source, id, twin);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* Is the segment's newest record still within the window? */
static bool remembered(const struct cf_ledger *l, const struct cf_segment_meta *meta, int64_t now_us)
{
  return l->size - meta->end < l->conf->dedupe_records && now_us - meta->recorded_max_us < l->conf->dedupe_window_us;
}

static enum cf_err search_segments(struct cf_ledger *l, uint64_t fingerprint, struct cf_str source, struct cf_str id, int64_t now_us, struct cf_twin *twin)
{
  const struct cf_layout *layout = l->layout;
  for (size_t i = layout->segments_n; i-- > 0 && !twin->found && remembered(l, &layout->segments[i], now_us);) {
    struct candidates c = {.n = 0};
    if (cf_segment_excludes_id(l->pool, &layout->segments[i], fingerprint))
      continue;
    enum cf_err err = find_in_segment(l, &layout->segments[i], fingerprint, &c);
    if (err == CF_OK)
      err = check_all(l, layout->segments[i].first, &c, source, id, twin);
    /* A damaged segment can't tell: an event taken twice is better than one refused for ever. */
    if (err != CF_OK && err != CF_E_DAMAGED)
      return err;
  }
  return CF_OK;
}

enum cf_err cf_twin_find(struct cf_ledger *l, struct cf_str source, struct cf_str id, int64_t now_us, struct cf_twin *twin)
{
  twin->found = false;
  uint64_t fingerprint = cf_id_fingerprint(l->fingerprint_key, id);
  enum cf_err err = search_tails(l, fingerprint, source, id, twin);
  return err != CF_OK || twin->found ? err : search_segments(l, fingerprint, source, id, now_us, twin);
}
