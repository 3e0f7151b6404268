/* SPDX-License-Identifier: MIT */
/* Inside lib/segment: what is kept in memory of segments, an entry for each, in
 * the order of their first seqs. A segment that was rewritten is another one.
 * The caller's lock guards it. */
#ifndef CF_SEGMENT_BY_SEGMENT_IN_H
#define CF_SEGMENT_BY_SEGMENT_IN_H

#include "lib/segment/segment.h"

struct cf_by_segment { /* all zero but for the size */
  void *entry;         /* n of them; each begins with its struct cf_segment_meta */
  size_t size;         /* of one */
  size_t n, max;
};
void cf_by_segment_fini(struct cf_by_segment *table);
/* How many are of segments before it. */
size_t cf_by_segment_before(const struct cf_by_segment *table, const struct cf_segment_meta *meta);
/* Its entry, up to the next one that is added or removed; NULL: it has none. */
void *cf_by_segment_find(const struct cf_by_segment *table, const struct cf_segment_meta *meta);
/* One more, zeroed but for the meta, of a segment that has none; NULL without
 * memory. */
void *cf_by_segment_add(struct cf_by_segment *table, const struct cf_segment_meta *meta);
void cf_by_segment_remove(struct cf_by_segment *table, void *entry);

#endif
