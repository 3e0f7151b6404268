/* SPDX-License-Identifier: MIT */
/* A store in memory in the place of the ledger's views, with hostile records and faults to order, so that the walk of lib/query can be held against a plain scan. It defines the
 * cf_view functions that lib/query uses. */
#ifndef CF_TESTS_UNIT_QUERY_FAKE_H
#define CF_TESTS_UNIT_QUERY_FAKE_H

#include "lib/store/ledger.h"

#define FAKE_ABSENT (-1)
#define FAKE_UNITS_MAX 64
#define FAKE_EPOCH_US INT64_C(1700000000000000)

/* What a test knows of a record, besides its text: which value of the pool each member has. */
struct fake_fact {
  int64_t time_us; /* effective */
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
};
/* n random records after those that are there. */
void fake_grow(struct fake *f, size_t n);
void fake_fini(struct fake *f);
/* 0 ≤ number < below. */
uint64_t fake_random(struct fake *f, uint64_t below);

/* A view is of the first size records. */
struct cf_view {
  const struct fake *fake;
  uint64_t size;
  struct cf_unit units[FAKE_UNITS_MAX];
  size_t units_n;
  bool index_damaged[FAKE_UNITS_MAX][CF_I_N];
  bool times_damaged[FAKE_UNITS_MAX];
  const bool *block_damaged; /* one for each 64 records; NULL: none */
  unsigned blocks_read;
  unsigned matches;
};
/* Cut at random multiples of 64 into about units_n units. */
void fake_view(struct fake *f, uint64_t size, size_t units_n, struct cf_view *view);

#endif
