/* SPDX-License-Identifier: MIT */
/* The filters over the ids of segments, in memory. */
#include "config.h"

#include "lib/segment/bloom_in.h"

#include <stdlib.h>
#include <string.h>

#define BLOOM_BLOCK  64 /* bytes */
#define BLOOM_BITS   10 /* of a fingerprint */
#define BLOOM_PROBES 7

/* ---- one filter ---- */

size_t cf_bloom_size(uint32_t n)
{
  size_t blocks = ((size_t)n * BLOOM_BITS + 8 * BLOOM_BLOCK - 1) / (8 * BLOOM_BLOCK);

  return (blocks == 0 ? 1 : blocks) * BLOOM_BLOCK;
}

/* A fingerprint's block by its upper half; its bits, nine bits each, from a
 * product that all of it goes into. */
static size_t bloom_block(size_t size, uint64_t fingerprint)
{
  return (size_t)((fingerprint >> 32) * (size / BLOOM_BLOCK) >> 32) * BLOOM_BLOCK;
}

static uint64_t bloom_bits(uint64_t fingerprint)
{
  return fingerprint * 0x9e3779b97f4a7c15u;
}

void cf_bloom_add(uint8_t *filter, size_t size, uint64_t fingerprint)
{
  uint8_t *block = filter + bloom_block(size, fingerprint);
  uint64_t bits = bloom_bits(fingerprint);

  for (int i = 0; i < BLOOM_PROBES; i++, bits >>= 9)
    block[(bits & 511) / 8] |= (uint8_t)(1u << (bits & 7));
}

bool cf_bloom_may_have(const uint8_t *filter, size_t size, uint64_t fingerprint)
{
  const uint8_t *block = filter + bloom_block(size, fingerprint);
  uint64_t bits = bloom_bits(fingerprint);

  for (int i = 0; i < BLOOM_PROBES; i++, bits >>= 9)
    if (!(block[(bits & 511) / 8] & (1u << (bits & 7))))
      return false;
  return true;
}

/* ---- those in memory ---- */

struct cf_bloom_entry {
  struct cf_segment_meta meta;
  uint8_t *bytes;
  size_t n;
  uint64_t used; /* when, by the clock of uses */
};

void cf_bloom_cache_init(struct cf_bloom_cache *filters, size_t budget)
{
  memset(filters, 0, sizeof *filters);
  (void)pthread_mutex_init(&filters->lock, NULL);
  filters->budget = budget;
}

void cf_bloom_cache_fini(struct cf_bloom_cache *filters)
{
  for (size_t i = 0; i < filters->n; i++)
    free(filters->entry[i].bytes);
  free(filters->entry);
  (void)pthread_mutex_destroy(&filters->lock);
}

void cf_bloom_cache_set_budget(struct cf_bloom_cache *filters, size_t budget)
{
  (void)pthread_mutex_lock(&filters->lock);
  filters->budget = budget;
  (void)pthread_mutex_unlock(&filters->lock);
}

/* The place of the first entry that is not before the segment. */
static size_t place(const struct cf_bloom_cache *f, const struct cf_segment_meta *meta)
{
  size_t low = 0, high = f->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (f->entry[middle].meta.first < meta->first)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct cf_bloom_entry *entry_find(struct cf_bloom_cache *f,
                                         const struct cf_segment_meta *meta)
{
  for (size_t i = place(f, meta); i < f->n && f->entry[i].meta.first == meta->first; i++)
    if (f->entry[i].meta.end == meta->end && f->entry[i].meta.generation == meta->generation)
      return &f->entry[i];
  return NULL;
}

bool cf_bloom_cache_ask(struct cf_bloom_cache *filters, const struct cf_segment_meta *meta,
                        const uint64_t *fingerprints, uint32_t n, uint32_t *maybe,
                        uint32_t *maybe_n)
{
  uint32_t found = 0;
  (void)pthread_mutex_lock(&filters->lock);
  struct cf_bloom_entry *e = entry_find(filters, meta);
  if (e != NULL) {
    e->used = ++filters->uses;
    for (uint32_t i = 0; i < n; i++)
      if (cf_bloom_may_have(e->bytes, e->n, fingerprints[i]))
        maybe[found++] = i;
    *maybe_n = found;
  }
  (void)pthread_mutex_unlock(&filters->lock);
  return e != NULL;
}

static void remove_entry(struct cf_bloom_cache *f, struct cf_bloom_entry *e)
{
  free(e->bytes);
  f->bytes -= e->n;
  f->n--;
  memmove(e, e + 1, (size_t)(f->entry + f->n - e) * sizeof *e);
}

static void filters_shrink(struct cf_bloom_cache *f, size_t n)
{
  while (f->n > 0 && f->bytes + n > f->budget) {
    struct cf_bloom_entry *oldest = f->entry;
    for (size_t i = 1; i < f->n; i++)
      if (f->entry[i].used < oldest->used)
        oldest = &f->entry[i];
    remove_entry(f, oldest);
  }
}

/* false: no memory. */
static bool entry_insert(struct cf_bloom_cache *f, const struct cf_segment_meta *meta,
                         uint8_t *bytes, size_t n)
{
  if (f->n == f->cap) {
    size_t cap = f->cap == 0 ? 16 : 2 * f->cap;
    struct cf_bloom_entry *grown = realloc(f->entry, cap * sizeof *grown);
    if (grown == NULL)
      return false;
    f->entry = grown;
    f->cap = cap;
  }
  struct cf_bloom_entry *e = f->entry + place(f, meta);
  memmove(e + 1, e, (size_t)(f->entry + f->n - e) * sizeof *e);
  *e = (struct cf_bloom_entry){*meta, bytes, n, ++f->uses};
  f->n++;
  f->bytes += n;
  return true;
}

void cf_bloom_cache_keep(struct cf_bloom_cache *filters, const struct cf_segment_meta *meta,
                         uint8_t *bytes, size_t n)
{
  (void)pthread_mutex_lock(&filters->lock);
  bool kept = false;
  if (entry_find(filters, meta) == NULL) {
    filters_shrink(filters, n);
    kept = entry_insert(filters, meta, bytes, n);
  }
  (void)pthread_mutex_unlock(&filters->lock);
  if (!kept)
    free(bytes);
}

void cf_bloom_cache_drop(struct cf_bloom_cache *filters, const struct cf_segment_meta *meta)
{
  (void)pthread_mutex_lock(&filters->lock);
  struct cf_bloom_entry *e = entry_find(filters, meta);
  if (e != NULL)
    remove_entry(filters, e);
  (void)pthread_mutex_unlock(&filters->lock);
}
