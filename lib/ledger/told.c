/* SPDX-License-Identifier: MIT */
/* The `segment` records of the chain, gathered and held against rows. */
#include "config.h"

#include "lib/ledger/told_in.h"

#include <stdlib.h>
#include <string.h>

void cf_told_fini(struct cf_told *told)
{
  free(told->each);
  *told = (struct cf_told){0};
}

/* The first one that does not come before the range. */
static size_t told_find(const struct cf_told *told, uint64_t first, uint64_t end)
{
  size_t low = 0, high = told->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct cf_segment_body *b = &told->each[middle];
    if (b->first < first || (b->first == first && b->end < end))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct cf_segment_body *told_exact(const struct cf_told *told, size_t at, uint64_t first,
                                          uint64_t end)
{
  bool same = at < told->n && told->each[at].first == first && told->each[at].end == end;
  return same ? &told->each[at] : NULL;
}

static enum cf_err told_insert(struct cf_told *told, size_t at, const struct cf_segment_body *body)
{
  if (told->n == told->cap) {
    size_t cap = told->cap == 0 ? 64 : told->cap * 2;
    struct cf_segment_body *grown = realloc(told->each, cap * sizeof *grown);
    if (grown == NULL)
      return CF_E_NOMEM;
    told->each = grown;
    told->cap = cap;
  }
  memmove(told->each + at + 1, told->each + at, (told->n - at) * sizeof *body);
  told->each[at] = *body;
  told->n++;
  return CF_OK;
}

enum cf_err cf_told_add(struct cf_told *told, const struct cf_segment_body *body, uint64_t seq)
{
  if (told->n == 0 || seq < told->since)
    told->since = seq;
  size_t at = told_find(told, body->first, body->end);
  struct cf_segment_body *known = told_exact(told, at, body->first, body->end);
  if (known == NULL)
    return told_insert(told, at, body);
  if (body->rewrite >= known->rewrite)
    *known = *body;
  return CF_OK;
}

/* ---- out of the chain ---- */

static enum cf_err record_read(struct cf_told *told, const struct cf_record *r)
{
  struct cf_segment_body body;
  if (r->kind != CF_K_SEGMENT)
    return CF_OK;
  if (cf_segment_body_get(r->public_text, &body) == CF_OK)
    return cf_told_add(told, &body, r->seq);
  told->partial = true;
  return CF_OK;
}

/* The records of one block whose offsets are set. */
static enum cf_err block_read(struct cf_told *told, struct cf_view *view, uint64_t first,
                              const struct cf_bits *bits, uint32_t from, struct cf_block *block)
{
  enum cf_err err = cf_view_block(view, first + from, block);
  if (err == CF_E_DAMAGED) {
    told->partial = true;
    return CF_OK;
  }
  for (uint32_t at = from; err == CF_OK && at / CF_GROUP == from / CF_GROUP && at < bits->n; at++)
    if (cf_bits_has(bits, at))
      err = record_read(told, &block->record[at % CF_GROUP]);
  return err;
}

enum cf_err cf_told_read(struct cf_told *told, struct cf_view *view, size_t i,
                         struct cf_block *block)
{
  const struct cf_str name = cf_str_from(cf_kind_table[CF_K_SEGMENT].name);
  const struct cf_term term = {CF_I_KIND, name, name, false};
  struct cf_unit unit;
  struct cf_bits bits = {0};
  cf_view_unit(view, i, &unit);
  enum cf_err err = cf_bits_new((uint32_t)(unit.end - unit.first), &bits);
  if (err == CF_OK)
    err = cf_view_match(view, i, &term, 0, &bits);
  if (err == CF_E_DAMAGED) { /* then every record is looked at */
    cf_bits_set_range(&bits, 0, bits.n);
    err = CF_OK;
  }
  for (uint32_t at = cf_bits_next(&bits, 0); err == CF_OK && at < bits.n;
       at = cf_bits_next(&bits, (at / CF_GROUP + 1) * CF_GROUP))
    err = block_read(told, view, unit.first, &bits, at, block);
  cf_bits_free(&bits);
  return err;
}

/* ---- against the catalogue ---- */

static bool told_overlaps(const struct cf_told *told, size_t at, const struct cf_segment_meta *meta)
{
  return (at < told->n && told->each[at].first < meta->end) ||
         (at > 0 && told->each[at - 1].end > meta->first);
}

enum cf_oath cf_told_judge(const struct cf_told *told, const struct cf_segment_meta *meta)
{
  size_t at = told_find(told, meta->first, meta->end);
  const struct cf_segment_body *body = told_exact(told, at, meta->first, meta->end);
  if (body != NULL)
    return meta->sworn && meta->generation == body->rewrite &&
                   cf_equal(meta->digest, body->digest, CF_HASH_N)
               ? CF_OATH_KEPT
               : CF_OATH_BROKEN;
  if (told->partial)
    return CF_OATH_UNKNOWN;
  bool older = told->n == 0 || meta->end <= told->since;
  return !meta->sworn && older && !told_overlaps(told, at, meta) ? CF_OATH_UNSWORN : CF_OATH_BROKEN;
}

bool cf_told_has_row(const struct cf_segment_body *body, const struct cf_segment_meta *segments,
                     size_t n)
{
  size_t low = 0, high = n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (segments[middle].first < body->first)
      low = middle + 1;
    else
      high = middle;
  }
  return low < n && segments[low].first == body->first && segments[low].end == body->end;
}
