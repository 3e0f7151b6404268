/* SPDX-License-Identifier: MIT */
/* Serving requests wherever the ledger is: this process owns it, or passes them
 * to the one that does, or becomes the owner when there is none. */
#ifndef CF_DOOR_SERVICE_H
#define CF_DOOR_SERVICE_H

#include "fcgi-app/http/transport.h"
#include "lib/base/conf.h"

struct cf_service;

/* Where no owner is found, a service becomes it; or, with starts_owner, starts
 * a process that does and stays for idle_exit (a plain CGI). conf must outlive
 * it. CF_E_NOMEM. */
CF_MUST enum cf_err cf_service_new(const struct cf_conf *conf, bool starts_owner,
                                   struct cf_service **service);
/* Leave the ledger in order if it is ours, and free. CF_E_BUSY: a request does
 * not end; the process may only end. */
CF_MUST enum cf_err cf_service_free(struct cf_service *service);

/* Try to become the owner now. CF_E_LOCKED: another process is; the errors of
 * cf_owner_open. One that failed is not tried again at once. */
CF_MUST enum cf_err cf_service_own(struct cf_service *service, struct cf_fault *fault);

/* Answer one request. Thread-safe. Waits for an owner for a bounded time, then
 * 503. */
void cf_service_serve(struct cf_service *service, struct cf_transport *transport);

/* ---- whole programs ---- */

/* Ignore SIGPIPE. With orderly, keep SIGTERM, SIGINT, SIGHUP and SIGUSR1 for
 * the program's loop, which then ends in order, but for SIGHUP, at which it
 * opens its log file anew (without one, at a terminal, it ends); without, they
 * end the process at once, which loses nothing either. Call before there are
 * threads. */
void cf_service_signals(bool orderly);
/* cf_socket_listen_web, after a predecessor that is leaving: somebody who
 * listens there is waited for, for a bounded time. CF_E_LEAVING: a signal came
 * first. */
CF_MUST enum cf_err cf_service_listen(const struct cf_conf *conf, const char *where, int *listener,
                                      struct cf_fault *fault);
/* Serve the web server at the listening socket until a signal ends it; then
 * leave. where: where it listens, to be taken away at the end; such a service
 * has somebody who watches it, and ends too when its ledger cannot be used for
 * ten seconds. NULL: the socket is the web server's, which would only start the
 * next one. Returns the exit status. */
CF_MUST int cf_service_run_web(const struct cf_conf *conf, int listener, const char *where);
/* Own the ledger for others until nobody has asked for conf->idle_exit; after
 * an owner that is leaving. Returns the exit status: 0 also where somebody else
 * is the owner. */
CF_MUST int cf_service_run_owner(const struct cf_conf *conf);
/* Serve the one request of a plain CGI. Returns the exit status. */
CF_MUST int cf_service_run_cgi(const struct cf_conf *conf, char **environment);

#endif
