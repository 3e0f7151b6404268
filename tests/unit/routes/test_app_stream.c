/* SPDX-License-Identifier: MIT */
/* Answers longer than what is held, and those that are rows only: whole, in
 * pages that fit the memory there is, or broken off. */
#include "config.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/routes/app_roles.h"

static size_t lines(void)
{
  size_t n = 0;
  for (const char *p = content(); *p != '\0'; p++)
    n += *p == '\n';
  return n;
}

START_TEST(test_all)
{
  feed_events(writer, 2000);
  ck_answer(get("/v1/events?format=ndjson&limit=all&source=web1", reader), 200);
  ck_assert_uint_eq(lines(), 2001);
  ck_contains("\n{\"next_cursor\":null,\"has_more\":false}\n");
  ck_answer(get("/v1/events?format=csv&limit=all&source=web1", reader), 200);
  ck_contains("# next_cursor=");
  feed_events(writer, 1); /* takes along what was posted */
  ck_answer(get("/v1/events?limit=1&kind=access", reader), 200);
  ck_value("events.0.action", "export");
}
END_TEST

/* Rows only; what a client needs to go on is in the headers, however large the
 * page is. */
START_TEST(test_bare)
{
  static const char *const question = "/v1/events?format=%s&trailer=0&limit=%d&source=web1%s%s";
  char path[512];
  for (int i = 0; i < 4; i++)
    feed_events(writer, 2500);
  for (size_t n = 0, more = 1; more; n++) {
    snprintf(path, sizeof path, question, "ndjson", 4000, n > 0 ? "&cursor=" : "",
             n > 0 ? header("X-Next-Cursor") : "");
    ck_answer(get(path, reader), 200);
    ck_assert_uint_eq(lines(), n < 2 ? 4000 : 2000);
    ck_lacks("next_cursor");
    more = strcmp(header("X-Has-More"), "true") == 0;
    ck_assert_uint_eq(n, more ? n : 2);
    ck_assert_uint_eq(*header("X-Next-Cursor") != '\0', more);
    ck_assert_uint_eq(*header("Link") != '\0', more);
  }
  snprintf(path, sizeof path, question, "csv", 10000, "", "");
  ck_answer(get(path, reader), 200);
  ck_assert_uint_eq(lines(), 10001);
  ck_assert_str_eq(header("X-Has-More"), "false");
  ck_lacks("\n#");
  ck_answer(get("/v1/events?format=csv&trailer=0&limit=all&source=web1", reader), 200);
  ck_assert_uint_eq(lines(), 10001);
  ck_answer(get("/v1/events?format=csv&trailer=1&limit=2", reader), 200);
  ck_contains("# next_cursor=");
  ck_assert_str_eq(header("X-Has-More"), "true");
}
END_TEST

static void set_memory(void)
{
  stage_set("ingest_memory", "1M");
}

static void setup_memory(void)
{
  stage_conf_set = set_memory;
  stage_setup_roles();
}

/* A page that is held is as long as the memory allows, and goes on. */
START_TEST(test_bare_memory)
{
  char path[512] = "/v1/events?format=ndjson&trailer=0&limit=10000&source=web1";
  size_t all = 0, pages = 0;
  for (int i = 0; i < 10; i++)
    feed_events(writer, 500);
  for (bool more = true; more; pages++) {
    ck_answer(get(path, reader), 200);
    ck_assert_uint_lt(strlen(content()), 600000);
    all += lines();
    more = strcmp(header("X-Has-More"), "true") == 0;
    if (more)
      snprintf(path, sizeof path, "/v1/%.*s", (int)strcspn(header("Link") + 1, ">"),
               header("Link") + 1);
  }
  ck_assert_uint_eq(all, 5000);
  ck_assert_uint_gt(pages, 1);
}
END_TEST

/* An answer over the held size still comes whole, without Content-Length. */
START_TEST(test_long_answer)
{
  for (int i = 0; i < 4; i++)
    feed_events(writer, 2500);
  ck_answer(get("/v1/events?limit=10000&source=web1", reader), 200);
  ck_assert_str_eq(header("Content-Length"), "");
  ck_assert_uint_gt(strlen(content()), 1 << 20);
  ck_assert_uint_eq(cf_json_count(member("events")), 10000);
}
END_TEST

/* ---- who is nobody any more ---- */

static void revoke_reader(void)
{
  char path[64];
  struct cf_memory m;
  cf_memory_init(&m, CF_DOOR_ADMIN);
  snprintf(path, sizeof path, "/v1/tokens/%.10s/revoke", reader + 3);
  ck_assert_ok(cf_memory_param(&m, "REQUEST_METHOD", "POST"));
  ck_assert_ok(cf_memory_param(&m, "PATH_INFO", path));
  ck_assert_ok(cf_memory_param(&m, "QUERY_STRING", ""));
  cf_app_serve(stage_app, &m.transport);
  ck_assert_int_eq(cf_memory_status(&m), 200);
  cf_memory_fini(&m);
}

static atomic_long ahead_s; /* the clock is */

int clock_gettime(clockid_t id, struct timespec *t)
{
  int result = (int)syscall(SYS_clock_gettime, id, t);
  if (id == CLOCK_REALTIME)
    t->tv_sec += atomic_load(&ahead_s);
  return result;
}

static void wait_for_end(void)
{
  atomic_store(&ahead_s, 3601);
}

static const struct {
  const char *more;
  void (*begun)(void);
  const char *format, *error;
} endings[] = {
    {"", revoke_reader, "ndjson", "no-token"},
    {",\"expires\":\"1h\"", wait_for_end, "ndjson", "no-token"},
    {"", revoke_reader, "ndjson&trailer=0", "no-token"},
    {"", revoke_reader, "csv&trailer=0", "\n\"the answer breaks off here"},
};

/* The stream that they read ends with them, and no one takes it for whole. */
START_TEST(test_ended)
{
  char path[128];
  for (int i = 0; i < 6; i++)
    feed_events(writer, 2500);
  reader = make_token("rea", "[\"reader\"]", endings[_i].more);
  stage_begun = endings[_i].begun;
  snprintf(path, sizeof path, "/v1/events?limit=all&source=web1&format=%s", endings[_i].format);
  ck_answer(get(path, reader), 200);
  ck_assert(stage_begun == NULL);
  ck_assert(stage_abandoned);
  ck_assert_uint_lt(strlen(content()), (1 << 20) + (1 << 17)); /* of three megabytes */
  ck_contains(endings[_i].error);
  ck_lacks("has_more\":false");
  feed_events(writer, 1); /* takes along what was posted */
  ck_answer(get("/v1/events?kind=access&outcome=failure&action=export", auditor), 200);
  ck_value("events.0.user", "rea");
  ck_value("events.0.attributes.reason", "no-token");
  ck_answer(get("/v1/events", reader), 401);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "stream", .test = test_all, .setup = stage_setup_roles, .teardown = stage_teardown},
      {.tcase = "stream", .test = test_bare},
      {.tcase = "stream", .test = test_long_answer},
      {.tcase = "stream", .test = test_ended, .loops = CF_COUNT(endings)},
      {.tcase = "memory",
       .test = test_bare_memory,
       .setup = setup_memory,
       .teardown = stage_teardown},
  };
  return cf_test_run("app_stream", tests, CF_COUNT(tests));
}
