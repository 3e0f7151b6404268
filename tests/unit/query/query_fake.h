/* SPDX-License-Identifier: MIT */
/* A view of records in memory, with faults to order, so that the walk of
 * lib/query can be held against a plain scan. */
#ifndef CF_TEST_QUERY_FAKE_H
#define CF_TEST_QUERY_FAKE_H

#include "lib/ledger/view.h"
#include "tests/unit/query/query_facts.h"

#define FAKE_UNITS_MAX  64
#define FAKE_BARREN_MAX 64

/* Of the first view.size records; the caller's storage. */
struct fake_view {
  struct cf_view view;
  const struct fake *fake;
  struct cf_unit units[FAKE_UNITS_MAX];
  size_t units_n;
  bool index_damaged[FAKE_UNITS_MAX][CF_I_N];
  bool times_damaged[FAKE_UNITS_MAX];
  bool spans_damaged[FAKE_UNITS_MAX];
  bool grams_damaged[FAKE_UNITS_MAX];
  const bool *block_damaged; /* one for each 64 records; NULL: none */
  bool unit_lost[FAKE_UNITS_MAX];
  bool blocks_short;                              /* they hold a record less than they should */
  const uint32_t *counts;                         /* of each index; NULL: random ones */
  uint8_t barren[FAKE_BARREN_MAX][1 + CF_HASH_N]; /* unit and filter, as they were noted */
  size_t barren_n;
  unsigned blocks_read;
  unsigned matches;
  unsigned spans_read;
  unsigned times_read; /* how many of them */
  unsigned unwanted;   /* blocks without a record that a question wants */
};
/* Cut at random multiples of 64 into about units_n units. */
void fake_view_make(struct fake *f, uint64_t size, size_t units_n, struct fake_view *view);
/* Damage a third of its times and indexes. */
void fake_injure(struct fake_view *view);

/* Fixtures: 3,000 records in `fake`, of random numbers from CF_SEED; and one of
 * those below a bound. */
void fake_setup(void);
void fake_teardown(void);
uint64_t rnd(uint64_t below);

#endif
