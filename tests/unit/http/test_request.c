/* SPDX-License-Identifier: MIT */
/* The request as CGI variables tell it, the response as bytes, and the loss of
 * its headers' innocence once the body began. */
#include "config.h"

#include "fcgi-app/http/memory.h"
#include "fcgi-app/http/request.h"
#include "fcgi-app/http/response.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

static struct cf_memory memory;
static struct cf_request request;
static struct cf_response response;
static struct cf_fault fault;

static void setup(void)
{
  cf_memory_init(&memory, CF_DOOR_WEB);
  cf_request_init(&request, &memory.transport, CF_STR(""));
  cf_response_init(&response, &memory.transport, false);
}

static void teardown(void)
{
  cf_response_fini(&response);
  cf_request_fini(&request);
  cf_memory_fini(&memory);
}

static void param(const char *name, const char *value)
{
  if (value != NULL)
    ck_assert_ok(cf_memory_param(&memory, name, value));
}

/* ---- path ---- */

static const struct {
  const char *script, *info, *base, *path, *mount;
} paths[] = {
    {"/audit", "/v1/events", "", "/v1/events", "/audit"},
    {"/audit", "/v1/events", "/other", "/v1/events", "/audit"},
    {"", "/v1/events", "", "/v1/events", ""},
    {"/cgi-bin/counterfoil.fcgi", "/", "", "/", "/cgi-bin/counterfoil.fcgi"},
    {"/v1/events", NULL, "", "/v1/events", ""},
    {"/v1/events", "", "", "/v1/events", ""},
    {"/audit/v1/events", NULL, "/audit", "/v1/events", "/audit"},
    {"/audit/v1/events", NULL, "/audit/", "/v1/events", "/audit"},
    {"/audit", NULL, "/audit", "/", "/audit"},
    {"/auditors", NULL, "/audit", "/auditors", ""},
    {NULL, NULL, "", "/", ""},
};

START_TEST(test_path)
{
  struct cf_request rq;
  param("SCRIPT_NAME", paths[_i].script);
  param("PATH_INFO", paths[_i].info);
  cf_request_init(&rq, &memory.transport, cf_str_from(paths[_i].base));
  ck_assert_bytes(rq.path.p, rq.path.n, paths[_i].path, strlen(paths[_i].path));
  ck_assert_bytes(rq.mount.p, rq.mount.n, paths[_i].mount, strlen(paths[_i].mount));
  cf_request_fini(&rq);
}
END_TEST

static const struct {
  const char *text;
  enum cf_http_method method;
} methods[] = {{"GET", CF_HTTP_GET},   {"HEAD", CF_HTTP_HEAD}, {"POST", CF_HTTP_POST},
               {"PUT", CF_HTTP_OTHER}, {"get", CF_HTTP_OTHER}, {NULL, CF_HTTP_OTHER}};

START_TEST(test_method)
{
  struct cf_request rq;
  param("REQUEST_METHOD", methods[_i].text);
  cf_request_init(&rq, &memory.transport, CF_STR(""));
  ck_assert_int_eq(rq.method, methods[_i].method);
  cf_request_fini(&rq);
}
END_TEST

/* ---- accept and If-None-Match ---- */

static const char *const types[] = {"application/json", "application/x-ndjson", "text/csv"};

static const struct {
  const char *accept;
  size_t want;
} accepts[] = {
    {NULL, 0},
    {"", 0},
    {"*/*", 0},
    {"text/html", 0},
    {"text/csv", 2},
    {"TEXT/CSV", 2},
    {"text/*", 2},
    {"application/*", 0},
    {"text/csv, application/json", 2},
    {"application/json, text/csv", 0},
    {"application/json;q=0.5, text/csv", 2},
    {"application/json;q=0.5,text/csv;q=0.499", 0},
    {"text/csv;q=0.1, application/x-ndjson ; q=0.2 , application/json;Q=0.15", 1},
    {"text/csv;q=0", 0},
    {"text/csv;q=0.000, application/x-ndjson;q=0.001", 1},
    {"text/csv, */*", 2},
    {"*/*, text/csv", 2},
    {"*/*;q=0.9, application/json;q=0.2", 1},
    {"text/csv;header=present;q=0.3, application/x-ndjson;q=0.2", 2},
    {"text/csv;q=7, application/json;q=x", 2},
    {"text/csvx, text/cs, application/x-ndjsonx, text/, /*, *, ,;", 0},
};

START_TEST(test_prefers)
{
  param("HTTP_ACCEPT", accepts[_i].accept);
  ck_assert_uint_eq(cf_request_prefers(&request, types, CF_COUNT(types)), accepts[_i].want);
}
END_TEST

static const struct {
  const char *header;
  bool takes;
} codings[] = {
    {NULL, false},
    {"", false},
    {"gzip", true},
    {"GZip", true},
    {"x-gzip", true},
    {"deflate, gzip, br", true},
    {"gzip;q=0", false},
    {"gzip ; q=0.000", false},
    {"gzip;q=0.001", true},
    {"gzip;q=0, *", false},
    {"*", true},
    {"*;q=0", false},
    {"br, *;q=0.5", true},
    {"identity", false},
    {"identity, gzip;q=0.5", false},
    {"identity;q=0.5, gzip", true},
    {"identity, gzip", true},
    {"deflate, br", false},
    {"gzipped", false},
    {",;=,gzip", true},
};

static const struct {
  const char *header;
  bool has;
} etags[] = {
    {NULL, false},
    {"", false},
    {"\"ab\"", true},
    {"W/\"ab\"", true},
    {"\"x\", \"ab\"", true},
    {"\"x\",W/\"ab\" ,\"y\"", true},
    {"*", true},
    {" * ", true},
    {"\"x\"", false},
    {"ab", false},
    {"\"a\"", false},
    {"\"abc\"", false},
    {"\"x\", *", false},
    {"w/\"ab\"", false},
    {"\"x\"\"ab\"", false},
    {"\"ab-gzip\"", true},
    {"\"x\", W/\"ab-gzip\"", true},
    {"\"ab-gzi\"", false},
    {"\"x-gzip\"", false},
};

START_TEST(test_takes_gzip)
{
  param("HTTP_ACCEPT_ENCODING", codings[_i].header);
  ck_assert_int_eq(cf_request_takes_gzip(&request), codings[_i].takes);
}
END_TEST

START_TEST(test_etag)
{
  param("HTTP_IF_NONE_MATCH", etags[_i].header);
  ck_assert_int_eq(cf_request_has_etag(&request, "\"ab\""), etags[_i].has);
}
END_TEST

/* ---- parameters ---- */

static enum cf_err parse(const char *query)
{
  param("QUERY_STRING", query);
  return cf_request_query(&request, &fault);
}

START_TEST(test_params)
{
  struct cf_str v = CF_STR("untouched");
  ck_assert_ok(parse("a=1&b=x%20y+z&&c&d=&a=2&%65=%3D%26%00"));
  ck_assert_uint_eq(request.params_n, 6);
  ck_assert(cf_request_get(&request, "a", &v) && cf_str_is(v, "1"));
  ck_assert(cf_request_get(&request, "b", &v) && cf_str_is(v, "x y z"));
  ck_assert(cf_request_get(&request, "c", &v) && v.n == 0);
  ck_assert(cf_request_get(&request, "d", &v) && v.n == 0);
  ck_assert(cf_request_get(&request, "e", &v));
  ck_assert_bytes(v.p, v.n, "=&\0", 3);
  v = CF_STR("untouched");
  ck_assert(!cf_request_get(&request, "f", &v) && cf_str_is(v, "untouched"));
}
END_TEST

static const char *const bad_queries[] = {"a=%", "a=%4", "a=%zz", "%=1"};

START_TEST(test_bad_query)
{
  ck_assert_err(parse(bad_queries[_i]), CF_E_PARAMETER);
  ck_assert_uint_eq(request.params_n, 0);
}
END_TEST

/* A server that passes no query string on may have lost one. */
START_TEST(test_lost)
{
  static const struct {
    const char *uri;
    enum cf_err err;
  } rows[] = {{NULL, CF_E_PARAMETER}, {"/audit/?a=b", CF_E_PARAMETER}, {"/audit/", CF_OK}};
  for (size_t i = 0; i < CF_COUNT(rows); i++) {
    struct cf_memory m;
    struct cf_request rq;
    cf_memory_init(&m, CF_DOOR_WEB);
    if (rows[i].uri != NULL)
      ck_assert_ok(cf_memory_param(&m, "REQUEST_URI", rows[i].uri));
    cf_request_init(&rq, &m.transport, CF_STR(""));
    ck_assert_err(cf_request_query(&rq, &fault), rows[i].err);
    ck_assert_uint_eq(rq.params_n, 0);
    cf_request_fini(&rq);
    cf_memory_fini(&m);
  }
}
END_TEST

START_TEST(test_param_limits)
{
  static char text[CF_QUERY_STRING_MAX + 2];
  for (size_t i = 0; i < CF_PARAMS_MAX; i++)
    strcat(text, "a&");
  ck_assert_ok(parse(text));
  strcat(text, "a");
  ck_assert_err(parse(text), CF_E_PARAMETER);
  memset(text, 'a', CF_QUERY_STRING_MAX);
  ck_assert_ok(parse(text));
  strcat(text, "a");
  ck_assert_err(parse(text), CF_E_PARAMETER);
}
END_TEST

START_TEST(test_only)
{
  ck_assert_ok(parse("size=1&root=x"));
  ck_assert_ok(cf_request_only(&request, "mode size root", &fault));
  ck_assert_err(cf_request_only(&request, "mode size", &fault), CF_E_PARAMETER);
  ck_assert_str_eq(fault.at, "root");
  ck_assert_ptr_nonnull(strstr(fault.detail, "mode size"));
  ck_assert_err(cf_request_only(&request, "", &fault), CF_E_PARAMETER);
  ck_assert_ok(parse("size=1&size=1"));
  ck_assert_err(cf_request_only(&request, "size", &fault), CF_E_PARAMETER);
  ck_assert_ok(parse("siz=1"));
  ck_assert_err(cf_request_only(&request, "size", &fault), CF_E_PARAMETER);
}
END_TEST

static const struct {
  const char *query;
  enum cf_err err;
  bool present;
  uint64_t value;
} numbers[] = {
    {"n=0", CF_OK, true, 0},
    {"n=9007199254740991", CF_OK, true, UINT64_C(9007199254740991)},
    {"", CF_OK, false, 77},
    {"n=9007199254740992", CF_E_PARAMETER, true, 77},
    {"n=-1", CF_E_PARAMETER, true, 77},
    {"n=", CF_E_PARAMETER, true, 77},
    {"n=1x", CF_E_PARAMETER, true, 77},
    {"n=+1", CF_E_PARAMETER, true, 77},
};

START_TEST(test_number)
{
  bool present = false;
  uint64_t n = 77;
  ck_assert_ok(parse(numbers[_i].query));
  ck_assert_err(cf_request_u64(&request, "n", &present, &n, &fault), numbers[_i].err);
  ck_assert_int_eq(present, numbers[_i].present);
  if (numbers[_i].err == CF_OK)
    ck_assert_uint_eq(n, numbers[_i].value);
}
END_TEST

START_TEST(test_path_put)
{
  struct cf_buf b;
  cf_buf_init(&b, 256);
  cf_path_put(&b, CF_STR("/a b/\r\nSet-Cookie: x;/\xc3\xa4/"));
  ck_assert_str_eq(cf_buf_cstr(&b), "/a%20b/%0D%0ASet-Cookie%3A%20x%3B/%C3%A4/");
  cf_buf_reset(&b);
  cf_path_put(&b, CF_STR("///evil.example//\\x"));
  ck_assert_str_eq(cf_buf_cstr(&b), "/evil.example//%5Cx");
  cf_buf_fini(&b);
}
END_TEST

/* Nowhere is a place counted from NULL, which no sanitizer of GCC sees. */
START_TEST(test_absent)
{
  struct cf_str absent = cf_request_variable(&request, "SCRIPT_NAME");
  ck_assert_ptr_nonnull(absent.p);
  ck_assert_uint_eq(absent.n, 0);
  ck_assert_ptr_nonnull(request.mount.p);
}
END_TEST

/* ---- response ---- */

START_TEST(test_response)
{
  ck_assert_ok(cf_response_begin(&response, 201, "text/plain"));
  ck_assert_ok(cf_response_header(&response, "Location", CF_STR("events/1")));
  ck_assert_ok(cf_response_put(&response, CF_STR("hello")));
  ck_assert_ok(cf_response_header(&response, "Link", CF_STR("late, but nothing was sent yet")));
  ck_assert_ok(cf_response_end(&response));
  ck_assert_str_eq(
      cf_buf_cstr(&memory.answer),
      "Status: 201 Created\r\nX-Content-Type-Options: nosniff\r\nAccept-Ranges: none\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\nLocation: events/1\r\n"
      "Link: late, but nothing was sent yet\r\nVary: Accept-Encoding\r\nContent-Length: 5\r\n\r\nhello");
}
END_TEST

START_TEST(test_head)
{
  response.head = true;
  ck_assert_ok(cf_response_begin(&response, 200, "text/plain"));
  ck_assert_ok(cf_response_put(&response, CF_STR("hello")));
  ck_assert_ok(cf_response_end(&response));
  ck_assert(cf_str_is(cf_memory_header(&memory, "content-length"), "5"));
  ck_assert_uint_eq(cf_memory_content(&memory).n, 0);
}
END_TEST

START_TEST(test_late_header)
{
  ck_assert_ok(cf_response_put(&response, CF_STR("hello")));
  ck_assert_ok(cf_response_flush(&response));
  ck_assert_err(cf_response_header(&response, "Link", CF_STR("x")), CF_E_REQUEST);
  ck_assert_err(cf_response_status(&response, 404), CF_E_REQUEST);
  ck_assert_err(cf_response_restart(&response), CF_E_REQUEST);
  ck_assert_ok(cf_response_end(&response));
  ck_assert_int_eq(cf_memory_status(&memory), 200);
  ck_assert(cf_str_is(cf_memory_content(&memory), "hello"));
  ck_assert_uint_eq(cf_memory_header(&memory, "Content-Length").n, 0);
}
END_TEST

/* What fits is held back and can be taken back; one byte more is sent. */
START_TEST(test_hold)
{
  static char half[CF_RESPONSE_HOLD / 2];
  memset(half, 'x', sizeof half);
  ck_assert_ok(cf_response_put(&response, (struct cf_str){half, sizeof half}));
  ck_assert_ok(cf_response_put(&response, (struct cf_str){half, sizeof half}));
  ck_assert(!response.started);
  ck_assert_uint_eq(memory.answer.n, 0);
  ck_assert_ok(cf_response_restart(&response));
  ck_assert_ok(cf_response_put(&response, (struct cf_str){half, sizeof half}));
  ck_assert_ok(cf_response_put(&response, (struct cf_str){half, sizeof half}));
  ck_assert_ok(cf_response_put(&response, CF_STR("y")));
  ck_assert(response.started);
  ck_assert_ok(cf_response_end(&response));
  ck_assert_uint_eq(cf_memory_content(&memory).n, CF_RESPONSE_HOLD + 1);
}
END_TEST

static const char *const bad_headers[] = {"a\r\nb", "a\nb", "\x7f", "a\tb"};

START_TEST(test_bad_header)
{
  ck_assert_err(cf_response_header(&response, "X", cf_str_from(bad_headers[_i])), CF_E_REQUEST);
}
END_TEST

static enum cf_err refuse(void *context, const void *p, size_t n)
{
  (void)context;
  (void)p;
  (void)n;
  return CF_E_PEER;
}

START_TEST(test_client_left)
{
  memory.transport.write = refuse;
  ck_assert_ok(cf_response_put(&response, CF_STR("hello")));
  ck_assert_err(cf_response_flush(&response), CF_E_PEER);
  ck_assert_err(cf_response_put(&response, CF_STR("hello")), CF_E_PEER);
  ck_assert_err(cf_response_end(&response), CF_E_PEER);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "request",
       .test = test_path,
       .loops = CF_COUNT(paths),
       .setup = setup,
       .teardown = teardown},
      {.tcase = "request", .test = test_method, .loops = CF_COUNT(methods)},
      {.tcase = "request", .test = test_prefers, .loops = CF_COUNT(accepts)},
      {.tcase = "request", .test = test_absent},
      {.tcase = "request", .test = test_takes_gzip, .loops = CF_COUNT(codings)},
      {.tcase = "request", .test = test_etag, .loops = CF_COUNT(etags)},
      {.tcase = "request", .test = test_params},
      {.tcase = "request", .test = test_bad_query, .loops = CF_COUNT(bad_queries)},
      {.tcase = "request", .test = test_param_limits},
      {.tcase = "request", .test = test_lost},
      {.tcase = "request", .test = test_only},
      {.tcase = "request", .test = test_number, .loops = CF_COUNT(numbers)},
      {.tcase = "request", .test = test_path_put},
      {.tcase = "response", .test = test_response, .setup = setup, .teardown = teardown},
      {.tcase = "response", .test = test_head},
      {.tcase = "response", .test = test_late_header},
      {.tcase = "response", .test = test_hold},
      {.tcase = "response", .test = test_bad_header, .loops = CF_COUNT(bad_headers)},
      {.tcase = "response", .test = test_client_left},
  };
  return cf_test_run("http", tests, CF_COUNT(tests));
}
