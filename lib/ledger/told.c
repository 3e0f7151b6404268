/* SPDX-License-Identifier: MIT */
/* The `segment` records of the chain, gathered and held against rows. */
#include "config.h"

#include "lib/ledger/told_in.h"

#include <string.h>

/* ---- out of the chain ---- */

struct telling {
  struct cf_told *told;
  bool believed;
};

static enum cf_err record_read(void *context, const struct cf_record *r)
{
  const struct telling *t = context;
  struct cf_segment_body body;
  if (!t->believed) {
    if (r != NULL)
      cf_told_note(t->told, r->seq);
    return CF_OK;
  }
  if (r != NULL && cf_segment_body_get(r->public_text, &body) == CF_OK)
    return cf_told_add(t->told, &body, r->seq);
  t->told->partial = true;
  return CF_OK;
}

enum cf_err cf_told_read(struct cf_told *told, struct cf_view *view, size_t i, enum cf_oath oath,
                         struct cf_block *block)
{
  struct telling telling = {told, oath == CF_OATH_KEPT};
  const struct cf_view_each each = {CF_K_SEGMENT, block, record_read, &telling};
  if (oath == CF_OATH_BROKEN || oath == CF_OATH_UNKNOWN) {
    told->partial = true;
    return CF_OK;
  }
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
