/* SPDX-License-Identifier: MIT */
/* counterfoil query: the filters of GET /v1/events, as a table or as the route
 * answers. */
#include "config.h"

#include <string.h>

#include "fcgi-app/command/cli_in.h"
#include "lib/base/codec.h"
#include "lib/record/json.h"

#define QUERY_MAX  (64u << 10)
#define LINE_MAX_N (1u << 20)
#define ROW_MAX    4096
#define DEPTH      16

static const struct cf_cli_option options[] = {
    {"json", NULL, "the answer as GET /v1/events gives it; a filter format=NAME does so too"},
    {"read-only", NULL, "look at a copy as evidence: no key, no lock, and nothing is recorded"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* What an answer of the server goes through. */
struct output {
  struct cf_cli *cli;
  bool table;
  int status;
  struct cf_buf line; /* of ndjson, or all of a problem */
  uint64_t rows;
};

/* ---- the question ---- */

/* "--user=alice", "user=alice", "--user.not=…" become a parameter. */
static enum cf_err put_filter(struct cf_cli *cli, struct cf_buf *query, const char *word)
{
  struct cf_str value = cf_str_from(strncmp(word, "--", 2) == 0 ? word + 2 : word);

  if (memchr(value.p, '=', value.n) == NULL)
    return cf_fail(&cli->fault, CF_E_PARAMETER, word, "a filter is NAME=VALUE or --NAME=VALUE");
  struct cf_str name = cf_str_cut(&value, '=');
  if (query->n > 0)
    cf_buf_putc(query, '&');
  cf_url_put(query, name);
  cf_buf_putc(query, '=');
  cf_url_put(query, value);
  return query->err;
}

/* The table is made of ndjson; who names a format wants that. */
static bool wants_table(const struct cf_cli *cli)
{
  if (cf_cli_value(cli, "json") != NULL)
    return false;
  for (size_t i = 0; i < cli->args_n; i++)
    if (strncmp(cli->args[i], "format=", 7) == 0 || strncmp(cli->args[i], "--format=", 9) == 0)
      return false;
  return true;
}

static enum cf_err put_query(struct cf_cli *cli, struct cf_buf *query, bool table)
{
  enum cf_err err = CF_OK;

  for (size_t i = 0; err == CF_OK && i < cli->args_n; i++)
    err = put_filter(cli, query, cli->args[i]);
  if (err == CF_OK && table)
    err = put_filter(cli, query, "format=ndjson");
  return err;
}

/* ---- the table ---- */

static const struct {
  const char *title;
  const char *members[2]; /* the first that is there */
  size_t width;
} columns[] = {
    {"SEQ", {"seq", NULL}, 9},
    {"TIME", {"time", "recorded"}, 20},
    {"USER", {"user", NULL}, 16},
    {"METHOD", {"method", NULL}, 7},
    {"STATUS", {"status", NULL}, 6},
    {"OUTCOME", {"outcome", "kind"}, 8},
    {"IP", {"ip", NULL}, 15},
    {"ACTION", {"action", NULL}, 16},
    {"WHAT", {"resource", "message"}, 80},
};
#define COLUMNS_N (sizeof columns / sizeof columns[0])

static struct cf_str cell_text(const struct cf_json *event, size_t k)
{
  struct cf_str text = {NULL, 0};

  for (size_t i = 0; i < 2 && columns[k].members[i] != NULL && text.n == 0; i++) {
    const struct cf_json *v = cf_json_member(event, columns[k].members[i]);
    text = cf_json_type(v) == CF_JSON_STRING ? cf_json_string(v) : cf_json_number(v);
  }
  /* A time's fractions go: the column is narrow, and seq gives the order. */
  if (strcmp(columns[k].title, "TIME") == 0 && text.n > 19)
    text.n = 19;
  return text;
}

static void column_pad(struct cf_buf *row, size_t from, size_t width)
{
  size_t shown = 0;

  for (size_t i = from; i < row->n; i++)
    shown += (row->p[i] & 0xc0) != 0x80;
  for (; shown < width + 1; shown++)
    cf_buf_putc(row, ' ');
}

static enum cf_err end_row(struct cf_buf *row)
{
  while (row->n > 0 && row->p[row->n - 1] == ' ')
    cf_buf_cut(row, 1);
  cf_buf_putc(row, '\n');
  enum cf_err err = cf_cli_print(row);
  cf_buf_fini(row);
  return err;
}

static enum cf_err print_titles(void)
{
  struct cf_buf row;

  cf_buf_init(&row, ROW_MAX);
  for (size_t k = 0; k < COLUMNS_N; k++)
    cf_buf_putf(&row, "%-*s", (int)columns[k].width + 1, columns[k].title);
  return end_row(&row);
}

static enum cf_err print_event(const struct cf_json *event)
{
  struct cf_buf row;

  cf_buf_init(&row, ROW_MAX);
  for (size_t k = 0; k < COLUMNS_N; k++) {
    size_t from = row.n;
    cf_cli_put_safe(&row, cell_text(event, k), columns[k].width);
    column_pad(&row, from, columns[k].width);
  }
  return end_row(&row);
}

/* The last line of ndjson tells where to go on: now, or, in ascending order,
 * when there are later ones. */
static void print_cursor(const struct cf_json *end)
{
  const struct cf_json *more = cf_json_member(end, "has_more");
  bool now = cf_json_type(more) == CF_JSON_BOOL && cf_json_bool(more);
  struct cf_buf b;

  cf_buf_init(&b, ROW_MAX);
  cf_cli_put_safe(&b, cf_json_string(cf_json_member(end, "next_cursor")), ROW_MAX / 8);
  if (b.n > 0)
    (void)fprintf(stderr, "%s: the same with --cursor=%s\n", now ? "More" : "Later ones",
                  cf_buf_cstr(&b));
  cf_buf_fini(&b);
}

static enum cf_err print_line(struct output *out, struct cf_str line)
{
  struct cf_json *doc = NULL;

  if (line.n == 0)
    return CF_OK;
  enum cf_err err = cf_json_parse(line, DEPTH, &doc, &out->cli->fault);
  if (err != CF_OK)
    return err;
  if (cf_json_member(doc, "seq") == NULL) {
    print_cursor(doc);
  } else {
    if (out->rows++ == 0)
      err = print_titles();
    if (err == CF_OK)
      err = print_event(doc);
  }
  cf_json_free(doc);
  return err;
}

/* ---- the answer ---- */

static enum cf_err take_head(void *context, int status, struct cf_str headers)
{
  (void)headers;
  ((struct output *)context)->status = status;
  return CF_OK;
}

static enum cf_err take_lines(struct output *out, struct cf_str s)
{
  enum cf_err err = CF_OK;

  while (err == CF_OK && s.n > 0) {
    const char *end = memchr(s.p, '\n', s.n);
    size_t n = end != NULL ? (size_t)(end - s.p) : s.n;
    cf_buf_put(&out->line, s.p, n);
    err = out->line.err;
    if (err == CF_OK && end != NULL) {
      err = print_line(out, cf_buf_str(&out->line));
      cf_buf_reset(&out->line);
      n++;
    }
    s = (struct cf_str){s.p + n, s.n - n};
  }
  return err;
}

static enum cf_err take_answer(void *context, const void *p, size_t n)
{
  struct output *out = context;

  if (out->status >= 400) {
    cf_buf_put(&out->line, p, n);
    return out->line.err;
  }
  if (out->table)
    return take_lines(out, (struct cf_str){p, n});
  return fwrite(p, 1, n, stdout) == n ? CF_OK : CF_E_PEER;
}

static int query_run(struct cf_cli *cli)
{
  struct output out = {.cli = cli, .table = wants_table(cli)};
  struct cf_buf query;
  int status = 0;

  cf_buf_init(&query, QUERY_MAX);
  cf_buf_init(&out.line, LINE_MAX_N);
  enum cf_err err = put_query(cli, &query, out.table);
  if (err == CF_OK)
    err = cf_cli_open_for_reading(cli);
  if (err == CF_OK) {
    const struct cf_ask ask = {.method = "GET",
                               .path = "/v1/events",
                               .query = cf_buf_str(&query),
                               .context = &out,
                               .head = take_head,
                               .answer = take_answer};
    err = cf_ask(cli->asker, &ask, &status, &cli->fault);
  }
  if (err == CF_OK && status < 400 && out.table)
    err = print_line(&out, cf_buf_str(&out.line));
  int result = err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
  if (err == CF_OK && status >= 400)
    result = cf_cli_refused(cli, status, cf_buf_str(&out.line));
  cf_buf_fini(&out.line);
  cf_buf_fini(&query);
  return result;
}

const struct cf_cli_command cf_cli_query = {
    .name = "query",
    .arguments = "[NAME=VALUE…]",
    .summary = "Find events, with the filters of GET /v1/events",
    .details =
        "Filters are --NAME=VALUE or NAME=VALUE, for example --user=alice --method=POST,PUT --from=-24h --status=4xx\n"
        "--resource.prefix=/admin --ip=192.0.2.0/24 --limit=20 --order=asc. The table shows some members, with control\n"
        "characters escaped; --json shows all.\n\n"
        "Beside q and the members, which take the endings .not and .prefix, there are:\n"
#define CF_PARAM(symbol, name, parser, field, list, in_text, help) "  " name ": " help "\n"
#include "lib/query/query.def"
#undef CF_PARAM
        "  format:"
#define CF_OUTPUT(symbol, name, type, alias, content_type, streams, exports) " " name
#include "lib/output/output.def"
#undef CF_OUTPUT
        "\n",
    .options = options,
    .takes_any = true,
    .args_max = 256,
    .run = query_run,
};
