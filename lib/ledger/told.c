/* SPDX-License-Identifier: MIT */
/* The `segment` records of the chain, gathered and held against rows. */
#include "config.h"

#include "lib/ledger/told_in.h"

#include <string.h>

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

enum cf_oath cf_told_judge(const struct cf_told *told, const struct cf_segment_meta *meta)
{
  struct cf_segment_body file = {.first = meta->first,
                                 .end = meta->end,
                                 .rewrite = meta->generation};
  memcpy(file.digest, meta->digest, CF_HASH_N);
  return cf_oath_judge(told, &file, meta->sworn);
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
