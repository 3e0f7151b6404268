/* SPDX-License-Identifier: MIT */
/* The filters over the ids of segments, in memory: they outlive the open files,
 * so that a new id costs no read. Thread-safe. */
#ifndef CF_STORE_FILTERS_H
#define CF_STORE_FILTERS_H

#include <pthread.h>

#include "lib/store/segment.h"

struct cf_filter_entry;
struct cf_filters {
  pthread_mutex_t lock;
  struct cf_filter_entry *entry; /* ascending by the segment's first seq */
  size_t n, cap;
  size_t bytes, budget;
  uint64_t uses;
};
/* budget: bytes that may be kept; the least recently used ones go beyond it. */
void cf_filters_init(struct cf_filters *filters, size_t budget);
void cf_filters_fini(struct cf_filters *filters);
void cf_filters_set_budget(struct cf_filters *filters, size_t budget);

/* Which of the n fingerprints may the segment have? Their places go to maybe
 * (room for n), in order. false: there is no filter of it in memory. */
CF_MUST bool cf_filters_ask(struct cf_filters *filters, const struct cf_segment_meta *meta,
                            const uint64_t *fingerprints, uint32_t n, uint32_t *maybe,
                            uint32_t *maybe_n);
/* Take over a filter of n bytes (on the heap). Without memory it is forgotten,
 * which costs time only. */
void cf_filters_keep(struct cf_filters *filters, const struct cf_segment_meta *meta, uint8_t *bytes,
                     size_t n);
void cf_filters_drop(struct cf_filters *filters, const struct cf_segment_meta *meta);

#endif
