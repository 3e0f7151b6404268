/* SPDX-License-Identifier: MIT */
/* Formats of log lines: how each is known, and who takes its lines apart. The
 * table is input.def. */
#ifndef CF_INPUT_INPUT_H
#define CF_INPUT_INPUT_H

#include "lib/base/buf.h"

/* The action of a line of which nothing else is known. */
#define CF_ACTION_LINE "log.line"

struct cf_logline;

enum cf_log_format {
#define CF_INPUT(constant, name, action) CF_LOG_##constant,
#include "lib/input/input.def"
#undef CF_INPUT
  CF_LOG_N
};

struct cf_input {
  const char *name;
  struct cf_str action;
  /* Does the line look like this format? Called for each line, with any bytes
   * (no LF), until a row says yes: a glance, not a parse. */
  bool (*sniff)(struct cf_str line);
  /* Take the line apart into the values of l, which is empty. `attributes` are
   * left as an object's text in l->attributes, or in its others. CF_E_SYNTAX:
   * it is not of this format after all, and becomes text; what was put into l
   * is forgotten. CF_E_NOMEM. */
  enum cf_err (*take)(struct cf_logline *l, struct cf_str line);
};
extern const struct cf_input cf_input_table[CF_LOG_N];

/* The format of a line, by its look. */
enum cf_log_format cf_input_sniff(struct cf_str line);

#endif
