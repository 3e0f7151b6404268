/* SPDX-License-Identifier: MIT */
/* Leaf hashes that were made: a table with one place for each. */
#include "config.h"

#include "lib/segment/made_in.h"

#include <string.h>

#include "lib/base/codec.h"

void cf_made_init(struct cf_made *made)
{
  memset(made, 0, sizeof *made);
  pthread_mutex_init(&made->lock, NULL);
}

void cf_made_fini(struct cf_made *made)
{
  pthread_mutex_destroy(&made->lock);
}

static struct cf_made_slot *slot_of(struct cf_made *made, const struct cf_segment_meta *meta,
                                    uint32_t part)
{
  return &made->slot[(cf_u64_get(meta->digest) + part) % CF_MADE_SLOTS];
}

bool cf_made_find(struct cf_made *made, const struct cf_segment_meta *meta, uint32_t part,
                  uint8_t *hashes)
{
  pthread_mutex_lock(&made->lock);
  const struct cf_made_slot *s = slot_of(made, meta, part);
  bool found = s->used && s->part == part && memcmp(s->digest, meta->digest, CF_HASH_N) == 0;
  if (found)
    memcpy(hashes, s->hashes, sizeof s->hashes);
  pthread_mutex_unlock(&made->lock);
  return found;
}

void cf_made_keep(struct cf_made *made, const struct cf_segment_meta *meta, uint32_t part,
                  const uint8_t *hashes)
{
  pthread_mutex_lock(&made->lock);
  struct cf_made_slot *s = slot_of(made, meta, part);
  s->used = true;
  s->part = part;
  memcpy(s->digest, meta->digest, CF_HASH_N);
  memcpy(s->hashes, hashes, sizeof s->hashes);
  pthread_mutex_unlock(&made->lock);
}
