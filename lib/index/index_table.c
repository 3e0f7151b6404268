/* SPDX-License-Identifier: MIT */
/* One index in memory: lean enough for as many values as there are records, and
 * deaf to values chosen to collide. */
#include "config.h"

#include "lib/index/index_table_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/die.h"
#include "lib/index/siphash_in.h"

#define ENTRIES_FIRST 64
#define ARENA_FIRST   1024
#define MANY_FIRST    3  /* log2 */
#define NUMBER_BITS   25 /* of a slot: entries are at most as many as offsets */
#define NUMBER_MASK   ((1u << NUMBER_BITS) - 1)

void cf_table_fini(struct cf_table *t)
{
  for (size_t i = 0; i < t->entries; i++)
    if (t->entry[i].room > 0)
      free(t->entry[i].at.many);
  free(t->entry);
  free(t->slot);
  free(t->arena);
  memset(t, 0, sizeof *t);
}

uint32_t cf_offsets_below(const uint32_t *offsets, uint32_t n, uint32_t limit)
{
  uint32_t low = 0;

  if (n > 0 && offsets[n - 1] < limit)
    return n;
  while (low < n) {
    uint32_t middle = low + (n - low) / 2;
    if (offsets[middle] < limit)
      low = middle + 1;
    else
      n = middle;
  }
  return low;
}

/* ---- finding ---- */

static bool entry_is(const struct cf_table *t, const struct cf_entry *e, uint32_t hash,
                     struct cf_str key)
{
  return e->hash == hash && e->key_n == key.n &&
         (key.n == 0 || memcmp(t->arena + e->key_at, key.p, key.n) == 0);
}

static uint32_t slot_make(uint32_t hash, size_t number)
{
  return hash >> NUMBER_BITS << NUMBER_BITS | (uint32_t)(number + 1);
}

static uint32_t slot_number(uint32_t slot)
{
  return (slot & NUMBER_MASK) - 1;
}

/* The slot that has the key, or the free one where it belongs. */
static size_t slot_of(const struct cf_table *t, uint32_t hash, struct cf_str key)
{
  size_t i = hash & (t->slots - 1);

  while (t->slot[i] != 0 && ((t->slot[i] ^ hash) >> NUMBER_BITS != 0 ||
                             !entry_is(t, &t->entry[slot_number(t->slot[i])], hash, key)))
    i = (i + 1) & (t->slots - 1);
  return i;
}

const struct cf_entry *cf_table_find(const struct cf_table *t, const uint8_t seed[16],
                                     struct cf_str key)
{
  if (t->entries == 0)
    return NULL;
  size_t i = slot_of(t, (uint32_t)cf_siphash(seed, key.p, key.n), key);
  return t->slot[i] == 0 ? NULL : &t->entry[slot_number(t->slot[i])];
}

/* ---- adding ---- */

static enum cf_err grow_entries(struct cf_table *t)
{
  size_t max = t->entries_max == 0 ? ENTRIES_FIRST : 2 * t->entries_max;
  struct cf_entry *entry = realloc(t->entry, max * sizeof *entry);

  if (entry == NULL)
    return CF_E_NOMEM;
  t->entry = entry;
  t->entries_max = max;
  return CF_OK;
}

static enum cf_err grow_arena(struct cf_table *t, size_t n)
{
  size_t max = t->arena_max == 0 ? ARENA_FIRST : t->arena_max;

  while (max < t->arena_n + n)
    max *= 2;
  uint8_t *arena = max > (size_t)UINT32_MAX + 1 ? NULL : realloc(t->arena, max);
  if (arena == NULL)
    return CF_E_NOMEM;
  t->arena = arena;
  t->arena_max = max;
  return CF_OK;
}

static enum cf_err grow_slots(struct cf_table *t)
{
  size_t slots = t->slots == 0 ? 2 * ENTRIES_FIRST : 2 * t->slots;
  uint32_t *slot = calloc(slots, sizeof *slot);

  if (slot == NULL)
    return CF_E_NOMEM;
  for (size_t k = 0; k < t->entries; k++) {
    size_t i = t->entry[k].hash & (slots - 1);
    while (slot[i] != 0)
      i = (i + 1) & (slots - 1);
    slot[i] = slot_make(t->entry[k].hash, k);
  }
  free(t->slot);
  t->slot = slot;
  t->slots = slots;
  return CF_OK;
}

/* Room for one more entry with a key of n bytes. */
static enum cf_err table_reserve(struct cf_table *t, size_t n)
{
  enum cf_err err = CF_OK;

  if (t->entries == t->entries_max)
    err = grow_entries(t);
  if (err == CF_OK && t->arena_n + n > t->arena_max)
    err = grow_arena(t, n);
  if (err == CF_OK && (t->entries + 1) * 4 > t->slots * 3)
    err = grow_slots(t);
  return err;
}

static enum cf_err entry_new(struct cf_table *t, uint32_t hash, struct cf_str key, uint32_t *number)
{
  enum cf_err err = table_reserve(t, key.n);

  if (err != CF_OK)
    return err;
  struct cf_entry *e = &t->entry[t->entries];
  *e = (struct cf_entry){.key_at = (uint32_t)t->arena_n, .hash = hash, .key_n = (uint8_t)key.n};
  if (key.n > 0)
    memcpy(t->arena + t->arena_n, key.p, key.n);
  t->slot[slot_of(t, hash, key)] = slot_make(hash, t->entries);
  t->arena_n += key.n;
  *number = (uint32_t)t->entries++;
  return CF_OK;
}

static enum cf_err entry_grow(struct cf_table *t, struct cf_entry *e)
{
  uint8_t room = e->room == 0 ? MANY_FIRST : (uint8_t)(e->room + 1);
  size_t bytes = sizeof(uint32_t) << room;
  uint32_t *many = realloc(e->room == 0 ? NULL : e->at.many, bytes);

  if (many == NULL)
    return CF_E_NOMEM;
  if (e->room == 0)
    memcpy(many, e->at.few, sizeof e->at.few);
  t->lists += e->room == 0 ? bytes : bytes / 2;
  e->at.many = many;
  e->room = room;
  return CF_OK;
}

static enum cf_err entry_add(struct cf_table *t, struct cf_entry *e, uint32_t offset)
{
  if (e->n == (e->room == 0 ? CF_FEW : 1u << e->room)) {
    enum cf_err err = entry_grow(t, e);
    if (err != CF_OK)
      return err;
  }
  if (e->room == 0)
    e->at.few[e->n++] = offset;
  else
    e->at.many[e->n++] = offset;
  return CF_OK;
}

/* Many a value is the one of the record before. */
void cf_table_begin(struct cf_adding *a, struct cf_table *t, const uint8_t seed[16],
                    struct cf_str key)
{
  const struct cf_entry *last = t->entries > 0 ? &t->entry[t->last] : NULL;

  CF_ASSERT(key.n <= CF_INDEX_VALUE_MAX);
  a->t = t;
  a->key = key;
  a->again = last != NULL && entry_is(t, last, last->hash, key);
  a->hash = a->again ? last->hash : (uint32_t)cf_siphash(seed, key.p, key.n);
  if (t->slots > 0 && !a->again)
    __builtin_prefetch(&t->slot[a->hash & (t->slots - 1)]);
}

void cf_table_look(const struct cf_adding *a)
{
  const struct cf_table *t = a->t;

  if (t->slots > 0 && !a->again && t->slot[a->hash & (t->slots - 1)] != 0)
    __builtin_prefetch(&t->entry[slot_number(t->slot[a->hash & (t->slots - 1)])]);
}

enum cf_err cf_table_end(const struct cf_adding *a, uint32_t offset)
{
  struct cf_table *t = a->t;

  if (a->again)
    return entry_add(t, &t->entry[t->last], offset);
  size_t i = t->slots == 0 ? 0 : slot_of(t, a->hash, a->key);
  if (t->slots > 0 && t->slot[i] != 0) {
    t->last = slot_number(t->slot[i]);
  } else {
    enum cf_err err = entry_new(t, a->hash, a->key, &t->last);
    if (err != CF_OK)
      return err;
  }
  return entry_add(t, &t->entry[t->last], offset);
}

size_t cf_table_memory(const struct cf_table *t)
{
  return t->entries_max * sizeof *t->entry + t->slots * sizeof *t->slot + t->arena_max + t->lists;
}

/* ---- sorting ---- */
/* By eight bytes of the keys at a time, so that most comparisons touch nothing
 * but the items themselves. */

struct item {
  uint64_t word;
  uint32_t number;
};

static int compare_items(const void *a, const void *b)
{
  uint64_t x = ((const struct item *)a)->word;
  uint64_t y = ((const struct item *)b)->word;

  return x < y ? -1 : x > y;
}

static uint64_t word_of(struct cf_str key, size_t depth)
{
  uint64_t word = 0;

  for (size_t i = depth; i < depth + 8; i++)
    word = word << 8 | (i < key.n ? (uint8_t)key.p[i] : 0);
  return word;
}

static void sort_by_word(const struct cf_table *t, struct item *items, size_t n, size_t depth)
{
  bool sorted = true;

  for (size_t i = 0; i < n; i++) {
    items[i].word = word_of(cf_entry_key(t, &t->entry[items[i].number]), depth);
    sorted = sorted && (i == 0 || items[i - 1].word <= items[i].word);
  }
  if (!sorted)
    qsort(items, n, sizeof *items, compare_items);
}

/* Where words are equal the next eight bytes decide. Keys that end do so with a
 * lower word: text has no 0x00, and other keys are all as long as each
 * other. */
static void sort_items(const struct cf_table *t, struct item *items, size_t n, size_t depth)
{
  sort_by_word(t, items, n, depth);
  if (depth + 8 >= CF_INDEX_VALUE_MAX)
    return;
  for (size_t from = 0, to; from < n; from = to) {
    for (to = from + 1; to < n && items[to].word == items[from].word;)
      to++;
    if (to - from > 1)
      sort_items(t, items + from, to - from, depth + 8);
  }
}

enum cf_err cf_table_sort(const struct cf_table *t, uint32_t **numbers)
{
  struct item *items = malloc((t->entries + 1) * sizeof *items);
  uint32_t *out = malloc((t->entries + 1) * sizeof *out);

  if (items == NULL || out == NULL) {
    free(items);
    free(out);
    return CF_E_NOMEM;
  }
  for (size_t i = 0; i < t->entries; i++)
    items[i].number = (uint32_t)i;
  sort_items(t, items, t->entries, 0);
  for (size_t i = 0; i < t->entries; i++)
    out[i] = items[i].number;
  free(items);
  *numbers = out;
  return CF_OK;
}
