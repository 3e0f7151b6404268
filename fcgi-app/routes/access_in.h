/* SPDX-License-Identifier: MIT */
/* This log's own trail: who read, exported or verified it, signed in, and who
 * was refused (api.md, The log's own trail; format.md, kind `access`). */
#ifndef CF_ROUTES_ACCESS_IN_H
#define CF_ROUTES_ACCESS_IN_H

#include "fcgi-app/routes/call_in.h"

/* The mark of an answer is left by the application, from its route's row. A
 * handler only says in call->access what nobody else knows: the rows, the
 * verdict, another action, or none; and whether its error tells something.
 * What is damaged or not there tells by itself. */

/* What the record tells as the filter, in place of the parameters. Kept until
 * the call ends. */
void cf_access_filter(struct cf_call *call, struct cf_str filter);

/* A verdict was found: it stands in the record, and on the page (seal.h). */
void cf_access_verdict(struct cf_call *call, const struct cf_control_verdict *verdict);
/* Records from ≤ seq < to cannot be read, which is one; or nobody knows which
 * where from = to. */
void cf_access_damage(struct cf_call *call, uint64_t from, uint64_t to);

/* The answer begins to be sent before it has ended: for
 * cf_response.early. The errors of cf_ledger_append, with words. */
CF_MUST enum cf_err cf_access_early(void *call);
/* The handler has ended with err; its answer, if it is still held, goes out
 * when this returns. Gives err, or why there may be no answer. */
CF_MUST enum cf_err cf_access_settle(struct cf_call *call, enum cf_err err);
/* The answer has gone out, or broken off with err: tell of what could not be
 * known when it began. */
void cf_access_close(struct cf_call *call, enum cf_err err);

/* May reading leave marks? CF_E_SPACE, with words: what is left of the disk is
 * for revoking tokens. */
CF_MUST enum cf_err cf_access_room(struct cf_call *call);

/* Leave a record of its own, durable when this returns, and write rows_n rows
 * of the ledger's tables in the same transaction: for sign-in and sign-out. as:
 * the token of whoever does it; NULL: the caller's own identity. It may use the
 * reserve. The errors of cf_ledger_append. */
CF_MUST enum cf_err cf_access_append(struct cf_call *call, const struct cf_token *as,
                                     const char *action, const struct cf_row *rows, size_t rows_n);

/* The caller was refused what the action (a constant) names, with that error:
 * coalesced per minute and address, or network of strangers. */
void cf_access_refused(struct cf_call *call, const char *action, enum cf_err err);

#endif
