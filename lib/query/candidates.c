/* SPDX-License-Identifier: MIT */
/* Where to look: the indexes of one unit, intersected condition by
 * condition. */
#include "config.h"

#include "lib/index/key_fold.h"
#include "lib/query/query_in.h"

/* With so few candidates left, looking at them costs less than reading one more
 * index. */
#define FEW 8
/* By time, times that are looked at one by one tell sooner than so many
 * hours. */
#define FEW_BY_TIME 1024
/* Of a condition with more values it is not looked up how often they are
 * there. */
#define COUNTED 4

struct search {
  const struct cf_query *query;
  struct cf_view *view;
  size_t unit;
  uint32_t from;
  struct cf_bits *all; /* what is left */
};

/* A term, and what it points to. */
struct own_term {
  struct cf_term term;
  uint8_t key[CF_INDEX_VALUE_MAX];
  struct cf_key_fold fold;
};

/* What an index other than that of ids is asked for a value. An address or a
 * status is a range of keys; text is its own, cut to what an index holds;
 * without regard to case it is many. */
static const struct cf_term *value_term(const struct cf_condition *c, const struct cf_value *v,
                                        struct own_term *own)
{
  struct cf_term *term = &own->term;

  *term = (struct cf_term){.index = c->asked.member, .prefix = c->asked.op == CF_OP_PREFIX};
  if (c->key_n > 0) {
    term->first = (struct cf_str){(const char *)v->first, c->key_n};
    term->last = (struct cf_str){(const char *)v->last, c->key_n};
  } else if (c->asked.op == CF_OP_CI) {
    cf_key_fold_make(v->text, &own->fold);
    term->fold = &own->fold;
  } else {
    size_t n = cf_index_key(c->asked.member, v->text, own->key);
    term->first = term->last = (struct cf_str){(const char *)own->key, n};
  }
  return term;
}

static enum cf_err match_value(const struct search *s, const struct cf_condition *c,
                               const struct cf_value *v, struct cf_bits *found)
{
  struct own_term own;

  return c->asked.op == CF_OP_CONTAINS ? cf_view_search(s->view, s->unit, v->text, s->from, found)
         : cf_index_is_exact(c->asked.member)
             ? cf_view_match_exact(s->view, s->unit, c->asked.member, v->text, s->from, found)
             : cf_view_match(s->view, s->unit, value_term(c, v, &own), s->from, found);
}

static enum cf_err match_condition(const struct search *s, const void *what, struct cf_bits *found)
{
  const struct cf_condition *c = what;
  enum cf_err err = CF_OK;

  for (size_t i = 0; i < c->n && err == CF_OK; i++)
    err = match_value(s, c, &c->values[i], found);
  return err;
}

/* The hours that hold what lies between two times, both included. */
static enum cf_err match_hours(const struct search *s, const void *what, struct cf_bits *found)
{
  const struct cf_span *between = what;
  uint8_t first[CF_INDEX_VALUE_MAX];
  uint8_t last[CF_INDEX_VALUE_MAX];
  size_t first_n = cf_index_date_key(between->min_us, first);
  size_t last_n = cf_index_date_key(between->max_us, last);
  const struct cf_term term = {.index = CF_I_DATE,
                               .first = {(const char *)first, first_n},
                               .last = {(const char *)last, last_n}};

  return cf_view_match(s->view, s->unit, &term, s->from, found);
}

static struct cf_term kind_term(unsigned kind)
{
  struct cf_str name = cf_str_from(cf_kind_table[kind].name);

  return (struct cf_term){.index = CF_I_KIND, .first = name, .last = name};
}

static enum cf_err match_kinds(const struct search *s, const void *what, struct cf_bits *found)
{
  const uint32_t *kinds = what;
  enum cf_err err = CF_OK;

  for (unsigned k = 0; k < CF_K_N && err == CF_OK; k++) {
    const struct cf_term term = kind_term(k);
    if ((*kinds >> k & 1) != 0)
      err = cf_view_match(s->view, s->unit, &term, s->from, found);
  }
  return err;
}

/* Keep what one predicate finds. An index that cannot be read keeps everything:
 * the records decide. */
static enum cf_err bits_narrow(const struct search *s,
                               enum cf_err (*match)(const struct search *s, const void *what,
                                                    struct cf_bits *found),
                               const void *what)
{
  struct cf_bits found;

  if (!cf_bits_more(s->all, FEW))
    return CF_OK;
  enum cf_err err = cf_turn_work(s->query->turn);
  if (err == CF_OK)
    err = cf_bits_new(s->all->n, &found);
  if (err != CF_OK)
    return err;
  err = match(s, what, &found);
  if (err == CF_OK)
    cf_bits_and(s->all, &found);
  cf_bits_free(&found);
  return err == CF_E_DAMAGED ? CF_OK : err;
}

/* Fingerprints know neither prefixes nor case, statuses are kept as numbers;
 * what a record must not have and attributes no index tells. */
static bool is_indexed(const struct cf_condition *c)
{
  if (c->asked.member == CF_M_ATTRIBUTES)
    return false;
  if (c->asked.op == CF_OP_PREFIX || c->asked.op == CF_OP_CI)
    return !cf_index_is_exact(c->asked.member) && c->asked.member != CF_M_STATUS;
  return c->asked.op == CF_OP_IS || c->asked.op == CF_OP_CONTAINS;
}

/* ---- the rarest first ---- */

/* A condition that an index tells of, and how many records have it, about. */
struct step {
  const struct cf_condition *condition;
  uint32_t n;
};

static uint32_t condition_count(const struct search *s, const struct cf_condition *c)
{
  struct own_term own;
  uint32_t sum = c->n > COUNTED || c->asked.op == CF_OP_CONTAINS ? UINT32_MAX : 0;

  for (size_t k = 0; k < c->n && sum < UINT32_MAX; k++) {
    uint32_t n = cf_index_is_exact(c->asked.member)
                     ? 1
                     : cf_view_count(s->view, s->unit, value_term(c, &c->values[k], &own));
    sum = n < UINT32_MAX - sum ? sum + n : UINT32_MAX;
  }
  return sum;
}

/* Those with as many stay in the filter's order, as does one alone. */
static size_t steps_make(const struct search *s, struct step steps[CF_CONDITIONS_MAX])
{
  size_t n = 0;

  for (size_t c = 0; c < s->query->conditions_n; c++)
    if (is_indexed(&s->query->conditions[c]))
      steps[n++] = (struct step){&s->query->conditions[c], 0};
  for (size_t i = 0; i < n && n > 1; i++) {
    struct step step = {steps[i].condition, condition_count(s, steps[i].condition)};
    size_t at = i;
    for (; at > 0 && steps[at - 1].n > step.n; at--)
      steps[at] = steps[at - 1];
    steps[at] = step;
  }
  return n;
}

struct cf_span cf_query_span(const struct cf_query *query, const struct cf_unit *unit)
{
  const struct cf_span dated = {unit->time_min_us, unit->time_max_us};
  const struct cf_span recorded = {unit->recorded_min_us, unit->recorded_max_us};

  return query->kinds == UINT32_C(1) << CF_K_EVENT ? dated : cf_span_join(dated, recorded);
}

static bool condition_may(const struct cf_condition *c, struct cf_view *view, size_t i)
{
  struct own_term own;
  bool may = !is_indexed(c) || c->asked.op == CF_OP_CONTAINS || cf_index_is_exact(c->asked.member);

  for (size_t k = 0; k < c->n && !may; k++)
    may = cf_view_may_match(view, i, value_term(c, &c->values[k], &own));
  return may;
}

static bool kinds_may(uint32_t kinds, struct cf_view *view, size_t i)
{
  bool may = false;

  for (unsigned k = 0; k < CF_K_N && !may; k++) {
    const struct cf_term term = kind_term(k);
    may = (kinds >> k & 1) != 0 && cf_view_may_match(view, i, &term);
  }
  return may;
}

bool cf_candidates_none(const struct cf_query *query, struct cf_view *view, size_t i)
{
  if (query->conditions_n > 0 && cf_view_is_barren(view, i, query->filter))
    return true;
  for (size_t c = 0; c < query->conditions_n; c++)
    if (!condition_may(&query->conditions[c], view, i))
      return true;
  return !kinds_may(query->kinds, view, i);
}

enum cf_err cf_candidates(const struct cf_query *query, struct cf_view *view, size_t i,
                          uint32_t from, struct cf_span asked, struct cf_bits *bits)
{
  const struct search s = {query, view, i, from, bits};
  struct step steps[CF_CONDITIONS_MAX];
  struct cf_unit unit;
  enum cf_err err = CF_OK;

  cf_view_unit(view, i, &unit);
  cf_bits_set_range(bits, from, bits->n);
  for (size_t k = 0, n = steps_make(&s, steps); k < n && err == CF_OK; k++)
    err = bits_narrow(&s, match_condition, steps[k].condition);
  bool whole = from == 0 && bits->n == unit.end - unit.first;
  if (err == CF_OK && whole && !cf_bits_more(bits, 0))
    cf_view_note_barren(view, i, query->filter);
  const struct cf_span all = cf_query_span(query, &unit), between = cf_span_meet(all, asked);
  bool hours = between.min_us > all.min_us || between.max_us < all.max_us;
  if (query->by_time && !cf_bits_more(bits, FEW_BY_TIME))
    hours = false;
  if (err == CF_OK && hours)
    err = bits_narrow(&s, match_hours, &between);
  if (err == CF_OK && (query->kinds >> CF_K_EVENT & 1) == 0)
    err = bits_narrow(&s, match_kinds, &query->kinds);
  return err;
}
