/* SPDX-License-Identifier: MIT */
/* Times of single records: a table. */
#include "config.h"

#include "lib/segment/known_times_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"

#define PLACES 4 /* for a time */

struct cf_known_time {
  uint8_t digest[CF_HASH_N];
  uint32_t offset;
  bool used;
  int64_t time_us;
};

void cf_known_times_init(struct cf_known_times *times, size_t budget)
{
  *times = (struct cf_known_times){.n = budget / sizeof *times->each / PLACES * PLACES};
  (void)pthread_mutex_init(&times->lock, NULL);
  times->each = calloc(times->n + 1, sizeof *times->each);
  if (times->each == NULL)
    times->n = 0;
}

void cf_known_times_fini(struct cf_known_times *times)
{
  free(times->each);
  (void)pthread_mutex_destroy(&times->lock);
}

/* The first of its places; NULL: none are kept. */
static struct cf_known_time *places_of(const struct cf_known_times *times,
                                       const uint8_t digest[CF_HASH_N], uint32_t offset)
{
  if (times->n == 0)
    return NULL;
  uint64_t mixed = (cf_u64_get(digest) ^ offset) * UINT64_C(0x9e3779b97f4a7c15);
  return times->each + (mixed >> 16) % (times->n / PLACES) * PLACES;
}

static struct cf_known_time *place_find(struct cf_known_time *place,
                                        const uint8_t digest[CF_HASH_N], uint32_t offset)
{
  for (size_t i = 0; place != NULL && i < PLACES; i++)
    if (place[i].used && place[i].offset == offset &&
        memcmp(place[i].digest, digest, CF_HASH_N) == 0)
      return &place[i];
  return NULL;
}

bool cf_known_times_find(struct cf_known_times *times, const uint8_t digest[CF_HASH_N],
                         uint32_t offset, int64_t *time_us)
{
  (void)pthread_mutex_lock(&times->lock);
  const struct cf_known_time *known = place_find(places_of(times, digest, offset), digest, offset);
  if (known != NULL)
    *time_us = known->time_us;
  (void)pthread_mutex_unlock(&times->lock);
  return known != NULL;
}

void cf_known_times_keep(struct cf_known_times *times, const uint8_t digest[CF_HASH_N],
                         uint32_t offset, int64_t time_us)
{
  (void)pthread_mutex_lock(&times->lock);
  struct cf_known_time *place = places_of(times, digest, offset);
  if (place != NULL && place_find(place, digest, offset) == NULL) {
    memmove(place + 1, place, (PLACES - 1) * sizeof *place);
    *place = (struct cf_known_time){.offset = offset, .used = true, .time_us = time_us};
    memcpy(place->digest, digest, CF_HASH_N);
  }
  (void)pthread_mutex_unlock(&times->lock);
}
