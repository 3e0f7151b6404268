/* SPDX-License-Identifier: MIT */
/* GET /v1/gaps (api.md): what is missing of events that their sources count. */
#include "config.h"

#include "fcgi-app/routes/call_in.h"
#include "lib/ledger/ledger.h"
#include "lib/record/json.h"

#define LIMIT_MAX 1000
#define LIMIT     100

/* What is asked for, and the answer. */
struct asked {
  bool one; /* this source alone */
  struct cf_str source;
  struct cf_str behind; /* sources whose names come after it; empty: all */
  uint64_t limit;
  uint64_t rows;
  struct cf_buf b;
};

static enum cf_err asked_read(struct cf_call *call, struct asked *asked)
{
  bool present = false;
  enum cf_err err = cf_request_u64(call->request, "limit", &present, &asked->limit, &call->fault);
  if (err != CF_OK)
    return err;
  if (asked->limit < 1 || asked->limit > LIMIT_MAX)
    return cf_fail(&call->fault, CF_E_PARAMETER, "limit", "limit is 1 to %d", LIMIT_MAX);
  cf_request_get(call->request, "cursor", &asked->behind);
  asked->one = cf_request_get(call->request, "source", &asked->source);
  if (asked->one && asked->behind.n > 0)
    return cf_fail(&call->fault, CF_E_PARAMETER, "cursor", "of one source there is one page");
  return CF_OK;
}

/* ---- the answer ---- */

static void put_intervals(struct cf_buf *b, const struct cf_producers *producers, size_t i)
{
  struct cf_producer_gap gap[CF_PRODUCER_GAPS];
  size_t n = cf_producers_gaps(producers, i, CF_PRODUCER_GAPS, gap);
  cf_json_put_name(b, "intervals");
  cf_buf_putc(b, '[');
  for (size_t k = 0; k < n; k++) {
    cf_buf_puts(b, k > 0 ? ",{" : "{");
    cf_json_put_member_u64(b, "from", gap[k].from);
    cf_json_put_member_u64(b, "to", gap[k].to);
    cf_json_put_member_u64(b, "run", gap[k].run);
    cf_buf_putc(b, '}');
  }
  cf_buf_putc(b, ']');
}

static void put_newest(struct cf_buf *b, const struct cf_produced *newest)
{
  cf_json_put_name(b, "newest");
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "seq", newest->seq);
  cf_json_put_member_time(b, "recorded", newest->recorded_us);
  cf_json_put_member_u64(b, "source_seq", newest->value);
  cf_buf_putc(b, '}');
}

static void put_source(struct asked *asked, const struct cf_gaps_told *told, size_t i)
{
  struct cf_buf *b = &asked->b;
  struct cf_producer p;
  cf_producers_get(told->producers, i, &p);
  cf_buf_puts(b, asked->rows++ > 0 ? ",{" : "{");
  cf_json_put_member(b, "source", p.source);
  cf_json_put_member_u64(b, "first", p.first);
  cf_json_put_member_u64(b, "last", p.last);
  cf_json_put_member_u64(b, "count", p.records);
  cf_json_put_member_u64(b, "missing", p.missing);
  cf_json_put_member_u64(b, "gaps", p.gaps);
  put_intervals(b, told->producers, i);
  cf_json_put_member_bool(b, "more", p.gaps > CF_PRODUCER_GAPS);
  cf_json_put_member_u64(b, "repeats", p.repeats);
  cf_json_put_member_u64(b, "restarts", p.restarts);
  cf_json_put_member_bool(b, "exact", p.exact && told->unread == 0);
  put_newest(b, &p.newest);
  cf_buf_putc(b, '}');
}

/* The first source of the page, and the one behind its last. */
static void page_find(const struct asked *asked, const struct cf_producers *producers, size_t *from,
                      size_t *to)
{
  const size_t n = cf_producers_n(producers);
  struct cf_str name = asked->one ? asked->source : asked->behind;
  struct cf_producer p;
  *from = cf_producers_find(producers, name);
  bool met = *from < n;
  if (met) {
    cf_producers_get(producers, *from, &p);
    met = cf_str_eq(p.source, name);
  }
  *from += met && !asked->one;
  *to = asked->one ? *from + met : n - *from < asked->limit ? n : *from + asked->limit;
}

static enum cf_err gaps_tell(void *context, const struct cf_gaps_told *told)
{
  struct asked *asked = context;
  struct cf_buf *b = &asked->b;
  struct cf_producer p;
  size_t from, to;
  page_find(asked, told->producers, &from, &to);
  bool more = !asked->one && to < cf_producers_n(told->producers);
  cf_buf_puts(b, "{\"sources\":[");
  for (size_t i = from; i < to; i++)
    put_source(asked, told, i);
  cf_buf_putc(b, ']');
  cf_json_put_name(b, "next_cursor");
  if (more) {
    cf_producers_get(told->producers, to - 1, &p);
    cf_json_put_str(b, p.source);
  } else {
    cf_buf_puts(b, "null");
  }
  cf_json_put_member_bool(b, "has_more", more);
  cf_json_put_member_u64(b, "size", told->size);
  cf_json_put_member_bool(b, "complete", told->complete);
  cf_json_put_member_u64(b, "unread", told->unread);
  cf_json_put_member_u64(b, "untold", cf_producers_untold(told->producers));
  cf_buf_puts(b, "}\n");
  return b->err;
}

static enum cf_err ledger_ask(struct cf_call *call, struct asked *asked)
{
  struct cf_view *view = NULL;
  struct cf_turn turn;
  enum cf_err err = cf_view_get(call->app->ledger, &view);
  if (err != CF_OK)
    return err;
  cf_turn_init(&turn, cf_ledger_turns(call->app->ledger));
  turn.may = cf_transport_lengthy;
  turn.context = call->request->transport;
  err = cf_gaps_ask(call->app->gaps, view, &turn, call->conf->verify_budget_us, gaps_tell, asked);
  cf_view_put(view);
  return err == CF_E_BUSY
             ? cf_fail(&call->fault, err, NULL, "somebody else looks through the log for this now")
             : err;
}

enum cf_err cf_handle_gaps_get(struct cf_call *call)
{
  struct asked asked = {.limit = LIMIT};
  enum cf_err err = asked_read(call, &asked);
  if (err != CF_OK)
    return err;
  cf_buf_init(&asked.b, SIZE_MAX);
  err = ledger_ask(call, &asked);
  call->access.rows = asked.rows;
  if (err == CF_OK)
    err = cf_call_answer(call, 200, "application/json", &asked.b);
  cf_buf_fini(&asked.b);
  return err;
}
