/* SPDX-License-Identifier: MIT */
/* The table of routes and the search in it. */
#include "config.h"

#include "fcgi-app/routes/route_in.h"

#include <string.h>

#include "fcgi-app/routes/call_in.h"

const struct cf_route cf_route_table[] = {
    {CF_HTTP_POST, "/v1/events", CF_NEED_WRITER, true, "batch return unknown long receipt",
     cf_handle_events_post},
    {CF_HTTP_GET, "/v1/events", CF_NEED_READER, false, NULL, cf_handle_events_get},
    {CF_HTTP_GET, "/v1/events/{seq}", CF_NEED_READER, false, "proof", cf_handle_event_get},
    {CF_HTTP_GET, "/v1/verify", CF_NEED_AUDITOR, false, "mode seq_from seq_to size root",
     cf_handle_verify},
    {CF_HTTP_GET, "/v1/receipts/{seq}", CF_NEED_RECEIPT, false, "", cf_handle_receipt},
    {CF_HTTP_GET, "/v1/proofs/inclusion", CF_NEED_AUDITOR, false, "seq size", cf_handle_inclusion},
    {CF_HTTP_GET, "/v1/proofs/consistency", CF_NEED_AUDITOR, false, "first second",
     cf_handle_consistency},
    {CF_HTTP_GET, "/v1/keys", CF_NEED_KNOWN, false, "", cf_handle_keys},
    {CF_HTTP_GET, "/v1/tokens", CF_NEED_ADMIN, false, "", cf_handle_tokens_get},
    {CF_HTTP_POST, "/v1/tokens", CF_NEED_ADMIN, true, "", cf_handle_tokens_post},
    {CF_HTTP_POST, "/v1/tokens/{id}/revoke", CF_NEED_ADMIN, true, "", cf_handle_token_revoke},
    {CF_HTTP_GET, "/v1/whoami", CF_NEED_KNOWN, false, "", cf_handle_whoami},
    {CF_HTTP_GET, "/checkpoint", CF_NEED_CHECKPOINT, false, "", cf_handle_checkpoint},
    {CF_HTTP_GET, "/tile/{tile...}", CF_NEED_TILES, false, "", cf_handle_tile},
    {CF_HTTP_GET, "/healthz", CF_NEED_NOBODY, false, "", cf_handle_healthz},
    {CF_HTTP_GET, "/readyz", CF_NEED_NOBODY, false, "", cf_handle_readyz},
    {CF_HTTP_GET, "/openapi.json", CF_NEED_NOBODY, false, "", cf_handle_openapi},
    {CF_HTTP_GET, "/", CF_NEED_PAGE, false, NULL, cf_handle_page},
    {CF_HTTP_GET, "/login", CF_NEED_PAGE, false, "", cf_handle_login_get},
    {CF_HTTP_POST, "/login", CF_NEED_PAGE, false, "", cf_handle_login_post},
    {CF_HTTP_POST, "/logout", CF_NEED_PAGE, false, "", cf_handle_logout},
    {CF_HTTP_GET, "/assets/{file}", CF_NEED_NOBODY, false, "", cf_handle_asset},
};
const size_t cf_route_table_n = sizeof cf_route_table / sizeof cf_route_table[0];

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
      args[n++] = got;
    }
  }
  return want.n == 0 && path.n == 0;
}

static void allow_add(char allow[32], enum cf_http_method method)
{
  if (*allow != '\0')
    strcat(allow, ", ");
  strcat(allow, method == CF_HTTP_GET ? "GET, HEAD" : "POST");
}

enum cf_err cf_route_find(enum cf_http_method method, struct cf_str path,
                          const struct cf_route **route, struct cf_str args[CF_ROUTE_ARGS_MAX],
                          char allow[32])
{
  char methods[32] = "";
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
