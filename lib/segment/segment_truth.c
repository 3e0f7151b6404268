/* SPDX-License-Identifier: MIT */
/* What a segment's sheets must say, made of its records again. */
#include "config.h"

#include "lib/segment/segment.h"

#include <stdlib.h>

#include "lib/base/codec.h"
#include "lib/segment/grams_in.h"

static enum cf_err chunk_keep(void *context, struct cf_str key, struct cf_str value)
{
  struct cf_segment_truth *truth = context;
  uint8_t n[4];
  cf_u32_put(n, (uint32_t)value.n);
  cf_buf_put(&truth->chunks, n, sizeof n);
  cf_buf_putstr(&truth->chunks, key);
  cf_buf_putstr(&truth->chunks, value);
  return truth->chunks.err;
}

enum cf_err cf_segment_truth_init(struct cf_segment_truth *truth, const uint8_t fingerprint_key[16],
                                  const struct cf_segment_meta *meta)
{
  *truth = (struct cf_segment_truth){.key = fingerprint_key,
                                     .meta = {.first = meta->first,
                                              .end = meta->end,
                                              .time_min_us = INT64_MAX,
                                              .time_max_us = INT64_MIN,
                                              .recorded_min_us = INT64_MAX,
                                              .recorded_max_us = INT64_MIN},
                                     .times = calloc(meta->end - meta->first, sizeof(int64_t))};
  cf_values_init(&truth->values);
  cf_buf_init(&truth->keys, SIZE_MAX / 2);
  cf_buf_init(&truth->chunks, SIZE_MAX / 2);
  truth->grams = calloc(1, sizeof *truth->grams);
  if (truth->times == NULL || truth->grams == NULL)
    return CF_E_NOMEM;
  enum cf_err err =
      cf_grams_sheet_init(truth->grams, (uint32_t)(meta->end - meta->first), chunk_keep, truth);
  return err == CF_OK ? cf_index_new(fingerprint_key, &truth->index) : err;
}

void cf_segment_truth_fini(struct cf_segment_truth *truth)
{
  cf_index_free(truth->index);
  free(truth->times);
  if (truth->grams != NULL)
    cf_grams_sheet_fini(truth->grams);
  free(truth->grams);
  cf_buf_fini(&truth->chunks);
  cf_values_fini(&truth->values);
  cf_buf_fini(&truth->keys);
}

static void range_grow(int64_t t, int64_t *min, int64_t *max)
{
  if (t < *min)
    *min = t;
  if (t > *max)
    *max = t;
}

enum cf_err cf_segment_truth_add(struct cf_segment_truth *truth, const struct cf_record *r)
{
  uint32_t offset = (uint32_t)(r->seq - truth->meta.first);
  int64_t effective_us = cf_record_effective_us(r);
  struct cf_index_keys keys;
  enum cf_err err = cf_values_get(r, &truth->values);
  if (err != CF_OK)
    return err;
  cf_buf_reset(&truth->keys);
  cf_index_keys_put(truth->key, r->kind, truth->values.v, &truth->keys, &keys);
  if (truth->keys.err != CF_OK)
    return truth->keys.err;
  cf_index_keys_settle(&truth->keys, &keys, 1);
  truth->times[offset] = effective_us;
  if (cf_record_is_dated(r))
    range_grow(effective_us, &truth->meta.time_min_us, &truth->meta.time_max_us);
  range_grow(r->recorded_us, &truth->meta.recorded_min_us, &truth->meta.recorded_max_us);
  err = cf_grams_sheet_add(truth->grams, &truth->values);
  return err == CF_OK ? cf_index_add(truth->index, offset, effective_us, &keys) : err;
}

/* Up to 0.1.0 it was that of all records. */
static bool times_are(const struct cf_segment_meta *meta, const struct cf_segment_truth *truth)
{
  int64_t min = INT64_MAX, max = INT64_MIN;
  if (meta->time_min_us == truth->meta.time_min_us && meta->time_max_us == truth->meta.time_max_us)
    return true;
  for (uint64_t i = 0; i < meta->end - meta->first; i++)
    range_grow(truth->times[i], &min, &max);
  return meta->time_min_us == min && meta->time_max_us == max;
}

void cf_segment_compare_ranges(const struct cf_segment_meta *meta,
                               const struct cf_segment_truth *truth)
{
  const struct cf_segment_meta *t = &truth->meta;
  if (!times_are(meta, truth))
    truth->differ(truth->context, 0, "catalogue", "time_min and time_max are not the records'");
  if (meta->recorded_min_us != t->recorded_min_us || meta->recorded_max_us != t->recorded_max_us)
    truth->differ(truth->context, 0, "catalogue",
                  "recorded_min and recorded_max are not the records'");
}
