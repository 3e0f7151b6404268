/* SPDX-License-Identifier: MIT */
/* The filters of GET /v1/events as words of the command line. */
#include "config.h"

#include <string.h>

#include "fcgi-app/command/question_in.h"
#include "fcgi-app/command/when_in.h"

#define TIMES \
  {"since", "TIME", "from: also today, yesterday, \"2 h ago\", a date, which is its start"}, \
  { \
    "until", "TIME", "to, likewise: not including it" \
  }
#define ATTRIBUTES \
  { \
    "attributes", "VALUE", "attributes.NAME: this value at that path, also with .ci" \
  }
#define TEXT \
  { \
    "q", "VALUE", "this text anywhere in a text member or in the values of attributes" \
  }

const struct cf_cli_option cf_question_filters[] = {
    TIMES,
#define CF_PARAM(symbol, name, parser, field, list, chooses, in_text, help) {name, "VALUE", help},
#include "lib/query/query.def"
#undef CF_PARAM
    {"format", "VALUE", "the answer as the route gives it:"
#define CF_OUTPUT(symbol, name, type, alias, content_type, streams, exports) " " name
#include "lib/output/output.def"
#undef CF_OUTPUT
    },
    ATTRIBUTES,
    TEXT,
#define CF_MEMBER(symbol, name, type, compartment, indexed, limit) \
  {indexed > 0 ? name : "", "VALUE", "this value"},
#include "lib/record/schema.def"
#undef CF_MEMBER
    {NULL, NULL, NULL},
};

const struct cf_cli_option cf_question_choosing[] = {
    TIMES,
#define CF_PARAM(symbol, name, parser, field, list, chooses, in_text, help) \
  {chooses ? name : "", "VALUE", help},
#include "lib/query/query.def"
#undef CF_PARAM
    ATTRIBUTES,
    TEXT,
#define CF_MEMBER(symbol, name, type, compartment, indexed, limit) \
  {indexed > 0 ? name : "", "VALUE", "this value"},
#include "lib/record/schema.def"
#undef CF_MEMBER
    {NULL, NULL, NULL},
};

/* Filters whose value is a time, and the parameter that each is. */
static const struct {
  const char *name, *parameter;
} times[] = {
    {"since", "from"},
    {"until", "to"},
    {"from", "from"},
    {"to", "to"},
    {"recorded_from", "recorded_from"},
    {"recorded_to", "recorded_to"},
};

const char *cf_question_filter(const struct cf_cli *cli, const char *name)
{
  for (size_t i = 0; i < cli->filters_n; i++)
    if (cf_str_is(cli->filters[i].name, name))
      return cli->filters[i].value;
  return NULL;
}

static enum cf_err time_put(struct cf_question *q, const char *parameter,
                            const struct cf_cli_filter *filter)
{
  struct cf_buf bound;

  cf_buf_init(&bound, 1024);
  enum cf_err err = cf_when_bound(&bound, cf_str_from(filter->value), cf_clock_now_us());
  if (err == CF_OK)
    cf_question_add(q, cf_str_from(parameter), cf_buf_str(&bound));
  else
    err = cf_fail(&q->cli->fault, CF_E_PARAMETER, filter->value,
                  "not a time: write today, yesterday, \"2 h ago\", 2026-11-24, "
                  "\"2026-11-24 03:00\", RFC 3339, an epoch number, or -24h");
  cf_buf_fini(&bound);
  return err;
}

static enum cf_err filter_put(struct cf_question *q, const struct cf_cli_filter *filter)
{
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
    if (cf_str_is(filter->name, times[i].name))
      return time_put(q, times[i].parameter, filter);
  cf_question_add(q, filter->name, cf_str_from(filter->value));
  return q->text.err;
}

enum cf_err cf_question_put_filters(struct cf_question *q, bool follow)
{
  enum cf_err err = CF_OK;

  for (size_t i = 0; i < q->cli->filters_n && err == CF_OK; i++) {
    const struct cf_cli_filter *filter = &q->cli->filters[i];
    if (!follow || !cf_str_is(filter->name, "limit"))
      err = filter_put(q, filter);
  }
  return err;
}
