/* SPDX-License-Identifier: MIT */
/* The index of a generation in memory: a table for each indexed member, date
 * and kind, and the fingerprints of ids. */
#include "config.h"

#include "lib/index/index_table_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/crypto.h"
#include "lib/base/die.h"

#define IDS_FIRST 64

/* One id; those of equal fingerprint form a ring, and the slot holds its
 * newest. */
struct id {
  uint64_t fingerprint;
  uint32_t offset;
  uint32_t next;
};

struct ids {
  struct id *id;
  uint32_t *slot; /* number of an id plus one, by the fingerprint's low bits */
  size_t n, max;
  size_t slots;
};

struct cf_index {
  uint8_t fingerprint_key[16];
  uint8_t seed[16];
  struct cf_table table[CF_I_N];
  struct ids ids;
  int64_t hour_us; /* of date_key */
  size_t date_n;
  uint8_t date_key[CF_INDEX_VALUE_MAX];
};

enum cf_err cf_index_new(const uint8_t fingerprint_key[16], struct cf_index **out)
{
  struct cf_index *index = calloc(1, sizeof *index);

  if (index == NULL)
    return CF_E_NOMEM;
  memcpy(index->fingerprint_key, fingerprint_key, sizeof index->fingerprint_key);
  cf_random(index->seed, sizeof index->seed);
  *out = index;
  return CF_OK;
}

void cf_index_free(struct cf_index *index)
{
  if (index == NULL)
    return;
  for (unsigned i = 0; i < CF_I_N; i++)
    cf_table_fini(&index->table[i]);
  free(index->ids.id);
  free(index->ids.slot);
  free(index);
}

uint64_t cf_index_fingerprint(const struct cf_index *index, struct cf_str id)
{
  return cf_id_fingerprint(index->fingerprint_key, id);
}

/* ---- ids ---- */

static size_t id_slot(const struct ids *ids, uint64_t fingerprint)
{
  size_t i = fingerprint & (ids->slots - 1);

  while (ids->slot[i] != 0 && ids->id[ids->slot[i] - 1].fingerprint != fingerprint)
    i = (i + 1) & (ids->slots - 1);
  return i;
}

/* Only the newest of each ring stands in a slot. */
static enum cf_err ids_grow_slots(struct ids *ids)
{
  size_t old = ids->slots;
  uint32_t *was = ids->slot;
  uint32_t *slot = calloc(old == 0 ? 2 * IDS_FIRST : 2 * old, sizeof *slot);

  if (slot == NULL)
    return CF_E_NOMEM;
  ids->slots = old == 0 ? 2 * IDS_FIRST : 2 * old;
  ids->slot = slot;
  for (size_t i = 0; i < old; i++)
    if (was[i] != 0)
      slot[id_slot(ids, ids->id[was[i] - 1].fingerprint)] = was[i];
  free(was);
  return CF_OK;
}

static enum cf_err ids_reserve(struct ids *ids)
{
  if (ids->n == ids->max) {
    size_t max = ids->max == 0 ? IDS_FIRST : 2 * ids->max;
    struct id *id = realloc(ids->id, max * sizeof *id);
    if (id == NULL)
      return CF_E_NOMEM;
    ids->id = id;
    ids->max = max;
  }
  return (ids->n + 1) * 4 > ids->slots * 3 ? ids_grow_slots(ids) : CF_OK;
}

static enum cf_err ids_add(struct ids *ids, uint64_t fingerprint, uint32_t offset)
{
  enum cf_err err = ids_reserve(ids);

  if (err != CF_OK)
    return err;
  size_t i = id_slot(ids, fingerprint);
  uint32_t number = (uint32_t)ids->n++;
  ids->id[number] = (struct id){fingerprint, offset, number};
  if (ids->slot[i] != 0) {
    struct id *newest = &ids->id[ids->slot[i] - 1];
    ids->id[number].next = newest->next;
    newest->next = number;
  }
  ids->slot[i] = number + 1;
  return CF_OK;
}

void cf_index_find_id(const struct cf_index *index, uint64_t fingerprint,
                      bool (*each)(void *context, uint32_t offset), void *context)
{
  const struct ids *ids = &index->ids;

  if (ids->n == 0)
    return;
  size_t i = id_slot(ids, fingerprint);
  if (ids->slot[i] == 0)
    return;
  uint32_t newest = ids->slot[i] - 1;
  uint32_t at = newest;
  do
    at = ids->id[at].next;
  while (each(context, ids->id[at].offset) && at != newest);
}

static int compare_ids(const void *a, const void *b)
{
  const struct id *x = a;
  const struct id *y = b;

  if (x->fingerprint != y->fingerprint)
    return x->fingerprint < y->fingerprint ? -1 : 1;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

enum cf_err cf_index_each_id(const struct cf_index *index, uint32_t limit,
                             enum cf_err (*each)(void *context, uint64_t fingerprint,
                                                 uint32_t offset),
                             void *context)
{
  const struct ids *ids = &index->ids;
  struct id *sorted = malloc((ids->n + 1) * sizeof *sorted);
  enum cf_err err = CF_OK;
  size_t n = 0;

  if (sorted == NULL)
    return CF_E_NOMEM;
  while (n < ids->n && ids->id[n].offset < limit) {
    sorted[n] = ids->id[n];
    n++;
  }
  qsort(sorted, n, sizeof *sorted, compare_ids);
  for (size_t i = 0; i < n && err == CF_OK; i++)
    err = each(context, sorted[i].fingerprint, sorted[i].offset);
  free(sorted);
  return err;
}

/* ---- records ---- */

static void put_key(struct cf_buf *b, unsigned which, struct cf_str value)
{
  uint8_t key[2 + CF_INDEX_VALUE_MAX];

  key[0] = (uint8_t)which;
  key[1] = (uint8_t)cf_index_key(which, value, key + 2);
  cf_buf_put(b, key, 2u + key[1]);
}

void cf_index_keys_put(const uint8_t fingerprint_key[16], enum cf_kind kind,
                       const struct cf_str value[CF_M_N], struct cf_buf *b,
                       struct cf_index_keys *keys)
{
  size_t at = b->n;

  put_key(b, CF_I_KIND, cf_str_from(cf_kind_table[kind].name));
  for (unsigned m = 0; m < CF_M_N; m++)
    if (cf_member_table[m].indexed && m != CF_M_ID && value[m].p != NULL)
      put_key(b, m, value[m]);
  *keys = (struct cf_index_keys){.has_id = value[CF_M_ID].p != NULL};
  if (keys->has_id)
    keys->fingerprint = cf_id_fingerprint(fingerprint_key, value[CF_M_ID]);
  if (b->err == CF_OK)
    keys->keys = (struct cf_str){(const char *)b->p + at, b->n - at};
}

void cf_index_keys_settle(const struct cf_buf *b, struct cf_index_keys *keys, size_t n)
{
  const char *p = (const char *)b->p;

  for (size_t i = 0; i < n && b->err == CF_OK; i++) {
    keys[i].keys.p = p;
    p += keys[i].keys.n;
  }
}

/* A record's way into the tables. */
struct adding {
  struct cf_index *index;
  unsigned n;
  struct cf_adding table[CF_I_N];
};

static void chunk_begin(struct adding *a, unsigned which, const uint8_t *key, size_t n)
{
  cf_table_begin(&a->table[a->n++], &a->index->table[which], a->index->seed,
                 (struct cf_str){(const char *)key, n});
}

static void begin_date(struct adding *a, int64_t effective_us)
{
  struct cf_index *index = a->index;
  int64_t hour_us = cf_time_hour(effective_us);

  if (index->date_n == 0 || index->hour_us != hour_us) {
    index->date_n = cf_index_date_key(effective_us, index->date_key);
    index->hour_us = hour_us;
  }
  chunk_begin(a, CF_I_DATE, index->date_key, index->date_n);
}

enum cf_err cf_index_add(struct cf_index *index, uint32_t offset, int64_t effective_us,
                         const struct cf_index_keys *keys)
{
  const uint8_t *p = (const uint8_t *)keys->keys.p, *end = p + keys->keys.n;
  struct adding a;
  enum cf_err err = CF_OK;

  CF_ASSERT(offset < CF_OFFSET_MAX);
  a.index = index;
  a.n = 0;
  begin_date(&a, effective_us);
  for (; p < end; p += 2 + p[1])
    chunk_begin(&a, p[0], p + 2, p[1]);
  if (keys->has_id)
    err = ids_add(&index->ids, keys->fingerprint, offset);
  for (unsigned i = 0; i < a.n; i++)
    cf_table_look(&a.table[i]);
  for (unsigned i = 0; i < a.n && err == CF_OK; i++)
    err = cf_table_end(&a.table[i], offset);
  return err;
}

size_t cf_index_memory(const struct cf_index *index)
{
  size_t bytes = sizeof *index + index->ids.max * sizeof *index->ids.id +
                 index->ids.slots * sizeof *index->ids.slot;

  for (unsigned i = 0; i < CF_I_N; i++)
    bytes += cf_table_memory(&index->table[i]);
  return bytes;
}

/* ---- asking ---- */

static void match_entry(const struct cf_entry *e, uint32_t from, struct cf_bits *bits)
{
  const uint32_t *offsets = cf_entry_offsets(e);
  uint32_t end = cf_offsets_below(offsets, e->n, bits->n);

  for (uint32_t i = cf_offsets_below(offsets, end, from); i < end; i++)
    cf_bits_set(bits, offsets[i]);
}

bool cf_term_has(const struct cf_term *term, struct cf_str key)
{
  if (term->prefix)
    return cf_str_starts(key, term->first);
  return cf_str_cmp(term->first, key) <= 0 && cf_str_cmp(key, term->last) <= 0;
}

void cf_index_match(const struct cf_index *index, const struct cf_term *term, uint32_t from,
                    struct cf_bits *bits)
{
  const struct cf_table *t = &index->table[term->index];

  if (!term->prefix && cf_str_eq(term->first, term->last)) {
    const struct cf_entry *e = cf_table_find(t, index->seed, term->first);
    if (e != NULL)
      match_entry(e, from, bits);
    return;
  }
  for (size_t i = 0; i < t->entries; i++)
    if (cf_term_has(term, cf_entry_key(t, &t->entry[i])))
      match_entry(&t->entry[i], from, bits);
}

enum cf_err cf_index_each(const struct cf_index *index, unsigned which, uint32_t limit,
                          enum cf_err (*each)(void *context, struct cf_str key,
                                              const uint32_t *offsets, uint32_t n),
                          void *context)
{
  const struct cf_table *t = &index->table[which];
  uint32_t *numbers = NULL;

  enum cf_err err = cf_table_sort(t, &numbers);
  if (err != CF_OK)
    return err;
  for (size_t i = 0; i < t->entries && err == CF_OK; i++) {
    const struct cf_entry *e = &t->entry[numbers[i]];
    uint32_t n = cf_offsets_below(cf_entry_offsets(e), e->n, limit);
    if (n > 0)
      err = each(context, cf_entry_key(t, e), cf_entry_offsets(e), n);
  }
  free(numbers);
  return err;
}
