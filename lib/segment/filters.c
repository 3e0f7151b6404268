/* SPDX-License-Identifier: MIT */
/* The filters over the ids of segments, in memory, on shelves. */
#include "config.h"

#include "lib/segment/filters_in.h"

#include <stdlib.h>
#include <string.h>

struct cf_filter_shelf {
  struct cf_filter_shelf *next;
  struct cf_shelf shelf;
  /* while fingerprints are screened: the number of the segment whose filter
   * stands at each place, and which of them are asked */
  uint32_t segment[CF_SHELF_MAX];
  uint32_t asked;
};

struct cf_filter_entry {
  struct cf_segment_meta meta;
  struct cf_filter_shelf *shelf;
  unsigned place;
  uint64_t used; /* when, by the clock of uses */
};

void cf_filters_init(struct cf_filters *filters, size_t budget)
{
  memset(filters, 0, sizeof *filters);
  (void)pthread_mutex_init(&filters->lock, NULL);
  filters->entries.size = sizeof(struct cf_filter_entry);
  filters->budget = budget;
}

void cf_filters_set_budget(struct cf_filters *filters, size_t budget)
{
  (void)pthread_mutex_lock(&filters->lock);
  filters->budget = budget;
  (void)pthread_mutex_unlock(&filters->lock);
}

/* ---- shelves ---- */

static void shelf_free(struct cf_filters *f, struct cf_filter_shelf *shelf)
{
  struct cf_filter_shelf **at = &f->shelves;

  while (*at != shelf)
    at = &(*at)->next;
  *at = shelf->next;
  f->bytes -= sizeof *shelf;
  cf_shelf_fini(&shelf->shelf);
  free(shelf);
}

void cf_filters_fini(struct cf_filters *filters)
{
  while (filters->shelves != NULL)
    shelf_free(filters, filters->shelves);
  cf_by_segment_fini(&filters->entries);
  (void)pthread_mutex_destroy(&filters->lock);
}

/* The shelf that has a place for the filter, or NULL for a new one, so that the
 * least memory more is taken: so much. */
static struct cf_filter_shelf *shelf_find(const struct cf_filters *f, struct cf_str filter,
                                          size_t *growth)
{
  static const struct cf_shelf none = {.cells = NULL};
  struct cf_filter_shelf *found = NULL;

  *growth = sizeof *found + cf_shelf_growth(&none, filter);
  for (struct cf_filter_shelf *shelf = f->shelves; shelf != NULL; shelf = shelf->next) {
    size_t n = cf_shelf_growth(&shelf->shelf, filter);
    if (n < *growth) {
      *growth = n;
      found = shelf;
    }
  }
  return found;
}

/* A new one, which is empty, in the list. */
static struct cf_filter_shelf *shelf_new(struct cf_filters *f)
{
  struct cf_filter_shelf *shelf = calloc(1, sizeof *shelf);

  if (shelf == NULL)
    return NULL;
  shelf->next = f->shelves;
  f->shelves = shelf;
  f->bytes += sizeof *shelf;
  return shelf;
}

/* ---- entries ---- */

/* A word of four places went with that place. */
static void places_move(struct cf_filters *f, const struct cf_filter_shelf *shelf, unsigned place)
{
  struct cf_filter_entry *entry = f->entries.entry;

  for (size_t i = 0; i < f->entries.n; i++)
    if (entry[i].shelf == shelf && entry[i].place > place)
      entry[i].place -= CF_SHELF_WORD;
}

static void entry_remove(struct cf_filters *f, struct cf_filter_entry *e)
{
  struct cf_filter_shelf *shelf = e->shelf;
  size_t memory = cf_shelf_memory(&shelf->shelf);

  bool moved = cf_shelf_take(&shelf->shelf, e->place);
  f->bytes -= memory - cf_shelf_memory(&shelf->shelf);
  if (moved)
    places_move(f, shelf, e->place);
  if (shelf->shelf.taken == 0)
    shelf_free(f, shelf);
  cf_by_segment_remove(&f->entries, e);
}

static struct cf_filter_entry *entry_oldest(const struct cf_filters *f)
{
  struct cf_filter_entry *entry = f->entries.entry, *oldest = entry;

  for (size_t i = 1; i < f->entries.n; i++)
    if (entry[i].used < oldest->used)
      oldest = &entry[i];
  return oldest;
}

/* Room for the filter, for which those used least go. false: there is too
 * little for it alone. */
static bool room_make(struct cf_filters *f, struct cf_str filter)
{
  size_t growth;

  (void)shelf_find(f, filter, &growth);
  while (f->bytes + growth > f->budget && f->entries.n > 0) {
    entry_remove(f, entry_oldest(f));
    (void)shelf_find(f, filter, &growth);
  }
  return f->bytes + growth <= f->budget;
}

/* Without memory there is none. */
static void entry_insert(struct cf_filters *f, const struct cf_segment_meta *meta,
                         struct cf_str filter)
{
  struct cf_filter_entry *e = cf_by_segment_add(&f->entries, meta);
  size_t growth;

  if (e == NULL)
    return;
  e->used = ++f->uses;
  e->shelf = shelf_find(f, filter, &growth);
  if (e->shelf == NULL)
    e->shelf = shelf_new(f);
  size_t memory = e->shelf == NULL ? 0 : cf_shelf_memory(&e->shelf->shelf);
  if (e->shelf != NULL && cf_shelf_put(&e->shelf->shelf, filter, &e->place) == CF_OK) {
    f->bytes += cf_shelf_memory(&e->shelf->shelf) - memory;
    return;
  }
  if (e->shelf != NULL && e->shelf->shelf.taken == 0)
    shelf_free(f, e->shelf);
  cf_by_segment_remove(&f->entries, e);
}

bool cf_filters_has(struct cf_filters *filters, const struct cf_segment_meta *meta)
{
  (void)pthread_mutex_lock(&filters->lock);
  bool has = cf_by_segment_find(&filters->entries, meta) != NULL;
  (void)pthread_mutex_unlock(&filters->lock);
  return has;
}

void cf_filters_keep(struct cf_filters *filters, const struct cf_segment_meta *meta,
                     struct cf_str filter)
{
  (void)pthread_mutex_lock(&filters->lock);
  if (cf_by_segment_find(&filters->entries, meta) == NULL && room_make(filters, filter))
    entry_insert(filters, meta, filter);
  (void)pthread_mutex_unlock(&filters->lock);
}

void cf_filters_drop(struct cf_filters *filters, const struct cf_segment_meta *meta)
{
  (void)pthread_mutex_lock(&filters->lock);
  struct cf_filter_entry *e = cf_by_segment_find(&filters->entries, meta);
  if (e != NULL)
    entry_remove(filters, e);
  (void)pthread_mutex_unlock(&filters->lock);
}

/* ---- asking ---- */

static void hit_put(struct cf_buf *hits, uint32_t segment, uint32_t fingerprint)
{
  const struct cf_id_hit hit = {segment, fingerprint};
  cf_buf_put(hits, &hit, sizeof hit);
}

/* Say on the shelves who is asked. One without a filter may have all. */
static void segments_mark(struct cf_filters *f, const struct cf_segment_meta *const *segments,
                          uint32_t segments_n, uint32_t n, struct cf_buf *hits)
{
  for (struct cf_filter_shelf *s = f->shelves; s != NULL; s = s->next)
    s->asked = 0;
  f->uses++;
  for (uint32_t i = 0; i < segments_n; i++) {
    struct cf_filter_entry *e = cf_by_segment_find(&f->entries, segments[i]);
    for (uint32_t k = 0; k < n && e == NULL; k++)
      hit_put(hits, i, k);
    if (e == NULL)
      continue;
    e->used = f->uses;
    e->shelf->segment[e->place] = i;
    e->shelf->asked |= UINT32_C(1) << e->place;
  }
}

static void shelf_screen(const struct cf_filter_shelf *s, const uint64_t *fingerprints, uint32_t n,
                         struct cf_buf *hits)
{
  uint32_t places[CF_SHELF_ASKED];

  for (uint32_t at = 0, many; at < n && s->asked != 0; at += many) {
    many = n - at < CF_SHELF_ASKED ? n - at : CF_SHELF_ASKED;
    cf_shelf_screen(&s->shelf, fingerprints + at, many, places);
    for (uint32_t i = 0; i < many; i++)
      for (uint32_t left = places[i] & s->asked; left != 0; left &= left - 1)
        hit_put(hits, s->segment[__builtin_ctz(left)], at + i);
  }
}

static int hits_compare(const void *a, const void *b)
{
  const struct cf_id_hit *x = a, *y = b;

  if (x->segment != y->segment)
    return x->segment < y->segment ? -1 : 1;
  return x->fingerprint < y->fingerprint ? -1 : x->fingerprint > y->fingerprint;
}

void cf_filters_screen(struct cf_filters *filters, const struct cf_segment_meta *const *segments,
                       uint32_t segments_n, const uint64_t *fingerprints, uint32_t n,
                       struct cf_buf *hits)
{
  cf_buf_reset(hits);
  (void)pthread_mutex_lock(&filters->lock);
  segments_mark(filters, segments, segments_n, n, hits);
  for (const struct cf_filter_shelf *s = filters->shelves; s != NULL; s = s->next)
    shelf_screen(s, fingerprints, n, hits);
  (void)pthread_mutex_unlock(&filters->lock);
  if (hits->n > 0)
    qsort(hits->p, hits->n / sizeof(struct cf_id_hit), sizeof(struct cf_id_hit), hits_compare);
}
