/* SPDX-License-Identifier: MIT */
/* This log's own trail: who read, exported or verified it, and who was refused
 * (format.md, kind `access`). */
#include "config.h"

#include "fcgi-app/routes/call_in.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/record/json.h"

#define FILTER_MAX 4096

static void put_attributes(struct cf_buf *b, struct cf_str filter, uint64_t rows)
{
  cf_buf_putc(b, '{');
  cf_json_put_member(b, "filter", cf_utf8_head(filter, FILTER_MAX));
  cf_json_put_member_u64(b, "rows", rows);
  cf_buf_putc(b, '}');
}

static void set_text(struct cf_builder *b, enum cf_member member, struct cf_str text, size_t max)
{
  if (text.n > 0)
    cf_builder_set(b, member, cf_utf8_head(text, max));
}

static void record_build(struct cf_builder *b, const struct cf_call *call, const char *action,
                         struct cf_str attributes)
{
  char ip[46];
  cf_request_ip(call->request, ip);
  cf_builder_set(b, CF_M_SOURCE, CF_STR("counterfoil"));
  cf_builder_set(b, CF_M_ACTION, cf_str_from(action));
  cf_builder_set(b, CF_M_OUTCOME, CF_STR("success"));
  set_text(b, CF_M_USER, call->who.user, cf_member_table[CF_M_USER].limit);
  set_text(b, CF_M_CREDENTIAL, call->who.credential, cf_member_table[CF_M_CREDENTIAL].limit);
  set_text(b, CF_M_IP, cf_str_from(ip), sizeof ip);
  cf_builder_set_object(b, attributes);
}

void cf_access_post(struct cf_call *call, const char *action, struct cf_str filter, uint64_t rows)
{
  struct cf_builder *b = NULL;
  struct cf_event event;
  struct cf_fault fault = {{0}, {0}};
  struct cf_buf attributes;
  cf_buf_init(&attributes, 8 * FILTER_MAX);
  put_attributes(&attributes, filter, rows);
  enum cf_err err = attributes.err == CF_OK ? cf_builder_new(CF_K_ACCESS, &b) : attributes.err;
  if (err == CF_OK) {
    record_build(b, call, action, cf_buf_str(&attributes));
    err = cf_builder_end(b, &event, &fault);
  }
  if (err == CF_OK) {
    cf_ledger_post(call->app->ledger, &event);
    cf_event_fini(&event);
  } else {
    cf_log(CF_LOG_ERROR, "an access record could not be made: %s: %s %s", cf_err_word(err),
           fault.at, fault.detail);
  }
  cf_builder_free(b);
  cf_buf_fini(&attributes);
}

void cf_access_refused(struct cf_call *call, enum cf_err err)
{
  char ip[46];
  cf_request_ip(call->request, ip);
  cf_loss_refusal(call->app->loss, ip, call->who.user, call->who.credential, cf_err_word(err),
                  call->now_us);
}
