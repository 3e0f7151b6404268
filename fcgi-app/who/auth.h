/* SPDX-License-Identifier: MIT */
/* Who is asking, and may they (api.md, Who may). */
#ifndef CF_WHO_AUTH_H
#define CF_WHO_AUTH_H

#include "fcgi-app/http/request.h"
#include "fcgi-app/who/token.h"

enum cf_via {
  /* where it has a token, that is one which counts no more: who that was */
  CF_VIA_NOBODY,
  CF_VIA_TOKEN,  /* a token that the client itself sent */
  CF_VIA_BASIC,  /* a token as the password of Basic, which a browser may send by itself */
  CF_VIA_COOKIE, /* the page's cookie */
  /* the web server vouches for a user or a certificate, and the configuration
   * believes it */
  CF_VIA_TRUST,
  CF_VIA_LOCAL /* the local admin */
};

/* The slices live as long as the request and the authority; `token` is held. */
struct cf_identity {
  enum cf_via via;
  unsigned roles;
  struct cf_str user;         /* the token's name, the vouched user, `admin` */
  struct cf_str source;       /* the source of its events; empty: it has none */
  struct cf_str credential;   /* the token's id, or what vouches */
  const char *const *sources; /* other sources it may write; NULL: none */
  struct cf_token *token;     /* NULL: none */
  struct cf_str cookie;       /* the page's cookie, as sent; empty: none */
  bool kept_back;             /* of nobody: the web server may keep headers from programs */
};

/* Who may use a route. */
enum cf_need {
  CF_NEED_NOBODY, /* everyone */
  CF_NEED_PAGE,   /* everyone; the page's cookie counts in its POSTs too */
  CF_NEED_KNOWN,  /* whoever has a valid token */
  CF_NEED_WRITER,
  CF_NEED_READER,
  CF_NEED_AUDITOR,
  CF_NEED_ADMIN,
  CF_NEED_RECEIPT,    /* an auditor, or a writer for what is its own, which the handler checks */
  CF_NEED_CHECKPOINT, /* an auditor where `public = none`, else everyone */
  CF_NEED_TILES,      /* everyone where `public = tiles`, else an auditor */
  CF_NEED_N
};

struct cf_auth;
struct cf_sessions;
/* Tokens and sessions of the ledger, trust and roles of the configuration; both
 * must outlive it. CF_E_CONFIG for a role line that is none; the errors of
 * cf_tokens_new and cf_sessions_new. */
CF_MUST enum cf_err cf_auth_new(const struct cf_conf *conf, struct cf_ledger *ledger,
                                struct cf_auth **auth, struct cf_fault *fault);
void cf_auth_free(struct cf_auth *auth);
struct cf_tokens *cf_auth_tokens(struct cf_auth *auth);
struct cf_sessions *cf_auth_sessions(struct cf_auth *auth);

/* Who asks: the local admin by the transport's door; else a token from
 * Authorization (Bearer, Basic with a password that begins with cf_, Splunk),
 * REDIRECT_HTTP_AUTHORIZATION or X-Counterfoil-Token; else the page's cookie,
 * but not where it posts to another route; else whom the web server vouches
 * for, where trusted; else nobody. CF_E_TOKEN: a token was sent that is not
 * valid, and where it was once, *who names it; the errors of cf_tokens_ready,
 * for which the first one who sends something waits. Ended with
 * cf_identity_fini. */
CF_MUST enum cf_err cf_auth_identify(struct cf_auth *auth, const struct cf_request *rq,
                                     enum cf_need need, int64_t now_us, struct cf_identity *who,
                                     struct cf_fault *fault);
void cf_identity_fini(struct cf_identity *who);
/* Are they still who they were: is the token valid, is the session not over?
 * For each piece of an answer that takes long, and before what they sent is
 * done. CF_E_TOKEN. */
CF_MUST enum cf_err cf_auth_still(struct cf_auth *auth, const struct cf_identity *who,
                                  int64_t now_us, struct cf_fault *fault);

/* May they? CF_E_TOKEN: nobody is not enough; CF_E_ROLE, naming the role that
 * is. */
CF_MUST enum cf_err cf_auth_allow(const struct cf_auth *auth, const struct cf_identity *who,
                                  enum cf_need need, struct cf_fault *fault);

#endif
