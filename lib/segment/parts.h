/* SPDX-License-Identifier: MIT */
/* Parts that were opened, kept for who asks for them again, under who has them:
 * those of a segment under the digest of its file, and only what passed the
 * sums of its pages; those of a generation of the tail under a name that is no
 * digest. So no part of another, or of one that was replaced, is ever taken for
 * it. Thread-safe. */
#ifndef CF_SEGMENT_PARTS_H
#define CF_SEGMENT_PARTS_H

#include <pthread.h>

#include "lib/segment/block.h"

#define CF_PARTS_SLOTS 1024

struct cf_kept_part;
struct cf_parts {
  pthread_mutex_t lock;
  size_t budget, bytes;
  struct cf_kept_part *newest, *oldest; /* by use */
  struct cf_kept_part *slot[CF_PARTS_SLOTS];
};
/* budget in bytes; what readers have open is theirs to count. */
void cf_parts_init(struct cf_parts *parts, size_t budget);
void cf_parts_fini(struct cf_parts *parts);
/* Open the owner's part of that number; false where it is not kept. */
bool cf_parts_find(struct cf_parts *parts, const uint8_t owner[CF_HASH_N], uint32_t number,
                   struct cf_block *block);
/* Keep the part that is open in block, if there is memory; those used least go
 * for it. */
void cf_parts_keep(struct cf_parts *parts, const uint8_t owner[CF_HASH_N], uint32_t number,
                   struct cf_block *block);
/* Forget all parts of an owner. */
void cf_parts_drop(struct cf_parts *parts, const uint8_t owner[CF_HASH_N]);

#endif
