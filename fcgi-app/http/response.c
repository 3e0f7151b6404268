/* SPDX-License-Identifier: MIT */
/* The response: headers, and a body that is held back for a while. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "fcgi-app/http/response.h"

#include "lib/base/codec.h"
#include "lib/base/crypto.h"

#define HEADERS_MAX 32768

struct reason {
  int status;
  const char *words;
};

static const struct reason reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {303, "See Other"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

static const char *reason_of(int status)
{
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
    if (reasons[i].status == status)
      return reasons[i].words;
  return "Status";
}

void cf_response_init(struct cf_response *rs, struct cf_transport *transport, bool head)
{
  *rs = (struct cf_response){.transport = transport, .head = head, .status = 200};
  cf_buf_init(&rs->headers, HEADERS_MAX);
  cf_buf_init(&rs->held, CF_RESPONSE_HOLD);
}

void cf_response_fini(struct cf_response *rs)
{
  cf_buf_fini(&rs->headers);
  cf_buf_fini(&rs->held);
  cf_gzip_free(rs->gzip);
  rs->gzip = NULL;
}

enum cf_err cf_response_status(struct cf_response *rs, int status)
{
  if (rs->started)
    return CF_E_REQUEST;
  rs->status = status;
  return CF_OK;
}

enum cf_err cf_response_header(struct cf_response *rs, const char *name, struct cf_str value)
{
  if (rs->started)
    return CF_E_REQUEST;
  for (size_t i = 0; i < value.n; i++)
    if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
      return CF_E_REQUEST;
  cf_buf_puts(&rs->headers, name);
  cf_buf_puts(&rs->headers, ": ");
  cf_buf_putstr(&rs->headers, value);
  cf_buf_puts(&rs->headers, "\r\n");
  return rs->headers.err;
}

enum cf_err cf_response_begin(struct cf_response *rs, int status, const char *type)
{
  enum cf_err err = cf_response_status(rs, status);
  if (err == CF_OK)
    err = cf_response_header(rs, "Content-Type", cf_str_from(type));
  return err == CF_OK ? cf_response_header(rs, "Cache-Control", CF_STR("no-store")) : err;
}

enum cf_err cf_response_begin_page(struct cf_response *rs, int status)
{
  enum cf_err err = cf_response_begin(rs, status, "text/html; charset=utf-8");
  cf_buf_puts(&rs->headers, CF_PAGE_HEADERS);
  return err == CF_OK ? rs->headers.err : err;
}

void cf_etag_make(struct cf_str body, char etag[CF_ETAG_N])
{
  uint8_t hash[CF_HASH_N];
  struct cf_buf b;
  cf_buf_fixed(&b, etag, CF_ETAG_N);
  cf_sha256_1(body.p, body.n, hash);
  cf_buf_putc(&b, '"');
  cf_hex_put(&b, hash, 16);
  cf_buf_putc(&b, '"');
  (void)cf_buf_cstr(&b);
}

enum cf_err cf_response_etag(struct cf_response *rs, const char etag[CF_ETAG_N], bool known)
{
  if (rs->started)
    return CF_E_REQUEST;
  memcpy(rs->etag, etag, CF_ETAG_N);
  rs->status = known ? 304 : rs->status;
  return CF_OK;
}

enum cf_err cf_response_restart(struct cf_response *rs)
{
  if (rs->started)
    return CF_E_REQUEST;
  rs->status = 200;
  rs->etag[0] = '\0';
  rs->err = CF_OK;
  cf_buf_reset(&rs->headers);
  cf_buf_reset(&rs->held);
  return CF_OK;
}

/* ---- sending ---- */

static void send_bytes(struct cf_response *rs, struct cf_str s)
{
  if (rs->err == CF_OK && s.n > 0)
    rs->err = rs->transport->write(rs->transport->context, s.p, s.n);
}

static bool is_empty(const struct cf_response *rs)
{
  return rs->status == 204 || rs->status == 304;
}

static bool has_body(const struct cf_response *rs)
{
  return !rs->head && !is_empty(rs);
}

static void body_send(struct cf_response *rs, struct cf_str s, enum cf_gzip_then then)
{
  if (rs->err != CF_OK || !has_body(rs))
    return;
  if (rs->gzip == NULL)
    send_bytes(rs, s);
  else
    rs->err = cf_gzip_put(rs->gzip, s, then, rs->transport->write, rs->transport->context);
}

/* Is an answer of n bytes, or of so many so far, to be packed? Where there is
 * no memory for it, it is not. */
static bool packs_now(struct cf_response *rs, size_t n)
{
  return rs->takes_gzip && !rs->plain && n > CF_RESPONSE_SMALL &&
         (!has_body(rs) || cf_gzip_new(&rs->gzip) == CF_OK);
}

/* Of the body as it is sent: each coding has an ETag of its own. A cache that
 * is told 304 may put its headers to the body that it has, in whatever
 * coding. */
static void coding_headers(struct cf_response *rs, bool packed)
{
  char line[CF_ETAG_N + 32];
  if (!rs->plain)
    send_bytes(rs, CF_STR("Vary: Accept-Encoding\r\n"));
  if (packed && !is_empty(rs))
    send_bytes(rs, CF_STR("Content-Encoding: gzip\r\n"));
  if (rs->etag[0] == '\0')
    return;
  snprintf(line, sizeof line, "ETag: %.*s%s\"\r\n", (int)strlen(rs->etag) - 1, rs->etag,
           packed ? "-gzip" : "");
  send_bytes(rs, cf_str_from(line));
}

/* What scripts see of an answer, beside its text and its type. */
static void cors_headers(struct cf_response *rs)
{
  if (rs->cors == NULL)
    return;
  send_bytes(rs, CF_STR("Vary: Origin\r\n"));
  if (*rs->cors == '\0')
    return;
  send_bytes(rs, CF_STR("Access-Control-Allow-Origin: "));
  send_bytes(rs, cf_str_from(rs->cors));
  send_bytes(rs, CF_STR("\r\nAccess-Control-Expose-Headers: "
                        "ETag, Link, Location, Retry-After, X-Has-More, X-Next-Cursor\r\n"));
}

/* Headers and what is held. With whole, the held bytes are all of the body,
 * else n bytes are to follow at once. */
static void response_start(struct cf_response *rs, bool whole, size_t n)
{
  char line[128];
  bool packed = packs_now(rs, rs->held.n + n);
  snprintf(line, sizeof line,
           "Status: %d %s\r\nX-Content-Type-Options: nosniff\r\nAccept-Ranges: none\r\n",
           rs->status, reason_of(rs->status));
  rs->started = true;
  if (rs->headers.err != CF_OK)
    rs->err = rs->headers.err;
  send_bytes(rs, cf_str_from(line));
  send_bytes(rs, cf_buf_str(&rs->headers));
  coding_headers(rs, packed);
  cors_headers(rs);
  if (whole && !packed && !is_empty(rs)) {
    snprintf(line, sizeof line, "Content-Length: %zu\r\n", rs->held.n);
    send_bytes(rs, cf_str_from(line));
  }
  send_bytes(rs, CF_STR("\r\n"));
  body_send(rs, cf_buf_str(&rs->held), whole ? CF_GZIP_END : CF_GZIP_GO_ON);
  cf_buf_fini(&rs->held);
}

static enum cf_err may_go_on(const struct cf_response *rs)
{
  return rs->go_on != NULL ? rs->go_on(rs->go_on_context) : CF_OK;
}

/* Begin to send what has not ended, if it may be; n bytes follow at once. */
static enum cf_err start_early(struct cf_response *rs, size_t n)
{
  if (rs->err == CF_OK)
    rs->err = may_go_on(rs);
  if (rs->err == CF_OK && rs->early != NULL)
    rs->err = rs->early(rs->early_context);
  if (rs->err == CF_OK)
    response_start(rs, false, n);
  return rs->err;
}

enum cf_err cf_response_put(struct cf_response *rs, struct cf_str s)
{
  enum cf_err err = rs->err == CF_OK && rs->started ? may_go_on(rs) : rs->err;
  if (err != CF_OK)
    return err;
  if (!rs->started && s.n > CF_RESPONSE_HOLD - rs->held.n && start_early(rs, s.n) != CF_OK)
    return rs->err;
  if (!rs->started) {
    cf_buf_putstr(&rs->held, s);
    rs->err = rs->held.err;
  } else {
    body_send(rs, s, CF_GZIP_GO_ON);
  }
  return rs->err;
}

enum cf_err cf_response_flush(struct cf_response *rs)
{
  if (!rs->started && start_early(rs, 0) != CF_OK)
    return rs->err;
  body_send(rs, CF_STR(""), CF_GZIP_FLUSH);
  if (rs->err == CF_OK)
    rs->err = rs->transport->flush(rs->transport->context);
  return rs->err;
}

enum cf_err cf_response_end(struct cf_response *rs)
{
  if (!rs->started)
    response_start(rs, true, 0);
  else if (!rs->broken)
    body_send(rs, CF_STR(""), CF_GZIP_END);
  return rs->err;
}

void cf_response_abandon(struct cf_response *rs)
{
  rs->broken = true;
  if (cf_response_flush(rs) == CF_OK && rs->transport->abandon != NULL)
    rs->transport->abandon(rs->transport->context);
}
