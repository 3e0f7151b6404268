/* SPDX-License-Identifier: MIT */
/* What a question asks, told to whoever filters again (format.md, Evidence
 * bundle): every value as it counts, none as it was sent. */
#include "config.h"

#include "lib/query/query_in.h"

#include "lib/base/codec.h"
#include "lib/record/json.h"

/* Does a leaf tell whether the condition holds? */
static bool is_public(const struct cf_condition *c)
{
  return c->asked.member < CF_M_N && cf_member_table[c->asked.member].compartment == CF_C_PUBLIC;
}

bool cf_query_is_public(const struct cf_query *q)
{
  for (size_t i = 0; i < q->conditions_n; i++)
    if (!is_public(&q->conditions[i]))
      return false;
  return true;
}

uint64_t cf_query_seq_from(const struct cf_query *query)
{
  return query->seq_from;
}

uint64_t cf_query_seq_to(const struct cf_query *query)
{
  return query->seq_to;
}

void cf_query_take_all(struct cf_query *q, uint64_t size)
{
  q->limit = CF_QUERY_LIMIT_ALL;
  q->by_time = false;
  q->ascending = true;
  q->seq_to = q->seq_to < size ? q->seq_to : size;
  q->start = cf_spot_start(q);
}

void cf_query_take_kinds(struct cf_query *q)
{
  q->kinds = (UINT32_C(1) << CF_K_N) - 1;
}

static void put_comma(struct cf_buf *b)
{
  if (b->n > 0 && b->p[b->n - 1] != '[')
    cf_buf_putc(b, ',');
}

static void put_kinds(const struct cf_query *q, struct cf_buf *b)
{
  cf_json_put_name(b, "kinds");
  cf_buf_putc(b, '[');
  for (unsigned k = 0; k < CF_K_N; k++) {
    if ((q->kinds >> k & 1) == 0)
      continue;
    put_comma(b);
    cf_json_put_str(b, cf_str_from(cf_kind_table[k].name));
  }
  cf_buf_putc(b, ']');
}

/* A bound beyond all times asks for nothing. */
static void put_time(struct cf_buf *b, const char *name, int64_t t_us)
{
  if (t_us >= CF_TIME_MIN_US && t_us <= CF_TIME_MAX_US)
    cf_json_put_member_time(b, name, t_us);
}

static void put_values(const struct cf_condition *c, struct cf_buf *b)
{
  cf_json_put_name(b, "values");
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < c->n; i++) {
    put_comma(b);
    cf_json_put_str(b, c->values[i].text);
  }
  cf_buf_putc(b, ']');
}

static void put_ranges(const struct cf_condition *c, struct cf_buf *b)
{
  cf_json_put_name(b, "ranges");
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < c->n; i++) {
    put_comma(b);
    cf_buf_putf(b, "[%u,%u]", (unsigned)cf_u16_get(c->values[i].first),
                (unsigned)cf_u16_get(c->values[i].last));
  }
  cf_buf_putc(b, ']');
}

static void put_condition(const struct cf_condition *c, struct cf_buf *b)
{
  static const char *const ops[] = {[CF_OP_IS] = "is",
                                    [CF_OP_PREFIX] = "prefix",
                                    [CF_OP_CI] = "ci",
                                    [CF_OP_CONTAINS] = "contains",
                                    [CF_OP_NOT] = "not"};
  enum cf_member member = c->asked.member;
  put_comma(b);
  cf_buf_putc(b, '{');
  cf_json_put_member(b, "member",
                     cf_str_from(member == CF_M_N ? "q" : cf_member_table[member].name));
  if (c->asked.path.n > 0)
    cf_json_put_member(b, "path", c->asked.path);
  cf_json_put_member(b, "op", cf_str_from(ops[c->asked.op]));
  if (member == CF_M_STATUS && c->key_n > 0)
    put_ranges(c, b);
  else
    put_values(c, b);
  cf_buf_putc(b, '}');
}

void cf_query_put_filter(const struct cf_query *q, struct cf_buf *b)
{
  put_kinds(q, b);
  put_time(b, "from", q->from_us);
  put_time(b, "to", q->to_us);
  put_time(b, "recorded_from", q->recorded_from_us);
  put_time(b, "recorded_to", q->recorded_to_us);
  cf_json_put_name(b, "conditions");
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < q->conditions_n; i++)
    put_condition(&q->conditions[i], b);
  cf_buf_putc(b, ']');
}
