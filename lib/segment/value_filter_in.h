/* SPDX-License-Identifier: MIT */
/* Which values a segment has: a Bloom filter over the keys of all its indexes
 * that have keys, made with the segment (`info`, "keys"). Those of sworn
 * segments are kept in memory, and outlive the open files: a segment that
 * surely has not what is asked for costs no read. */
#ifndef CF_SEGMENT_VALUE_FILTER_IN_H
#define CF_SEGMENT_VALUE_FILTER_IN_H

#include <pthread.h>

#include "lib/segment/by_segment_in.h"

/* Append the filter of n fingerprints (of cf_value_key): ten bits for each, in
 * blocks of 64 bytes; of others one in a hundred seems to be there. Check
 * b->err. */
void cf_value_filter_put(struct cf_buf *b, const uint64_t *fingerprints, size_t n);
size_t cf_value_filter_size(size_t n);         /* bytes of it */
bool cf_value_filter_ok(struct cf_str filter); /* is it one? */
bool cf_value_filter_has(struct cf_str filter, uint64_t fingerprint);

/* Those in memory. Thread-safe. Beyond the budget the oldest segments go
 * without: which ones does not depend on who asks for what. */
struct cf_value_filters {
  pthread_mutex_t lock;
  struct cf_by_segment entries;
  size_t bytes, budget;
};
void cf_value_filters_init(struct cf_value_filters *filters, size_t budget);
void cf_value_filters_fini(struct cf_value_filters *filters);
/* Is the segment's not there, and would it be kept? */
bool cf_value_filters_want(struct cf_value_filters *filters, const struct cf_segment_meta *meta);
/* Keep a copy of it; indexes: a bit for each that it tells of. What is no
 * filter, or finds no memory, is not kept, which costs time only. */
void cf_value_filters_keep(struct cf_value_filters *filters, const struct cf_segment_meta *meta,
                           uint64_t indexes, struct cf_str filter);
/* May the segment have it? true where nobody can tell. */
bool cf_value_filters_may_have(struct cf_value_filters *filters, const struct cf_segment_meta *meta,
                               unsigned index, uint64_t fingerprint);
void cf_value_filters_drop(struct cf_value_filters *filters, const struct cf_segment_meta *meta);

#endif
