/* SPDX-License-Identifier: MIT */
/* Tokens, whoami, health, and what every route has in common: 401, 403,
 * 404, 405 with Allow, unknown parameters. */
#include "config.h"

#include <sys/resource.h>

#include "fcgi-app/routes/call_in.h"
#include "fcgi-app/routes/route_in.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "tests/unit/routes/app_roles.h"

/* ---- every route ---- */

/* A path of the route, with something for its braces. */
static const char *path_of(const struct cf_route *route)
{
  static char path[64];
  const char *brace = strchr(route->pattern, '{');
  if (brace == NULL)
    return route->pattern;
  const char *end = strchr(brace, '}');
  const char *sample = strstr(brace, "...") != NULL      ? "0/000.p/1"
                       : strncmp(brace, "{file", 5) == 0 ? "style.css"
                                                         : "0";
  snprintf(path, sizeof path, "%.*s%s%s", (int)(brace - route->pattern), route->pattern, sample,
           end + 1);
  return path;
}

static bool is_open(const struct cf_route *route)
{
  return route->need == CF_NEED_NOBODY || route->need == CF_NEED_PAGE ||
         route->need == CF_NEED_CHECKPOINT;
}

static int ask_route(const struct cf_route *route, const char *token, const char *query)
{
  char path[128];
  snprintf(path, sizeof path, "%s%s", path_of(route), query);
  return ask((struct ask){.method = route->method == CF_HTTP_POST ? "POST" : "GET",
                          .path = path,
                          .token = token,
                          .body = route->method == CF_HTTP_POST ? "{}" : NULL});
}

/* What of it is there while nothing was read: nobody's body is, before he is
 * known to be allowed. */
static size_t body_n(const struct cf_route *route)
{
  return route->method == CF_HTTP_POST ? 2 : 0;
}

START_TEST(test_nobody)
{
  for (size_t i = 0; i < cf_route_table_n; i++) {
    const struct cf_route *route = &cf_route_table[i];
    if (is_open(route))
      continue;
    ck_answer(ask_route(route, NULL, ""), 401);
    ck_assert_str_eq(header("WWW-Authenticate"), "Bearer");
    ck_assert_uint_eq(stage_answer.body.n, body_n(route));
    ck_answer(ask_route(route, "cf_abcdefghjk_wrong", ""), 401);
    ck_answer(ask((struct ask){.method = route->method == CF_HTTP_POST ? "POST" : "GET",
                               .path = path_of(route),
                               .door = CF_DOOR_RELAY}),
              401);
  }
}
END_TEST

/* What a role does not reach. */
START_TEST(test_wrong_role)
{
  const char *every = make_token("all", "[\"writer\",\"auditor\",\"admin\"]", "");
  for (size_t i = 0; i < cf_route_table_n; i++) {
    const struct cf_route *route = &cf_route_table[i];
    bool for_writer = is_open(route) || route->need == CF_NEED_KNOWN ||
                      route->need == CF_NEED_WRITER || route->need == CF_NEED_RECEIPT;
    bool for_reader =
        is_open(route) || route->need == CF_NEED_KNOWN || route->need == CF_NEED_READER;
    bool for_auditor = for_reader || route->need == CF_NEED_AUDITOR ||
                       route->need == CF_NEED_RECEIPT || route->need == CF_NEED_TILES;
    if (!for_writer) {
      ck_answer(ask_route(route, writer, ""), 403);
      ck_assert_uint_eq(stage_answer.body.n, body_n(route));
    }
    if (!for_reader)
      ck_answer(ask_route(route, reader, ""), 403);
    if (!for_auditor)
      ck_answer(ask_route(route, auditor, ""), 403);
    if (!is_open(route) && route->need != CF_NEED_KNOWN && route->need != CF_NEED_ADMIN)
      ck_answer(ask_route(route, admin, ""), 403);
    int status = ask_route(route, every, "");
    ck_assert_msg(status != 401 && status != 403, "%s: %d for every role", route->pattern, status);
    status = ask((struct ask){.method = route->method == CF_HTTP_POST ? "POST" : "GET",
                              .path = path_of(route),
                              .door = CF_DOOR_ADMIN,
                              .body = route->method == CF_HTTP_POST ? "{}" : NULL});
    ck_assert_msg(status != 401 && status != 403, "%s: %d for the command", route->pattern, status);
  }
}
END_TEST

START_TEST(test_unknown_parameter)
{
  const char *every = make_token("all", "[\"writer\",\"auditor\",\"admin\"]", "");
  for (size_t i = 0; i < cf_route_table_n; i++) {
    ck_answer(ask_route(&cf_route_table[i], every, "?no_such_thing=1"), 400);
    ck_assert_str_eq(header("X-Content-Type-Options"), "nosniff");
    if (strstr(header("Content-Type"), "json") != NULL)
      ck_value("parameter", "no_such_thing");
    else
      ck_contains("no_such_thing");
  }
}
END_TEST

static const struct {
  const char *method, *path, *allow;
} refused_methods[] = {
    {"PUT", "/v1/events", "POST, GET, HEAD"},
    {"DELETE", "/v1/tokens", "GET, HEAD, POST"},
    {"POST", "/v1/verify", "GET, HEAD"},
    {"OPTIONS", "/", "GET, HEAD"},
    {"GET", "/logout", "POST"},
    {"PATCH", "/v1/events/0", "GET, HEAD"},
};

START_TEST(test_method)
{
  for (size_t i = 0; i < CF_COUNT(refused_methods); i++) {
    ck_answer(ask((struct ask){.method = refused_methods[i].method,
                               .path = refused_methods[i].path,
                               .token = admin}),
              405);
    ck_assert_str_eq(header("Allow"), refused_methods[i].allow);
  }
  ck_answer(ask((struct ask){.method = "PUT", .path = "/nope", .token = admin}), 404);
  ck_value("type", "urn:counterfoil:no-route");
}
END_TEST

/* A browser that sends its password by itself does so for the forms of any
 * page. */
START_TEST(test_cross_origin)
{
  char basic[256] = "Basic ";
  struct cf_buf pair, coded;
  cf_buf_init(&pair, 256);
  cf_buf_init(&coded, 256);
  cf_buf_putf(&pair, "x:%s", admin);
  cf_base64_put(&coded, pair.p, pair.n);
  strcat(basic, cf_buf_cstr(&coded));
  struct ask question = {.method = "POST",
                         .path = "/v1/tokens",
                         .body = "{\"name\":\"mallory\",\"roles\":[\"admin\"]}",
                         .vars = {"HTTP_AUTHORIZATION", basic, "HTTP_ORIGIN",
                                  "https://evil.example"}};
  ck_answer(ask(question), 403);
  ck_value("type", "urn:counterfoil:cross-origin");
  question.vars[3] = "https://audit.example.org";
  ck_answer(ask(question), 201);
  cf_buf_fini(&pair);
  cf_buf_fini(&coded);
}
END_TEST

START_TEST(test_open_routes)
{
  int64_t started_us;
  ck_answer(get("/healthz", NULL), 200);
  ck_value("ok", "true");
  ck_value("version", PACKAGE_VERSION);
  ck_assert_ok(cf_time_parse_strict(cf_str_from(value("started")), &started_us));
  ck_assert_int_eq(started_us, stage_conf.made_us);
  ck_assert_int_le(started_us, cf_clock_now_us());
  ck_assert_int_gt(started_us, cf_clock_now_us() - CF_HOUR_US);
  ck_answer(get("/v1/events", auditor), 200); /* waits for the look at the start */
  ck_answer(get("/readyz", NULL), 200);
  ck_value("ready", "true");
  ck_value("posted_dropped", "0");
  ck_value("damaged", "0");
  ck_value("missing", "0");
  ck_value("mismatched", "0");
  ck_value("unsworn", "0");
  ck_answer(get("/openapi.json", NULL), 200);
  ck_value("openapi", "3.1.0");
  ck_answer(get("/checkpoint", NULL), 200);
  ck_assert_str_eq(header("Content-Type"), "text/plain; charset=utf-8");
  ck_assert_str_eq(header("Cache-Control"), "no-store");
  stage_set("public", "none");
  ck_answer(get("/checkpoint", NULL), 401);
  ck_answer(get("/checkpoint", auditor), 200);
  ck_answer(get("/tile/0/000.p/1", NULL), 401);
  stage_set("public", "tiles");
  ck_answer(get("/tile/0/000.p/1", NULL), 200);
  cf_app_leave(stage_app);
  ck_answer(get("/readyz", NULL), 503);
  ck_answer(get("/healthz", NULL), 200);
  ck_answer(ask((struct ask){.method = "POST", .path = "/v1/tokens", .token = admin, .body = "{}"}),
            503);
}
END_TEST

/* What was not looked at is not said to be none. */
START_TEST(test_unknown_is_not_zero)
{
  ck_answer(get("/v1/events", auditor), 200);
  struct rlimit files;
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
  const struct rlimit none = {0, files.rlim_max};
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
  cf_ledger_segments_check(stage_ledger);
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
  ck_answer(get("/readyz", NULL), 200);
  ck_assert_int_eq(cf_json_type(member("missing")), CF_JSON_NULL);
  ck_assert_int_eq(cf_json_type(member("unsworn")), CF_JSON_NULL);
  ck_assert_int_eq(cf_json_type(member("mismatched")), CF_JSON_NULL);
  ck_value("damaged", "0");
}
END_TEST

/* Whoever has his share of slow requests may not ask what could become another;
 * events are taken, and our health is told. */
START_TEST(test_crowded)
{
  stage_crowded = true;
  for (size_t i = 0; i < cf_route_table_n; i++) {
    const struct cf_route *route = &cf_route_table[i];
    if (route->method != CF_HTTP_GET || route->need == CF_NEED_NOBODY)
      continue;
    ck_answer(ask((struct ask){.path = path_of(route), .door = CF_DOOR_ADMIN}), 503);
    ck_assert_str_eq(value("type"), "urn:counterfoil:crowded");
    ck_assert_str_ne(header("Retry-After"), "");
  }
  ck_answer(get("/v1/events", NULL), 401);
  ck_answer(get("/healthz", NULL), 200);
  ck_answer(post("/v1/events", writer, "{\"action\":\"a\"}"), 201);
  stage_crowded = false;
  ck_answer(get("/v1/events", reader), 200);
}
END_TEST

/* ---- tokens ---- */

START_TEST(test_token_life)
{
  char token[128];
  char path[64];
  ck_answer(
      post(
          "/v1/tokens", admin,
          "{\"name\":\"web2\",\"roles\":[\"reader\",\"writer\"],\"sources\":[\"a*\"],\"expires\":\"2099-01-01T00:00:00+01:00\"}"),
      201);
  ck_value("name", "web2");
  ck_value("roles.0", "writer");
  ck_value("roles.1", "reader");
  ck_value("expires", "2098-12-31T23:00:00.000000Z");
  ck_assert_uint_eq(strlen(value("id")), 10);
  snprintf(token, sizeof token, "%s", value("token"));
  snprintf(path, sizeof path, "/v1/tokens/%s/revoke", value("id"));
  ck_answer(get("/v1/whoami", token), 200);
  ck_value("name", "web2");
  ck_value("roles.1", "reader");
  ck_value("sources.0", "a*");
  ck_value("import_key", "null");
  stage_reopen();
  ck_answer(get("/v1/whoami", token), 200);
  ck_answer(get("/v1/tokens", admin), 200);
  ck_lacks(token);
  ck_lacks("hash");
  ck_contains("\"name\":\"web2\"");
  ck_answer(post(path, admin, ""), 200);
  ck_assert_str_ne(value("revoked"), "null");
  ck_answer(get("/v1/whoami", token), 401);
  ck_answer(post(path, admin, ""), 200); /* once more changes nothing */
  stage_reopen();
  ck_answer(get("/v1/whoami", token), 401);
  ck_answer(post("/v1/tokens/nosuchtokn/revoke", admin, ""), 404);
  ck_answer(get("/v1/events?kind=token&order=asc&limit=100", reader), 200);
  ck_assert_uint_eq(cf_json_count(member("events")), 6);
  ck_value("events.4.source", "root");
  ck_value("events.4.body.what", "add");
  ck_value("events.4.body.expires", "2098-12-31T23:00:00.000000Z");
  ck_value("events.5.body.what", "revoke");
  ck_value("events.5.body.name", "web2");
  ck_value("events.5.user", "root");
  ck_lacks(token + 14);
}
END_TEST

static const struct {
  const char *body, *member;
} bad_tokens[] = {
    {"", "null"},
    {"[]", "null"},
    {"{}", "name"},
    {"{\"name\":\"x\"}", "roles"},
    {"{\"name\":\"x\",\"roles\":[]}", "roles"},
    {"{\"name\":\"x\",\"roles\":\"reader\"}", "roles"},
    {"{\"name\":\"x\",\"roles\":[\"king\"]}", "roles"},
    {"{\"name\":\"x y\",\"roles\":[\"reader\"]}", "name"},
    {"{\"name\":\"counterfoil\",\"roles\":[\"reader\"]}", "name"},
    {"{\"name\":\"x\",\"roles\":[\"reader\"],\"role\":\"admin\"}", "role"},
    {"{\"name\":\"x\",\"roles\":[\"writer\"],\"sources\":[\"counterfoil\"]}", "sources"},
    {"{\"name\":\"x\",\"roles\":[\"writer\"],\"sources\":[\"a b\"]}", "sources"},
    {"{\"name\":\"x\",\"roles\":[\"writer\"],\"expires\":\"2001-01-01T00:00:00Z\"}", "expires"},
    {"{\"name\":\"x\",\"roles\":[\"writer\"],\"expires\":\"soon\"}", "expires"},
    {"{\"name\":\"x\",\"name\":\"y\",\"roles\":[\"writer\"]}", NULL},
};

START_TEST(test_bad_token)
{
  for (size_t i = 0; i < CF_COUNT(bad_tokens); i++) {
    ck_answer(post("/v1/tokens", admin, bad_tokens[i].body), 422);
    if (bad_tokens[i].member != NULL)
      ck_value("member", bad_tokens[i].member);
  }
  ck_answer(get("/v1/events?kind=token&limit=100", reader), 200);
  ck_assert_uint_eq(cf_json_count(member("events")), 4);
}
END_TEST

static int order_token(const char *roles, const char *more)
{
  char body[256];
  snprintf(body, sizeof body, "{\"name\":\"web1\",\"roles\":[\"%s\"]%s}", roles, more);
  return post("/v1/tokens", admin, body);
}

/* The old one goes on until the overlap is over, and no longer than it would
 * have. */
START_TEST(test_replaces)
{
  char more[128], first[16], id[16];
  snprintf(first, sizeof first, "%.10s", writer + 3);
  ck_answer(order_token("writer", ""), 422);
  ck_value("member", "name");
  ck_contains(first);
  snprintf(more, sizeof more, ",\"replaces\":\"%s\",\"overlap\":\"24h\"", first);
  ck_answer(order_token("writer", more), 201);
  snprintf(id, sizeof id, "%s", value("id"));
  ck_value("expires", "null");
  ck_answer(post("/v1/events", writer, "{\"action\":\"x\"}"), 201);
  ck_answer(get("/v1/tokens", admin), 200);
  for (size_t i = 0; i < cf_json_count(member("tokens")); i++) {
    const struct cf_json *token = cf_json_element(member("tokens"), i);
    if (cf_str_is(cf_json_string(cf_json_member(token, "id")), first))
      ck_assert_uint_eq(cf_json_string(cf_json_member(token, "expires")).n, 27);
  }
  stage_reopen();
  ck_answer(get("/v1/whoami", writer), 200); /* its row is what the chain tells */
  ck_answer(order_token("writer", more), 422);
  ck_contains(id); /* there are two, and one of them is another */
  snprintf(more, sizeof more, ",\"replaces\":\"%s\"", id);
  ck_answer(order_token("writer", more), 422);
  ck_contains(first);
}
END_TEST

START_TEST(test_replaced_at_once)
{
  char more[128], first[16];
  snprintf(first, sizeof first, "%.10s", writer + 3);
  snprintf(more, sizeof more, ",\"replaces\":\"%s\"", first);
  uint64_t before = stage_size();
  ck_answer(order_token("writer", more), 201);
  ck_assert_uint_eq(stage_size(), before + 2); /* one append */
  ck_answer(get("/v1/whoami", writer), 401);
  ck_contains("was revoked");
  stage_reopen();
  ck_answer(get("/v1/whoami", writer), 401);
  ck_answer(get("/v1/events?kind=token&order=desc&limit=2", reader), 200);
  ck_value("events.1.body.what", "add");
  ck_value("events.0.body.what", "revoke");
  ck_value("events.0.body.id", first);
  ck_answer(order_token("writer", more), 422);
  ck_value("member", "name"); /* the second one is live */
}
END_TEST

static const struct {
  const char *more, *member;
} bad_replaces[] = {
    {",\"replaces\":\"abc\"", "replaces"},
    {",\"replaces\":\"aaaaaaaaaa\"", "replaces"},
    {",\"overlap\":\"1h\"", "overlap"},
    {",\"replaces\":\"aaaaaaaaaa\",\"overlap\":\"soon\"", "overlap"},
};

START_TEST(test_bad_replaces)
{
  char body[256];
  for (size_t i = 0; i < CF_COUNT(bad_replaces); i++) {
    snprintf(body, sizeof body, "{\"name\":\"new\",\"roles\":[\"writer\"]%s}",
             bad_replaces[i].more);
    ck_answer(post("/v1/tokens", admin, body), 422);
    ck_value("member", bad_replaces[i].member);
  }
  snprintf(body, sizeof body, "{\"name\":\"new\",\"roles\":[\"writer\"],\"replaces\":\"%.10s\"}",
           writer + 3);
  ck_answer(post("/v1/tokens", admin, body), 422);
  ck_value("member", "replaces"); /* of another name */
  ck_answer(get("/v1/whoami", writer), 200);
}
END_TEST

START_TEST(test_whoami)
{
  ck_answer(get("/v1/whoami", writer), 200);
  ck_value("name", "web1");
  ck_value("source", "web1");
  ck_value("via", "token");
  ck_value("origin", "test.example.org/log");
  ck_answer(ask((struct ask){.path = "/v1/whoami", .door = CF_DOOR_ADMIN}), 200);
  ck_value("via", "local");
  ck_assert_uint_eq(cf_json_count(member("roles")), CF_ROLE_N);
  ck_assert_uint_eq(strlen(value("import_key")), 44);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "every",
       .test = test_nobody,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "every", .test = test_wrong_role},
      {.tcase = "every", .test = test_crowded},
      {.tcase = "every", .test = test_unknown_parameter},
      {.tcase = "every", .test = test_method},
      {.tcase = "every", .test = test_cross_origin},
      {.tcase = "every", .test = test_open_routes},
      {.tcase = "every", .test = test_unknown_is_not_zero},
      {.tcase = "tokens",
       .test = test_token_life,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "tokens", .test = test_bad_token},
      {.tcase = "tokens", .test = test_whoami},
      {.tcase = "replaces",
       .test = test_replaces,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "replaced",
       .test = test_replaced_at_once,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "replaced", .test = test_bad_replaces},
  };
  return cf_test_run("app_admin", tests, CF_COUNT(tests));
}
