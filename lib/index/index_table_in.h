/* SPDX-License-Identifier: MIT */
/* Inside lib/index: one index in memory, from keys to ascending offsets. */
#ifndef CF_INDEX_INDEX_TABLE_IN_H
#define CF_INDEX_INDEX_TABLE_IN_H

#include "lib/index/index.h"

#define CF_FEW 2 /* offsets that need no memory of their own */

_Static_assert(CF_INDEX_VALUE_MAX <= UINT8_MAX, "length of a key");

struct cf_entry {
  uint32_t key_at; /* in the arena */
  uint32_t hash;
  uint32_t n;
  uint8_t key_n;
  uint8_t room; /* log2 of the room in many; 0: few */
  union {
    uint32_t few[CF_FEW];
    uint32_t *many;
  } at;
};

/* Entries in the order of their first offset, keys one after the other, and an
 * open-addressed table of slots: an entry's number plus one, and above it seven
 * bits of its hash, which spare most looks at entries that are not the one. */
struct cf_table {
  struct cf_entry *entry;
  uint32_t *slot;
  uint8_t *arena;
  size_t entries, entries_max;
  size_t slots; /* a power of two, or 0 */
  size_t arena_n, arena_max;
  size_t lists;  /* bytes of the entries' own memory */
  uint32_t last; /* the entry that was added to last */
};

void cf_table_fini(struct cf_table *t);
/* Adding to a table mostly waits for memory, and a record goes into many
 * tables: so a caller begins for all of them, then looks, then ends. A key
 * (key.n ≤ CF_INDEX_VALUE_MAX) that an offset, higher than all before, is being
 * added to. */
struct cf_adding {
  struct cf_table *t;
  struct cf_str key;
  uint32_t hash;
  bool again; /* it is the key that was added to last */
};
/* seed: 16 secret bytes, always the same. */
void cf_table_begin(struct cf_adding *a, struct cf_table *t, const uint8_t seed[16],
                    struct cf_str key);
void cf_table_look(const struct cf_adding *a);
CF_MUST enum cf_err cf_table_end(const struct cf_adding *a, uint32_t offset); /* CF_E_NOMEM */
/* The key's entry, or NULL. */
const struct cf_entry *cf_table_find(const struct cf_table *t, const uint8_t seed[16],
                                     struct cf_str key);
size_t cf_table_memory(const struct cf_table *t);
/* The numbers of the entries in the order of their keys; the caller frees them.
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_table_sort(const struct cf_table *t, uint32_t **numbers);

static inline struct cf_str cf_entry_key(const struct cf_table *t, const struct cf_entry *e)
{
  return e->key_n == 0 ? CF_STR("") /* there may be no arena yet */
                       : (struct cf_str){(const char *)t->arena + e->key_at, e->key_n};
}
static inline const uint32_t *cf_entry_offsets(const struct cf_entry *e)
{
  return e->room == 0 ? e->at.few : e->at.many;
}

/* How many of the n ascending offsets are below limit. */
uint32_t cf_offsets_below(const uint32_t *offsets, uint32_t n, uint32_t limit);

#endif
