/* SPDX-License-Identifier: MIT */
/* Of each source the spans of values that are there in its newest run, and what
 * is known of the gaps between those that found no more room. */
#include "config.h"

#include "lib/record/producers.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define VALUE_MAX   CF_PRODUCER_MISSING_MAX
#define START_MAX   1 /* counters begin at 0 or 1 */
#define SPANS_FIRST 4

/* All of from ≤ value ≤ to are there. */
struct span {
  uint64_t from, to;
};

struct source {
  char name[CF_SOURCE_MAX];
  size_t name_n;
  struct span *span; /* of the run, ascending, with a gap between each two */
  size_t spans, spans_max;
  /* Below, gaps of the run are only counted: they were let go, and what comes
   * there may fill one or be a repeat. */
  uint64_t blurred;
  uint64_t gaps, missing;      /* those, and of the runs before */
  struct cf_producer_gap *old; /* the newest of those, CF_PRODUCER_GAPS at most */
  size_t olds;
  bool waits; /* the newest value, `first`, may begin a run: what comes next tells */
  uint64_t first;
  uint64_t records, repeats, restarts;
  bool exact;
  uint64_t seq, value; /* of the newest record */
  int64_t recorded_us;
};

struct cf_producers {
  struct source *source[CF_PRODUCERS_MAX]; /* in the order of their names */
  size_t n;
  size_t spans; /* of all */
  struct source *last;
  uint64_t untold;
};

/* ---- a record's text ---- */

static bool text_step(struct cf_str *text, struct cf_str wanted)
{
  if (!cf_str_starts(*text, wanted))
    return false;
  *text = cf_str_behind(*text, wanted.n);
  return true;
}

/* A name has no quote in it. */
static bool text_name(struct cf_str *text, struct cf_str *name)
{
  const char *quote = memchr(text->p, '"', text->n);
  if (quote == NULL)
    return false;
  *name = (struct cf_str){text->p, (size_t)(quote - text->p)};
  *text = cf_str_behind(*text, name->n + 1);
  return true;
}

bool cf_produced_get(struct cf_str text, struct cf_produced *produced)
{
  struct cf_str writer;
  size_t digits = 0;
  if (!text_step(&text, CF_STR("\"source\":\"")) || !text_name(&text, &produced->source) ||
      produced->source.n > CF_SOURCE_MAX)
    return false;
  if (text_step(&text, CF_STR(",\"writer\":\"")) && !text_name(&text, &writer))
    return false;
  if (!text_step(&text, CF_STR(",\"source_seq\":")))
    return false;
  while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
    digits++;
  return cf_u64_parse((struct cf_str){text.p, digits}, VALUE_MAX, &produced->value) == CF_OK;
}

/* ---- sources ---- */

enum cf_err cf_producers_new(struct cf_producers **producers)
{
  *producers = calloc(1, sizeof **producers);
  return *producers != NULL ? CF_OK : CF_E_NOMEM;
}

static void source_free(struct source *s)
{
  if (s == NULL)
    return;
  free(s->span);
  free(s->old);
  free(s);
}

void cf_producers_free(struct cf_producers *producers)
{
  for (size_t i = 0; producers != NULL && i < producers->n; i++)
    source_free(producers->source[i]);
  free(producers);
}

static struct cf_str source_name(const struct source *s)
{
  return (struct cf_str){s->name, s->name_n};
}

size_t cf_producers_find(const struct cf_producers *producers, struct cf_str source)
{
  size_t low = 0, high = producers->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (cf_str_cmp(source_name(producers->source[middle]), source) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct source *source_new(struct cf_str name)
{
  struct source *s = calloc(1, sizeof *s);
  if (s == NULL)
    return NULL;
  s->span = malloc(SPANS_FIRST * sizeof *s->span);
  s->old = malloc(CF_PRODUCER_GAPS * sizeof *s->old);
  if (s->span == NULL || s->old == NULL) {
    source_free(s);
    return NULL;
  }
  s->spans_max = SPANS_FIRST;
  memcpy(s->name, name.p, name.n);
  s->name_n = name.n;
  s->exact = true;
  return s;
}

/* The source of that name, made where there is none; NULL in *found where there
 * is no place for it. */
static enum cf_err source_get(struct cf_producers *p, struct cf_str name, struct source **found)
{
  if (p->last != NULL && cf_str_eq(source_name(p->last), name)) {
    *found = p->last;
    return CF_OK;
  }
  size_t i = cf_producers_find(p, name);
  bool there = i < p->n && cf_str_eq(source_name(p->source[i]), name);
  if (!there && p->n == CF_PRODUCERS_MAX) {
    *found = NULL;
    return CF_OK;
  }
  if (!there) {
    struct source *s = source_new(name);
    if (s == NULL)
      return CF_E_NOMEM;
    memmove(&p->source[i + 1], &p->source[i], (p->n++ - i) * sizeof p->source[0]);
    p->source[i] = s;
  }
  *found = p->last = p->source[i];
  return CF_OK;
}

/* ---- spans ---- */

/* The first span that ends at value or above. */
static size_t span_find(const struct source *s, uint64_t value)
{
  size_t low = 0, high = s->spans;
  if (high > 0 && s->span[high - 1].to < value)
    return high;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (s->span[middle].to < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool is_there(const struct source *s, uint64_t value)
{
  size_t i = span_find(s, value);
  return i < s->spans && s->span[i].from <= value;
}

/* For the value that waits, and the next one. */
static enum cf_err spans_room(struct source *s)
{
  if (s->spans + 2 <= s->spans_max)
    return CF_OK;
  struct span *span = realloc(s->span, 2 * s->spans_max * sizeof *span);
  if (span == NULL)
    return CF_E_NOMEM;
  s->span = span;
  s->spans_max *= 2;
  return CF_OK;
}

static void span_remove(struct cf_producers *p, struct source *s, size_t i)
{
  memmove(&s->span[i], &s->span[i + 1], (s->spans - i - 1) * sizeof *s->span);
  s->spans--;
  p->spans--;
}

/* Runs of hostile sources may lack more than a JSON number can say. */
static uint64_t missing_add(uint64_t missing, uint64_t more)
{
  return more < CF_PRODUCER_MISSING_MAX - missing ? missing + more : CF_PRODUCER_MISSING_MAX;
}

/* Keep the gap among the newest of those that are only counted. */
static void gap_keep(struct source *s, uint64_t from, uint64_t to)
{
  s->gaps++;
  s->missing = missing_add(s->missing, to - from + 1);
  if (s->olds == CF_PRODUCER_GAPS) {
    memmove(s->old, s->old + 1, (CF_PRODUCER_GAPS - 1) * sizeof *s->old);
    s->olds--;
  }
  s->old[s->olds++] = (struct cf_producer_gap){from, to, s->restarts};
}

/* Let the lowest gap go. */
static void gap_blur(struct cf_producers *p, struct source *s)
{
  gap_keep(s, s->span[0].to + 1, s->span[1].from - 1);
  if (s->span[1].from > s->blurred)
    s->blurred = s->span[1].from;
  s->span[1].from = s->span[0].from;
  span_remove(p, s, 0);
}

/* Join span i with the one behind it, where nothing is between them. */
static void span_join(struct cf_producers *p, struct source *s, size_t i)
{
  if (i + 1 >= s->spans || s->span[i].to + 1 != s->span[i + 1].from)
    return;
  s->span[i + 1].from = s->span[i].from;
  span_remove(p, s, i);
}

/* A value that is not there yet; there is room for it. */
static void value_put(struct cf_producers *p, struct source *s, uint64_t value)
{
  size_t i = span_find(s, value);
  if (i > 0 && s->span[i - 1].to + 1 == value) {
    s->span[i - 1].to = value;
    span_join(p, s, i - 1);
    return;
  }
  if (i < s->spans && s->span[i].from == value + 1) {
    s->span[i].from = value;
    return;
  }
  memmove(&s->span[i + 1], &s->span[i], (s->spans - i) * sizeof *s->span);
  s->span[i] = (struct span){value, value};
  s->spans++;
  p->spans++;
  if (s->spans > 1 && (s->spans > CF_PRODUCER_SPANS || p->spans > CF_PRODUCERS_SPANS))
    gap_blur(p, s);
}

/* ---- runs ---- */

/* The run is over: its gaps stay what they are. */
static void run_end(struct cf_producers *p, struct source *s)
{
  for (size_t i = 0; i + 1 < s->spans; i++)
    gap_keep(s, s->span[i].to + 1, s->span[i + 1].from - 1);
  p->spans -= s->spans;
  s->spans = 0;
  s->blurred = 0;
  s->restarts++;
}

/* Where gaps were let go, what is there is not known, but for the lowest. */
static bool is_blurred(const struct source *s, uint64_t value)
{
  return value < s->blurred && is_there(s, value) && value != s->span[0].from;
}

/* A value of the run. */
static void value_take(struct cf_producers *p, struct source *s, uint64_t value)
{
  if (!is_there(s, value))
    value_put(p, s, value);
  else if (is_blurred(s, value))
    s->exact = false;
  else
    s->repeats++;
}

/* May it be the first value of a run, by what is there? */
static bool may_begin(const struct source *s, uint64_t value)
{
  return value <= START_MAX && s->spans > 0 &&
         (is_there(s, value) || s->span[0].from > value + CF_PRODUCERS_LATE);
}

/* Settle what the value before this one was. */
static void wait_end(struct cf_producers *p, struct source *s, uint64_t value)
{
  s->waits = false;
  if (value <= s->span[s->spans - 1].to)
    run_end(p, s);
  value_take(p, s, s->first);
}

static void value_add(struct cf_producers *p, struct source *s, uint64_t value)
{
  if (s->waits)
    wait_end(p, s, value);
  s->waits = may_begin(s, value);
  if (!s->waits) {
    value_take(p, s, value);
    return;
  }
  s->first = value;
  s->exact = s->exact && !is_blurred(s, value);
}

enum cf_err cf_producers_add(struct cf_producers *producers, const struct cf_produced *produced)
{
  struct source *s = NULL;
  CF_ASSERT(produced->source.n <= CF_SOURCE_MAX);
  enum cf_err err = source_get(producers, produced->source, &s);
  if (err == CF_OK && s == NULL) {
    producers->untold++;
    return CF_OK;
  }
  if (err == CF_OK)
    err = spans_room(s);
  if (err != CF_OK)
    return err;
  value_add(producers, s, produced->value);
  s->records++;
  s->seq = produced->seq;
  s->value = produced->value;
  s->recorded_us = produced->recorded_us;
  return CF_OK;
}

/* ---- what they tell ---- */

size_t cf_producers_n(const struct cf_producers *producers)
{
  return producers->n;
}

uint64_t cf_producers_untold(const struct cf_producers *producers)
{
  return producers->untold;
}

size_t cf_producers_bytes(const struct cf_producers *producers)
{
  size_t bytes = sizeof *producers;
  for (size_t i = 0; i < producers->n; i++)
    bytes += sizeof *producers->source[i] +
             producers->source[i]->spans_max * sizeof *producers->source[i]->span +
             CF_PRODUCER_GAPS * sizeof *producers->source[i]->old;
  return bytes;
}

void cf_producers_get(const struct cf_producers *producers, size_t i, struct cf_producer *out)
{
  const struct source *s = producers->source[i];
  CF_ASSERT(i < producers->n && s->spans > 0);
  *out = (struct cf_producer){.source = source_name(s),
                              .first = s->span[0].from,
                              .last = s->span[s->spans - 1].to,
                              .records = s->records,
                              .gaps = s->gaps + s->spans - 1,
                              .missing = s->missing,
                              .repeats = s->repeats + (s->waits && is_there(s, s->first)),
                              .restarts = s->restarts,
                              .newest = {source_name(s), s->value, s->seq, s->recorded_us}};
  for (size_t k = 0; k + 1 < s->spans; k++)
    out->missing = missing_add(out->missing, s->span[k + 1].from - s->span[k].to - 1);
  out->exact = s->exact && out->missing < CF_PRODUCER_MISSING_MAX;
}

size_t cf_producers_gaps(const struct cf_producers *producers, size_t i, size_t max,
                         struct cf_producer_gap *out)
{
  const struct source *s = producers->source[i];
  size_t now = s->spans - 1, all = s->olds + now;
  size_t n = all < max ? all : max, skip;
  n = n < CF_PRODUCER_GAPS ? n : CF_PRODUCER_GAPS;
  skip = all - n;
  for (size_t k = 0; k < n; k++) {
    size_t at = skip + k;
    out[k] = at < s->olds
                 ? s->old[at]
                 : (struct cf_producer_gap){s->span[at - s->olds].to + 1,
                                            s->span[at - s->olds + 1].from - 1, s->restarts};
  }
  return n;
}
