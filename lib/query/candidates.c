/* SPDX-License-Identifier: MIT */
/* Where to look: the indexes of one unit, intersected condition by
 * condition. */
#include "config.h"

#include "lib/query/query_in.h"

/* With so few candidates left, looking at them costs less than reading one more
 * index. */
#define FEW 8

struct search {
  const struct cf_query *query;
  struct cf_view *view;
  size_t unit;
  uint32_t from;
  struct cf_bits *all; /* what is left */
};

/* An address or a status is a range of keys; text is its own, cut to what an
 * index holds. */
static enum cf_err match_value(const struct search *s, const struct cf_condition *c,
                               const struct cf_value *v, struct cf_bits *found)
{
  uint8_t key[CF_INDEX_VALUE_MAX];
  struct cf_term term = {.index = c->member, .prefix = c->op == CF_OP_PREFIX};

  if (c->member == CF_M_ID)
    return cf_view_match_id(s->view, s->unit, v->text, s->from, found);
  if (c->key_n > 0) {
    term.first = (struct cf_str){(const char *)v->first, c->key_n};
    term.last = (struct cf_str){(const char *)v->last, c->key_n};
  } else {
    size_t n = cf_index_key(c->member, v->text, key);
    term.first = term.last = (struct cf_str){(const char *)key, n};
  }
  return cf_view_match(s->view, s->unit, &term, s->from, found);
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
  const int64_t *between = what;
  uint8_t first[CF_INDEX_VALUE_MAX];
  uint8_t last[CF_INDEX_VALUE_MAX];
  size_t first_n = cf_index_date_key(between[0], first);
  size_t last_n = cf_index_date_key(between[1], last);
  const struct cf_term term = {CF_I_DATE,
                               {(const char *)first, first_n},
                               {(const char *)last, last_n},
                               false};

  return cf_view_match(s->view, s->unit, &term, s->from, found);
}

static enum cf_err match_kinds(const struct search *s, const void *what, struct cf_bits *found)
{
  const uint32_t *kinds = what;
  enum cf_err err = CF_OK;

  for (unsigned k = 0; k < CF_K_N && err == CF_OK; k++) {
    struct cf_str name = cf_str_from(cf_kind_table[k].name);
    const struct cf_term term = {CF_I_KIND, name, name, false};
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

  if (cf_bits_count(s->all) <= FEW)
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

/* Fingerprints know no prefixes, statuses are kept as numbers; what a record
 * must not have, and parts of texts, no index tells. */
static bool is_indexed(const struct cf_condition *c)
{
  if (c->op == CF_OP_PREFIX)
    return c->member != CF_M_ID && c->member != CF_M_STATUS;
  return c->op == CF_OP_IS;
}

static int64_t later(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

enum cf_err cf_candidates(const struct cf_query *query, struct cf_view *view, size_t i,
                          uint32_t from, int64_t lo_us, int64_t hi_us, struct cf_bits *bits)
{
  const struct search s = {query, view, i, from, bits};
  struct cf_unit unit;
  enum cf_err err = CF_OK;

  cf_view_unit(view, i, &unit);
  cf_bits_set_range(bits, from, bits->n);
  for (size_t c = 0; c < query->conditions_n && err == CF_OK; c++)
    if (is_indexed(&query->conditions[c]))
      err = bits_narrow(&s, match_condition, &query->conditions[c]);
  const int64_t between[2] = {later(lo_us, unit.time_min_us), earlier(hi_us, unit.time_max_us)};
  if (err == CF_OK && (between[0] > unit.time_min_us || between[1] < unit.time_max_us))
    err = bits_narrow(&s, match_hours, between);
  if (err == CF_OK && (query->kinds >> CF_K_EVENT & 1) == 0)
    err = bits_narrow(&s, match_kinds, &query->kinds);
  return err;
}
