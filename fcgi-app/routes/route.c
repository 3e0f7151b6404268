/* SPDX-License-Identifier: MIT */
/* The table of routes and the search in it. */
#include "config.h"

#include "fcgi-app/routes/route_in.h"

#include <string.h>

#include "fcgi-app/routes/call_in.h"
#include "lib/base/die.h"

const struct cf_route cf_route_table[] = {
#define CF_ROUTE(method, pattern, need, writes, reads, params, handler) \
  {CF_HTTP_##method, pattern, CF_NEED_##need, writes, reads, params, handler},
#include "fcgi-app/routes/route.def"
#undef CF_ROUTE
};
const size_t cf_route_table_n = sizeof cf_route_table / sizeof cf_route_table[0];

/* The words of Allow, and their room, know these two. */
#define CF_ROUTE(method, pattern, need, writes, reads, params, handler) \
  _Static_assert(CF_HTTP_##method == CF_HTTP_GET || CF_HTTP_##method == CF_HTTP_POST, pattern);
#include "fcgi-app/routes/route.def"
#undef CF_ROUTE

void cf_route_check(void)
{
  for (size_t i = 0; i < cf_route_table_n; i++) {
    size_t braces = 0;
    for (const char *p = cf_route_table[i].pattern; *p != '\0'; p++)
      braces += *p == '{';
    CF_ASSERT(braces <= CF_ROUTE_ARGS_MAX);
  }
}

/* Take "/segment" off the front of s, which begins with a slash. */
static struct cf_str take_segment(struct cf_str *s)
{
  const char *end = memchr(s->p + 1, '/', s->n - 1);
  struct cf_str segment = {s->p + 1, end == NULL ? s->n - 1 : (size_t)(end - s->p) - 1};
  *s = (struct cf_str){s->p + 1 + segment.n, s->n - 1 - segment.n};
  return segment;
}

static bool is_rest(struct cf_str want)
{
  return want.n > 4 && memcmp(want.p + want.n - 4, "...}", 4) == 0;
}

/* Does path match, segment by segment? args takes what stands for braces. */
static bool pattern_match(const char *pattern, struct cf_str path,
                          struct cf_str args[CF_ROUTE_ARGS_MAX])
{
  struct cf_str want = cf_str_from(pattern);
  size_t n = 0;
  while (want.n > 0 && path.n > 0 && *path.p == '/') {
    struct cf_str segment = take_segment(&want);
    struct cf_str got =
        is_rest(segment) ? (struct cf_str){path.p + 1, path.n - 1} : take_segment(&path);
    if (is_rest(segment))
      path.n = 0;
    if (segment.n == 0 || *segment.p != '{') {
      if (!cf_str_eq(segment, got))
        return false;
    } else {
      if (got.n == 0)
        return false;
      CF_ASSERT(n < CF_ROUTE_ARGS_MAX);
      args[n++] = got;
    }
  }
  return want.n == 0 && path.n == 0;
}

/* Each method once, in the order of the rows, though several patterns may match
 * one path. */
static void allow_add(char allow[CF_ALLOW_MAX], enum cf_http_method method)
{
  const char *words = method == CF_HTTP_GET ? "GET, HEAD" : "POST";
  if (strstr(allow, words) != NULL)
    return;
  if (*allow != '\0')
    strcat(allow, ", ");
  strcat(allow, words);
}

enum cf_err cf_route_find(enum cf_http_method method, struct cf_str path,
                          const struct cf_route **route, struct cf_str args[CF_ROUTE_ARGS_MAX],
                          char allow[CF_ALLOW_MAX])
{
  char methods[CF_ALLOW_MAX] = "";
  if (path.n > CF_PATH_MAX)
    return CF_E_ROUTE;
  if (method == CF_HTTP_HEAD)
    method = CF_HTTP_GET;
  for (size_t i = 0; i < cf_route_table_n; i++) {
    struct cf_str taken[CF_ROUTE_ARGS_MAX] = {{NULL, 0}};
    if (!pattern_match(cf_route_table[i].pattern, path, taken))
      continue;
    if (cf_route_table[i].method == method) {
      memcpy(args, taken, sizeof taken);
      *route = &cf_route_table[i];
      return CF_OK;
    }
    allow_add(methods, cf_route_table[i].method);
  }
  if (*methods == '\0')
    return CF_E_ROUTE;
  strcpy(allow, methods);
  return CF_E_METHOD;
}
