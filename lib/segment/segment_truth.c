/* SPDX-License-Identifier: MIT */
/* What a segment's sheets must say, made of its records again. */
#include "config.h"

#include "lib/segment/segment.h"

#include <stdlib.h>

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
  return truth->times == NULL ? CF_E_NOMEM : cf_index_new(fingerprint_key, &truth->index);
}

void cf_segment_truth_fini(struct cf_segment_truth *truth)
{
  cf_index_free(truth->index);
  free(truth->times);
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
  range_grow(effective_us, &truth->meta.time_min_us, &truth->meta.time_max_us);
  range_grow(r->recorded_us, &truth->meta.recorded_min_us, &truth->meta.recorded_max_us);
  return cf_index_add(truth->index, offset, effective_us, &keys);
}

void cf_segment_compare_ranges(const struct cf_segment_meta *meta,
                               const struct cf_segment_truth *truth)
{
  const struct cf_segment_meta *t = &truth->meta;
  if (meta->time_min_us != t->time_min_us || meta->time_max_us != t->time_max_us)
    truth->differ(truth->context, 0, "catalogue", "time_min and time_max are not the records'");
  if (meta->recorded_min_us != t->recorded_min_us || meta->recorded_max_us != t->recorded_max_us)
    truth->differ(truth->context, 0, "catalogue",
                  "recorded_min and recorded_max are not the records'");
}
