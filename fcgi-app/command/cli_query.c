/* SPDX-License-Identifier: MIT */
/* counterfoil query: the filters of GET /v1/events, as a table or as the route
 * answers. */
#include "config.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fcgi-app/command/question_in.h"
#include "fcgi-app/command/when_in.h"

#define QUERY_MAX  (64u << 10)
#define LINE_MAX_N (1u << 20)
#define CURSOR_MAX 4096
#define LAST       "10" /* of what is there already, before what comes */

static const struct cf_cli_option options[] = {
    {"json", NULL, "the answer as GET /v1/events gives it; a filter format=NAME does so too"},
    {"csv", NULL, "the same as CSV"},
    {"wide", NULL, "cut nothing, as where standard output is no terminal"},
    {"tz", "ZONE", "dates, day words and the table's times are of this zone (default: UTC)"},
    {"follow", NULL, "the last ones, and then those that come; with --json a record a line"},
    {"read-only", NULL, "look at a copy as evidence: no key, no lock, and nothing is recorded"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* ---- the question ---- */

/* How it is shown, and which format is asked for to that end. Accept is no part
 * of a question: in any of these it is the same one (api.md, The log's own
 * trail). */
static void question_shape(struct cf_question *q)
{
  bool json = cf_cli_value(q->cli, "json") != NULL, csv = cf_cli_value(q->cli, "csv") != NULL;
  bool follow = cf_cli_value(q->cli, "follow") != NULL;
  bool format = cf_question_filter(q->cli, "format") != NULL;

  q->shown = !json && !csv && !format ? CF_SHOWN_TABLE
             : json && follow         ? CF_SHOWN_LINES
                                      : CF_SHOWN_RAW;
  q->accept = q->shown != CF_SHOWN_RAW ? "application/x-ndjson" : csv ? "text/csv" : NULL;
}

/* What does not go together; returns the exit status, or -1. */
static int options_check(const struct cf_cli *cli)
{
  static const char *const decided[] = {"order", "sort", "cursor", "seq_from", "format"};
  bool follow = cf_cli_value(cli, "follow") != NULL;

  if (cf_cli_value(cli, "csv") != NULL && cf_cli_value(cli, "json") != NULL)
    return cf_cli_usage(cli, "either --json or --csv");
  if (cf_cli_value(cli, "csv") != NULL && cf_question_filter(cli, "format") != NULL)
    return cf_cli_usage(cli, "either --csv or format=");
  if (follow && cf_cli_value(cli, "csv") != NULL)
    return cf_cli_usage(cli, "--follow gives a table, or with --json a record a line");
  if (follow && cf_cli_value(cli, "read-only") != NULL)
    return cf_cli_usage(cli, "nothing comes to a copy: --read-only does not go with --follow");
  for (size_t i = 0; follow && i < sizeof decided / sizeof decided[0]; i++)
    if (cf_question_filter(cli, decided[i]) != NULL)
      return cf_cli_usage(cli, "--follow decides itself about %s", decided[i]);
  return -1;
}

static enum cf_err table_open(struct cf_question *q)
{
  const char *kind = cf_question_filter(q->cli, "kind");
  struct winsize window = {0};

  if (q->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0)
    window.ws_col = 0;
  return cf_table_new(&(struct cf_table_rules){.wide = !q->terminal ||
                                                       cf_cli_value(q->cli, "wide") != NULL,
                                               .width = window.ws_col,
                                               .kinds = kind != NULL && strcmp(kind, "event") != 0,
                                               .bold = cf_cli_colours(stdout),
                                               .fields = cf_question_filter(q->cli, "fields")},
                      &q->table);
}

static enum cf_err question_prepare(struct cf_question *q)
{
  const char *zone = cf_cli_value(q->cli, "tz");

  question_shape(q);
  enum cf_err err = cf_when_zone(zone != NULL ? zone : "UTC", &q->cli->fault);
  if (err == CF_OK)
    err = cf_question_put_filters(q, cf_cli_value(q->cli, "follow") != NULL);
  if (err == CF_OK && q->shown == CF_SHOWN_TABLE)
    err = table_open(q);
  return err == CF_OK ? cf_cli_open_for_reading(q->cli) : err;
}

/* ---- the answer ---- */

/* Where to go on: now, or, in ascending order, when there are later ones. */
static void cursor_tell(struct cf_question *q)
{
  struct cf_buf b;

  cf_buf_init(&b, CURSOR_MAX);
  cf_cli_put_safe(&b, cf_buf_str(&q->cursor), CURSOR_MAX / 8);
  if (b.n > 0)
    (void)fprintf(stderr, "%s: the same with --cursor=%s\n", q->has_more ? "More" : "Later ones",
                  cf_buf_cstr(&b));
  cf_buf_fini(&b);
}

static int question_once(struct cf_question *q)
{
  enum cf_err err = cf_question_ask(q);

  if (err != CF_OK)
    return cf_cli_fail(q->cli, err);
  if (q->status >= 400)
    return cf_cli_refused(q->cli, q->status, cf_buf_str(&q->line));
  if (q->shown == CF_SHOWN_TABLE)
    cursor_tell(q);
  return CF_EXIT_TRUE;
}

/* Of those that are there already the last ones are shown, or, where a time is
 * given from which on, all. */
static int question_follow(struct cf_question *q)
{
  static const char *const begins[] = {"since", "from", "recorded_from"};
  const char *limit = cf_question_filter(q->cli, "limit");

  for (size_t i = 0; limit == NULL && i < sizeof begins / sizeof begins[0]; i++)
    if (cf_question_filter(q->cli, begins[i]) != NULL)
      return cf_question_follow(q, NULL);
  if (limit != NULL && strcmp(limit, "all") == 0)
    return cf_question_follow(q, NULL);
  return cf_question_follow(q, limit != NULL ? limit : LAST);
}

static int query_run(struct cf_cli *cli)
{
  struct cf_question q = {.cli = cli, .terminal = isatty(STDOUT_FILENO) == 1};
  int status = options_check(cli);

  if (status >= 0)
    return status;
  cf_buf_init(&q.text, QUERY_MAX);
  cf_buf_init(&q.line, LINE_MAX_N);
  cf_buf_init(&q.end, LINE_MAX_N);
  cf_buf_init(&q.cursor, CURSOR_MAX);
  enum cf_err err = question_prepare(&q);
  if (err != CF_OK)
    status = cf_cli_fail(cli, err);
  else
    status = cf_cli_value(cli, "follow") != NULL ? question_follow(&q) : question_once(&q);
  cf_table_free(q.table);
  cf_buf_fini(&q.cursor);
  cf_buf_fini(&q.end);
  cf_buf_fini(&q.line);
  cf_buf_fini(&q.text);
  return status;
}

const struct cf_cli_command cf_cli_query = {
    .name = "query",
    .arguments = "[NAME=VALUE…]",
    .summary = "Find events, with the filters of GET /v1/events",
    .details =
        "Filters are --NAME VALUE, --NAME=VALUE or NAME=VALUE, for example --user alice --method POST,PUT --since yesterday\n"
        "--status 4xx --resource.prefix /admin --ip 192.0.2.0/24 --limit 20 --order asc. Members take the endings .not and,\n"
        "but for ip, .prefix. The table shows some members, with control characters escaped, or those of fields; on a\n"
        "terminal long values are cut in the middle. --json shows all.\n",
    .options = options,
    .filters = cf_question_filters,
    .run = query_run,
};
