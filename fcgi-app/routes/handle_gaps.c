/* SPDX-License-Identifier: MIT */
/* POST /v1/gaps (api.md): a writer says that events of a source of its own are
 * missing, which becomes a `loss` record. */
#include "config.h"

#include <stdio.h>

#include "fcgi-app/routes/call_in.h"
#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "lib/record/control.h"
#include "lib/record/json.h"
#include "lib/record/source.h"

#define BODY_MAX   8192
#define BODY_DEPTH 2
#define COUNT_MAX  INT64_C(9007199254740991)

/* What is said; the text is the body's. */
struct gap {
  struct cf_call *call;
  struct cf_str source, message;
  struct cf_control_tally tally;
};

static enum cf_err gap_bad(struct gap *gap, const char *member, const char *what)
{
  return cf_fail(&gap->call->fault, CF_E_INVALID, member, "%s", what);
}

static enum cf_err take_source(struct gap *gap, struct cf_str source)
{
  const struct cf_identity *who = &gap->call->who;
  if (!cf_source_ok(source) || !cf_source_allowed(source, who->source, who->sources))
    return gap_bad(gap, "source", "this token may not write as that source");
  gap->source = source;
  return CF_OK;
}

static enum cf_err take_member(void *context, struct cf_str name, const struct cf_json *v)
{
  struct gap *gap = context;
  struct cf_control_tally *tally = &gap->tally;
  if (cf_json_type(v) == CF_JSON_NULL)
    return CF_OK;
  if (cf_str_is(name, "source"))
    return take_source(gap, cf_json_string(v));
  if (cf_str_is(name, "count"))
    return cf_u64_parse(cf_json_number(v), COUNT_MAX, &tally->count) == CF_OK && tally->count > 0
               ? CF_OK
               : gap_bad(gap, "count", "count is a number of events, at least 1");
  if (cf_str_is(name, "first"))
    return cf_time_parse(cf_json_string(v), &tally->first_us) == CF_OK
               ? CF_OK
               : gap_bad(gap, "first", "first is a time like 2027-01-31T00:00:00Z");
  if (cf_str_is(name, "last"))
    return cf_time_parse(cf_json_string(v), &tally->last_us) == CF_OK
               ? CF_OK
               : gap_bad(gap, "last", "last is a time like 2027-01-31T00:00:00Z");
  if (cf_str_is(name, "message") && cf_json_type(v) == CF_JSON_STRING) {
    gap->message = cf_json_string(v);
    return CF_OK;
  }
  char shown[80];
  snprintf(shown, sizeof shown, "%.*s", (int)cf_utf8_head(name, sizeof shown - 1).n, name.p);
  return gap_bad(gap, shown, "a gap has source, count, first, last, and message, which is a text");
}

static enum cf_err gap_read(struct gap *gap, const struct cf_json *doc)
{
  if (cf_json_type(doc) != CF_JSON_OBJECT)
    return gap_bad(gap, NULL, "the body is one JSON object");
  enum cf_err err = cf_json_each(doc, take_member, gap);
  if (err == CF_OK && gap->source.n == 0)
    err = take_source(gap, gap->call->who.source);
  if (err == CF_OK && (gap->tally.first_us > gap->tally.last_us))
    err = gap_bad(gap, "first", "first is not after last");
  if (err == CF_OK && gap->tally.last_us > gap->call->now_us)
    err = gap_bad(gap, "last", "last lies in the future");
  return err;
}

static enum cf_err gap_answer(struct cf_call *call, const struct cf_place *place)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_putc(&b, '{');
  cf_json_put_member_u64(&b, "seq", place->seq);
  cf_json_put_member_time(&b, "recorded", place->recorded_us);
  cf_buf_puts(&b, "}\n");
  enum cf_err err = cf_call_answer(call, 201, "application/json", &b);
  cf_buf_fini(&b);
  return err;
}

/* It is on disk before it is answered, like an event. */
static enum cf_err gap_append(struct cf_call *call, const struct cf_event *event)
{
  struct cf_place place = {.err = CF_OK};
  struct cf_append append = {.events = &event, .n = 1, .places = &place};
  enum cf_err err = cf_auth_still(call->app->auth, &call->who, cf_clock_now_us(), &call->fault);
  if (err == CF_OK)
    err = cf_ledger_append(call->app->ledger, &append);
  return err == CF_OK ? gap_answer(call, &place) : err;
}

static enum cf_err gap_take(struct gap *gap, struct cf_str body)
{
  struct cf_call *call = gap->call;
  const struct cf_control_who who = {call->who.user, call->who.credential, ""};
  struct cf_json *doc = NULL;
  struct cf_event event;
  enum cf_err err = cf_json_parse(body, BODY_DEPTH, &doc, &call->fault);
  if (err == CF_OK)
    err = gap_read(gap, doc);
  if (err == CF_OK)
    err = cf_control_gap(gap->source, &who, &gap->tally, gap->message, &event, &call->fault);
  cf_json_free(doc);
  if (err != CF_OK)
    return err;
  err = gap_append(call, &event);
  cf_event_fini(&event);
  return err;
}

enum cf_err cf_handle_gaps_post(struct cf_call *call)
{
  struct cf_body body;
  struct gap gap = {.call = call, .tally = {"gap", 1, call->now_us, call->now_us}};
  enum cf_err err = cf_body_read(&call->charge, call->request, BODY_MAX, &body, &call->fault);
  if (err != CF_OK)
    return err;
  err = gap_take(&gap, cf_buf_str(&body.data));
  cf_body_fini(&body);
  return err;
}
