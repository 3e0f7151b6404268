/* SPDX-License-Identifier: MIT */
/* counterfoil show, receipt, proof: one record, and what proves it. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/command/when_in.h"
#include "lib/base/codec.h"
#include "lib/base/show.h"
#include "lib/record/json.h"

#define ANSWER_MAX (16u << 20)
#define DEPTH      16
#define SEQ_MAX    ((UINT64_C(1) << 53) - 1)
#define NAME_WIDTH 12

#define READ_ONLY \
  { \
    "read-only", NULL, "look at a copy as evidence: no key, no lock, and nothing is recorded" \
  }

static const struct cf_cli_option show_options[] = {
    {"json", NULL, "the record as GET /v1/events/SEQ gives it"},
    {"tz", "ZONE", "times are of this zone (default: UTC)"},
    READ_ONLY,
    {NULL, NULL, NULL},
};
static const struct cf_cli_option receipt_options[] = {READ_ONLY, {NULL, NULL, NULL}};
static const struct cf_cli_option proof_options[] = {
    {"size", "N", "in the tree of so many records (default: the newest signed one's)"},
    READ_ONLY,
    {NULL, NULL, NULL},
};

/* ---- asking ---- */

/* CF_EXIT_TRUE leaves the body of a good answer. */
static int get(struct cf_cli *cli, const char *path, struct cf_str query, struct cf_buf *answer)
{
  int http = 0;
  enum cf_err err =
      cf_ask_text(cli->asker, "GET", path, query, NULL, CF_STR(""), &http, answer, &cli->fault);

  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  return http >= 400 ? cf_cli_refused(cli, http, cf_buf_str(answer)) : CF_EXIT_TRUE;
}

/* The record that the first argument names, and the way to its ledger. */
static int seq_open(struct cf_cli *cli, uint64_t *seq)
{
  if (cf_u64_parse(cf_str_from(cli->args[0]), SEQ_MAX, seq) != CF_OK)
    return cf_cli_usage(cli, "%s is no seq: that is the number of a record, as `query` shows it",
                        cli->args[0]);
  enum cf_err err = cf_cli_open_for_reading(cli);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

/* What is at a path that ends with that number. */
static int get_seq(struct cf_cli *cli, const char *before, struct cf_buf *answer)
{
  char path[64];
  uint64_t seq;
  int status = seq_open(cli, &seq);

  if (status != CF_EXIT_TRUE)
    return status;
  (void)snprintf(path, sizeof path, "%s%llu", before, (unsigned long long)seq);
  return get(cli, path, CF_STR(""), answer);
}

/* For a program as it is; on a terminal so that it does no harm. */
static int text_print(struct cf_cli *cli, const struct cf_buf *text)
{
  bool terminal = isatty(STDOUT_FILENO) == 1;
  struct cf_buf shown;

  cf_buf_init(&shown, 6 * ANSWER_MAX);
  if (terminal)
    cf_cli_put_lines(&shown, cf_buf_str(text));
  enum cf_err err = cf_cli_print(terminal ? &shown : text);
  cf_buf_fini(&shown);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

/* ---- show ---- */

/* A member a line; those of objects have the object's name before theirs. */
struct lines {
  struct cf_buf *b;
  const char *before;
};

static void value_put(struct cf_buf *b, const struct cf_json *value)
{
  struct cf_str text = cf_json_string(value);
  struct cf_buf json;
  int64_t t_us;

  cf_buf_init(&json, ANSWER_MAX);
  if (cf_time_parse_strict(text, &t_us) == CF_OK)
    cf_when_show(b, t_us, true);
  else if (cf_json_type(value) == CF_JSON_STRING)
    cf_show_put(b, text, CF_SHOW_TERMINAL);
  else if (cf_json_put_canonical(&json, value, DEPTH, NULL) == CF_OK)
    cf_show_put(b, cf_buf_str(&json), CF_SHOW_TERMINAL);
  cf_buf_fini(&json);
}

static enum cf_err line_put(void *context, struct cf_str name, const struct cf_json *value)
{
  struct lines *lines = context;
  struct cf_buf *b = lines->b;
  size_t from = b->n;

  if (cf_json_type(value) == CF_JSON_OBJECT && lines->before[0] == '\0') {
    char before[64];
    (void)snprintf(before, sizeof before, "%.*s.", (int)name.n, name.p);
    return cf_json_each(value, line_put, &(struct lines){b, before});
  }
  cf_buf_puts(b, lines->before);
  cf_show_put(b, name, CF_SHOW_TERMINAL);
  do
    cf_buf_putc(b, ' ');
  while (b->err == CF_OK && b->n - from <= NAME_WIDTH);
  value_put(b, value);
  cf_buf_putc(b, '\n');
  return b->err;
}

static int show_print(struct cf_cli *cli, const struct cf_buf *answer)
{
  struct cf_json *doc = NULL;
  struct cf_buf b;

  cf_buf_init(&b, 6 * ANSWER_MAX);
  enum cf_err err = cf_json_parse(cf_buf_str(answer), DEPTH, &doc, &cli->fault);
  if (err == CF_OK)
    err = cf_json_each(doc, line_put, &(struct lines){&b, ""});
  if (err == CF_OK)
    err = cf_cli_print(&b);
  cf_json_free(doc);
  cf_buf_fini(&b);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

static int show_run(struct cf_cli *cli)
{
  const char *zone = cf_cli_value(cli, "tz");
  struct cf_buf answer;
  enum cf_err err = cf_when_zone(zone != NULL ? zone : "UTC", &cli->fault);

  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  cf_buf_init(&answer, ANSWER_MAX);
  int status = get_seq(cli, "/v1/events/", &answer);
  if (status == CF_EXIT_TRUE)
    status =
        cf_cli_value(cli, "json") != NULL ? text_print(cli, &answer) : show_print(cli, &answer);
  cf_buf_fini(&answer);
  return status;
}

const struct cf_cli_command cf_cli_show = {
    .name = "show",
    .arguments = "SEQ",
    .summary = "Show one record, of any kind, with all its members",
    .details = "",
    .options = show_options,
    .args_min = 1,
    .args_max = 1,
    .run = show_run,
};

/* ---- receipt ---- */

static int receipt_run(struct cf_cli *cli)
{
  struct cf_buf answer;

  cf_buf_init(&answer, ANSWER_MAX);
  int status = get_seq(cli, "/v1/receipts/", &answer);
  if (status == CF_EXIT_TRUE)
    status = text_print(cli, &answer);
  cf_buf_fini(&answer);
  return status;
}

const struct cf_cli_command cf_cli_receipt = {
    .name = "receipt",
    .arguments = "SEQ",
    .summary = "Print a record's receipt: what is needed to check it without the ledger",
    .details =
        "It holds the record, its place in the signed tree and the checkpoint: a C2SP tlog-proof.\n",
    .options = receipt_options,
    .args_min = 1,
    .args_max = 1,
    .run = receipt_run,
};

/* ---- proof ---- */

/* The second line of the newest checkpoint, but a size that has the record. */
static int size_find(struct cf_cli *cli, uint64_t seq, uint64_t *size)
{
  struct cf_buf answer;

  cf_buf_init(&answer, ANSWER_MAX);
  int status = get(cli, "/checkpoint", CF_STR(""), &answer);
  struct cf_str left = cf_buf_str(&answer);
  (void)cf_str_cut(&left, '\n');
  if (status == CF_EXIT_TRUE && cf_u64_parse(cf_str_cut(&left, '\n'), SEQ_MAX, size) != CF_OK)
    status = cf_cli_fail(cli, cf_fail(&cli->fault, CF_E_SYNTAX, "/checkpoint",
                                      "the answer is no checkpoint"));
  if (status == CF_EXIT_TRUE && *size <= seq)
    *size = seq + 1;
  cf_buf_fini(&answer);
  return status;
}

static int proof_run(struct cf_cli *cli)
{
  const char *size_text = cf_cli_value(cli, "size");
  uint64_t seq, size = 0;
  struct cf_buf answer;
  char query[96];

  if (size_text != NULL && cf_u64_parse(cf_str_from(size_text), SEQ_MAX, &size) != CF_OK)
    return cf_cli_usage(cli, "--size is a number of records");
  int status = seq_open(cli, &seq);
  if (status == CF_EXIT_TRUE && size_text == NULL)
    status = size_find(cli, seq, &size);
  if (status != CF_EXIT_TRUE)
    return status;
  cf_buf_init(&answer, ANSWER_MAX);
  (void)snprintf(query, sizeof query, "seq=%llu&size=%llu", (unsigned long long)seq,
                 (unsigned long long)size);
  status = get(cli, "/v1/proofs/inclusion", cf_str_from(query), &answer);
  if (status == CF_EXIT_TRUE)
    status = text_print(cli, &answer);
  cf_buf_fini(&answer);
  return status;
}

const struct cf_cli_command cf_cli_proof = {
    .name = "proof",
    .arguments = "SEQ",
    .summary = "Print the hashes that lead from a record to the root of a tree",
    .details = "",
    .options = proof_options,
    .args_min = 1,
    .args_max = 1,
    .run = proof_run,
};
