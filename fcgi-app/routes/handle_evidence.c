/* SPDX-License-Identifier: MIT */
/* GET /v1/evidence (api.md): the answer to a question with what proves it. */
#include "config.h"

#include "fcgi-app/routes/access_in.h"
#include "fcgi-app/routes/call_in.h"
#include "lib/base/codec.h"
#include "lib/evidence/bundle.h"
#include "lib/query/query.h"
#include "lib/record/json.h"

#define PIECE 65536 /* bytes that go to the response at once */

/* ---- the question ---- */

/* The parameter `at`. */
static enum cf_err take_at(void *context, struct cf_str value, struct cf_fault *fault)
{
  uint64_t *at = context;
  if (*at != 0)
    return cf_fail(fault, CF_E_PARAMETER, "at", "given twice");
  if (cf_u64_parse(value, (UINT64_C(1) << 53) - 1, at) != CF_OK || *at == 0)
    return cf_fail(fault, CF_E_PARAMETER, "at", "the size of a kept checkpoint, a number");
  return CF_OK;
}

static enum cf_err refuse(void *context, struct cf_str value, struct cf_fault *fault)
{
  (void)value;
  return cf_fail(fault, CF_E_PARAMETER, context,
                 "a bundle is of all records that are chosen, by seq, and of all of each");
}

/* Seqs alone ask for whole ranges: for records of every kind. */
static bool is_range(const struct cf_request *rq)
{
  for (size_t i = 0; i < rq->params_n; i++)
    if (!cf_str_is(rq->params[i].name, "seq_from") && !cf_str_is(rq->params[i].name, "seq_to") &&
        !cf_str_is(rq->params[i].name, "at"))
      return false;
  return true;
}

static enum cf_err question_parse(struct cf_call *call, struct cf_query **query, uint64_t *at)
{
  static char limit[] = "limit", cursor[] = "cursor", sort[] = "sort", order[] = "order",
              fields[] = "fields";
  const struct cf_query_own own[] = {{"at", take_at, at},      {limit, refuse, limit},
                                     {cursor, refuse, cursor}, {sort, refuse, sort},
                                     {order, refuse, order},   {fields, refuse, fields},
                                     {NULL, NULL, NULL}};
  enum cf_err err = cf_query_parse(call->request->params, call->request->params_n, own,
                                   call->now_us, query, &call->fault);
  if (err == CF_OK && is_range(call->request))
    cf_query_take_kinds(*query);
  return err;
}

/* ---- its bundle ---- */

struct bundle {
  struct cf_call *call;
  struct cf_query *query;
  struct cf_buf text;
  struct cf_turn turn;
};

static void put_filter(void *context, struct cf_buf *b)
{
  const struct bundle *bundle = context;
  cf_query_put_filter(bundle->query, b);
}

/* Records that cannot be read and may be chosen: say where they are. */
static enum cf_err tell_damage(struct cf_call *call, const struct cf_page_end *end)
{
  cf_access_damage(call, end->damaged_from, end->damaged_to);
  cf_json_put_member_u64(&call->members, "seq_from", end->damaged_from);
  cf_json_put_member_u64(&call->members, "seq_to", end->damaged_to);
  return cf_fail(
      &call->fault, CF_E_DAMAGED, NULL,
      "records from seq %llu up to, not including, %llu cannot be read and may belong to the bundle",
      (unsigned long long)end->damaged_from, (unsigned long long)end->damaged_to);
}

static enum cf_err each(void *context, struct cf_view *view, uint64_t size,
                        enum cf_err (*row)(void *row_context, const struct cf_record *record),
                        void *row_context)
{
  struct bundle *bundle = context;
  struct cf_page_end end;
  cf_query_take_all(bundle->query, size);
  enum cf_err err = cf_query_run(bundle->query, view, INT64_MAX, row, row_context, &end);
  bool met = err == CF_E_DAMAGED && end.damaged_from < end.damaged_to;
  return met ? tell_damage(bundle->call, &end) : err;
}

static void counted(void *context, uint64_t rows)
{
  struct bundle *bundle = context;
  bundle->call->access.rows = rows;
}

/* A client may take its time: others may work. */
static enum cf_err pass_on(struct bundle *bundle)
{
  enum cf_err err = bundle->text.err;
  if (bundle->call->response->started)
    cf_turn_rest(&bundle->turn);
  if (err == CF_OK)
    err = cf_response_put(bundle->call->response, cf_buf_str(&bundle->text));
  cf_buf_reset(&bundle->text);
  return err;
}

static enum cf_err out(void *context, struct cf_str bytes)
{
  struct bundle *bundle = context;
  cf_buf_putstr(&bundle->text, bytes);
  return bundle->text.n < PIECE && bundle->text.err == CF_OK ? CF_OK : pass_on(bundle);
}

static enum cf_err bundle_give(struct bundle *bundle, uint64_t at)
{
  struct cf_call *call = bundle->call;
  struct cf_evidence_ask ask = {.at = at,
                                .seq_from = cf_query_seq_from(bundle->query),
                                .seq_to = cf_query_seq_to(bundle->query),
                                .complete = cf_query_is_public(bundle->query),
                                .put_filter = put_filter,
                                .each = each,
                                .counted = counted,
                                .out = out,
                                .context = bundle,
                                .turn = &bundle->turn};
  enum cf_err err = cf_response_begin(call->response, 200, CF_EVIDENCE_TYPE);
  if (err == CF_OK)
    err = cf_response_header(call->response, "Content-Disposition",
                             CF_STR("attachment; filename=\"evidence.tar\""));
  if (err == CF_OK)
    err = cf_evidence_write(call->app->ledger, &ask, &call->fault);
  return err == CF_OK ? pass_on(bundle) : err;
}

static enum cf_err bundle_run(struct cf_call *call, struct cf_query *query, uint64_t at)
{
  struct bundle bundle = {.call = call, .query = query};
  cf_buf_init(&bundle.text, SIZE_MAX);
  cf_turn_init(&bundle.turn, cf_ledger_turns(call->app->ledger));
  bundle.turn.may = cf_transport_lengthy;
  bundle.turn.context = call->request->transport;
  cf_query_take_turns(query, &bundle.turn);
  enum cf_err err = bundle_give(&bundle, at);
  cf_turn_rest(&bundle.turn);
  cf_buf_fini(&bundle.text);
  return err;
}

enum cf_err cf_handle_evidence(struct cf_call *call)
{
  struct cf_query *query = NULL;
  uint64_t at = 0;
  enum cf_err err = question_parse(call, &query, &at);
  if (err == CF_OK)
    err = bundle_run(call, query, at);
  cf_query_free(query);
  return err;
}
