/* SPDX-License-Identifier: MIT */
/* GET and POST /v1/keys, POST /v1/keys/retire: the keys that sign, and another
 * one. */
#include "config.h"

#include <stdio.h>

#include "fcgi-app/routes/call_in.h"
#include "lib/base/utf8.h"
#include "lib/record/json.h"

#define BODY_MAX   1024
#define BODY_DEPTH 2
#define OVERLAP_US (INT64_C(7) * 86400 * 1000000) /* where nothing is said */

enum cf_err cf_handle_keys(struct cf_call *call)
{
  struct cf_buf vkey;
  struct cf_buf b;
  cf_buf_init(&vkey, 1024);
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_puts(&b, "{\"keys\":");
  cf_keys_put(cf_ledger_keys(call->app->ledger), &b);
  if (cf_ledger_previous(call->app->ledger) != NULL) {
    cf_vkey_put(cf_ledger_previous(call->app->ledger), &vkey);
    cf_json_put_member(&b, "previous", cf_buf_str(&vkey));
  }
  cf_buf_puts(&b, "}\n");
  enum cf_err err =
      vkey.err != CF_OK ? vkey.err : cf_call_answer(call, 200, "application/json", &b);
  cf_buf_fini(&vkey);
  cf_buf_fini(&b);
  return err;
}

/* ---- another key ---- */

static enum cf_err order_bad(struct cf_call *call, const char *member, const char *what)
{
  return cf_fail(&call->fault, CF_E_INVALID, member, "%s", what);
}

/* What is asked for, on its way. */
struct order {
  struct cf_call *call;
  int64_t overlap_us;
};

static enum cf_err take_overlap(struct order *order, struct cf_str text)
{
  order->overlap_us = 0;
  return cf_str_is(text, "0s") || (cf_span_parse(text, &order->overlap_us) == CF_OK &&
                                   order->overlap_us < CF_TIME_MAX_US - order->call->now_us)
             ? CF_OK
             : order_bad(order->call, "overlap", "overlap is a span like 7d, or 0s");
}

static enum cf_err take_member(void *context, struct cf_str name, const struct cf_json *v)
{
  struct order *order = context;
  char shown[80];
  if (cf_str_is(name, "overlap"))
    return take_overlap(order, cf_json_string(v));
  (void)snprintf(shown, sizeof shown, "%.*s", (int)cf_utf8_head(name, sizeof shown - 1).n, name.p);
  return order_bad(order->call, shown, "unknown member; a new key has overlap");
}

static enum cf_err order_read(struct order *order)
{
  struct cf_call *call = order->call;
  struct cf_json *doc = NULL;
  struct cf_body body;
  enum cf_err err = cf_body_read(&call->charge, call->request, BODY_MAX, &body, &call->fault);
  if (err != CF_OK)
    return err;
  if (cf_buf_str(&body.data).n > 0) {
    err = cf_json_parse(cf_buf_str(&body.data), BODY_DEPTH, &doc, &call->fault);
    if (err == CF_OK)
      err = cf_json_type(doc) == CF_JSON_OBJECT
                ? cf_json_each(doc, take_member, order)
                : order_bad(call, NULL, "the body is one JSON object");
  }
  cf_json_free(doc);
  cf_body_fini(&body);
  return err;
}

static enum cf_err change_answer(struct cf_call *call, uint64_t seq, int64_t until_us)
{
  struct cf_buf b, vkey;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_init(&vkey, 1024);
  cf_vkey_put(cf_keys_at(cf_ledger_keys(call->app->ledger), seq + 1), &vkey);
  cf_buf_putc(&b, '{');
  cf_json_put_member(&b, "vkey", cf_buf_str(&vkey));
  cf_json_put_member_u64(&b, "seq", seq);
  if (until_us != CF_TIME_NONE)
    cf_json_put_member_time(&b, "until", until_us);
  cf_buf_puts(&b, "}\n");
  enum cf_err err =
      vkey.err != CF_OK ? vkey.err : cf_call_answer(call, 201, "application/json", &b);
  cf_buf_fini(&vkey);
  cf_buf_fini(&b);
  return err;
}

/* Its own record tells who ordered it. */
enum cf_err cf_handle_keys_post(struct cf_call *call)
{
  struct order order = {call, OVERLAP_US};
  const struct cf_control_who who = {call->who.user, call->who.credential, ""};
  uint64_t seq = 0;
  enum cf_err err = order_read(&order);
  if (err == CF_OK)
    err = cf_auth_still(call->app->auth, &call->who, cf_clock_now_us(), &call->fault);
  int64_t until_us = order.overlap_us > 0 ? call->now_us + order.overlap_us : CF_TIME_NONE;
  if (err == CF_OK)
    err = cf_ledger_key_change(call->app->ledger, &who, until_us, &seq, &call->fault);
  return err == CF_OK ? change_answer(call, seq, until_us) : err;
}

enum cf_err cf_handle_keys_retire(struct cf_call *call)
{
  enum cf_err err = cf_auth_still(call->app->auth, &call->who, cf_clock_now_us(), &call->fault);
  if (err == CF_OK)
    err = cf_ledger_key_retire(call->app->ledger, &call->fault);
  return err == CF_OK ? cf_handle_keys(call) : err;
}
