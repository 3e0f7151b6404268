/* SPDX-License-Identifier: MIT */
/* Many requests at once: writers, readers, verifiers, changing tokens, people
 * who sign in and out. Nothing acknowledged is missing or double, what is
 * refused is told once a minute, one full verify runs at a time, nobody else is
 * disturbed. */
#include "config.h"

#include <pthread.h>
#include <unistd.h>

#include "tests/unit/routes/app_roles.h"

#define WRITERS 6
#define OTHERS  6
#define PEOPLE  2
#define ROUNDS  40

/* One request of its own; gives the status, and the answer to be finished by
 * the caller. */
static int ask_alone(struct cf_memory *m, const char *method, const char *path, const char *query,
                     const char *token, const char *body)
{
  char bearer[160];
  cf_memory_init(m, CF_DOOR_WEB);
  snprintf(bearer, sizeof bearer, "Bearer %s", token);
  ck_assert_ok(cf_memory_param(m, "REQUEST_METHOD", method));
  ck_assert_ok(cf_memory_param(m, "PATH_INFO", path));
  ck_assert_ok(cf_memory_param(m, "QUERY_STRING", query));
  ck_assert_ok(cf_memory_param(m, "HTTP_AUTHORIZATION", bearer));
  cf_memory_body(m, cf_str_from(body));
  cf_app_serve(stage_app, &m->transport);
  return cf_memory_status(m);
}

static int status_of(const char *method, const char *path, const char *query, const char *token,
                     const char *body)
{
  struct cf_memory m;
  int status = ask_alone(&m, method, path, query, token, body);
  cf_memory_fini(&m);
  return status;
}

static void *write_events(void *arg)
{
  for (int i = 0; i < ROUNDS; i++) {
    char body[256];
    snprintf(body, sizeof body,
             "[{\"action\":\"x\",\"id\":\"%d-%d\"},{\"action\":\"x\",\"id\":\"shared-%d\"}]",
             *(int *)arg, i, i);
    ck_assert_int_eq(status_of("POST", "/v1/events", "return=seqs", writer, body), 200);
  }
  return NULL;
}

static void *read_things(void *arg)
{
  (void)arg;
  for (int i = 0; i < ROUNDS; i++) {
    ck_assert_int_eq(status_of("GET", "/v1/events", i % 2 ? "action=x&limit=50" : "id=shared-3",
                               auditor, ""),
                     200);
    ck_assert_int_eq(status_of("GET", "/v1/verify", "mode=quick", auditor, ""), 200);
    int full = status_of("GET", "/v1/verify", "", auditor, "");
    ck_assert(full == 200 || full == 429);
    ck_assert_int_eq(status_of("GET", "/", "", auditor, ""), 200);
    ck_assert_int_eq(status_of("GET", "/v1/receipts/0", "", auditor, ""), 200);
    ck_assert_int_eq(status_of("GET", "/v1/events", "", "cf_nobody_atall", ""), 401);
  }
  return NULL;
}

static void *change_tokens(void *arg)
{
  (void)arg;
  for (int i = 0; i < ROUNDS / 4; i++) {
    struct cf_memory m;
    char path[80];
    ck_assert_int_eq(ask_alone(&m, "POST", "/v1/tokens", "", admin,
                               "{\"name\":\"t\",\"roles\":[\"reader\"]}"),
                     201);
    struct cf_str text = cf_memory_content(&m);
    const char *at = memmem(text.p, text.n, "\"id\":\"", 6);
    ck_assert_ptr_nonnull(at);
    snprintf(path, sizeof path, "/v1/tokens/%.10s/revoke", at + 6);
    cf_memory_fini(&m);
    ck_assert_int_eq(status_of("POST", path, "", admin, ""), 200);
    cf_app_tick(stage_app);
  }
  return NULL;
}

/* As a browser asks; gives the status, and the answer to be finished. */
static int browse(struct cf_memory *m, const char *method, const char *path, const char *cookie,
                  const char *form)
{
  cf_memory_init(m, CF_DOOR_WEB);
  ck_assert_ok(cf_memory_param(m, "REQUEST_METHOD", method));
  ck_assert_ok(cf_memory_param(m, "PATH_INFO", path));
  ck_assert_ok(cf_memory_param(m, "QUERY_STRING", ""));
  ck_assert_ok(cf_memory_param(m, "HTTP_COOKIE", cookie));
  cf_memory_body(m, cf_str_from(form));
  cf_app_serve(stage_app, &m->transport);
  return cf_memory_status(m);
}

static int browse_status(const char *path, const char *cookie)
{
  struct cf_memory m;
  int status = browse(&m, "GET", path, cookie, "");
  cf_memory_fini(&m);
  return status;
}

/* The page's form token, as a form. */
static void read_form(const char *cookie, char form[64])
{
  static const char mark[] = "name=\"form\" value=\"";
  struct cf_memory m;
  ck_assert_int_eq(browse(&m, "GET", "/", cookie, ""), 200);
  struct cf_str text = cf_memory_content(&m);
  const char *at = memmem(text.p, text.n, mark, sizeof mark - 1);
  ck_assert_ptr_nonnull(at);
  snprintf(form, 64, "form=%.43s", at + sizeof mark - 1);
  cf_memory_fini(&m);
}

static void *come_and_go(void *arg)
{
  (void)arg;
  for (int i = 0; i < ROUNDS / 4; i++) {
    struct cf_memory m;
    char form[160], cookie[64];
    snprintf(form, sizeof form, "token=%s", auditor);
    ck_assert_int_eq(browse(&m, "POST", "/login", "", form), 303);
    snprintf(cookie, sizeof cookie, "%.55s", cf_memory_header(&m, "Set-Cookie").p);
    cf_memory_fini(&m);
    read_form(cookie, form);
    ck_assert_int_eq(browse_status("/v1/events", cookie), 200);
    ck_assert_int_eq(browse(&m, "POST", "/logout", cookie, form), 303);
    cf_memory_fini(&m);
    ck_assert_int_eq(browse_status("/v1/events", cookie), 401);
  }
  return NULL;
}

START_TEST(test_at_once)
{
  pthread_t threads[WRITERS + OTHERS + PEOPLE + 1];
  int numbers[WRITERS];
  for (int i = 0; i < WRITERS; i++) {
    numbers[i] = i;
    ck_assert_int_eq(pthread_create(&threads[i], NULL, write_events, &numbers[i]), 0);
  }
  for (int i = 0; i < OTHERS; i++)
    ck_assert_int_eq(pthread_create(&threads[WRITERS + i], NULL, read_things, NULL), 0);
  for (int i = 0; i < PEOPLE; i++)
    ck_assert_int_eq(pthread_create(&threads[WRITERS + OTHERS + i], NULL, come_and_go, NULL), 0);
  ck_assert_int_eq(pthread_create(&threads[WRITERS + OTHERS + PEOPLE], NULL, change_tokens, NULL),
                   0);
  for (size_t i = 0; i < CF_COUNT(threads); i++)
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  ck_answer(get("/v1/events?action=x&limit=10000", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("events")), WRITERS * ROUNDS + ROUNDS);
  ck_answer(get("/v1/events?kind=token&limit=10000", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("events")), 4 + 2 * (ROUNDS / 4));
  ck_answer(get("/v1/verify", auditor), 200);
  ck_value("ok", "true");
}
END_TEST

static enum cf_err (*memory_read)(void *context, void *out, size_t max, size_t *n);

static void (*meanwhile)(void);

/* The body comes when something else has happened. */
static enum cf_err read_late(void *context, void *out, size_t max, size_t *n)
{
  struct cf_memory *m = context;
  m->transport.read = memory_read;
  meanwhile();
  return memory_read(context, out, max, n);
}

/* POST it with a body that is late; gives the status. */
static int post_late(const char *path, const char *token, const char *body, void (*what)(void))
{
  struct cf_memory m;
  char bearer[160];
  cf_memory_init(&m, CF_DOOR_WEB);
  snprintf(bearer, sizeof bearer, "Bearer %s", token);
  ck_assert_ok(cf_memory_param(&m, "REQUEST_METHOD", "POST"));
  ck_assert_ok(cf_memory_param(&m, "PATH_INFO", path));
  ck_assert_ok(cf_memory_param(&m, "QUERY_STRING", ""));
  ck_assert_ok(cf_memory_param(&m, "HTTP_AUTHORIZATION", bearer));
  cf_memory_body(&m, cf_str_from(body));
  meanwhile = what;
  memory_read = m.transport.read;
  m.transport.read = read_late;
  cf_app_serve(stage_app, &m.transport);
  int status = cf_memory_status(&m);
  cf_memory_fini(&m);
  return status;
}

static void refuse_another(void)
{
  ck_assert_int_eq(status_of("POST", "/v1/events", "", writer, "{}"), 422);
  usleep(1000);
}

/* One record a minute, in whatever order those who are refused began. */
START_TEST(test_refused_in_turn)
{
  ck_assert_int_eq(post_late("/v1/events", writer, "{}", refuse_another), 422);
  /* takes what was posted with it */
  ck_answer(post("/v1/events", writer, "{\"action\":\"z\"}"), 201);
  ck_answer(get("/v1/events?kind=loss", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("events")), 1);
}
END_TEST

static const struct {
  const char *path, *body;
} late[] = {
    {"/v1/events", "{\"action\":\"late\"}"},
    {"/v1/tokens", "{\"name\":\"late\",\"roles\":[\"admin\"]}"},
};
static const char *ended; /* the token */

static void end_token(void)
{
  char path[80];
  snprintf(path, sizeof path, "/v1/tokens/%.10s/revoke", ended + 3);
  ck_answer(ask((struct ask){.method = "POST", .path = path, .door = CF_DOOR_ADMIN}), 200);
}

/* Whoever began while his token was good writes nothing when it is no more. */
START_TEST(test_token_ends_before_body)
{
  ended = make_token("late", "[\"writer\",\"admin\"]", "");
  ck_assert_int_eq(post_late(late[_i].path, ended, late[_i].body, end_token), 401);
  ck_answer(get("/v1/events?source=late", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("events")), 0);
  ck_answer(get("/v1/tokens", admin), 200);
  ck_assert_uint_eq(cf_json_count(member("tokens")), 5);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "threads",
       .test = test_at_once,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "turns",
       .test = test_refused_in_turn,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "turns", .test = test_token_ends_before_body, .loops = CF_COUNT(late)},
  };
  return cf_test_run("app_threads", tests, CF_COUNT(tests));
}
