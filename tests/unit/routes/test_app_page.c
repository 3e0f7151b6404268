/* SPDX-License-Identifier: MIT */
/* The page without JavaScript: signing in and out, filters, paging, the chain's
 * state; hostile text comes to no harm. */
#include "config.h"

#include "fcgi-app/page/page.h"
#include "tests/unit/routes/app_roles.h"

static void event(const char *text)
{
  ck_answer(post("/v1/events", writer, text), 201);
}

static size_t occurrences(const char *what)
{
  size_t n = 0;
  for (const char *p = content(); (p = strstr(p, what)) != NULL; p += strlen(what))
    n++;
  return n;
}

static size_t rows(void)
{
  return occurrences("<tr class=");
}

/* ---- signing in and out ---- */

static char cookie[300];

static int login(const char *token, const char *name, const char *text)
{
  char form[256];
  snprintf(form, sizeof form, "token=%s", token);
  return ask((struct ask){.method = "POST",
                          .path = "/login",
                          .body = form,
                          .type = "application/x-www-form-urlencoded",
                          .vars = {name, text}});
}

static void sign_in(void)
{
  ck_answer(login(auditor, NULL, NULL), 303);
  snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(header("Set-Cookie"), ";"),
           header("Set-Cookie"));
}

static int see(const char *path)
{
  return ask((struct ask){.path = path, .vars = {"HTTP_COOKIE", cookie}});
}

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
  ck_answer(login(admin, NULL, NULL), 303);
  snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(header("Set-Cookie"), ";"),
           header("Set-Cookie"));
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
  ck_answer(login(writer, NULL, NULL), 303);
  snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(header("Set-Cookie"), ";"),
           header("Set-Cookie"));
  ck_answer(see("/"), 403);
  ck_lacks("<table");
  ck_contains("role reader");
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

/* ---- the list ---- */

static void feed(void)
{
  event(
      "{\"action\":\"read\",\"user\":\"alice\",\"method\":\"GET\",\"status\":200,\"resource\":\"/a\",\"ip\":\"192.0.2.1\",\"time\":\"2026-03-01T12:00:00Z\"}");
  event(
      "{\"action\":\"write\",\"user\":\"bob\",\"method\":\"POST\",\"status\":403,\"resource\":\"/b\",\"time\":\"2026-03-02T12:00:00Z\"}");
  event(
      "{\"action\":\"write\",\"user\":\"alice\",\"method\":\"POST\",\"status\":201,\"resource\":\"/c\",\"time\":\"2026-03-03T23:59:59Z\"}");
}

static const struct {
  const char *query;
  size_t rows;
} filters[] = {
    {"", 3},
    {"?user=&method=&status=&from=&to=&q=&kind=", 3},
    {"?user=alice", 2},
    {"?method=post", 2},
    {"?user=alice&method=POST", 1},
    {"?from=2026-03-02", 2},
    {"?from=2026-03-02&to=2026-03-02", 1},
    {"?to=2026-03-03", 3},
    {"?to=2026-03-02", 2},
    {"?status=4xx", 1},
    {"?q=WRITE", 0}, /* action is no text */
    {"?q=/B", 1},
    {"?user=carol", 0},
};

START_TEST(test_filters)
{
  feed();
  sign_in();
  for (size_t i = 0; i < CF_COUNT(filters); i++) {
    char path[128];
    snprintf(path, sizeof path, "/%s", filters[i].query);
    ck_answer(see(path), 200);
    ck_assert_msg(rows() == filters[i].rows, "%s: %zu rows, not %zu", path, rows(),
                  filters[i].rows);
  }
  ck_answer(see("/?user=alice&from=2026-03-02"), 200);
  ck_contains("name=\"user\" value=\"alice\"");
  ck_contains("type=\"date\" value=\"2026-03-02\"");
}
END_TEST

START_TEST(test_newest_first)
{
  feed();
  sign_in();
  ck_answer(see("/"), 200);
  const char *newest =
      strstr(content(), "/c</td>") != NULL ? strstr(content(), "/c") : strstr(content(), ">/c");
  const char *oldest = strstr(content(), ">/a");
  ck_assert(newest != NULL && oldest != NULL && newest < oldest);
  ck_contains("class=\"outcome failure\">failure</span> <a href=\"?status=403\">403</a>");
}
END_TEST

START_TEST(test_paging)
{
  struct cf_buf b;
  char path[512];
  cf_buf_init(&b, SIZE_MAX);
  for (int i = 0; i < 120; i++)
    cf_buf_putf(&b, "{\"action\":\"read\",\"user\":\"a&b\",\"request_id\":\"r%d\"}", i);
  ck_answer(post("/v1/events", writer, cf_buf_cstr(&b)), 200);
  cf_buf_fini(&b);
  sign_in();
  size_t seen = 0;
  int pages = 0;
  snprintf(path, sizeof path, "/?user=a%%26b");
  for (; pages < 9; pages++) {
    ck_answer(see(path), 200);
    seen += rows();
    const char *older = strstr(content(), "rel=\"next\" href=\"");
    if (older == NULL)
      break;
    snprintf(path, sizeof path, "/%.*s", (int)strcspn(older + 17, "\""), older + 17);
    char *amp = strstr(path, "&amp;");
    ck_assert_ptr_nonnull(amp);
    memmove(amp + 1, amp + 5, strlen(amp + 5) + 1);
  }
  ck_assert_uint_eq(seen, 120);
  ck_assert_int_eq(pages, 2);
  ck_contains(">Newest</a>");
  ck_contains("href=\"?user=a%26b\"");
}
END_TEST

START_TEST(test_chain)
{
  feed();
  sign_in();
  ck_answer(get("/checkpoint", NULL), 200);
  char root[64];
  const char *line = strchr(strchr(content(), '\n') + 1, '\n') + 1;
  snprintf(root, sizeof root, "<code>%.44s</code>", line);
  ck_answer(see("/"), 200);
  ck_contains("✓ holds");
  ck_contains("Newest checkpoint");
  ck_contains("Verify everything");
  ck_assert_uint_eq(occurrences("<code>"), 1);
}
END_TEST

/* An event from the far future is taken, and marked; one a little ahead is
 * not. */
START_TEST(test_ahead)
{
  char text[128], time[CF_TIME_TEXT_N + 1];
  cf_time_format(cf_clock_now_us() + 20 * CF_HOUR_US, time);
  snprintf(text, sizeof text, "{\"action\":\"soon\",\"time\":\"%s\"}", time);
  event(text);
  sign_in();
  ck_answer(see("/"), 200);
  ck_lacks("ahead of its record</span>");
  cf_time_format(cf_clock_now_us() + 30 * CF_HOUR_US, time);
  snprintf(text, sizeof text, "{\"action\":\"later\",\"time\":\"%s\"}", time);
  event(text);
  ck_answer(see("/"), 200);
  ck_assert_uint_eq(occurrences("ahead of its record</span>"), 1);
}
END_TEST

START_TEST(test_problem)
{
  sign_in();
  ck_answer(see("/?status=abc"), 400);
  ck_contains("role=\"alert\"");
  ck_contains("class=\"filters");
  ck_answer(see("/?cursor=zzz"), 400);
  ck_answer(see("/?user=%zz"), 400);
  ck_answer(see("/?user=nobody"), 200);
  ck_contains("No events");
}
END_TEST

/* A question that cannot be answered says nothing of how many events there
 * are. */
static const char *const unanswered[] = {"/?status=abc",  "/?cursor=zzz", "/?limit=5",
                                         "/?fields=user", "/?format=csv", "/?colour=red"};

START_TEST(test_unanswered)
{
  sign_in();
  ck_answer(see(unanswered[_i]), 400);
  ck_contains("role=\"alert\"");
  ck_lacks("No events");
}
END_TEST

/* The form sends its fields also where they are empty. */
START_TEST(test_order_shown)
{
  feed();
  sign_in();
  ck_answer(see("/?limit=&fields=&sort=seq&order=desc"), 200);
  ck_contains("shown, newest records first.");
  ck_answer(see("/?sort=time"), 200);
  ck_contains("3 shown.");
  ck_answer(see("/?order=asc"), 200);
  ck_contains("3 shown.");
}
END_TEST

START_TEST(test_trail)
{
  feed();
  sign_in();
  ck_answer(see("/?user=alice"), 200);
  event("{\"action\":\"x\"}");
  ck_answer(get("/v1/events?kind=access", auditor), 200);
  ck_value("events.0.action", "query");
  ck_value("events.0.user", "eve");
  ck_value("events.0.attributes.filter", "user=alice");
  ck_value("events.0.attributes.rows", "2");
  ck_answer(see("/?kind=access"), 200);
  ck_contains("selected>reading of this log");
  ck_answer(see("/?kind=all"), 200);
  ck_contains("audit");
  ck_contains("&quot;what&quot;:&quot;add&quot;");
}
END_TEST

/* ---- hostile text ---- */

static const char *const members[] = {"user",     "session", "credential", "user_agent", "referer",
                                      "resource", "query",   "host",       "request_id", "message"};

START_TEST(test_hostile)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_puts(&b, "{\"action\":\"x\",\"attributes\":{\"<i>k</i>\":\"<b>v</b>\"}");
  for (size_t i = 0; i < CF_COUNT(members); i++)
    cf_buf_putf(&b, ",\"%s\":\"<script>%s</script>\\\"'>&{{origin}}{{#row}}\\u0000\\u001b\\u202e\"",
                members[i], members[i]);
  cf_buf_putc(&b, '}');
  event(cf_buf_cstr(&b));
  cf_buf_fini(&b);
  sign_in();
  ck_answer(see("/"), 200);
  ck_assert_uint_eq(rows(), 1);
  ck_assert_uint_eq(occurrences("<script"), 1); /* the page's own */
  ck_lacks("<b>v");
  ck_lacks("\xe2\x80\xae");
  ck_lacks("\x1b");
  for (size_t i = 0; i < CF_COUNT(members); i++) {
    char text[128];
    snprintf(
        text, sizeof text,
        "&lt;script&gt;%s&lt;/script&gt;&quot;&#39;&gt;&amp;{{origin}}{{#row}}\xe2\x90\x80\xe2\x90\x9b\xef\xbf\xbd",
        members[i]);
    ck_contains(text);
  }
  ck_answer(see("/?user=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&q=%22onfocus=x"), 200);
  ck_assert_uint_eq(occurrences("<script"), 1);
  ck_lacks("\"onfocus");
  ck_answer(see("/?status=%3Cscript%3E"), 400);
  ck_assert_uint_eq(occurrences("<script"), 1);
}
END_TEST

/* ---- files ---- */

START_TEST(test_assets)
{
  char etag[64];
  ck_answer(get("/assets/style.css", NULL), 200);
  ck_assert_str_eq(header("Content-Type"), "text/css; charset=utf-8");
  ck_assert_str_eq(header("X-Content-Type-Options"), "nosniff");
  snprintf(etag, sizeof etag, "%s", header("ETag"));
  ck_answer(ask((struct ask){.path = "/assets/style.css", .vars = {"HTTP_IF_NONE_MATCH", etag}}),
            304);
  ck_assert_str_eq(content(), "");
  char list[160];
  snprintf(list, sizeof list, "\"other\", W/%s", etag);
  ck_answer(ask((struct ask){.path = "/assets/style.css", .vars = {"HTTP_IF_NONE_MATCH", list}}),
            304);
  ck_answer(get("/assets/app.js", NULL), 200);
  ck_assert_str_eq(header("Content-Type"), "text/javascript; charset=utf-8");
  ck_answer(get("/assets/page.html", NULL), 404);
  ck_answer(get("/assets/..", NULL), 404);
}
END_TEST

static void no_files(void)
{
  stage_set("www", "/nonexistent/www");
}

static void setup_no_files(void)
{
  stage_conf_set = no_files;
  stage_setup_roles();
}

/* A log does not stop because the page's files are missing. */
START_TEST(test_no_files)
{
  static const char *const paths[] = {"/", "/login", "/openapi.json", "/assets/style.css"};
  event("{\"action\":\"read\"}");
  ck_answer(get("/healthz", NULL), 200);
  ck_answer(get("/v1/events", auditor), 200);
  for (size_t i = 0; i < CF_COUNT(paths); i++) {
    ck_answer(get(paths[i], NULL), 503);
    ck_value("type", "urn:counterfoil:bad-config");
  }
  sign_in();
  ck_answer(see("/"), 503);
}
END_TEST

/* Templates that are none, each with its fault. */
static const char *const templates[] = {"a {{b",  "{{#a}} no end",
                                        "{{/a}}", "{{#a}}{{#b}}{{/a}}{{/b}}",
                                        "{{}}",   "{{#}}"};

START_TEST(test_templates)
{
  struct cf_site *site = NULL;
  struct cf_fault fault = {{0}, {0}};
  ck_assert_err(cf_site_new("/nonexistent", &site, &fault), CF_E_CONFIG);
  ck_assert_err(cf_site_new(temp_dir, &site, &fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(fault.detail, "page.html"));
  temp_write(temp_path("style.css"), CF_STR(""), 0600);
  temp_write(temp_path("app.js"), CF_STR(""), 0600);
  temp_write(temp_path("openapi.json"), CF_STR(""), 0600);
  for (size_t i = 0; i < CF_COUNT(templates); i++) {
    temp_write(temp_path("page.html"), cf_str_from(templates[i]), 0600);
    ck_assert_err(cf_site_new(temp_dir, &site, &fault), CF_E_CONFIG);
  }
  temp_write(temp_path("page.html"), CF_STR("a {{b}} {{#c}}{{d}}{{/c}}"), 0600);
  ck_assert_ok(cf_site_new(temp_dir, &site, &fault));
  cf_site_free(site);
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
      {.tcase = "session", .test = test_logout},
      {.tcase = "session", .test = test_cookie_only_reads},
      {.tcase = "session", .test = test_not_a_reader},
      {.tcase = "session", .test = test_slash, .loops = CF_COUNT(safe_methods)},
      {.tcase = "list",
       .test = test_filters,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "list", .test = test_newest_first},
      {.tcase = "list", .test = test_paging},
      {.tcase = "list", .test = test_chain},
      {.tcase = "list", .test = test_problem},
      {.tcase = "list", .test = test_unanswered, .loops = CF_COUNT(unanswered)},
      {.tcase = "list", .test = test_order_shown},
      {.tcase = "list", .test = test_ahead},
      {.tcase = "list", .test = test_trail},
      {.tcase = "hostile",
       .test = test_hostile,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "hostile", .test = test_templates},
      {.tcase = "files",
       .test = test_assets,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "no files",
       .test = test_no_files,
       .setup = setup_no_files,
       .teardown = stage_teardown},
  };
  return cf_test_run("app_page", tests, CF_COUNT(tests));
}
