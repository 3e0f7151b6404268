/* SPDX-License-Identifier: MIT */
/* The page's question and its answer. */
#include "config.h"

#include "fcgi-app/page/listing.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/values.h"

#define BUDGET_US      INT64_C(5000000)
#define DAY_US         (24 * CF_HOUR_US)
#define TEXT(x)        #x
#define TEXT_OF(macro) TEXT(macro)

void cf_listing_init(struct cf_listing *l)
{
  l->n = 0;
  l->text_n = 0;
  l->end = (struct cf_page_end){.rows = 0};
  cf_buf_init(&l->filter, SIZE_MAX);
}

void cf_listing_fini(struct cf_listing *l)
{
  for (size_t i = 0; i < l->n; i++)
    free(l->rows[i].text);
  cf_buf_fini(&l->filter);
}

/* ---- the question ---- */

struct question {
  struct cf_param params[CF_PARAMS_MAX + 1];
  size_t n;
  char to[CF_TIME_TEXT_N + 1];
};

/* 2026-11-24 alone. */
static bool is_date(struct cf_str s)
{
  if (s.n != 10)
    return false;
  for (size_t i = 0; i < s.n; i++)
    if (i == 4 || i == 7 ? s.p[i] != '-' : s.p[i] < '0' || s.p[i] > '9')
      return false;
  return true;
}

/* The end of that day in q->to; an impossible date is left to the question's
 * own check. */
static struct cf_str day_end(struct question *q, struct cf_str date, int64_t now_us)
{
  int64_t t;
  if (cf_time_parse_bound(date, now_us, &t) != CF_OK || t > CF_TIME_MAX_US - DAY_US)
    return date;
  cf_time_format(t + DAY_US, q->to);
  return cf_str_from(q->to);
}

bool cf_listing_asks(const struct cf_param *param)
{
  return param->value.n > 0 && !cf_str_is(param->name, "cursor");
}

static void put_link(struct cf_buf *b, struct cf_str name, struct cf_str value)
{
  if (b->n > 0)
    cf_buf_putc(b, '&');
  cf_url_put(b, name);
  cf_buf_putc(b, '=');
  cf_url_put(b, value);
}

void cf_listing_link(const struct cf_request *rq, struct cf_str name, struct cf_str value,
                     struct cf_buf *b)
{
  for (size_t i = 0; i < rq->params_n; i++)
    if (cf_listing_asks(&rq->params[i]) && !cf_str_eq(rq->params[i].name, name))
      put_link(b, rq->params[i].name, rq->params[i].value);
  if (name.n > 0)
    put_link(b, name, value);
}

void cf_listing_link_without(const struct cf_request *rq, size_t without, struct cf_buf *b)
{
  for (size_t i = 0; i < rq->params_n; i++)
    if (i != without && cf_listing_asks(&rq->params[i]))
      put_link(b, rq->params[i].name, rq->params[i].value);
}

void cf_listing_link_renamed(const struct cf_request *rq, struct cf_str name, struct cf_str instead,
                             struct cf_buf *b)
{
  for (size_t i = 0; i < rq->params_n; i++) {
    const struct cf_param *param = &rq->params[i];
    if (cf_listing_asks(param))
      put_link(b, cf_str_eq(param->name, name) ? instead : param->name, param->value);
  }
}

/* Parameters of GET /v1/events of which the page has its own idea. */
static const char *own_name(struct cf_str name)
{
  static const char *const names[] = {"limit", "format", "fields"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (cf_str_is(name, names[i]))
      return names[i];
  return NULL;
}

/* The form's fields as parameters of GET /v1/events. */
static enum cf_err question_translate(struct question *q, const struct cf_request *rq,
                                      int64_t now_us, struct cf_fault *fault)
{
  for (size_t i = 0; i < rq->params_n; i++) {
    struct cf_param param = rq->params[i];
    const char *own = own_name(param.name);
    if (param.value.n == 0)
      continue;
    if (own != NULL)
      return cf_fail(fault, CF_E_PARAMETER, own,
                     "the page shows all members of %d records; for other answers ask v1/events",
                     CF_LISTING_ROWS);
    if (cf_str_is(param.name, "to") && is_date(param.value))
      param.value = day_end(q, param.value, now_us);
    q->params[q->n++] = param;
  }
  q->params[q->n++] = (struct cf_param){CF_STR("limit"), CF_STR(TEXT_OF(CF_LISTING_ROWS))};
  return CF_OK;
}

/* ---- the answer ---- */

static size_t text_size(const struct cf_values *values, struct cf_str body)
{
  size_t n = body.n + 1;
  for (unsigned m = 0; m < CF_M_N; m++)
    n += values->v[m].n;
  return n;
}

static struct cf_str text_keep(char **p, struct cf_str s)
{
  if (s.p == NULL)
    return s;
  struct cf_str kept = {*p, s.n};
  if (s.n > 0)
    memcpy(*p, s.p, s.n);
  *p += s.n;
  return kept;
}

static enum cf_err copy_row(struct cf_listed *row, const struct cf_record *record,
                            const struct cf_values *values)
{
  bool control = record->kind != CF_K_EVENT && record->kind != CF_K_ACCESS;
  struct cf_str body = control ? record->public_text : (struct cf_str){NULL, 0};
  char *p = malloc(text_size(values, body));
  if (p == NULL)
    return CF_E_NOMEM;
  *row = (struct cf_listed){.seq = record->seq,
                            .recorded_us = record->recorded_us,
                            .effective_us = cf_record_effective_us(record),
                            .kind = record->kind,
                            .text = p};
  for (unsigned m = 0; m < CF_M_N; m++)
    row->v[m] = text_keep(&p, values->v[m]);
  row->body = text_keep(&p, body);
  return CF_OK;
}

static enum cf_err put_row(void *context, const struct cf_record *record)
{
  struct cf_listing *l = context;
  struct cf_values values;
  if (l->n == CF_LISTING_ROWS)
    return CF_E_FULL;
  cf_values_init(&values);
  enum cf_err err = cf_values_get(record, &values);
  if (err == CF_OK)
    err = copy_row(&l->rows[l->n], record, &values);
  if (err == CF_OK) {
    l->text_n += text_size(&values, l->rows[l->n].body);
    l->n++;
    l->end.enough = l->text_n >= CF_LISTING_TEXT;
  }
  cf_values_fini(&values);
  return err;
}

static enum cf_err listing_run(struct cf_listing *l, struct cf_ledger *ledger,
                               const struct cf_query *query, struct cf_fault *fault)
{
  struct cf_view *view = NULL;
  enum cf_err err = cf_view_get(ledger, &view);
  if (err != CF_OK)
    return err;
  err = cf_query_run(query, view, BUDGET_US, put_row, l, &l->end);
  cf_view_put(view);
  if (err != CF_E_DAMAGED)
    return err;
  return cf_fail(
      fault, err, NULL,
      "records from seq %llu up to, not including, %llu cannot be read and may belong here; what is listed is what was found before them",
      (unsigned long long)l->end.damaged_from, (unsigned long long)l->end.damaged_to);
}

enum cf_err cf_listing_ask(struct cf_listing *l, struct cf_ledger *ledger,
                           const struct cf_request *rq, int64_t now_us, struct cf_fault *fault)
{
  struct cf_query *query = NULL;
  struct question *q = calloc(1, sizeof *q);
  if (q == NULL)
    return CF_E_NOMEM;
  enum cf_err err = question_translate(q, rq, now_us, fault);
  if (err == CF_OK)
    err = cf_query_parse(q->params, q->n, NULL, now_us, &query, fault);
  const char *backwards = err == CF_OK ? cf_query_backwards(query) : NULL;
  if (backwards != NULL)
    err = cf_fail(fault, CF_E_PARAMETER, backwards, "not before the end: nothing lies between");
  if (err == CF_OK) {
    cf_buf_putstr(&l->filter, cf_query_text(query));
    struct cf_turn turn;
    cf_turn_init(&turn, cf_ledger_turns(ledger));
    turn.may = cf_transport_lengthy;
    turn.context = rq->transport;
    cf_query_take_turns(query, &turn);
    err = listing_run(l, ledger, query, fault);
  }
  cf_query_free(query);
  free(q);
  return err;
}
