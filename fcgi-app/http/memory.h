/* SPDX-License-Identifier: MIT */
/* A transport over memory: a request put together by hand, its answer kept in a
 * buffer. For the command in its own process, and for tests. */
#ifndef CF_HTTP_MEMORY_H
#define CF_HTTP_MEMORY_H

#include "fcgi-app/http/transport.h"

#define CF_MEMORY_PARAMS_MAX 64

struct cf_memory {
  struct cf_transport transport;      /* pass this to cf_app_serve */
  char *params[CF_MEMORY_PARAMS_MAX]; /* "NAME=value", owned */
  size_t params_n;
  struct cf_str body;   /* borrowed; what is left of it to read */
  struct cf_buf answer; /* CGI headers, an empty line, the body */
};

/* An empty request through that door. Set REQUEST_METHOD, PATH_INFO and
 * whatever else it takes with cf_memory_param. */
void cf_memory_init(struct cf_memory *m, enum cf_door door);
/* Free what it owns. Harmless on a finished one. */
void cf_memory_fini(struct cf_memory *m);

/* Set a CGI variable, replacing an earlier value. CF_E_NOMEM, CF_E_FULL (too
 * many variables). */
CF_MUST enum cf_err cf_memory_param(struct cf_memory *m, const char *name, const char *value);
/* The request's body; it is borrowed until the request was served. */
void cf_memory_body(struct cf_memory *m, struct cf_str body);

/* The answer. Status: its number, 0 where there is none. Header: its first
 * value, by a name in any case; the empty slice where there is none. Slices
 * point into the answer. */
int cf_memory_status(const struct cf_memory *m);
struct cf_str cf_memory_header(const struct cf_memory *m, const char *name);
struct cf_str cf_memory_content(const struct cf_memory *m);

#endif
