/* SPDX-License-Identifier: MIT */
/* GET /v1/events, POST /v1/query and GET /v1/events/{seq} (api.md). */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "fcgi-app/routes/access_in.h"
#include "fcgi-app/routes/call_in.h"
#include "lib/base/codec.h"
#include "lib/evidence/opening.h"
#include "lib/evidence/receipt.h"
#include "lib/output/output.h"
#include "lib/record/json.h"
#include "lib/record/values.h"

#define PAGE_BUDGET_US INT64_C(10000000)
#define PIECE          65536 /* bytes of rows that go to the response at once */
#define LINK_MAX       8000  /* bytes; web servers take headers of 8 KiB */
#define FORM_TYPE      "application/x-www-form-urlencoded"
#define MADE_OF_FORM   5 /* times its length */

/* ---- many ---- */

/* The parameter `format`. */
static enum cf_err take_format(void *context, struct cf_str value, struct cf_fault *fault)
{
  const struct cf_output **output = context;
  struct cf_buf names;
  if (*output != NULL)
    return cf_fail(fault, CF_E_PARAMETER, "format", "given twice");
  *output = cf_output_find(value);
  if (*output != NULL)
    return CF_OK;
  cf_buf_init(&names, sizeof fault->detail);
  cf_output_put_names("", false, &names);
  enum cf_err err = cf_fail(fault, CF_E_PARAMETER, "format", "must be %s", cf_buf_cstr(&names));
  cf_buf_fini(&names);
  return err;
}

/* The parameter `trailer`: may lines that are no rows end the answer? */
static enum cf_err take_trailer(void *context, struct cf_str value, struct cf_fault *fault)
{
  struct cf_str *trailer = context;
  if (trailer->n > 0)
    return cf_fail(fault, CF_E_PARAMETER, "trailer", "given twice");
  if (!cf_str_is(value, "0") && !cf_str_is(value, "1"))
    return cf_fail(fault, CF_E_PARAMETER, "trailer", "trailer is 1 or 0");
  *trailer = value;
  return CF_OK;
}

/* The format that Accept asks for. */
static const struct cf_output *accepted(const struct cf_request *rq)
{
  const struct cf_output *outputs[CF_OUTPUT_N * CF_OUTPUT_TYPES_N];
  const char *types[CF_OUTPUT_N * CF_OUTPUT_TYPES_N];
  size_t n = 0;
  for (size_t i = 0; i < CF_OUTPUT_N; i++)
    for (size_t k = 0; k < CF_OUTPUT_TYPES_N; k++) {
      outputs[n] = &cf_output_table[i];
      types[n] = cf_output_table[i].types[k];
      n += types[n] != NULL;
    }
  return outputs[cf_request_prefers(rq, types, n)];
}

/* What only streamed formats have: limit=all and trailer=0. */
static enum cf_err check_streams(const struct cf_query *query, const struct cf_output *output,
                                 bool bare, struct cf_fault *fault)
{
  struct cf_buf names;
  bool all = cf_query_limit(query) == CF_QUERY_LIMIT_ALL;
  if ((!all && !bare) || output->streams)
    return CF_OK;
  cf_buf_init(&names, sizeof fault->detail);
  cf_output_put_names("format=", true, &names);
  enum cf_err err =
      all ? cf_fail(fault, CF_E_PARAMETER, "limit",
                    "all is for streamed formats: ask for %s, or page with the cursor",
                    cf_buf_cstr(&names))
          : cf_fail(fault, CF_E_PARAMETER, "trailer",
                    "0 is for formats that end with lines of their own: ask for %s",
                    cf_buf_cstr(&names));
  cf_buf_fini(&names);
  return err;
}

/* Rows on their way to the response, several at a time, each sent whole. */
struct stream {
  struct cf_response *response;
  struct cf_rows rows;
  struct cf_buf text;
  struct cf_charge *held; /* for text, which is kept until the end is known; NULL: it is not */
  struct cf_page_end end;
  struct cf_turn turn;
};

/* Send what was put together. A client may take its time: others may work. */
static enum cf_err pass_on(struct stream *stream)
{
  enum cf_err err = stream->text.err;
  if (stream->response->started)
    cf_turn_rest(&stream->turn);
  if (err == CF_OK)
    err = cf_response_put(stream->response, cf_buf_str(&stream->text));
  cf_buf_reset(&stream->text);
  return err;
}

/* Twice the text, since it may grow by doubling, and room for another row. */
static enum cf_err hold_more(struct stream *stream)
{
  uint64_t want = 2 * (uint64_t)stream->text.n + PIECE;
  return want <= stream->held->n ? CF_OK : cf_charge_add(stream->held, want - stream->held->n);
}

static enum cf_err put_row(void *context, const struct cf_record *record)
{
  struct stream *stream = context;
  size_t whole = stream->text.n;
  enum cf_err err = cf_rows_put(&stream->rows, record, &stream->text);
  if (err != CF_OK)
    cf_buf_cut(&stream->text, stream->text.n - whole);
  if (err != CF_OK || stream->held == NULL)
    return err == CF_OK && stream->text.n >= PIECE ? pass_on(stream) : err;
  stream->end.enough = stream->text.n >= CF_QUERY_BYTES_MAX || hold_more(stream) != CF_OK;
  return CF_OK;
}

/* Link to the next page: this question, with another cursor. One that was
 * posted has no link. */
static void put_link(struct cf_call *call, const struct cf_page_end *end)
{
  struct cf_buf b;
  if (call->route->method == CF_HTTP_POST)
    return;
  cf_buf_init(&b, LINK_MAX);
  cf_buf_puts(&b, "<events?");
  for (size_t i = 0; i < call->request->params_n; i++) {
    if (cf_str_is(call->request->params[i].name, "cursor"))
      continue;
    cf_url_put(&b, call->request->params[i].name);
    cf_buf_putc(&b, '=');
    cf_url_put(&b, call->request->params[i].value);
    cf_buf_putc(&b, '&');
  }
  cf_buf_puts(&b, "cursor=");
  cf_url_put(&b, cf_str_from(end->cursor));
  cf_buf_puts(&b, ">; rel=\"next\"");
  if (b.err == CF_OK && cf_response_header(call->response, "Link", cf_buf_str(&b)) != CF_OK)
    call->response->err = CF_E_NOMEM;
  cf_buf_fini(&b);
}

/* Where the answer goes on. The headers may be gone already, which is no error:
 * then the answer says it, or is of all. */
static void put_way(struct cf_call *call, const struct cf_page_end *end)
{
  struct cf_str more = end->has_more ? CF_STR("true") : CF_STR("false");
  if (call->response->started)
    return;
  if (cf_response_header(call->response, "X-Has-More", more) != CF_OK)
    call->response->err = CF_E_NOMEM;
  if (end->cursor[0] == '\0')
    return;
  if (cf_response_header(call->response, "X-Next-Cursor", cf_str_from(end->cursor)) != CF_OK)
    call->response->err = CF_E_NOMEM;
  put_link(call, end);
}

/* The store is damaged where the question leads: say where, and how to ask
 * around it. */
static enum cf_err tell_damage(struct cf_call *call, const struct cf_page_end *end)
{
  cf_access_damage(call, end->damaged_from, end->damaged_to);
  cf_json_put_member_u64(&call->members, "seq_from", end->damaged_from);
  cf_json_put_member_u64(&call->members, "seq_to", end->damaged_to);
  if (end->cursor[0] != '\0')
    cf_json_put_member(&call->members, "next_cursor", cf_str_from(end->cursor));
  return cf_fail(
      &call->fault, CF_E_DAMAGED, NULL,
      "records from seq %llu up to, not including, %llu cannot be read and may belong to the answer; ask for what is before them with seq_to=%llu and for what is after with seq_from=%llu",
      (unsigned long long)end->damaged_from, (unsigned long long)end->damaged_to,
      (unsigned long long)end->damaged_from, (unsigned long long)end->damaged_to);
}

static enum cf_err end_page(struct cf_call *call, struct stream *stream,
                            const struct cf_page_end *end)
{
  struct cf_checkpoint checkpoint;
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_checkpoint_get(call->app->ledger, &note, &checkpoint);
  cf_buf_fini(&note);
  put_way(call, end);
  call->access.rows = stream->rows.n;
  cf_rows_end(&stream->rows, end, err == CF_OK ? &checkpoint : NULL, &stream->text);
  return pass_on(stream);
}

/* The answer has begun to be sent and cannot be finished. Where rows are lost
 * with the memory that they were in, no cursor leads on behind them. */
static void break_off(struct cf_call *call, struct stream *stream, struct cf_page_end *end,
                      enum cf_err err)
{
  if (stream->text.err != CF_OK) {
    cf_buf_reset(&stream->text);
    end->cursor[0] = '\0';
  }
  cf_rows_break(&stream->rows, end, err, &call->fault, &stream->text);
  call->response->go_on = NULL; /* the error is no content */
  if (pass_on(stream) != CF_OK)
    return; /* the client left, which the response remembers */
}

/* Headers, rows, end. */
static enum cf_err page_give(struct cf_call *call, const struct cf_query *query,
                             struct cf_view *view, struct stream *stream)
{
  struct cf_page_end *end = &stream->end;
  bool all = cf_query_limit(query) == CF_QUERY_LIMIT_ALL;
  enum cf_err err = cf_response_begin(call->response, 200, stream->rows.output->content_type);
  cf_rows_begin(&stream->rows, &stream->text);
  if (err == CF_OK)
    err = stream->held != NULL ? hold_more(stream) : pass_on(stream);
  if (err == CF_OK)
    err = cf_query_run(query, view, all ? INT64_MAX : PAGE_BUDGET_US, put_row, stream, end);
  if (err == CF_E_DAMAGED)
    err = tell_damage(call, end);
  if (err == CF_OK)
    err = end_page(call, stream, end);
  if (err != CF_OK && call->response->started)
    break_off(call, stream, end, err);
  return err;
}

static enum cf_err question_run(struct cf_call *call, struct cf_query *query,
                                const struct cf_output *output, bool bare)
{
  struct cf_view *view = NULL;
  struct stream stream = {.response = call->response};
  bool all = cf_query_limit(query) == CF_QUERY_LIMIT_ALL;
  bool exported = output->exports || all;
  enum cf_err err = cf_view_get(call->app->ledger, &view);
  if (err != CF_OK)
    return err;
  cf_buf_init(&stream.text, SIZE_MAX);
  cf_rows_init(&stream.rows, output, cf_query_fields(query));
  stream.rows.bare = bare;
  stream.held = bare && !all ? &call->charge : NULL;
  cf_turn_init(&stream.turn, cf_ledger_turns(call->app->ledger));
  stream.turn.may = cf_transport_lengthy;
  stream.turn.context = call->request->transport;
  cf_query_take_turns(query, &stream.turn);
  call->access.action = exported ? "export" : "query";
  cf_access_filter(call, cf_query_text(query));
  err = page_give(call, query, view, &stream);
  call->access.rows = stream.rows.n;
  cf_rows_fini(&stream.rows);
  cf_buf_fini(&stream.text);
  cf_view_put(view);
  return err;
}

/* The request's parameters are the question. */
static enum cf_err question_answer(struct cf_call *call)
{
  struct cf_query *query = NULL;
  const struct cf_output *output = NULL;
  struct cf_str trailer = {NULL, 0};
  const struct cf_query_own own[] = {{"format", take_format, &output},
                                     {"trailer", take_trailer, &trailer},
                                     {NULL, NULL, NULL}};
  enum cf_err err = cf_query_parse(call->request->params, call->request->params_n, own,
                                   call->now_us, &query, &call->fault);
  if (err == CF_OK && output == NULL)
    output = accepted(call->request);
  if (err == CF_OK)
    err = check_streams(query, output, cf_str_is(trailer, "0"), &call->fault);
  if (err == CF_OK)
    err = question_run(call, query, output, cf_str_is(trailer, "0"));
  cf_query_free(query);
  return err;
}

enum cf_err cf_handle_events_get(struct cf_call *call)
{
  return question_answer(call);
}

static bool is_form(const struct cf_request *rq)
{
  struct cf_str type = cf_request_variable(rq, "CONTENT_TYPE");
  struct cf_str word = cf_str_cut(&type, ';');
  return word.n == 0 || (word.n == sizeof FORM_TYPE - 1 &&
                         strncasecmp(word.p, FORM_TYPE, sizeof FORM_TYPE - 1) == 0);
}

enum cf_err cf_handle_query_post(struct cf_call *call)
{
  if (!is_form(call->request))
    return cf_fail(&call->fault, CF_E_ENCODING, NULL,
                   "the parameters are sent as a form: Content-Type: " FORM_TYPE);
  enum cf_err err = cf_call_form(call, call->app->conf->max_body);
  if (err == CF_OK)
    err = cf_charge_add(&call->charge, MADE_OF_FORM * call->request->text.n);
  return err == CF_OK ? question_answer(call) : err;
}

/* ---- one ---- */

static enum cf_err put_proof(struct cf_call *call, const struct cf_opening *opening,
                             struct cf_buf *b)
{
  struct cf_inclusion in;
  cf_inclusion_init(&in);
  enum cf_err err =
      cf_inclusion_get(&in, call->app->ledger, opening->record->seq, opening->hash, &call->fault);
  if (err == CF_OK) {
    cf_buf_cut(b, 1); /* the event's closing brace */
    cf_opening_put(opening, b);
    cf_json_put_name(b, "inclusion");
    cf_buf_putc(b, '{');
    cf_json_put_member_u64(b, "index", opening->record->seq);
    cf_json_put_member_u64(b, "size", in.checkpoint.size);
    cf_json_put_member_base64(b, "leaf_hash", opening->hash, CF_HASH_N);
    cf_json_put_name(b, "hashes");
    cf_proof_put(&in.proof, b);
    cf_json_put_member(b, "checkpoint", cf_buf_str(&in.note));
    cf_buf_puts(b, "}}");
  }
  cf_inclusion_fini(&in);
  return err;
}

static enum cf_err answer_one(struct cf_call *call, const struct cf_opening *opening, bool proof)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_record_put_flat(opening->record, CF_FIELDS_ALL, &b);
  enum cf_err err = b.err;
  if (err == CF_OK && proof)
    err = put_proof(call, opening, &b);
  cf_buf_putc(&b, '\n');
  if (err == CF_OK)
    err = cf_call_answer(call, 200, "application/json", &b);
  cf_buf_fini(&b);
  return err;
}

/* A block that cannot be read: its seqs as members of the problem. */
static void tell_block(struct cf_call *call, uint64_t seq)
{
  cf_access_damage(call, seq - seq % CF_GROUP, seq - seq % CF_GROUP + CF_GROUP);
  cf_json_put_member_u64(&call->members, "seq_from", seq - seq % CF_GROUP);
  cf_json_put_member_u64(&call->members, "seq_to", seq - seq % CF_GROUP + CF_GROUP);
}

static enum cf_err read_one(struct cf_call *call, uint64_t seq, bool proof)
{
  struct cf_opening opening;
  struct cf_view *view = NULL;
  cf_opening_init(&opening);
  enum cf_err err = cf_view_get(call->app->ledger, &view);
  if (err == CF_OK)
    err = cf_opening_get(&opening, view, seq, &call->fault);
  if (err == CF_OK && proof)
    err = cf_opening_leaf(&opening, view, &call->fault);
  if (err == CF_OK)
    err = answer_one(call, &opening, proof);
  if (err == CF_E_DAMAGED)
    tell_block(call, seq);
  cf_view_put(view);
  cf_opening_fini(&opening);
  return err;
}

enum cf_err cf_handle_event_get(struct cf_call *call)
{
  struct cf_str text = call->args[0];
  uint64_t seq;
  bool proof = false;
  enum cf_err err = cf_request_flag(call->request, "proof", &proof, &call->fault);
  if (err == CF_OK && proof)
    err = cf_auth_allow(call->app->auth, &call->who, CF_NEED_AUDITOR, &call->fault);
  if (err == CF_OK && cf_u64_parse(text, UINT64_MAX, &seq) != CF_OK)
    err = cf_fail(&call->fault, CF_E_NOTFOUND, NULL,
                  "a record's place in the path is its seq, a number");
  return err == CF_OK ? read_one(call, seq, proof) : err;
}
