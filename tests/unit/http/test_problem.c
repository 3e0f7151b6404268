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
      {.tcase = "problem", .test = test_answer, .loops = CF_COUNT(answers)},
      {.tcase = "problem", .test = test_every_answer, .loops = CF_ERR_N},
  };
  return cf_test_run("problem", tests, CF_COUNT(tests));
}
