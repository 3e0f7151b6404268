/* SPDX-License-Identifier: MIT */
/* Inside lib/segment: effective times of single records of sworn segments, by
 * the digest, as neither changes. A question by time whose candidates lie far
 * apart needs one of each row of times that it reads: who asks again reads none
 * of them. */
#ifndef CF_SEGMENT_KNOWN_TIMES_IN_H
#define CF_SEGMENT_KNOWN_TIMES_IN_H

#include <pthread.h>

#include "lib/base/crypto.h"

struct cf_known_time;
/* Thread-safe. A time has one of a few places; the one that was kept first goes
 * when they are taken. */
struct cf_known_times {
  pthread_mutex_t lock;
  struct cf_known_time *each; /* NULL without memory: nothing is kept */
  size_t n;
};
void cf_known_times_init(struct cf_known_times *times, size_t budget); /* bytes */
void cf_known_times_fini(struct cf_known_times *times);
/* Of the record at an offset in the segment of that digest. false: it is not
 * kept. */
bool cf_known_times_find(struct cf_known_times *times, const uint8_t digest[CF_HASH_N],
                         uint32_t offset, int64_t *time_us);
void cf_known_times_keep(struct cf_known_times *times, const uint8_t digest[CF_HASH_N],
                         uint32_t offset, int64_t time_us);

#endif
