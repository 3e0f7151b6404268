/* SPDX-License-Identifier: MIT */
/* Parts that were opened: a table of chains, and a list by use. */
#include "config.h"

#include "lib/segment/parts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"

struct cf_kept_part {
  uint8_t owner[CF_HASH_N];
  uint32_t number;
  struct cf_shared_part *part;
  size_t bytes;
  struct cf_kept_part *next; /* in its chain */
  struct cf_kept_part *newer, *older;
};

void cf_parts_init(struct cf_parts *parts, size_t budget)
{
  memset(parts, 0, sizeof *parts);
  pthread_mutex_init(&parts->lock, NULL);
  parts->budget = budget;
}

/* ---- under the lock ---- */

/* The place in its chain that points to it, or to NULL. */
static struct cf_kept_part **place_of(struct cf_parts *parts, const uint8_t owner[CF_HASH_N],
                                      uint32_t number)
{
  uint64_t mixed = (cf_u64_get(owner) ^ number) * UINT64_C(0x9e3779b97f4a7c15);
  struct cf_kept_part **at = &parts->slot[mixed >> 32 & (CF_PARTS_SLOTS - 1)];

  while (*at != NULL && ((*at)->number != number || memcmp((*at)->owner, owner, CF_HASH_N) != 0))
    at = &(*at)->next;
  return at;
}

static void list_unlink(struct cf_parts *parts, struct cf_kept_part *k)
{
  *(k->newer != NULL ? &k->newer->older : &parts->newest) = k->older;
  *(k->older != NULL ? &k->older->newer : &parts->oldest) = k->newer;
}

static void list_link(struct cf_parts *parts, struct cf_kept_part *k)
{
  k->older = parts->newest;
  k->newer = NULL;
  *(parts->newest != NULL ? &parts->newest->newer : &parts->oldest) = k;
  parts->newest = k;
}

static void kept_forget(struct cf_parts *parts, struct cf_kept_part *k)
{
  *place_of(parts, k->owner, k->number) = k->next;
  list_unlink(parts, k);
  parts->bytes -= k->bytes;
  cf_shared_part_put(k->part);
  free(k);
}

/* Another thread may have kept the same part meanwhile. */
static void kept_enter(struct cf_parts *parts, struct cf_kept_part *k)
{
  struct cf_kept_part **at = place_of(parts, k->owner, k->number);

  if (*at != NULL)
    kept_forget(parts, *at);
  at = place_of(parts, k->owner, k->number);
  k->next = *at;
  *at = k;
  list_link(parts, k);
  parts->bytes += k->bytes;
  while (parts->bytes > parts->budget)
    kept_forget(parts, parts->oldest);
}

/* ---- from outside ---- */

void cf_parts_fini(struct cf_parts *parts)
{
  while (parts->oldest != NULL)
    kept_forget(parts, parts->oldest);
  pthread_mutex_destroy(&parts->lock);
}

bool cf_parts_find(struct cf_parts *parts, const uint8_t owner[CF_HASH_N], uint32_t number,
                   struct cf_block *block)
{
  pthread_mutex_lock(&parts->lock);
  struct cf_kept_part *k = *place_of(parts, owner, number);
  if (k != NULL) {
    list_unlink(parts, k);
    list_link(parts, k);
    cf_block_open_shared(block, k->part);
  }
  pthread_mutex_unlock(&parts->lock);
  return k != NULL;
}

void cf_parts_keep(struct cf_parts *parts, const uint8_t owner[CF_HASH_N], uint32_t number,
                   struct cf_block *block)
{
  struct cf_kept_part *k = parts->budget > 0 ? calloc(1, sizeof *k) : NULL;

  if (k == NULL || cf_block_share(block, &k->part) != CF_OK) {
    free(k);
    return;
  }
  memcpy(k->owner, owner, sizeof k->owner);
  k->number = number;
  k->bytes = sizeof *k + cf_shared_part_memory(k->part);
  pthread_mutex_lock(&parts->lock);
  kept_enter(parts, k);
  pthread_mutex_unlock(&parts->lock);
}

void cf_parts_drop(struct cf_parts *parts, const uint8_t owner[CF_HASH_N])
{
  pthread_mutex_lock(&parts->lock);
  for (struct cf_kept_part *k = parts->oldest, *newer; k != NULL; k = newer) {
    newer = k->newer;
    if (memcmp(k->owner, owner, CF_HASH_N) == 0)
      kept_forget(parts, k);
  }
  pthread_mutex_unlock(&parts->lock);
}
