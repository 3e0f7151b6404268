/* SPDX-License-Identifier: MIT */
/* What Berkeley DB believes of a page without a look: offsets and lengths of
 * its items, and the pages that it leads to. A page that is the one that was
 * written may still be one that was never made by the library: whoever forges
 * the file and its sums, and the catalogue's row, must not crash us by it. So
 * each page is looked at when it comes in, before the library has it:
 *
 * - it says its own number, and is one that a segment may have: metadata,
 *   internal, leaf, overflow, free;
 * - all items lie inside it, and none is deleted or a duplicate; a leaf is
 *   empty only where its tree is;
 * - all pages that it leads to are in the file, and are what it takes them for,
 *   at the level below its own, beside it, or behind it: so a search goes down
 *   at each step, and a walk meets keys.
 *
 * Whether keys are in order, and the pages of a tree where they are to be
 * found, shows when all of them are seen (cf_bdb_verify). */
#ifndef CF_SEGMENT_PAGE_SHAPE_IN_H
#define CF_SEGMENT_PAGE_SHAPE_IN_H

#include "lib/segment/pages_in.h"

/* May the library have it as page k < pages->n, with pages->head known?
 * Thread-safe; what it says of other pages is kept in pages->said, and binds
 * them. */
CF_MUST bool cf_page_shape_ok(const struct cf_pages *pages, uint64_t k, const uint8_t *page);

#endif
