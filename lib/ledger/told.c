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

struct cf_segment_body cf_told_body(const struct cf_segment_meta *meta)
{
  struct cf_segment_body body = {.first = meta->first,
                                 .end = meta->end,
                                 .rewrite = meta->generation};
  memcpy(body.digest, meta->digest, CF_HASH_N);
  return body;
}

enum cf_oath cf_told_judge(const struct cf_told *told, const struct cf_segment_meta *meta)
{
  const struct cf_segment_body file = cf_told_body(meta);
  return cf_oath_judge(told, &file, meta->sworn);
}
