/* SPDX-License-Identifier: MIT */
/* Who is asking: what a request carries, and what the configuration
 * believes. */
#include "config.h"

#include "fcgi-app/who/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi-app/http/hidden.h"
#include "fcgi-app/who/session.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/record/source.h"

#define CREDENTIALS_MAX 4096

/* A vouched user or certificate and its roles. */
struct trusted {
  struct cf_str who; /* in the configuration's text */
  unsigned roles;
};

struct cf_auth {
  const struct cf_conf *conf;
  struct cf_tokens *tokens;
  bool tokens_lost; /* their table was damaged, and begun anew */
  struct trusted trusted[CF_ROLE_LINES_MAX];
  size_t trusted_n;
  struct cf_sessions *sessions;
};

static const char *const everything[] = {"*", NULL};

/* ---- configuration ---- */

/* A fault of the i-th `role`: where it stands, and what would be right. */
static enum cf_err fail_role(const struct cf_conf *conf, size_t i, const char *right,
                             struct cf_fault *fault)
{
  char place[160] = "";
  if (conf->file != NULL)
    snprintf(place, sizeof place, "%.120s:%u: ", conf->file, conf->role.line[i]);
  return cf_fail(fault, CF_E_CONFIG, "role", "%s`%.60s`: %s", place, conf->role.v[i], right);
}

static enum cf_err parse_roles(struct cf_str names, unsigned *roles)
{
  unsigned made = 0;
  for (bool more = true; more;) {
    size_t before = names.n;
    struct cf_str name = cf_str_cut(&names, ',');
    enum cf_role role = cf_role_find(name);
    if (role == CF_ROLE_N)
      return CF_E_CONFIG;
    made |= 1u << role;
    more = name.n < before; /* a comma stood behind it */
  }
  *roles = made;
  return CF_OK;
}

static const struct trusted *find_trusted(const struct cf_auth *auth, struct cf_str who)
{
  for (size_t i = 0; i < auth->trusted_n; i++)
    if (cf_str_eq(auth->trusted[i].who, who))
      return &auth->trusted[i];
  return NULL;
}

/* "remote_user:alice=auditor,reader"; a certificate's name may hold '=', so the
 * last one counts. */
static enum cf_err parse_line(struct cf_auth *auth, size_t i, struct cf_fault *fault)
{
  struct cf_str who = cf_str_from(auth->conf->role.v[i]);
  struct cf_str kind = cf_str_cut(&who, ':');
  const char *equals = who.n == 0 ? NULL : memrchr(who.p, '=', who.n);
  bool known = cf_str_is(kind, "remote_user") || cf_str_is(kind, "client_cert");
  if (!known || equals == NULL || equals == who.p)
    return fail_role(auth->conf, i, "write remote_user:NAME=ROLES or client_cert:SUBJECT=ROLES",
                     fault);
  struct cf_str names = {equals + 1, who.n - (size_t)(equals + 1 - who.p)};
  struct trusted trusted = {{who.p, (size_t)(equals - who.p)}, 0};
  if (parse_roles(names, &trusted.roles) != CF_OK)
    return fail_role(auth->conf, i, "roles are " CF_ROLE_WORDS ", with commas between", fault);
  if (!cf_str_is(kind, auth->conf->trust))
    return CF_OK;
  if (find_trusted(auth, trusted.who) != NULL)
    return fail_role(auth->conf, i, "this one has a line already; put all roles into one", fault);
  auth->trusted[auth->trusted_n++] = trusted;
  return CF_OK;
}

enum cf_err cf_auth_new(const struct cf_conf *conf, struct cf_ledger *ledger, struct cf_auth **auth,
                        struct cf_fault *fault)
{
  bool first = false;
  struct cf_auth *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->conf = conf;
  made->tokens_lost = cf_ledger_table_lost(ledger, CF_TABLE_TOKENS);
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < conf->role.n && err == CF_OK; i++)
    err = parse_line(made, i, fault);
  if (err == CF_OK)
    err = cf_tokens_new(ledger, &made->tokens);
  if (err == CF_OK)
    err = cf_sessions_new(conf, ledger, made->tokens, &made->sessions, &first);
  for (size_t i = 0; i < made->trusted_n && first; i++)
    if (made->trusted[i].roles == 1u << CF_ROLE_ADMIN)
      cf_log(
          CF_LOG_WARNING,
          "role: %.*s has admin alone, which is tokens and nothing else now: to read and write too it takes admin,auditor,writer",
          (int)made->trusted[i].who.n, made->trusted[i].who.p);
  if (err == CF_OK)
    *auth = made;
  else
    cf_auth_free(made);
  return err;
}

void cf_auth_free(struct cf_auth *auth)
{
  if (auth == NULL)
    return;
  cf_sessions_free(auth->sessions);
  cf_tokens_free(auth->tokens);
  free(auth);
}

struct cf_tokens *cf_auth_tokens(struct cf_auth *auth)
{
  return auth->tokens;
}

struct cf_sessions *cf_auth_sessions(struct cf_auth *auth)
{
  return auth->sessions;
}

/* ---- what a request carries ---- */

struct carried {
  enum cf_via via; /* CF_VIA_NOBODY: nothing of ours */
  struct cf_str text;
};

/* The rest of s behind a scheme's name and spaces; false where it has another
 * scheme. */
static bool behind_scheme(struct cf_str s, const char *scheme, struct cf_str *rest)
{
  size_t n = strlen(scheme);
  if (s.n <= n || strncasecmp(s.p, scheme, n) != 0 || s.p[n] != ' ')
    return false;
  *rest = (struct cf_str){s.p + n, s.n - n};
  while (rest->n > 0 && *rest->p == ' ')
    *rest = (struct cf_str){rest->p + 1, rest->n - 1};
  return true;
}

/* The password of Basic credentials where it is a token of ours; scratch holds
 * it. */
static bool basic_password(struct cf_str credentials, struct cf_buf *scratch,
                           struct cf_str *password)
{
  cf_buf_reset(scratch);
  if (cf_base64_get(credentials, scratch) != CF_OK)
    return false;
  struct cf_str pair = cf_buf_str(scratch);
  cf_str_cut(&pair, ':');
  *password = pair;
  return cf_str_starts(pair, CF_STR("cf_"));
}

static struct carried from_authorization(struct cf_str header, struct cf_buf *scratch)
{
  struct cf_str rest;
  if (behind_scheme(header, "Bearer", &rest) || behind_scheme(header, "Splunk", &rest))
    return (struct carried){CF_VIA_TOKEN, rest};
  if (behind_scheme(header, "Basic", &rest) && basic_password(rest, scratch, &rest))
    return (struct carried){CF_VIA_BASIC, rest};
  return (struct carried){CF_VIA_NOBODY, CF_STR("")};
}

static struct carried find_token(const struct cf_request *rq, struct cf_buf *scratch)
{
  struct carried carried =
      from_authorization(cf_request_variable(rq, "HTTP_AUTHORIZATION"), scratch);
  if (carried.via == CF_VIA_NOBODY)
    carried = from_authorization(cf_request_variable(rq, "REDIRECT_HTTP_AUTHORIZATION"), scratch);
  struct cf_str own = cf_request_variable(rq, "HTTP_X_COUNTERFOIL_TOKEN");
  if (carried.via == CF_VIA_NOBODY && own.n > 0)
    carried = (struct carried){CF_VIA_TOKEN, own};
  return carried;
}

/* ---- who that is ---- */

/* Takes the held token, of which nothing counts but its name. */
static void name_token(struct cf_identity *who, struct cf_token *token)
{
  who->user = cf_str_from(token->name);
  who->credential = cf_str_from(token->id);
  who->token = token;
}

static void be_token(struct cf_identity *who, enum cf_via via, struct cf_token *token)
{
  name_token(who, token);
  who->via = via;
  who->roles = cf_token_roles(token);
  who->source = who->user;
  who->sources = (const char *const *)token->sources;
}

/* Whoever has a token's secret may know what became of it; others may not. */
static enum cf_err fail_ended(const struct cf_token *token, const char *ended,
                              struct cf_fault *fault)
{
  return cf_fail(fault, CF_E_TOKEN, NULL, "the token %s %s", token->id, ended);
}

static enum cf_err fail_unknown(const struct cf_auth *auth, struct cf_fault *fault)
{
  return cf_fail(
      fault, CF_E_TOKEN, NULL,
      auth->tokens_lost
          ? "the table of tokens was damaged and begun anew: ask the operator for a new token"
          : "the token is not known");
}

/* What was sent is a token: of somebody, of who was somebody, or of nobody. */
static enum cf_err identify_token(struct cf_auth *auth, struct carried carried, int64_t now_us,
                                  struct cf_identity *who, struct cf_fault *fault)
{
  struct cf_token *token = cf_tokens_find(auth->tokens, carried.text);
  if (token == NULL)
    return fail_unknown(auth, fault);
  const char *ended = cf_token_ended(token, now_us);
  if (ended != NULL) {
    name_token(who, token);
    return fail_ended(token, ended, fault);
  }
  be_token(who, carried.via, token);
  return CF_OK;
}

static enum cf_err be_local(const struct cf_request *rq, struct cf_identity *who,
                            struct cf_fault *fault)
{
  struct cf_str source = cf_request_variable(rq, CF_HIDDEN_SOURCE);
  if (source.n == 0)
    source = CF_STR("admin");
  if (!cf_source_ok(source))
    return cf_fail(
        fault, CF_E_PARAMETER, "source",
        "a source is 1 to 128 of letters, digits and . _ : / @ + = -, and not `counterfoil`");
  *who = (struct cf_identity){.via = CF_VIA_LOCAL,
                              .roles = CF_ROLES_ALL,
                              .user = CF_STR("admin"),
                              .source = source,
                              .credential = CF_STR("local"),
                              .sources = everything};
  return CF_OK;
}

static void be_cookie(struct cf_auth *auth, const struct cf_request *rq, int64_t now_us,
                      struct cf_identity *who)
{
  struct cf_str cookie;
  struct cf_token *token = cf_sessions_find(auth->sessions, rq, now_us, &cookie);
  if (token == NULL)
    return;
  be_token(who, CF_VIA_COOKIE, token);
  who->cookie = cookie;
}

/* Whom the web server vouches for. AUTH_TYPE shows that it checked: nginx's
 * stock parameters pass a REMOTE_USER that nobody has checked, without it. */
static struct cf_str user_vouched(const struct cf_auth *auth, const struct cf_request *rq)
{
  if (strcmp(auth->conf->trust, "remote_user") == 0 && cf_request_variable(rq, "AUTH_TYPE").n > 0)
    return cf_request_variable(rq, "REMOTE_USER");
  if (strcmp(auth->conf->trust, "client_cert") == 0 &&
      cf_str_is(cf_request_variable(rq, "SSL_CLIENT_VERIFY"), "SUCCESS"))
    return cf_request_variable(rq, "SSL_CLIENT_S_DN");
  return CF_STR("");
}

static void be_trusted(const struct cf_auth *auth, const struct cf_request *rq,
                       struct cf_identity *who)
{
  struct cf_str user = user_vouched(auth, rq);
  const struct trusted *trusted = user.n > 0 ? find_trusted(auth, user) : NULL;
  if (trusted == NULL)
    return;
  *who = (struct cf_identity){.via = CF_VIA_TRUST,
                              .user = user,
                              .source = cf_source_ok(user) ? user : CF_STR(""),
                              .credential = cf_str_from(auth->conf->trust)};
  who->roles = trusted->roles;
}

/* No header that could tell who it is came, from a web server that passes
 * Authorization on only where it is told to. */
static bool keeps_back(const struct cf_request *rq)
{
  struct cf_str server = cf_request_variable(rq, "SERVER_SOFTWARE");

  return cf_request_variable(rq, "HTTP_COOKIE").n == 0 &&
         (cf_str_starts(server, CF_STR("Apache")) || cf_str_starts(server, CF_STR("LiteSpeed")));
}

enum cf_err cf_auth_identify(struct cf_auth *auth, const struct cf_request *rq, enum cf_need need,
                             int64_t now_us, struct cf_identity *who, struct cf_fault *fault)
{
  *who = (struct cf_identity){.via = CF_VIA_NOBODY};
  if (rq->transport->door == CF_DOOR_ADMIN)
    return be_local(rq, who, fault);
  struct cf_buf scratch;
  cf_buf_init(&scratch, CREDENTIALS_MAX);
  struct carried carried = find_token(rq, &scratch);
  bool cookie_ok = rq->method != CF_HTTP_POST || need == CF_NEED_PAGE;
  enum cf_err err = CF_OK;
  if (carried.via != CF_VIA_NOBODY || (cookie_ok && cf_request_variable(rq, "HTTP_COOKIE").n > 0))
    err = cf_tokens_ready(auth->tokens, need == CF_NEED_WRITER ? CF_TOKENS_WRITERS : CF_TOKENS_ALL);
  if (err == CF_OK && carried.via != CF_VIA_NOBODY)
    err = identify_token(auth, carried, now_us, who, fault);
  if (scratch.p != NULL)
    cf_wipe(scratch.p, scratch.n);
  cf_buf_fini(&scratch);
  if (err != CF_OK)
    return err;
  if (who->via == CF_VIA_NOBODY && cookie_ok)
    be_cookie(auth, rq, now_us, who);
  if (who->via == CF_VIA_NOBODY)
    be_trusted(auth, rq, who);
  who->kept_back = who->via == CF_VIA_NOBODY && keeps_back(rq);
  return CF_OK;
}

enum cf_err cf_auth_still(struct cf_auth *auth, const struct cf_identity *who, int64_t now_us,
                          struct cf_fault *fault)
{
  if (who->token == NULL)
    return CF_OK;
  struct cf_token *token = who->via == CF_VIA_COOKIE
                               ? cf_sessions_get(auth->sessions, who->cookie, now_us)
                               : cf_tokens_get(auth->tokens, cf_str_from(who->token->id));
  bool valid = token != NULL && cf_token_valid(token, now_us);
  cf_token_put(token);
  return valid ? CF_OK
               : cf_fail(fault, CF_E_TOKEN, NULL,
                         "the token was revoked or has expired, or its session has ended");
}

void cf_identity_fini(struct cf_identity *who)
{
  cf_token_put(who->token);
  *who = (struct cf_identity){.via = CF_VIA_NOBODY};
}

/* ---- may they? ---- */

static bool is_public(const struct cf_auth *auth, enum cf_need need)
{
  if (need == CF_NEED_NOBODY || need == CF_NEED_PAGE)
    return true;
  if (need == CF_NEED_CHECKPOINT)
    return strcmp(auth->conf->public_access, "none") != 0;
  return need == CF_NEED_TILES && strcmp(auth->conf->public_access, "tiles") == 0;
}

/* The role that a need asks for; of those that ask for none, the one that may
 * give itself any other, so that a mistake gives nothing away. */
static enum cf_role role_of(enum cf_need need)
{
  switch (need) {
  case CF_NEED_WRITER: return CF_ROLE_WRITER;
  case CF_NEED_READER: return CF_ROLE_READER;
  case CF_NEED_AUDITOR:
  case CF_NEED_RECEIPT:
  case CF_NEED_TILES:
  case CF_NEED_CHECKPOINT: return CF_ROLE_AUDITOR;
  case CF_NEED_ADMIN:
  case CF_NEED_NOBODY:
  case CF_NEED_PAGE:
  case CF_NEED_KNOWN:
  case CF_NEED_N: break;
  }
  return CF_ROLE_ADMIN;
}

enum cf_err cf_auth_allow(const struct cf_auth *auth, const struct cf_identity *who,
                          enum cf_need need, struct cf_fault *fault)
{
  if (is_public(auth, need))
    return CF_OK;
  if (who->via == CF_VIA_NOBODY)
    return cf_fail(fault, CF_E_TOKEN, NULL, "send a token: Authorization: Bearer cf_...%s",
                   who->kept_back ? "; if you did, the web server keeps it from this program: its "
                                    "configuration or .htaccess needs CGIPassAuth On"
                                  : "");
  if (need == CF_NEED_KNOWN || cf_roles_have(who->roles, role_of(need)))
    return CF_OK;
  if (need == CF_NEED_RECEIPT && cf_roles_have(who->roles, CF_ROLE_WRITER))
    return CF_OK;
  bool doubted = who->token != NULL && cf_roles_have(who->token->roles, role_of(need));
  return cf_fail(
      fault, CF_E_ROLE, NULL,
      doubted
          ? "this needs the role `%s`, which the token has and may not use while a record that may tell of it cannot be read: ask the operator to run `counterfoil verify`"
          : "this needs the role `%s`",
      cf_role_name(role_of(need)));
}
