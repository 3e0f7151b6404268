/* SPDX-License-Identifier: MIT */
/* Tokens of when `admin` was every role: each valid one is told again, with its
 * roles by name; what could be done with it still can. */
#include "config.h"

#include "fcgi-app/who/token.h"
#include "lib/base/codec.h"
#include "lib/record/control.h"
#include "tests/unit/routes/app_stage.h"

#define OLD_N (2 * CF_TOKENS_PUT_MAX + 2) /* more than two appends take */

/* Append rows and records of theirs, as 0.1.0 did. */
static void append(const struct cf_event *event, const struct cf_row *row)
{
  struct cf_place place;
  struct cf_append append = {.rows = row, .rows_n = 1, .events = &event, .places = &place};
  append.n = event != NULL;
  ck_assert_ok(cf_ledger_append(stage_ledger, &append));
}

/* A row as 0.1.0 wrote it, of the token text "cf_<id>_s". */
static void put_row(const char *id, const char *roles, const char *more,
                    const struct cf_event *event)
{
  struct cf_buf b;
  char text[64];
  uint8_t hash[CF_HASH_N];
  cf_buf_init(&b, 4096);
  snprintf(text, sizeof text, "cf_%s_s", id);
  cf_sha256_1(text, strlen(text), hash);
  cf_buf_putf(&b,
              "{\"id\":\"%s\",\"name\":\"old\",\"roles\":[%s],\"sources\":[\"a*\"],"
              "\"made\":\"2026-01-01T00:00:00.000000Z\"%s",
              id, roles, more);
  cf_json_put_member_base64(&b, "hash", hash, sizeof hash);
  cf_buf_putc(&b, '}');
  const struct cf_row row = {CF_TABLE_TOKENS, cf_str_from(id), cf_buf_str(&b), .gone = false};
  append(event, &row);
  cf_buf_fini(&b);
}

/* The same with its record, which told neither sources nor a hash. */
static void put_old(const char *id, const char *roles, const char *more)
{
  struct cf_event event;
  const char *const admin[] = {"admin", NULL}, *const both[] = {"officer", "admin", NULL},
                    *const writer[] = {"writer", NULL};
  const char *end = strstr(more, "\"expires\":\"");
  struct cf_control_token told = {.what = strstr(more, "\"revoked\":\"") != NULL ? "revoke" : "add",
                                  .source = CF_STR("admin"),
                                  .id = id,
                                  .name = "old",
                                  .roles = strstr(roles, "officer") != NULL ? both
                                           : strstr(roles, "admin") != NULL ? admin
                                                                            : writer,
                                  .expires_us = CF_TIME_NONE};
  if (end != NULL)
    ck_assert_ok(cf_time_parse((struct cf_str){end + 11, 27}, &told.expires_us));
  ck_assert_ok(cf_control_token(&told, &event, NULL));
  put_row(id, roles, more, &event);
  cf_event_fini(&event);
}

/* A row as 0.1.0 wrote it, with a record of now whose detail, and the hash in
 * it, looks erased. */
static void put_erased(const char *id)
{
  static const uint8_t commitment[CF_HASH_N] = {1}, hash[CF_HASH_N] = {2};
  static const char *const roles[] = {"admin", NULL};
  struct cf_event event;
  struct cf_control_token told = {.what = "add",
                                  .source = CF_STR("counterfoil"),
                                  .id = id,
                                  .name = "old",
                                  .roles = roles,
                                  .expires_us = CF_TIME_NONE,
                                  .hash = hash};
  ck_assert_ok(cf_control_token(&told, &event, NULL));
  ck_assert_uint_gt(event.record.payload[CF_C_DETAIL].n, 0);
  event.record.payload[CF_C_DETAIL] = (struct cf_str){NULL, 0};
  event.record.gone[CF_C_DETAIL] = commitment;
  put_row(id, "\"admin\"", "", &event);
  cf_event_fini(&event);
}

/* Whoever can make a record look erased does not thereby choose the secret. */
START_TEST(test_erased_hash)
{
  put_erased("erasederas");
  (void)make_token("bob", "[\"reader\"]", ""); /* the table follows */
  ck_answer(get("/v1/tokens", "cf_erasederas_s"), 401);
  ck_answer(ask((struct ask){.path = "/v1/tokens", .door = CF_DOOR_ADMIN}), 200);
  ck_contains("older version than its record");
}
END_TEST

static const struct {
  const char *id, *roles, *more;
  const char *now; /* its roles by name; NULL: it is not told again */
} old_tokens[] = {
    {"adminadmin", "\"admin\"", ",\"expires\":null,\"revoked\":null",
     "[\"writer\",\"reader\",\"auditor\",\"admin\"]"},
    {"bothbothbo", "\"officer\",\"admin\"", ",\"expires\":\"2099-01-01T00:00:00.000000Z\"",
     "[\"writer\",\"reader\",\"auditor\",\"officer\",\"admin\"]"},
    {"writerwrit", "\"writer\"", "", "[\"writer\"]"},
    {"goneegonee", "\"admin\"", ",\"revoked\":\"2026-02-01T00:00:00.000000Z\"", NULL},
    {"overoverov", "\"admin\"", ",\"expires\":\"2026-02-01T00:00:00.000000Z\"", NULL},
};

/* What the record tells of its hash: the base64 of that hash's own. */
static const char *text_hash(const char *id)
{
  static char text[64];
  uint8_t hash[CF_HASH_N];
  struct cf_buf b;
  snprintf(text, sizeof text, "cf_%s_s", id);
  cf_sha256_1(text, strlen(text), hash);
  cf_sha256_1(hash, sizeof hash, hash);
  cf_buf_fixed(&b, text, sizeof text);
  cf_base64_put(&b, hash, sizeof hash);
  return cf_buf_cstr(&b);
}

/* How often `token` records say so; they stay in content(). */
static size_t told(const char *id)
{
  size_t n = 0;
  ck_answer(get("/v1/whoami", "cf_nobodyatal_s"), 401); /* who asks first waits for it */
  ck_answer(ask((struct ask){.path = "/v1/events?kind=token&limit=1000&order=asc",
                             .door = CF_DOOR_ADMIN}),
            200);
  for (const char *p = content(); (p = strstr(p, id)) != NULL; p += strlen(id))
    n++;
  return n;
}

START_TEST(test_renewed)
{
  for (size_t i = 0; i < CF_COUNT(old_tokens); i++)
    put_old(old_tokens[i].id, old_tokens[i].roles, old_tokens[i].more);
  for (int again = 0; again < 2; again++) {
    stage_reopen();
    for (size_t i = 0; i < CF_COUNT(old_tokens); i++) {
      char text[256], kept[CF_TOKEN_TEXT_MAX];
      ck_assert_uint_eq(told(old_tokens[i].id), 1 + (old_tokens[i].now != NULL));
      snprintf(kept, sizeof kept, "cf_%s_s", old_tokens[i].id);
      if (old_tokens[i].now == NULL) {
        ck_answer(get("/v1/whoami", kept), 401);
        continue;
      }
      snprintf(text, sizeof text, "\"id\":\"%s\",\"name\":\"old\",\"roles\":%s", old_tokens[i].id,
               old_tokens[i].now);
      ck_contains(text);
      ck_contains("\"source\":\"counterfoil\"");
      ck_contains(text_hash(old_tokens[i].id));
      ck_answer(get("/v1/whoami", kept), 200);
      ck_contains(old_tokens[i].now);
      ck_value("sources.0", "a*");
    }
  }
  ck_answer(get("/v1/events", "cf_adminadmin_s"), 200);
  ck_answer(post("/v1/events", "cf_adminadmin_s", "{\"action\":\"x\"}"), 201);
  stage_assert_verifies();
}
END_TEST

/* ---- rows that somebody made himself ---- */

static void no_record(void)
{
  put_row("eveeveevee", "\"admin\"", "", NULL);
}
static void more_roles(void)
{
  put_old("eveeveevee", "\"writer\"", "");
  put_row("eveeveevee", "\"admin\"", "", NULL);
}
static void later_end(void)
{
  put_old("eveeveevee", "\"admin\"", ",\"expires\":\"2026-02-01T00:00:00.000000Z\"");
  put_row("eveeveevee", "\"admin\"", "", NULL);
}
static void revived(void)
{
  put_old("eveeveevee", "\"admin\"", ",\"revoked\":\"2026-02-01T00:00:00.000000Z\"");
  put_row("eveeveevee", "\"admin\"", "", NULL);
}
static void once_more(void) /* it was told again, and is of this version since then */
{
  put_old("eveeveevee", "\"writer\"", "");
  stage_reopen();
  ck_answer(get("/v1/whoami", "cf_eveeveevee_s"), 200);
  put_row("eveeveevee", "\"writer\"", "", NULL);
}
static void too_late(void) /* its row was lost when the others were told again */
{
  put_old("eveeveevee", "\"writer\"", ",\"expires\":\"2026-02-01T00:00:00.000000Z\"");
  put_old("eveeveevee", "\"admin\"", "");
  const struct cf_row row = {CF_TABLE_TOKENS, CF_STR("eveeveevee"), CF_STR(""), .gone = true};
  append(NULL, &row);
  (void)make_token("ron", "[\"reader\"]", "");
  put_row("eveeveevee", "\"admin\"", "", NULL);
}

static void (*const forgeries[])(void) = {no_record, more_roles, later_end,
                                          revived,   once_more,  too_late};

START_TEST(test_forged)
{
  forgeries[_i]();
  size_t before = told("\"what\":\"add\"");
  for (int again = 0; again < 2; again++) {
    stage_reopen();
    ck_answer(get("/v1/whoami", "cf_eveeveevee_s"), 401);
    ck_assert_uint_eq(told("\"what\":\"add\""), before);
    ck_answer(ask((struct ask){.path = "/readyz"}), 200);
    ck_value("tokens_refused", "1");
    ck_answer(ask((struct ask){.path = "/v1/verify?mode=deep", .door = CF_DOOR_ADMIN}), 200);
    ck_value("errors.0.code", "INDEX_MISMATCH");
    ck_assert_uint_eq(cf_json_count(member("errors")), 1);
    ck_contains("tokens: eveeveevee: ");
  }
}
END_TEST

/* A new one is what it says, also after a start. */
START_TEST(test_new_is_not)
{
  const char *admin = make_token("root", "[\"admin\"]", "");
  stage_reopen();
  ck_answer(get("/v1/tokens", admin), 200);
  ck_answer(get("/v1/events", admin), 403);
  ck_answer(get("/", admin), 403);
  ck_assert_uint_eq(told("\"what\":\"add\""), 1);
}
END_TEST

/* A row that cannot be read costs that token alone. */
static const char *const bad_rows[] = {
    "",
    "{",
    "[]",
    "{}",
    "{\"name\":\"a b\",\"hash\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}",
    "{\"name\":\"a\",\"hash\":\"AAAAAAAA\"}",
    "{\"name\":\"a\",\"hash\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"roles\":[\"king\"]}",
};

START_TEST(test_bad_row)
{
  const char *reader = make_token("ron", "[\"reader\"]", "");
  put_old("badbadbadb", "\"writer\"", "");
  for (size_t i = 0; i < CF_COUNT(bad_rows); i++) {
    const struct cf_row row = {CF_TABLE_TOKENS, CF_STR("badbadbadb"), cf_str_from(bad_rows[i]),
                               .gone = false};
    struct cf_append append = {.rows = &row, .rows_n = 1};
    ck_assert_ok(cf_ledger_append(stage_ledger, &append));
    stage_reopen();
    ck_answer(get("/v1/events", reader), 200);
    ck_answer(ask((struct ask){.path = "/v1/tokens", .door = CF_DOOR_ADMIN}), 200);
    ck_assert_uint_eq(cf_json_count(member("tokens")), 2);
    ck_contains("\"refused\":\"its row cannot be read\"");
  }
}
END_TEST

START_TEST(test_many)
{
  char id[CF_TOKEN_ID_N + 1];
  for (unsigned i = 0; i < OLD_N; i++) {
    snprintf(id, sizeof id, "t%09u", i);
    put_old(id, "\"admin\"", "");
  }
  stage_reopen();
  ck_assert_uint_eq(told("\"what\":\"add\""), 2 * OLD_N);
  /* as where it was cut short: some were not told again yet */
  put_old("unotheruno", "\"admin\"", "");
  stage_reopen();
  ck_assert_uint_eq(told("\"what\":\"add\""), 2 * OLD_N + 2);
  ck_assert_uint_eq(told("unotheruno"), 2);
  stage_assert_verifies();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "old", .test = test_renewed, .setup = stage_setup, .teardown = stage_teardown},
      {.tcase = "old", .test = test_new_is_not},
      {.tcase = "old", .test = test_erased_hash},
      {.tcase = "old", .test = test_many},
      {.tcase = "old", .test = test_bad_row},
      {.tcase = "old", .test = test_forged, .loops = CF_COUNT(forgeries)},
  };
  return cf_test_run("token_change", tests, CF_COUNT(tests));
}
