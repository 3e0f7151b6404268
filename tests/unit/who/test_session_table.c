/* SPDX-License-Identifier: MIT */
/* The table of sessions: begun, ended, bounded, and ended all together where
 * it is not as it was left. */
#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "fcgi-app/who/session.h"
#include "lib/base/codec.h"
#include "tests/unit/who/auth_stage.h"

static char cookie[CF_COOKIE_N + 1];

/* Sign in with the token; the cookie stays in `cookie`. */
static void sign_in(const char *text)
{
  struct cf_session_change change;
  ck_assert_ok(cf_tokens_ready(cf_auth_tokens(auth), CF_TOKENS_ALL));
  struct cf_token *token = cf_tokens_find(cf_auth_tokens(auth), cf_str_from(text));
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

/* The token that `who` has, in this authority's table. */
static void end_token(void)
{
  const struct cf_token_by by = {CF_STR("admin"), CF_STR("admin"), CF_STR("local")};
  struct cf_token *token = NULL;
  ck_assert_ok(cf_token_copy(who.token, &token));
  token->revoked_us = now;
  ck_assert_ok(cf_tokens_enter(cf_auth_tokens(auth)));
  ck_assert_ok(cf_tokens_put(cf_auth_tokens(auth), &(struct cf_token_change){token, "revoke"}, 1,
                             &by, &fault));
  cf_tokens_leave(cf_auth_tokens(auth));
  cf_token_put(token);
}

START_TEST(test_cookie_of_token)
{
  sign_in_new(",\"expires\":\"1h\"");
  ck_assert(is_in(cookie));
  end_token();
  ck_assert(!is_in(cookie));
  ck_assert_uint_eq(rows_on_disk(), 1);
  reopen_auth();
  ck_assert(!is_in(cookie));
  cf_sessions_tick(cf_auth_sessions(auth), now);
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
  ck_assert(is_in(cookie));
  ck_assert_ok(cf_auth_still(auth, &who, now, &fault));
  ck_assert_ok(cf_session_end(cf_auth_sessions(auth), cf_str_from(cookie), &change));
  ck_assert_err(cf_auth_still(auth, &who, now, &fault), CF_E_TOKEN);
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
static void remove_row(struct cf_str key)
{
  const struct cf_row row = {CF_TABLE_SESSIONS, key, CF_STR(""), .gone = true};
  struct cf_append append = {.rows = &row, .rows_n = 1};
  ck_assert_ok(cf_ledger_append(stage_ledger, &append));
}
static void lose_row(const char *mark)
{
  (void)mark;
  remove_row(CF_STR("instance"));
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

static struct cf_buf kept[CF_SESSIONS_TOKEN_MAX + 1][2]; /* rows of the table: key, value */
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

static void keep_table(void)
{
  kept_n = 0;
  ck_assert_ok(cf_ledger_each_row(stage_ledger, CF_TABLE_SESSIONS, keep_row, NULL));
}

/* The whole table as it was kept, but that what was added since stays. */
static void put_back(void)
{
  for (size_t i = 0; i < kept_n; i++) {
    write_row(cf_buf_str(&kept[i][0]), cf_buf_str(&kept[i][1]));
    cf_buf_fini(&kept[i][0]);
    cf_buf_fini(&kept[i][1]);
  }
  reopen_auth();
}

static void sign_out(void)
{
  struct cf_session_change change;
  ck_assert_ok(cf_session_end(cf_auth_sessions(auth), cf_str_from(cookie), &change));
  struct cf_append append = {.rows = change.rows, .rows_n = change.rows_n};
  ck_assert_ok(cf_ledger_append(stage_ledger, &append));
  cf_session_settle(cf_auth_sessions(auth), &change, CF_OK);
}

/* The table of before a sign-out, put back; also where the secret could not be
 * renewed for it, as the file that it is written to cannot be made. */
START_TEST(test_put_back)
{
  char fresh[400];
  snprintf(fresh, sizeof fresh, "%s/instance.new", stage_conf.signer);
  sign_in_new("");
  keep_table();
  if (_i == 1)
    ck_assert_int_eq(mkdir(fresh, 0700), 0);
  sign_out();
  if (_i == 1)
    ck_assert_int_eq(rmdir(fresh), 0);
  put_back();
  ck_assert(!is_in(cookie));
  ck_assert_uint_eq(rows_on_disk(), 0);
}
END_TEST

/* And that of before the oldest session had to go for a new one. */
START_TEST(test_oldest_put_back)
{
  char oldest[sizeof cookie];
  uint8_t key[CF_HASH_N];
  const char *text = make_token("eve", "[\"reader\"]", "");
  open_auth();
  for (size_t i = 0; i <= CF_SESSIONS_TOKEN_MAX; i++) {
    now++;
    sign_in(text);
    if (i == 0)
      memcpy(oldest, cookie, sizeof oldest);
    if (i == CF_SESSIONS_TOKEN_MAX - 1)
      keep_table();
  }
  ck_assert(!is_in(oldest));
  cf_sha256_1(cookie, CF_COOKIE_N, key);
  remove_row((struct cf_str){(const char *)key, sizeof key});
  put_back();
  ck_assert(!is_in(oldest));
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
int main(void)
{
#define ON .tcase = "sessions", .setup = auth_setup, .teardown = auth_teardown
  const struct cf_test tests[] = {
      {ON, .test = test_cookie},
      {ON, .test = test_cookie_forged},
      {ON, .test = test_cookie_of_token},
      {ON, .test = test_cookie_of_ended},
      {ON, .test = test_signed_out},
      {ON, .test = test_not_written},
      {ON, .test = test_bounded},
      {ON, .test = test_kept},
      {ON, .test = test_other_instance, .loops = CF_COUNT(others)},
      {ON, .test = test_written},
      {ON, .test = test_put_back, .loops = 2},
      {ON, .test = test_oldest_put_back},
      {ON, .test = test_strange_rows},
  };
  return cf_test_run("session_table", tests, CF_COUNT(tests));
}
