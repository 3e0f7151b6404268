/* SPDX-License-Identifier: MIT */
/* The table of routes: what is found, what is not, what Allow says; and that
 * openapi.json describes exactly these rows. */
#include "config.h"

#include "fcgi-app/routes/call_in.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

static const struct {
  enum cf_http_method method;
  const char *path;
  enum cf_err err;
  const char *want; /* the pattern, or Allow */
  const char *arg;
} finds[] = {
    {CF_HTTP_GET, "/", CF_OK, "/", NULL},
    {CF_HTTP_HEAD, "/", CF_OK, "/", NULL},
    {CF_HTTP_GET, "/v1/events", CF_OK, "/v1/events", NULL},
    {CF_HTTP_GET, "/v1/events/", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "/v1/events/17", CF_OK, "/v1/events/{seq}", "17"},
    {CF_HTTP_GET, "/v1/events/17/", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "/v1//events", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "v1/events", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "//", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "/V1/events", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "/v1/event", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "/v1/eventsx", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "/nope", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_OTHER, "/nope", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_OTHER, "/v1/events", CF_E_METHOD, "POST, GET, HEAD", NULL},
    {CF_HTTP_POST, "/v1/verify", CF_E_METHOD, "GET, HEAD", NULL},
    {CF_HTTP_GET, "/logout", CF_E_METHOD, "POST", NULL},
    {CF_HTTP_GET, "/v1/tokens/ab/revoke", CF_E_METHOD, "POST", NULL},
    {CF_HTTP_POST, "/v1/tokens/ab/revoke", CF_OK, "/v1/tokens/{id}/revoke", "ab"},
    {CF_HTTP_POST, "/v1/tokens//revoke", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "/tile/0/x001/234", CF_OK, "/tile/{tile...}", "0/x001/234"},
    {CF_HTTP_GET, "/tile/", CF_E_ROUTE, NULL, NULL},
    {CF_HTTP_GET, "/assets/../secret", CF_E_ROUTE, NULL, NULL},
};

START_TEST(test_find)
{
  const struct cf_route *route = NULL;
  struct cf_str args[CF_ROUTE_ARGS_MAX];
  char allow[CF_ALLOW_MAX] = "";
  ck_assert_err(cf_route_find(finds[_i].method, cf_str_from(finds[_i].path), &route, args, allow),
                finds[_i].err);
  if (finds[_i].err == CF_OK)
    ck_assert_str_eq(route->pattern, finds[_i].want);
  if (finds[_i].err == CF_E_METHOD)
    ck_assert_str_eq(allow, finds[_i].want);
  if (finds[_i].arg != NULL)
    ck_assert(cf_str_is(args[0], finds[_i].arg));
}
END_TEST

START_TEST(test_long_path)
{
  char path[CF_PATH_MAX + 2] = "/v1/events/";
  const struct cf_route *route = NULL;
  struct cf_str args[CF_ROUTE_ARGS_MAX];
  char allow[CF_ALLOW_MAX];
  memset(path + strlen(path), '1', sizeof path - 1 - strlen(path));
  ck_assert_err(cf_route_find(CF_HTTP_GET, (struct cf_str){path, CF_PATH_MAX + 1}, &route, args,
                              allow),
                CF_E_ROUTE);
  ck_assert_ok(cf_route_find(CF_HTTP_GET, (struct cf_str){path, CF_PATH_MAX}, &route, args, allow));
}
END_TEST

/* Every row is found by its own pattern, so no row stands behind one that takes
 * its requests, and what its braces took is in args. */
START_TEST(test_rows)
{
  cf_route_check();
  for (size_t i = 0; i < cf_route_table_n; i++) {
    const struct cf_route *row = &cf_route_table[i], *found = NULL;
    struct cf_str args[CF_ROUTE_ARGS_MAX];
    char allow[CF_ALLOW_MAX];
    ck_assert_ok(cf_route_find(row->method, cf_str_from(row->pattern), &found, args, allow));
    ck_assert_str_eq(found->pattern, row->pattern);
    ck_assert_int_eq(found->method, row->method);
    ck_assert_int_eq(args[0].n > 0, strchr(row->pattern, '{') != NULL);
  }
}
END_TEST

/* ---- openapi.json ---- */

static struct cf_json *doc;
static const struct cf_json *paths;

static void read_doc(void)
{
  char name[512];
  static char text[1 << 18];
  const char *tree = getenv("CF_SRCDIR");
  struct cf_fault fault = {{0}, {0}};
  snprintf(name, sizeof name, "%s/www/openapi.json", tree != NULL ? tree : ".");
  FILE *file = fopen(name, "r");
  ck_assert_msg(file != NULL, "no %s", name);
  size_t n = fread(text, 1, sizeof text, file);
  fclose(file);
  enum cf_err err = cf_json_parse((struct cf_str){text, n}, 32, &doc, &fault);
  ck_assert_msg(err == CF_OK, "%s", fault.detail);
  paths = cf_json_member(doc, "paths");
}

static void free_doc(void)
{
  cf_json_free(doc);
}

/* The table's pattern as OpenAPI writes it. */
static const char *openapi_path(const char *pattern)
{
  return strcmp(pattern, "/tile/{tile...}") == 0 ? "/tile/{tile}" : pattern;
}

static const struct cf_json *operation(const struct cf_route *route)
{
  const struct cf_json *item = cf_json_member(paths, openapi_path(route->pattern));
  return cf_json_member(item, route->method == CF_HTTP_POST ? "post" : "get");
}

static bool in_table(struct cf_str path, struct cf_str method)
{
  for (size_t i = 0; i < cf_route_table_n; i++)
    if (cf_str_is(path, openapi_path(cf_route_table[i].pattern)) &&
        cf_str_is(method, cf_route_table[i].method == CF_HTTP_POST ? "post" : "get"))
      return true;
  return false;
}

START_TEST(test_described)
{
  for (size_t i = 0; i < cf_route_table_n; i++)
    ck_assert_msg(operation(&cf_route_table[i]) != NULL, "openapi.json lacks %s %s",
                  cf_route_table[i].method == CF_HTTP_POST ? "POST" : "GET",
                  cf_route_table[i].pattern);
}
END_TEST

static enum cf_err check_operation(void *context, struct cf_str method, const struct cf_json *value)
{
  const struct cf_str *path = context;
  (void)value;
  ck_assert_msg(in_table(*path, method), "no route %.*s %.*s", (int)method.n, method.p,
                (int)path->n, path->p);
  return CF_OK;
}

static enum cf_err check_path(void *context, struct cf_str path, const struct cf_json *value)
{
  (void)context;
  return cf_json_each(value, check_operation, &path);
}

START_TEST(test_exists)
{
  ck_assert_ok(cf_json_each(paths, check_path, NULL));
}
END_TEST

/* The names of an operation's query parameters, with a space after each. */
static void query_names(const struct cf_json *op, struct cf_buf *b)
{
  const struct cf_json *list = cf_json_member(op, "parameters");
  for (size_t i = 0; i < cf_json_count(list); i++) {
    const struct cf_json *param = cf_json_element(list, i);
    if (!cf_str_is(cf_json_string(cf_json_member(param, "in")), "query"))
      continue;
    cf_buf_putstr(b, cf_json_string(cf_json_member(param, "name")));
    cf_buf_putc(b, ' ');
  }
}

static void check_names(const struct cf_route *route, struct cf_str described)
{
  struct cf_buf want;
  cf_buf_init(&want, 4096);
  cf_buf_puts(&want, route->params);
  if (want.n > 0)
    cf_buf_putc(&want, ' ');
  ck_assert_msg(cf_str_eq(cf_buf_str(&want), described),
                "%s: %s in the table, %.*s in openapi.json", route->pattern, route->params,
                (int)described.n, described.p);
  cf_buf_fini(&want);
}

/* The handler's own parameter. */
static enum cf_err take_any(void *context, struct cf_str value, struct cf_fault *fault)
{
  (void)context;
  (void)value;
  (void)fault;
  return CF_OK;
}

/* Every described parameter of the question is one. */
static void check_question(struct cf_str described)
{
  static const struct {
    const char *name, *value;
  } values[] = {{"method", "GET"},
                {"status", "200"},
                {"outcome", "success"},
                {"ip", "192.0.2.1"},
                {"kind", "event"},
                {"sort", "seq"},
                {"order", "asc"},
                {"limit", "5"},
                {"fields", "user"},
                {"seq_from", "1"},
                {"seq_to", "2"},
                {"from", "2026-01-01"},
                {"to", "2026-01-01"},
                {"recorded_from", "2026-01-01"},
                {"recorded_to", "2026-01-01"},
                {"ip.not", "192.0.2.1"},
                {"status.not", "200"},
                {"outcome.not", "success"}};
  while (described.n > 0) {
    const struct cf_query_own own[] = {{"format", take_any, NULL},
                                       {"trailer", take_any, NULL},
                                       {"at", take_any, NULL},
                                       {NULL, NULL, NULL}};
    struct cf_query *query = NULL;
    struct cf_fault fault = {{0}, {0}};
    struct cf_param param = {cf_str_cut(&described, ' '), CF_STR("x")};
    if (cf_str_is(param.name, "cursor"))
      continue;
    for (size_t i = 0; i < CF_COUNT(values); i++)
      if (cf_str_is(param.name, values[i].name))
        param.value = cf_str_from(values[i].value);
    enum cf_err err = cf_query_parse(&param, 1, own, 0, &query, &fault);
    ck_assert_msg(err == CF_OK, "%.*s: %s", (int)param.name.n, param.name.p, fault.detail);
    cf_query_free(query);
  }
}

START_TEST(test_parameters)
{
  for (size_t i = 0; i < cf_route_table_n; i++) {
    struct cf_buf b;
    cf_buf_init(&b, 4096);
    query_names(operation(&cf_route_table[i]), &b);
    if (cf_route_table[i].params != NULL)
      check_names(&cf_route_table[i], cf_buf_str(&b));
    else
      check_question(cf_buf_str(&b));
    cf_buf_fini(&b);
  }
}
END_TEST

/* Whoever reads leaves a mark: of each route that asks who it is. */
START_TEST(test_each_reads)
{
  for (size_t i = 0; i < cf_route_table_n; i++) {
    const struct cf_route *route = &cf_route_table[i];
    if (route->method == CF_HTTP_GET && route->need != CF_NEED_NOBODY &&
        strcmp(route->pattern, "/login") != 0)
      ck_assert_msg(route->reads != NULL, "%s leaves no mark", route->pattern);
  }
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "find", .test = test_find, .loops = CF_COUNT(finds)},
      {.tcase = "find", .test = test_long_path},
      {.tcase = "find", .test = test_rows},
      {.tcase = "find", .test = test_each_reads},
      {.tcase = "openapi", .test = test_described, .setup = read_doc, .teardown = free_doc},
      {.tcase = "openapi", .test = test_exists},
      {.tcase = "openapi", .test = test_parameters},
  };
  return cf_test_run("route", tests, CF_COUNT(tests));
}
