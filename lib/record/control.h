/* SPDX-License-Identifier: MIT */
/* The records that the log writes of itself, a function each: what stands in
 * them (format.md, Kinds) is decided here, and nowhere else. */
#ifndef CF_RECORD_CONTROL_H
#define CF_RECORD_CONTROL_H

#include "lib/record/event.h"

/* Each makes an event for cf_ledger_append, whose text is the caller's to free
 * with cf_event_fini. CF_E_NOMEM, and CF_E_FULL or CF_E_INVALID for values that
 * are beyond the members' limits. */

/* `genesis`, the first record: vkey is the text of the signer's verifier key,
 * origin the ledger's name. */
CF_MUST enum cf_err cf_control_genesis(struct cf_str vkey, const char *origin,
                                       struct cf_event *event);
/* `service`: the software ("counterfoil 0.1.0") and what happened to it: start,
 * stop, clock. */
CF_MUST enum cf_err cf_control_service(const char *software, const char *what,
                                       struct cf_event *event);

#endif
