/* SPDX-License-Identifier: MIT */
/* The page's session: a signed cookie that names a token, and what keeps forged
 * forms out (api.md, Who may). `key` is CF_HASH_N secret bytes
 * (cf_auth_session_key). */
#ifndef CF_WHO_SESSION_H
#define CF_WHO_SESSION_H

#include "fcgi-app/http/request.h"
#include "fcgi-app/who/token.h"

#define CF_COOKIE_NAME "counterfoil"
#define CF_SESSION_US  (INT64_C(12) * CF_HOUR_US)

/* Append a cookie's value for the token: "<id>.<end>.<nonce>.<mac>". It ends
 * after CF_SESSION_US or with the token, as told in *end_us. */
void cf_session_put(const uint8_t key[CF_HASH_N], const struct cf_token *token, int64_t now_us,
                    struct cf_buf *b, int64_t *end_us);
/* Append the value of a Set-Cookie header: HttpOnly, SameSite=Lax, Path of the
 * mount point, Secure under HTTPS. age_s 0 removes the cookie. */
void cf_session_put_header(const struct cf_request *rq, struct cf_str value, int64_t age_s,
                           struct cf_buf *b);
/* Our cookie of the request that is signed and has not ended: its value, and
 * the token's id in it. CF_E_NOTFOUND. */
CF_MUST enum cf_err cf_session_find(const uint8_t key[CF_HASH_N], const struct cf_request *rq,
                                    int64_t now_us, struct cf_str *cookie, struct cf_str *id);

/* Append the form token that belongs to a cookie. */
void cf_session_put_form(const uint8_t key[CF_HASH_N], struct cf_str cookie, struct cf_buf *b);
/* Is it the one? CF_E_ORIGIN. */
CF_MUST enum cf_err cf_session_check_form(const uint8_t key[CF_HASH_N], struct cf_str cookie,
                                          struct cf_str form, struct cf_fault *fault);

/* Was a POST made by a page of this host (Sec-Fetch-Site; Origin, else
 * Referer)? A client that sends none of them is no browser and passes.
 * CF_E_ORIGIN. */
CF_MUST enum cf_err cf_origin_check(const struct cf_request *rq, struct cf_fault *fault);

#endif
