/* SPDX-License-Identifier: MIT */
/* The answer to a request: status, headers, a body that is held back for a
 * while (api.md, first section), and packed where the client takes that.
 *
 * What is packed gets shorter where it repeats itself. Who can put text of his
 * choice beside a secret and see how long the answer is guesses the secret
 * piece by piece (BREACH), so an answer that holds one is sent plain: the
 * pages, whose forms carry a token beside what the log and the address say, and
 * a new token. */
#ifndef CF_HTTP_RESPONSE_H
#define CF_HTTP_RESPONSE_H

#include "fcgi-app/http/gzip.h"
#include "fcgi-app/http/transport.h"

/* bytes of the body that are held back, so that an error found meanwhile can
 * still become the answer */
#define CF_RESPONSE_HOLD (1 << 20)
/* an answer that has no more bytes than these when it begins to be sent is not
 * packed */
#define CF_RESPONSE_SMALL 1024
/* of an entity tag: quotes, 32 digits, NUL */
#define CF_ETAG_N 35

/* of a page: what keeps foreign scripts and frames out */
#define CF_PAGE_HEADERS \
  "Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; " \
  "connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; " \
  "frame-ancestors 'none'\r\n" \
  "X-Frame-Options: DENY\r\nReferrer-Policy: same-origin\r\n"

/* The body is held back up to CF_RESPONSE_HOLD bytes; what goes beyond that, a
 * flush or the end sends the headers. An answer that is still held at its end,
 * and is not packed, has a Content-Length. */
struct cf_response {
  struct cf_transport *transport;
  struct cf_str mount;  /* of the request, to which pages lead; NULL: not known */
  bool head;            /* HEAD: the same headers, no body */
  bool started;         /* headers were sent: status and headers cannot change any more */
  bool broken;          /* abandoned: it has no end */
  bool takes_gzip;      /* the client does */
  bool plain;           /* not to be packed: it holds a secret, or gets no shorter */
  char etag[CF_ETAG_N]; /* of the body as it is; "": none */
  const char *cors; /* the origin whose scripts may see it; "": not the asking one; NULL: none */
  int status;
  /* "Name: value CR LF", but Status, Content-Length, X-Content-Type-Options
   * and Accept-Ranges: none, without which web servers cut the parts that a
   * client asks for out of answers that differ from one time to the next */
  struct cf_buf headers;
  struct cf_buf held;
  struct cf_gzip *gzip; /* where it began to be sent packed */
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
/* The same for a page, with CF_PAGE_HEADERS. */
CF_MUST enum cf_err cf_response_begin_page(struct cf_response *rs, int status);
/* The strong entity tag of a body. */
void cf_etag_make(struct cf_str body, char etag[CF_ETAG_N]);
/* It has this one, whose body is put as always; known: the client has that
 * already, so the answer becomes 304, without it. CF_E_REQUEST after the body
 * began to be sent. */
CF_MUST enum cf_err cf_response_etag(struct cf_response *rs, const char etag[CF_ETAG_N],
                                     bool known);
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
/* It has begun and cannot be completed: what there is goes out, and the client
 * sees that it broke off. */
void cf_response_abandon(struct cf_response *rs);

#endif
