/* SPDX-License-Identifier: MIT */
/* Others who saw what was signed: witnesses (C2SP tlog-witness), plain anchors
 * and timestamps (RFC 3161). A thread of its own sends them the newest
 * checkpoint, at most once in `witness_interval`, and keeps what they answer
 * (lib/ledger/kept.h). Nobody waits for it: a witness that is slow, down or
 * hostile costs its answer, and a line in the log.
 *
 * Thread-safe, but for open and close. */
#ifndef CF_WITNESS_WITNESS_H
#define CF_WITNESS_WITNESS_H

#include "lib/ledger/ledger.h"
#include "lib/proof/verify.h"

/* Which may sign: 16 lines are in a note, and the log's own two during a
 * rotation. */
#define CF_WITNESSES_MAX 14
/* A checkpoint that was kept so many `witness_interval` ago should have been
 * seen by those whom the configuration names. */
#define CF_WITNESS_LATE 10

struct cf_witnesses;

/* What conf->witness, quorum, anchor and tsa name; what was kept of them is
 * read back, and the thread started, unless the ledger is a copy or there is
 * nobody to send to. conf and ledger must outlive it. CF_E_CONFIG; CF_E_SYSTEM,
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_witnesses_open(const struct cf_conf *conf, struct cf_ledger *ledger,
                                      struct cf_witnesses **witnesses, struct cf_fault *fault);
/* Ends what is under way; no answer is waited for. NULL is harmless. */
void cf_witnesses_close(struct cf_witnesses *witnesses);

/* What GET /checkpoint gives: without witnesses the newest signed one; with
 * them the newest that meets the quorum, while none that was kept
 * CF_WITNESS_LATE intervals ago is newer, else the newest signed one. It never
 * goes back in size. The errors of cf_ledger_checkpoint; CF_E_NOTREADY. */
CF_MUST enum cf_err cf_witnesses_checkpoint(struct cf_witnesses *witnesses, struct cf_buf *note);

/* How far others stand for the ledger at that time: `witnessed`, where the
 * quorum is met; `anchored`, where each anchor, or a timestamp, has it;
 * `signed`. Of each only what is not older than CF_WITNESS_LATE of its interval
 * counts. *size: of what they have seen, at least; 0 where it is
 * `signed`. */
const char *cf_witnesses_assurance(struct cf_witnesses *witnesses, int64_t now_us, uint64_t *size);
/* Tell a WITNESS_QUORUM where there are witnesses and a checkpoint that was
 * kept CF_WITNESS_LATE intervals ago is covered by none that meets the
 * quorum. */
void cf_witnesses_judge(struct cf_witnesses *witnesses, int64_t now_us, struct cf_verify_run *run);

/* Append what is known of each as members of an object: `witnesses`, `quorum`
 * and `witnessed` (the size that meets it, or null), where there are any;
 * `anchored` and `stamped`, sizes, likewise. With `states` also how each is
 * doing now, in a word; an alarm is always told. */
void cf_witnesses_put(struct cf_witnesses *witnesses, bool states, struct cf_buf *b);

/* Append a note to a file, made where there is none, and sync it: the note and
 * an empty line; behind a half line that a crash left an empty line comes
 * first. One that is among its last CF_ANCHOR_LIST bytes is not written again.
 * CF_E_SYSTEM. */
CF_MUST enum cf_err cf_anchor_append(const char *path, struct cf_str note, struct cf_fault *fault);

#endif
