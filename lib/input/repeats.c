/* SPDX-License-Identifier: MIT */
/* Two tables: the one that is filled, and the one that was full before. */
#include "config.h"

#include "lib/input/repeats.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_N ((size_t)2 * CF_REPEATS_N)

struct place {
  uint8_t key[CF_REPEATS_KEY_N];
  uint32_t count; /* 0: free */
};

struct cf_repeats {
  struct place *now, *before; /* PLACES_N each */
  size_t now_n;               /* places of `now` that are taken */
};

enum cf_err cf_repeats_new(struct cf_repeats **repeats)
{
  struct cf_repeats *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->now = calloc(PLACES_N, sizeof *made->now);
  made->before = calloc(PLACES_N, sizeof *made->before);
  if (made->now == NULL || made->before == NULL) {
    cf_repeats_free(made);
    return CF_E_NOMEM;
  }
  *repeats = made;
  return CF_OK;
}

void cf_repeats_free(struct cf_repeats *repeats)
{
  if (repeats == NULL)
    return;
  free(repeats->now);
  free(repeats->before);
  free(repeats);
}

void cf_repeats_forget(struct cf_repeats *r)
{
  memset(r->now, 0, PLACES_N * sizeof *r->now);
  memset(r->before, 0, PLACES_N * sizeof *r->before);
  r->now_n = 0;
}

/* The place of the key, or the free one where it would be. */
static struct place *place_of(struct place *table, const uint8_t key[CF_REPEATS_KEY_N])
{
  uint32_t at;
  memcpy(&at, key, sizeof at);
  for (at %= PLACES_N; table[at].count > 0; at = (at + 1) % PLACES_N)
    if (memcmp(table[at].key, key, CF_REPEATS_KEY_N) == 0)
      break;
  return &table[at];
}

/* What was full is forgotten, and what is full now is kept beside. */
static void tables_turn(struct cf_repeats *r)
{
  struct place *full = r->now;
  r->now = r->before;
  r->before = full;
  memset(r->now, 0, PLACES_N * sizeof *r->now);
  r->now_n = 0;
}

uint32_t cf_repeats_count(struct cf_repeats *r, const uint8_t key[CF_REPEATS_KEY_N])
{
  if (r->now_n == CF_REPEATS_N)
    tables_turn(r);
  struct place *place = place_of(r->now, key);
  if (place->count == 0) {
    r->now_n++;
    memcpy(place->key, key, CF_REPEATS_KEY_N);
    place->count = place_of(r->before, key)->count;
  }
  return place->count++;
}
