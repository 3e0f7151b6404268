/* SPDX-License-Identifier: MIT */
/* A store in memory in the place of the ledger's views, with faults to order,
 * so that the walk of lib/query can be held against a plain scan. It defines
 * the cf_view functions that lib/query uses. */
#ifndef CF_TEST_QUERY_FAKE_H
#define CF_TEST_QUERY_FAKE_H

#include "lib/ledger/ledger.h"
#include "tests/unit/query/query_facts.h"

#define FAKE_UNITS_MAX 64

/* A view is of the first size records. */
struct cf_view {
  const struct fake *fake;
  uint64_t size;
  struct cf_unit units[FAKE_UNITS_MAX];
  size_t units_n;
  bool index_damaged[FAKE_UNITS_MAX][CF_I_N];
  bool times_damaged[FAKE_UNITS_MAX];
  const bool *block_damaged; /* one for each 64 records; NULL: none */
  bool blocks_short;         /* they hold a record less than they should */
  unsigned blocks_read;
  unsigned matches;
};
/* Cut at random multiples of 64 into about units_n units. */
void fake_view(struct fake *f, uint64_t size, size_t units_n, struct cf_view *view);

#endif
