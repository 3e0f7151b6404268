/* SPDX-License-Identifier: MIT */
/* Signing in to the page and out of it. */
#include "config.h"

#include "fcgi-app/who/way_back.h"
#include "lib/base/codec.h"
#include "tests/unit/routes/page_stage.h"

START_TEST(test_signed_out)
{
  ck_answer(get("/", NULL), 200);
  ck_assert_str_eq(header("Content-Type"), "text/html; charset=utf-8");
  ck_assert_str_eq(header("Cache-Control"), "no-store");
  ck_assert_ptr_nonnull(strstr(header("Content-Security-Policy"), "default-src 'none'"));
  ck_assert_ptr_null(strstr(header("Content-Security-Policy"), "unsafe"));
  ck_assert_str_eq(header("X-Frame-Options"), "DENY");
  ck_contains("action=\"login\"");
  ck_lacks("<table");
  ck_lacks("Newest checkpoint");
  ck_answer(get("/login", NULL), 200);
  ck_contains("action=\"login\"");
}
END_TEST

START_TEST(test_login)
{
  ck_answer(login("cf_nobody_knows", NULL, NULL), 401);
  ck_contains("role=\"alert\"");
  ck_assert_str_eq(header("Set-Cookie"), "");
  ck_answer(login("", NULL, NULL), 401);
  sign_in();
  ck_assert_str_eq(header("Location"), "/audit/");
  const char *set = header("Set-Cookie");
  ck_assert_ptr_nonnull(strstr(set, "; Path=/audit; "));
  ck_assert_ptr_nonnull(strstr(set, "; HttpOnly"));
  ck_assert_ptr_nonnull(strstr(set, "; SameSite=Lax"));
  ck_assert_ptr_null(strstr(set, "Secure"));
  ck_answer(login(auditor, "HTTPS", "on"), 303);
  ck_assert_ptr_nonnull(strstr(header("Set-Cookie"), "; Secure"));
  ck_answer(see("/"), 200);
  ck_contains("signed in as <strong>eve</strong>");
  stage_reopen();
  ck_answer(see("/"), 200);
  ck_contains("signed in as <strong>eve</strong>");
}
END_TEST

static const struct {
  const char *name, *text;
  int status;
} origins[] = {
    {"HTTP_ORIGIN", "https://evil.example", 403},
    {"HTTP_ORIGIN", "null", 403},
    {"HTTP_SEC_FETCH_SITE", "cross-site", 403},
    {"HTTP_REFERER", "https://evil.example/", 403},
    {"HTTP_ORIGIN", "http://audit.example.org", 303},
    {"HTTP_SEC_FETCH_SITE", "same-origin", 303},
};

START_TEST(test_login_origin)
{
  for (size_t i = 0; i < CF_COUNT(origins); i++)
    ck_answer(login(auditor, origins[i].name, origins[i].text), origins[i].status);
}
END_TEST

/* ---- the way back ---- */

/* What the form that was just seen carries, URL-encoded; "" where nothing. */
static const char *carried(void)
{
  static char text[20000];
  const char *at = strstr(content(), "name=\"next\" value=\"");
  struct cf_buf raw, url;
  if (at == NULL)
    return "";
  at += strlen("name=\"next\" value=\"");
  cf_buf_init(&raw, SIZE_MAX);
  cf_buf_init(&url, sizeof text - 1);
  for (size_t n = strcspn(at, "\""); n > 0; n--, at++) {
    cf_buf_putc(&raw, *at);
    if (strncmp(at, "&amp;", 5) == 0) {
      at += 4;
      n -= 4;
    }
  }
  cf_url_put(&url, cf_buf_str(&raw));
  snprintf(text, sizeof text, "%s", cf_buf_cstr(&url));
  cf_buf_fini(&raw);
  cf_buf_fini(&url);
  return text;
}

static int login_next(const char *token, const char *next)
{
  char form[30000];
  snprintf(form, sizeof form, "token=%s&next=%s", token, next);
  return ask((struct ask){.method = "POST", .path = "/login", .body = form});
}

/* Whoever came by a link is where it leads once he has signed in, a wrong token
 * before that or not. */
START_TEST(test_way_back)
{
  static const char *const links[] = {"/?user=a%26b&q=%22x%22", "/?user.not=%E2%80%AE&cursor=abc"};
  char want[100];
  for (size_t i = 0; i < CF_COUNT(links); i++) {
    ck_answer(get(links[i], NULL), 200);
    ck_answer(login_next("cf_wrong", carried()), 401);
    ck_answer(login_next(auditor, carried()), 303);
    snprintf(want, sizeof want, "/audit%s", links[i]);
    ck_assert_str_eq(header("Location"), want);
  }
  ck_answer(get("/login", NULL), 200);
  ck_assert_str_eq(carried(), "");
}
END_TEST

/* Nobody but we say where it leads. */
static const char *const strange_ways[] = {
    "/",
    "%2F%3Fuser%3Dx",
    "https%3A%2F%2Fevil.example%2F",
    "%2F%2Fevil.example%2F",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%2F%2Fevil.example",
    "",
};

START_TEST(test_strange_way)
{
  ck_answer(login_next(auditor, strange_ways[_i]), 303);
  ck_assert_str_eq(header("Location"), "/audit/");
}
END_TEST

START_TEST(test_changed_way)
{
  char next[300];
  ck_answer(get("/?user=bob", NULL), 200);
  snprintf(next, sizeof next, "%sx", carried());
  ck_answer(login_next(auditor, next), 303);
  ck_assert_str_eq(header("Location"), "/audit/");
  snprintf(next, sizeof next, "%s", carried());
  ck_assert_str_eq(next, "");
}
END_TEST

/* What leads elsewhere is not signed either; a link that no header has room
 * for is none. */
START_TEST(test_way_signed)
{
  static const char *const bad[] = {"", "x", "//evil", "/\\evil", "/a b", "/\xc3\xbc", "/a\r\nb"};
  static char path[CF_WAY_BACK_MAX + 2];
  struct cf_str got = CF_STR("");
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  for (size_t i = 0; i < CF_COUNT(bad); i++) {
    cf_way_back_put(stage_ledger, cf_str_from(bad[i]), &b);
    ck_assert_uint_eq(b.n, 0);
  }
  memset(path, '/', 1);
  memset(path + 1, 'x', sizeof path - 2);
  cf_way_back_put(stage_ledger, cf_str_from(path), &b);
  ck_assert_uint_eq(b.n, 0);
  cf_way_back_put(stage_ledger, cf_str_from(path + 1), &b);
  ck_assert_uint_eq(b.n, 0);
  path[CF_WAY_BACK_MAX] = '\0';
  cf_way_back_put(stage_ledger, cf_str_from(path), &b);
  ck_assert(cf_way_back_get(stage_ledger, cf_buf_str(&b), &got));
  ck_assert(cf_str_is(got, path));
  cf_buf_fini(&b);
}
END_TEST

/* ---- signing out ---- */

/* The value of the page's hidden field. */
static const char *form_token(void)
{
  static char text[128];
  const char *at = strstr(content(), "name=\"form\" value=\"");
  ck_assert_ptr_nonnull(at);
  at += 19;
  snprintf(text, sizeof text, "form=%.*s", (int)strcspn(at, "\""), at);
  return text;
}

static int logout(const char *form, const char *origin)
{
  return ask(
      (struct ask){.method = "POST",
                   .path = "/logout",
                   .body = form,
                   .vars = {"HTTP_COOKIE", cookie, origin != NULL ? "HTTP_ORIGIN" : NULL, origin}});
}

START_TEST(test_logout)
{
  char form[160];
  sign_in();
  ck_answer(see("/"), 200);
  snprintf(form, sizeof form, "%s", form_token());
  ck_answer(logout("", NULL), 403);
  ck_answer(logout("form=wrong", NULL), 403);
  ck_answer(logout(form, "https://evil.example"), 403);
  ck_answer(logout(form, "https://audit.example.org"), 303);
  ck_assert_ptr_nonnull(strstr(header("Set-Cookie"), "counterfoil=; "));
  ck_assert_ptr_nonnull(strstr(header("Set-Cookie"), "Max-Age=0"));
  ck_answer(see("/v1/events"), 401);
  stage_reopen();
  ck_answer(see("/v1/events"), 401);
  ck_answer(get("/v1/events?kind=access&action=sign-in&action=sign-out&order=asc", auditor), 200);
  ck_value("events.0.action", "sign-in");
  ck_value("events.1.action", "sign-out");
  ck_value("events.1.user", "eve");
  ck_value("events.1.ip", "192.0.2.7");
  ck_lacks(cookie + strlen("counterfoil="));
  ck_answer(ask((struct ask){.method = "POST", .path = "/logout", .body = ""}), 303);
}
END_TEST

/* The cookie reads, and does nothing else. */
START_TEST(test_cookie_only_reads)
{
  sign_in();
  ck_answer(see("/v1/events"), 200);
  ck_answer(see("/v1/verify?mode=quick"), 200);
  sign_in_as(admin);
  ck_answer(see("/v1/tokens"), 200);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/tokens",
                             .body = "{\"name\":\"x\",\"roles\":[\"admin\"]}",
                             .vars = {"HTTP_COOKIE", cookie}}),
            401);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/events",
                             .body = "{\"action\":\"x\"}",
                             .vars = {"HTTP_COOKIE", cookie}}),
            401);
}
END_TEST

START_TEST(test_not_a_reader)
{
  sign_in_as(writer);
  ck_answer(see("/"), 403);
  ck_lacks("<table");
  ck_contains("this needs the role `reader`");
}
END_TEST

static const char *const safe_methods[] = {"GET", "HEAD"};

START_TEST(test_slash)
{
  struct cf_memory m;
  cf_memory_init(&m, CF_DOOR_WEB);
  ck_assert_ok(cf_memory_param(&m, "REQUEST_METHOD", safe_methods[_i]));
  ck_assert_ok(cf_memory_param(&m, "SCRIPT_NAME", "/cgi-bin/counterfoil.fcgi"));
  ck_assert_ok(cf_memory_param(&m, "SCRIPT_FILENAME", "/usr/lib/cgi-bin/counterfoil.fcgi"));
  cf_app_serve(stage_app, &m.transport);
  ck_assert_int_eq(cf_memory_status(&m), 303);
  ck_assert(cf_str_is(cf_memory_header(&m, "Location"), "/cgi-bin/counterfoil.fcgi/"));
  cf_memory_fini(&m);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "session",
       .test = test_signed_out,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "session", .test = test_login},
      {.tcase = "session", .test = test_login_origin},
      {.tcase = "session", .test = test_way_back},
      {.tcase = "session", .test = test_strange_way, .loops = CF_COUNT(strange_ways)},
      {.tcase = "session", .test = test_changed_way},
      {.tcase = "session", .test = test_way_signed},
      {.tcase = "session", .test = test_logout},
      {.tcase = "session", .test = test_cookie_only_reads},
      {.tcase = "session", .test = test_not_a_reader},
      {.tcase = "session", .test = test_slash, .loops = CF_COUNT(safe_methods)},
  };
  return cf_test_run("app_session", tests, CF_COUNT(tests));
}
