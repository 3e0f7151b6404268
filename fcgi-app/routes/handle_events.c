/* SPDX-License-Identifier: MIT */
/* POST /v1/events (api.md). */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "fcgi-app/routes/access_in.h"
#include "fcgi-app/routes/ingest_in.h"
#include "lib/base/diag.h"
#include "lib/evidence/receipt.h"
#include "lib/record/json.h"

/* ---- what was asked ---- */

struct options {
  bool batch, seqs, unknown, cut, receipt;
};

/* A parameter that has one value only. */
static enum cf_err word_param(struct cf_call *call, const char *name, const char *word, bool *given)
{
  struct cf_str value;
  *given = cf_request_get(call->request, name, &value);
  if (!*given || cf_str_is(value, word))
    return CF_OK;
  return cf_fail(&call->fault, CF_E_PARAMETER, name, "%s is `%s` where it is given", name, word);
}

static enum cf_err read_options(struct cf_call *call, struct options *options)
{
  enum cf_err err = cf_request_flag(call->request, "batch", &options->batch, &call->fault);
  if (err == CF_OK)
    err = cf_request_flag(call->request, "receipt", &options->receipt, &call->fault);
  if (err == CF_OK)
    err = word_param(call, "return", "seqs", &options->seqs);
  if (err == CF_OK)
    err = word_param(call, "unknown", "attributes", &options->unknown);
  return err == CF_OK ? word_param(call, "long", "cut", &options->cut) : err;
}

/* Does Content-Type say that there is an event a line? */
static bool says_lines(const struct cf_request *rq)
{
  static const char *const types[] = {"application/x-ndjson", "application/ndjson",
                                      "application/jsonl", "application/x-jsonlines",
                                      "application/jsonlines"};
  struct cf_str header = cf_request_variable(rq, "CONTENT_TYPE");
  struct cf_str type = cf_str_cut(&header, ';');
  while (type.n > 0 && type.p[type.n - 1] == ' ')
    type.n--;
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (cf_str_from(types[i]).n == type.n && strncasecmp(types[i], type.p, type.n) == 0)
      return true;
  return false;
}

/* ---- losses ---- */

static void count_losses(struct cf_call *call, const struct cf_ingest *in)
{
  uint64_t counts[CF_ERR_N] = {0};
  if (in->rejected == 0)
    return;
  for (size_t i = 0; i < in->n; i++)
    counts[in->items[i].err]++;
  for (unsigned err = CF_OK + 1; err < CF_ERR_N; err++)
    cf_loss_events(call->app->loss, call->who.source, cf_err_word((enum cf_err)err), counts[err]);
}

/* The whole body was refused, nobody knows of how many events. What was not yet
 * meant is not lost. */
static void count_body(struct cf_call *call, enum cf_err err)
{
  bool lost = err == CF_E_FULL || err == CF_E_ENCODING || err == CF_E_MEMORY ||
              err == CF_E_SYNTAX || err == CF_E_SPACE || err == CF_E_SLOW || err == CF_E_CROWDED;
  if (lost && !cf_body_unsaid(call->request))
    cf_loss_events(call->app->loss, call->who.source, cf_err_word(err), 1);
}

/* ---- what was there already ---- */

/* Whoever sends it again is told where it is, which is reading. A receipt is
 * the same as one that is asked for. */
static void access_name(struct cf_call *call, const struct cf_ingest *in, bool receipt)
{
  struct cf_access *access = &call->access;
  char filter[32];
  access->rows = in->duplicates + in->conflicts;
  if (access->rows == 0)
    return;
  access->action = "duplicate";
  access->tells = true;
  if (!receipt || in->conflicts > 0)
    return;
  access->action = "receipt";
  snprintf(filter, sizeof filter, "seq=%llu", (unsigned long long)in->append.places[0].seq);
  cf_access_filter(call, cf_str_from(filter));
}

/* ---- one event ---- */

/* The event is on disk whatever becomes of its receipt, so that a failure here
 * only leaves it out. */
static void put_receipt(struct cf_call *call, uint64_t seq, struct cf_buf *b)
{
  static struct cf_log_rate rate;
  struct cf_buf receipt;
  cf_buf_init(&receipt, SIZE_MAX);
  enum cf_err err = cf_receipt_get(call->app->ledger, seq, &receipt, &call->fault);
  if (err == CF_OK)
    cf_json_put_member(b, "receipt", cf_buf_str(&receipt));
  else
    cf_log_rated(&rate, CF_LOG_ERROR, "a receipt could not be made: %s: %s", cf_err_word(err),
                 cf_fault_text(&call->fault, err));
  cf_buf_fini(&receipt);
}

static enum cf_err answer_taken(struct cf_call *call, const struct cf_place *place, bool receipt)
{
  struct cf_buf b;
  char location[40];
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_putc(&b, '{');
  cf_json_put_member_u64(&b, "seq", place->seq);
  cf_json_put_member_time(&b, "recorded", place->recorded_us);
  cf_json_put_member_base64(&b, "leaf_hash", place->leaf_hash, CF_HASH_N);
  cf_json_put_member_u64(&b, "size", place->seq + 1);
  if (place->duplicate)
    cf_json_put_member_bool(&b, "duplicate", true);
  if (receipt)
    put_receipt(call, place->seq, &b);
  cf_buf_puts(&b, "}\n");
  snprintf(location, sizeof location, "events/%llu", (unsigned long long)place->seq);
  enum cf_err err = cf_call_answer(call, place->duplicate ? 200 : 201, "application/json", &b);
  if (err == CF_OK && !place->duplicate)
    err = cf_response_header(call->response, "Location", cf_str_from(location));
  cf_buf_fini(&b);
  return err;
}

static enum cf_err answer_single(struct cf_call *call, const struct cf_ingest *in, bool receipt)
{
  if (in->n == 0)
    return cf_fail(&call->fault, CF_E_INVALID, NULL, "the body holds no event");
  const struct cf_item *item = &in->items[0];
  if (item->err == CF_OK)
    return answer_taken(call, cf_ingest_place(in, item), receipt);
  if (item->err == CF_E_CONFLICT) {
    uint64_t seq = cf_ingest_place(in, item)->seq;
    cf_json_put_member_u64(&call->members, "seq", seq);
    return cf_fail(&call->fault, CF_E_CONFLICT, NULL, "record %llu has this id and other content",
                   (unsigned long long)seq);
  }
  if (item->fault != NULL)
    call->fault = *item->fault;
  return item->err;
}

/* ---- A batch ---- */

/* The lowest and highest seq that are new. */
static void put_span(struct cf_buf *b, const struct cf_ingest *in)
{
  uint64_t first = UINT64_MAX;
  uint64_t last = 0;
  for (size_t i = 0; i < in->append.n; i++) {
    const struct cf_place *place = &in->append.places[i];
    if (place->err != CF_OK || place->duplicate)
      continue;
    if (place->seq < first)
      first = place->seq;
    if (place->seq > last)
      last = place->seq;
  }
  cf_json_put_member_u64_or_null(b, "first_seq", in->accepted > 0, first);
  cf_json_put_member_u64_or_null(b, "last_seq", in->accepted > 0, last);
}

static void put_error(struct cf_buf *b, const struct cf_ingest *in, size_t i)
{
  const struct cf_item *item = &in->items[i];
  if (b->p[b->n - 1] != '[')
    cf_buf_putc(b, ',');
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "index", i);
  cf_json_put_member_u64(b, "status", (uint64_t)cf_err_status(item->err));
  if (item->err == CF_E_CONFLICT)
    cf_json_put_member_u64(b, "seq", cf_ingest_place(in, item)->seq);
  if (item->fault != NULL && item->fault->at[0] != '\0')
    cf_json_put_member(b, "member", cf_str_from(item->fault->at));
  cf_json_put_member(b, "detail",
                     cf_str_from(item->fault != NULL ? item->fault->detail
                                                     : cf_err_title(item->err)));
  cf_buf_putc(b, '}');
}

static void put_seqs(struct cf_buf *b, const struct cf_ingest *in)
{
  cf_json_put_name(b, "seqs");
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < in->n; i++) {
    if (i > 0)
      cf_buf_putc(b, ',');
    if (in->items[i].err == CF_OK)
      cf_buf_put_u64(b, cf_ingest_place(in, &in->items[i])->seq);
    else
      cf_buf_puts(b, "null");
  }
  cf_buf_putc(b, ']');
}

/* The members of a batch's answer. */
static void put_batch(struct cf_buf *b, const struct cf_ingest *in, bool seqs)
{
  cf_json_put_member_u64(b, "accepted", in->accepted);
  cf_json_put_member_u64(b, "duplicates", in->duplicates);
  cf_json_put_member_u64(b, "rejected", in->rejected);
  put_span(b, in);
  cf_json_put_member_u64(b, "size", in->append.size);
  cf_json_put_name(b, "errors");
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < in->n && b->err == CF_OK; i++)
    if (in->items[i].err != CF_OK)
      put_error(b, in, i);
  cf_buf_putc(b, ']');
  if (seqs)
    put_seqs(b, in);
}

static enum cf_err answer_batch(struct cf_call *call, const struct cf_ingest *in, bool seqs)
{
  if (in->n > 0 && in->rejected == in->n) {
    put_batch(&call->members, in, seqs);
    return cf_fail(&call->fault, CF_E_INVALID, NULL, "no event of the batch is acceptable");
  }
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_putc(&b, '{');
  put_batch(&b, in, seqs);
  cf_buf_puts(&b, "}\n");
  enum cf_err err = cf_call_answer(call, 200, "application/json", &b);
  cf_buf_fini(&b);
  return err;
}

/* ---- the route ---- */

struct posting {
  struct cf_call *call;
  struct options options;
  struct cf_ingest in;
};

/* What the records name as their writer (format.md). */
static struct cf_str writer_of(const struct cf_identity *who)
{
  return who->via == CF_VIA_TRUST ? CF_STR("web-server") : who->credential;
}

static struct posting *posting_new(struct cf_call *call, const struct options *options)
{
  struct posting *p = malloc(sizeof *p);
  if (p == NULL)
    return NULL;
  p->call = call;
  p->options = *options;
  cf_ingest_init(&p->in, &call->charge);
  p->in.batch = options->batch || says_lines(call->request);
  p->in.rules = (struct cf_event_rules){.source = call->who.source,
                                        .sources = call->who.sources,
                                        .writer = writer_of(&call->who),
                                        .unknown_to_attributes = options->unknown,
                                        .cut_long = options->cut};
  return p;
}

static void posting_free(struct posting *p)
{
  cf_ingest_fini(&p->in);
  free(p);
}

/* Read the events, and then see the body's end, which says that they are meant;
 * the caller, who may have taken his time over it, is still who he was. */
static enum cf_err body_take(struct posting *p)
{
  struct cf_call *call = p->call;
  struct cf_ingest *in = &p->in;
  struct cf_body body = {.charge = NULL};
  enum cf_err err = cf_body_read_ahead(&call->charge, call->request, call->app->conf->max_body,
                                       &body, &call->fault);
  if (err == CF_OK)
    err = cf_ingest_read(in, cf_buf_str(&body.data), call->app->conf->max_batch, &call->fault);
  if (err == CF_OK && in->batch && p->options.receipt)
    err = cf_fail(&call->fault, CF_E_PARAMETER, "receipt",
                  "a receipt is of one event; ask GET /v1/receipts/{seq} for those of a batch");
  cf_body_fini(&body);
  if (err == CF_OK)
    err = cf_body_end(call->request, &call->fault);
  if (err == CF_OK)
    err = cf_auth_still(call->app->auth, &call->who, cf_clock_now_us(), &call->fault);
  return err == CF_OK ? cf_ingest_prepare(in, &call->fault) : err;
}

/* The answer, when the ledger has said what becomes of the events. */
static enum cf_err posting_end(struct posting *p, enum cf_err err)
{
  struct cf_call *call = p->call;
  struct cf_ingest *in = &p->in;
  if (err == CF_OK) {
    cf_ingest_judge(in);
    count_losses(call, in);
    access_name(call, in, p->options.receipt);
    err = in->batch ? answer_batch(call, in, p->options.seqs)
                    : answer_single(call, in, p->options.receipt);
  } else {
    count_body(call, err);
  }
  posting_free(p);
  return err;
}

static void posting_done(void *posting, enum cf_err err)
{
  struct posting *p = posting;
  struct cf_call *call = p->call;
  err = posting_end(p, err);
  call->end(call, err);
}

/* A single event has a small answer, for which no thread need wait; a receipt
 * may have to be signed. */
static bool is_plain(const struct posting *p)
{
  return !p->in.batch && p->in.append.n == 1 && !p->options.receipt;
}

static enum cf_err posting_append(struct posting *p)
{
  struct cf_ledger *ledger = p->call->app->ledger;
  struct cf_append *append = &p->in.append;
  if (append->n == 0)
    return CF_OK;
  if (!is_plain(p) || !cf_call_leave(p->call))
    return cf_ledger_append(ledger, append);
  enum cf_err err = cf_ledger_append_then(ledger, append, posting_done, p);
  return err == CF_OK ? CF_E_LATER : err;
}

enum cf_err cf_handle_events_post(struct cf_call *call)
{
  struct options options = {.batch = false};
  if (call->who.source.n == 0)
    return cf_fail(&call->fault, CF_E_ROLE, NULL,
                   "this user's name cannot be the source of events");
  enum cf_err err = read_options(call, &options);
  if (err != CF_OK)
    return err;
  struct posting *p = posting_new(call, &options);
  if (p == NULL)
    return CF_E_NOMEM;
  err = body_take(p);
  if (err == CF_OK)
    err = posting_append(p);
  return err == CF_E_LATER ? err : posting_end(p, err);
}
