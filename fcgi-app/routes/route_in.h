/* SPDX-License-Identifier: MIT */
/* The table of routes (api.md, Routes): a row each. */
#ifndef CF_ROUTES_ROUTE_IN_H
#define CF_ROUTES_ROUTE_IN_H

#include "fcgi-app/http/request.h"
#include "fcgi-app/who/auth.h"

#define CF_ROUTE_ARGS_MAX 2 /* braces of a pattern */
#define CF_ALLOW_MAX      sizeof "GET, HEAD, POST"

struct cf_call;
/* What the columns mean: route.def. */
struct cf_route {
  enum cf_http_method method;
  const char *pattern;
  enum cf_need need;
  bool writes;
  const char *reads, *params;
  enum cf_err (*handler)(struct cf_call *call);
};

/* All rows. */
extern const struct cf_route cf_route_table[];
extern const size_t cf_route_table_n;

/* Do the patterns keep to CF_ROUTE_ARGS_MAX? To be asked once, at the start: a
 * row that does not is a bug, and ends the process. */
void cf_route_check(void);

/* The row for a method and path, with what its braces took in args (slices of
 * path). CF_E_ROUTE; CF_E_METHOD with the methods that the path does take in
 * allow, as for the header. */
CF_MUST enum cf_err cf_route_find(enum cf_http_method method, struct cf_str path,
                                  const struct cf_route **route,
                                  struct cf_str args[CF_ROUTE_ARGS_MAX], char allow[CF_ALLOW_MAX]);

#endif
