/* SPDX-License-Identifier: MIT */
/* Random hostile records, and what a test knows of each besides its text. */
#ifndef CF_TEST_QUERY_FACTS_H
#define CF_TEST_QUERY_FACTS_H

#include "lib/record/record.h"

#define FAKE_ABSENT   (-1)
#define FAKE_EPOCH_US INT64_C(1700000000000000)

/* What a test knows of a record, besides its text: which value of the pool each
 * member has. */
struct fake_fact {
  int64_t time_us;  /* effective */
  int pick[CF_M_N]; /* FAKE_ABSENT, also where it was erased */
  struct cf_record record;
  char *text;
};

/* The values of members: hostile, alike, long. */
size_t fake_pool_count(unsigned member);
struct cf_str fake_pool(unsigned member, int pick);

struct fake {
  struct fake_fact *facts;
  size_t n;
  uint64_t random;
  bool acceptable; /* only what a ledger takes: events, nothing erased, each id once */
  unsigned ids;    /* of the pool, taken already */
};
/* n random records after those that are there. */
void fake_grow(struct fake *f, size_t n);
void fake_fini(struct fake *f);
/* 0 ≤ number < below. */
uint64_t fake_random(struct fake *f, uint64_t below);

#endif
