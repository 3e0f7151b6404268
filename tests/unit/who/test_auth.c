/* SPDX-License-Identifier: MIT */
/* Who is asking: the carriers of a token, cookies, what a web server vouches
 * for; and roles. */
#include "config.h"

#include <unistd.h>

#include "fcgi-app/who/auth.h"
#include "fcgi-app/who/session.h"
#include "lib/base/codec.h"
#include "tests/unit/routes/app_stage.h"

static struct cf_auth *auth;
static struct cf_request request;
static struct cf_memory memory;
static struct cf_identity who;
static struct cf_fault fault;
static int64_t now;

static void setup(void)
{
  stage_setup();
  now = cf_clock_now_us();
  cf_memory_init(&memory, CF_DOOR_WEB);
  cf_request_init(&request, &memory.transport, CF_STR(""));
  who = (struct cf_identity){.via = CF_VIA_NOBODY};
  auth = NULL;
}

/* The authority over what the ledger holds by now. */
static void open_auth(void)
{
  ck_assert_ok(cf_auth_new(&stage_conf, stage_ledger, &auth, &fault));
}

static void teardown(void)
{
  cf_identity_fini(&who);
  cf_request_fini(&request);
  cf_memory_fini(&memory);
  cf_auth_free(auth);
  stage_teardown();
}

static void set(const char *name, const char *text)
{
  ck_assert_ok(cf_memory_param(&memory, name, text));
}

static enum cf_err identify(bool cookie_ok)
{
  cf_identity_fini(&who);
  return cf_auth_identify(auth, &request, cookie_ok, now, &who, &fault);
}

/* A new request with one variable in which %s is text. */
static void carry(const char *variable, const char *format, const char *text)
{
  char full[512];
  const char *mark = strstr(format, "%s");
  cf_memory_fini(&memory);
  cf_memory_init(&memory, CF_DOOR_WEB);
  snprintf(full, sizeof full, "%.*s%s%s", mark == NULL ? (int)strlen(format) : (int)(mark - format),
           format, mark == NULL ? "" : text, mark == NULL ? "" : mark + 2);
  set(variable, full);
}

/* ---- carriers ---- */

static const struct {
  const char *variable, *format;
  enum cf_err err;
  enum cf_via via;
} carriers[] = {
    {"HTTP_AUTHORIZATION", "Bearer %s", CF_OK, CF_VIA_TOKEN},
    {"HTTP_AUTHORIZATION", "bearer   %s", CF_OK, CF_VIA_TOKEN},
    {"HTTP_AUTHORIZATION", "Splunk %s", CF_OK, CF_VIA_TOKEN},
    {"REDIRECT_HTTP_AUTHORIZATION", "Bearer %s", CF_OK, CF_VIA_TOKEN},
    {"HTTP_X_COUNTERFOIL_TOKEN", "%s", CF_OK, CF_VIA_TOKEN},
    {"HTTP_AUTHORIZATION", "Bearer %sx", CF_E_TOKEN, CF_VIA_NOBODY},
    {"HTTP_AUTHORIZATION", "Bearer x%s", CF_E_TOKEN, CF_VIA_NOBODY},
    {"HTTP_AUTHORIZATION", "Bearer", CF_OK, CF_VIA_NOBODY},
    {"HTTP_AUTHORIZATION", "Bearer ", CF_E_TOKEN, CF_VIA_NOBODY},
    {"HTTP_AUTHORIZATION", "Bearer cf__", CF_E_TOKEN, CF_VIA_NOBODY},
    {"HTTP_AUTHORIZATION", "%s", CF_OK, CF_VIA_NOBODY},
    {"HTTP_AUTHORIZATION", "Digest %s", CF_OK, CF_VIA_NOBODY},
    {"HTTP_X_COUNTERFOIL_TOKEN", "Bearer %s", CF_E_TOKEN, CF_VIA_NOBODY},
    {"HTTP_X_TOKEN", "%s", CF_OK, CF_VIA_NOBODY},
};

START_TEST(test_carriers)
{
  const char *token = make_token("web1", "[\"writer\"]", "");
  open_auth();
  for (size_t i = 0; i < CF_COUNT(carriers); i++) {
    carry(carriers[i].variable, carriers[i].format, token);
    ck_assert_err(identify(true), carriers[i].err);
    ck_assert_msg(who.via == carriers[i].via, "%s: %s", carriers[i].variable, carriers[i].format);
    if (who.via == CF_VIA_TOKEN)
      ck_assert(cf_str_is(who.user, "web1") && cf_str_is(who.source, "web1"));
  }
}
END_TEST

static void carry_basic(const char *user, const char *password)
{
  struct cf_buf b, pair;
  cf_buf_init(&b, 1024);
  cf_buf_init(&pair, 1024);
  cf_buf_putf(&pair, "%s:%s", user, password);
  cf_base64_put(&b, pair.p, pair.n);
  carry("HTTP_AUTHORIZATION", "Basic %s", cf_buf_cstr(&b));
  cf_buf_fini(&b);
  cf_buf_fini(&pair);
}

START_TEST(test_basic)
{
  const char *token = make_token("web1", "[\"writer\"]", "");
  open_auth();
  carry_basic("anyone", token);
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_BASIC);
  carry_basic("", token);
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_BASIC);
  carry_basic("anyone", "cf_wrong_token");
  ck_assert_err(identify(true), CF_E_TOKEN);
  /* its business, and no hindrance to a token elsewhere */
  carry_basic("alice", "the web server's own password");
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_NOBODY);
  set("HTTP_X_COUNTERFOIL_TOKEN", token);
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_TOKEN);
  carry("HTTP_AUTHORIZATION", "Basic %s", "no base64!");
  ck_assert_ok(identify(true));
}
END_TEST

/* Each character of a token counts. */
START_TEST(test_every_character)
{
  char token[CF_TOKEN_TEXT_MAX];
  snprintf(token, sizeof token, "%s", make_token("web1", "[\"writer\"]", ""));
  open_auth();
  for (size_t i = 0; i < strlen(token); i++) {
    char kept = token[i];
    token[i] = kept == 'a' ? 'b' : 'a';
    carry("HTTP_AUTHORIZATION", "Bearer %s", token);
    ck_assert_err(identify(true), CF_E_TOKEN);
    token[i] = kept;
  }
  carry("HTTP_AUTHORIZATION", "Bearer %s", token);
  ck_assert_ok(identify(true));
}
END_TEST

START_TEST(test_expiry)
{
  const char *token = make_token("web1", "[\"writer\"]", ",\"expires\":\"90s\"");
  open_auth();
  carry("HTTP_AUTHORIZATION", "Bearer %s", token);
  ck_assert_ok(identify(true));
  now += 85 * INT64_C(1000000);
  ck_assert_ok(identify(true));
  now += 15 * INT64_C(1000000);
  ck_assert_err(identify(true), CF_E_TOKEN);
}
END_TEST

/* ---- cookies ---- */

static char cookie[CF_COOKIE_N + 1];

/* Sign in with the token; the cookie stays in `cookie`. */
static void sign_in(const char *text)
{
  struct cf_session_change change;
  struct cf_token *token = cf_tokens_check(cf_auth_tokens(auth), cf_str_from(text), now);
  ck_assert_ptr_nonnull(token);
  ck_assert_ok(cf_session_begin(cf_auth_sessions(auth), token, now, &change));
  ck_assert_int_gt(change.end_us, now);
  snprintf(cookie, sizeof cookie, "%s", change.cookie);
  struct cf_append append = {.rows = change.rows, .rows_n = change.rows_n};
  enum cf_err err = cf_ledger_append(stage_ledger, &append);
  cf_session_settle(cf_auth_sessions(auth), &change, err);
  ck_assert_ok(err);
  cf_token_put(token);
}

/* The same with a new one of the role reader. */
static void sign_in_new(const char *more)
{
  const char *text = make_token("eve", "[\"reader\"]", more);
  open_auth();
  sign_in(text);
}

/* The authority over the same ledger once more. */
static void reopen_auth(void)
{
  cf_identity_fini(&who);
  cf_auth_free(auth);
  open_auth();
}

static bool is_in(const char *value)
{
  carry("HTTP_COOKIE", "counterfoil=%s", value);
  ck_assert_ok(identify(true));
  return who.via == CF_VIA_COOKIE;
}

static size_t rows_n;

static enum cf_err count_row(void *context, struct cf_str key, struct cf_str value)
{
  (void)context;
  rows_n += key.n == CF_HASH_N && value.n > 0;
  return CF_OK;
}

static size_t rows_on_disk(void)
{
  rows_n = 0;
  ck_assert_ok(cf_ledger_each_row(stage_ledger, CF_TABLE_SESSIONS, count_row, NULL));
  return rows_n;
}

START_TEST(test_cookie)
{
  sign_in_new("");
  carry("HTTP_COOKIE", "a=b; counterfoil=%s; c=d", cookie);
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_COOKIE);
  ck_assert(cf_str_is(who.user, "eve"));
  ck_assert_ok(identify(false));
  ck_assert_int_eq(who.via, CF_VIA_NOBODY);
  /* one of another mount point comes first */
  carry("HTTP_COOKIE", "counterfoil=another; counterfoil=%s", cookie);
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_COOKIE);
  now += CF_SESSION_US - 1;
  ck_assert(is_in(cookie));
  now += 1;
  ck_assert(!is_in(cookie));
}
END_TEST

START_TEST(test_cookie_forged)
{
  sign_in_new("");
  for (size_t i = 0; i < CF_COOKIE_N; i++) {
    char kept = cookie[i];
    cookie[i] = kept == '1' ? '2' : '1';
    ck_assert_msg(!is_in(cookie), "character %zu", i);
    cookie[i] = kept;
  }
  ck_assert(is_in(cookie));
  for (size_t n = CF_COOKIE_N; n-- > 0;) {
    cookie[n] = '\0';
    ck_assert(!is_in(cookie));
  }
}
END_TEST

START_TEST(test_cookie_of_token)
{
  char path[64];
  sign_in_new(",\"expires\":\"1h\"");
  ck_assert(is_in(cookie));
  snprintf(path, sizeof path, "/v1/tokens/%.10s/revoke", who.token->id);
  ck_answer(ask((struct ask){.method = "POST", .path = path, .door = CF_DOOR_ADMIN}), 200);
  ck_assert(is_in(cookie)); /* until this table knows */
  ck_assert_ok(cf_tokens_load(cf_auth_tokens(auth)));
  ck_assert(!is_in(cookie));
  ck_assert_uint_eq(rows_on_disk(), 1);
  reopen_auth();
  ck_assert_uint_eq(rows_on_disk(), 0);
}
END_TEST

/* No longer than its token. */
START_TEST(test_cookie_of_ended)
{
  sign_in_new(",\"expires\":\"1h\"");
  now += CF_HOUR_US + 2 * INT64_C(1000000);
  ck_assert(!is_in(cookie));
}
END_TEST

START_TEST(test_signed_out)
{
  struct cf_session_change change;
  sign_in_new("");
  ck_assert_uint_eq(rows_on_disk(), 1);
  ck_assert_ok(cf_session_end(cf_auth_sessions(auth), cf_str_from(cookie), &change));
  ck_assert(!is_in(cookie)); /* at once */
  struct cf_append append = {.rows = change.rows, .rows_n = change.rows_n};
  ck_assert_ok(cf_ledger_append(stage_ledger, &append));
  cf_session_settle(cf_auth_sessions(auth), &change, CF_OK);
  ck_assert(!is_in(cookie));
  ck_assert_uint_eq(rows_on_disk(), 0);
}
END_TEST

/* What could not be written was not begun, and is no less over. */
START_TEST(test_not_written)
{
  struct cf_session_change change;
  sign_in_new("");
  ck_assert_ok(cf_session_end(cf_auth_sessions(auth), cf_str_from(cookie), &change));
  cf_session_settle(cf_auth_sessions(auth), &change, CF_E_SPACE);
  ck_assert(!is_in(cookie));
  struct cf_token *token = cf_tokens_get(cf_auth_tokens(auth), CF_STR("nobodyatal"));
  ck_assert_ptr_null(token);
  ck_assert_ok(cf_token_new(&token));
  ck_assert_ok(cf_session_begin(cf_auth_sessions(auth), token, now, &change));
  snprintf(cookie, sizeof cookie, "%s", change.cookie);
  cf_session_settle(cf_auth_sessions(auth), &change, CF_E_SPACE);
  ck_assert(!is_in(cookie));
  cf_token_put(token);
}
END_TEST

/* The oldest of a token's goes for the newest. */
START_TEST(test_bounded)
{
  static char cookies[CF_SESSIONS_TOKEN_MAX + 3][CF_COOKIE_N + 1];
  const char *other = make_token("bob", "[\"reader\"]", "");
  const char *text = make_token("eve", "[\"reader\"]", "");
  open_auth();
  for (size_t i = 0; i < CF_COUNT(cookies); i++) {
    now++;
    sign_in(i == 0 ? other : text);
    snprintf(cookies[i], sizeof cookies[i], "%s", cookie);
  }
  for (size_t i = 0; i < CF_COUNT(cookies); i++)
    ck_assert_msg(is_in(cookies[i]) == (i == 0 || i > 2), "session %zu", i);
  ck_assert_uint_eq(rows_on_disk(), CF_SESSIONS_TOKEN_MAX + 1);
}
END_TEST

START_TEST(test_kept)
{
  sign_in_new("");
  for (int i = 0; i < 2; i++) {
    reopen_auth();
    ck_assert(is_in(cookie));
  }
}
END_TEST

/* Ways in which DATA or the signer's directory is not as it was left. */
static void lose_mark(const char *mark)
{
  (void)mark;
  cf_sessions_forget(&stage_conf);
}
static void swap_mark(const char *mark)
{
  temp_write(mark, CF_STR("0123456789abcdef0123456789abcdef"), 0600);
}
static void copy_mark(const char *mark) /* the same content, as from a backup */
{
  char bytes[32];
  FILE *f = fopen(mark, "r");
  ck_assert(f != NULL && fread(bytes, 1, sizeof bytes, f) == sizeof bytes);
  fclose(f);
  usleep(20000); /* a time of change is not finer */
  temp_write(mark, (struct cf_str){bytes, sizeof bytes}, 0600);
}
static void link_mark(const char *mark)
{
  ck_assert_int_eq(unlink(mark), 0);
  ck_assert_int_eq(symlink("/dev/zero", mark), 0);
}
static void lose_row(const char *mark)
{
  (void)mark;
  const struct cf_row row = {CF_TABLE_SESSIONS, CF_STR("instance"), CF_STR(""), .gone = true};
  struct cf_append append = {.rows = &row, .rows_n = 1};
  ck_assert_ok(cf_ledger_append(stage_ledger, &append));
}
static void (*const others[])(const char *mark) = {lose_mark, swap_mark, copy_mark, link_mark,
                                                   lose_row};

START_TEST(test_other_instance)
{
  char mark[400];
  snprintf(mark, sizeof mark, "%s/instance", stage_conf.signer);
  sign_in_new("");
  others[_i](mark);
  reopen_auth();
  ck_assert(!is_in(cookie));
  ck_assert_uint_eq(rows_on_disk(), 0);
  reopen_auth();
  ck_assert(!is_in(cookie));
}
END_TEST

static void write_row(struct cf_str key, struct cf_str value)
{
  const struct cf_row row = {CF_TABLE_SESSIONS, key, value, .gone = false};
  struct cf_append append = {.rows = &row, .rows_n = 1};
  ck_assert_ok(cf_ledger_append(stage_ledger, &append));
}

/* Whoever can write to DATA has not the secret. */
START_TEST(test_written)
{
  static const char forged[] = "0123456789012345678901234567890123456789012";
  uint8_t key[CF_HASH_N], value[CF_TOKEN_ID_N + 16];
  sign_in_new("");
  ck_assert(is_in(cookie));
  cf_sha256_1(forged, CF_COOKIE_N, key);
  memcpy(value, who.token->id, CF_TOKEN_ID_N);
  cf_u64_put(value + CF_TOKEN_ID_N, (uint64_t)now);
  cf_u64_put(value + CF_TOKEN_ID_N + 8, (uint64_t)(now + CF_HOUR_US));
  write_row((struct cf_str){(const char *)key, sizeof key},
            (struct cf_str){(const char *)value, sizeof value});
  for (int i = 0; i < 2; i++) {
    reopen_auth();
    ck_assert(!is_in(forged) && !is_in(cookie));
    ck_assert_uint_eq(rows_on_disk(), 0);
  }
}
END_TEST

static struct cf_buf kept[2][2]; /* rows of the table: key, value */
static size_t kept_n;

static enum cf_err keep_row(void *context, struct cf_str key, struct cf_str value)
{
  (void)context;
  ck_assert_uint_lt(kept_n, CF_COUNT(kept));
  cf_buf_init(&kept[kept_n][0], 64);
  cf_buf_init(&kept[kept_n][1], 64);
  cf_buf_putstr(&kept[kept_n][0], key);
  cf_buf_putstr(&kept[kept_n++][1], value);
  return CF_OK;
}

/* The whole table of before a sign-out, put back. */
START_TEST(test_put_back)
{
  struct cf_session_change change;
  kept_n = 0;
  sign_in_new("");
  ck_assert_ok(cf_ledger_each_row(stage_ledger, CF_TABLE_SESSIONS, keep_row, NULL));
  ck_assert_uint_eq(kept_n, 2);
  ck_assert_ok(cf_session_end(cf_auth_sessions(auth), cf_str_from(cookie), &change));
  struct cf_append append = {.rows = change.rows, .rows_n = change.rows_n};
  ck_assert_ok(cf_ledger_append(stage_ledger, &append));
  cf_session_settle(cf_auth_sessions(auth), &change, CF_OK);
  for (size_t i = 0; i < kept_n; i++) {
    write_row(cf_buf_str(&kept[i][0]), cf_buf_str(&kept[i][1]));
    cf_buf_fini(&kept[i][0]);
    cf_buf_fini(&kept[i][1]);
  }
  reopen_auth();
  ck_assert(!is_in(cookie));
  ck_assert_uint_eq(rows_on_disk(), 0);
}
END_TEST

/* Rows that are no sessions. */
START_TEST(test_strange_rows)
{
  uint8_t key[CF_HASH_N], value[CF_TOKEN_ID_N + 17] = {0};
  sign_in_new("");
  cf_sha256_1("0123456789012345678901234567890123456789012", CF_COOKIE_N, key);
  memcpy(value, who.token != NULL ? who.token->id : "nobodyatal", CF_TOKEN_ID_N);
  cf_u64_put(value + CF_TOKEN_ID_N, (uint64_t)now);
  cf_u64_put(value + CF_TOKEN_ID_N + 8, (uint64_t)(now + CF_SESSION_US + 1));
  for (size_t n = CF_TOKEN_ID_N + 15; n <= sizeof value; n++) {
    write_row((struct cf_str){(const char *)key, sizeof key},
              (struct cf_str){(const char *)value, n});
    reopen_auth();
    ck_assert(!is_in("0123456789012345678901234567890123456789012"));
    ck_assert(is_in(cookie));
  }
}
END_TEST

START_TEST(test_form_token)
{
  struct cf_buf b;
  sign_in_new("");
  cf_buf_init(&b, 256);
  cf_session_put_form(cf_str_from(cookie), &b);
  ck_assert_ok(cf_session_check_form(cf_str_from(cookie), cf_buf_str(&b), &fault));
  ck_assert_err(cf_session_check_form(CF_STR("another"), cf_buf_str(&b), &fault), CF_E_ORIGIN);
  ck_assert_err(cf_session_check_form(cf_str_from(cookie), CF_STR(""), &fault), CF_E_ORIGIN);
  cf_buf_fini(&b);
}
END_TEST

static const struct {
  const char *script, *https, *want;
} cookie_headers[] = {
    {"/audit", NULL, "counterfoil=v; Path=/audit; Max-Age=60; HttpOnly; SameSite=Lax"},
    {"", "on", "counterfoil=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"},
    {"/a;b", "off", "counterfoil=v; Path=/a%3Bb; Max-Age=60; HttpOnly; SameSite=Lax"},
};

START_TEST(test_cookie_header)
{
  for (size_t i = 0; i < CF_COUNT(cookie_headers); i++) {
    struct cf_request rq;
    struct cf_buf b;
    carry("PATH_INFO", "/", "");
    set("SCRIPT_NAME", cookie_headers[i].script);
    if (cookie_headers[i].https != NULL)
      set("HTTPS", cookie_headers[i].https);
    cf_buf_init(&b, 1024);
    cf_request_init(&rq, &memory.transport, CF_STR(""));
    cf_session_put_header(&rq, CF_STR("v"), 60, &b);
    ck_assert_str_eq(cf_buf_cstr(&b), cookie_headers[i].want);
    cf_request_fini(&rq);
    cf_buf_fini(&b);
  }
}
END_TEST

/* ---- origin ---- */

static const struct {
  const char *origin, *referer, *site;
  enum cf_err err;
} origins[] = {
    {NULL, NULL, NULL, CF_OK},
    {"https://audit.example.org", NULL, NULL, CF_OK},
    {"https://AUDIT.example.org", NULL, "same-origin", CF_OK},
    {NULL, "https://audit.example.org/audit/?x", NULL, CF_OK},
    {NULL, NULL, "none", CF_OK},
    {"null", NULL, NULL, CF_E_ORIGIN},
    {"https://evil.example", NULL, NULL, CF_E_ORIGIN},
    {"https://audit.example.org.evil.example", NULL, NULL, CF_E_ORIGIN},
    {"https://audit.example.org:8443", NULL, NULL, CF_E_ORIGIN},
    {"https://evil.example", "https://audit.example.org/", NULL, CF_E_ORIGIN},
    {NULL, "https://evil.example/?https://audit.example.org/", NULL, CF_E_ORIGIN},
    {"https://audit.example.org", NULL, "cross-site", CF_E_ORIGIN},
    {NULL, NULL, "same-site", CF_E_ORIGIN},
};

START_TEST(test_origin)
{
  for (size_t i = 0; i < CF_COUNT(origins); i++) {
    carry("HTTP_HOST", "audit.example.org", "");
    if (origins[i].origin != NULL)
      set("HTTP_ORIGIN", origins[i].origin);
    if (origins[i].referer != NULL)
      set("HTTP_REFERER", origins[i].referer);
    if (origins[i].site != NULL)
      set("HTTP_SEC_FETCH_SITE", origins[i].site);
    enum cf_err err = cf_origin_check(&request, &fault);
    ck_assert_msg(err == origins[i].err, "row %zu: %s", i, cf_err_word(err));
  }
}
END_TEST

/* ---- trust ---- */

static void trust_user(void)
{
  stage_set("trust", "remote_user");
  stage_set("role", "remote_user:alice=auditor,writer");
  stage_set("role", "remote_user:Bob B.=reader");
  stage_set("role", "client_cert:alice=admin");
}

static void trust_cert(void)
{
  stage_set("trust", "client_cert");
  stage_set("role", "client_cert:CN=alice,O=Example=reader");
  stage_set("role", "remote_user:alice=admin");
}

static void setup_user(void)
{
  stage_conf_set = trust_user;
  setup();
  open_auth();
}

static void setup_cert(void)
{
  stage_conf_set = trust_cert;
  setup();
  open_auth();
}

START_TEST(test_remote_user)
{
  carry("REMOTE_USER", "alice", "");
  ck_assert_ok(identify(true)); /* without AUTH_TYPE nobody has checked it */
  ck_assert_int_eq(who.via, CF_VIA_NOBODY);
  set("AUTH_TYPE", "Basic");
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_TRUST);
  ck_assert_uint_eq(who.roles, 1u << CF_ROLE_AUDITOR | 1u << CF_ROLE_WRITER);
  ck_assert(cf_str_is(who.source, "alice"));
  set("REMOTE_USER", "Bob B.");
  ck_assert_ok(identify(true));
  ck_assert(cf_str_is(who.user, "Bob B.") && who.source.n == 0);
  set("REMOTE_USER", "mallory");
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_NOBODY);
}
END_TEST

START_TEST(test_client_cert)
{
  carry("SSL_CLIENT_S_DN", "CN=alice,O=Example", "");
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_NOBODY);
  set("SSL_CLIENT_VERIFY", "FAILED:self-signed");
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_NOBODY);
  set("SSL_CLIENT_VERIFY", "SUCCESS");
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_TRUST);
  ck_assert_uint_eq(who.roles, 1u << CF_ROLE_READER);
  carry("REMOTE_USER", "alice", "");
  set("AUTH_TYPE", "Basic");
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_NOBODY);
}
END_TEST

START_TEST(test_no_trust)
{
  open_auth();
  carry("REMOTE_USER", "alice", "");
  set("AUTH_TYPE", "Basic");
  set("COUNTERFOIL_DOOR", "cli");
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_NOBODY);
}
END_TEST

static const char *const bad_roles[] = {"alice=reader",
                                        "remote_user:=reader",
                                        "remote_user:alice",
                                        "remote_user:alice=",
                                        "remote_user:alice=root",
                                        "remote_user:alice=reader,",
                                        "remote_user:alice=reader,,writer"};

START_TEST(test_bad_roles)
{
  for (size_t i = 0; i < CF_COUNT(bad_roles); i++) {
    struct cf_conf conf = stage_conf;
    conf.role.n = 1;
    conf.role.v[0] = cf_str_dup(cf_str_from(bad_roles[i]));
    enum cf_err err = cf_auth_new(&conf, stage_ledger, &auth, &fault);
    ck_assert_msg(err == CF_E_CONFIG, "%s: %s", bad_roles[i], cf_err_word(err));
    free(conf.role.v[0]);
  }
}
END_TEST

/* Of two lines for one user one would be void. */
START_TEST(test_role_twice)
{
  char name[] = "/etc/counterfoil.conf", first[] = "remote_user:alice=reader",
       other[] = "client_cert:alice=reader", again[] = "remote_user:alice=writer",
       trust[] = "remote_user";
  struct cf_conf conf = stage_conf;
  conf.file = name;
  conf.trust = trust;
  conf.role = (struct cf_conf_list){.v = {first, other, again}, .line = {3, 4, 7}, .n = 2};
  ck_assert_ok(cf_auth_new(&conf, stage_ledger, &auth, &fault));
  cf_auth_free(auth);
  auth = NULL;
  conf.role.n = 3;
  ck_assert_err(cf_auth_new(&conf, stage_ledger, &auth, &fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(
      strstr(fault.detail, "/etc/counterfoil.conf:7: `remote_user:alice=writer`: "));
  ck_assert_str_eq(fault.at, "role");
}
END_TEST

/* ---- roles ---- */

#define R(role) (1u << CF_ROLE_##role)

static const struct {
  unsigned roles;
  enum cf_need need;
  enum cf_err err;
} allowed[] = {
    {R(WRITER), CF_NEED_WRITER, CF_OK},      {R(WRITER), CF_NEED_READER, CF_E_ROLE},
    {R(WRITER), CF_NEED_AUDITOR, CF_E_ROLE}, {R(WRITER), CF_NEED_RECEIPT, CF_OK},
    {R(WRITER), CF_NEED_ADMIN, CF_E_ROLE},   {R(WRITER), CF_NEED_KNOWN, CF_OK},
    {R(READER), CF_NEED_READER, CF_OK},      {R(READER), CF_NEED_WRITER, CF_E_ROLE},
    {R(READER), CF_NEED_AUDITOR, CF_E_ROLE}, {R(READER), CF_NEED_RECEIPT, CF_E_ROLE},
    {R(AUDITOR), CF_NEED_READER, CF_OK},     {R(AUDITOR), CF_NEED_AUDITOR, CF_OK},
    {R(AUDITOR), CF_NEED_RECEIPT, CF_OK},    {R(AUDITOR), CF_NEED_WRITER, CF_E_ROLE},
    {R(AUDITOR), CF_NEED_ADMIN, CF_E_ROLE},  {R(AUDITOR), CF_NEED_TILES, CF_OK},
    {R(OFFICER), CF_NEED_READER, CF_E_ROLE}, {R(OFFICER), CF_NEED_ADMIN, CF_E_ROLE},
    {R(ADMIN), CF_NEED_WRITER, CF_E_ROLE},   {R(ADMIN), CF_NEED_READER, CF_E_ROLE},
    {R(ADMIN), CF_NEED_AUDITOR, CF_E_ROLE},  {R(ADMIN), CF_NEED_ADMIN, CF_OK},
    {R(ADMIN), CF_NEED_RECEIPT, CF_E_ROLE},  {R(READER), CF_NEED_TILES, CF_E_ROLE},
    {R(READER), CF_NEED_CHECKPOINT, CF_OK},  {R(ADMIN), CF_NEED_TILES, CF_E_ROLE},
    {R(ADMIN), CF_NEED_KNOWN, CF_OK},        {R(ADMIN) | R(AUDITOR), CF_NEED_READER, CF_OK},
    {R(MONITOR), CF_NEED_READER, CF_E_ROLE}, {R(MONITOR), CF_NEED_KNOWN, CF_OK},
    {CF_ROLES_ALL, CF_NEED_WRITER, CF_OK},   {CF_ROLES_ALL, CF_NEED_ADMIN, CF_OK},
};

/* What a role is, another is not, but for an auditor who is a reader and a
 * monitor. */
START_TEST(test_within)
{
  struct cf_str words = CF_STR(CF_ROLE_WORDS);
  for (enum cf_role role = 0; role < CF_ROLE_N; role++) {
    struct cf_str word = cf_str_cut(&words, ',');
    ck_assert(cf_str_is(word, cf_role_name(role)));
    words = words.n > 0 ? (struct cf_str){words.p + 1, words.n - 1} : words;
    for (enum cf_role other = 0; other < CF_ROLE_N; other++)
      ck_assert(cf_roles_have(1u << other, role) ==
                (role == other || (other == CF_ROLE_AUDITOR &&
                                   (role == CF_ROLE_READER || role == CF_ROLE_MONITOR))));
  }
  ck_assert_uint_eq(words.n, 0);
}
END_TEST

START_TEST(test_allow)
{
  open_auth();
  for (size_t i = 0; i < CF_COUNT(allowed); i++) {
    struct cf_identity someone = {.via = CF_VIA_TOKEN, .roles = allowed[i].roles};
    enum cf_err err = cf_auth_allow(auth, &someone, allowed[i].need, &fault);
    ck_assert_msg(err == allowed[i].err, "row %zu: %s", i, cf_err_word(err));
  }
  const struct cf_identity nobody = {.via = CF_VIA_NOBODY};
  for (int need = CF_NEED_KNOWN; need <= CF_NEED_TILES; need++)
    ck_assert_err(cf_auth_allow(auth, &nobody, (enum cf_need)need, &fault),
                  need == CF_NEED_CHECKPOINT ? CF_OK : CF_E_TOKEN);
}
END_TEST

static const struct {
  const char *public_access;
  enum cf_err checkpoint, tiles;
} publics[] = {{"none", CF_E_TOKEN, CF_E_TOKEN},
               {"checkpoint", CF_OK, CF_E_TOKEN},
               {"tiles", CF_OK, CF_OK}};

START_TEST(test_public)
{
  const struct cf_identity nobody = {.via = CF_VIA_NOBODY};
  open_auth();
  for (size_t i = 0; i < CF_COUNT(publics); i++) {
    stage_set("public", publics[i].public_access);
    ck_assert_err(cf_auth_allow(auth, &nobody, CF_NEED_CHECKPOINT, &fault), publics[i].checkpoint);
    ck_assert_err(cf_auth_allow(auth, &nobody, CF_NEED_TILES, &fault), publics[i].tiles);
  }
}
END_TEST

START_TEST(test_local)
{
  open_auth();
  cf_memory_fini(&memory);
  cf_memory_init(&memory, CF_DOOR_ADMIN);
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_LOCAL);
  ck_assert_uint_eq(who.roles, CF_ROLES_ALL);
  ck_assert(cf_str_is(who.source, "admin"));
  set("COUNTERFOIL_SOURCE", "nightly");
  ck_assert_ok(identify(true));
  ck_assert(cf_str_is(who.source, "nightly"));
  set("COUNTERFOIL_SOURCE", "not a name");
  ck_assert_err(identify(true), CF_E_PARAMETER);
  cf_memory_fini(&memory);
  cf_memory_init(&memory, CF_DOOR_RELAY);
  ck_assert_ok(identify(true));
  ck_assert_int_eq(who.via, CF_VIA_NOBODY);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "carrier", .test = test_carriers, .setup = setup, .teardown = teardown},
      {.tcase = "carrier", .test = test_basic},
      {.tcase = "carrier", .test = test_every_character},
      {.tcase = "carrier", .test = test_expiry},
      {.tcase = "carrier", .test = test_local},
      {.tcase = "cookie", .test = test_cookie, .setup = setup, .teardown = teardown},
      {.tcase = "cookie", .test = test_cookie_forged},
      {.tcase = "cookie", .test = test_cookie_of_token},
      {.tcase = "cookie", .test = test_cookie_of_ended},
      {.tcase = "cookie", .test = test_signed_out},
      {.tcase = "cookie", .test = test_not_written},
      {.tcase = "cookie", .test = test_bounded},
      {.tcase = "cookie", .test = test_kept},
      {.tcase = "cookie", .test = test_other_instance, .loops = CF_COUNT(others)},
      {.tcase = "cookie", .test = test_written},
      {.tcase = "cookie", .test = test_put_back},
      {.tcase = "cookie", .test = test_strange_rows},
      {.tcase = "cookie", .test = test_form_token},
      {.tcase = "cookie", .test = test_cookie_header},
      {.tcase = "cookie", .test = test_origin},
      {.tcase = "trust", .test = test_remote_user, .setup = setup_user, .teardown = teardown},
      {.tcase = "cert", .test = test_client_cert, .setup = setup_cert, .teardown = teardown},
      {.tcase = "roles", .test = test_no_trust, .setup = setup, .teardown = teardown},
      {.tcase = "roles", .test = test_bad_roles},
      {.tcase = "roles", .test = test_role_twice},
      {.tcase = "roles", .test = test_within},
      {.tcase = "roles", .test = test_allow},
      {.tcase = "roles", .test = test_public},
  };
  return cf_test_run("auth", tests, CF_COUNT(tests));
}
