/* SPDX-License-Identifier: MIT */
/* This log's own trail: who read, exported or verified it, and who was refused
 * (format.md, kind `access`). */
#include "config.h"

#include "fcgi-app/routes/access_in.h"
#include "fcgi-app/routes/call_in.h"
#include "lib/base/diag.h"
#include "lib/record/control.h"

void cf_access_post(struct cf_call *call, const char *action, struct cf_str filter, uint64_t rows)
{
  char ip[46];
  struct cf_event event;
  struct cf_fault fault = {"", ""};
  struct cf_control_who who = {call->who.user, call->who.credential, ip};
  cf_request_ip(call->request, ip);
  enum cf_err err = cf_control_access(action, &who, filter, rows, &event, &fault);
  if (err == CF_OK) {
    cf_ledger_post(call->app->ledger, &event);
    cf_event_fini(&event);
  } else {
    cf_log(CF_LOG_ERROR, "an access record could not be made: %s: %s %s", cf_err_word(err),
           fault.at, fault.detail);
  }
}

enum cf_err cf_access_append(struct cf_call *call, const struct cf_token *as, const char *action,
                             const struct cf_row *rows, size_t rows_n)
{
  char ip[46];
  struct cf_event event;
  struct cf_place place;
  struct cf_control_who who = {call->who.user, call->who.credential, ip};
  if (as != NULL)
    who = (struct cf_control_who){cf_str_from(as->name), cf_str_from(as->id), ip};
  cf_request_ip(call->request, ip);
  enum cf_err err = cf_control_access(action, &who, CF_STR(""), 0, &event, &call->fault);
  if (err != CF_OK)
    return err;
  const struct cf_event *pointer = &event;
  struct cf_append append = {.events = &pointer,
                             .n = 1,
                             .rows = rows,
                             .rows_n = rows_n,
                             .places = &place};
  err = cf_ledger_append(call->app->ledger, &append);
  cf_event_fini(&event);
  return err;
}

void cf_access_refused(struct cf_call *call, enum cf_err err)
{
  char ip[46];
  cf_request_ip(call->request, ip);
  cf_loss_refusal(call->app->loss, ip, call->who.user, call->who.credential, cf_err_word(err),
                  call->now_us);
}
