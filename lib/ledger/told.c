/* SPDX-License-Identifier: MIT */
/* The `segment` records of the chain, gathered and held against rows. */
#include "config.h"

#include "lib/ledger/told_in.h"

#include <string.h>

/* ---- out of the chain ---- */

static enum cf_err record_read(void *context, const struct cf_record *r)
{
  struct cf_told *told = context;
  struct cf_segment_body body;
  if (r != NULL && cf_segment_body_get(r->public_text, &body) == CF_OK)
    return cf_told_add(told, &body, r->seq);
  told->partial = true;
  return CF_OK;
}

enum cf_err cf_told_read(struct cf_told *told, struct cf_view *view, size_t i,
                         struct cf_block *block)
{
  const struct cf_view_each each = {CF_K_SEGMENT, block, record_read, told};
  return cf_view_each(view, i, &each);
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
