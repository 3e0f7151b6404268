/* SPDX-License-Identifier: MIT */
/* Inside lib/query: what a question is made of, shared by its parser, its test,
 * its cursor and its walk. */
#ifndef CF_QUERY_QUERY_IN_H
#define CF_QUERY_QUERY_IN_H

#include "lib/query/query.h"

/* How a member's text is held against values. */
enum cf_op {
  CF_OP_IS,     /* one of them */
  CF_OP_PREFIX, /* begins with one of them */
  CF_OP_CI,     /* one of them, without regard to case (lib/base/fold.h) */
  /* any text member, or a value in attributes, holds one of them, ASCII letters
   * in either case; the member is CF_M_N */
  CF_OP_CONTAINS,
  CF_OP_NOT /* none of them, or absent */
};

/* A value in canonical form, owned. Addresses and statuses are ranges of keys
 * (cf_index_key), of which text is how the client wrote it. */
struct cf_value {
  struct cf_str text;
  uint8_t first[16], last[16];
};

/* What the name of a parameter speaks of. */
struct cf_asked {
  enum cf_member member;
  enum cf_op op;
  struct cf_str path; /* in attributes; empty for other members */
};

/* A parameter of a member, with all its values, sorted by text, each once. */
struct cf_condition {
  struct cf_asked asked; /* its path is owned */
  size_t key_n;          /* bytes of first and last that count; 0: text is compared */
  struct cf_value *values;
  size_t n;
};

/* A spot in the order of a question. By seq: the next seq to look at
 * (ascending), or the one above it (descending). By time: the spot of the last
 * record looked at. */
struct cf_spot {
  int64_t time_us;
  uint64_t seq;
};

/* is, prefix, ci and not of each member, those of attributes, and q */
#define CF_ATTRIBUTES_MAX 16
#define CF_CONDITIONS_MAX (4 * CF_M_INDEXED_N + CF_ATTRIBUTES_MAX + 1)
#define CF_DIGEST_N       8
#define CF_NEEDLE_MAX     1024 /* bytes of a value of `q` */
#define CF_PATH_MAX       256  /* bytes of a path in attributes */

struct cf_query {
  /* those that are likely to leave fewest records first */
  struct cf_condition conditions[CF_CONDITIONS_MAX];
  size_t conditions_n;
  uint32_t kinds;         /* mask of 1 << enum cf_kind */
  int64_t from_us, to_us; /* from ≤ effective time < to */
  int64_t recorded_from_us, recorded_to_us;
  uint64_t seq_from, seq_to;
  bool by_time, ascending;
  uint64_t limit;
  uint32_t fields;
  struct cf_buf text;          /* cf_query_text */
  uint8_t digest[CF_DIGEST_N]; /* of text: what a cursor is bound to */
  uint8_t filter[CF_HASH_N];   /* hash of its conditions alone (cf_view_is_barren) */
  struct cf_spot start;        /* from the cursor, or before everything */
  struct cf_turn *turn;        /* NULL: it waits for nobody */
};

/* ---- condition.c ---- */

/* An empty condition; its path is copied. CF_E_NOMEM. */
CF_MUST enum cf_err cf_condition_make(struct cf_asked asked, struct cf_condition *c);
void cf_condition_free(struct cf_condition *c);
/* Add a value as the client sent it. CF_E_PARAMETER with at, the parameter's
 * name, and what would be right; CF_E_NOMEM. */
CF_MUST enum cf_err cf_condition_add(struct cf_condition *c, struct cf_str sent, const char *at,
                                     struct cf_fault *fault);
/* Put its values in order, each once. */
void cf_condition_sort(struct cf_condition *c);
/* For qsort: conditions that are likely to leave fewest records first; a total
 * order. */
int cf_condition_compare(const void *a, const void *b);
/* Append it as parameters, URL-encoded, with `&` before all but the first in
 * b. */
void cf_condition_put(const struct cf_condition *c, struct cf_buf *b);
/* Append `name` `=` value in the same way. */
void cf_query_put_pair(struct cf_buf *b, const char *name, struct cf_str value);

/* ---- candidates.c ---- */

/* The range of effective times of the unit's records of the kinds asked for,
 * as far as its ranges tell. */
struct cf_span cf_query_span(const struct cf_query *query, const struct cf_unit *unit);
/* Is it known, without a read, that no record of the view's unit i passes the
 * filter? */
bool cf_candidates_none(const struct cf_query *query, struct cf_view *view, size_t i);
/* Which offsets of the view's unit i, from ≤ offset < bits->n, may pass the
 * filter and have an effective time in the span asked for. bits is empty
 * before. An index that cannot be read is not used. CF_E_NOMEM, the view's
 * errors but CF_E_DAMAGED. */
CF_MUST enum cf_err cf_candidates(const struct cf_query *query, struct cf_view *view, size_t i,
                                  uint32_t from, struct cf_span asked, struct cf_bits *bits);

/* ---- query_test.c ---- */

/* Is some text searched for (q)? */
bool cf_query_searches(const struct cf_query *query);
/* May a record whose texts stand among the bytes as they are written have what
 * is searched for? scratch is put to use; where it has no room: true. */
bool cf_query_may(const struct cf_query *query, struct cf_str bytes, struct cf_buf *scratch);

/* ---- cursor.c ---- */

/* The spot before everything. */
struct cf_spot cf_spot_start(const struct cf_query *query);
/* Write the cursor of a spot: version, digest and spot, base64url.
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_cursor_put(const struct cf_query *query, struct cf_spot spot, char out[128]);
/* Read one. CF_E_CURSOR where it is none, or belongs to another filter, sort or
 * order; CF_E_NOMEM. */
CF_MUST enum cf_err cf_cursor_get(const struct cf_query *query, struct cf_str text,
                                  struct cf_spot *spot);

#endif
