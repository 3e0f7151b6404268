/* SPDX-License-Identifier: MIT */
/* The application: routes over a ledger. Knows no web server: requests come as
 * struct cf_transport. */
#ifndef CF_ROUTES_APP_H
#define CF_ROUTES_APP_H

#include "fcgi-app/http/transport.h"
#include "lib/ledger/ledger.h"

struct cf_app;

/* The application over an open ledger; loads sessions and the page's files.
 * conf and ledger must outlive it. CF_E_CONFIG (roles), CF_E_NOMEM. */
CF_MUST enum cf_err cf_app_new(const struct cf_conf *conf, struct cf_ledger *ledger,
                               struct cf_app **app, struct cf_fault *fault);
/* Nobody may be inside cf_app_serve. Writes what is still counted (losses,
 * refusals, repeated reads) first. */
void cf_app_free(struct cf_app *app);

/* Answer one request, completely. Thread-safe. */
void cf_app_serve(struct cf_app *app, struct cf_transport *transport);

/* The same where there is no ledger to ask, and why; but that this process
 * lives (/healthz) is true all the same. Thread-safe. */
void cf_app_refuse(const struct cf_conf *conf, enum cf_err why, const struct cf_fault *fault,
                   struct cf_transport *transport);

/* Call about once a second: turns refusals, losses and repeated reads that were
 * counted for a minute into records, holds tokens against the chain, and
 * forgets sessions and a verify's state that have ended. */
void cf_app_tick(struct cf_app *app);

/* From now on requests that would write get 503 `leaving` with Retry-After. */
void cf_app_leave(struct cf_app *app);

#endif
