/* SPDX-License-Identifier: MIT */
/* Inside logline: the formats, and what they share. */
#ifndef CF_INPUT_LOGLINE_IN_H
#define CF_INPUT_LOGLINE_IN_H

#include "lib/input/logline.h"

/* ---- logline_<name>.c ---- */

/* The functions of each format (struct cf_input). */
#define CF_INPUT(constant, name, action) \
  bool cf_logline_##name##_sniff(struct cf_str line); \
  CF_MUST enum cf_err cf_logline_##name##_take(struct cf_logline *l, struct cf_str line);
#include "lib/input/input.def"
#undef CF_INPUT

/* ---- logline_values.c ---- */

/* Forget what was taken apart before. */
void cf_logline_empty(struct cf_logline *l);
/* The line behind its byte order mark, where it has one. */
struct cf_str cf_logline_unmark(struct cf_str line);

/* Set `method`, `resource`, `query` and `protocol` from a decoded request line;
 * one that is none goes to `message`. */
void cf_logline_request(struct cf_logline *l, struct cf_str request);
/* Set `resource` and `query` from a request target. */
void cf_logline_target(struct cf_logline *l, struct cf_str target);
/* Set `time` from the text of a log: "17/May/2015:10:05:03 +0000", RFC 3339 or
 * (where numbers is set) an epoch number. CF_E_SYNTAX. */
CF_MUST enum cf_err cf_logline_time(struct cf_logline *l, struct cf_str s, bool numbers);
/* Set `ip`. CF_E_SYNTAX where s is no address. */
CF_MUST enum cf_err cf_logline_ip(struct cf_logline *l, struct cf_str s);
/* Cut ":port" off a host; *port is empty where there is none. */
struct cf_str cf_logline_host(struct cf_str s, struct cf_str *port);

#endif
