/* SPDX-License-Identifier: MIT */
/* Verify through the whole application: modes, what the caller kept, parts, one
 * at a time. */
#include "config.h"

#include "fcgi-app/routes/call_in.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "tests/unit/routes/app_roles.h"

START_TEST(test_verify)
{
  feed_events(writer, 600);
  ck_answer(get("/v1/events?limit=1", reader), 200);
  ck_answer(get("/checkpoint", NULL), 200);
  ck_answer(get("/v1/verify", auditor), 200);
  ck_value("ok", "true");
  ck_value("complete", "true");
  ck_value("mode", "full");
  ck_value("next", "null");
  ck_value("first_bad", "null");
  ck_value("assurance", "signed");
  ck_value("origin", "test.example.org/log");
  ck_assert_int_eq(number("checked.leaves"), number("size"));
  ck_assert_uint_eq(cf_json_count(member("errors")), 0);
  ck_answer(get("/v1/verify?mode=quick", auditor), 200);
  ck_value("ok", "true");
  ck_answer(get("/v1/verify?mode=range&seq_from=10&seq_to=300", auditor), 200);
  ck_value("ok", "true");
  ck_value("mode", "range");
  ck_assert_int_eq(number("checked.leaves"), 512);
  ck_answer(post("/v1/events", writer, "{\"action\":\"new\"}"), 201); /* hardly signed yet */
  long long last = number("seq");
  char path[64];
  snprintf(path, sizeof path, "/v1/verify?mode=range&seq_from=%lld", last);
  ck_answer(get(path, auditor), 200);
  ck_assert_int_gt(number("size"), last);
  ck_assert_int_gt(number("checked.leaves"), 0);
}
END_TEST

START_TEST(test_verify_kept)
{
  char path[256];
  char root[64];
  feed_events(writer, 3);
  ck_answer(get("/v1/verify", auditor), 200);
  long long size = number("size");
  snprintf(root, sizeof root, "%s", value("root"));
  feed_events(writer, 3);
  struct cf_buf url;
  cf_buf_init(&url, 256);
  cf_url_put(&url, cf_str_from(root));
  snprintf(path, sizeof path, "/v1/verify?size=%lld&root=%s", size, cf_buf_cstr(&url));
  cf_buf_fini(&url);
  ck_answer(get(path, auditor), 200);
  ck_value("ok", "true");
  uint8_t bytes[CF_HASH_N];
  ck_assert_ok(cf_base64_get_n(cf_str_from(root), bytes, CF_HASH_N));
  snprintf(path, sizeof path, "/v1/verify?mode=quick&size=%lld&root=%s", size,
           cf_test_hex(bytes, CF_HASH_N));
  ck_answer(get(path, auditor), 200);
  ck_value("ok", "true");
  bytes[0] ^= 1;
  snprintf(path, sizeof path, "/v1/verify?mode=quick&size=%lld&root=%s", size,
           cf_test_hex(bytes, CF_HASH_N));
  ck_answer(get(path, auditor), 200);
  ck_value("ok", "false");
  ck_value("errors.0.code", "INCONSISTENT_HEAD");
  ck_answer(
      get("/v1/verify?mode=quick&size=1000000&root=0000000000000000000000000000000000000000000000000000000000000000",
          auditor),
      200);
  ck_value("ok", "false");
  ck_answer(
      get("/v1/verify?mode=range&seq_from=999999&size=1000000&root=0000000000000000000000000000000000000000000000000000000000000000",
          auditor),
      200);
  ck_value("errors.0.code", "ROLLBACK");
}
END_TEST

static const struct {
  const char *query, *parameter;
} bad_verifies[] = {
    {"mode=deeper", "mode"},
    {"mode=", "mode"},
    {"size=1", "root"},
    {"root=00", "size"},
    {"size=1&root=00", "root"},
    {"seq_from=1", "seq_from"},
    {"mode=full&seq_to=4", "seq_to"},
    {"mode=range&seq_from=4&seq_to=4", "seq_from"},
    {"size=x&root=00", "size"},
    {"mode=range&seq_from=1000000", "seq_from"},
    {"mode=quick&resume=x", "resume"},
    {"mode=range&resume=x", "resume"},
    {"resume=x&size=0&root=0000000000000000000000000000000000000000000000000000000000000000",
     "size"},
};

START_TEST(test_bad_verify)
{
  for (size_t i = 0; i < CF_COUNT(bad_verifies); i++) {
    char path[128];
    snprintf(path, sizeof path, "/v1/verify?%s", bad_verifies[i].query);
    ck_answer(get(path, auditor), 400);
    ck_value("parameter", bad_verifies[i].parameter);
  }
}
END_TEST

/* Go on under a name; gives the status. */
static int go_on(const char *mode, const char *name)
{
  char path[128];
  snprintf(path, sizeof path, "/v1/verify?mode=%s&resume=%s", mode, name);
  return get(path, auditor);
}

/* Records of more than two tiles, all signed, and a budget that is spent at
 * once. */
static void feed_signed(void)
{
  feed_events(writer, 600);
  ck_answer(get("/v1/verify?mode=range&seq_from=599&seq_to=600", auditor), 200);
  stage_conf.verify_budget_us = 1;
}

/* A tile an answer, and the last one says what
 * one answer would have said. */
START_TEST(test_verify_in_parts)
{
  char first[64], second[64];
  feed_signed();
  ck_answer(get("/v1/verify", auditor), 200);
  ck_value("ok", "true");
  ck_value("complete", "false");
  ck_assert_int_eq(number("next"), 256);
  long long size = number("size");
  snprintf(first, sizeof first, "%s", value("resume"));
  ck_assert_uint_eq(strlen(first), 22);
  feed_events(writer, 3); /* it goes on at the same size */
  ck_answer(go_on("full", first), 200);
  ck_assert_int_eq(number("next"), 512);
  ck_assert_int_eq(number("checked.leaves"), 512);
  snprintf(second, sizeof second, "%s", value("resume"));
  ck_assert_str_ne(first, second);
  ck_answer(go_on("full", first), 410); /* a name is good once */
  ck_value("type", "urn:counterfoil:resume-gone");
  feed_events(writer, 1500);
  ck_answer(go_on("full", second), 200); /* the last tile, and not all of what came later, */
  ck_value("complete", "false");
  ck_assert_int_ge(number("next"), size + 1024);
  snprintf(first, sizeof first, "%s", value("resume"));
  ck_answer(go_on("full", first), 200); /* which is looked at now */
  ck_value("complete", "true");
  ck_value("mode", "full");
  ck_value("resume", "null");
  ck_assert_int_eq(number("checked.leaves"), size);
  ck_assert_int_eq(number("size"), size);
  ck_answer(go_on("full", second), 410);
  ck_answer(get("/v1/verify?mode=range", auditor), 200); /* a range says how far it came, */
  ck_value("complete", "false");
  ck_value("mode", "range");
  ck_value("resume", "null"); /* and is gone on with by another range */
}
END_TEST

/* One is kept: the newest; and nobody can guess it. */
START_TEST(test_verify_replaced)
{
  char first[64], second[64];
  feed_signed();
  ck_answer(get("/v1/verify", auditor), 200);
  snprintf(first, sizeof first, "%s", value("resume"));
  ck_answer(go_on("full", "AAAAAAAAAAAAAAAAAAAAAA"), 410);
  ck_answer(get("/v1/verify?mode=quick", auditor), 200);
  ck_answer(get("/v1/verify", auditor), 200);
  snprintf(second, sizeof second, "%s", value("resume"));
  ck_answer(go_on("full", first), 410);
  ck_answer(go_on("full", second), 200);
}
END_TEST

/* It is kept for a quarter of an hour. */
START_TEST(test_verify_forgotten)
{
  struct cf_resume *kept = &stage_app->resume;
  char name[64];
  feed_signed();
  ck_answer(get("/v1/verify", auditor), 200);
  snprintf(name, sizeof name, "%s", value("resume"));
  ck_assert_int_le(kept->until_us, cf_clock_mono_us() + 900000000);
  ck_assert_int_gt(kept->until_us, cf_clock_mono_us() + 840000000);
  kept->until_us -= 900000000;
  ck_answer(go_on("full", name), 410);
  ck_value("type", "urn:counterfoil:resume-gone");
  ck_assert_ptr_null(kept->run);
}
END_TEST

START_TEST(test_progress)
{
  feed_events(writer, 600);
  ck_answer(ask((struct ask){.path = "/v1/verify",
                             .token = auditor,
                             .vars = {"HTTP_ACCEPT", "application/x-ndjson"}}),
            200);
  ck_assert_str_eq(header("Content-Type"), "application/x-ndjson");
  const char *last = strrchr(content(), '{');
  ck_assert_ptr_nonnull(last);
  ck_contains("{\"ok\":true,\"complete\":true");
  ck_assert_int_eq(content()[strlen(content()) - 1], '\n');
}
END_TEST

/* A second verify, asked while the first one tells its progress. */
static enum cf_err (*write_on)(void *context, const void *p, size_t n);
static int second;

static enum cf_err write_and_ask(void *context, const void *p, size_t n)
{
  if (second == 0) {
    struct cf_memory m;
    char bearer[160];
    cf_memory_init(&m, CF_DOOR_WEB);
    snprintf(bearer, sizeof bearer, "Bearer %s", auditor);
    ck_assert_ok(cf_memory_param(&m, "REQUEST_METHOD", "GET"));
    ck_assert_ok(cf_memory_param(&m, "PATH_INFO", "/v1/verify"));
    ck_assert_ok(cf_memory_param(&m, "QUERY_STRING", ""));
    ck_assert_ok(cf_memory_param(&m, "HTTP_AUTHORIZATION", bearer));
    cf_app_serve(stage_app, &m.transport);
    second = cf_memory_status(&m);
    ck_assert_uint_gt(cf_memory_header(&m, "Retry-After").n, 0);
    cf_memory_fini(&m);
  }
  return write_on(context, p, n);
}

START_TEST(test_busy)
{
  struct cf_memory m;
  char bearer[160];
  feed_events(writer, 600);
  cf_memory_init(&m, CF_DOOR_WEB);
  snprintf(bearer, sizeof bearer, "Bearer %s", auditor);
  ck_assert_ok(cf_memory_param(&m, "REQUEST_METHOD", "GET"));
  ck_assert_ok(cf_memory_param(&m, "PATH_INFO", "/v1/verify"));
  ck_assert_ok(cf_memory_param(&m, "QUERY_STRING", ""));
  ck_assert_ok(cf_memory_param(&m, "HTTP_ACCEPT", "application/x-ndjson"));
  ck_assert_ok(cf_memory_param(&m, "HTTP_AUTHORIZATION", bearer));
  write_on = m.transport.write;
  m.transport.write = write_and_ask;
  second = 0;
  cf_app_serve(stage_app, &m.transport);
  ck_assert_int_eq(cf_memory_status(&m), 200);
  ck_assert_int_eq(second, 429);
  cf_memory_fini(&m);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "verify",
       .test = test_verify,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "verify", .test = test_verify_kept},
      {.tcase = "verify", .test = test_bad_verify},
      {.tcase = "verify", .test = test_verify_in_parts},
      {.tcase = "verify", .test = test_verify_replaced},
      {.tcase = "verify", .test = test_verify_forgotten},
      {.tcase = "verify", .test = test_progress},
      {.tcase = "verify", .test = test_busy},
  };
  return cf_test_run("app_verify", tests, CF_COUNT(tests));
}
