/* SPDX-License-Identifier: MIT */
/* The link that somebody came by who had to sign in first: the form for it
 * carries it, with a MAC, so that nobody else's form sends people anywhere. */
#ifndef CF_WHO_WAY_BACK_H
#define CF_WHO_WAY_BACK_H

#include "lib/ledger/ledger.h"

/* bytes of the path; with the mount point it has to fit a header of any web
 * server */
#define CF_WAY_BACK_MAX 4000

/* Append what the form carries for a path below the mount point, of ASCII that
 * may stand in a URL; nothing where it is longer, or no such path. */
void cf_way_back_put(const struct cf_ledger *ledger, struct cf_str path, struct cf_buf *b);
/* The path out of that; false: we did not make it. */
bool cf_way_back_get(const struct cf_ledger *ledger, struct cf_str text, struct cf_str *path);

#endif
