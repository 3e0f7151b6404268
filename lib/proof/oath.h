/* SPDX-License-Identifier: MIT */
/* What the chain tells of the files that hold its records: its `segment`
 * records name the range and the digest of each file that is written, rewrites
 * too, so of each range the newest counts. And what follows for a file.
 *
 * A file is told in the same append that enters it. So one whose records end
 * before the first `segment` record may be older than they are and not told
 * yet; any other must be. Not thread-safe. */
#ifndef CF_PROOF_OATH_H
#define CF_PROOF_OATH_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/record/kind_body.h"

struct cf_told {
  struct cf_told_each {
    struct cf_segment_body body;
    uint64_t seq; /* of the record, or below it where somebody vouches for it */
  } * each;       /* of each range the newest, in order; on the heap */
  size_t n, cap;
  uint64_t since; /* the first of these, read or vouched for; 0: there is none */
  bool partial;   /* records could not be read: there may be more of them */
};
void cf_told_fini(struct cf_told *told); /* a zeroed one holds nothing */

/* There is a record at seq, whatever it tells. */
void cf_told_note(struct cf_told *told, uint64_t seq);
/* And it tells this. CF_E_NOMEM */
CF_MUST enum cf_err cf_told_add(struct cf_told *told, const struct cf_segment_body *body,
                                uint64_t seq);

/* A range that was told and that no file has: the next of those before `file`
 * (NULL: of all that are left), from *at on, which moves on; NULL where there
 * is none. Files are asked for in order. */
const struct cf_segment_body *cf_told_lacking(const struct cf_told *told,
                                              const struct cf_segment_body *file, size_t *at);

/* KEPT: the file is as it was told. UNSWORN: of an older ledger, to be told.
 * BROKEN: it is not what was told, or has never been. UNKNOWN: what could not
 * be read may have told it. */
enum cf_oath { CF_OATH_KEPT, CF_OATH_UNSWORN, CF_OATH_BROKEN, CF_OATH_UNKNOWN };
/* Of the file that should be this one; sworn: it has a digest. */
enum cf_oath cf_oath_judge(const struct cf_told *told, const struct cf_segment_body *file,
                           bool sworn);

#endif
