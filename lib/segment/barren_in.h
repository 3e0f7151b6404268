/* SPDX-License-Identifier: MIT */
/* Inside lib/segment: which filters were found to find nothing in which sworn
 * segment, by its digest: as neither changes, that stays so. Who asks again,
 * for what is not there but for new records, has nothing opened or read. */
#ifndef CF_SEGMENT_BARREN_IN_H
#define CF_SEGMENT_BARREN_IN_H

#include <pthread.h>

#include "lib/base/crypto.h"

#define CF_BARREN_N 16 /* bytes of a pair's hash */

/* Thread-safe. A pair has one of a few places; the one that was noted first
 * goes when they are taken. */
struct cf_barren {
  pthread_mutex_t lock;
  uint8_t (*pair)[CF_BARREN_N]; /* NULL without memory: nothing is kept */
  size_t n;
};
void cf_barren_init(struct cf_barren *barren, size_t budget); /* bytes */
void cf_barren_fini(struct cf_barren *barren);
bool cf_barren_has(struct cf_barren *barren, const uint8_t segment[CF_HASH_N],
                   const uint8_t filter[CF_HASH_N]);
void cf_barren_note(struct cf_barren *barren, const uint8_t segment[CF_HASH_N],
                    const uint8_t filter[CF_HASH_N]);

#endif
