/* SPDX-License-Identifier: MIT */
/* Inside `counterfoil query`: the question, its answer as it comes, and going
 * on with what comes later. */
#ifndef CF_COMMAND_QUESTION_IN_H
#define CF_COMMAND_QUESTION_IN_H

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/command/table_in.h"

/* How an answer is shown. RAW: as the route gives it, in a format that Accept
 * or a filter asks for. LINES and TABLE: of ndjson, row by row, with or without
 * its last line. */
enum cf_shown { CF_SHOWN_RAW, CF_SHOWN_LINES, CF_SHOWN_TABLE };

struct cf_question {
  struct cf_cli *cli;
  struct cf_buf text; /* the query string */
  enum cf_shown shown;
  bool terminal; /* standard output is one */
  const char *accept;
  struct cf_table *table; /* of CF_SHOWN_TABLE */

  /* Of the newest answer: */
  int status;
  bool retry; /* it asks to come again */
  struct cf_buf line;
  struct cf_buf end; /* raw: what was printed last */
  struct cf_buf cursor;
  bool has_more;

  struct cf_buf *held; /* rows go there instead, a line each; NULL: they are shown */
  bool any;            /* a row was seen, the newest of which is: */
  uint64_t seq;        /* … and in ascending order none up to it is shown again */
  bool ascending;
};

/* ---- question_filters.c ---- */

/* A row a filter; and of these only those that choose records. */
extern const struct cf_cli_option cf_question_filters[], cf_question_choosing[];
/* The value of a filter that was given; NULL: it was not. */
const char *cf_question_filter(const struct cf_cli *cli, const char *name);
/* Append all that were given to the query string, but what following decides
 * itself. CF_E_PARAMETER: a time is none, with words; CF_E_FULL, CF_E_NOMEM. */
CF_MUST enum cf_err cf_question_put_filters(struct cf_question *q, bool follow);

/* ---- question.c ---- */

/* Append a parameter to the query string. */
void cf_question_add(struct cf_question *q, struct cf_str name, struct cf_str value);
/* Ask, and show what comes. CF_OK: status is that of the answer; where it is
 * 400 or more, line is the problem. An error of cf_ask; the fault says why an
 * answer broke off. */
CF_MUST enum cf_err cf_question_ask(struct cf_question *q);
/* Show a row of ndjson. */
CF_MUST enum cf_err cf_question_show(struct cf_question *q, struct cf_str row);

/* ---- question_follow.c ---- */

/* The last rows, and then those that come, until a signal; filters are in
 * q->text, but none that says in which order or how many: last (NULL: all of
 * what the filters choose). Returns the exit status. */
int cf_question_follow(struct cf_question *q, const char *last);

#endif
