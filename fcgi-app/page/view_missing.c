/* SPDX-License-Identifier: MIT */
/* What sources did not send. */
#include "config.h"

#include "fcgi-app/page/page_view_in.h"
#include "lib/base/codec.h"

/* ---- values ---- */

static void put_sources(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->missing.sources);
}
static void put_lacking(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->missing.lacking);
}
static void put_missing(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->missing.missing);
}

static const struct cf_missing_row *row_of(const struct cf_page_view *v)
{
  return &v->missing.row[v->gap];
}
static void put_gap_source(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, row_of(v)->source);
}
static void put_gap_question(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, "source=");
  cf_url_put(b, cf_str_from(row_of(v)->source));
}
static void put_gap_missing(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, row_of(v)->missing);
}
static void put_gap_gaps(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, row_of(v)->gaps);
}
static void put_gap_from(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, row_of(v)->newest.from);
}
static void put_gap_to(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, row_of(v)->newest.to);
}

static const struct cf_view_value values[] = {
    {"gaps.sources", put_sources},
    {"gaps.lacking", put_lacking},
    {"gaps.missing", put_missing},
    {"gap.source", put_gap_source},
    {"gap.question", put_gap_question},
    {"gap.missing", put_gap_missing},
    {"gap.gaps", put_gap_gaps},
    {"gap.from", put_gap_from},
    {"gap.to", put_gap_to},
    {NULL, NULL},
};

/* ---- parts ---- */

static bool has_gaps(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->missing.sources > 0;
}
static bool gaps_none(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->missing.lacking == 0;
}
static bool gaps_some(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->missing.lacking > 0;
}
static bool gaps_partial(struct cf_page_view *v, size_t i)
{
  return i == 0 && !v->missing.whole;
}
static bool next_gap(struct cf_page_view *v, size_t i)
{
  v->gap = i;
  return i < v->missing.n;
}

static const struct cf_view_part parts[] = {
    {"gaps", has_gaps},       {"gaps.none", gaps_none},
    {"gaps.some", gaps_some}, {"gaps.partial", gaps_partial},
    {"gap", next_gap},        {NULL, NULL},
};

const struct cf_view_section cf_view_missing = {values, parts, NULL, NULL};
