/* SPDX-License-Identifier: MIT */
/* The table of the formats of log lines. */
#include "config.h"

#include "lib/input/input.h"

#include "lib/input/logline_in.h"

_Static_assert(CF_LOG_TEXT == CF_LOG_N - 1, "the format that takes everything is the last");

const struct cf_input cf_input_table[CF_LOG_N] = {
#define CF_INPUT(constant, name, action) \
  {#name, {action, sizeof action - 1}, cf_logline_##name##_sniff, cf_logline_##name##_take},
#include "lib/input/input.def"
#undef CF_INPUT
};

enum cf_log_format cf_input_sniff(struct cf_str line)
{
  unsigned i = 0;
  while (!cf_input_table[i].sniff(line))
    i++;
  return (enum cf_log_format)i;
}
