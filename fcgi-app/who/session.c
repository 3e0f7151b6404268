/* SPDX-License-Identifier: MIT */
/* The page's cookie as a header, and its form token. */
#include "config.h"

#include "fcgi-app/who/session.h"

#include <string.h>

#include "fcgi-app/who/site.h"
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

void cf_session_put_header(const struct cf_conf *conf, const struct cf_request *rq,
                           struct cf_str cookie, int64_t age_s, struct cf_buf *b)
{
  struct cf_str mount = cf_site_mount(conf, rq);
  cf_buf_puts(b, CF_COOKIE_NAME "=");
  cf_buf_putstr(b, cookie);
  cf_buf_puts(b, "; Path=");
  cf_path_put(b, mount);
  if (mount.n == 0)
    cf_buf_putc(b, '/');
  cf_buf_puts(b, "; Max-Age=");
  cf_buf_put_i64(b, age_s);
  cf_buf_puts(b, "; HttpOnly; SameSite=Lax");
  if (cf_site_https(conf, rq))
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
