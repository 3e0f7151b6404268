/* SPDX-License-Identifier: MIT */
/* The index of a generation in memory: a table for each indexed member, date
 * and kind, or the fingerprints of an exact one. */
#include "config.h"

#include "lib/index/index_table_in.h"
#include "lib/index/key_fold.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/crypto.h"
#include "lib/base/die.h"

#define IDS_FIRST   64
#define NUMBER_BITS 25 /* of a slot: ids are at most as many as offsets */
#define NUMBER_MASK ((1u << NUMBER_BITS) - 1)
_Static_assert(CF_OFFSET_MAX <= NUMBER_MASK, "numbers of ids");

/* One value of an exact index; those of equal fingerprint form a ring, and the
 * slot holds its newest. */
struct id {
  uint64_t fingerprint;
  uint32_t offset;
  uint32_t next;
};

struct ids {
  struct id *id;
  /* By the fingerprint's low bits: number of an id plus one, and above it the
   * fingerprint's high bits, which spare most looks at ids that are not the
   * one. */
  uint32_t *slot;
  size_t n, max;
  size_t slots;
};

struct cf_index {
  uint8_t fingerprint_key[16];
  uint8_t seed[16];
  struct cf_table table[CF_I_N];
  struct ids ids[CF_I_N]; /* of exact ones */
  int64_t hour_us;        /* of date_key */
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
  for (unsigned i = 0; i < CF_I_N; i++) {
    cf_table_fini(&index->table[i]);
    free(index->ids[i].id);
    free(index->ids[i].slot);
  }
  free(index);
}

uint64_t cf_index_fingerprint(const struct cf_index *index, struct cf_str id)
{
  return cf_id_fingerprint(index->fingerprint_key, id);
}

void cf_spans_make(const int64_t *times, uint32_t n, struct cf_span *spans)
{
  for (uint32_t from = 0; from < n; from += CF_TIMES_RUN) {
    struct cf_span span = {times[from], times[from]};
    for (uint32_t i = from; i < n && i < from + CF_TIMES_RUN; i++) {
      span.min_us = times[i] < span.min_us ? times[i] : span.min_us;
      span.max_us = times[i] > span.max_us ? times[i] : span.max_us;
    }
    spans[from / CF_TIMES_RUN] = span;
  }
}

/* ---- ids ---- */

static uint32_t slot_make(uint64_t fingerprint, uint32_t number)
{
  return (uint32_t)(fingerprint >> 32) >> NUMBER_BITS << NUMBER_BITS | (number + 1);
}

static uint32_t slot_number(uint32_t slot)
{
  return (slot & NUMBER_MASK) - 1;
}

static bool slot_has(const struct ids *ids, uint32_t slot, uint64_t fingerprint)
{
  return (slot ^ (uint32_t)(fingerprint >> 32)) >> NUMBER_BITS == 0 &&
         ids->id[slot_number(slot)].fingerprint == fingerprint;
}

/* The slot that has the fingerprint, or the free one where it belongs. */
static size_t id_slot(const struct ids *ids, uint64_t fingerprint)
{
  size_t i = fingerprint & (ids->slots - 1);

  while (ids->slot[i] != 0 && !slot_has(ids, ids->slot[i], fingerprint))
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
      slot[id_slot(ids, ids->id[slot_number(was[i])].fingerprint)] = was[i];
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
    struct id *newest = &ids->id[slot_number(ids->slot[i])];
    ids->id[number].next = newest->next;
    newest->next = number;
  }
  ids->slot[i] = slot_make(fingerprint, number);
  return CF_OK;
}

void cf_index_look(const struct cf_index *index, unsigned which, uint64_t fingerprint)
{
  const struct ids *ids = &index->ids[which];

  if (ids->n > 0)
    __builtin_prefetch(&ids->slot[fingerprint & (ids->slots - 1)]);
}

bool cf_index_has(const struct cf_index *index, unsigned which, uint64_t fingerprint)
{
  const struct ids *ids = &index->ids[which];

  return ids->n > 0 && ids->slot[id_slot(ids, fingerprint)] != 0;
}

void cf_index_find(const struct cf_index *index, unsigned which, uint64_t fingerprint,
                   bool (*each)(void *context, uint32_t offset), void *context)
{
  const struct ids *ids = &index->ids[which];

  if (!cf_index_has(index, which, fingerprint))
    return;
  uint32_t newest = slot_number(ids->slot[id_slot(ids, fingerprint)]);
  uint32_t at = newest;
  do
    at = ids->id[at].next;
  while (each(context, ids->id[at].offset) && at != newest);
}

/* By the fingerprints' first 32 bits, a byte at a time from the lowest on: what
 * is equal stays as it came, in order of its offset. room is for n more. */
static void ids_sort(struct id *ids, struct id *room, size_t n)
{
  for (unsigned shift = 32; shift < 64; shift += 8) {
    size_t at[257] = {0};
    for (size_t i = 0; i < n; i++)
      at[(ids[i].fingerprint >> shift & 255) + 1]++;
    for (size_t k = 1; k < 256; k++)
      at[k] += at[k - 1];
    for (size_t i = 0; i < n; i++)
      room[at[ids[i].fingerprint >> shift & 255]++] = ids[i];
    struct id *sorted = room;
    room = ids;
    ids = sorted;
  }
}

enum cf_err cf_index_each_exact(const struct cf_index *index, unsigned which, uint32_t limit,
                                enum cf_err (*each)(void *context, uint64_t fingerprint,
                                                    uint32_t offset),
                                void *context)
{
  const struct ids *ids = &index->ids[which];
  struct id *sorted = malloc((2 * ids->n + 1) * sizeof *sorted);
  enum cf_err err = CF_OK;
  size_t n = 0;

  if (sorted == NULL)
    return CF_E_NOMEM;
  while (n < ids->n && ids->id[n].offset < limit) {
    sorted[n] = ids->id[n];
    n++;
  }
  ids_sort(sorted, sorted + n, n);
  for (size_t i = 0; i < n && err == CF_OK; i++)
    err = each(context, sorted[i].fingerprint, sorted[i].offset);
  free(sorted);
  return err;
}

/* ---- records ---- */

static void put_key(struct cf_buf *b, unsigned which, struct cf_str value)
{
  uint8_t *key = cf_buf_grow(b, 2 + CF_INDEX_VALUE_MAX);

  if (key == NULL)
    return;
  key[0] = (uint8_t)which;
  key[1] = (uint8_t)cf_index_key(which, value, key + 2);
  cf_buf_cut(b, (size_t)CF_INDEX_VALUE_MAX - key[1]);
}

static void put_exact(struct cf_buf *b, unsigned which, uint64_t fingerprint)
{
  uint8_t key[2 + sizeof fingerprint] = {(uint8_t)which, sizeof fingerprint};

  cf_u64_put(key + 2, fingerprint);
  cf_buf_put(b, key, sizeof key);
}

void cf_index_keys_put(const uint8_t fingerprint_key[16], enum cf_kind kind,
                       const struct cf_str value[CF_M_N], struct cf_buf *b,
                       struct cf_index_keys *keys)
{
  size_t at = b->n;

  put_key(b, CF_I_KIND, cf_str_from(cf_kind_table[kind].name));
  for (unsigned m = 0; m < CF_M_N; m++) {
    if (!cf_member_table[m].indexed || m == CF_M_ID || value[m].p == NULL)
      continue;
    if (cf_index_is_exact(m))
      put_exact(b, m, cf_index_exact(fingerprint_key, m, value[m]));
    else
      put_key(b, m, value[m]);
  }
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

/* A record's way into the tables, and to the ids. */
struct adding {
  struct cf_index *index;
  unsigned n, exact_n;
  struct cf_adding table[CF_I_N];
  struct {
    unsigned which;
    uint64_t fingerprint;
  } exact[CF_I_N];
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

static void begin_exact(struct adding *a, unsigned which, uint64_t fingerprint)
{
  cf_index_look(a->index, which, fingerprint);
  a->exact[a->exact_n].which = which;
  a->exact[a->exact_n++].fingerprint = fingerprint;
}

static void begin_all(struct adding *a, int64_t effective_us, const struct cf_index_keys *keys)
{
  const uint8_t *p = (const uint8_t *)keys->keys.p, *end = p + keys->keys.n;

  if (keys->has_id)
    begin_exact(a, CF_M_ID, keys->fingerprint);
  begin_date(a, effective_us);
  for (; p < end; p += 2 + p[1]) {
    if (cf_index_is_exact(p[0]))
      begin_exact(a, p[0], cf_u64_get(p + 2));
    else
      chunk_begin(a, p[0], p + 2, p[1]);
  }
}

enum cf_err cf_index_add(struct cf_index *index, uint32_t offset, int64_t effective_us,
                         const struct cf_index_keys *keys)
{
  struct adding a;
  enum cf_err err = CF_OK;

  CF_ASSERT(offset < CF_OFFSET_MAX);
  a.index = index;
  a.n = a.exact_n = 0;
  begin_all(&a, effective_us, keys);
  for (unsigned i = 0; i < a.n; i++)
    cf_table_look(&a.table[i]);
  for (unsigned i = 0; i < a.exact_n && err == CF_OK; i++)
    err = ids_add(&index->ids[a.exact[i].which], a.exact[i].fingerprint, offset);
  for (unsigned i = 0; i < a.n && err == CF_OK; i++)
    err = cf_table_end(&a.table[i], offset);
  return err;
}

size_t cf_index_memory(const struct cf_index *index)
{
  size_t bytes = sizeof *index;

  for (unsigned i = 0; i < CF_I_N; i++)
    bytes += cf_table_memory(&index->table[i]) + index->ids[i].max * sizeof *index->ids[i].id +
             index->ids[i].slots * sizeof *index->ids[i].slot;
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
  if (term->fold != NULL)
    return cf_key_fold_has(term->fold, key);
  if (term->prefix)
    return cf_str_starts(key, term->first);
  return cf_str_cmp(term->first, key) <= 0 && cf_str_cmp(key, term->last) <= 0;
}

void cf_index_match(const struct cf_index *index, const struct cf_term *term, uint32_t from,
                    struct cf_bits *bits)
{
  const struct cf_table *t = &index->table[term->index];

  CF_ASSERT(!cf_index_is_exact(term->index));
  if (cf_term_is_one(term)) {
    const struct cf_entry *e = cf_table_find(t, index->seed, term->first);
    if (e != NULL)
      match_entry(e, from, bits);
    return;
  }
  for (size_t i = 0; i < t->entries; i++)
    if (cf_term_has(term, cf_entry_key(t, &t->entry[i])))
      match_entry(&t->entry[i], from, bits);
}

uint32_t cf_index_count(const struct cf_index *index, const struct cf_term *term)
{
  if (!cf_term_is_one(term))
    return UINT32_MAX;
  const struct cf_entry *e = cf_table_find(&index->table[term->index], index->seed, term->first);
  return e == NULL ? 0 : e->n;
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
