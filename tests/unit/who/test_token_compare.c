/* SPDX-License-Identifier: MIT */
/* Somebody changes a row of the tokens, so that it opens more than what was
 * recorded: a deep verify names the token. */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "fcgi-app/who/token.h"
#include "lib/base/codec.h"
#include "tests/unit/routes/app_stage.h"
#include "tests/unit/segment/forge.h"

static char id[11]; /* of the token that is changed */
static char text_of[CF_TOKEN_TEXT_MAX];

static void set_up(void)
{
  stage_setup();
  (void)make_token("admin", "[\"admin\"]", "");
  const char *text =
      make_token("bob", "[\"reader\"]",
                 ",\"sources\":[\"app.*\"],\"expires\":\"2099-01-01T00:00:00.000000Z\"");
  memcpy(id, text + 3, sizeof id - 1);
  snprintf(text_of, sizeof text_of, "%s", text);
  ck_answer(post("/v1/events", make_token("web", "[\"writer\"]", ""), "{\"action\":\"x\"}"), 201);
}

static int deep(void)
{
  return ask((struct ask){.path = "/v1/verify?mode=deep", .door = CF_DOOR_ADMIN});
}

static void put_row(struct cf_str key, struct cf_str value, bool gone)
{
  const struct cf_row row = {CF_TABLE_TOKENS, key, value, .gone = gone};
  struct cf_append append = {.rows = &row, .rows_n = 1};
  ck_assert_ok(cf_ledger_append(stage_ledger, &append));
}

static enum cf_err row_keep(void *context, struct cf_str key, struct cf_str value)
{
  struct cf_buf *row = context;
  if (cf_str_is(key, id))
    cf_buf_putstr(row, value);
  return CF_OK;
}

/* The row of the token, one text of it exchanged. */
static void row_change(const char *from, const char *to)
{
  struct cf_buf row, changed;
  cf_buf_init(&row, 4096);
  cf_buf_init(&changed, 4096);
  ck_assert_ok(cf_ledger_each_row(stage_ledger, CF_TABLE_TOKENS, row_keep, &row));
  const char *text = cf_buf_cstr(&row), *at = strstr(text, from);
  ck_assert_msg(at != NULL, "no %s in %s", from, text);
  cf_buf_putf(&changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  put_row(cf_str_from(id), cf_buf_str(&changed), false);
  cf_buf_fini(&row);
  cf_buf_fini(&changed);
}

static void end_token(void)
{
  char path[64];
  snprintf(path, sizeof path, "/v1/tokens/%s/revoke", id);
  ck_answer(ask((struct ask){.method = "POST", .path = path, .door = CF_DOOR_ADMIN}), 200);
}

/* ---- what is as it was told ---- */

START_TEST(test_whole)
{
  ck_answer(deep(), 200);
  ck_value("ok", "true");
  end_token();
  stage_reopen();
  ck_answer(deep(), 200);
  ck_value("ok", "true");
}
END_TEST

/* ---- what is not ---- */

static void roles(void)
{
  row_change("[\"reader\"]", "[\"reader\",\"admin\"]");
}
static void sources(void)
{
  row_change("\"app.*\"", "\"*\"");
}
static void name(void)
{
  row_change("\"bob\"", "\"web\"");
}
static void end(void)
{
  row_change("2099-01", "2199-01");
}
static void hash(void)
{
  row_change("\"hash\":\"", "\"hash\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"old\":\"");
}
static void revived(void)
{
  end_token();
  row_change("\"revoked\":\"", "\"revoked\":null,\"was\":\"");
}
static void ended(void)
{
  row_change("\"revoked\":null", "\"revoked\":\"2026-01-01T00:00:00.000000Z\"");
}
static void lost(void)
{
  put_row(cf_str_from(id), CF_STR(""), true);
}
static void unreadable(void)
{
  put_row(cf_str_from(id), CF_STR("{"), false);
}
static void foreign(void)
{
  strcpy(id, "eveeveevee");
  put_row(cf_str_from(id),
          CF_STR("{\"name\":\"eve\",\"hash\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","
                 "\"roles\":[\"admin\"],\"made\":\"2026-01-01T00:00:00.000000Z\",\"version\":2}"),
          false);
}

static const struct {
  void (*change)(void);
  const char *what;
  bool recorded;
} changes[] = {
    {roles, "its roles", true},
    {sources, "its sources", true},
    {name, "its name", true},
    {end, "its end", true},
    {hash, "its hash", true},
    {revived, "it was revoked", true},
    {ended, "its row says", true},
    {lost, "it has no row", true},
    {unreadable, "its row cannot be read", true},
    {foreign, "no record", false},
};

START_TEST(test_changed)
{
  char text[80];
  changes[_i].change();
  stage_reopen();
  ck_answer(deep(), 200);
  ck_value("ok", "false");
  ck_value("errors.0.code", "INDEX_MISMATCH");
  ck_assert_uint_eq(cf_json_count(member("errors")), 1);
  snprintf(text, sizeof text, "tokens: %s: %s", id, changes[_i].what);
  ck_contains(text);
  ck_assert((member("errors.0.seq") != NULL) == changes[_i].recorded);
}
END_TEST

static const char *const modes[] = {"quick", "full"};

/* Nobody is let in by it, and quick and full say that there is something. */
START_TEST(test_refused)
{
  char path[64];
  changes[_i].change();
  stage_reopen();
  ck_answer(get("/v1/whoami", text_of), changes[_i].change == foreign ? 200 : 401);
  for (size_t i = 0; i < CF_COUNT(modes); i++) {
    snprintf(path, sizeof path, "/v1/verify?mode=%s", modes[i]);
    ck_answer(ask((struct ask){.path = path, .door = CF_DOOR_ADMIN}), 200);
    ck_value("ok", changes[_i].change == lost ? "true" : "false");
  }
  if (changes[_i].change == lost || changes[_i].change == foreign)
    return;
  /* The way out: it is as the chain tells of it again, and over. */
  ck_answer(ask((struct ask){.path = "/v1/tokens", .door = CF_DOOR_ADMIN}), 200);
  ck_contains("\"name\":\"bob\",\"roles\":[\"reader\"]");
  ck_contains("\"refused\":");
  end_token();
  ck_answer(deep(), 200);
  ck_value("ok", "true");
}
END_TEST

/* Very many rows that nobody made cost nobody anything. */
START_TEST(test_junk)
{
  char key[CF_TOKEN_ID_N + 1];
  for (unsigned i = 0; i < 300; i++) {
    snprintf(key, sizeof key, "j%09u", i);
    put_row(cf_str_from(key), CF_STR("{}"), false);
  }
  put_row(CF_STR("\n\x1b[2J"), CF_STR("\xff"), false);
  stage_reopen();
  ck_answer(get("/v1/whoami", text_of), 200);
  ck_answer(deep(), 200);
  ck_value("ok", "false");
  ck_value("errors_total", "301");
  ck_contains("tokens: j000000000: no record");
  ck_lacks("[2J");
}
END_TEST

/* A damaged table that was set aside is no untouched one. */
START_TEST(test_lost)
{
  char path[400];
  snprintf(path, sizeof path, "%s/env/tokens.damaged", stage_conf.data);
  ck_assert_int_eq(close(creat(path, 0600)), 0);
  lost();
  for (size_t i = 0; i < CF_COUNT(modes); i++) {
    snprintf(path, sizeof path, "/v1/verify?mode=%s", modes[i]);
    ck_answer(ask((struct ask){.path = path, .door = CF_DOOR_ADMIN}), 200);
    ck_value("errors.0.code", "STORE_DAMAGED");
    ck_contains("is set aside");
  }
  ck_answer(deep(), 200);
  ck_value("ok", "false");
  ck_value("errors.0.code", "STORE_DAMAGED");
  ck_contains("is set aside");
  ck_lacks("it has no row");
  foreign();
  ck_answer(deep(), 200);
  ck_contains("eveeveevee");
}
END_TEST

/* ---- what the first event does not wait for ---- */

/* The record of the token, in the file of the tail: from a reader's to a
 * writer's. */
static void record_change(void)
{
  uint8_t key[8];
  struct cf_buf piece;
  uint8_t *at = NULL;
  cf_buf_init(&piece, 1 << 20);
  forge_tables_open(stage_conf.data);
  struct cf_bdb *db = forge_table("tail-1");
  for (unsigned seq = 0; at == NULL && seq < 16; seq++) {
    cf_u64_put(key, seq);
    cf_buf_reset(&piece);
    if (cf_bdb_get(db, NULL, forge_bytes(key, sizeof key), &piece) == CF_OK &&
        memmem(piece.p, piece.n, id, CF_TOKEN_ID_N) != NULL)
      at = memmem(piece.p, piece.n, "\"reader\"", 8);
  }
  ck_assert_ptr_nonnull(at);
  memcpy(at, "\"writer\"", 8);
  ck_assert_ok(cf_bdb_put(db, NULL, forge_bytes(key, sizeof key), cf_buf_str(&piece)));
  forge_tables_close();
  cf_buf_fini(&piece);
}

/* Neither a record that is not in the tree, nor a row that fits it. */
START_TEST(test_forged_record)
{
  row_change("[\"reader\"]", "[\"writer\"]");
  stage_close();
  record_change();
  stage_reopen();
  ck_answer(post("/v1/events", text_of, "{\"action\":\"x\"}"), 401);
  ck_answer(get("/v1/whoami", text_of), 401);
}
END_TEST

/* Who brings events is not judged by more than that; who reads is. */
START_TEST(test_order)
{
  static const char event[] = "{\"action\":\"x\"}";
  const char *all = make_token("all", "[\"writer\",\"reader\"]", "");
  stage_reopen();
  ck_answer(post("/v1/events", all, event), 201);
  ck_answer(post("/v1/events", text_of, event), 403);
  ck_answer(get("/readyz", NULL), 200);
  ck_value("tokens_doubted", "null");
  ck_answer(get("/v1/events", all), 200);
  ck_answer(post("/v1/events", all, event), 201);
}
END_TEST

/* ---- what cannot be told ---- */

static const char *writer, *reader, *both;

/* The segment that tells of these is gone; what is newer is there. */
static void set_up_unread(void)
{
  char path[300];
  stage_conf_set = stage_small_segments;
  stage_setup();
  writer = make_token("web", "[\"writer\"]", "");
  reader = make_token("bob", "[\"reader\"]", "");
  both = make_token("eve", "[\"writer\",\"reader\",\"admin\"]", "");
  feed_events(writer, 300);
  stage_wait_for_segments(1);
  stage_segment_path(1, path);
  stage_close();
  temp_run("rm '%s'", path);
  stage_reopen();
}

/* Events are taken, and nobody reads or administers. */
START_TEST(test_doubted)
{
  static const char event[] = "{\"action\":\"x\"}";
  ck_answer(post("/v1/events", writer, event), 201);
  ck_answer(post("/v1/events", both, event), 201);
  ck_answer(post("/v1/events", reader, event), 403);
  ck_answer(get("/v1/events?limit=1", reader), 403);
  ck_answer(get("/v1/events?limit=1", both), 403);
  ck_answer(get("/v1/tokens", both), 403);
  ck_answer(get("/", reader), 403); /* the page says why, too */
  ck_contains("which the token has and may not use while a record that may tell of it cannot be");
  ck_answer(get("/v1/events?limit=1&seq_from=256", make_token("new", "[\"reader\"]", "")), 200);
  ck_answer(get("/readyz", NULL), 200);
  ck_value("tokens_doubted", "3");
  ck_value("tokens_refused", "null");
  ck_answer(ask((struct ask){.path = "/v1/tokens", .door = CF_DOOR_ADMIN}), 200);
  ck_contains("\"doubted\":true");
  ck_lacks("\"refused\"");
}
END_TEST

/* Whoever takes a segment away makes himself no token by it: not with a row of
 * his own, nor with one that was made here and has his id, or more sources. */
static void own(void)
{
  char text[200];
  uint8_t hash[CF_HASH_N];
  struct cf_buf row;
  cf_buf_init(&row, 400);
  snprintf(text_of, sizeof text_of, "cf_%s_s", id);
  cf_sha256_1(text_of, strlen(text_of), hash);
  snprintf(text, sizeof text, "{\"name\":\"payroll\",\"roles\":[\"writer\"],\"made\":\"%s\"",
           "2026-01-01T00:00:00.000000Z");
  cf_buf_puts(&row, text);
  cf_json_put_member_base64(&row, "hash", hash, sizeof hash);
  cf_buf_puts(&row, ",\"version\":2}");
  put_row(cf_str_from(id), cf_buf_str(&row), false);
  cf_buf_fini(&row);
}
static void borrowed(void)
{
  struct cf_buf row;
  cf_buf_init(&row, 4096);
  memcpy(id, writer + 3, CF_TOKEN_ID_N);
  ck_assert_ok(cf_ledger_each_row(stage_ledger, CF_TABLE_TOKENS, row_keep, &row));
  strcpy(id, "eveeveevee");
  put_row(cf_str_from(id), cf_buf_str(&row), false);
  cf_buf_fini(&row);
}
static void widened(void)
{
  memcpy(id, writer + 3, CF_TOKEN_ID_N);
  snprintf(text_of, sizeof text_of, "%s", writer);
  row_change("\"sources\":[]", "\"sources\":[\"*\"]");
}
static void (*const forgeries[])(void) = {own, borrowed, widened};

START_TEST(test_forged)
{
  strcpy(id, "eveeveevee");
  snprintf(text_of, sizeof text_of, "cf_%s_%s", id, writer + 4 + CF_TOKEN_ID_N);
  forgeries[_i]();
  stage_reopen();
  ck_answer(post("/v1/events", text_of, "{\"action\":\"x\"}"), 401);
  ck_answer(get("/v1/whoami", text_of), 401);
  ck_answer(get("/readyz", NULL), 200);
  ck_value("tokens_doubted", _i == 2 ? "2" : "3");
  ck_value("tokens_refused", "1");
  ck_answer(deep(), 200);
  ck_contains("no record tells of it");
}
END_TEST

/* Where nobody is asked who he is nobody waits until his token was held against
 * the chain. */
START_TEST(test_of_nobody)
{
  roles();
  stage_reopen();
  ck_answer(get("/healthz", text_of), 200);
  ck_answer(get("/readyz", text_of), 200);
  ck_lacks("tokens_refused");
  ck_answer(get("/v1/whoami", text_of), 401);
  ck_answer(get("/readyz", NULL), 200);
  ck_value("tokens_refused", "1");
}
END_TEST

int main(void)
{
#define ON .tcase = "compare", .setup = set_up, .teardown = stage_teardown
  const struct cf_test tests[] = {
      {ON, .test = test_whole},
      {ON, .test = test_changed, .loops = CF_COUNT(changes)},
      {ON, .test = test_refused, .loops = CF_COUNT(changes)},
      {ON, .test = test_junk},
      {ON, .test = test_of_nobody},
      {ON, .test = test_lost},
      {ON, .test = test_forged_record},
      {ON, .test = test_order},
      {.tcase = "unread", .setup = set_up_unread, .teardown = stage_teardown, .test = test_doubted},
      {.tcase = "unread", .test = test_forged, .loops = CF_COUNT(forgeries)},
  };
  return cf_test_run("token_compare", tests, CF_COUNT(tests));
}
