/* SPDX-License-Identifier: MIT */
/* counterfoil gaps: which events are missing that their sources count. */
#include "config.h"

#include "fcgi-app/command/cli_in.h"
#include "lib/base/codec.h"
#include "lib/record/json.h"

#define ANSWER_MAX (32u << 20)
#define QUERY_MAX  1024
#define DEPTH      16
#define PATH       "/v1/gaps"
#define SHOWN      12u /* gaps of a source, the newest */
#define NAME_MAX_N 128
#define COUNT_MAX  ((UINT64_C(1) << 53) - 1)

static const struct cf_cli_option options[] = {
    {"source", "NAME", "of this source alone"},
    {"json", NULL, "print each answer as JSON"},
    {"read-only", NULL, "look at a copy as evidence: no key, no lock, and nothing is recorded"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* What the answers came to so far. */
struct tally {
  uint64_t sources, missing;
  bool unsure;          /* something may be missing, or not */
  bool more, whole;     /* the newest answer: sources follow; all records were looked at */
  uint64_t size;        /* how many of them were */
  struct cf_buf cursor; /* where it goes on */
};

static uint64_t number_of(const struct cf_json *doc, const char *name)
{
  uint64_t n = 0;
  return cf_u64_parse(cf_json_number(cf_json_member(doc, name)), COUNT_MAX, &n) == CF_OK ? n : 0;
}

static bool is_true(const struct cf_json *doc, const char *name)
{
  const struct cf_json *v = cf_json_member(doc, name);
  return cf_json_type(v) == CF_JSON_BOOL && cf_json_bool(v);
}

/* ---- words ---- */

static void put_gaps(struct cf_buf *b, const struct cf_json *source)
{
  const struct cf_json *intervals = cf_json_member(source, "intervals");
  const size_t n = cf_json_count(intervals);
  const uint64_t restarts = number_of(source, "restarts");
  bool cut = n > SHOWN || is_true(source, "more");
  for (size_t i = n > SHOWN ? n - SHOWN : 0; i < n; i++) {
    const struct cf_json *gap = cf_json_element(intervals, i);
    uint64_t from = number_of(gap, "from"), to = number_of(gap, "to");
    cf_buf_puts(b, cut ? " … " : " ");
    cf_buf_put_u64(b, from);
    if (to > from)
      cf_buf_putf(b, "-%llu", (unsigned long long)to);
    if (number_of(gap, "run") < restarts)
      cf_buf_putf(b, " (run %llu)", (unsigned long long)number_of(gap, "run"));
    cf_buf_puts(b, i + 1 < n ? "," : "");
    cut = false;
  }
}

static void put_source(struct cf_buf *b, const struct cf_json *source)
{
  uint64_t missing = number_of(source, "missing"), gaps = number_of(source, "gaps");
  cf_cli_put_safe(b, cf_json_string(cf_json_member(source, "source")), NAME_MAX_N);
  cf_buf_putf(b, ": %llu records, source_seq %llu to %llu",
              (unsigned long long)number_of(source, "count"),
              (unsigned long long)number_of(source, "first"),
              (unsigned long long)number_of(source, "last"));
  if (number_of(source, "restarts") > 0)
    cf_buf_putf(b, ", began again %llu times", (unsigned long long)number_of(source, "restarts"));
  if (number_of(source, "repeats") > 0)
    cf_buf_putf(b, ", %llu repeats", (unsigned long long)number_of(source, "repeats"));
  cf_buf_puts(b, missing == COUNT_MAX       ? ": at least "
                 : is_true(source, "exact") ? ": "
                                            : ": at most ");
  if (missing == 0)
    cf_buf_puts(b, "0 missing");
  else
    cf_buf_putf(b, "%llu missing in %llu %s:", (unsigned long long)missing,
                (unsigned long long)gaps, gaps == 1 ? "gap" : "gaps");
  put_gaps(b, source);
  cf_buf_putc(b, '\n');
}

static void put_end(struct cf_buf *b, const struct cf_json *doc, const struct tally *tally)
{
  if (tally->sources == 0)
    cf_buf_puts(b, "no source counts its events (source_seq)\n");
  if (number_of(doc, "unread") > 0)
    cf_buf_putf(b, "%llu records cannot be read; what is missing may be among them\n",
                (unsigned long long)number_of(doc, "unread"));
  if (number_of(doc, "untold") > 0)
    cf_buf_putf(b, "%llu records are of more sources than are told apart\n",
                (unsigned long long)number_of(doc, "untold"));
}

/* ---- asking ---- */

static void put_parameter(struct cf_buf *query, const char *name, struct cf_str value)
{
  cf_buf_puts(query, query->n > 0 ? "&" : "");
  cf_buf_putf(query, "%s=", name);
  cf_url_put(query, value);
}

static void put_query(const struct cf_cli *cli, const struct tally *tally, struct cf_buf *query)
{
  if (cf_cli_value(cli, "source") != NULL)
    put_parameter(query, "source", cf_str_from(cf_cli_value(cli, "source")));
  else
    put_parameter(query, "limit", CF_STR("1000"));
  if (tally->cursor.n > 0)
    put_parameter(query, "cursor", cf_buf_str(&tally->cursor));
}

/* Take the sources of an answer into account, and tell them. */
static enum cf_err sources_tell(struct cf_cli *cli, const struct cf_json *doc, struct tally *tally)
{
  const struct cf_json *sources = cf_json_member(doc, "sources");
  struct cf_buf b;
  cf_buf_init(&b, ANSWER_MAX);
  for (size_t i = 0; i < cf_json_count(sources); i++) {
    const struct cf_json *source = cf_json_element(sources, i);
    tally->sources++;
    tally->missing += number_of(source, "missing");
    tally->unsure |= !is_true(source, "exact");
    put_source(&b, source);
  }
  tally->unsure |= number_of(doc, "unread") > 0 || number_of(doc, "untold") > 0;
  tally->more = is_true(doc, "has_more");
  cf_buf_reset(&tally->cursor);
  cf_buf_putstr(&tally->cursor, cf_json_string(cf_json_member(doc, "next_cursor")));
  if (!tally->more)
    put_end(&b, doc, tally);
  enum cf_err err = cf_cli_value(cli, "json") != NULL ? CF_OK : cf_cli_print(&b);
  cf_buf_fini(&b);
  return err == CF_OK ? tally->cursor.err : err;
}

/* One that is not whole looked through a part of the log: it is asked again,
 * and must have come further. */
static enum cf_err answer_read(struct cf_cli *cli, const struct cf_buf *answer, struct tally *tally)
{
  struct cf_json *doc = NULL;
  uint64_t before = tally->size;
  enum cf_err err = cf_json_parse(cf_buf_str(answer), DEPTH, &doc, &cli->fault);
  if (err != CF_OK)
    return err;
  tally->size = number_of(doc, "size");
  tally->whole = is_true(doc, "complete");
  if (!tally->whole && tally->size <= before)
    err = cf_fail(&cli->fault, CF_E_SYNTAX, PATH, "the answer is not complete, and stands still");
  else if (tally->whole)
    err = sources_tell(cli, doc, tally);
  else
    cf_cli_progress("%llu records looked at", (unsigned long long)tally->size);
  if (err == CF_OK && tally->whole && cf_cli_value(cli, "json") != NULL)
    err = cf_cli_print(answer);
  cf_json_free(doc);
  return err;
}

static int ask_once(struct cf_cli *cli, struct tally *tally)
{
  struct cf_buf query, answer;
  int http = 0;
  cf_buf_init(&query, QUERY_MAX);
  cf_buf_init(&answer, ANSWER_MAX);
  put_query(cli, tally, &query);
  enum cf_err err = query.err;
  if (err == CF_OK)
    err = cf_ask_text(cli->asker, "GET", PATH, cf_buf_str(&query), NULL, CF_STR(""), &http, &answer,
                      &cli->fault);
  int status = CF_EXIT_TRUE;
  if (err == CF_OK && http >= 400)
    status = cf_cli_refused(cli, http, cf_buf_str(&answer));
  else if (err == CF_OK)
    err = answer_read(cli, &answer, tally);
  cf_buf_fini(&query);
  cf_buf_fini(&answer);
  return err == CF_OK ? status : cf_cli_fail(cli, err);
}

static int gaps_run(struct cf_cli *cli)
{
  struct tally tally = {.more = true};
  enum cf_err err = cf_cli_open_for_reading(cli);
  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  cf_buf_init(&tally.cursor, QUERY_MAX);
  int status = CF_EXIT_TRUE;
  while ((tally.more || !tally.whole) && status == CF_EXIT_TRUE)
    status = ask_once(cli, &tally);
  cf_buf_fini(&tally.cursor);
  if (status == CF_EXIT_TRUE && tally.unsure)
    return CF_EXIT_UNKNOWN;
  return status == CF_EXIT_TRUE && tally.missing > 0 ? CF_EXIT_FALSE : status;
}

const struct cf_cli_command cf_cli_gaps = {
    .name = "gaps",
    .arguments = "",
    .summary = "What is missing of events that their sources count: 0 nothing, 1 some, 2 unsure",
    .details = "A source counts its events by the member source_seq.\n",
    .options = options,
    .args_max = 0,
    .run = gaps_run,
};
