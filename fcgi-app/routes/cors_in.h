/* SPDX-License-Identifier: MIT */
/* Scripts of other origins (Fetch standard, CORS): off, but for those that the
 * configuration names, exactly, and at routes that take a token.
 *
 * Such a script brings its own token: Access-Control-Allow-Credentials is never
 * said, so no browser sends a cookie or a password along. The page and what
 * needs nobody are for their own origin. */
#ifndef CF_ROUTES_CORS_IN_H
#define CF_ROUTES_CORS_IN_H

#include "fcgi-app/routes/call_in.h"

/* Let the answer say what the configuration lets this request's origin see, at
 * that route. */
void cf_cors_allow(const struct cf_conf *conf, const struct cf_request *rq,
                   const struct cf_route *route, struct cf_response *rs);

/* Is it a browser's question whether a script may ask, with a method that the
 * path takes (OPTIONS)? */
bool cf_cors_asks(const struct cf_request *rq);
/* Answer it, 204, where the origin may; allow: the path's methods. CF_E_METHOD
 * where it may not. */
CF_MUST enum cf_err cf_cors_answer(struct cf_call *call, const char *allow);

#endif
