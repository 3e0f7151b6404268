/* SPDX-License-Identifier: MIT */
/* Request bodies: read to their end, inflated, within limits (api.md, POST
 * /v1/events). This is the one place that knows zlib. */
#ifndef CF_HTTP_BODY_H
#define CF_HTTP_BODY_H

#include "fcgi-app/http/charge.h"
#include "fcgi-app/http/request.h"

#define CF_BODY_INFLATE 8 /* a body may inflate to so many times its limit */

struct cf_body {
  struct cf_buf data;       /* inflated */
  struct cf_charge *charge; /* which holds data.n bytes for it; NULL: an empty one */
};

/* Read the request's body to its end, whatever CONTENT_LENGTH says; but where
 * that is over max, nothing. `max` bytes as sent, CF_BODY_INFLATE times that
 * inflated. Content-Encoding gzip, x-gzip, zstd or identity; gzip also by its
 * first bytes. What it takes is charged, what inflates it too while it does;
 * the charge must outlive the body. CF_E_FULL beyond these limits,
 * CF_E_ENCODING, CF_E_SYNTAX (a compressed body that is damaged or cut off),
 * CF_E_MEMORY (the charge's limit), CF_E_NOMEM, the errors of the transport's
 * read. After CF_OK the body is the caller's (cf_body_fini). */
CF_MUST enum cf_err cf_body_read(struct cf_charge *charge, struct cf_request *rq, uint64_t max,
                                 struct cf_body *body, struct cf_fault *fault);
/* The same, but where the command brings it, and CONTENT_LENGTH says more than
 * 0, only so much of it: its end may be still to come. One that ends before is
 * taken as it is; one that goes on is none (cf_body_end). */
CF_MUST enum cf_err cf_body_read_ahead(struct cf_charge *charge, struct cf_request *rq,
                                       uint64_t max, struct cf_body *body, struct cf_fault *fault);
/* Wait for the end, without which the body is none, and must come to nothing.
 * CF_E_SYNTAX: it goes on; the errors of the transport's read. */
CF_MUST enum cf_err cf_body_end(struct cf_request *rq, struct cf_fault *fault);
/* Is its end wanting, where it may be read ahead of that? Then whoever sends it
 * has not said yet that it is meant, and may never do. */
bool cf_body_unsaid(const struct cf_request *rq);
void cf_body_fini(struct cf_body *body);

#endif
