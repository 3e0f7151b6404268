/* SPDX-License-Identifier: MIT */
/* How long a peer may be waited for, in all: a grace, and more for what came.
 * Only the time that is spent waiting counts. */
#ifndef CF_DOOR_PACE_IN_H
#define CF_DOOR_PACE_IN_H

#include <stdint.h>

struct cf_pace {
  int64_t grace_us;
  uint64_t bytes_s; /* so many earn a second */
  int64_t waited_us;
  uint64_t bytes;
};

/* of a body: body_timeout, and a second for each 64 KiB */
#define CF_PACE_BODY_S (64u << 10)
/* of the reader of an answer, who may be a person looking at its beginning */
#define CF_PACE_ANSWER_US INT64_C(60000000)
#define CF_PACE_ANSWER_S  (16u << 10)
/* beyond this a peer is slow (fcgi_hold_in.h) */
#define CF_PACE_QUICK_US INT64_C(100000)
#define CF_PACE_QUICK_S  (4u << 20)

static inline int64_t cf_pace_left_us(const struct cf_pace *pace)
{
  return pace->grace_us + (int64_t)(pace->bytes * 1000000 / pace->bytes_s) - pace->waited_us;
}

/* How long it may be waited for before it is slow. */
static inline int64_t cf_pace_quick_us(const struct cf_pace *pace)
{
  return CF_PACE_QUICK_US + (int64_t)(pace->bytes * 1000000 / CF_PACE_QUICK_S) - pace->waited_us;
}

static inline void cf_pace_count(struct cf_pace *pace, int64_t waited_us, uint64_t bytes)
{
  pace->waited_us += waited_us;
  pace->bytes += bytes;
}

#endif
