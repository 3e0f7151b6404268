/* SPDX-License-Identifier: MIT */
/* The sign, its words, and the ways around what is bad. */
#include "config.h"

#include <stdio.h>

#include "fcgi-app/page/page_view_in.h"
#include "lib/base/codec.h"

/* ---- values ---- */

static const struct cf_control_verdict *verdict_of(const struct cf_page_view *v)
{
  return &v->seal.by.verdict;
}
static void put_seal_leaves(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, verdict_of(v)->leaves);
}
static void put_seal_size(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, verdict_of(v)->size);
}
static void put_seal_newer(const struct cf_page_view *v, struct cf_buf *b)
{
  uint64_t size = verdict_of(v)->size;
  cf_buf_put_u64(b, v->state.size > size ? v->state.size - size : 0);
}
static void put_seal_who(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, *v->seal.by.who == '\0' ? "somebody unknown" : v->seal.by.who);
}
static void put_seal_at(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_view_put_time(b, v->seal.by.at_us);
}
static void put_seal_ago(const struct cf_page_view *v, struct cf_buf *b)
{
  int64_t minutes = (v->now_us - v->seal.by.at_us) / (CF_HOUR_US / 60);
  if (minutes < 1)
    cf_buf_puts(b, "just now");
  else if (minutes < 120)
    cf_buf_putf(b, "%lld min ago", (long long)minutes);
  else if (minutes < 48 * 60)
    cf_buf_putf(b, "%lld h ago", (long long)(minutes / 60));
  else
    cf_buf_putf(b, "%lld days ago", (long long)(minutes / (24 * 60)));
}
static void put_seal_word(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, verdict_of(v)->word);
}
static void put_seal_words(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, cf_seal_words(verdict_of(v)));
}
static void put_seal_first_bad(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, verdict_of(v)->first_bad);
}
static void put_range_first(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->range_first);
}
static void put_range_last(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->range_last);
}

/* A bound of the question; what is none counts as the other. */
static uint64_t bound_of(const struct cf_page_view *v, const char *name, uint64_t other)
{
  struct cf_str text = CF_STR("");
  uint64_t seq = other;
  if (cf_request_get(v->request, name, &text) && cf_u64_parse(text, UINT64_MAX, &seq) != CF_OK)
    seq = other;
  return seq;
}

/* The question with another bound. */
static void put_bounded(const struct cf_page_view *v, const char *name, uint64_t seq,
                        struct cf_buf *b)
{
  char text[24];
  int n = snprintf(text, sizeof text, "%llu", (unsigned long long)seq);
  cf_listing_link(v->request, cf_str_from(name), (struct cf_str){text, (size_t)n}, b);
}
static void put_range_before(const struct cf_page_view *v, struct cf_buf *b)
{
  uint64_t to = bound_of(v, "seq_to", UINT64_MAX);
  put_bounded(v, "seq_to", v->range_first < to ? v->range_first : to, b);
}
static void put_range_after(const struct cf_page_view *v, struct cf_buf *b)
{
  uint64_t from = bound_of(v, "seq_from", 0);
  put_bounded(v, "seq_from", v->range_last + 1 > from ? v->range_last + 1 : from, b);
}

static const struct cf_view_value values[] = {
    {"seal.leaves", put_seal_leaves},
    {"seal.size", put_seal_size},
    {"seal.newer", put_seal_newer},
    {"seal.who", put_seal_who},
    {"seal.at", put_seal_at},
    {"seal.ago", put_seal_ago},
    {"seal.word", put_seal_word},
    {"seal.words", put_seal_words},
    {"seal.first_bad", put_seal_first_bad},
    {"range.first", put_range_first},
    {"range.last", put_range_last},
    {"range.before", put_range_before},
    {"range.after", put_range_after},
    {NULL, NULL},
};

/* ---- parts ---- */

static bool seal_is(const struct cf_page_view *v, enum cf_seal_sign sign)
{
  return v->seal.sign == sign && (v->looked || sign == CF_SEAL_RED);
}
static bool seal_is_green(struct cf_page_view *v, size_t i)
{
  return i == 0 && seal_is(v, CF_SEAL_GREEN);
}
static bool seal_is_grey(struct cf_page_view *v, size_t i)
{
  return i == 0 && seal_is(v, CF_SEAL_GREY);
}
static bool seal_is_old(struct cf_page_view *v, size_t i)
{
  return i == 0 && seal_is(v, CF_SEAL_OLD);
}
static bool seal_is_partial(struct cf_page_view *v, size_t i)
{
  return i == 0 && seal_is(v, CF_SEAL_PARTIAL);
}
static bool seal_is_red(struct cf_page_view *v, size_t i)
{
  return i == 0 && seal_is(v, CF_SEAL_RED);
}
static bool seal_is_unknown(struct cf_page_view *v, size_t i)
{
  return i == 0 && !v->looked && !seal_is(v, CF_SEAL_RED);
}
static bool has_first_bad(struct cf_page_view *v, size_t i)
{
  return i == 0 && seal_is(v, CF_SEAL_RED) && verdict_of(v)->has_first_bad;
}
static bool is_bad_nowhere(struct cf_page_view *v, size_t i)
{
  return i == 0 && seal_is(v, CF_SEAL_RED) && !verdict_of(v)->has_first_bad;
}
static bool has_more_ranges(struct cf_page_view *v, size_t i)
{
  struct cf_str ranges = cf_str_from(verdict_of(v)->ranges);
  return i == 0 && seal_is(v, CF_SEAL_RED) && cf_view_tail(&ranges, ",more");
}
/* The i-th range of the red sign. */
static bool next_range(struct cf_page_view *v, size_t i)
{
  struct cf_str text = cf_str_from(verdict_of(v)->ranges);
  bool is = seal_is(v, CF_SEAL_RED);
  for (size_t k = 0; is && k <= i; k++)
    is = cf_seal_range(&text, &v->range_first, &v->range_last);
  return is;
}

/* Does the question reach to there? */
static bool has_before(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->range_first > bound_of(v, "seq_from", 0);
}
static bool has_after(struct cf_page_view *v, size_t i)
{
  uint64_t next = v->range_last + 1;
  return i == 0 && next < bound_of(v, "seq_to", UINT64_MAX) && next < v->state.size;
}

static bool next_damage(struct cf_page_view *v, size_t i)
{
  if (i > 0 || v->damaged == NULL)
    return false;
  v->range_first = v->damaged->damaged_from;
  v->range_last = v->damaged->damaged_to - 1;
  return true;
}

static const struct cf_view_part parts[] = {
    {"seal.green", seal_is_green},     {"seal.grey", seal_is_grey},
    {"seal.old", seal_is_old},         {"seal.partial", seal_is_partial},
    {"seal.red", seal_is_red},         {"seal.unknown", seal_is_unknown},
    {"seal.first_bad", has_first_bad}, {"seal.nowhere", is_bad_nowhere},
    {"seal.more", has_more_ranges},    {"seal.range", next_range},
    {"range.before", has_before},      {"range.after", has_after},
    {"damaged", next_damage},          {NULL, NULL},
};

const struct cf_view_section cf_view_seal = {values, parts, NULL, NULL};
