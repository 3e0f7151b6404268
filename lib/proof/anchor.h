/* SPDX-License-Identifier: MIT */
/* What was signed of a log as far as anybody here remembers. Whoever can put
 * old data back may take the signer's memory with it, so each place where a
 * checkpoint is kept counts, and of all the largest: the signer's `state` and
 * `before`, the checkpoints that the ledger keeps, and files whose names begin
 * with `anchor` in either directory: checkpoints that an operator, or a job of
 * theirs, put there. A checkpoint counts only where the log's key of its size
 * signed it. */
#ifndef CF_PROOF_ANCHOR_H
#define CF_PROOF_ANCHOR_H

#include "lib/proof/keys.h"

struct cf_anchor {
  uint64_t max; /* larger ones are passed over */
  bool any;
  struct cf_checkpoint checkpoint; /* the largest so far */
  struct cf_buf note;              /* it, verbatim */
  char where[256];                 /* whence it is, for people */
};
void cf_anchor_init(struct cf_anchor *anchor, uint64_t max);
void cf_anchor_fini(struct cf_anchor *anchor);

/* Take a note from `where` into account. CF_E_SYNTAX, CF_E_SIGNATURE where it
 * is no checkpoint of that log, signed by the key of its size: then it does not
 * count. */
CF_MUST enum cf_err cf_anchor_take(struct cf_anchor *anchor, const char *where, struct cf_str note,
                                   const struct cf_keys *keys);
/* The path in the text of an option `anchor`, which is file:/path; NULL: it is
 * another. */
const char *cf_anchor_path(const char *option);
/* The same for each note of a file to which checkpoints were appended: of its
 * last CF_ANCHOR_LIST bytes. A half one, which a crash left, is passed over;
 * a file that is not there remembers nothing. Where there is something and
 * nothing counts, that is told of in the log. CF_E_SYSTEM. */
#define CF_ANCHOR_LIST 65536
CF_MUST enum cf_err cf_anchor_list(struct cf_anchor *anchor, const char *path,
                                   const struct cf_keys *keys, struct cf_fault *fault);
/* The same for the files `state`, `before` and `anchor*` of a directory, whose
 * path is for messages. One that does not count is told of in the log.
 * CF_E_CONFIG: more than 1,000 anchors; CF_E_SYSTEM: one that is there cannot
 * be read; CF_E_NOMEM. */
CF_MUST enum cf_err cf_anchor_look(struct cf_anchor *anchor, int directory, const char *path,
                                   const struct cf_keys *keys, struct cf_fault *fault);

#endif
