/* SPDX-License-Identifier: MIT */
/* Who may write as whom (api.md, Who may): the one rule about the member
 * `source`, for whoever takes events, gives receipts, or names a writer; and
 * what a ledger may be called. */
#ifndef CF_RECORD_SOURCE_H
#define CF_RECORD_SOURCE_H

#include "lib/base/buf.h"

/* The log's own name, which nobody else has. */
#define CF_SOURCE_OWN "counterfoil"

/* May a writer be called so: a name as format.md has it, and not the log's. */
bool cf_source_ok(struct cf_str source);

/* Is it a pattern of names: one that cf_source_ok takes, such a one followed by
 * `*` for all that begin with it, or `*` alone? */
bool cf_source_pattern_ok(struct cf_str pattern);

/* May a writer of the name `own` write as that source: it is its own name, or
 * fits one of the patterns. These end with NULL and may be NULL. The log's own
 * name fits none. */
bool cf_source_allowed(struct cf_str source, struct cf_str own, const char *const *patterns);

#define CF_ORIGIN_MAX 255
/* May a ledger be called so: 1 to 255 printable ASCII bytes without space and
 * '+'? */
bool cf_origin_ok(struct cf_str origin);

#endif
