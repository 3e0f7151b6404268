/* SPDX-License-Identifier: MIT */
/* What the chain tells of segments' files: its `segment` records, by range, and
 * what follows for a row of the catalogue.
 *
 * A file that this version writes is told in the same append that enters it,
 * so a segment whose records begin before the first `segment` record may be
 * older and not told yet; any other must be. Not thread-safe. */
#ifndef CF_LEDGER_TOLD_IN_H
#define CF_LEDGER_TOLD_IN_H

#include "lib/ledger/view.h"
#include "lib/record/kind_body.h"
#include "lib/segment/segment.h"

struct cf_told {
  struct cf_segment_body *each; /* of each range the newest, in order; on the heap */
  size_t n, cap;
  uint64_t since; /* seq of the first record of them, where there is any */
  bool partial;   /* records could not be read: there may be more of them */
};
void cf_told_fini(struct cf_told *told); /* a zeroed one holds nothing */

/* CF_E_NOMEM */
CF_MUST enum cf_err cf_told_add(struct cf_told *told, const struct cf_segment_body *body,
                                uint64_t seq);
/* Add what unit i of the view has. block is scratch. CF_E_NOMEM, CF_E_STORE;
 * damage only makes it partial. */
CF_MUST enum cf_err cf_told_read(struct cf_told *told, struct cf_view *view, size_t i,
                                 struct cf_block *block);

/* KEPT: the row is as it was told. UNSWORN: of an older ledger, to be told.
 * BROKEN: it is not what was told, or has never been. UNKNOWN: what could not
 * be read may have told it. */
enum cf_oath { CF_OATH_KEPT, CF_OATH_UNSWORN, CF_OATH_BROKEN, CF_OATH_UNKNOWN };
enum cf_oath cf_told_judge(const struct cf_told *told, const struct cf_segment_meta *meta);
/* Has the range that was told a row among these, which are in order? */
bool cf_told_has_row(const struct cf_segment_body *body, const struct cf_segment_meta *segments,
                     size_t n);

#endif
