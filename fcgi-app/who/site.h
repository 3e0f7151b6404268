/* SPDX-License-Identifier: MIT */
/* Where this application is as browsers see it, which behind a proxy is not
 * what the web server says; and whether a POST comes from there. */
#ifndef CF_WHO_SITE_H
#define CF_WHO_SITE_H

#include "fcgi-app/http/request.h"
#include "lib/base/conf.h"

/* Do browsers come over TLS: to the web server, to public_url, or, with
 * trust_proxy, by X-Forwarded-Proto? */
bool cf_site_https(const struct cf_conf *conf, const struct cf_request *rq);
/* The mount point's URL path without a slash at its end: that of public_url,
 * else the request's own. */
struct cf_str cf_site_mount(const struct cf_conf *conf, const struct cf_request *rq);

/* Was a POST made by a page of this host? What the browser itself says
 * (Sec-Fetch-Site) counts, whatever names a proxy gave; without it Origin, else
 * Referer, names the host that was asked (Host), the one of public_url, or,
 * with trust_proxy, the first of X-Forwarded-Host. A client that sends none of
 * them is no browser and passes. CF_E_ORIGIN. */
CF_MUST enum cf_err cf_site_check(const struct cf_conf *conf, const struct cf_request *rq,
                                  struct cf_fault *fault);

#endif
