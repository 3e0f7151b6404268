/* SPDX-License-Identifier: MIT */
/* Records, a row each, and all that one has. */
#include "config.h"

#include "fcgi-app/page/page_view_in.h"
#include "lib/base/utf8.h"

#define CELL_MAX 200 /* characters of a value in a cell */

static const struct cf_listed *row_of(const struct cf_page_view *v)
{
  return &v->listing->rows[v->row];
}

/* p = NULL: absent, or no member. */
static struct cf_str member_value(const struct cf_listed *row, struct cf_str name)
{
  enum cf_member member = cf_member_find(name);
  return member == CF_M_N ? (struct cf_str){NULL, 0} : row->v[member];
}

/* As much as a cell shows. */
static struct cf_str cell_text(struct cf_str s)
{
  size_t n = 0;
  for (size_t i = 0; i < CELL_MAX && n < s.n; i++) {
    size_t step = cf_utf8_len((const uint8_t *)s.p + n, s.n - n);
    n += step > 0 ? step : 1;
  }
  return (struct cf_str){s.p, n};
}

/* ---- values ---- */

static void put_seq(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, row_of(v)->seq);
}
static void put_row_time(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_view_put_time(b, row_of(v)->effective_us);
}
static void put_recorded(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_view_put_time(b, row_of(v)->recorded_us);
}
static void put_kind(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, cf_kind_table[row_of(v)->kind].name);
}
static void put_body(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, row_of(v)->body);
}
static void put_member_name(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, cf_member_table[v->member].name);
}
static void put_member_value(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, row_of(v)->v[v->member]);
}

static const struct cf_view_value values[] = {
    {"row.seq", put_seq},
    {"row.time", put_row_time},
    {"row.recorded", put_recorded},
    {"row.kind", put_kind},
    {"row.body", put_body},
    {"member.name", put_member_name},
    {"member.value", put_member_value},
    {NULL, NULL},
};

static bool put_rest(const struct cf_page_view *v, struct cf_str name, struct cf_buf *b)
{
  if (!cf_view_front(&name, "row"))
    return false;
  if (cf_view_tail(&name, ".add"))
    cf_listing_link(v->request, name, member_value(row_of(v), name), b);
  else
    cf_buf_putstr(b, cell_text(member_value(row_of(v), name)));
  return true;
}

/* ---- parts ---- */

static bool next_row(struct cf_page_view *v, size_t i)
{
  v->row = i;
  return i < v->listing->n;
}

static bool next_member(struct cf_page_view *v, size_t i)
{
  const struct cf_listed *row = row_of(v);
  size_t member = 0;
  for (; member < CF_M_N; member++)
    if (row->v[member].p != NULL && i-- == 0)
      break;
  v->member = member;
  return member < CF_M_N;
}

static bool member_is_empty(struct cf_page_view *v, size_t i)
{
  return i == 0 && row_of(v)->v[v->member].n == 0;
}

static bool has_body(struct cf_page_view *v, size_t i)
{
  return i == 0 && row_of(v)->body.n > 0;
}

/* Does its time lie too far ahead of when it was recorded? */
static bool is_ahead(struct cf_page_view *v, size_t i)
{
  const struct cf_listed *row = row_of(v);
  return i == 0 && row->effective_us > row->recorded_us &&
         row->effective_us - row->recorded_us > v->max_skew_us;
}

static const struct cf_view_part parts[] = {
    {"row", next_row},
    {"row.body", has_body},
    {"row.ahead", is_ahead},
    {"member", next_member},
    {"member.empty", member_is_empty},
    {NULL, NULL},
};

static bool rest_part(struct cf_page_view *v, struct cf_str name, size_t i)
{
  if (i > 0 || !cf_view_front(&name, "row"))
    return false;
  bool absent = cf_view_tail(&name, ".absent");
  bool empty = cf_view_tail(&name, ".empty");
  bool cut = cf_view_tail(&name, ".cut");
  struct cf_str value = member_value(row_of(v), name);
  if (absent)
    return value.p == NULL && row_of(v)->body.n == 0;
  if (empty)
    return value.p != NULL && value.n == 0;
  return cut ? cell_text(value).n < value.n : value.n > 0;
}

const struct cf_view_section cf_view_rows = {values, parts, put_rest, rest_part};
