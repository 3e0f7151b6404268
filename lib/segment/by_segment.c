/* SPDX-License-Identifier: MIT */
/* Entries by segment: an array, for they are few, and all are asked at once. */
#include "config.h"

#include "lib/segment/by_segment_in.h"

#include <stdlib.h>
#include <string.h>

void cf_by_segment_fini(struct cf_by_segment *table)
{
  free(table->entry);
}

static struct cf_segment_meta *entry_at(const struct cf_by_segment *table, size_t i)
{
  return (void *)((char *)table->entry + i * table->size);
}

size_t cf_by_segment_before(const struct cf_by_segment *table, const struct cf_segment_meta *meta)
{
  size_t low = 0, high = table->n;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (entry_at(table, middle)->first < meta->first)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void *cf_by_segment_find(const struct cf_by_segment *table, const struct cf_segment_meta *meta)
{
  for (size_t i = cf_by_segment_before(table, meta); i < table->n; i++) {
    struct cf_segment_meta *have = entry_at(table, i);
    if (have->first != meta->first)
      break;
    if (have->end == meta->end && have->generation == meta->generation)
      return have;
  }
  return NULL;
}

void *cf_by_segment_add(struct cf_by_segment *table, const struct cf_segment_meta *meta)
{
  if (table->n == table->max) {
    size_t max = table->max == 0 ? 16 : 2 * table->max;
    void *grown = realloc(table->entry, max * table->size);
    if (grown == NULL)
      return NULL;
    table->entry = grown;
    table->max = max;
  }
  size_t i = cf_by_segment_before(table, meta);
  struct cf_segment_meta *made = entry_at(table, i);
  memmove(entry_at(table, i + 1), made, (table->n++ - i) * table->size);
  memset(made, 0, table->size);
  *made = *meta;
  return made;
}

void cf_by_segment_remove(struct cf_by_segment *table, void *entry)
{
  char *next = (char *)entry + table->size;
  char *end = (char *)entry_at(table, table->n--);

  memmove(entry, next, (size_t)(end - next));
}
