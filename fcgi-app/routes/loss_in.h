/* SPDX-License-Identifier: MIT */
/* What would be too many records of our own: refused events and refused
 * callers, counted and told at most once a minute each (format.md, kinds `loss`
 * and `access`). */
#ifndef CF_ROUTES_LOSS_IN_H
#define CF_ROUTES_LOSS_IN_H

#include "lib/ledger/ledger.h"
#include "lib/record/control.h"

/* So many losses, and callers who were refused, are told apart at a time, and
 * so many networks of strangers who were; what comes beyond that is counted
 * together. */
#define CF_LOSS_MAX          128
#define CF_LOSS_NETWORKS_MAX 1024

/* The first of a kind is told at once; what follows within a minute of it is
 * one record, left when the minute is over. Thread-safe. */
struct cf_loss;
CF_MUST enum cf_err cf_loss_new(struct cf_ledger *ledger, struct cf_loss **loss); /* CF_E_NOMEM */
/* Leaves what is still counted as records. */
void cf_loss_free(struct cf_loss *loss);

/* n events of an authenticated source were refused for a reason (a word of
 * err.def). */
void cf_loss_events(struct cf_loss *loss, struct cf_str source, const char *reason, uint64_t n);
/* A caller was refused what the action (a constant) names. who->ip may be
 * empty; user and credential are empty for strangers, whom their network tells
 * apart; reason is a word of
 * err.def. */
void cf_loss_refusal(struct cf_loss *loss, const struct cf_control_who *who, const char *action,
                     const char *reason);
/* Leave the records whose minute is over. */
void cf_loss_tick(struct cf_loss *loss, int64_t now_us);

#endif
