/* SPDX-License-Identifier: MIT */
/* Values and parts of the page. */
#include "config.h"

#include "fcgi-app/page/page_view.h"

#include <string.h>

#include "fcgi-app/who/session.h"
#include "lib/base/codec.h"

/* ---- rows ---- */

static const struct cf_listed *row_of(const struct cf_page_view *v)
{
  return &v->listing->rows[v->row];
}

static void put_time(struct cf_buf *b, int64_t t_us)
{
  char text[CF_TIME_TEXT_N + 1];
  cf_time_format(t_us, text);
  cf_buf_puts(b, text);
}

static bool has_tail(struct cf_str s, const char *tail)
{
  size_t n = strlen(tail);
  return s.n > n && memcmp(s.p + s.n - n, tail, n) == 0;
}

static struct cf_str member_value(const struct cf_listed *row, struct cf_str name)
{
  enum cf_member member = cf_member_find(name);
  return member == CF_M_N || row->v[member].p == NULL ? CF_STR("") : row->v[member];
}

static void put_row_value(const struct cf_listed *row, struct cf_str name, struct cf_buf *b)
{
  if (cf_str_is(name, "seq")) {
    cf_buf_put_u64(b, row->seq);
  } else if (cf_str_is(name, "time")) {
    put_time(b, row->effective_us);
  } else if (cf_str_is(name, "recorded")) {
    put_time(b, row->recorded_us);
  } else if (cf_str_is(name, "kind")) {
    cf_buf_puts(b, cf_kind_table[row->kind].name);
  } else if (cf_str_is(name, "body")) {
    cf_buf_putstr(b, row->body);
  } else if (has_tail(name, ".url")) {
    cf_url_put(b, member_value(row, (struct cf_str){name.p, name.n - 4}));
  } else {
    cf_buf_putstr(b, member_value(row, name));
  }
}

static bool row_has(const struct cf_listed *row, struct cf_str name)
{
  if (cf_str_is(name, "body"))
    return row->body.n > 0;
  enum cf_member member = cf_member_find(name);
  return member != CF_M_N && row->v[member].p != NULL;
}

/* Does its time lie too far ahead of when it was recorded? */
static bool row_is_ahead(const struct cf_page_view *v)
{
  const struct cf_listed *row = row_of(v);
  return row->effective_us > row->recorded_us &&
         row->effective_us - row->recorded_us > v->max_skew_us;
}

/* The i-th member that is there, or CF_M_N. */
static size_t nth_member(const struct cf_listed *row, size_t i)
{
  size_t member = 0;
  for (; member < CF_M_N; member++)
    if (row->v[member].p != NULL && i-- == 0)
      break;
  return member;
}

/* ---- values ---- */

static void put_form_token(const struct cf_page_view *v, struct cf_buf *b)
{
  if (v->who->cookie.n > 0)
    cf_session_put_form(v->who->cookie, b);
}

static void put_who(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, v->who->user);
}
static void put_size(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->state.size);
}
static void put_sealed_size(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->checkpoint.size);
}
static void put_sealed_root(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_base64_put(b, v->checkpoint.root, CF_HASH_N);
}
static void put_sealed_time(const struct cf_page_view *v, struct cf_buf *b)
{
  put_time(b, v->state.sealed_us);
}
static void put_verdict(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, v->verdict == NULL ? "" : v->verdict);
}
static void put_problem(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, v->problem);
}
static void put_problem_at(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, v->problem_at);
}
static void put_problem_detail(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, v->problem_detail);
}
static void put_rows(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->listing->n);
}
static void put_question(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, cf_buf_str(&v->listing->link));
}
static void put_cursor(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_url_put(b, cf_str_from(v->listing->end.cursor));
}
static void put_member_name(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, cf_member_table[v->member].name);
}
static void put_member_value(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, row_of(v)->v[v->member]);
}

/* Values of a page with a listing. */
static const struct {
  const char *name;
  void (*put)(const struct cf_page_view *v, struct cf_buf *b);
} named_values[] = {
    {"who", put_who},
    {"form_token", put_form_token},
    {"size", put_size},
    {"sealed_size", put_sealed_size},
    {"sealed_root", put_sealed_root},
    {"sealed_time", put_sealed_time},
    {"verdict", put_verdict},
    {"problem", put_problem},
    {"problem_at", put_problem_at},
    {"problem_detail", put_problem_detail},
    {"rows", put_rows},
    {"question", put_question},
    {"cursor", put_cursor},
    {"member.name", put_member_name},
    {"member.value", put_member_value},
};

/* The rest of a dotted name behind its first word. */
static bool dotted(struct cf_str name, const char *word, struct cf_str *rest)
{
  *rest = name;
  return cf_str_is(cf_str_cut(rest, '.'), word) && rest->n > 0;
}

void cf_page_view_value(void *context, struct cf_str name, struct cf_buf *b)
{
  const struct cf_page_view *v = context;
  struct cf_str rest;
  struct cf_str value = CF_STR("");
  if (cf_str_is(name, "origin"))
    cf_buf_putstr(b, v->origin);
  if (cf_str_is(name, "message") && v->message != NULL)
    cf_buf_puts(b, v->message);
  if (v->listing == NULL)
    return;
  for (size_t i = 0; i < sizeof named_values / sizeof named_values[0]; i++)
    if (cf_str_is(name, named_values[i].name))
      named_values[i].put(v, b);
  if (dotted(name, "row", &rest))
    put_row_value(row_of(v), rest, b);
  if (!dotted(name, "form", &rest))
    return;
  for (size_t i = 0; i < v->request->params_n && value.n == 0; i++)
    if (cf_str_eq(v->request->params[i].name, rest))
      value = v->request->params[i].value;
  cf_buf_putstr(b, value);
}

/* ---- parts ---- */

static bool has_message(const struct cf_page_view *v)
{
  return v->message != NULL;
}
static bool is_signed_out(const struct cf_page_view *v)
{
  return v->listing == NULL;
}
static bool is_signed_in(const struct cf_page_view *v)
{
  return v->listing != NULL;
}
static bool can_leave(const struct cf_page_view *v)
{
  return is_signed_in(v) && v->who->cookie.n > 0;
}
static bool can_verify(const struct cf_page_view *v)
{
  return is_signed_in(v) && cf_roles_have(v->who->roles, CF_ROLE_AUDITOR);
}
static bool has_problem(const struct cf_page_view *v)
{
  return v->problem != NULL;
}
static bool is_sealed(const struct cf_page_view *v)
{
  return v->sealed;
}
static bool is_unsealed(const struct cf_page_view *v)
{
  return !v->sealed;
}
static bool chain_ok(const struct cf_page_view *v)
{
  return v->chain == CF_CHAIN_OK;
}
static bool chain_bad(const struct cf_page_view *v)
{
  return v->chain == CF_CHAIN_BAD;
}
static bool chain_unknown(const struct cf_page_view *v)
{
  return v->chain == CF_CHAIN_UNKNOWN;
}
static bool is_none(const struct cf_page_view *v)
{
  return is_signed_in(v) && v->listing->n == 0 && v->problem == NULL;
}
static bool is_some(const struct cf_page_view *v)
{
  return is_signed_in(v) && v->listing->n > 0;
}
static bool has_more(const struct cf_page_view *v)
{
  return is_signed_in(v) && v->listing->end.has_more;
}
static bool has_question(const struct cf_page_view *v)
{
  return is_signed_in(v) && v->listing->link.n > 0;
}
static bool is_paged(const struct cf_page_view *v)
{
  struct cf_str cursor = CF_STR("");
  return is_signed_in(v) && cf_request_get(v->request, "cursor", &cursor) && cursor.n > 0;
}

/* Is the parameter absent, empty or this? */
static bool is_default(const struct cf_page_view *v, const char *name, const char *value)
{
  struct cf_str given = CF_STR("");
  return !cf_request_get(v->request, name, &given) || given.n == 0 || cf_str_is(given, value);
}
static bool is_newest_first(const struct cf_page_view *v)
{
  return is_signed_in(v) && is_default(v, "sort", "seq") && is_default(v, "order", "desc");
}
static bool is_other_order(const struct cf_page_view *v)
{
  return is_signed_in(v) && !is_newest_first(v);
}

/* Parts that are shown or not. */
static const struct {
  const char *name;
  bool (*is)(const struct cf_page_view *v);
} named_parts[] = {
    {"message", has_message},
    {"signed_out", is_signed_out},
    {"signed_in", is_signed_in},
    {"can_leave", can_leave},
    {"can_verify", can_verify},
    {"problem", has_problem},
    {"sealed", is_sealed},
    {"unsealed", is_unsealed},
    {"chain_ok", chain_ok},
    {"chain_bad", chain_bad},
    {"none", is_none},
    {"some", is_some},
    {"chain_unknown", chain_unknown},
    {"more", has_more},
    {"has_question", has_question},
    {"paged", is_paged},
    {"newest_first", is_newest_first},
    {"other_order", is_other_order},
};

static bool next_row(struct cf_page_view *v, size_t i)
{
  if (i >= v->listing->n)
    return false;
  v->row = i;
  return true;
}

static bool next_member(struct cf_page_view *v, size_t i)
{
  v->member = nth_member(row_of(v), i);
  return v->member < CF_M_N;
}

bool cf_page_view_part(void *context, struct cf_str name, size_t i)
{
  struct cf_page_view *v = context;
  struct cf_str rest;
  struct cf_str kind = CF_STR("");
  for (size_t k = 0; k < sizeof named_parts / sizeof named_parts[0]; k++)
    if (cf_str_is(name, named_parts[k].name))
      return i == 0 && named_parts[k].is(v);
  if (v->listing == NULL)
    return false;
  if (cf_str_is(name, "row"))
    return next_row(v, i);
  if (cf_str_is(name, "member"))
    return next_member(v, i);
  if (cf_str_is(name, "row.ahead"))
    return i == 0 && row_is_ahead(v);
  if (dotted(name, "row", &rest))
    return i == 0 && row_has(row_of(v), rest);
  return i == 0 && dotted(name, "kind", &rest) && cf_request_get(v->request, "kind", &kind) &&
         cf_str_eq(kind, rest);
}
