/* SPDX-License-Identifier: MIT */
/* Filters that find nothing in a segment: a table of hashes. */
#include "config.h"

#include "lib/segment/barren_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"

#define PLACES 4 /* for a pair */

void cf_barren_init(struct cf_barren *barren, size_t budget)
{
  *barren = (struct cf_barren){.n = budget / CF_BARREN_N / PLACES * PLACES};
  (void)pthread_mutex_init(&barren->lock, NULL);
  barren->pair = calloc(barren->n + 1, sizeof *barren->pair);
  if (barren->pair == NULL)
    barren->n = 0;
}

void cf_barren_fini(struct cf_barren *barren)
{
  free(barren->pair);
  (void)pthread_mutex_destroy(&barren->lock);
}

/* Write the pair's hash, and give the first of its places; NULL: none are
 * kept. */
static uint8_t (*places_of(const struct cf_barren *barren, const uint8_t segment[CF_HASH_N],
                           const uint8_t filter[CF_HASH_N], uint8_t hash[CF_HASH_N]))[CF_BARREN_N]
{
  const struct cf_str parts[] = {{(const char *)segment, CF_HASH_N},
                                 {(const char *)filter, CF_HASH_N}};

  if (barren->n == 0)
    return NULL;
  cf_sha256(parts, 2, hash);
  return barren->pair + cf_u64_get(hash) % (barren->n / PLACES) * PLACES;
}

static bool places_have(uint8_t (*place)[CF_BARREN_N], const uint8_t hash[CF_HASH_N])
{
  bool have = false;

  for (size_t i = 0; i < PLACES && !have; i++)
    have = memcmp(place[i], hash, CF_BARREN_N) == 0;
  return have;
}

bool cf_barren_has(struct cf_barren *barren, const uint8_t segment[CF_HASH_N],
                   const uint8_t filter[CF_HASH_N])
{
  uint8_t hash[CF_HASH_N];
  uint8_t(*place)[CF_BARREN_N] = places_of(barren, segment, filter, hash);

  (void)pthread_mutex_lock(&barren->lock);
  bool have = place != NULL && places_have(place, hash);
  (void)pthread_mutex_unlock(&barren->lock);
  return have;
}

void cf_barren_note(struct cf_barren *barren, const uint8_t segment[CF_HASH_N],
                    const uint8_t filter[CF_HASH_N])
{
  uint8_t hash[CF_HASH_N];
  uint8_t(*place)[CF_BARREN_N] = places_of(barren, segment, filter, hash);

  (void)pthread_mutex_lock(&barren->lock);
  if (place != NULL && !places_have(place, hash)) {
    memmove(place[1], place[0], (PLACES - 1) * sizeof *place);
    memcpy(place[0], hash, CF_BARREN_N);
  }
  (void)pthread_mutex_unlock(&barren->lock);
}
