/* SPDX-License-Identifier: MIT */
/* Inside fcgi-app/routes: the application's state, a call under way, and the
 * handlers of the table of routes. */
#ifndef CF_ROUTES_CALL_IN_H
#define CF_ROUTES_CALL_IN_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fcgi-app/http/body.h"
#include "fcgi-app/http/request.h"
#include "fcgi-app/http/response.h"
#include "fcgi-app/page/page.h"
#include "fcgi-app/page/seal.h"
#include "fcgi-app/routes/app.h"
#include "fcgi-app/routes/loss_in.h"
#include "fcgi-app/routes/questions_in.h"
#include "fcgi-app/routes/resume_in.h"
#include "fcgi-app/routes/route_in.h"
#include "fcgi-app/who/auth.h"
#include "lib/query/gaps.h"
#include "lib/witness/witness.h"

struct cf_app {
  const struct cf_conf *conf;
  struct cf_ledger *ledger;
  struct cf_auth *auth;
  struct cf_witnesses *witnesses;
  struct cf_charges *charges;
  struct cf_loss *loss;
  struct cf_questions *questions;
  struct cf_gaps *gaps;        /* of producers */
  struct cf_site *site;        /* NULL: its files could not be read */
  pthread_mutex_t verify_lock; /* one full verify at a time; guards resume */
  struct cf_resume resume;
  struct cf_seals seals;
  atomic_bool leaving;
  pthread_mutex_t root_lock; /* over good_root */
  char good_root[PATH_MAX]; /* the last document root that holds nothing of ours; empty: none yet */
};

/* The mark that an answer leaves (access_in.h). */
struct cf_access {
  const char *action; /* at first as the route's row has it; NULL: none */
  uint64_t rows;      /* that it shows, as far as they are known */
  bool failed;        /* what it tells is bad: it is recorded each time */
  bool judged, each;  /* it has a verdict; it is recorded each time */
  struct cf_control_verdict verdict;
  bool tells;         /* an error tells something of the log as well */
  const char *broken; /* the word of what cut it off; NULL: it is whole, or it is not known */
  /* access.c's own: */
  struct cf_buf filter;  /* where has_filter: in place of what was asked */
  bool has_filter, open; /* open: rows and outcome are still to be told */
  struct cf_buf asked;   /* the question's parameters, in one order */
  char ip[46], network[CF_NETWORK_N];
  struct cf_question question; /* of the above */
};

/* A request being answered. */
struct cf_call {
  struct cf_app *app; /* NULL where there is no ledger to ask */
  const struct cf_conf *conf;
  struct cf_request *request;
  struct cf_response *response;
  const struct cf_route *route;
  struct cf_str args[CF_ROUTE_ARGS_MAX]; /* what the pattern's braces took */
  struct cf_identity who;
  int64_t now_us;
  struct cf_access access;
  struct cf_fault fault;   /* words for an error that a handler gives */
  struct cf_buf members;   /* further members of that error's problem, JSON text */
  struct cf_charge charge; /* memory that it holds, given back at its end */
  bool left;               /* it has left the thread that it came in: */
  /* whoever has its answer, or why there is none, ends it with this. */
  void (*end)(struct cf_call *call, enum cf_err err);
};

/* Each handler answers in call->response and gives CF_OK, or gives an error
 * that becomes a problem document with the words of call->fault and
 * call->members. Role, parameters' names and readiness were checked from the
 * route's row. CF_E_LATER: the call is another thread's, and may have ended. */
#define CF_ROUTE(method, pattern, need, writes, reads, params, handler) \
  CF_MUST enum cf_err handler(struct cf_call *call);
#include "fcgi-app/routes/route.def"
#undef CF_ROUTE

/* The page's files. CF_E_CONFIG where they could not be read at start. */
CF_MUST enum cf_err cf_call_site(struct cf_call *call, const struct cf_site **site);

/* Read a form of at most max bytes from the body into the request's parameters,
 * whose text is charged. It may have held a token, and is wiped. The errors of
 * cf_body_read, cf_charge_add and cf_request_form. */
CF_MUST enum cf_err cf_call_form(struct cf_call *call, uint64_t max);
/* May the call leave this thread (struct cf_transport)? Then it ends by
 * call->end, unless its handler gives something else than CF_E_LATER. */
bool cf_call_leave(struct cf_call *call);
/* Too little space, in numbers, and what follows of that. Gives err. */
CF_MUST enum cf_err cf_call_fail_space(struct cf_call *call, enum cf_err err, const char *then);

/* What is answered is of the caller: end the answer with the text in b, or give
 * b's error. */
CF_MUST enum cf_err cf_call_answer(struct cf_call *call, int status, const char *type,
                                   struct cf_buf *b);
/* What is answered may be kept, as `cache` says for Cache-Control: 200 with its
 * ETag, or 304 for who has it. */
CF_MUST enum cf_err cf_call_answer_kept(struct cf_call *call, const char *type, const char *cache,
                                        const char etag[CF_ETAG_N], struct cf_str body);

#endif
