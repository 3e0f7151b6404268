/* SPDX-License-Identifier: MIT */
/* Reading a made-up segment: each read gives what a naive reference gives, or
 * CF_E_DAMAGED; anything else fails the test. */
#ifndef CF_TEST_SEGMENT_READER_H
#define CF_TEST_SEGMENT_READER_H

#include "tests/unit/segment/segment_facts.h"

/* What was read, by kind of read; each read was right or damaged. */
struct tally {
  unsigned good[CF_SHEET_N];
  unsigned damaged[CF_SHEET_N];
  unsigned unopened;
};
unsigned tally_sum(const unsigned counts[CF_SHEET_N]);

/* A reader that takes a new handle after damage. */
struct reader {
  struct cf_segment_pool *pool;
  const struct cf_segment_meta *meta;
  struct cf_segment *segment; /* NULL: none is held */
  struct tally tally;
};
/* Give the handle back. */
void reader_end(struct reader *r);

void reader_block(struct reader *r, uint32_t i);
void reader_hashes(struct reader *r, uint32_t offset, uint32_t n); /* n ≤ 300 */
void reader_times(struct reader *r, uint32_t offset, uint32_t n);  /* n ≤ 600 */
void reader_term(struct reader *r, const struct cf_term *term, uint32_t from, uint32_t limit);
/* The k-th of endless questions to an index: a value of some record, absent
 * ones, ranges, prefixes; all of it, or from and to somewhere. */
void reader_index(struct reader *r, unsigned index, uint32_t k);
/* Likewise, of a value without regard to case; not for ip and status. */
void reader_fold(struct reader *r, unsigned index, uint32_t k);
void reader_id(struct reader *r, struct cf_str id);
/* Likewise, of a part of a message, or of none; what is found besides must be
 * little. */
void reader_search(struct reader *r, uint32_t k);
/* Every block, row and index; one id in so many; so many questions to each
 * index. Ends the reader. */
void reader_all(struct reader *r, uint32_t id_step, uint32_t questions);

/* Where an id is found; reader_collect is the callback that notes it. */
struct found {
  uint32_t n;
  uint32_t offset[100];
};
bool reader_collect(void *found, uint32_t offset);

#endif
