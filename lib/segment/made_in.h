/* SPDX-License-Identifier: MIT */
/* Inside lib/segment: leaf hashes that were made of a part's records and are
 * the part's, for who asks for its others next, as each proof does. They stand
 * under the digest of their file. Thread-safe. */
#ifndef CF_SEGMENT_MADE_IN_H
#define CF_SEGMENT_MADE_IN_H

#include <pthread.h>

#include "lib/segment/segment.h"

#define CF_MADE_SLOTS 64 /* 35 KB */

struct cf_made {
  pthread_mutex_t lock;
  struct cf_made_slot {
    bool used;
    uint8_t digest[CF_HASH_N];
    uint32_t part;
    uint8_t hashes[CF_PART * CF_HASH_N];
  } slot[CF_MADE_SLOTS];
};
void cf_made_init(struct cf_made *made);
void cf_made_fini(struct cf_made *made);
/* The hashes of the part of that number of a sworn segment; false where they
 * are not there. */
bool cf_made_find(struct cf_made *made, const struct cf_segment_meta *meta, uint32_t part,
                  uint8_t *hashes);
/* Keep them; those in their place go. */
void cf_made_keep(struct cf_made *made, const struct cf_segment_meta *meta, uint32_t part,
                  const uint8_t *hashes);

#endif
