/* SPDX-License-Identifier: MIT */
/* Bloom filters over the fingerprints of a segment's ids, and a cache of them
 * in memory, which outlives the open files, so that a new id costs no read. */
#ifndef CF_SEGMENT_BLOOM_IN_H
#define CF_SEGMENT_BLOOM_IN_H

#include <pthread.h>

#include "lib/segment/segment.h"

/* A Bloom filter over fingerprints in blocks of 64 bytes, ten bits for each. */
size_t cf_bloom_size(uint32_t n); /* bytes */
void cf_bloom_add(uint8_t *filter, size_t size, uint64_t fingerprint);
bool cf_bloom_may_have(const uint8_t *filter, size_t size, uint64_t fingerprint);

/* The cache. Thread-safe. */
struct cf_bloom_entry;
struct cf_bloom_cache {
  pthread_mutex_t lock;
  struct cf_bloom_entry *entry; /* ascending by the segment's first seq */
  size_t n, cap;
  size_t bytes, budget;
  uint64_t uses;
};
/* budget: bytes that may be kept; the least recently used ones go beyond it. */
void cf_bloom_cache_init(struct cf_bloom_cache *filters, size_t budget);
void cf_bloom_cache_fini(struct cf_bloom_cache *filters);
void cf_bloom_cache_set_budget(struct cf_bloom_cache *filters, size_t budget);

/* Which of the n fingerprints may the segment have? Their places go to maybe
 * (room for n), in order. false: there is no filter of it in memory. */
CF_MUST bool cf_bloom_cache_ask(struct cf_bloom_cache *filters, const struct cf_segment_meta *meta,
                                const uint64_t *fingerprints, uint32_t n, uint32_t *maybe,
                                uint32_t *maybe_n);
/* Take over a filter of n bytes (on the heap). Without memory it is forgotten,
 * which costs time only. */
void cf_bloom_cache_keep(struct cf_bloom_cache *filters, const struct cf_segment_meta *meta,
                         uint8_t *bytes, size_t n);
void cf_bloom_cache_drop(struct cf_bloom_cache *filters, const struct cf_segment_meta *meta);

#endif
