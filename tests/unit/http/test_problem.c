/* SPDX-License-Identifier: MIT */
/* Problem documents to the byte: in the place of a response, and as an answer
 * of their own. */
#include "config.h"

#include "fcgi-app/http/problem.h"

#include "fcgi-app/http/memory.h"
#include "tests/unit/cf_test.h"

static struct cf_memory memory;
static struct cf_response response;
static struct cf_fault fault;

static void setup(void)
{
  cf_memory_init(&memory, CF_DOOR_WEB);
  cf_response_init(&response, &memory.transport, false);
}

static void teardown(void)
{
  cf_response_fini(&response);
  cf_memory_fini(&memory);
}

/* ---- responses ---- */

static const struct {
  enum cf_err err;
  const char *at, *want, *header, *value;
} problems[] = {
    {CF_E_PARAMETER, "limit",
     "{\"type\":\"urn:counterfoil:bad-parameter\",\"title\":\"bad parameter\",\"status\":400,\"detail\":\"<\\u0001\\\">\",\"parameter\":\"limit\",\"n\":1}\n",
     "Cache-Control", "no-store"},
    {CF_E_INVALID, "ip",
     "{\"type\":\"urn:counterfoil:invalid-event\",\"title\":\"no acceptable event\",\"status\":422,\"detail\":\"<\\u0001\\\">\",\"member\":\"ip\",\"n\":1}\n",
     "Content-Type", "application/problem+json"},
    {CF_E_TOKEN, NULL,
     "{\"type\":\"urn:counterfoil:no-token\",\"title\":\"no valid token\",\"status\":401,\"detail\":\"<\\u0001\\\">\",\"n\":1}\n",
     "WWW-Authenticate", "Bearer"},
    {CF_E_BUSY, NULL,
     "{\"type\":\"urn:counterfoil:busy\",\"title\":\"one at a time\",\"status\":429,\"detail\":\"<\\u0001\\\">\",\"n\":1}\n",
     "Retry-After", "2"},
    {CF_E_UNKNOWN, NULL,
     "{\"type\":\"urn:counterfoil:outcome-unknown\",\"title\":\"the owner left before it answered\",\"status\":503,\"detail\":\"<\\u0001\\\">\",\"n\":1}\n",
     "Retry-After", ""},
    {CF_E_LEAVING, NULL,
     "{\"type\":\"urn:counterfoil:leaving\",\"title\":\"the service is stopping\",\"status\":503,\"detail\":\"<\\u0001\\\">\",\"n\":1}\n",
     "Retry-After", "2"},
    {CF_E_CONFIG, "data",
     "{\"type\":\"urn:counterfoil:bad-config\",\"title\":\"the configuration is not usable\",\"status\":503,\"detail\":\"<\\u0001\\\">\",\"n\":1}\n",
     "Retry-After", "2"},
};

START_TEST(test_problem)
{
  ck_assert_ok(cf_response_put(&response, CF_STR("half an answer that went wrong")));
  enum cf_err err = cf_fail(&fault, problems[_i].err, problems[_i].at, "<\x01\">");
  ck_assert_ok(cf_response_problem(&response, err, &fault, CF_STR("\"n\":1")));
  ck_assert_ok(cf_response_end(&response));
  struct cf_str body = cf_memory_content(&memory);
  ck_assert_bytes(body.p, body.n, problems[_i].want, strlen(problems[_i].want));
  ck_assert_int_eq(cf_memory_status(&memory), cf_err_status(problems[_i].err));
  ck_assert(cf_str_is(cf_memory_header(&memory, problems[_i].header), problems[_i].value));
}
END_TEST

START_TEST(test_too_late)
{
  ck_assert_ok(cf_response_put(&response, CF_STR("hello")));
  ck_assert_ok(cf_response_flush(&response));
  ck_assert_err(cf_response_problem(&response, CF_E_DAMAGED, NULL, CF_STR("")), CF_E_REQUEST);
  ck_assert_ok(cf_response_end(&response));
  ck_assert(cf_str_is(cf_memory_content(&memory), "hello"));
}
END_TEST

/* ---- pages ---- */

#define BROWSER "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"

static const struct {
  const char *accept;
  bool page;
} accepts[] = {
    {BROWSER, true},
    {"text/html", true},
    {"text/*", true},
    {"application/json;q=0.5, text/html;q=0.9", true},
    {"text/html, application/json", true},
    {NULL, false},
    {"", false},
    {"*/*", false},
    {"application/json, text/html", false},
    {"application/problem+json, text/html;q=0.9", false},
    {"application/x-ndjson", false},
    {"text/csv", false},
    {"text/html;q=0", false},
};

START_TEST(test_accept)
{
  if (accepts[_i].accept != NULL)
    ck_assert_ok(cf_memory_param(&memory, "HTTP_ACCEPT", accepts[_i].accept));
  ck_assert_ok(cf_response_problem(&response, CF_E_ROUTE, NULL, CF_STR("")));
  ck_assert_ok(cf_response_end(&response));
  ck_assert(cf_str_is(cf_memory_header(&memory, "Content-Type"),
                      accepts[_i].page ? "text/html; charset=utf-8" : "application/problem+json"));
  ck_assert_uint_eq(cf_memory_header(&memory, "Content-Security-Policy").n > 0, accepts[_i].page);
  ck_assert_int_eq(cf_memory_status(&memory), 404);
}
END_TEST

static const struct {
  enum cf_err err;
  const char *mount, *has, *lacks;
} pages[] = {
    {CF_E_TOKEN, "/audit", "<a href=\"/audit/login\">Sign in</a>", "Try again"},
    {CF_E_TOKEN, "", "<a href=\"/login\">Sign in</a>", "Try again"},
    {CF_E_ROLE, "/audit", "<a href=\"/audit/login\">Sign in</a>", "Try again"},
    {CF_E_ROUTE, "/audit", "<a href=\"/audit/\">To the log</a>", "Sign in"},
    {CF_E_NOTREADY, "/audit", "<a href=\"\">Try again</a>", "Sign in"},
    {CF_E_ROLLBACK, "/audit", "<p class=\"hint\">503 rollback</p>", "Try again"},
    {CF_E_SPACE, "/audit", "<h2>not enough free space</h2>", "Try again"},
    {CF_E_PARAMETER, "/audit", "href=\"/audit/assets/style.css\"", "Sign in"},
    {CF_E_PARAMETER, "/a\"><script>", "href=\"/a%22%3E%3Cscript%3E/assets/style.css\"", "<script"},
    {CF_E_PARAMETER, "//evil.example", "href=\"/evil.example/\"", "\"//"},
    {CF_E_PARAMETER, NULL, "</html>", "href"},
};

/* What it says, and the way on, in words; nothing in it is anybody's markup. */
START_TEST(test_page)
{
  fault =
      (struct cf_fault){"li<mit", "<script>alert(1)</script>\" onload='x' & \x1b[31m\xe2\x80\xae"};
  ck_assert_ok(cf_memory_param(&memory, "HTTP_ACCEPT", BROWSER));
  response.mount = cf_str_from(pages[_i].mount);
  ck_assert_ok(cf_response_problem(&response, pages[_i].err, &fault, CF_STR("\"n\":1")));
  ck_assert_ok(cf_response_end(&response));
  const char *text = cf_buf_cstr(&memory.answer);
  ck_assert_msg(strstr(text, pages[_i].has) != NULL, "no %s in %s", pages[_i].has, text);
  ck_assert_msg(strstr(text, pages[_i].lacks) == NULL, "%s in %s", pages[_i].lacks, text);
  ck_assert_ptr_nonnull(
      strstr(text, "li&lt;mit: &lt;script&gt;alert(1)&lt;/script&gt;&quot; "
                   "onload=&#39;x&#39; &amp; <mark>U+001B</mark>[31m<mark>U+202E</mark></p>"));
  ck_assert_ptr_null(strstr(text, "<script>alert"));
  ck_assert_int_eq(cf_memory_status(&memory), cf_err_status(pages[_i].err));
  ck_assert(cf_str_is(cf_memory_header(&memory, "X-Frame-Options"), "DENY"));
  ck_assert(cf_str_is(cf_memory_header(&memory, "Cache-Control"), "no-store"));
  ck_assert(cf_str_is(cf_memory_header(&memory, "WWW-Authenticate"),
                      pages[_i].err == CF_E_TOKEN ? "Bearer" : ""));
}
END_TEST

/* Where nothing could be served, and no memory may be had, too; each error fits
 * its room. */
START_TEST(test_page_answer)
{
  ck_assert_ok(cf_memory_param(&memory, "HTTP_ACCEPT", BROWSER));
  cf_problem_answer(&memory.transport, (enum cf_err)_i);
  const char *text = cf_buf_cstr(&memory.answer);
  ck_assert(cf_str_is(cf_memory_header(&memory, "Content-Type"), "text/html; charset=utf-8"));
  ck_assert_uint_gt(cf_memory_header(&memory, "Content-Security-Policy").n, 0);
  ck_assert_ptr_nonnull(strstr(text, cf_err_title((enum cf_err)_i)));
  ck_assert_ptr_nonnull(strstr(text, "</html>\n"));
}
END_TEST

/* ---- answers ---- */

#define HEAD \
  "\r\nContent-Type: application/problem+json\r\nX-Content-Type-Options: nosniff\r\n" \
  "Cache-Control: no-store\r\n"

static const struct {
  enum cf_err err;
  const char *want;
} answers[] = {
    {CF_E_NOTREADY, "Status: 503 the service is not ready" HEAD
                    "Retry-After: 2\r\n\r\n{\"type\":\"urn:counterfoil:not-ready\","
                    "\"title\":\"the service is not ready\",\"status\":503}\n"},
    {CF_E_NOMEM, "Status: 503 out of memory" HEAD
                 "Retry-After: 2\r\n\r\n{\"type\":\"urn:counterfoil:no-memory\","
                 "\"title\":\"out of memory\",\"status\":503}\n"},
    {CF_E_UNKNOWN, "Status: 503 the owner left before it answered" HEAD
                   "\r\n{\"type\":\"urn:counterfoil:outcome-unknown\","
                   "\"title\":\"the owner left before it answered\",\"status\":503}\n"},
    {CF_E_FULL,
     "Status: 413 larger than its limit" HEAD "\r\n{\"type\":\"urn:counterfoil:too-large\","
     "\"title\":\"larger than its limit\",\"status\":413}\n"},
};

START_TEST(test_answer)
{
  cf_problem_answer(&memory.transport, answers[_i].err);
  struct cf_str answer = cf_buf_str(&memory.answer);
  ck_assert_bytes(answer.p, answer.n, answers[_i].want, strlen(answers[_i].want));
}
END_TEST

/* Whatever the error: it fits the room that there is without heap memory. */
START_TEST(test_every_answer)
{
  cf_problem_answer(&memory.transport, (enum cf_err)_i);
  ck_assert_int_eq(cf_memory_status(&memory), cf_err_status((enum cf_err)_i));
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "problem",
       .test = test_problem,
       .loops = CF_COUNT(problems),
       .setup = setup,
       .teardown = teardown},
      {.tcase = "problem", .test = test_too_late},
      {.tcase = "problem", .test = test_accept, .loops = CF_COUNT(accepts)},
      {.tcase = "problem", .test = test_page, .loops = CF_COUNT(pages)},
      {.tcase = "problem", .test = test_page_answer, .loops = CF_ERR_N},
      {.tcase = "problem", .test = test_answer, .loops = CF_COUNT(answers)},
      {.tcase = "problem", .test = test_every_answer, .loops = CF_ERR_N},
  };
  return cf_test_run("problem", tests, CF_COUNT(tests));
}
