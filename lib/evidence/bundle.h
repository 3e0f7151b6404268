/* SPDX-License-Identifier: MIT */
/* Evidence bundles (format.md, Evidence bundle): what was asked of the log, and
 * what proves it, as a tar that is made as it is sent.
 *
 * Two passes over one view: the first counts and measures, the second writes.
 * Whatever differs between them, and whatever does not lead to the signed root,
 * ends the stream before the tar does. In memory are the leaves of one tile,
 * a bit for each tile, and the manifest. */
#ifndef CF_EVIDENCE_BUNDLE_H
#define CF_EVIDENCE_BUNDLE_H

#include "lib/ledger/ledger.h"
#include "lib/ledger/view.h"

#define CF_EVIDENCE_TYPE "application/x-tar"

/* What is asked, and where it goes. */
struct cf_evidence_ask {
  uint64_t at;               /* the size of a kept checkpoint; 0: the newest, of all there is */
  uint64_t seq_from, seq_to; /* seq_from ≤ seq < seq_to, which may lie beyond the size */
  bool complete;             /* whether a record is chosen its leaf tells: none may be missing */
  /* Append the members of query.json that tell the filter. */
  void (*put_filter)(void *context, struct cf_buf *b);
  /* Call row for each record of the view with a seq below size that is chosen,
   * ascending; its errors are given. Called twice. */
  enum cf_err (*each)(void *context, struct cf_view *view, uint64_t size,
                      enum cf_err (*row)(void *row_context, const struct cf_record *record),
                      void *row_context);
  /* Everything is counted; of what goes out nothing has. */
  void (*counted)(void *context, uint64_t rows);
  enum cf_err (*out)(void *context, struct cf_str bytes);
  void *context;
  struct cf_turn *turn; /* NULL: it waits for nobody */
};

/* Write it. CF_E_NOTFOUND: no checkpoint of that size is kept, or, of a copy,
 * less is signed; CF_E_PARAMETER (seq_from): it lies at or beyond the end;
 * CF_E_FULL: it would have too many files; CF_E_DAMAGED: records cannot be
 * read, are not what was signed, or are not what they were in the first pass;
 * the errors of each and out, of cf_ledger_seal and of reading. After an error
 * what went out is no tar. */
CF_MUST enum cf_err cf_evidence_write(struct cf_ledger *ledger, const struct cf_evidence_ask *ask,
                                      struct cf_fault *fault);

#endif
