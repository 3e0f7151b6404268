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
/* The caller was refused with that error: known callers and strangers alike are
 * coalesced per minute and address. */
void cf_access_refused(struct cf_call *call, enum cf_err err);

#endif
