/* SPDX-License-Identifier: MIT */
/* The page's cookie as a header, its form token, and the check of a POST's
 * origin. */
#include "config.h"

#include "fcgi-app/who/session.h"

#include <string.h>
#include <strings.h>

#include "lib/base/codec.h"

#define FORM_N 43 /* of a form token: 32 bytes as base64url */

bool cf_cookie_next(struct cf_str *header, struct cf_str *value)
{
  while (header->n > 0) {
    struct cf_str pair = cf_str_cut(header, ';');
    while (pair.n > 0 && *pair.p == ' ')
      pair = (struct cf_str){pair.p + 1, pair.n - 1};
    if (!cf_str_is(cf_str_cut(&pair, '='), CF_COOKIE_NAME) || pair.n != CF_COOKIE_N)
      continue;
    *value = pair;
    return true;
  }
  return false;
}

void cf_session_put_header(const struct cf_request *rq, struct cf_str cookie, int64_t age_s,
                           struct cf_buf *b)
{
  cf_buf_puts(b, CF_COOKIE_NAME "=");
  cf_buf_putstr(b, cookie);
  cf_buf_puts(b, "; Path=");
  cf_path_put(b, rq->mount);
  if (rq->mount.n == 0)
    cf_buf_putc(b, '/');
  cf_buf_puts(b, "; Max-Age=");
  cf_buf_put_i64(b, age_s);
  cf_buf_puts(b, "; HttpOnly; SameSite=Lax");
  if (cf_request_https(rq))
    cf_buf_puts(b, "; Secure");
}

/* ---- forged forms ---- */

/* It follows from what only the cookie's owner has. */
void cf_session_put_form(struct cf_str cookie, struct cf_buf *b)
{
  struct cf_str purpose = CF_STR("counterfoil/v1 page form");
  uint8_t mac[CF_HASH_N];
  cf_hmac(cookie.p, cookie.n, &purpose, 1, mac);
  cf_base64url_put(b, mac, sizeof mac);
}

enum cf_err cf_session_check_form(struct cf_str cookie, struct cf_str form, struct cf_fault *fault)
{
  char room[FORM_N + 1];
  struct cf_buf b;
  cf_buf_fixed(&b, room, sizeof room);
  cf_session_put_form(cookie, &b);
  if (b.err == CF_OK && b.n == form.n && cf_equal(b.p, form.p, form.n))
    return CF_OK;
  return cf_fail(fault, CF_E_ORIGIN, NULL,
                 "the form's token is missing or of another session; load the page again");
}

/* The authority (host and port) of an absolute URL. */
static struct cf_str authority_of(struct cf_str url)
{
  const char *at = url.n == 0 ? NULL : memmem(url.p, url.n, "://", 3);
  if (at == NULL)
    return CF_STR("");
  struct cf_str rest = {at + 3, url.n - (size_t)(at + 3 - url.p)};
  return cf_str_cut(&rest, '/');
}

static bool same_host(struct cf_str a, struct cf_str b)
{
  return a.n == b.n && a.n > 0 && strncasecmp(a.p, b.p, a.n) == 0;
}

enum cf_err cf_origin_check(const struct cf_request *rq, struct cf_fault *fault)
{
  struct cf_str site = cf_request_variable(rq, "HTTP_SEC_FETCH_SITE");
  struct cf_str from = cf_request_variable(rq, "HTTP_ORIGIN");
  if (from.n == 0)
    from = cf_request_variable(rq, "HTTP_REFERER");
  bool site_ok = site.n == 0 || cf_str_is(site, "same-origin") || cf_str_is(site, "none");
  bool from_ok = from.n == 0 || same_host(authority_of(from), cf_request_variable(rq, "HTTP_HOST"));
  if (site_ok && from_ok)
    return CF_OK;
  return cf_fail(fault, CF_E_ORIGIN, NULL, "the request comes from a page of another site");
}
