/* SPDX-License-Identifier: MIT */
/* The catalogue: a written segment enters it, and the layout that readers
 * see. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/ledger/ledger_in.h"

/* Under commit: readers see the segment in the oldest generation's place. */
static enum cf_err layout_show(struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  const struct cf_layout *old = l->layout;
  struct cf_segment_meta *segments = malloc((old->segments_n + 1) * sizeof *segments);
  if (segments == NULL)
    return CF_E_NOMEM;
  if (old->segments_n > 0)
    memcpy(segments, old->segments, old->segments_n * sizeof *segments);
  segments[old->segments_n] = *meta;
  struct cf_layout *layout = NULL;
  enum cf_err err =
      cf_layout_make(segments, old->segments_n + 1, old->tails + 1, old->tails_n - 1, &layout);
  if (err == CF_OK)
    cf_layout_swap(l, layout);
  free(segments);
  return err;
}

/* Durable when it returns. */
static enum cf_err rows_append(struct cf_ledger *l, const struct cf_segment_meta *meta,
                               const struct cf_tail *tail)
{
  uint8_t first[8], number[CF_TAIL_KEY_N];
  struct cf_buf value;
  cf_u64_put(first, meta->first);
  cf_meta_tail_key(cf_tail_meta(tail)->number, number);
  cf_buf_init(&value, 4096);
  cf_segment_meta_put(meta, &value);
  const struct cf_row rows[] = {{.table = CF_TABLE_CATALOGUE,
                                 .key = {(const char *)first, sizeof first},
                                 .value = cf_buf_str(&value)},
                                {.table = CF_TABLE_META,
                                 .key = {(const char *)number, sizeof number},
                                 .gone = true}};
  struct cf_append append = {.by = CF_BY_LEDGER, .rows = rows, .rows_n = 2};
  enum cf_err err = value.err != CF_OK ? value.err : cf_ledger_append(l, &append);
  cf_buf_fini(&value);
  return err;
}

enum cf_err cf_catalogue_enter(struct cf_ledger *l, const struct cf_segment_meta *meta,
                               const struct cf_tail *tail)
{
  enum cf_err err = rows_append(l, meta, tail);
  if (err != CF_OK)
    return err;
  (void)pthread_mutex_lock(&l->commit);
  if (layout_show(l, meta) != CF_OK)
    cf_die("out of memory while a segment was entered: restart the service");
  (void)pthread_mutex_unlock(&l->commit);
  return CF_OK;
}
