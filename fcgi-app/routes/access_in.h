/* SPDX-License-Identifier: MIT */
/* This log's own trail: who read, exported or verified it, and who was refused
 * (format.md, kind `access`). */
#ifndef CF_ROUTES_ACCESS_IN_H
#define CF_ROUTES_ACCESS_IN_H

#include "fcgi-app/routes/call_in.h"

/* Leave an `access` record of what the caller did (query, read, verify,
 * export): who, from where, the filter and the number of rows. filter may be
 * empty. Nobody waits for it. */
void cf_access_post(struct cf_call *call, const char *action, struct cf_str filter, uint64_t rows);
/* Leave a record of its own, durable when this returns, and write rows_n rows
 * of the ledger's tables in the same transaction: for sign-in and sign-out. as:
 * the token of whoever does it; NULL: the caller's own identity. It may use the
 * reserve. The errors of cf_ledger_append. */
CF_MUST enum cf_err cf_access_append(struct cf_call *call, const struct cf_token *as,
                                     const char *action, const struct cf_row *rows, size_t rows_n);
/* The caller was refused with that error: known callers and strangers alike are
 * coalesced per minute and address. */
void cf_access_refused(struct cf_call *call, enum cf_err err);

#endif
