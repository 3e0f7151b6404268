/* SPDX-License-Identifier: MIT */
/* POST /v1/events through the whole application: each row of api.md's
 * tables. */
#include "config.h"

#include <unistd.h>

#include "fcgi-app/who/token.h"
#include "tests/unit/routes/app_roles.h"

/* ---- one event ---- */

START_TEST(test_one)
{
  ck_answer(post("/v1/events", writer,
                 "{\"method\":\"get\",\"status\":200,\"user\":\"alice\",\"resource\":\"/a\"}"),
            201);
  long long seq = number("seq");
  char location[64];
  snprintf(location, sizeof location, "events/%lld", seq);
  ck_assert_str_eq(header("Location"), location);
  ck_assert_str_eq(header("Content-Type"), "application/json");
  ck_assert_str_eq(header("Cache-Control"), "no-store");
  ck_assert_str_eq(header("X-Content-Type-Options"), "nosniff");
  ck_assert_int_eq(number("size"), seq + 1);
  ck_assert_uint_eq(strlen(value("recorded")), CF_TIME_TEXT_N);
  ck_assert_uint_eq(strlen(value("leaf_hash")), 44);
  char path[64];
  snprintf(path, sizeof path, "/v1/events/%lld", seq);
  ck_answer(get(path, auditor), 200);
  ck_value("source", "web1");
  ck_value("method", "GET");
  ck_value("outcome", "success");
  ck_value("user", "alice");
}
END_TEST

START_TEST(test_duplicate)
{
  ck_answer(post("/v1/events", writer, "{\"id\":\"a1\",\"action\":\"x\"}"), 201);
  char first[512];
  snprintf(first, sizeof first, "%s", content());
  ck_answer(post("/v1/events", writer, "{\"action\":\"x\",\"id\":\"a1\"}"), 200);
  ck_value("duplicate", "true");
  ck_assert_str_eq(header("Location"), "");
  /* the first answer, and one more member */
  ck_assert_int_eq(strncmp(content(), first, strlen(first) - 2), 0);
  ck_answer(post("/v1/events", writer, "{\"action\":\"y\",\"id\":\"a1\"}"), 409);
  ck_value("type", "urn:counterfoil:conflict");
  ck_assert_str_ne(value("seq"), "null");
  ck_assert_int_eq(count("id=a1"), 1);
}
END_TEST

/* A body that is no acceptable event: status, and the member named. */
static const struct {
  const char *body;
  int status;
  const char *at;
} bad_events[] = {
    {"", 422, "null"},
    {"nonsense", 422, "null"},
    {"{\"action\":\"x\"", 422, "null"},
    {"{\"action\":\"x\",\"action\":\"y\"}", 422, NULL},
    {"{\"action\":\"x\",\"bytes\":NaN}", 422, NULL},
    {"{\"user\":\"alice\"}", 422, NULL},
    {"{\"action\":\"x\",\"usr\":\"alice\"}", 422, "usr"},
    {"{\"action\":\"x\",\"status\":1000}", 422, "status"},
    {"{\"action\":\"x\",\"ip\":\"300.1.1.1\"}", 422, "ip"},
    {"{\"action\":\"x\",\"time\":\"yesterday\"}", 422, "time"},
    {"{\"action\":\"x\",\"source\":\"web2\"}", 422, "source"},
    {"{\"action\":\"x\",\"source\":\"counterfoil\"}", 422, "source"},
};

START_TEST(test_bad_event)
{
  for (size_t i = 0; i < CF_COUNT(bad_events); i++) {
    ck_answer(post("/v1/events", writer, bad_events[i].body), bad_events[i].status);
    ck_assert_str_eq(header("Content-Type"), "application/problem+json");
    ck_assert_int_eq(number("status"), bad_events[i].status);
    ck_assert_int_eq(strncmp(value("type"), "urn:counterfoil:", 16), 0);
    if (bad_events[i].at != NULL)
      ck_value("member", bad_events[i].at);
  }
  ck_assert_int_eq(count("source=web1"), 0);
}
END_TEST

START_TEST(test_sources)
{
  const char *token = make_token("proxy", "[\"writer\"]", ",\"sources\":[\"app1\",\"edge/*\"]");
  ck_answer(post("/v1/events", token, "{\"action\":\"x\"}"), 201);
  ck_answer(post("/v1/events", token, "{\"action\":\"x\",\"source\":\"app1\"}"), 201);
  ck_answer(post("/v1/events", token, "{\"action\":\"x\",\"source\":\"edge/7\"}"), 201);
  ck_answer(post("/v1/events", token, "{\"action\":\"x\",\"source\":\"app2\"}"), 422);
  ck_assert_int_eq(count("source=proxy"), 1);
  ck_assert_int_eq(count("source=edge/7"), 1);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/events",
                             .body = "{\"action\":\"x\"}",
                             .door = CF_DOOR_ADMIN}),
            201);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/events",
                             .body = "{\"action\":\"x\"}",
                             .door = CF_DOOR_ADMIN,
                             .vars = {"COUNTERFOIL_SOURCE", "logs"}}),
            201);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/events",
                             .body = "{\"action\":\"x\"}",
                             .door = CF_DOOR_ADMIN,
                             .vars = {"COUNTERFOIL_SOURCE", "counterfoil"}}),
            400);
  ck_assert_int_eq(count("source=admin"), 1);
  ck_assert_int_eq(count("source=logs"), 1);
}
END_TEST

/* The writer of the record that was made or found. */
static void ck_writer(const char *wanted)
{
  char path[64];
  snprintf(path, sizeof path, "/v1/events/%lld", number("seq"));
  ck_answer(get(path, auditor), 200);
  ck_value("writer", wanted);
}

/* Who wrote it: the token, whatever the source; the first one stays. */
START_TEST(test_writer)
{
  const char *proxy = make_token("proxy", "[\"writer\"]", ",\"sources\":[\"web1\"]");
  char first[CF_TOKEN_ID_N + 1], second[CF_TOKEN_ID_N + 1];
  snprintf(first, sizeof first, "%s", writer + strlen("cf_"));
  snprintf(second, sizeof second, "%s", proxy + strlen("cf_"));
  ck_answer(post("/v1/events", writer, "{\"id\":\"a1\",\"action\":\"x\"}"), 201);
  ck_writer(first);
  ck_answer(post("/v1/events", proxy, "{\"source\":\"web1\",\"id\":\"a2\",\"action\":\"x\"}"), 201);
  ck_writer(second);
  ck_answer(post("/v1/events", proxy, "{\"source\":\"web1\",\"id\":\"a1\",\"action\":\"x\"}"), 200);
  ck_value("duplicate", "true");
  ck_writer(first);
  ck_answer(post("/v1/events?unknown=attributes", writer, "{\"action\":\"x\",\"writer\":\"me\"}"),
            422);
  ck_value("member", "writer");
  ck_answer(get("/v1/events?writer=me", auditor), 400);
  ck_answer(get("/v1/events?fields=writer&id=a2", auditor), 200);
  ck_value("events.0.writer", second);
}
END_TEST

START_TEST(test_writer_by_the_command)
{
  struct ask by_command = {.method = "POST",
                           .path = "/v1/events",
                           .body = "{\"action\":\"x\"}",
                           .door = CF_DOOR_ADMIN,
                           .vars = {"COUNTERFOIL_SOURCE", "logs"}};
  ck_answer(ask(by_command), 201);
  ck_writer("local");
  by_command.vars[0] = NULL;
  ck_answer(ask(by_command), 201);
  ck_writer("local");
}
END_TEST

static void trust_carol(void)
{
  stage_set("trust", "remote_user");
  stage_set("role", "remote_user:carol=writer");
}

static void setup_trust(void)
{
  stage_conf_set = trust_carol;
  stage_setup_roles();
}

START_TEST(test_writer_vouched_for)
{
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/events",
                             .body = "{\"action\":\"x\"}",
                             .type = "application/json",
                             .vars = {"REMOTE_USER", "carol", "AUTH_TYPE", "Basic"}}),
            201);
  ck_writer("web-server");
  ck_assert_int_eq(count("source=carol"), 1);
}
END_TEST

START_TEST(test_options)
{
  ck_answer(post("/v1/events?unknown=attributes", writer, "{\"action\":\"x\",\"usr\":\"alice\"}"),
            201);
  ck_answer(get("/v1/events", auditor), 200);
  ck_value("events.0.attributes.usr", "alice");
  char body[2200] = "{\"action\":\"x\",\"user\":\"";
  memset(body + strlen(body), 'u', 2000);
  strcat(body, "\"}");
  ck_answer(post("/v1/events", writer, body), 422);
  ck_value("member", "user");
  ck_answer(post("/v1/events?long=cut", writer, body), 201);
  ck_answer(get("/v1/events", auditor), 200);
  ck_assert_uint_eq(strlen(value("events.0.user")), 1024);
  ck_value("events.0.attributes.truncated.0", "user");
}
END_TEST

START_TEST(test_receipt)
{
  ck_answer(post("/v1/events?receipt=1", writer, "{\"action\":\"x\",\"user\":\"alice\"}"), 201);
  ck_assert_int_eq(strncmp(value("receipt"), "c2sp.org/tlog-proof@v1\n", 23), 0);
  char line[64];
  snprintf(line, sizeof line, "\nindex %lld\n", number("seq"));
  ck_assert_ptr_nonnull(strstr(value("receipt"), line));
  ck_answer(post("/v1/events?receipt=1", writer, "[{\"action\":\"x\"}]"), 400);
  ck_value("parameter", "receipt");
  ck_assert_int_eq(count("source=web1"), 1);
}
END_TEST

static const char *const bad_params[] = {"nope=1",       "batch=2",         "batch=yes",
                                         "return=all",   "unknown=drop",    "long=1",
                                         "receipt=true", "batch=1&batch=1", "a=%zz"};

START_TEST(test_bad_param)
{
  for (size_t i = 0; i < CF_COUNT(bad_params); i++) {
    char path[80];
    snprintf(path, sizeof path, "/v1/events?%s", bad_params[i]);
    ck_answer(post(path, writer, "{\"action\":\"x\"}"), 400);
    ck_value("type", "urn:counterfoil:bad-parameter");
  }
  ck_assert_int_eq(count("source=web1"), 0);
}
END_TEST

/* ---- batches ---- */

static const struct {
  const char *query, *type, *body;
  int status, accepted, duplicates, rejected;
} batches[] = {
    {"", NULL, "[]", 200, 0, 0, 0},
    {"", NULL, "{\"events\":[]}", 200, 0, 0, 0},
    {"?batch=1", NULL, "", 200, 0, 0, 0},
    {"", "application/x-ndjson", "", 200, 0, 0, 0},
    {"", NULL, "[{\"action\":\"x\"}]", 200, 1, 0, 0},
    {"?batch=1", NULL, "{\"action\":\"x\"}", 200, 1, 0, 0},
    {"", "application/x-ndjson; charset=utf-8", "{\"action\":\"x\"}", 200, 1, 0, 0},
    {"", NULL, "{\"action\":\"x\"}\n{\"action\":\"y\"}\n", 200, 2, 0, 0},
    {"", NULL, "{\"action\":\"x\"}{\"action\":\"y\"}", 200, 2, 0, 0},
    {"", NULL, "{\"events\":[{\"action\":\"x\"},{\"action\":\"y\"}]}", 200, 2, 0, 0},
    {"", NULL, " {\"logs\" : [ {\"action\":\"x\"} ] } ", 200, 1, 0, 0},
    {"", NULL, "[{\"action\":\"x\",\"id\":\"1\"},{\"action\":\"x\",\"id\":\"1\"}]", 200, 1, 1, 0},
    {"", NULL, "[{\"action\":\"x\",\"id\":\"2\"},{\"action\":\"y\",\"id\":\"2\"}]", 200, 1, 0, 1},
    {"", NULL, "{\"action\":\"x\"}\nbroken\n{\"action\":\"y\"}\n", 200, 2, 0, 1},
    {"", NULL, "[{\"nope\":1},{\"action\":\"y\"},{\"status\":true}]", 200, 1, 0, 2},
    {"", NULL, "[{\"nope\":1},{\"status\":true}]", 422, 0, 0, 2},
    {"?batch=1", NULL, "{\"nope\":1}", 422, 0, 0, 1},
};

static void check_batch(size_t i)
{
  char path[80];
  snprintf(path, sizeof path, "/v1/events%s%sreturn=seqs", batches[i].query,
           *batches[i].query ? "&" : "?");
  ck_answer(ask((struct ask){.method = "POST",
                             .path = path,
                             .token = writer,
                             .type = batches[i].type,
                             .body = batches[i].body}),
            batches[i].status);
  ck_assert_int_eq(number("accepted"), batches[i].accepted);
  ck_assert_int_eq(number("duplicates"), batches[i].duplicates);
  ck_assert_int_eq(number("rejected"), batches[i].rejected);
  ck_assert_uint_eq(cf_json_count(member("errors")), (size_t)batches[i].rejected);
  ck_assert_uint_eq(cf_json_count(member("seqs")),
                    (size_t)(batches[i].accepted + batches[i].duplicates + batches[i].rejected));
  ck_assert_str_eq(header("Content-Type"),
                   batches[i].status == 200 ? "application/json" : "application/problem+json");
  if (batches[i].accepted == 0)
    ck_value("first_seq", "null");
  else
    ck_assert_int_eq(number("last_seq"), number("first_seq") + batches[i].accepted - 1);
  if (batches[i].accepted > 0)
    ck_assert_int_gt(number("size"), 0);
}

START_TEST(test_batch)
{
  long long before = 0;
  for (size_t i = 0; i < CF_COUNT(batches); i++) {
    check_batch(i);
    long long after = count("source=web1");
    ck_assert_int_eq(after - before, batches[i].accepted);
    before = after;
  }
}
END_TEST

START_TEST(test_batch_errors)
{
  ck_answer(
      post(
          "/v1/events?return=seqs", writer,
          "[{\"action\":\"a\",\"id\":\"1\"},{\"nope\":1},{\"action\":\"b\",\"id\":\"1\"},{\"action\":\"a\",\"id\":\"1\"}]"),
      200);
  ck_value("errors.0.index", "1");
  ck_value("errors.0.status", "422");
  ck_value("errors.0.member", "nope");
  ck_value("errors.1.index", "2");
  ck_value("errors.1.status", "409");
  ck_assert_str_eq(value("seqs.0"), value("seqs.3"));
  ck_value("seqs.1", "null");
  ck_value("seqs.2", "null");
  long long first = number("first_seq");
  ck_answer(post("/v1/events", writer, "[{\"action\":\"a\",\"id\":\"1\"},{\"action\":\"c\"}]"),
            200);
  ck_assert_int_gt(number("first_seq"), first); /* of what is new */
  ck_assert_int_eq(number("first_seq"), number("last_seq"));
}
END_TEST

START_TEST(test_losses)
{
  ck_answer(post("/v1/events", writer, "[{\"nope\":1},{\"action\":\"y\"},{\"status\":true}]"), 200);
  ck_answer(post("/v1/events", writer, "{\"nope\":1}"), 422);
  /* takes what was left with it */
  ck_answer(post("/v1/events", writer, "{\"action\":\"z\"}"), 201);
  ck_assert_int_eq(count("kind=loss"), 1);
  ck_value("events.0.source", "web1");
  ck_value("events.0.body.count", "2");
  ck_value("events.0.body.reason", "invalid-event");
  stage_reopen(); /* tells what was still counted */
  ck_assert_int_eq(count("kind=loss"), 2);
  ck_value("events.0.body.count", "1");
}
END_TEST

/* ---- what is not taken ---- */

START_TEST(test_leaving)
{
  cf_app_leave(stage_app);
  ck_answer(post("/v1/events", writer, "{\"action\":\"x\"}"), 503);
  ck_value("type", "urn:counterfoil:leaving");
  ck_assert_str_ne(header("Retry-After"), "");
  ck_answer(get("/v1/events", auditor), 200);
}
END_TEST

/* No space: nothing is taken, and it says so, in the log too. Free space is
 * looked at now and then only. */
START_TEST(test_space)
{
  stage_set("min_free", "1000000G");
  usleep(300000);
  ck_answer(post("/v1/events", writer, "{\"action\":\"x\"}"), 507);
  ck_value("type", "urn:counterfoil:no-space");
  ck_answer(post("/v1/events", writer, "[{\"action\":\"x\"}]"), 507);
  ck_contains("and min_free is 1073741824000000; nothing was taken");
  ck_answer(post("/v1/gaps", writer, "{}"), 507);
  ck_contains("and min_free is 1073741824000000; nothing was taken");
  ck_answer(get("/readyz", NULL), 503);
  stage_set("min_free", "1M");
  usleep(300000);
  ck_assert_int_eq(count("source=web1"), 0);
  ck_answer(post("/v1/events", writer, "{\"action\":\"x\"}"), 201);
  ck_assert_int_eq(count("kind=loss"), 1);
  ck_value("events.0.source", "web1");
  ck_value("events.0.body.reason", "no-space");
}
END_TEST

/* ---- gaps ---- */

START_TEST(test_gap)
{
  const char *shipper = make_token("shipper", "[\"writer\"]", ",\"sources\":[\"app.*\"]");
  ck_answer(post("/v1/gaps", writer, "{}"), 201);
  ck_answer(post("/v1/gaps", shipper,
                 "{\"source\":\"app.a\",\"count\":12,\"first\":\"2026-01-01T00:00:00Z\","
                 "\"last\":\"2026-01-01T00:01:00Z\",\"message\":\"buffer was full\"}"),
            201);
  long long seq = number("seq");
  ck_assert_int_eq(count("kind=loss"), 2);
  ck_assert_int_eq(number("events.0.seq"), seq);
  ck_value("events.0.source", "app.a");
  ck_value("events.0.user", "shipper");
  ck_value("events.0.message", "buffer was full");
  ck_value("events.0.body.reason", "gap");
  ck_value("events.0.body.count", "12");
  ck_value("events.0.body.first", "2026-01-01T00:00:00.000000Z");
  ck_value("events.1.source", "web1");
  ck_value("events.1.body.count", "1");
  ck_answer(post("/v1/gaps", auditor, "{}"), 403);
  ck_answer(post("/v1/gaps", NULL, "{}"), 401);
}
END_TEST

static const struct {
  const char *body, *member;
} bad_gaps[] = {
    {"", "null"},
    {"[]", "null"},
    {"{\"source\":\"other\"}", "source"},
    {"{\"source\":\"counterfoil\"}", "source"},
    {"{\"count\":0}", "count"},
    {"{\"count\":-1}", "count"},
    {"{\"count\":9007199254740992}", "count"},
    {"{\"first\":\"yesterday\"}", "first"},
    {"{\"last\":\"2999-01-01T00:00:00Z\"}", "last"},
    {"{\"first\":\"2026-01-02T00:00:00Z\",\"last\":\"2026-01-01T00:00:00Z\"}", "first"},
    {"{\"message\":1}", "message"},
    {"{\"reason\":\"gap\"}", "reason"},
};

START_TEST(test_bad_gap)
{
  ck_answer(post("/v1/gaps", writer, bad_gaps[_i].body), 422);
  ck_value("member", bad_gaps[_i].member);
  ck_assert_int_eq(count("kind=loss"), 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "one", .test = test_one, .setup = stage_setup_roles, .teardown = stage_teardown},
      {.tcase = "one", .test = test_duplicate},
      {.tcase = "one", .test = test_bad_event},
      {.tcase = "one", .test = test_sources},
      {.tcase = "one", .test = test_writer},
      {.tcase = "one", .test = test_writer_by_the_command},
      {.tcase = "one", .test = test_options},
      {.tcase = "one", .test = test_receipt},
      {.tcase = "one", .test = test_bad_param},
      {.tcase = "one", .test = test_leaving},
      {.tcase = "one", .test = test_space},
      {.tcase = "batch",
       .test = test_batch,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "batch", .test = test_batch_errors},
      {.tcase = "batch", .test = test_losses},
      {.tcase = "gaps", .test = test_gap, .setup = stage_setup_roles, .teardown = stage_teardown},
      {.tcase = "gaps", .test = test_bad_gap, .loops = CF_COUNT(bad_gaps)},
      {.tcase = "trust",
       .test = test_writer_vouched_for,
       .setup = setup_trust,
       .teardown = stage_teardown},
  };
  return cf_test_run("app_events", tests, CF_COUNT(tests));
}
