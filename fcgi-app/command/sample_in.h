/* SPDX-License-Identifier: MIT */
/* Plausible events out of nothing but a seed: for trying things out,
 * demonstrations, tests and measurements.
 *
 * A small company's document application: some 200 people on their own
 * machines, a few scripts, and strangers who look for something to break. Times
 * go on through about a week, busy by day and quiet by night; one event in
 * twenty comes late. Names and addresses are those reserved for examples. */
#ifndef CF_COMMAND_SAMPLE_IN_H
#define CF_COMMAND_SAMPLE_IN_H

#include "lib/base/buf.h"

#define CF_SAMPLE_FROM_US INT64_C(1767571200000000) /* 2026-01-05T00:00:00Z, a Monday */

struct cf_sample {
  uint64_t state;  /* of the generator */
  uint64_t made;   /* events so far */
  int64_t now_us;  /* time of the next one */
  int64_t step_us; /* mean time between two */
};

/* n events (at least 1) from that time on, which is 1970 or later. Equal
 * arguments give equal events. */
void cf_sample_init(struct cf_sample *sample, uint64_t seed, int64_t from_us, uint64_t n);
/* Append the next event as one line of NDJSON, LF included; it never ends. */
void cf_sample_put(struct cf_sample *sample, struct cf_buf *b);

#endif
