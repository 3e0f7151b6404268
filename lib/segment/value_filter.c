/* SPDX-License-Identifier: MIT */
/* The filters over the values of segments. */
#include "config.h"

#include "lib/segment/value_filter_in.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_N 64 /* bytes */
#define BITS    10 /* of a fingerprint */
#define PROBES  7

/* ---- one filter ---- */

/* A fingerprint's block by its upper half; its bits, nine bits each, from a
 * product that all of it goes into. */
static size_t block_at(size_t size, uint64_t fingerprint)
{
  return (size_t)((fingerprint >> 32) * (size / BLOCK_N) >> 32) * BLOCK_N;
}

static uint64_t bits_of(uint64_t fingerprint)
{
  return fingerprint * 0x9e3779b97f4a7c15u;
}

size_t cf_value_filter_size(size_t n)
{
  return (n * BITS / (8 * BLOCK_N) + 1) * BLOCK_N;
}

void cf_value_filter_put(struct cf_buf *b, const uint64_t *fingerprints, size_t n)
{
  size_t size = cf_value_filter_size(n);
  uint8_t *filter = cf_buf_grow(b, size);

  if (filter == NULL)
    return;
  memset(filter, 0, size);
  for (size_t i = 0; i < n; i++) {
    uint8_t *block = filter + block_at(size, fingerprints[i]);
    uint64_t bits = bits_of(fingerprints[i]);
    for (int k = 0; k < PROBES; k++, bits >>= 9)
      block[(bits & 511) / 8] |= (uint8_t)(1u << (bits & 7));
  }
}

bool cf_value_filter_ok(struct cf_str filter)
{
  return filter.n > 0 && filter.n % BLOCK_N == 0;
}

bool cf_value_filter_has(struct cf_str filter, uint64_t fingerprint)
{
  const uint8_t *block = (const uint8_t *)filter.p + block_at(filter.n, fingerprint);
  uint64_t bits = bits_of(fingerprint);

  for (int k = 0; k < PROBES; k++, bits >>= 9)
    if (!(block[(bits & 511) / 8] & (1u << (bits & 7))))
      return false;
  return true;
}

/* ---- those in memory ---- */

struct cf_value_entry {
  struct cf_segment_meta meta;
  uint64_t indexes;
  char *bytes;
  size_t n;
};

void cf_value_filters_init(struct cf_value_filters *filters, size_t budget)
{
  *filters = (struct cf_value_filters){.entries = {.size = sizeof(struct cf_value_entry)},
                                       .budget = budget};
  (void)pthread_mutex_init(&filters->lock, NULL);
}

void cf_value_filters_fini(struct cf_value_filters *filters)
{
  const struct cf_value_entry *entry = filters->entries.entry;

  for (size_t i = 0; i < filters->entries.n; i++)
    free(entry[i].bytes);
  cf_by_segment_fini(&filters->entries);
  (void)pthread_mutex_destroy(&filters->lock);
}

static void entry_remove(struct cf_value_filters *f, struct cf_value_entry *e)
{
  free(e->bytes);
  f->bytes -= e->n;
  cf_by_segment_remove(&f->entries, e);
}

bool cf_value_filters_want(struct cf_value_filters *filters, const struct cf_segment_meta *meta)
{
  (void)pthread_mutex_lock(&filters->lock);
  bool want =
      cf_by_segment_find(&filters->entries, meta) == NULL &&
      (filters->bytes < filters->budget || cf_by_segment_before(&filters->entries, meta) > 0);
  (void)pthread_mutex_unlock(&filters->lock);
  return want;
}

/* Older ones go for it, if that helps. */
static bool room_make(struct cf_value_filters *f, const struct cf_segment_meta *meta, size_t n)
{
  const struct cf_value_entry *entry = f->entries.entry;
  size_t older = 0;

  for (size_t i = 0, end = cf_by_segment_before(&f->entries, meta); i < end; i++)
    older += entry[i].n;
  if (f->bytes - older + n > f->budget)
    return false;
  while (f->bytes + n > f->budget)
    entry_remove(f, f->entries.entry);
  return true;
}

static void entry_insert(struct cf_value_filters *f, const struct cf_segment_meta *meta,
                         uint64_t indexes, struct cf_str filter)
{
  struct cf_value_entry *e = cf_by_segment_add(&f->entries, meta);

  if (e == NULL)
    return;
  e->bytes = malloc(filter.n);
  if (e->bytes == NULL) {
    cf_by_segment_remove(&f->entries, e);
    return;
  }
  memcpy(e->bytes, filter.p, filter.n);
  e->n = filter.n;
  e->indexes = indexes;
  f->bytes += filter.n;
}

void cf_value_filters_keep(struct cf_value_filters *filters, const struct cf_segment_meta *meta,
                           uint64_t indexes, struct cf_str filter)
{
  if (!cf_value_filter_ok(filter))
    return;
  (void)pthread_mutex_lock(&filters->lock);
  if (cf_by_segment_find(&filters->entries, meta) == NULL && room_make(filters, meta, filter.n))
    entry_insert(filters, meta, indexes, filter);
  (void)pthread_mutex_unlock(&filters->lock);
}

bool cf_value_filters_may_have(struct cf_value_filters *filters, const struct cf_segment_meta *meta,
                               unsigned index, uint64_t fingerprint)
{
  (void)pthread_mutex_lock(&filters->lock);
  const struct cf_value_entry *e = cf_by_segment_find(&filters->entries, meta);
  bool may = e == NULL || (e->indexes >> index & 1) == 0 ||
             cf_value_filter_has((struct cf_str){e->bytes, e->n}, fingerprint);
  (void)pthread_mutex_unlock(&filters->lock);
  return may;
}

void cf_value_filters_drop(struct cf_value_filters *filters, const struct cf_segment_meta *meta)
{
  (void)pthread_mutex_lock(&filters->lock);
  struct cf_value_entry *e = cf_by_segment_find(&filters->entries, meta);
  if (e != NULL)
    entry_remove(filters, e);
  (void)pthread_mutex_unlock(&filters->lock);
}
