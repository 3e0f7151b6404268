/* SPDX-License-Identifier: MIT */
/* GET and POST /v1/tokens, POST /v1/tokens/{id}/revoke: each change is a record
 * and a row in one transaction (format.md, kind `token`). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "fcgi-app/routes/call_in.h"
#include "lib/base/utf8.h"
#include "lib/record/json.h"

#define BODY_MAX   65536
#define BODY_DEPTH 3

/* ---- a change ---- */

/* Begin one, if the caller, whose token may have ended since he came, may still
 * make it. */
static enum cf_err tokens_enter(struct cf_call *call)
{
  struct cf_tokens *tokens = cf_auth_tokens(call->app->auth);
  enum cf_err err = cf_tokens_enter(tokens);
  if (err != CF_OK)
    return err;
  err = cf_auth_still(call->app->auth, &call->who, cf_clock_now_us(), &call->fault);
  if (err != CF_OK)
    cf_tokens_leave(tokens);
  return err;
}

static enum cf_err tokens_commit(struct cf_call *call, const struct cf_token_change *change,
                                 size_t n)
{
  const struct cf_token_by by = {call->who.source, call->who.user, call->who.credential};
  return cf_tokens_put(cf_auth_tokens(call->app->auth), change, n, &by, &call->fault);
}

/* ---- a new token ---- */

struct order {
  struct cf_call *call;
  struct cf_token *token;
  char replaces[CF_TOKEN_ID_N + 1]; /* the id of the one that it is in place of; empty: none */
  bool has_overlap;
  int64_t overlap_us; /* how long that one counts yet */
};

static enum cf_err order_bad(struct order *order, const char *member, const char *what)
{
  return cf_fail(&order->call->fault, CF_E_INVALID, member, "%s", what);
}

static enum cf_err take_roles(struct order *order, const struct cf_json *v)
{
  if (cf_json_type(v) != CF_JSON_ARRAY || cf_json_count(v) == 0)
    return order_bad(order, "roles", "roles is a list of at least one role");
  for (size_t i = 0; i < cf_json_count(v); i++) {
    enum cf_role role = cf_role_find(cf_json_string(cf_json_element(v, i)));
    if (role == CF_ROLE_N)
      return order_bad(order, "roles", "a role is one of " CF_ROLE_WORDS);
    order->token->roles |= 1u << role;
  }
  return CF_OK;
}

static enum cf_err take_sources(struct order *order, const struct cf_json *v)
{
  if (cf_json_type(v) != CF_JSON_ARRAY)
    return order_bad(order, "sources", "sources is a list of names");
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < cf_json_count(v) && err == CF_OK; i++)
    err = cf_token_add_source(order->token, cf_json_string(cf_json_element(v, i)),
                              &order->call->fault);
  return err;
}

/* A time, or a span from now on. */
static enum cf_err take_expires(struct order *order, const struct cf_json *v)
{
  int64_t span;
  struct cf_str text = cf_json_string(v);
  if (cf_span_parse(text, &span) == CF_OK && span < CF_TIME_MAX_US - order->call->now_us)
    order->token->expires_us = order->call->now_us + span;
  else if (cf_time_parse(text, &order->token->expires_us) != CF_OK)
    return order_bad(order, "expires",
                     "expires is a time like 2027-01-31T00:00:00Z, or a span like 90d");
  return order->token->expires_us > order->call->now_us
             ? CF_OK
             : order_bad(order, "expires", "expires lies in the past");
}

static enum cf_err take_replaces(struct order *order, const struct cf_json *v)
{
  struct cf_str id = cf_json_string(v);
  if (id.n != CF_TOKEN_ID_N)
    return order_bad(order, "replaces", "replaces is the id of a token");
  memcpy(order->replaces, id.p, id.n);
  return CF_OK;
}

static enum cf_err take_overlap(struct order *order, const struct cf_json *v)
{
  order->has_overlap = true;
  return cf_span_parse(cf_json_string(v), &order->overlap_us) == CF_OK &&
                 order->overlap_us < CF_TIME_MAX_US - order->call->now_us
             ? CF_OK
             : order_bad(order, "overlap", "overlap is a span like 24h");
}

static enum cf_err take_member(void *context, struct cf_str name, const struct cf_json *v)
{
  struct order *order = context;
  if (cf_json_type(v) == CF_JSON_NULL)
    return CF_OK;
  if (cf_str_is(name, "name"))
    return cf_token_set_name(order->token, cf_json_string(v), &order->call->fault);
  if (cf_str_is(name, "roles"))
    return take_roles(order, v);
  if (cf_str_is(name, "sources"))
    return take_sources(order, v);
  if (cf_str_is(name, "expires"))
    return take_expires(order, v);
  if (cf_str_is(name, "replaces"))
    return take_replaces(order, v);
  if (cf_str_is(name, "overlap"))
    return take_overlap(order, v);
  char shown[80];
  snprintf(shown, sizeof shown, "%.*s", (int)cf_utf8_head(name, sizeof shown - 1).n, name.p);
  return order_bad(
      order, shown,
      "unknown member; a token has name, roles, sources, expires, and replaces with overlap");
}

static enum cf_err read_order(struct order *order, struct cf_str text)
{
  struct cf_json *doc = NULL;
  enum cf_err err = cf_json_parse(text, BODY_DEPTH, &doc, &order->call->fault);
  if (err == CF_OK && cf_json_type(doc) != CF_JSON_OBJECT)
    err = order_bad(order, NULL, "the body is one JSON object");
  if (err == CF_OK)
    err = cf_json_each(doc, take_member, order);
  if (err == CF_OK && order->token->name == NULL)
    err = order_bad(order, "name", "a token needs a name");
  if (err == CF_OK && order->token->roles == 0)
    err = order_bad(order, "roles", "a token needs at least one role");
  if (err == CF_OK && order->has_overlap && order->replaces[0] == '\0')
    err = order_bad(order, "overlap", "overlap goes with replaces");
  cf_json_free(doc);
  return err;
}

static enum cf_err answer_token(struct cf_call *call, int status, const struct cf_token *token,
                                const char *text)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_putc(&b, '{');
  cf_token_put_members(token, &b);
  if (text != NULL)
    cf_json_put_member(&b, "token", cf_str_from(text));
  cf_buf_puts(&b, "}\n");
  call->response->plain = text != NULL; /* a secret beside a name that was sent */
  enum cf_err err = cf_call_answer(call, status, "application/json", &b);
  if (b.p != NULL)
    cf_wipe(b.p, b.n);
  cf_buf_fini(&b);
  return err;
}

/* ---- in place of another ---- */

/* The name is the source of events: whoever makes a second token of one by
 * mistake gives a source to two. */
static enum cf_err name_check(struct order *order)
{
  struct cf_token *live = cf_tokens_live(cf_auth_tokens(order->call->app->auth), order->token->name,
                                         order->replaces, order->call->now_us);
  if (live == NULL)
    return CF_OK;
  enum cf_err err =
      cf_fail(&order->call->fault, CF_E_INVALID, "name",
              "%.128s has the token %s already: say that the new one replaces it, with an overlap "
              "like 24h where it is still in use, or revoke it first",
              live->name, live->id);
  cf_token_put(live);
  return err;
}

/* A copy of the one that is replaced, with its end, and what is to be told of
 * it. */
static enum cf_err old_end(struct order *order, const struct cf_token *old,
                           struct cf_token_change *change, struct cf_token **copy)
{
  int64_t now_us = order->call->now_us;
  if (strcmp(old->name, order->token->name) != 0)
    return order_bad(order, "replaces", "a token replaces one of the same name");
  if (!cf_token_valid(old, now_us))
    return order_bad(order, "replaces", "that token counts no more: leave replaces away");
  enum cf_err err = cf_token_copy(old, copy);
  if (err != CF_OK)
    return err;
  if (order->overlap_us == 0)
    (*copy)->revoked_us = now_us;
  else if (old->expires_us == CF_TIME_NONE || now_us + order->overlap_us < old->expires_us)
    (*copy)->expires_us = now_us + order->overlap_us;
  *change = (struct cf_token_change){*copy, order->overlap_us == 0 ? "revoke" : "add"};
  return CF_OK;
}

/* Entered: both are told in one append, so that there is no moment with neither
 * and none with an old one that has no end. */
static enum cf_err order_commit(struct order *order)
{
  struct cf_call *call = order->call;
  struct cf_token_change change[2] = {{order->token, "add"}};
  struct cf_token *old = NULL, *copy = NULL;
  size_t n = 1;
  enum cf_err err = name_check(order);
  if (err == CF_OK && order->replaces[0] != '\0') {
    old = cf_tokens_get(cf_auth_tokens(call->app->auth), cf_str_from(order->replaces));
    err = old == NULL ? order_bad(order, "replaces", "there is no token of that id")
                      : old_end(order, old, &change[n++], &copy);
  }
  if (err == CF_OK)
    err = tokens_commit(call, change, n);
  cf_token_put(copy);
  cf_token_put(old);
  return err;
}

static enum cf_err token_create(struct cf_call *call, struct cf_str body)
{
  struct order order = {.call = call};
  char text[CF_TOKEN_TEXT_MAX];
  enum cf_err err = cf_token_new(&order.token);
  if (err == CF_OK)
    err = read_order(&order, body);
  if (err == CF_OK)
    err = cf_token_draw(order.token, text);
  if (err == CF_OK)
    err = tokens_enter(call);
  if (err == CF_OK) {
    err = order_commit(&order);
    cf_tokens_leave(cf_auth_tokens(call->app->auth));
  }
  if (err == CF_OK)
    err = answer_token(call, 201, order.token, text);
  cf_wipe(text, sizeof text);
  cf_token_put(order.token);
  return err;
}

enum cf_err cf_handle_tokens_post(struct cf_call *call)
{
  struct cf_body body;
  enum cf_err err = cf_body_read(&call->charge, call->request, BODY_MAX, &body, &call->fault);
  if (err != CF_OK)
    return err;
  err = token_create(call, cf_buf_str(&body.data));
  cf_body_fini(&body);
  return err;
}

/* ---- revoking ---- */

/* A second revocation changes nothing and is no error. */
static enum cf_err token_revoke(struct cf_call *call, const struct cf_token *token)
{
  struct cf_token *copy = NULL;
  if (token->revoked_us != CF_TIME_NONE)
    return answer_token(call, 200, token, NULL);
  call->access.action = NULL; /* its own record tells */
  enum cf_err err = cf_token_copy(token, &copy);
  if (err == CF_OK) {
    copy->revoked_us = call->now_us;
    err = tokens_commit(call, &(struct cf_token_change){copy, "revoke"}, 1);
  }
  if (err == CF_OK)
    err = answer_token(call, 200, copy, NULL);
  cf_token_put(copy);
  return err;
}

enum cf_err cf_handle_token_revoke(struct cf_call *call)
{
  call->access.action = "tokens";
  struct cf_tokens *tokens = cf_auth_tokens(call->app->auth);
  enum cf_err err = tokens_enter(call);
  if (err != CF_OK)
    return err;
  struct cf_token *token = cf_tokens_get(tokens, call->args[0]);
  err = token == NULL ? cf_fail(&call->fault, CF_E_NOTFOUND, NULL, "there is no token of that id")
                      : token_revoke(call, token);
  cf_token_put(token);
  cf_tokens_leave(tokens);
  return err;
}

/* ---- the list ---- */

struct listing {
  struct cf_buf text;
  uint64_t n;
};

static void put_one(void *context, const struct cf_token *token)
{
  struct listing *listing = context;
  struct cf_buf *b = &listing->text;
  listing->n++;
  if (b->n > 0 && b->p[b->n - 1] != '[')
    cf_buf_puts(b, ",\n");
  cf_buf_putc(b, '{');
  cf_token_put_members(token, b);
  if (token->refused != NULL)
    cf_json_put_member(b, "refused", cf_str_from(token->refused));
  if (token->doubted)
    cf_json_put_member_bool(b, "doubted", true);
  cf_buf_putc(b, '}');
}

enum cf_err cf_handle_tokens_get(struct cf_call *call)
{
  struct listing listing = {.n = 0};
  enum cf_err err = cf_tokens_ready(cf_auth_tokens(call->app->auth), CF_TOKENS_ALL);
  if (err != CF_OK)
    return err;
  cf_buf_init(&listing.text, SIZE_MAX);
  cf_buf_puts(&listing.text, "{\"tokens\":[");
  cf_tokens_each(cf_auth_tokens(call->app->auth), put_one, &listing);
  cf_buf_puts(&listing.text, "]}\n");
  call->access.rows = listing.n;
  err = cf_call_answer(call, 200, "application/json", &listing.text);
  cf_buf_fini(&listing.text);
  return err;
}
