/* SPDX-License-Identifier: MIT */
/* Asking the ledger what the web interface answers, as the local admin: through
 * the owner's socket, streamed both ways. Where nobody owns the ledger, the
 * asker becomes the owner for its own duration, and others find it at the same
 * socket. */
#ifndef CF_COMMAND_ASK_IN_H
#define CF_COMMAND_ASK_IN_H

#include "lib/base/conf.h"

struct cf_asker;

/* A way to the ledger of conf, which must outlive it. interrupted (may be NULL)
 * is asked when a signal came, and true ends what is under way with
 * CF_E_LEAVING. The errors of cf_owner_open but CF_E_LOCKED: an owner that does
 * not listen yet is waited for, for a bounded time, then CF_E_NOTREADY;
 * CF_E_SYSTEM. */
CF_MUST enum cf_err cf_asker_open(const struct cf_conf *conf, bool (*interrupted)(void),
                                  struct cf_asker **asker, struct cf_fault *fault);
/* The same over a copy opened as evidence, in this process: questions without a
 * body, of which nothing is recorded. The errors of cf_ledger_open_copy and
 * cf_app_new. */
CF_MUST enum cf_err cf_asker_open_copy(const struct cf_conf *conf, struct cf_asker **asker,
                                       struct cf_fault *fault);
/* A way to whoever owns the ledger now, which never becomes the owner itself.
 * CF_E_NOTREADY where nobody does, at any question too. */
CF_MUST enum cf_err cf_asker_open_guest(const struct cf_conf *conf, bool (*interrupted)(void),
                                        struct cf_asker **asker, struct cf_fault *fault);
/* One that found an owner never becomes it from now on: where the owner is gone
 * a question is CF_E_NOTREADY. Nothing changes for one that is the owner. */
void cf_asker_stay_guest(struct cf_asker *asker);
/* Leave the ledger in order, where the asker was its owner. NULL is
 * harmless. */
void cf_asker_close(struct cf_asker *asker);

struct cf_ask {
  const char *method;       /* "GET", "POST" */
  const char *path;         /* as in the table of routes: "/v1/events" */
  struct cf_str query;      /* encoded, without '?'; may be empty */
  const char *content_type; /* of the body; NULL: none */
  const char *accept;       /* NULL: none */
  uint64_t body_n;          /* the body's length; 0: it is not known, or there is none */
  void *context;
  /* Up to max bytes of the body; *n = 0 at its end. NULL: there is no body. */
  enum cf_err (*body)(void *context, void *out, size_t max, size_t *n);
  /* The status and the header lines, before the first byte of the answer's
   * body; may be NULL. */
  enum cf_err (*head)(void *context, int status, struct cf_str headers);
  /* Bytes of the answer's body. */
  enum cf_err (*answer)(void *context, const void *p, size_t n);
};

/* Ask once. CF_OK: there is an answer, of any status, and it is complete.
 * CF_E_UNKNOWN: the owner left, and nobody knows whether it did what was asked;
 * CF_E_PEER: the answer broke off; CF_E_NOTREADY: no owner for a bounded time;
 * CF_E_LEAVING: interrupted; an error of ask's functions; CF_E_FULL,
 * CF_E_NOMEM, CF_E_SYSTEM. Several threads may ask at a time. */
CF_MUST enum cf_err cf_ask(struct cf_asker *asker, const struct cf_ask *ask, int *status,
                           struct cf_fault *fault);

/* The same with a body (n = 0: none) and an answer in memory: the answer's body
 * is appended to answer, whose maximum bounds it. */
CF_MUST enum cf_err cf_ask_text(struct cf_asker *asker, const char *method, const char *path,
                                struct cf_str query, const char *content_type, struct cf_str body,
                                int *status, struct cf_buf *answer, struct cf_fault *fault);

#endif
