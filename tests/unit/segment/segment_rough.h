/* SPDX-License-Identifier: MIT */
/* The staged segment (segment_stage.h), read by all that reads one, whatever
 * stands in it: what comes of it is nobody's concern but that nothing
 * crashes. */
#ifndef CF_TEST_SEGMENT_ROUGH_H
#define CF_TEST_SEGMENT_ROUGH_H

#include "lib/segment/segment.h"

/* A place in a page of the library's, of 16 KiB: the i-th byte of its head
 * (kind 0), or of the item's entry in the list of items (1), or of what stands
 * before that item (2), each counted round; of a page without items of its
 * head. */
unsigned rough_place(const uint8_t *page, unsigned kind, unsigned item, unsigned i);
/* What it says may be false: that is for the ledger's hashes to find. */
void rough_read(struct cf_segment *s);
/* What its records say now; to be freed by cf_segment_truth_fini. */
void rough_truth(struct cf_segment_truth *truth);
/* How many differences it has from that: the stage's facts are not made of its
 * records, so that there are always some. UINT_MAX: it does not open. */
unsigned rough_compare(struct cf_segment_pool *pool, struct cf_segment_truth *truth);

#endif
