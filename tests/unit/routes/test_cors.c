/* SPDX-License-Identifier: MIT */
/* Scripts of other origins: refused, but for those that were named, exactly, at
 * routes that take a token, and never with what a browser sends by itself. */
#include "config.h"

#include "tests/unit/routes/app_roles.h"

#define OURS "https://dashboard.example.org"

static void set_origin(void)
{
  stage_set("cors_origin", OURS);
  stage_set("cors_origin", "http://localhost:3000");
}

static void setup_origin(void)
{
  stage_conf_set = set_origin;
  stage_setup_roles();
}

static int options(const char *path, const char *origin, const char *method)
{
  return ask(
      (struct ask){.method = "OPTIONS",
                   .path = path,
                   .vars = {"HTTP_ORIGIN", origin, "HTTP_ACCESS_CONTROL_REQUEST_METHOD", method}});
}

static int from(const char *path, const char *token, const char *origin)
{
  return ask((struct ask){.path = path, .token = token, .vars = {"HTTP_ORIGIN", origin}});
}

static void check_silent(void)
{
  ck_assert_str_eq(header("Access-Control-Allow-Origin"), "");
  ck_assert_str_eq(header("Access-Control-Allow-Credentials"), "");
  ck_assert_str_eq(header("Access-Control-Allow-Methods"), "");
}

START_TEST(test_off)
{
  ck_answer(options("/v1/events", OURS, "GET"), 405);
  ck_assert_str_eq(header("Allow"), "POST, GET, HEAD");
  ck_contains("cors_origin");
  check_silent();
  ck_answer(options("/v1/nothing", OURS, "GET"), 404);
  ck_answer(options("/", OURS, "GET"), 405);
  ck_assert_str_eq(header("Allow"), "GET, HEAD");
  ck_answer(from("/v1/events", reader, OURS), 200);
  check_silent();
  ck_answer(ask((struct ask){.method = "DELETE", .path = "/v1/events"}), 405);
  ck_lacks("cors_origin");
}
END_TEST

START_TEST(test_preflight)
{
  ck_answer(options("/v1/events", OURS, "POST"), 204);
  ck_assert_str_eq(content(), "");
  ck_assert_str_eq(header("Content-Length"), "");
  ck_assert_str_eq(header("Access-Control-Allow-Origin"), OURS);
  ck_assert_str_eq(header("Access-Control-Allow-Methods"), "POST, GET, HEAD");
  ck_assert_ptr_nonnull(strstr(header("Access-Control-Allow-Headers"), "Authorization"));
  ck_assert_str_eq(header("Access-Control-Allow-Credentials"), "");
  ck_answer(options("/v1/events", "http://localhost:3000", "GET"), 204);
  ck_answer(options("/tile/0/000", OURS, "GET"), 204);
}
END_TEST

static const struct {
  const char *path, *origin, *method;
} refused[] = {
    {"/v1/events", "https://evil.example", "GET"},
    {"/v1/events", "https://dashboard.example.org.evil.example", "GET"},
    {"/v1/events", "http://dashboard.example.org", "GET"},
    {"/v1/events", "https://dashboard.example.org:8443", "GET"},
    {"/v1/events", "null", "GET"},
    {"/v1/events", "*", "GET"},
    {"/v1/events", "", "GET"},
    {"/v1/events", OURS, "DELETE"},
    {"/v1/events", OURS, ""},
    {"/v1/verify", OURS, "POST"},
    {"/", OURS, "GET"},
    {"/login", OURS, "POST"},
    {"/logout", OURS, "POST"},
    {"/healthz", OURS, "GET"},
    {"/assets/app.js", OURS, "GET"},
};

START_TEST(test_refused)
{
  ck_answer(options(refused[_i].path, refused[_i].origin, refused[_i].method), 405);
  check_silent();
  ck_assert_str_ne(header("Allow"), "");
}
END_TEST

/* Errors can be read too; no cache takes one origin's answer for another's. */
START_TEST(test_answers)
{
  ck_answer(from("/v1/events?format=csv&trailer=0", reader, OURS), 200);
  ck_assert_str_eq(header("Access-Control-Allow-Origin"), OURS);
  ck_assert_ptr_nonnull(strstr(header("Access-Control-Expose-Headers"), "X-Next-Cursor"));
  ck_assert_str_eq(header("Access-Control-Allow-Credentials"), "");
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&stage_answer.answer), "Vary: Origin\r\n"));
  ck_answer(from("/v1/events", NULL, OURS), 401);
  ck_assert_str_eq(header("Access-Control-Allow-Origin"), OURS);
  ck_answer(from("/v1/events?nope=1", reader, OURS), 400);
  ck_assert_str_eq(header("Access-Control-Allow-Origin"), OURS);
  ck_answer(from("/v1/events", reader, "https://evil.example"), 200);
  check_silent();
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&stage_answer.answer), "Vary: Origin\r\n"));
  ck_answer(get("/v1/events", reader), 200);
  check_silent();
  ck_answer(from("/", reader, OURS), 200);
  check_silent();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "off", .test = test_off, .setup = stage_setup_roles, .teardown = stage_teardown},
      {.tcase = "on", .test = test_preflight, .setup = setup_origin, .teardown = stage_teardown},
      {.tcase = "on", .test = test_refused, .loops = CF_COUNT(refused)},
      {.tcase = "on", .test = test_answers},
  };
  return cf_test_run("cors", tests, CF_COUNT(tests));
}
