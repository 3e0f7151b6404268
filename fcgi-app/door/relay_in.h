/* SPDX-License-Identifier: MIT */
/* A relay: passes a request that came to this process to the process that owns
 * the ledger, and its answer back (architecture.md, One owner, many doors).
 *
 * Both ways are streamed with bounded memory, whatever their size. Hidden
 * parameters from outside (hidden.h) are dropped, and the one put in that says
 * that a relay asks. */
#ifndef CF_DOOR_RELAY_IN_H
#define CF_DOOR_RELAY_IN_H

#include "fcgi-app/http/transport.h"
#include "lib/base/conf.h"

struct cf_relay;

/* Prepare to pass transport's request on. conf and transport must outlive the
 * relay. CF_E_NOMEM, CF_E_FULL: its parameters are too many. */
CF_MUST enum cf_err cf_relay_new(const struct cf_conf *conf, const struct cf_transport *transport,
                                 struct cf_relay **relay);
void cf_relay_free(struct cf_relay *relay); /* NULL is harmless */

/* Try once. CF_OK: answered. CF_E_NOTFOUND: no owner is there; CF_E_BUSY: its
 * backlog is full; CF_E_LEAVING: it left before it did anything: all three may
 * be tried again. CF_E_UNKNOWN: it left, and nobody knows whether it did what
 * was asked; nothing of an answer was passed on. CF_E_PEER: the client left, or
 * the answer broke off. CF_E_SYSTEM: the owner cannot be reached, with the
 * reason in fault. */
CF_MUST enum cf_err cf_relay_try(struct cf_relay *relay, struct cf_fault *fault);

/* The request as it now is, for whoever serves it here instead, after a try
 * that may be tried again: what a try read of the body and could not pass on
 * comes first. Valid as long as relay. */
const struct cf_transport *cf_relay_transport(struct cf_relay *relay);

#endif
