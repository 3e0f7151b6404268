/* SPDX-License-Identifier: MIT */
/* The log's own trail, through the application: which answers leave a mark,
 * when, and what it tells. */
#include "config.h"

#include <sys/statvfs.h>

#include "tests/unit/routes/app_roles.h"

static void set_relaxed(void)
{
  stage_set("audit_reads", "relaxed");
}

static void setup_relaxed(void)
{
  stage_conf_set = set_relaxed;
  stage_setup_roles();
}

static void feed(unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    ck_answer(post("/v1/events", writer, "{\"action\":\"x\",\"user\":\"u\"}"), 201);
}

static size_t records(void)
{
  return stage_size();
}

/* ---- when ---- */

/* On disk when the answer comes: the next question finds it, with nobody to
 * take it along. */
START_TEST(test_first_is_durable)
{
  uint64_t before = records();
  ck_answer(get("/v1/events?user=u&method=GET", reader), 200);
  ck_assert_uint_eq(records(), before + 1);
  ck_assert_uint_eq(trail(""), 1);
  ck_value("events.0.action", "query");
  ck_value("events.0.outcome", "success");
  ck_value("events.0.attributes.filter", "user=u&method=GET");
  ck_value("events.0.attributes.rows", "0");
  ck_value("events.0.attributes.count", "null");
}
END_TEST

/* Again: in another order, from another place, as HEAD, in pages. */
START_TEST(test_repeats_are_counted)
{
  feed(3);
  ck_answer(get("/v1/events?user=u&kind=all&limit=1", reader), 200);
  uint64_t before = records();
  ck_answer(get("/v1/events?kind=all&user=u", reader), 200);
  ck_answer(get("/v1/events?kind=all&limit=2&user=u", reader), 200);
  ck_answer(ask((struct ask){.method = "HEAD",
                             .path = "/v1/events?kind=all&user=u",
                             .token = reader}),
            200);
  ck_assert_uint_eq(records(), before);
  ck_answer(get("/v1/events?kind=all&user=u", auditor), 200);
  ck_assert_uint_eq(records(), before + 1);
  stage_reopen();
  ck_assert_uint_eq(trail("&user=ron"), 2);
  ck_value("events.0.attributes.rows", "1");
  ck_value("events.1.attributes.count", "3");
  ck_value("events.1.attributes.rows", "8");
  ck_value("events.1.attributes.filter", value("events.0.attributes.filter"));
  ck_value("events.1.user", "ron");
  ck_value("events.1.ip", "192.0.2.7");
  ck_assert_str_le(value("events.1.attributes.first"), value("events.1.attributes.last"));
}
END_TEST

/* Where an answer goes on makes no other question of it. */
START_TEST(test_next_page_is_the_same)
{
  char path[200];
  feed(3);
  ck_answer(get("/v1/events?limit=1", reader), 200);
  uint64_t before = records();
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "/v1/events?limit=1&cursor=%s", value("next_cursor"));
    ck_answer(get(path, reader), 200);
  }
  ck_assert_uint_eq(records(), before);
}
END_TEST

/* The same token from elsewhere is another caller. */
START_TEST(test_address_tells_apart)
{
  ck_answer(get("/v1/events", reader), 200);
  uint64_t before = records();
  ck_answer(ask((struct ask){.path = "/v1/events",
                             .token = reader,
                             .vars = {"REMOTE_ADDR", "198.51.100.9"}}),
            200);
  ck_assert_uint_eq(records(), before + 1);
}
END_TEST

START_TEST(test_relaxed_waits_for_nobody)
{
  ck_answer(get("/v1/events", reader), 200);
  ck_answer(get("/v1/events", reader), 200);
  stage_reopen();
  ck_assert_uint_eq(trail(""), 2);
  ck_value("events.0.attributes.count", "1");
}
END_TEST

/* ---- which ---- */

static const struct {
  const char *path, *action, *filter;
} shown[] = {
    {"/v1/events?format=csv&user=u", "export", "user=u"},
    {"/v1/events/0?proof=1", "read", "seq=0&proof=1"},
    {"/v1/receipts/1", "receipt", "seq=1"},
    {"/v1/proofs/inclusion?size=2&seq=1", "proof", "seq=1&size=2"},
    {"/v1/proofs/consistency?first=1&second=2", "proof", "first=1&second=2"},
    {"/v1/verify?mode=quick", "verify", "mode=quick"},
    {"/v1/keys", "keys", ""},
    {"/v1/whoami", "whoami", ""},
    {"/checkpoint", "checkpoint", ""},
    {"/tile/0/000.p/2", "tile", "tile=hashes"},
    {"/tile/entries/000.p/2", "tile", "tile=entries"},
};

START_TEST(test_each_route_leaves_one)
{
  uint64_t before = records();
  ck_answer(get(shown[_i].path, auditor), 200);
  ck_assert_uint_eq(records(), before + 1);
  ck_assert_uint_eq(trail(""), 1);
  ck_value("events.0.action", shown[_i].action);
  ck_value("events.0.attributes.filter", shown[_i].filter);
  ck_value("events.0.user", "eve");
  before = records();
  ck_answer(get(shown[_i].path, auditor), 200);
  ck_assert_uint_eq(records(), before);
}
END_TEST

/* What is not there tells how much is, and so does what is too far. */
static const struct {
  const char *path;
  int status;
  const char *action, *filter;
} absent[] = {
    {"/v1/events/99999", 404, "read", "seq=99999"},
    {"/v1/receipts/99999", 404, "receipt", "seq=99999"},
    {"/v1/proofs/inclusion?size=99999&seq=1", 400, "proof", "seq=1&size=99999"},
    {"/v1/proofs/consistency?first=2&second=1", 400, "proof", "first=2&second=1"},
    {"/v1/verify?mode=range&seq_from=99999", 400, "verify", "mode=range&seq_from=99999"},
    {"/tile/0/099", 404, "tile", "tile=hashes"},
};

START_TEST(test_absence_leaves_one)
{
  uint64_t before = records();
  ck_answer(get(absent[_i].path, auditor), absent[_i].status);
  ck_assert_uint_eq(records(), before + 1);
  ck_answer(get(absent[_i].path, auditor), absent[_i].status);
  ck_assert_uint_eq(records(), before + 1);
  ck_assert_uint_eq(trail(""), 1);
  ck_value("events.0.action", absent[_i].action);
  ck_value("events.0.outcome", "success");
  ck_value("events.0.attributes.filter", absent[_i].filter);
}
END_TEST

/* Who sends what is there already is told where it is; but for that, nothing
 * that is not the writer's own. */
static const struct {
  const char *path, *body;
  int status;
  const char *action, *filter, *rows;
} known[] = {
    {"/v1/events", "{\"id\":\"a\",\"action\":\"x\"}", 200, "duplicate", "", "1"},
    {"/v1/events", "{\"id\":\"a\",\"action\":\"other\"}", 409, "duplicate", "", "1"},
    {"/v1/events?return=seqs", "[{\"id\":\"a\",\"action\":\"x\"},{\"id\":\"b\",\"action\":\"z\"}]",
     200, "duplicate", "return=seqs", "1"},
    {"/v1/events?batch=1", "{\"id\":\"a\",\"action\":\"other\"}", 422, "duplicate", "batch=1", "1"},
    {"/v1/events?receipt=1", "{\"id\":\"a\",\"action\":\"x\"}", 200, "receipt", "seq=", "1"},
};

START_TEST(test_known_leaves_one)
{
  char more[64];
  snprintf(more, sizeof more, ",\"replaces\":\"%.10s\",\"overlap\":\"1h\"", writer + 3);
  const char *second = make_token("web1", "[\"writer\"]", more);
  ck_answer(post("/v1/events", writer, known[0].body), 201);
  for (int i = 0; i < 2; i++)
    ck_answer(post(known[_i].path, second, known[_i].body), known[_i].status);
  ck_assert_uint_eq(trail(""), 1);
  ck_value("events.0.user", "web1");
  ck_value("events.0.action", known[_i].action);
  ck_value("events.0.attributes.rows", known[_i].rows);
  ck_assert_int_eq(strncmp(value("events.0.attributes.filter"), known[_i].filter,
                           strlen(known[_i].filter)),
                   0);
}
END_TEST

START_TEST(test_own_events_leave_none)
{
  uint64_t before = records();
  feed(1);
  ck_answer(post("/v1/events?receipt=1", writer, "{\"action\":\"x\"}"), 201);
  ck_answer(post("/v1/events?return=seqs", writer, "[{\"action\":\"x\"}]"), 200);
  ck_answer(post("/v1/events", writer, "[]"), 200);
  ck_value("size", "0");
  ck_assert_uint_eq(records(), before + 3);
}
END_TEST

/* A bad parameter of the page: the chain's state is shown all the same. */
START_TEST(test_page_with_a_fault)
{
  uint64_t before = records();
  for (int i = 0; i < 2; i++)
    ck_answer(get("/?zzz=1", reader), 400);
  ck_contains("id=\"seal\"");
  ck_assert_uint_eq(records(), before + 1);
  ck_assert_uint_eq(trail(""), 1);
  ck_value("events.0.action", "query");
  ck_value("events.0.attributes.filter", "zzz=1");
  ck_value("events.0.attributes.rows", "0");
}
END_TEST

/* Who may not see the page is turned away as at any route. */
START_TEST(test_page_refused)
{
  ck_answer(get("/", writer), 403);
  ck_answer(post("/v1/events", writer, "{\"action\":\"x\"}"), 201); /* takes it with it */
  ck_assert_uint_eq(trail("&action=refused"), 1);
  ck_value("events.0.user", "web1");
  ck_value("events.0.attributes.reason", "not-allowed");
}
END_TEST

START_TEST(test_some_leave_none)
{
  static const char *const paths[] = {"/healthz",          "/readyz", "/openapi.json",
                                      "/assets/style.css", "/login",  "/"};
  uint64_t before = records();
  for (size_t i = 0; i < CF_COUNT(paths); i++)
    ck_answer(get(paths[i], NULL), 200);
  ck_answer(get("/v1/events?nonsense=1", auditor), 400);
  ck_answer(get("/v1/proofs/inclusion?seq=1", auditor), 400);
  ck_answer(get("/v1/no-such", auditor), 404);
  stage_reopen();
  ck_assert_uint_eq(records(), before + 2);
}
END_TEST

START_TEST(test_tokens)
{
  struct ask list = {.path = "/v1/tokens", .door = CF_DOOR_ADMIN};
  ck_answer(ask(list), 200);
  size_t n = cf_json_count(member("tokens"));
  ck_answer(get("/v1/events?kind=access&action=tokens", auditor), 200);
  ck_value("events.0.user", "admin");
  ck_value("events.0.credential", "local");
  ck_assert_uint_eq((size_t)number("events.0.attributes.rows"), n);
}
END_TEST

/* A revocation has a record of its own; one that changes nothing shows a
 * token, and one of a token that is not there shows that. */
START_TEST(test_revoked_again)
{
  static const int status[] = {200, 200, 404};
  char path[80];
  snprintf(path, sizeof path, "/v1/tokens/%.10s/revoke",
           make_token("gone", "[\"reader\"]", "") + 3);
  ck_answer(ask((struct ask){.path = "/v1/tokens", .door = CF_DOOR_ADMIN}), 200);
  for (size_t i = 0; i < CF_COUNT(status); i++) {
    if (i == 2)
      snprintf(path, sizeof path, "/v1/tokens/nosuchtokn/revoke");
    ck_answer(ask((struct ask){.method = "POST", .path = path, .door = CF_DOOR_ADMIN}), status[i]);
  }
  ck_answer(get("/v1/events?kind=access&action=tokens&order=asc", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("events")), 3);
  ck_value("events.1.attributes.rows", "1");
  ck_value("events.2.attributes.filter", "id=nosuchtokn");
  ck_value("events.2.attributes.rows", "0");
}
END_TEST

/* ---- signing in and out ---- */

static unsigned with_record, bare; /* appends with rows of sessions */

enum cf_err __real_cf_ledger_append(struct cf_ledger *ledger, struct cf_append *append);
enum cf_err __wrap_cf_ledger_append(struct cf_ledger *ledger, struct cf_append *append);

enum cf_err __wrap_cf_ledger_append(struct cf_ledger *ledger, struct cf_append *append)
{
  bool session = append->rows_n > 0 && append->rows[0].table == CF_TABLE_SESSIONS;
  with_record += session && append->n > 0;
  bare += session && append->n == 0;
  return __real_cf_ledger_append(ledger, append);
}

static int sign_in(const char *token)
{
  char form[256];
  snprintf(form, sizeof form, "token=%s", token);
  return ask((struct ask){.method = "POST",
                          .path = "/login",
                          .type = "application/x-www-form-urlencoded",
                          .body = form});
}

START_TEST(test_sign_in)
{
  uint64_t before = records();
  with_record = bare = 0;
  ck_answer(sign_in(reader), 303);
  ck_assert_uint_eq(records(), before + 1);
  ck_assert(with_record == 1 && bare == 0); /* the session and its record are one append */
  ck_answer(sign_in("cf_no_such"), 401);
  feed(1);
  ck_assert_uint_eq(trail(""), 2);
  ck_value("events.0.action", "sign-in");
  ck_value("events.0.outcome", "success");
  ck_value("events.0.user", "ron");
  ck_value("events.1.action", "sign-in");
  ck_value("events.1.outcome", "failure");
  ck_value("events.1.attributes.reason", "no-token");
}
END_TEST

/* ---- what it tells ---- */

START_TEST(test_long_filter)
{
  static char path[8000];
  size_t n = (size_t)snprintf(path, sizeof path, "/v1/events?q=");
  memset(path + n, 'a', 1000);
  for (n += 1000; n < 6000; n += 1000) {
    memcpy(path + n, "&q=", 3);
    memset(path + n + 3, (int)('a' + n / 1000), 997);
  }
  ck_answer(get(path, reader), 200);
  ck_assert_uint_eq(trail(""), 1);
  ck_value("events.0.attributes.filter_length", "null");
  ck_assert_uint_gt(strlen(value("events.0.attributes.filter")), 4096);
}
END_TEST

/* More than is held: the question first, its rows afterwards. */
START_TEST(test_streamed)
{
  static char event[9000];
  size_t n = (size_t)snprintf(event, sizeof event, "{\"action\":\"big\",\"user_agent\":\"");
  memset(event + n, 'x', 8000);
  strcpy(event + n + 8000, "\"}");
  for (int i = 0; i < 140; i++)
    ck_answer(post("/v1/events", writer, event), 201);
  ck_answer(get("/v1/events?action=big&format=ndjson&limit=all", reader), 200);
  ck_assert_uint_eq(trail(""), 1);
  ck_value("events.0.action", "export");
  ck_value("events.0.outcome", "unknown");
  ck_value("events.0.attributes.rows", "null");
  stage_reopen();
  ck_assert_uint_eq(trail(""), 2);
  ck_value("events.1.outcome", "success");
  ck_value("events.1.attributes.count", "0");
  ck_value("events.1.attributes.rows", "140");
}
END_TEST

/* A bad verdict is recorded, as one, each time. */
START_TEST(test_verdict)
{
  const char *path = "/v1/verify?mode=quick&size=2&root="
                     "0000000000000000000000000000000000000000000000000000000000000000";
  for (int i = 0; i < 2; i++) {
    ck_answer(get(path, auditor), 200);
    ck_value("ok", "false");
  }
  ck_assert_uint_eq(trail("&action=verify&outcome=failure"), 2);
}
END_TEST

static void setup_small(void)
{
  stage_conf_set = stage_small_segments;
  stage_setup_roles();
}

static void first_segment_away(char path[300])
{
  feed_events(writer, 300);
  stage_wait_for_segments(1);
  stage_segment_path(1, path);
  temp_run("mv '%s' away", path);
  stage_close_segments();
}

/* The page's quick look is a verdict too. */
START_TEST(test_page_with_a_bad_verdict)
{
  char path[300];
  first_segment_away(path);
  for (int i = 0; i < 2; i++) {
    ck_answer(get("/?seq_from=280", reader), 200);
    ck_contains("does not hold");
  }
  ck_answer(get("/readyz", NULL), 200);
  ck_value("missing", "1");
  temp_run("mv away '%s'", path);
  ck_assert_uint_eq(trail("&action=query&outcome=failure"), 2);
}
END_TEST

/* ---- space ---- */

static void leave_share(unsigned percent, bool reads_ok)
{
  struct statvfs s;
  char text[40];
  ck_assert_int_eq(fstatvfs(cf_ledger_directory(stage_ledger), &s), 0);
  snprintf(text, sizeof text, "%llu", (unsigned long long)s.f_bavail * s.f_frsize / percent * 100);
  stage_min_free(text, reads_ok);
}

/* Half of the reserve is for reads, and what a revocation needs is not. */
START_TEST(test_space)
{
  ck_answer(get("/v1/events?user=before", reader), 200);
  leave_share(25, false);
  leave_share(75, true);
  ck_answer(post("/v1/events", writer, "{\"action\":\"x\"}"), 507);
  ck_answer(get("/v1/events?user=u", reader), 200);
  leave_share(25, false);
  ck_answer(get("/v1/events?user=v", reader), 507);
  ck_value("type", "urn:counterfoil:no-space");
  ck_answer(get("/v1/events?user=before", reader), 507);
  ck_answer(ask((struct ask){.path = "/v1/tokens", .door = CF_DOOR_ADMIN}), 200);
  ck_answer(sign_in(reader), 507);
  ck_value("type", "urn:counterfoil:no-space");
  ck_answer(sign_in(make_token("root2", "[\"admin\"]", "")), 303);
  char path[64];
  ck_answer(ask((struct ask){.path = "/v1/tokens", .door = CF_DOOR_ADMIN}), 200);
  snprintf(path, sizeof path, "/v1/tokens/%s/revoke", value("tokens.0.id"));
  ck_answer(ask((struct ask){.method = "POST", .path = path, .door = CF_DOOR_ADMIN}), 200);
}
END_TEST

/* Nor does a problem tell what could not be recorded. */
START_TEST(test_space_and_damage)
{
  char path[300];
  first_segment_away(path);
  ck_answer(get("/v1/events?seq_to=20", reader), 500);
  ck_contains("\"seq_from\"");
  leave_share(25, false);
  ck_answer(get("/v1/events?seq_to=21", reader), 507);
  ck_lacks("\"seq_from\"");
  temp_run("mv away '%s'", path);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "when",
       .test = test_first_is_durable,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "when", .test = test_repeats_are_counted},
      {.tcase = "when", .test = test_next_page_is_the_same},
      {.tcase = "when", .test = test_address_tells_apart},
      {.tcase = "which",
       .test = test_each_route_leaves_one,
       .setup = stage_setup_roles,
       .teardown = stage_teardown,
       .loops = CF_COUNT(shown)},
      {.tcase = "which", .test = test_absence_leaves_one, .loops = CF_COUNT(absent)},
      {.tcase = "which", .test = test_known_leaves_one, .loops = CF_COUNT(known)},
      {.tcase = "which", .test = test_own_events_leave_none},
      {.tcase = "which", .test = test_page_with_a_fault},
      {.tcase = "which", .test = test_page_refused},
      {.tcase = "which", .test = test_some_leave_none},
      {.tcase = "which", .test = test_tokens},
      {.tcase = "which", .test = test_revoked_again},
      {.tcase = "which", .test = test_sign_in},
      {.tcase = "what",
       .test = test_long_filter,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "what", .test = test_streamed},
      {.tcase = "what", .test = test_verdict},
      {.tcase = "bad",
       .test = test_page_with_a_bad_verdict,
       .setup = setup_small,
       .teardown = stage_teardown},
      {.tcase = "bad", .test = test_space_and_damage},
      {.tcase = "space",
       .test = test_space,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "relaxed",
       .test = test_relaxed_waits_for_nobody,
       .setup = setup_relaxed,
       .teardown = stage_teardown},
  };
  return cf_test_run("access", tests, CF_COUNT(tests));
}
