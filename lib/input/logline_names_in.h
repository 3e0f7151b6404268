/* SPDX-License-Identifier: MIT */
/* Inside logline: what members of JSON lines are called (logline_names.def). */
#ifndef CF_INPUT_LOGLINE_NAMES_IN_H
#define CF_INPUT_LOGLINE_NAMES_IN_H

#include "lib/input/logline_in.h"

#define CF_LOG_PATH_MAX 64 /* no path of the table is as long */

enum cf_log_how {
  CF_HOW_MEMBER,
  CF_HOW_CLIENT,
  CF_HOW_REQUEST,
  CF_HOW_TARGET,
  CF_HOW_URL,
  CF_HOW_QUERY,
  CF_HOW_HOST,
  CF_HOW_DATE,
  CF_HOW_SECONDS,
  CF_HOW_MS,
  CF_HOW_US,
  CF_HOW_NS,
  CF_HOW_LATENCY
};

struct cf_log_name {
  const char *path; /* NULL: the table ends */
  enum cf_log_how how;
  enum cf_member member;
  unsigned round;
};

/* The first row of a path, NULL without one; *below: there are rows for what is
 * in it. */
const struct cf_log_name *cf_log_name_find(struct cf_str path, bool *below);
/* The next row of the same path, or NULL. */
const struct cf_log_name *cf_log_name_next(const struct cf_log_name *row);
/* Set `duration_us` as a row of a time says; false where it is none, or takes
 * no such value. */
bool cf_log_name_duration(const struct cf_log_name *row, struct cf_logline *l, struct cf_str s);

#endif
