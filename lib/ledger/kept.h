/* SPDX-License-Identifier: MIT */
/* Checkpoints that the ledger keeps, and what others made of them: cosignatures
 * of witnesses, in the note itself, and timestamps (RFC 3161) beside it. They
 * survive a restart. One that has either stays longer than its neighbours: of
 * each minute of the last day, and of each hour before, the last that has
 * cosignatures stays beside the last of all; each that has a timestamp stays.
 *
 * Thread-safe. What is read here was written by others too: cosignatures and
 * timestamps are for whoever has their keys to check. */
#ifndef CF_LEDGER_KEPT_H
#define CF_LEDGER_KEPT_H

#include "lib/ledger/ledger.h"

/* The first kept checkpoint of at least that size: its size, when it was kept,
 * and its note, with all signature lines that it has, appended. CF_E_NOTFOUND;
 * note's error; CF_E_STORE. */
CF_MUST enum cf_err cf_kept_from(struct cf_ledger *ledger, uint64_t size, uint64_t *found,
                                 int64_t *time_us, struct cf_buf *note);
/* The last one of less than that size, likewise. */
CF_MUST enum cf_err cf_kept_below(struct cf_ledger *ledger, uint64_t size, uint64_t *found,
                                  int64_t *time_us, struct cf_buf *note);

/* Keep a signed note of this ledger, with the cosignatures it has, in the place
 * of the one of its size; on disk when it returns. signed_us: when it was
 * signed, where it is not among the kept any more. CF_E_SIGNATURE, CF_E_SYNTAX:
 * it is no checkpoint that this log's key signed; CF_E_PARAMETER: it is larger
 * than what was signed; CF_E_NOTREADY: a copy, opened as evidence; CF_E_STORE,
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_kept_cosign(struct cf_ledger *ledger, struct cf_str note, int64_t signed_us);

/* A timestamp of a checkpoint: the exact bytes that were stamped, a note with
 * the log's own signatures, and the answer of the authority (TimeStampResp,
 * DER). */
#define CF_STAMP_MAX 65536 /* bytes of an answer */
struct cf_stamp {
  uint64_t size;
  struct cf_buf note, answer;
};
void cf_stamp_init(struct cf_stamp *stamp);
void cf_stamp_fini(struct cf_stamp *stamp);
/* Keep one; on disk when it returns. Another of that size is replaced. The
 * errors of cf_kept_cosign. */
CF_MUST enum cf_err cf_stamp_keep(struct cf_ledger *ledger, const struct cf_stamp *stamp);
/* The timestamp of the checkpoint of exactly that size; the first of at least
 * that size. CF_E_NOTFOUND, CF_E_NOMEM, CF_E_STORE. */
CF_MUST enum cf_err cf_stamp_of(struct cf_ledger *ledger, uint64_t size, struct cf_stamp *stamp);
CF_MUST enum cf_err cf_stamp_from(struct cf_ledger *ledger, uint64_t size, struct cf_stamp *stamp);

/* The newest note that meets the quorum of witnesses, which whoever knows the
 * witnesses tells (lib/witness); a smaller one than it has is passed over. */
CF_MUST enum cf_err cf_witnessed_set(struct cf_ledger *ledger, struct cf_str note, uint64_t size);
/* It, appended, where it covers that size. CF_E_NOTFOUND: none does; note's
 * error. */
CF_MUST enum cf_err cf_witnessed_get(struct cf_ledger *ledger, uint64_t size, struct cf_buf *note);

#endif
