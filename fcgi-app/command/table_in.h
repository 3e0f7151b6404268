/* SPDX-License-Identifier: MIT */
/* Records as a table for people, a line each. */
#ifndef CF_COMMAND_TABLE_IN_H
#define CF_COMMAND_TABLE_IN_H

#include "lib/record/json.h"

struct cf_table;

struct cf_table_rules {
  bool wide;          /* nothing is cut, and times have their fractions */
  size_t width;       /* of the terminal, where it is not wide */
  bool kinds;         /* there may be records that are no events */
  bool bold;          /* titles */
  const char *fields; /* members with commas: columns in their order; NULL: the usual ones */
};

/* CF_E_NOMEM */
CF_MUST enum cf_err cf_table_new(const struct cf_table_rules *rules, struct cf_table **table);
void cf_table_free(struct cf_table *table);

/* Append the titles, at the first time, and a line of what GET /v1/events gives
 * of a record. b's error. */
CF_MUST enum cf_err cf_table_put(struct cf_table *table, const struct cf_json *record,
                                 struct cf_buf *b);

#endif
