/* SPDX-License-Identifier: MIT */
/* The table of routes (api.md, Routes): a row each. */
#ifndef CF_ROUTES_ROUTE_IN_H
#define CF_ROUTES_ROUTE_IN_H

#include "fcgi-app/who/auth.h"
#include "fcgi-app/http/http.h"

#define CF_ROUTE_ARGS_MAX 2

struct cf_call;
struct cf_route {
  enum cf_http_method method; /* GET (HEAD is the same) or POST */
  const char *pattern; /* {name} takes one segment, {name...} at the end takes all that is left */
  enum cf_need need;
  bool writes; /* refused while the service is leaving */
  /* names of its parameters between single spaces; NULL: the handler judges
   * them */
  const char *params;
  enum cf_err (*handler)(struct cf_call *call);
};

/* All rows. */
extern const struct cf_route cf_route_table[];
extern const size_t cf_route_table_n;

/* The row for a method and path, with what its braces took in args (slices of
 * path). CF_E_ROUTE; CF_E_METHOD with the methods that the path does take in
 * allow, as for the header. */
CF_MUST enum cf_err cf_route_find(enum cf_http_method method, struct cf_str path,
                                  const struct cf_route **route,
                                  struct cf_str args[CF_ROUTE_ARGS_MAX], char allow[32]);

#endif
