/* SPDX-License-Identifier: MIT */
/* Values on a terminal, cut in the middle where they are too long for their
 * column, so that two different ones never look the same by that. */
#ifndef CF_COMMAND_CUT_IN_H
#define CF_COMMAND_CUT_IN_H

#include "lib/base/buf.h"

/* Append text as CF_SHOW_TERMINAL shows it, at most width ≥ 3 characters: of a
 * longer one the beginning, "…" and the end. A "…" of the text itself is
 * written \u{2026}. Was it cut? */
bool cf_cut_put(struct cf_buf *b, struct cf_str text, size_t width);

/* What was cut so far in a table. Zeroed at first. */
struct cf_cuts {
  struct cf_cut_seen *seen;
  size_t n;
};
void cf_cuts_fini(struct cf_cuts *cuts);
/* The same in that column of the table, but that a value which would look like
 * another one is put whole; so are all where the table is full. */
void cf_cuts_put(struct cf_cuts *cuts, unsigned column, struct cf_buf *b, struct cf_str text,
                 size_t width);

#endif
