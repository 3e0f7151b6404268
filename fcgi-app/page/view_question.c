/* SPDX-License-Identifier: MIT */
/* The question: its form, its filters, what is wrong with it, and the pages of
 * its answer. */
#include "config.h"

#include <string.h>

#include "fcgi-app/page/page_view_in.h"
#include "lib/base/codec.h"

#define TITLE_MAX 80 /* bytes of a question in a title */

/* A browser takes the ends of lines out of what a field of one line has. */
static bool fits_field(struct cf_str value)
{
  return memchr(value.p, '\n', value.n) == NULL && memchr(value.p, '\r', value.n) == NULL;
}

/* The place of the value that the form's field of that name shows: the first
 * one that it can; params_n where it is empty. */
static size_t field_place(const struct cf_request *rq, struct cf_str name)
{
  size_t i = 0;
  for (; i < rq->params_n; i++) {
    const struct cf_param *param = &rq->params[i];
    if (cf_listing_asks(param) && cf_str_eq(param->name, name) && fits_field(param->value))
      break;
  }
  return i;
}

static void put_form_value(const struct cf_request *rq, struct cf_str name, struct cf_buf *b)
{
  size_t i = field_place(rq, name);
  if (i < rq->params_n)
    cf_buf_putstr(b, rq->params[i].value);
}

static bool is_field_name(struct cf_str name)
{
  static const char *const fields[] = {"user", "method", "status", "from", "to", "q", "kind"};
  size_t k = 0;
  while (k < sizeof fields / sizeof fields[0] && !cf_str_is(name, fields[k]))
    k++;
  return k < sizeof fields / sizeof fields[0];
}

/* Has the form a field that shows the i-th parameter? */
static bool is_field(const struct cf_request *rq, size_t i)
{
  return is_field_name(rq->params[i].name) && field_place(rq, rq->params[i].name) == i;
}

/* Is the kind one of the choices that the form has by itself? */
static bool is_kind_choice(const struct cf_request *rq)
{
  struct cf_str kind = CF_STR("");
  return !cf_request_get(rq, "kind", &kind) || kind.n == 0 || cf_str_is(kind, "access") ||
         cf_str_is(kind, "all");
}

/* ---- values ---- */

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
static const struct cf_param *param_of(const struct cf_page_view *v)
{
  return &v->request->params[v->param];
}
static void put_param_name(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, param_of(v)->name);
}
static void put_param_value(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, param_of(v)->value);
}
static void put_param_without(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_listing_link_without(v->request, v->param, b);
}
/* The question in upper and lower case, and with any text, in the place of what
 * that parameter asks for. */
static void put_suggest_case(const struct cf_page_view *v, struct cf_buf *b)
{
  struct cf_buf name;
  cf_buf_init(&name, SIZE_MAX);
  cf_buf_putstr(&name, param_of(v)->name);
  cf_buf_puts(&name, ".ci");
  cf_listing_link_renamed(v->request, param_of(v)->name, cf_buf_str(&name), b);
  cf_buf_fini(&name);
}
static void put_suggest_text(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_listing_link_renamed(v->request, param_of(v)->name, CF_STR("q"), b);
}
static void put_question(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_listing_link(v->request, CF_STR(""), CF_STR(""), b);
}
/* So much of it as a title has room for; it is ASCII. */
static void put_question_cut(const struct cf_page_view *v, struct cf_buf *b)
{
  struct cf_buf question;
  cf_buf_init(&question, SIZE_MAX);
  put_question(v, &question);
  struct cf_str text = cf_buf_str(&question);
  cf_buf_put(b, text.p, text.n < TITLE_MAX ? text.n : TITLE_MAX);
  cf_buf_fini(&question);
}
static void put_cursor(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_url_put(b, cf_str_from(v->listing->end.cursor));
}
static const struct cf_view_value values[] = {
    {"problem", put_problem},
    {"problem_at", put_problem_at},
    {"problem_detail", put_problem_detail},
    {"rows", put_rows},
    {"param.name", put_param_name},
    {"param.value", put_param_value},
    {"param.without", put_param_without},
    {"suggest.case", put_suggest_case},
    {"suggest.text", put_suggest_text},
    {"question", put_question},
    {"question.cut", put_question_cut},
    {"cursor", put_cursor},
    {NULL, NULL},
};

static bool put_rest(const struct cf_page_view *v, struct cf_str name, struct cf_buf *b)
{
  if (!cf_view_front(&name, "form"))
    return false;
  put_form_value(v->request, name, b);
  return true;
}

/* ---- parts ---- */

/* The i-th parameter of the question, or of those that no field shows. */
static bool next_param(struct cf_page_view *v, size_t i, bool hidden)
{
  const struct cf_request *rq = v->request;
  size_t k = 0;
  for (; k < rq->params_n; k++)
    if (cf_listing_asks(&rq->params[k]) && !(hidden && is_field(rq, k)) && i-- == 0)
      break;
  v->param = k;
  return k < rq->params_n;
}

static bool next_filter(struct cf_page_view *v, size_t i)
{
  return next_param(v, i, false);
}

static bool next_hidden(struct cf_page_view *v, size_t i)
{
  return next_param(v, i, true);
}

/* The first filter for an exact value that may be written otherwise. */
static bool next_suggestion(struct cf_page_view *v, size_t i)
{
  const struct cf_request *rq = v->request;
  v->param = 0;
  while (v->param < rq->params_n &&
         !(cf_listing_asks(&rq->params[v->param]) && cf_query_has_case(rq->params[v->param].name)))
    v->param++;
  return i == 0 && v->param < rq->params_n;
}
/* Another text would be one more of those that are looked for. */
static bool is_text_free(struct cf_page_view *v, size_t i)
{
  return i == 0 && field_place(v->request, CF_STR("q")) == v->request->params_n;
}

/* A problem that no field of the form is told of. */
static bool is_elsewhere(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->problem != NULL && !is_field_name(cf_str_from(v->problem_at));
}
static bool is_none(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->listing->n == 0 && v->problem == NULL;
}
static bool is_some(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->listing->n > 0;
}
static bool has_more(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->listing->end.has_more;
}
static bool has_question(struct cf_page_view *v, size_t i)
{
  return i == 0 && next_filter(v, 0);
}
static bool has_other_kind(struct cf_page_view *v, size_t i)
{
  return i == 0 && !is_kind_choice(v->request);
}
static bool is_paged(struct cf_page_view *v, size_t i)
{
  struct cf_str cursor = CF_STR("");
  return i == 0 && cf_request_get(v->request, "cursor", &cursor) && cursor.n > 0;
}

/* Is the parameter absent, empty or this? */
static bool is_default(const struct cf_page_view *v, const char *name, const char *value)
{
  struct cf_str given = CF_STR("");
  return !cf_request_get(v->request, name, &given) || given.n == 0 || cf_str_is(given, value);
}
static bool is_newest_first(struct cf_page_view *v, size_t i)
{
  return i == 0 && is_default(v, "sort", "seq") && is_default(v, "order", "desc");
}
static bool is_other_order(struct cf_page_view *v, size_t i)
{
  return i == 0 && !is_newest_first(v, 0);
}

static const struct cf_view_part parts[] = {
    {"elsewhere", is_elsewhere},
    {"none", is_none},
    {"some", is_some},
    {"more", has_more},
    {"has_question", has_question},
    {"other_kind", has_other_kind},
    {"paged", is_paged},
    {"newest_first", is_newest_first},
    {"other_order", is_other_order},
    {"filter", next_filter},
    {"hidden", next_hidden},
    {"suggest", next_suggestion},
    {"suggest.text", is_text_free},
    {NULL, NULL},
};

static bool rest_part(struct cf_page_view *v, struct cf_str name, size_t i)
{
  struct cf_str kind = CF_STR("");
  if (cf_view_front(&name, "at"))
    return i == 0 && v->problem != NULL && cf_str_is(name, v->problem_at);
  return cf_view_front(&name, "kind") && i == 0 && cf_request_get(v->request, "kind", &kind) &&
         cf_str_eq(kind, name);
}

const struct cf_view_section cf_view_question = {values, parts, put_rest, rest_part};
