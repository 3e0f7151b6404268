/* SPDX-License-Identifier: MIT */
/* What the chain tells of segments' files: its `segment` records out of
 * a view, and what follows for a row of the catalogue.
 */
#ifndef CF_LEDGER_TOLD_IN_H
#define CF_LEDGER_TOLD_IN_H

#include "lib/ledger/view.h"
#include "lib/proof/oath.h"
#include "lib/segment/segment.h"

/* Add what unit i of the view tells, which was judged itself: only the word of
 * a KEPT one counts, as a tail is whose doubted blocks are not shown. In one of
 * an older ledger (UNSWORN) there is none, and no damage hides any; in others
 * there may be, which makes it partial, as does damage. The newest unit comes
 * first, so that all that may tell of a file is known when it is judged. block
 * is scratch. CF_E_NOMEM, CF_E_STORE. */
CF_MUST enum cf_err cf_told_read(struct cf_told *told, struct cf_view *view, size_t i,
                                 enum cf_oath oath, struct cf_block *block);

/* A row as it would be told. */
struct cf_segment_body cf_told_body(const struct cf_segment_meta *meta);
/* Of the row (oath.h). */
enum cf_oath cf_told_judge(const struct cf_told *told, const struct cf_segment_meta *meta);

#endif
