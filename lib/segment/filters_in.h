/* SPDX-License-Identifier: MIT */
/* The filters over the ids of segments that are in memory. They outlive the
 * open files, so that a new id costs no read. Thread-safe. */
#ifndef CF_SEGMENT_FILTERS_IN_H
#define CF_SEGMENT_FILTERS_IN_H

#include <pthread.h>

#include "lib/segment/by_segment_in.h"
#include "lib/segment/fuse_in.h"

struct cf_filter_shelf;
struct cf_filters {
  pthread_mutex_t lock;
  struct cf_by_segment entries;
  struct cf_filter_shelf *shelves; /* a list */
  size_t bytes, budget;            /* that the shelves take */
  uint64_t uses;
};
/* budget: bytes that may be kept; the least recently used ones go beyond it. */
void cf_filters_init(struct cf_filters *filters, size_t budget);
void cf_filters_fini(struct cf_filters *filters);
void cf_filters_set_budget(struct cf_filters *filters, size_t budget);

bool cf_filters_has(struct cf_filters *filters, const struct cf_segment_meta *meta);
/* Keep a filter, which is one (cf_fuse_ok). Without memory it is forgotten,
 * which costs time only. */
void cf_filters_keep(struct cf_filters *filters, const struct cf_segment_meta *meta,
                     struct cf_str filter);
void cf_filters_drop(struct cf_filters *filters, const struct cf_segment_meta *meta);
/* As cf_segment_screen_ids. */
void cf_filters_screen(struct cf_filters *filters, const struct cf_segment_meta *const *segments,
                       uint32_t segments_n, const uint64_t *fingerprints, uint32_t n,
                       struct cf_buf *hits);

#endif
