/* SPDX-License-Identifier: MIT */
/* Answers packed as gzip (RFC 1952) on their way out, piece by piece.
 *
 * Its memory is the same whatever goes through it, about 100 KiB for a worker
 * that sends, so it is not charged. It costs about 1.5 us for an event of 350
 * bytes, of which 25 to 60 are left. */
#ifndef CF_HTTP_GZIP_H
#define CF_HTTP_GZIP_H

#include "lib/base/buf.h"

struct cf_gzip;
CF_MUST enum cf_err cf_gzip_new(struct cf_gzip **gzip); /* CF_E_NOMEM */
void cf_gzip_free(struct cf_gzip *gzip);                /* NULL is harmless */

enum cf_gzip_then {
  CF_GZIP_GO_ON, /* what comes out may wait for more */
  CF_GZIP_FLUSH, /* all that was put can be unpacked */
  CF_GZIP_END    /* and nothing follows */
};
/* Pack s, and give what comes out to write, whose error ends it and is
 * given. */
CF_MUST enum cf_err cf_gzip_put(struct cf_gzip *gzip, struct cf_str s, enum cf_gzip_then then,
                                enum cf_err (*write)(void *context, const void *p, size_t n),
                                void *context);

#endif
