/* SPDX-License-Identifier: MIT */
/* The page for people: GET / (api.md). Everything on it works without
 * JavaScript; everything that came from outside goes through the template's
 * escaping. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/page/listing.h"
#include "fcgi-app/page/page_view.h"
#include "fcgi-app/routes/access_in.h"
#include "fcgi-app/routes/call_in.h"
#include "fcgi-app/who/session.h"
#include "lib/evidence/receipt.h"
#include "lib/evidence/verify_ledger.h"

#define QUICK_BUDGET_US INT64_C(2000000)
#define FORM_MAX        4096

/* ---- answers ---- */

static enum cf_err page_headers(struct cf_call *call, int status)
{
  static const struct {
    const char *name, *value;
  } headers[] = {
      {"Content-Security-Policy",
       "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "same-origin"},
  };
  enum cf_err err = cf_response_begin(call->response, status, "text/html; charset=utf-8");
  for (size_t i = 0; i < sizeof headers / sizeof headers[0] && err == CF_OK; i++)
    err = cf_response_header(call->response, headers[i].name, cf_str_from(headers[i].value));
  return err;
}

static enum cf_err answer_page(struct cf_call *call, int status, struct cf_page_view *view)
{
  struct cf_buf b;
  struct cf_page_values values = {view, cf_page_view_value, cf_page_view_part};
  const struct cf_site *site;
  cf_buf_init(&b, SIZE_MAX);
  enum cf_err err = cf_call_site(call, &site);
  if (err == CF_OK)
    err = cf_page_put(site, &values, &b);
  if (err == CF_OK)
    err = page_headers(call, status);
  if (err == CF_OK && status == 401)
    err = cf_response_header(call->response, "WWW-Authenticate", CF_STR("Bearer"));
  if (err == CF_OK)
    err = cf_response_put(call->response, cf_buf_str(&b));
  cf_buf_fini(&b);
  return err;
}

/* To the page itself, with or without a cookie to set. Shows nothing. */
static enum cf_err page_redirect(struct cf_call *call, struct cf_str cookie)
{
  struct cf_buf b;
  call->access.action = NULL;
  cf_buf_init(&b, 4 * CF_PATH_MAX);
  cf_path_put(&b, call->request->mount);
  cf_buf_putc(&b, '/');
  enum cf_err err = b.err;
  if (err == CF_OK)
    err = cf_response_begin(call->response, 303, "text/plain; charset=utf-8");
  if (err == CF_OK)
    err = cf_response_header(call->response, "Location", cf_buf_str(&b));
  if (err == CF_OK && cookie.n > 0)
    err = cf_response_header(call->response, "Set-Cookie", cookie);
  cf_buf_fini(&b);
  return err;
}

/* The form, which shows nothing of the log. */
static enum cf_err answer_login(struct cf_call *call, int status, const char *message)
{
  struct cf_page_view *view = calloc(1, sizeof *view);
  call->access.action = NULL;
  if (view == NULL)
    return CF_E_NOMEM;
  view->origin = cf_str_from(cf_ledger_vkey(call->app->ledger)->name);
  view->message = message;
  enum cf_err err = answer_page(call, status, view);
  free(view);
  return err;
}

/* ---- the list ---- */

/* State of the chain: size, newest checkpoint, and whether a quick look at them
 * finds a fault. */
static enum cf_err look_at_chain(struct cf_call *call, struct cf_page_view *view)
{
  struct cf_verify_job job = {.mode = CF_VERIFY_QUICK, .budget_us = QUICK_BUDGET_US};
  struct cf_verify_result *result = calloc(1, sizeof *result);
  struct cf_fault fault = {{0}, {0}};
  struct cf_buf note;
  if (result == NULL)
    return CF_E_NOMEM;
  cf_buf_init(&note, CF_NOTE_MAX);
  cf_ledger_state(call->app->ledger, &view->state);
  view->sealed = cf_checkpoint_get(call->app->ledger, &note, &view->checkpoint) == CF_OK;
  enum cf_err err = cf_verify_ledger(call->app->ledger, &job, result, &fault);
  bool unknown = err != CF_OK || (result->ok && (result->files_unjudged || !result->complete));
  view->chain = unknown ? CF_CHAIN_UNKNOWN : result->ok ? CF_CHAIN_OK : CF_CHAIN_BAD;
  if (err == CF_OK && result->errors_n > 0)
    view->verdict = cf_verdict_name(result->errors[0].verdict);
  cf_buf_fini(&note);
  free(result);
  return CF_OK;
}

static enum cf_err answer_list(struct cf_call *call, struct cf_page_view *view,
                               struct cf_listing *listing)
{
  enum cf_err asked =
      cf_listing_ask(listing, call->app->ledger, call->request, call->now_us, &call->fault);
  if (asked != CF_OK && asked != CF_E_DAMAGED && asked != CF_E_PARAMETER && asked != CF_E_CURSOR)
    return asked;
  if (asked != CF_OK) {
    view->problem = cf_err_title(asked);
    view->problem_at = call->fault.at;
    view->problem_detail = call->fault.detail;
  }
  if (asked == CF_OK || asked == CF_E_DAMAGED)
    cf_access_filter(call, cf_buf_str(&listing->filter));
  enum cf_err err = look_at_chain(call, view);
  call->access.rows = listing->n;
  call->access.failed = asked == CF_E_DAMAGED || view->chain == CF_CHAIN_BAD;
  return err == CF_OK ? answer_page(call, asked == CF_OK ? 200 : cf_err_status(asked), view) : err;
}

static enum cf_err show_list(struct cf_call *call)
{
  struct cf_page_view *view = calloc(1, sizeof *view);
  struct cf_listing *listing = calloc(1, sizeof *listing);
  enum cf_err err = view == NULL || listing == NULL ? CF_E_NOMEM : CF_OK;
  if (err == CF_OK) {
    cf_listing_init(listing);
    view->origin = cf_str_from(cf_ledger_vkey(call->app->ledger)->name);
    view->who = &call->who;
    view->max_skew_us = call->app->conf->max_skew_us;
    view->request = call->request;
    view->listing = listing;
    err = answer_list(call, view, listing);
    cf_listing_fini(listing);
  }
  free(listing);
  free(view);
  return err;
}

/* The mount point without its slash: the page's links would lead astray. */
static bool lacks_slash(const struct cf_request *rq)
{
  struct cf_str script = cf_request_variable(rq, "SCRIPT_NAME");
  return !rq->has_path_info && script.n > 0 && script.p[script.n - 1] != '/';
}

enum cf_err cf_handle_page(struct cf_call *call)
{
  if (lacks_slash(call->request))
    return page_redirect(call, CF_STR(""));
  if (call->who.via == CF_VIA_NOBODY)
    return answer_login(call, 200, NULL);
  if (!cf_roles_have(call->who.roles, CF_ROLE_READER)) {
    cf_access_refused(call, "refused", CF_E_ROLE);
    return answer_login(call, 403, "This token may not read the log: it needs the role reader.");
  }
  return show_list(call);
}

/* ---- signing in and out ---- */

enum cf_err cf_handle_login_get(struct cf_call *call)
{
  return answer_login(call, 200, NULL);
}

static struct cf_str trimmed(struct cf_str s)
{
  while (s.n > 0 && memchr(" \t\r\n", *s.p, 4) != NULL)
    s = (struct cf_str){s.p + 1, s.n - 1};
  while (s.n > 0 && memchr(" \t\r\n", s.p[s.n - 1], 4) != NULL)
    s.n--;
  return s;
}

/* Each leaves a record. The page is for reading; what an admin has a session
 * for is revoking tokens too. */
static enum cf_err sign_in_room(struct cf_call *call, const struct cf_token *token)
{
  return cf_roles_have(cf_token_roles(token), CF_ROLE_ADMIN) ? CF_OK : cf_access_room(call);
}

/* What is told is made before the session is: one that cannot be told is not
 * begun. */
static enum cf_err sign_in(struct cf_call *call, const struct cf_token *token)
{
  struct cf_sessions *sessions = cf_auth_sessions(call->app->auth);
  struct cf_session_change change;
  struct cf_buf header;
  enum cf_err err = cf_session_begin(sessions, token, call->now_us, &change);
  if (err != CF_OK)
    return err;
  cf_buf_init(&header, 4 * CF_PATH_MAX + 512);
  cf_session_put_header(call->request, cf_str_from(change.cookie),
                        (change.end_us - call->now_us) / 1000000, &header);
  err = header.err;
  if (err == CF_OK)
    err = cf_access_append(call, token, "sign-in", change.rows, change.rows_n);
  cf_session_settle(sessions, &change, err);
  if (err == CF_OK)
    err = page_redirect(call, cf_buf_str(&header));
  if (header.p != NULL)
    cf_wipe(header.p, header.n);
  cf_buf_fini(&header);
  return err;
}

/* Read the posted form into the request's parameters. */
static enum cf_err read_form(struct cf_call *call)
{
  struct cf_body body;
  enum cf_err err = cf_body_read(&call->charge, call->request, FORM_MAX, &body, &call->fault);
  if (err != CF_OK)
    return err;
  err = cf_request_form(call->request, cf_buf_str(&body.data), &call->fault);
  if (body.data.p != NULL)
    cf_wipe(body.data.p, body.data.n);
  cf_body_fini(&body);
  return err;
}

enum cf_err cf_handle_login_post(struct cf_call *call)
{
  struct cf_str text = CF_STR("");
  enum cf_err err = read_form(call);
  if (err == CF_OK)
    err = cf_request_only(call->request, "token", &call->fault);
  if (err == CF_OK)
    err = cf_tokens_ready(cf_auth_tokens(call->app->auth), CF_TOKENS_ALL);
  if (err != CF_OK)
    return err;
  cf_request_get(call->request, "token", &text);
  struct cf_token *token =
      cf_tokens_check(cf_auth_tokens(call->app->auth), trimmed(text), call->now_us);
  if (token == NULL) {
    cf_access_refused(call, "sign-in", CF_E_TOKEN);
    return answer_login(call, 401, "This token is not known, has expired or was revoked.");
  }
  err = sign_in_room(call, token);
  if (err == CF_OK)
    err = sign_in(call, token);
  cf_token_put(token);
  return err;
}

/* The session is over at once. */
static enum cf_err sign_out(struct cf_call *call)
{
  struct cf_sessions *sessions = cf_auth_sessions(call->app->auth);
  struct cf_session_change change;
  struct cf_buf header;
  enum cf_err err = cf_session_end(sessions, call->who.cookie, &change);
  if (err != CF_OK)
    return err;
  err = cf_access_append(call, NULL, "sign-out", change.rows, change.rows_n);
  cf_session_settle(sessions, &change, err);
  if (err != CF_OK)
    return err;
  cf_buf_init(&header, 4 * CF_PATH_MAX + 512);
  cf_session_put_header(call->request, CF_STR(""), 0, &header);
  err = header.err;
  if (err == CF_OK)
    err = page_redirect(call, cf_buf_str(&header));
  cf_buf_fini(&header);
  return err;
}

enum cf_err cf_handle_logout(struct cf_call *call)
{
  struct cf_str form = CF_STR("");
  enum cf_err err = read_form(call);
  if (err == CF_OK)
    err = cf_request_only(call->request, "form", &call->fault);
  if (err != CF_OK)
    return err;
  cf_request_get(call->request, "form", &form);
  if (call->who.cookie.n == 0)
    return page_redirect(call, CF_STR(""));
  err = cf_session_check_form(call->who.cookie, form, &call->fault);
  return err == CF_OK ? sign_out(call) : err;
}
