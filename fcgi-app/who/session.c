/* SPDX-License-Identifier: MIT */
/* The page's cookie and form token, and the check of a POST's origin. */
#include "config.h"

#include "fcgi-app/who/session.h"

#include <string.h>
#include <strings.h>

#include "lib/base/codec.h"

#define NONCE_N    12
#define VALUE_MAX  160
#define MAC_TEXT_N 43

/* base64url of HMAC(key, "<purpose> <text>"). */
static void put_mac(const uint8_t key[CF_HASH_N], const char *purpose, struct cf_str text,
                    struct cf_buf *b)
{
  struct cf_str parts[] = {cf_str_from(purpose), CF_STR(" "), text};
  uint8_t mac[CF_HASH_N];
  cf_hmac(key, CF_HASH_N, parts, 3, mac);
  cf_base64url_put(b, mac, sizeof mac);
}

/* Is mac the one of the text? */
static bool mac_ok(const uint8_t key[CF_HASH_N], const char *purpose, struct cf_str text,
                   struct cf_str mac)
{
  struct cf_buf b;
  cf_buf_init(&b, MAC_TEXT_N);
  put_mac(key, purpose, text, &b);
  bool ok = b.err == CF_OK && b.n == mac.n && cf_equal(b.p, mac.p, mac.n);
  cf_buf_fini(&b);
  return ok;
}

/* ---- the cookie ---- */

void cf_session_put(const uint8_t key[CF_HASH_N], const struct cf_token *token, int64_t now_us,
                    struct cf_buf *b, int64_t *end_us)
{
  uint8_t nonce[NONCE_N];
  int64_t end = now_us + CF_SESSION_US;
  size_t at = b->n;
  if (token->expires_us != CF_TIME_NONE && token->expires_us < end)
    end = token->expires_us;
  cf_random(nonce, sizeof nonce);
  cf_buf_putf(b, "%s.", token->id);
  cf_buf_put_u64(b, (uint64_t)end);
  cf_buf_putc(b, '.');
  cf_hex_put(b, nonce, sizeof nonce);
  if (b->err != CF_OK)
    return;
  struct cf_buf mac;
  cf_buf_init(&mac, MAC_TEXT_N);
  put_mac(key, "cookie", (struct cf_str){(const char *)b->p + at, b->n - at}, &mac);
  cf_buf_putc(b, '.');
  cf_buf_putstr(b, cf_buf_str(&mac));
  cf_buf_fini(&mac);
  *end_us = end;
}

void cf_session_put_header(const struct cf_request *rq, struct cf_str value, int64_t age_s,
                           struct cf_buf *b)
{
  cf_buf_puts(b, CF_COOKIE_NAME "=");
  cf_buf_putstr(b, value);
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

/* Does the value hold, and whose is it? */
static bool value_ok(const uint8_t key[CF_HASH_N], struct cf_str value, int64_t now_us,
                     struct cf_str *id)
{
  const char *dot = value.n == 0 || value.n > VALUE_MAX ? NULL : memrchr(value.p, '.', value.n);
  if (dot == NULL)
    return false;
  struct cf_str text = {value.p, (size_t)(dot - value.p)};
  if (!mac_ok(key, "cookie", text, (struct cf_str){dot + 1, value.n - text.n - 1}))
    return false;
  uint64_t end;
  struct cf_str name = cf_str_cut(&text, '.');
  if (cf_u64_parse(cf_str_cut(&text, '.'), INT64_MAX, &end) != CF_OK || (int64_t)end <= now_us)
    return false;
  *id = name;
  return true;
}

enum cf_err cf_session_find(const uint8_t key[CF_HASH_N], const struct cf_request *rq,
                            int64_t now_us, struct cf_str *cookie, struct cf_str *id)
{
  struct cf_str left = cf_request_variable(rq, "HTTP_COOKIE");
  while (left.n > 0) {
    struct cf_str pair = cf_str_cut(&left, ';');
    while (pair.n > 0 && *pair.p == ' ')
      pair = (struct cf_str){pair.p + 1, pair.n - 1};
    if (!cf_str_is(cf_str_cut(&pair, '='), CF_COOKIE_NAME) || !value_ok(key, pair, now_us, id))
      continue;
    *cookie = pair;
    return CF_OK;
  }
  return CF_E_NOTFOUND;
}

/* ---- forged forms ---- */

void cf_session_put_form(const uint8_t key[CF_HASH_N], struct cf_str cookie, struct cf_buf *b)
{
  put_mac(key, "form", cookie, b);
}

enum cf_err cf_session_check_form(const uint8_t key[CF_HASH_N], struct cf_str cookie,
                                  struct cf_str form, struct cf_fault *fault)
{
  if (mac_ok(key, "form", cookie, form))
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
