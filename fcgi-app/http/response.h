/* SPDX-License-Identifier: MIT */
/* The answer to a request: status, headers, a body that is held back for a
 * while (api.md, first section). */
#ifndef CF_HTTP_RESPONSE_H
#define CF_HTTP_RESPONSE_H

#include "fcgi-app/http/transport.h"

/* bytes of the body that are held back, so that an error found meanwhile can
 * still become the answer */
#define CF_RESPONSE_HOLD (1 << 20)

/* The body is held back up to CF_RESPONSE_HOLD bytes; what goes beyond that, a
 * flush or the end sends the headers. An answer that is still held at its end
 * has a Content-Length. */
struct cf_response {
  struct cf_transport *transport;
  bool head;    /* HEAD: the same headers, no body */
  bool started; /* headers were sent: status and headers cannot change any more */
  int status;
  /* "Name: value CR LF", but Status, Content-Length and
   * X-Content-Type-Options */
  struct cf_buf headers;
  struct cf_buf held;
  /* Asked once, when an answer begins to be sent before it has ended: its
   * error keeps everything back, and goes to whoever put or flushed. NULL:
   * nobody is asked. */
  enum cf_err (*early)(void *context);
  void *early_context;
  /* Asked before each piece of an answer that has begun, or begins before its
   * end: its error goes to whoever put, and the piece nowhere. NULL: nobody
   * is asked. */
  enum cf_err (*go_on)(void *context);
  void *go_on_context;
  /* the first error of the transport or of memory; sticky, later puts do
   * nothing */
  enum cf_err err;
};

void cf_response_init(struct cf_response *rs, struct cf_transport *transport, bool head);
void cf_response_fini(struct cf_response *rs);

/* Status (200 where never set) and headers. CF_E_REQUEST after the body began
 * to be sent, and for a value with control characters. */
CF_MUST enum cf_err cf_response_status(struct cf_response *rs, int status);
CF_MUST enum cf_err cf_response_header(struct cf_response *rs, const char *name,
                                       struct cf_str value);
/* Status, Content-Type, and "Cache-Control: no-store" in one. */
CF_MUST enum cf_err cf_response_begin(struct cf_response *rs, int status, const char *type);
/* Forget status, headers and body. CF_E_REQUEST after the body began to be
 * sent. */
CF_MUST enum cf_err cf_response_restart(struct cf_response *rs);

/* Bytes of the body; a failure sticks in rs->err, which is also given.
 * CF_E_PEER: the client left. */
enum cf_err cf_response_put(struct cf_response *rs, struct cf_str s);
/* Send what was put so far. */
enum cf_err cf_response_flush(struct cf_response *rs);
/* End it. What the transport still holds it sends together with the end of the
 * request. */
enum cf_err cf_response_end(struct cf_response *rs);

#endif
