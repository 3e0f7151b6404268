/* SPDX-License-Identifier: MIT */
/* The filters over the ids of segments, in memory. */
#include "config.h"

#include "lib/store/filters.h"

#include <stdlib.h>
#include <string.h>

#include "lib/store/segment_in.h"

struct cf_filter_entry {
  struct cf_segment_meta meta;
  uint8_t *bytes;
  size_t n;
  uint64_t used; /* when, by the clock of uses */
};

void cf_filters_init(struct cf_filters *filters, size_t budget)
{
  memset(filters, 0, sizeof *filters);
  (void)pthread_mutex_init(&filters->lock, NULL);
  filters->budget = budget;
}

void cf_filters_fini(struct cf_filters *filters)
{
  for (size_t i = 0; i < filters->n; i++)
    free(filters->entry[i].bytes);
  free(filters->entry);
  (void)pthread_mutex_destroy(&filters->lock);
}

void cf_filters_set_budget(struct cf_filters *filters, size_t budget)
{
  (void)pthread_mutex_lock(&filters->lock);
  filters->budget = budget;
  (void)pthread_mutex_unlock(&filters->lock);
}

/* The place of the first entry that is not before the segment. */
static size_t place(const struct cf_filters *f, const struct cf_segment_meta *meta)
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

static struct cf_filter_entry *find(struct cf_filters *f, const struct cf_segment_meta *meta)
{
  for (size_t i = place(f, meta); i < f->n && f->entry[i].meta.first == meta->first; i++)
    if (f->entry[i].meta.end == meta->end && f->entry[i].meta.generation == meta->generation)
      return &f->entry[i];
  return NULL;
}

bool cf_filters_ask(struct cf_filters *filters, const struct cf_segment_meta *meta,
                    const uint64_t *fingerprints, uint32_t n, uint32_t *maybe, uint32_t *maybe_n)
{
  uint32_t found = 0;
  (void)pthread_mutex_lock(&filters->lock);
  struct cf_filter_entry *e = find(filters, meta);
  if (e != NULL) {
    e->used = ++filters->uses;
    for (uint32_t i = 0; i < n; i++)
      if (cf_filter_may_have(e->bytes, e->n, fingerprints[i]))
        maybe[found++] = i;
    *maybe_n = found;
  }
  (void)pthread_mutex_unlock(&filters->lock);
  return e != NULL;
}

static void remove_entry(struct cf_filters *f, struct cf_filter_entry *e)
{
  free(e->bytes);
  f->bytes -= e->n;
  f->n--;
  memmove(e, e + 1, (size_t)(f->entry + f->n - e) * sizeof *e);
}

static void shrink(struct cf_filters *f, size_t n)
{
  while (f->n > 0 && f->bytes + n > f->budget) {
    struct cf_filter_entry *oldest = f->entry;
    for (size_t i = 1; i < f->n; i++)
      if (f->entry[i].used < oldest->used)
        oldest = &f->entry[i];
    remove_entry(f, oldest);
  }
}

/* false: no memory. */
static bool insert(struct cf_filters *f, const struct cf_segment_meta *meta, uint8_t *bytes,
                   size_t n)
{
  if (f->n == f->cap) {
    size_t cap = f->cap == 0 ? 16 : 2 * f->cap;
    struct cf_filter_entry *grown = realloc(f->entry, cap * sizeof *grown);
    if (grown == NULL)
      return false;
    f->entry = grown;
    f->cap = cap;
  }
  struct cf_filter_entry *e = f->entry + place(f, meta);
  memmove(e + 1, e, (size_t)(f->entry + f->n - e) * sizeof *e);
  *e = (struct cf_filter_entry){*meta, bytes, n, ++f->uses};
  f->n++;
  f->bytes += n;
  return true;
}

void cf_filters_keep(struct cf_filters *filters, const struct cf_segment_meta *meta, uint8_t *bytes,
                     size_t n)
{
  (void)pthread_mutex_lock(&filters->lock);
  bool kept = false;
  if (find(filters, meta) == NULL) {
    shrink(filters, n);
    kept = insert(filters, meta, bytes, n);
  }
  (void)pthread_mutex_unlock(&filters->lock);
  if (!kept)
    free(bytes);
}

void cf_filters_drop(struct cf_filters *filters, const struct cf_segment_meta *meta)
{
  (void)pthread_mutex_lock(&filters->lock);
  struct cf_filter_entry *e = find(filters, meta);
  if (e != NULL)
    remove_entry(filters, e);
  (void)pthread_mutex_unlock(&filters->lock);
}
