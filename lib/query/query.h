/* SPDX-License-Identifier: MIT */
/* Questions: the parameters of GET /v1/events become a filter, and a view
 * answers it page by page (api.md, GET /v1/events).
 *
 * Every record that is given was checked against the whole filter on its own
 * text; indexes only say where to look. An index that cannot be read makes an
 * answer slower, never shorter; records that cannot be read and may match are
 * an error that names them. */
#ifndef CF_QUERY_QUERY_H
#define CF_QUERY_QUERY_H

#include "lib/base/turns.h"
#include "lib/ledger/view.h"
#include "lib/record/values.h"

/* a value in each of them, and all others beside */
#define CF_QUERY_PARAMS_MAX 1100
#define CF_QUERY_VALUES_MAX 1000
#define CF_QUERY_LIMIT_MAX  10000
/* of record text in one page, where the limit is not `all` */
#define CF_QUERY_BYTES_MAX (UINT64_C(16) << 20)
#define CF_QUERY_LIMIT_ALL UINT64_MAX

/* A decoded parameter of the query string. */
struct cf_param {
  struct cf_str name, value;
};

struct cf_query;

/* A parameter that the caller takes itself. */
struct cf_query_own {
  const char *name; /* NULL: the list ends */
  /* Called each time it was sent, in its turn among the others. An error ends
   * the parsing, and is given. */
  enum cf_err (*take)(void *context, struct cf_str value, struct cf_fault *fault);
  void *context;
};

/* Parse all parameters; those in own (may be NULL) go to the caller.
 * CF_E_PARAMETER with the parameter's name in fault.at and what would be right
 * in fault.detail; CF_E_CURSOR where a cursor belongs to another filter, sort
 * or order; the errors of own. now_us resolves relative times. Limits: 1,100
 * parameters, 1,000 values. The query copies what it needs. */
CF_MUST enum cf_err cf_query_parse(const struct cf_param *params, size_t n,
                                   const struct cf_query_own *own, int64_t now_us,
                                   struct cf_query **query, struct cf_fault *fault);
void cf_query_free(struct cf_query *query); /* NULL is harmless */

/* Does the name ask for an exact value of which there is upper and lower case,
 * so that there is one with .ci too? */
bool cf_query_has_case(struct cf_str name);

/* What was asked, beyond the filter. */
uint32_t cf_query_fields(const struct cf_query *query); /* for cf_record_put_flat */
uint64_t cf_query_limit(const struct cf_query *query);  /* CF_QUERY_LIMIT_ALL: all */
/* The parameter whose end it does not come before, so that nothing can be
 * chosen: from, recorded_from, seq_from; NULL: none. */
const char *cf_query_backwards(const struct cf_query *query);
/* The filter as text for the access record: the parameters that choose and
 * order records, canonical order, URL-encoded; defaults are left out. Valid as
 * long as the query. */
struct cf_str cf_query_text(const struct cf_query *query);

/* ---- query_told.c: what is asked, for evidence of the answer ---- */

/* Do leaves alone tell which records it chooses? */
bool cf_query_is_public(const struct cf_query *query);
uint64_t cf_query_seq_from(const struct cf_query *query);
uint64_t cf_query_seq_to(const struct cf_query *query); /* UINT64_MAX: not asked for */
/* Append the members of query.json's filter (format.md, Evidence bundle). */
void cf_query_put_filter(const struct cf_query *query, struct cf_buf *b);
/* Ask for all of them below that seq, ascending. */
void cf_query_take_all(struct cf_query *query, uint64_t size);
/* Ask for records of every kind. */
void cf_query_take_kinds(struct cf_query *query);

/* ---- query.c ---- */

/* From now on its pages take turns with other long questions, and may end with
 * CF_E_CROWDED; the turn must outlive it. */
void cf_query_take_turns(struct cf_query *query, struct cf_turn *turn);

/* How a page ended. */
struct cf_page_end {
  uint64_t rows;
  bool has_more;
  char cursor[128]; /* "" where there is none: the end in descending order */
  /* with CF_E_DAMAGED: damaged_from ≤ seq < damaged_to could not be read, the
   * whole run, but for what is far from where it was met */
  uint64_t damaged_from, damaged_to;
  bool enough; /* set by a row: the page ends behind it, with has_more */
};
/* Give up to limit rows, in order, by calling row (its record is valid during
 * the call; an error of it ends the walk and is given). Ends early, with
 * has_more, once budget_us have passed (INT64_MAX: never; a page makes progress
 * whatever the budget) or rows of CF_QUERY_BYTES_MAX bytes were given.
 * CF_E_DAMAGED: a record that may match could not be read. *end is always
 * written; after an error its cursor leads on behind the last record that was
 * examined, and rows given before are right. Other errors: CF_E_NOMEM, the
 * view's. */
CF_MUST enum cf_err cf_query_run(const struct cf_query *query, struct cf_view *view,
                                 int64_t budget_us,
                                 enum cf_err (*row)(void *context, const struct cf_record *record),
                                 void *context, struct cf_page_end *end);

/* Does the record pass the filter? The whole truth about a filter, without an
 * index: for tests and for followers. CF_E_SYNTAX where the record's text is
 * not canonical; CF_E_NOMEM. */
CF_MUST enum cf_err cf_query_test(const struct cf_query *query, const struct cf_record *record,
                                  struct cf_values *scratch, bool *pass);

#endif
