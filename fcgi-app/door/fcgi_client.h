/* SPDX-License-Identifier: MIT */
/* A FastCGI client: one request passed to a responder over a connected socket,
 * streamed both ways at once with bounded memory.
 *
 * The peer is not trusted with our memory: anything that is not exactly what
 * the FastCGI specification lets a responder send ends the exchange. */
#ifndef CF_DOOR_FCGI_CLIENT_H
#define CF_DOOR_FCGI_CLIENT_H

#include "lib/base/buf.h"

#define CF_EXCHANGE_PARAMS_MAX (256u << 10) /* all parameters together */
#define CF_EXCHANGE_CHUNK_N    (16u << 10)  /* of the body, on its way */

/* The two ends of a request that are not the socket. */
struct cf_exchange_io {
  void *context;
  /* Up to max bytes of the request's body; *n = 0 at its end. May block. NULL:
   * there is no body. */
  enum cf_err (*body)(void *context, void *out, size_t max, size_t *n);
  /* Bytes of the answer, CGI headers first. May block; the responder then
   * waits. */
  enum cf_err (*answer)(void *context, const void *p, size_t n);
  /* Asked when a signal came, to this thread or within a second to another:
   * true ends the exchange with CF_E_LEAVING. NULL: signals are nothing. */
  bool (*interrupted)(void *context);
  /* How long the responder may do nothing, in microseconds. */
  int64_t silence_us;
};

struct cf_exchange;

CF_MUST enum cf_err cf_exchange_new(struct cf_exchange **exchange); /* CF_E_NOMEM */
void cf_exchange_free(struct cf_exchange *exchange);                /* NULL is harmless */

/* Add a parameter. CF_E_FULL above CF_EXCHANGE_PARAMS_MAX, CF_E_NOMEM. */
CF_MUST enum cf_err cf_exchange_param(struct cf_exchange *exchange, struct cf_str name,
                                      struct cf_str value);

/* Pass the request to the responder at fd (a connected stream socket, which
 * stays the caller's to close) and its answer back. CF_OK: the responder
 * answered completely. CF_E_PEER: it went away, was silent for too long or
 * broke the protocol. CF_E_LEAVING: interrupted. An error of io's functions
 * ends it and is given. It may be run again with another socket while
 * cf_exchange_again says so. */
CF_MUST enum cf_err cf_exchange_run(struct cf_exchange *exchange, int fd,
                                    const struct cf_exchange_io *io);

/* Was a byte of the body, or its end, passed on? Was a byte of the answer
 * given? */
bool cf_exchange_body_passed(const struct cf_exchange *exchange);
bool cf_exchange_answer_passed(const struct cf_exchange *exchange);
/* Did the last error come from io's own functions? */
bool cf_exchange_own_error(const struct cf_exchange *exchange);

/* May the request be sent once more without being done twice (architecture.md,
 * One owner, many doors)? Only if nothing of its body was passed on; or, where
 * it is safe (GET, HEAD), nothing of the answer was, and the body had no
 * bytes. */
bool cf_exchange_again(const struct cf_exchange *exchange, bool safe);

/* The bytes of the body that were read but never passed on, for whoever takes
 * the request over. Valid as long as exchange. */
struct cf_str cf_exchange_pending(const struct cf_exchange *exchange);

#endif
