/* SPDX-License-Identifier: MIT */
/* The response: headers, and a body that is held back for a while. */
#include "config.h"

#include <stdio.h>

#include "fcgi-app/http/response.h"

#define HEADERS_MAX 32768

struct reason {
  int status;
  const char *words;
};

static const struct reason reasons[] = {
    {200, "OK"},
    {201, "Created"},
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

enum cf_err cf_response_restart(struct cf_response *rs)
{
  if (rs->started)
    return CF_E_REQUEST;
  rs->status = 200;
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

/* Headers and what is held. With whole, the held bytes are all of the body. */
static void response_start(struct cf_response *rs, bool whole)
{
  char line[80];
  snprintf(line, sizeof line, "Status: %d %s\r\nX-Content-Type-Options: nosniff\r\n", rs->status,
           reason_of(rs->status));
  rs->started = true;
  if (rs->headers.err != CF_OK)
    rs->err = rs->headers.err;
  send_bytes(rs, cf_str_from(line));
  send_bytes(rs, cf_buf_str(&rs->headers));
  if (whole && rs->status != 304) {
    snprintf(line, sizeof line, "Content-Length: %zu\r\n", rs->held.n);
    send_bytes(rs, cf_str_from(line));
  }
  send_bytes(rs, CF_STR("\r\n"));
  if (!rs->head)
    send_bytes(rs, cf_buf_str(&rs->held));
  cf_buf_fini(&rs->held);
}

static enum cf_err may_go_on(const struct cf_response *rs)
{
  return rs->go_on != NULL ? rs->go_on(rs->go_on_context) : CF_OK;
}

/* Begin to send what has not ended, if it may be. */
static enum cf_err start_early(struct cf_response *rs)
{
  if (rs->err == CF_OK)
    rs->err = may_go_on(rs);
  if (rs->err == CF_OK && rs->early != NULL)
    rs->err = rs->early(rs->early_context);
  if (rs->err == CF_OK)
    response_start(rs, false);
  return rs->err;
}

enum cf_err cf_response_put(struct cf_response *rs, struct cf_str s)
{
  enum cf_err err = rs->err == CF_OK && rs->started ? may_go_on(rs) : rs->err;
  if (err != CF_OK)
    return err;
  if (!rs->started && s.n > CF_RESPONSE_HOLD - rs->held.n && start_early(rs) != CF_OK)
    return rs->err;
  if (!rs->started) {
    cf_buf_putstr(&rs->held, s);
    rs->err = rs->held.err;
  } else if (!rs->head) {
    send_bytes(rs, s);
  }
  return rs->err;
}

enum cf_err cf_response_flush(struct cf_response *rs)
{
  if (!rs->started && start_early(rs) != CF_OK)
    return rs->err;
  if (rs->err == CF_OK)
    rs->err = rs->transport->flush(rs->transport->context);
  return rs->err;
}

enum cf_err cf_response_end(struct cf_response *rs)
{
  if (!rs->started)
    response_start(rs, true);
  return rs->err;
}
