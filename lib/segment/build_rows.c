/* SPDX-License-Identifier: MIT */
/* Filling the sheets of what is kept of leaf hashes, and of times. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/segment/build_in.h"

enum cf_err cf_build_hashes(struct cf_build *b)
{
  uint8_t before[CF_HASH_N], hashes[CF_LEAVES_N * CF_HASH_N];
  struct cf_leaves_kept row;
  enum cf_err err = CF_OK;

  memcpy(before, b->source->before, sizeof before);
  for (uint32_t i = 0; i < b->records / CF_LEAVES_N && err == CF_OK; i++) {
    err = b->source->hashes(b->source->context, i * CF_LEAVES_N, CF_LEAVES_N, hashes);
    if (err != CF_OK)
      return err;
    cf_leaves_keep(before, hashes, &row);
    memcpy(before, row.last[CF_LEAVES_PARTS - 1], sizeof before);
    err = cf_build_put_row(b, CF_SHEET_HASHES, i, (struct cf_str){(char *)&row, sizeof row});
  }
  return err;
}

static void put_span(struct cf_build *b, const int64_t row[CF_TIMES_RUN])
{
  struct cf_span span;

  cf_spans_make(row, CF_TIMES_RUN, &span);
  cf_varint_put_signed(&b->spans, span.min_us - b->span_us);
  cf_varint_put(&b->spans, (uint64_t)(span.max_us - span.min_us));
  b->span_us = span.min_us;
}

enum cf_err cf_build_times(struct cf_build *b)
{
  int64_t row[CF_TIMES_RUN];
  enum cf_err err = CF_OK;

  for (uint32_t i = 0; i < b->records / CF_TIMES_RUN && err == CF_OK; i++) {
    err = b->source->times(b->source->context, i * CF_TIMES_RUN, CF_TIMES_RUN, row);
    cf_buf_reset(&b->value);
    for (unsigned k = 0; err == CF_OK && k < CF_TIMES_RUN; k++)
      cf_varint_put_signed(&b->value, row[k] - (k == 0 ? 0 : row[k - 1]));
    if (err == CF_OK)
      put_span(b, row);
    if (err == CF_OK)
      err = b->value.err;
    if (err == CF_OK)
      err = cf_build_put_row(b, CF_SHEET_TIMES, i, cf_buf_str(&b->value));
  }
  return err;
}
