/* SPDX-License-Identifier: MIT */
/* Who is asking: the carriers of a token, what a web server vouches for; and
 * roles. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "tests/unit/who/auth_stage.h"

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

static void trust_admin(void)
{
  stage_set("trust", "remote_user");
  stage_set("role", "remote_user:root=admin");
  stage_set("role", "remote_user:ann=admin,reader");
  stage_set("role", "client_cert:eve=admin");
  ck_assert_ok(cf_diag_open(temp_path("log"), "test", NULL));
}

static void setup_user(void)
{
  stage_conf_set = trust_user;
  auth_setup();
  open_auth();
}

static void setup_cert(void)
{
  stage_conf_set = trust_cert;
  auth_setup();
  open_auth();
}

/* Whoever was admin when that was every role is told what is left of it, when
 * this version is first at work, which was the stage's own. */
static void setup_admin(void)
{
  stage_conf_set = trust_admin;
  auth_setup();
  open_auth();
}

START_TEST(test_admin_alone)
{
  temp_run("test \"$(grep -c 'has admin alone' log)\" = 1");
  temp_run("grep -q 'role: root has admin alone' log");
}
END_TEST

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

/* Apache httpd keeps Authorization from programs unless CGIPassAuth is on: who
 * gets 401 without having sent any sign of himself is told so. */
static const struct {
  const char *software, *header;
  bool told;
} kept_back[] = {{"Apache/2.4.62 (Debian)", NULL, true},
                 {"Apache/2.4.62 (Debian)", "HTTP_COOKIE", false},
                 {"LiteSpeed", NULL, true},
                 {"lighttpd/1.4.69", NULL, false}};

START_TEST(test_kept_back)
{
  open_auth();
  for (size_t i = 0; i < CF_COUNT(kept_back); i++) {
    carry("SERVER_SOFTWARE", kept_back[i].software, "");
    if (kept_back[i].header != NULL)
      set(kept_back[i].header, "x=y");
    ck_assert_ok(identify(true));
    ck_assert_err(cf_auth_allow(auth, &who, CF_NEED_KNOWN, &fault), CF_E_TOKEN);
    ck_assert_msg((strstr(fault.detail, "CGIPassAuth On") != NULL) == kept_back[i].told, "row %zu",
                  i);
  }
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
      {.tcase = "carrier", .test = test_carriers, .setup = auth_setup, .teardown = auth_teardown},
      {.tcase = "carrier", .test = test_basic},
      {.tcase = "carrier", .test = test_every_character},
      {.tcase = "carrier", .test = test_expiry},
      {.tcase = "carrier", .test = test_local},
      {.tcase = "trust", .test = test_remote_user, .setup = setup_user, .teardown = auth_teardown},
      {.tcase = "cert", .test = test_client_cert, .setup = setup_cert, .teardown = auth_teardown},
      {.tcase = "admin", .test = test_admin_alone, .setup = setup_admin, .teardown = auth_teardown},
      {.tcase = "roles", .test = test_no_trust, .setup = auth_setup, .teardown = auth_teardown},
      {.tcase = "roles", .test = test_bad_roles},
      {.tcase = "roles", .test = test_role_twice},
      {.tcase = "roles", .test = test_within},
      {.tcase = "roles", .test = test_allow},
      {.tcase = "roles", .test = test_kept_back},
      {.tcase = "roles", .test = test_public},
  };
  return cf_test_run("auth", tests, CF_COUNT(tests));
}
