/* SPDX-License-Identifier: MIT */
/* The application: its life, and a request's way through it: route, caller,
 * role, parameters, handler, answer. */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-app/http/problem.h"
#include "fcgi-app/routes/access_in.h"
#include "fcgi-app/routes/call_in.h"
#include "fcgi-app/routes/cors_in.h"
#include "fcgi-app/who/session.h"
#include "fcgi-app/who/site.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "paths.h"

/* ---- life ---- */

/* Without the page's files there is no page; the log goes on, and so does
 * whoever checks it. */
static enum cf_err open_site(struct cf_app *app)
{
  struct cf_fault fault = {"", ""};
  struct cf_buf directory;

  cf_buf_init(&directory, 2 * PATH_MAX);
  enum cf_err err = cf_conf_find_www(app->conf, CF_WWWDIR, &directory);
  if (err == CF_OK)
    err = cf_site_new(cf_buf_cstr(&directory), &app->site, &fault);
  cf_buf_fini(&directory);
  if (err == CF_OK || err == CF_E_NOMEM)
    return err;
  cf_log(CF_LOG_WARNING, "there is no page: %s: %s", fault.at, cf_fault_text(&fault, err));
  return CF_OK;
}

static enum cf_err open_parts(struct cf_app *app, struct cf_fault *fault)
{
  const struct cf_conf *conf = app->conf;
  enum cf_err err = cf_auth_new(conf, app->ledger, &app->auth, fault);
  if (err == CF_OK)
    err = cf_charges_new(conf->ingest_memory, &app->charges);
  if (err == CF_OK)
    err = cf_loss_new(app->ledger, &app->loss);
  if (err == CF_OK)
    err = cf_questions_new(app->ledger, &app->questions);
  if (err == CF_OK)
    err = cf_gaps_new(&app->gaps);
  if (err == CF_OK)
    err = open_site(app);
  if (err == CF_OK)
    err = cf_witnesses_open(conf, app->ledger, &app->witnesses, fault);
  return err;
}

enum cf_err cf_app_new(const struct cf_conf *conf, struct cf_ledger *ledger, struct cf_app **app,
                       struct cf_fault *fault)
{
  struct cf_app *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  cf_route_check();
  cf_seals_init(&made->seals);
  made->conf = conf;
  made->ledger = ledger;
  atomic_init(&made->leaving, false);
  CF_ASSERT(pthread_mutex_init(&made->verify_lock, NULL) == 0);
  CF_ASSERT(pthread_mutex_init(&made->root_lock, NULL) == 0);
  enum cf_err err = open_parts(made, fault);
  if (err == CF_OK)
    *app = made;
  else
    cf_app_free(made);
  return err;
}

void cf_app_free(struct cf_app *app)
{
  if (app == NULL)
    return;
  cf_witnesses_close(app->witnesses);
  cf_questions_free(app->questions);
  cf_gaps_free(app->gaps);
  cf_loss_free(app->loss);
  cf_auth_free(app->auth);
  cf_charges_free(app->charges);
  cf_site_free(app->site);
  cf_resume_fini(&app->resume);
  cf_seals_fini(&app->seals);
  pthread_mutex_destroy(&app->verify_lock);
  pthread_mutex_destroy(&app->root_lock);
  free(app);
}

void cf_app_tick(struct cf_app *app)
{
  cf_loss_tick(app->loss, cf_clock_now_us());
  cf_tokens_tick(cf_auth_tokens(app->auth));
  cf_sessions_tick(cf_auth_sessions(app->auth), cf_clock_now_us());
  cf_questions_tick(app->questions, cf_clock_now_us());
  if (pthread_mutex_trylock(&app->verify_lock) == 0) {
    cf_resume_tick(&app->resume);
    pthread_mutex_unlock(&app->verify_lock);
  }
}

void cf_app_leave(struct cf_app *app)
{
  atomic_store(&app->leaving, true);
}

/* ---- A request ---- */

/* A request with all that its answer takes; on the heap because workers have
 * small stacks. */
struct serving {
  struct cf_call call; /* first, so that it leads back */
  struct cf_request request;
  struct cf_response response;
};

/* A caller whose token is not valid; that it was once is told. */
static enum cf_err nobody_be(struct cf_call *call)
{
  if (call->who.credential.n > 0)
    cf_access_refused(call, "refused", CF_E_TOKEN);
  cf_identity_fini(&call->who);
  return CF_OK;
}

/* Where nobody is asked who he is nobody waits for the tokens either; at the
 * page a caller whose token is not valid is nobody. */
static enum cf_err call_identify(struct cf_call *call)
{
  enum cf_need need = call->route->need;
  if (need == CF_NEED_NOBODY)
    return CF_OK;
  enum cf_err err = cf_auth_identify(call->app->auth, call->request, need, call->now_us, &call->who,
                                     &call->fault);
  if (err == CF_E_TOKEN && need == CF_NEED_PAGE)
    return nobody_be(call);
  return err == CF_OK ? cf_auth_allow(call->app->auth, &call->who, need, &call->fault) : err;
}

/* A browser sends some credentials by itself, wherever the form came from. */
static enum cf_err check_origin(struct cf_call *call)
{
  bool by_itself = call->who.via == CF_VIA_BASIC || call->who.via == CF_VIA_TRUST ||
                   call->route->need == CF_NEED_PAGE;
  return call->request->method == CF_HTTP_POST && by_itself
             ? cf_site_check(call->app->conf, call->request, &call->fault)
             : CF_OK;
}

static enum cf_err check_ready(struct cf_call *call)
{
  if (!call->route->writes || !atomic_load(&call->app->leaving))
    return CF_OK;
  return cf_fail(&call->fault, CF_E_LEAVING, NULL, "the service is stopping; send it again");
}

/* Whose share of the workers a request may take: all strangers have one. */
static struct cf_str caller_of(const struct cf_identity *who)
{
  switch (who->via) {
  case CF_VIA_NOBODY: return CF_STR("nobody");
  case CF_VIA_TRUST: return who->user;
  default: return who->credential;
  }
}

/* What the log has to say may take its reader long, and he may read it slowly:
 * where he has his share already, he is told so before it begins. Events are
 * taken all the same, as long as they come quickly. */
static enum cf_err check_crowd(struct cf_call *call)
{
  struct cf_transport *transport = call->request->transport;

  transport->caller = caller_of(&call->who);
  bool posts = call->route->method == CF_HTTP_POST && call->route->reads == NULL;
  if (call->route->need == CF_NEED_NOBODY || posts || transport->crowded == NULL ||
      !transport->crowded(transport->context))
    return CF_OK;
  return cf_fail(&call->fault, CF_E_CROWDED, NULL,
                 "too many slow answers of this caller are under way; ask again later");
}

static enum cf_err check_params(struct cf_call *call)
{
  enum cf_err err = cf_request_query(call->request, &call->fault);
  if (err != CF_OK || call->route->params == NULL)
    return err;
  return cf_request_only(call->request, call->route->params, &call->fault);
}

/* Who reads must be who they were for as long as it takes. What was written is
 * told in any case. */
static enum cf_err reader_still(void *context)
{
  struct cf_call *call = context;
  if (call->route == NULL || call->route->reads == NULL)
    return CF_OK;
  return cf_auth_still(call->app->auth, &call->who, cf_clock_now_us(), &call->fault);
}

static enum cf_err call_dispatch(struct cf_call *call, char allow[CF_ALLOW_MAX])
{
  struct cf_request *rq = call->request;
  enum cf_err err = cf_route_find(rq->method, rq->path, &call->route, call->args, allow);
  if (err == CF_E_METHOD && cf_cors_asks(rq))
    return cf_cors_answer(call, allow);
  if (err == CF_E_METHOD)
    return cf_fail(&call->fault, err, NULL, "this route takes: %s", allow);
  if (err != CF_OK)
    return cf_fail(&call->fault, err, NULL, "see openapi.json for the routes there are");
  cf_cors_allow(call->app->conf, rq, call->route, call->response);
  call->access.action = call->route->reads;
  err = call_identify(call);
  if (err == CF_OK)
    err = check_origin(call);
  if (err == CF_OK)
    err = check_ready(call);
  if (err == CF_OK)
    err = check_crowd(call);
  if (err == CF_OK)
    err = check_params(call);
  if (err == CF_OK)
    err = call->route->handler(call);
  return err == CF_OK && !call->response->started ? reader_still(call) : err;
}

/* ---- its answer ---- */

/* The web server cut the path at a script or prefix and nothing is behind it:
 * the mount point without its slash, from where the page's links would lead
 * astray. */
static bool is_bare_mount(const struct cf_call *call)
{
  const struct cf_request *rq = call->request;
  struct cf_str file = cf_request_variable(rq, "SCRIPT_FILENAME");
  bool unknown = call->route == NULL && call->app->conf->base == NULL && file.n > 0 &&
                 !cf_str_starts(file, CF_STR("proxy:"));
  return unknown && (rq->method == CF_HTTP_GET || rq->method == CF_HTTP_HEAD) &&
         !rq->has_path_info && rq->path.n > 1 && rq->path.p[rq->path.n - 1] != '/';
}

static enum cf_err answer_redirect(struct cf_call *call)
{
  struct cf_buf b;
  cf_buf_init(&b, 4 * CF_PATH_MAX);
  cf_path_put(&b, call->request->path);
  cf_buf_putc(&b, '/');
  enum cf_err err = b.err;
  if (err == CF_OK)
    err = cf_response_status(call->response, 303);
  if (err == CF_OK)
    err = cf_response_header(call->response, "Location", cf_buf_str(&b));
  cf_buf_fini(&b);
  return err;
}

/* Where nobody has said it yet, what space there is. */
static enum cf_err name_space(struct cf_call *call, enum cf_err err)
{
  if (err != CF_E_SPACE || call->fault.detail[0] != '\0')
    return err;
  return cf_call_fail_space(call, err,
                            call->request->method == CF_HTTP_POST ? "nothing was taken"
                                                                  : "nothing new is signed");
}

static void answer_problem(struct cf_call *call, enum cf_err err, const char *allow)
{
  static struct cf_log_rate rate;
  struct cf_str members = call->members.err == CF_OK ? cf_buf_str(&call->members) : CF_STR("");
  /* Of the last two the ledger says what they are, once. */
  bool told = err == CF_E_LEAVING || err == CF_E_PEER || err == CF_E_SPACE || err == CF_E_NOTREADY;
  if (cf_err_status(err) >= 500 && !told)
    cf_log_rated(&rate, CF_LOG_ERROR, "a request could not be answered: %s: %s", cf_err_word(err),
                 cf_fault_text(&call->fault, err));
  if (call->response->started) {
    cf_response_abandon(call->response);
    return;
  }
  enum cf_err done = cf_response_problem(call->response, err, &call->fault, members);
  if (done == CF_OK && err == CF_E_METHOD)
    done = cf_response_header(call->response, "Allow", cf_str_from(allow));
  if (done != CF_OK)
    cf_log_rated(&rate, CF_LOG_ERROR, "a problem could not be told: %s", cf_err_word(done));
}

static void call_answer(struct cf_call *call, enum cf_err err, const char *allow)
{
  static struct cf_log_rate rate;
  if (err == CF_E_ROUTE && is_bare_mount(call))
    err = answer_redirect(call);
  if (err == CF_E_TOKEN || err == CF_E_ROLE || err == CF_E_ORIGIN)
    cf_access_refused(call, "refused", err);
  err = name_space(call, cf_access_settle(call, err));
  if (err != CF_OK)
    answer_problem(call, err, allow);
  cf_access_close(call, err);
  err = cf_response_end(call->response);
  if (err != CF_OK && err != CF_E_PEER)
    cf_log_rated(&rate, CF_LOG_ERROR, "an answer could not be sent: %s", cf_err_word(err));
}

/* NULL where there is no memory, which the client is told. */
static struct serving *serving_new(const struct cf_conf *conf, struct cf_transport *transport)
{
  struct serving *s = calloc(1, sizeof *s);
  if (s == NULL) {
    cf_problem_answer(transport, CF_E_NOMEM);
    return NULL;
  }
  cf_request_init(&s->request, transport, cf_str_from(conf->base));
  cf_response_init(&s->response, transport, s->request.method == CF_HTTP_HEAD);
  s->response.mount = s->request.mount;
  s->response.takes_gzip = cf_request_takes_gzip(&s->request);
  s->call = (struct cf_call){.conf = conf,
                             .request = &s->request,
                             .response = &s->response,
                             .now_us = cf_clock_now_us(),
                             .access.rows = 1};
  cf_buf_init(&s->call.members, SIZE_MAX);
  cf_buf_init(&s->call.access.filter, SIZE_MAX);
  cf_buf_init(&s->call.access.asked, SIZE_MAX);
  return s;
}

static void serving_free(struct serving *s)
{
  struct cf_transport *transport = s->request.transport;
  bool left = s->call.left;
  cf_buf_fini(&s->call.members);
  transport->caller = CF_STR("");
  cf_buf_fini(&s->call.access.filter);
  cf_buf_fini(&s->call.access.asked);
  cf_identity_fini(&s->call.who);
  cf_response_fini(&s->response);
  cf_request_fini(&s->request);
  cf_charge_fini(&s->call.charge);
  free(s);
  if (left)
    transport->finish(transport->context);
}

/* Of a call that has left the thread that it came in. */
static void call_end(struct cf_call *call, enum cf_err err)
{
  call_answer(call, err, "");
  serving_free((struct serving *)call);
}

static void call_serve(struct serving *s)
{
  char allow[CF_ALLOW_MAX] = "";
  enum cf_err err = call_dispatch(&s->call, allow);
  if (err == CF_E_LATER)
    return;
  call_answer(&s->call, err, allow);
  serving_free(s);
}

/* Is what must not be served under the document root that this request names?
 * The last root that was good is remembered. */
static enum cf_err root_check(struct cf_app *app, const struct cf_transport *transport)
{
  static struct cf_log_rate rate;
  struct cf_fault fault = {"", ""};
  const char *root = transport->param(transport->context, "DOCUMENT_ROOT");

  if (root == NULL || strlen(root) >= sizeof app->good_root)
    return CF_OK;
  pthread_mutex_lock(&app->root_lock);
  bool good = strcmp(root, app->good_root) == 0;
  pthread_mutex_unlock(&app->root_lock);
  if (good)
    return CF_OK;
  enum cf_err err = cf_conf_check_root(app->conf, root, &fault);
  if (err != CF_OK) {
    cf_log_rated(&rate, CF_LOG_ERROR, "requests are refused: %s: %s", fault.at,
                 cf_fault_text(&fault, err));
    return err;
  }
  pthread_mutex_lock(&app->root_lock);
  memcpy(app->good_root, root, strlen(root) + 1);
  pthread_mutex_unlock(&app->root_lock);
  return CF_OK;
}

void cf_app_serve(struct cf_app *app, struct cf_transport *transport)
{
  static const struct cf_fault served = {
      "",
      "the ledger, its key or its configuration is where the web server may serve it to anyone; its log says which"};
  static const struct cf_fault lost = {
      "",
      "the ledger's files were removed, moved away or replaced while it was open: the service ends, and its log says which"};
  enum cf_err err = root_check(app, transport);
  if (err == CF_OK && cf_ledger_lost(app->ledger))
    err = CF_E_NOTREADY;
  if (err != CF_OK) {
    cf_app_refuse(app->conf, err, err == CF_E_NOTREADY ? &lost : &served, transport);
    return;
  }
  struct serving *s = serving_new(app->conf, transport);
  if (s == NULL)
    return;
  s->call.app = app;
  s->call.end = call_end;
  s->call.charge.charges = app->charges;
  s->response.early = cf_access_early;
  s->response.early_context = &s->call;
  s->response.go_on = reader_still;
  s->response.go_on_context = &s->call;
  call_serve(s);
}

void cf_app_refuse(const struct cf_conf *conf, enum cf_err why, const struct cf_fault *fault,
                   struct cf_transport *transport)
{
  static struct cf_log_rate rate;
  char allow[CF_ALLOW_MAX] = "";
  struct serving *s = serving_new(conf, transport);
  if (s == NULL)
    return;
  struct cf_call *call = &s->call;
  enum cf_err err =
      cf_route_find(s->request.method, s->request.path, &call->route, call->args, allow);
  if (err == CF_OK && call->route->handler == cf_handle_healthz)
    err = cf_handle_healthz(call);
  else
    err = cf_response_problem(call->response, why, fault, CF_STR(""));
  if (err == CF_OK)
    err = cf_response_end(call->response);
  if (err != CF_OK && err != CF_E_PEER)
    cf_log_rated(&rate, CF_LOG_ERROR, "an answer could not be sent: %s", cf_err_word(err));
  serving_free(s);
}
