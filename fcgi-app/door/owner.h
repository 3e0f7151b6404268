/* SPDX-License-Identifier: MIT */
/* The owner of a ledger: holds it open, answers at DATA/sock, and leaves in
 * order (architecture.md, One owner, many doors). */
#ifndef CF_DOOR_OWNER_H
#define CF_DOOR_OWNER_H

#include "fcgi-app/routes/app.h"

struct cf_owner;

/* Become the owner: open the ledger, load the application, listen on DATA/sock;
 * the application's clock ticks by itself. conf must outlive it. The errors of
 * cf_ledger_open (CF_E_LOCKED: another process is the owner), of cf_app_new and
 * cf_socket_listen_owner; CF_E_ROLE: only the user who owns the data directory
 * may. */
CF_MUST enum cf_err cf_owner_open(const struct cf_conf *conf, struct cf_owner **owner,
                                  struct cf_fault *fault);

struct cf_app *cf_owner_app(const struct cf_owner *owner);
/* How long nobody has asked anything at DATA/sock, in microseconds. */
int64_t cf_owner_idle_us(const struct cf_owner *owner);

/* Leave, first step: nobody finds DATA/sock any more. What came before is still
 * served. */
void cf_owner_hide(struct cf_owner *owner);
/* Leave: hide, serve the backlog, stop writing, close. Nobody else may be
 * inside cf_app_serve. CF_E_BUSY after wait_us, when some request is still
 * being served: everything is as it was, and the process may only end. NULL is
 * harmless. */
CF_MUST enum cf_err cf_owner_close(struct cf_owner *owner, int64_t wait_us);

#endif
