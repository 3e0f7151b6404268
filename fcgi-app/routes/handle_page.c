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
#include "fcgi-app/who/site.h"
#include "fcgi-app/who/way_back.h"
#include "lib/evidence/receipt.h"
#include "lib/evidence/verify_ledger.h"

#define QUICK_BUDGET_US INT64_C(2000000)
#define FORM_MAX        (4096 + 3 * CF_WAY_BACK_MAX)

/* ---- answers ---- */

static enum cf_err answer_page(struct cf_call *call, int status, struct cf_page_view *view)
{
  struct cf_buf b;
  struct cf_page_values values = {view, cf_page_view_value, cf_page_view_part};
  const struct cf_site *site;
  cf_buf_init(&b, SIZE_MAX);
  enum cf_err err = cf_call_site(call, &site);
  if (err == CF_OK)
    err = cf_page_put(site, &values, &b);
  call->response->plain = true; /* a form's token beside text of others */
  if (err == CF_OK)
    err = cf_response_begin_page(call->response, status);
  if (err == CF_OK && status == 401)
    err = cf_response_header(call->response, "WWW-Authenticate", CF_STR("Bearer"));
  if (err == CF_OK)
    err = cf_response_put(call->response, cf_buf_str(&b));
  cf_buf_fini(&b);
  return err;
}

/* To a path below the mount point, with or without a cookie to set. Shows
 * nothing. */
static enum cf_err page_redirect(struct cf_call *call, struct cf_str path, struct cf_str cookie)
{
  struct cf_buf b;
  call->access.action = NULL;
  cf_buf_init(&b, 4 * CF_PATH_MAX + CF_WAY_BACK_MAX);
  cf_path_put(&b, cf_site_mount(call->app->conf, call->request));
  cf_buf_putstr(&b, path);
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

/* The form, which shows nothing of the log. It leads on to that path. */
static enum cf_err answer_login(struct cf_call *call, int status, const char *message,
                                struct cf_str path)
{
  struct cf_page_view *view = calloc(1, sizeof *view);
  struct cf_buf next;
  call->access.action = NULL;
  if (view == NULL)
    return CF_E_NOMEM;
  cf_buf_init(&next, SIZE_MAX);
  cf_way_back_put(call->app->ledger, path, &next);
  view->origin = cf_str_from(cf_ledger_vkey(call->app->ledger)->name);
  view->message = message;
  view->next = cf_buf_str(&next);
  enum cf_err err = next.err == CF_OK ? answer_page(call, status, view) : next.err;
  cf_buf_fini(&next);
  free(view);
  return err;
}

/* The same instead of the page that was asked for. */
static enum cf_err answer_login_first(struct cf_call *call, int status, const char *message)
{
  const struct cf_request *rq = call->request;
  struct cf_str cursor = CF_STR("");
  struct cf_buf path, question;
  cf_buf_init(&path, SIZE_MAX);
  cf_buf_init(&question, SIZE_MAX);
  bool paged = cf_request_get(rq, "cursor", &cursor) && cursor.n > 0;
  cf_listing_link(rq, paged ? CF_STR("cursor") : CF_STR(""), cursor, &question);
  cf_path_put(&path, rq->path);
  cf_buf_puts(&path, question.n > 0 ? "?" : "");
  cf_buf_putstr(&path, cf_buf_str(&question));
  enum cf_err err = path.err != CF_OK ? path.err : question.err;
  if (err == CF_OK)
    err = answer_login(call, status, message, cf_buf_str(&path));
  cf_buf_fini(&question);
  cf_buf_fini(&path);
  return err;
}

/* ---- the list ---- */

/* A quick look at the chain: at its newest checkpoint, root and links. */
static enum cf_err look_at_chain(struct cf_call *call, struct cf_page_view *view)
{
  struct cf_verify_job job = {.mode = CF_VERIFY_QUICK, .budget_us = QUICK_BUDGET_US};
  struct cf_verify_result *result = calloc(1, sizeof *result);
  struct cf_control_verdict verdict;
  struct cf_fault fault = {{0}, {0}};
  if (result == NULL)
    return CF_E_NOMEM;
  enum cf_err err = cf_verify_ledger(call->app->ledger, &job, result, &fault);
  if (err == CF_OK) {
    cf_seal_verdict(job.mode, result, &verdict);
    view->looked = verdict.word == CF_VERDICT_HOLDS;
    if (!result->ok)
      cf_access_verdict(call, &verdict);
  }
  free(result);
  return CF_OK;
}

/* What stands on every page of somebody who reads: size, newest checkpoint,
 * and the sign. */
static enum cf_err view_begin(struct cf_call *call, struct cf_page_view *view)
{
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  view->now_us = call->now_us;
  cf_ledger_state(call->app->ledger, &view->state);
  view->assurance = cf_witnesses_assurance(call->app->witnesses, call->now_us, &view->assured_size);
  view->sealed = cf_checkpoint_get(call->app->ledger, &note, &view->checkpoint) == CF_OK;
  cf_buf_fini(&note);
  enum cf_err err = look_at_chain(call, view);
  view->looked &= cf_seals_get(&call->app->seals, call->app->ledger, call->now_us, &view->seal);
  return err;
}

/* What sources did not send, to who may ask for it. */
static enum cf_err view_missing(struct cf_call *call, struct cf_page_view *view)
{
  return cf_roles_have(call->who.roles, CF_ROLE_AUDITOR)
             ? cf_missing_get(call->app->gaps, call->app->ledger, &view->missing)
             : CF_OK;
}

static enum cf_err answer_list(struct cf_call *call, struct cf_page_view *view,
                               struct cf_listing *listing)
{
  enum cf_err asked =
      cf_listing_ask(listing, call->app->ledger, call->request, call->now_us, &call->fault);
  if (asked != CF_OK && asked != CF_E_DAMAGED && asked != CF_E_PARAMETER && asked != CF_E_CURSOR)
    return asked;
  if (asked != CF_OK) {
    view->problem = asked == CF_E_DAMAGED  ? "Some records cannot be read"
                    : asked == CF_E_CURSOR ? "This place in an answer is not there"
                                           : "This question cannot be asked";
    view->problem_at = call->fault.at;
    view->problem_detail = call->fault.detail;
  }
  if (asked == CF_OK || asked == CF_E_DAMAGED)
    cf_access_filter(call, cf_buf_str(&listing->filter));
  if (asked == CF_E_DAMAGED) {
    view->damaged = &listing->end;
    cf_access_damage(call, listing->end.damaged_from, listing->end.damaged_to);
  }
  enum cf_err err = view_begin(call, view);
  if (err == CF_OK)
    err = view_missing(call, view);
  call->access.rows = listing->n;
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
    return page_redirect(call, CF_STR("/"), CF_STR(""));
  if (call->who.via == CF_VIA_NOBODY)
    return answer_login_first(call, 200, NULL);
  if (cf_auth_allow(call->app->auth, &call->who, CF_NEED_READER, &call->fault) != CF_OK) {
    cf_access_refused(call, "refused", CF_E_ROLE);
    return answer_login_first(call, 403, call->fault.detail);
  }
  return show_list(call);
}

/* ---- signing in and out ---- */

enum cf_err cf_handle_login_get(struct cf_call *call)
{
  return answer_login(call, 200, NULL, CF_STR(""));
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
static enum cf_err sign_in(struct cf_call *call, const struct cf_token *token, struct cf_str path)
{
  struct cf_sessions *sessions = cf_auth_sessions(call->app->auth);
  struct cf_session_change change;
  struct cf_buf header;
  enum cf_err err = cf_session_begin(sessions, token, call->now_us, &change);
  if (err != CF_OK)
    return err;
  cf_buf_init(&header, 4 * CF_PATH_MAX + 512);
  cf_session_put_header(call->app->conf, call->request, cf_str_from(change.cookie),
                        (change.end_us - call->now_us) / 1000000, &header);
  err = header.err;
  if (err == CF_OK)
    err = cf_access_append(call, token, "sign-in", change.rows, change.rows_n);
  cf_session_settle(sessions, &change, err);
  if (err == CF_OK)
    err = page_redirect(call, path, cf_buf_str(&header));
  if (header.p != NULL)
    cf_wipe(header.p, header.n);
  cf_buf_fini(&header);
  return err;
}

/* Whose token it is, valid or not, is told. */
static enum cf_err sign_in_refused(struct cf_call *call, struct cf_token *token, struct cf_str path)
{
  call->who.user = token == NULL ? CF_STR("") : cf_str_from(token->name);
  call->who.credential = token == NULL ? CF_STR("") : cf_str_from(token->id);
  cf_access_refused(call, "sign-in", CF_E_TOKEN);
  call->who.user = call->who.credential = CF_STR("");
  return answer_login(call, 401, "This token is not known, has expired or was revoked.", path);
}

enum cf_err cf_handle_login_post(struct cf_call *call)
{
  struct cf_str text = CF_STR("");
  struct cf_str next = CF_STR("");
  struct cf_str path = CF_STR("/");
  enum cf_err err = cf_call_form(call, FORM_MAX);
  if (err == CF_OK)
    err = cf_request_only(call->request, "token next", &call->fault);
  if (err == CF_OK)
    err = cf_tokens_ready(cf_auth_tokens(call->app->auth), CF_TOKENS_ALL);
  if (err != CF_OK)
    return err;
  cf_request_get(call->request, "token", &text);
  if (cf_request_get(call->request, "next", &next))
    (void)cf_way_back_get(call->app->ledger, next, &path);
  struct cf_token *token = cf_tokens_find(cf_auth_tokens(call->app->auth), trimmed(text));
  if (token == NULL || !cf_token_valid(token, call->now_us)) {
    err = sign_in_refused(call, token, path);
    cf_token_put(token);
    return err;
  }
  err = sign_in_room(call, token);
  if (err == CF_OK)
    err = sign_in(call, token, path);
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
  cf_session_put_header(call->app->conf, call->request, CF_STR(""), 0, &header);
  err = header.err;
  if (err == CF_OK)
    err = page_redirect(call, CF_STR("/"), cf_buf_str(&header));
  cf_buf_fini(&header);
  return err;
}

enum cf_err cf_handle_logout(struct cf_call *call)
{
  struct cf_str form = CF_STR("");
  enum cf_err err = cf_call_form(call, FORM_MAX);
  if (err == CF_OK)
    err = cf_request_only(call->request, "form", &call->fault);
  if (err != CF_OK)
    return err;
  cf_request_get(call->request, "form", &form);
  if (call->who.cookie.n == 0)
    return page_redirect(call, CF_STR("/"), CF_STR(""));
  err = cf_session_check_form(call->who.cookie, form, &call->fault);
  return err == CF_OK ? sign_out(call) : err;
}
