/* SPDX-License-Identifier: MIT */
/* One ledger asked for a verdict, in as many steps as that takes, and what it
 * says told. */
#include "config.h"

#include <string.h>

#include "fcgi-app/command/cli_verify_in.h"
#include "lib/base/codec.h"
#include "lib/proof/verify.h"
#include "lib/record/json.h"

#define ANSWER_MAX (4u << 20)
#define QUERY_MAX  4096
#define DEPTH      16
#define PATH       "/v1/verify"
#define NAME_MAX_N 256
#define ROLLBACK   "urn:counterfoil:rollback"
#define COUNT_MAX  ((UINT64_C(1) << 53) - 1)

static bool is_true(const struct cf_json *doc, const char *name)
{
  const struct cf_json *v = cf_json_member(doc, name);

  return cf_json_type(v) == CF_JSON_BOOL && cf_json_bool(v);
}

static bool member_number(const struct cf_json *doc, const char *name, uint64_t *n)
{
  return cf_u64_parse(cf_json_number(cf_json_member(doc, name)), COUNT_MAX, n) == CF_OK;
}

static bool has_own_key(const struct cf_json *doc)
{
  return cf_str_is(cf_json_string(cf_json_member(doc, "assurance")), "own-key");
}

static bool is_anchored(const struct cf_json *doc)
{
  return cf_str_is(cf_json_string(cf_json_member(doc, "assurance")), "anchored");
}

static uint64_t records_here(const struct cf_json *doc)
{
  uint64_t size = 0, newer = 0;

  (void)member_number(doc, "size", &size);
  (void)member_number(doc, "unsigned", &newer);
  return size + newer;
}

static bool is_short_only(const struct cf_json *doc)
{
  const struct cf_json *errors = cf_json_member(doc, "errors");
  bool only = cf_json_count(errors) > 0;

  for (size_t i = 0; i < cf_json_count(errors); i++)
    only &= cf_str_is(cf_json_string(cf_json_member(cf_json_element(errors, i), "code")),
                      cf_verdict_name(CF_V_ROLLBACK));
  return only;
}

/* ---- words ---- */

static void put_errors(struct cf_buf *b, const struct cf_json *doc)
{
  const struct cf_json *errors = cf_json_member(doc, "errors");
  uint64_t total;

  for (size_t i = 0; i < cf_json_count(errors); i++) {
    const struct cf_json *e = cf_json_element(errors, i);
    struct cf_str seq = cf_json_number(cf_json_member(e, "seq"));
    struct cf_str last = cf_json_number(cf_json_member(e, "last"));
    cf_buf_puts(b, "  ");
    cf_cli_put_safe(b, cf_json_string(cf_json_member(e, "code")), 40);
    if (seq.n > 0)
      cf_buf_putf(b, " at %.*s", (int)seq.n, seq.p);
    if (last.n > 0)
      cf_buf_putf(b, " to %.*s", (int)last.n, last.p);
    cf_buf_puts(b, ": ");
    cf_cli_put_safe(b, cf_json_string(cf_json_member(e, "detail")), 200);
    cf_buf_putc(b, '\n');
  }
  if (member_number(doc, "errors_total", &total))
    cf_buf_putf(b, "  … %llu faults in all, of each kind the first ranges\n",
                (unsigned long long)total);
}

/* What is no fault of the chain. */
static void put_findings(struct cf_buf *b, const struct cf_json *doc)
{
  const struct cf_json *findings = cf_json_member(doc, "findings");
  uint64_t total = 0;

  for (size_t i = 0; i < cf_json_count(findings); i++) {
    const struct cf_json *f = cf_json_element(findings, i);
    cf_buf_puts(b, "  ");
    cf_cli_put_safe(b, cf_json_string(cf_json_member(f, "code")), 40);
    cf_buf_puts(b, " of ");
    cf_cli_put_safe(b, cf_json_string(cf_json_member(f, "source")), 128);
    cf_buf_puts(b, ": source_seq ");
    cf_cli_put_safe(b, cf_json_number(cf_json_member(f, "from")), 20);
    cf_buf_puts(b, " to ");
    cf_cli_put_safe(b, cf_json_number(cf_json_member(f, "to")), 20);
    cf_buf_puts(b, " is missing\n");
  }
  if (member_number(doc, "findings_total", &total) && total > cf_json_count(findings))
    cf_buf_putf(b, "  … %llu gaps in all; `counterfoil gaps` lists them by source\n",
                (unsigned long long)total);
  if (total > 0 && !is_true(doc, "findings_exact"))
    cf_buf_puts(b, "  not all records are known: what is missing may be among them\n");
}

static void put_summary(struct cf_buf *b, const struct cf_json *doc, const char *mode, bool kept)
{
  struct cf_str leaves = cf_json_number(cf_json_member(cf_json_member(doc, "checked"), "leaves"));
  struct cf_str first_bad = cf_json_number(cf_json_member(doc, "first_bad"));
  struct cf_str size = cf_json_number(cf_json_member(doc, "size"));
  struct cf_str newer = cf_json_number(cf_json_member(doc, "unsigned"));

  bool colours = cf_cli_colours(stdout);

  cf_buf_puts(b, !colours ? "" : is_true(doc, "ok") ? "\033[32m" : "\033[31m");
  cf_buf_puts(b, is_true(doc, "ok") ? "ok: " : "NOT OK: ");
  cf_buf_puts(b, colours ? "\033[0m" : "");
  cf_cli_put_safe(b, cf_json_string(cf_json_member(doc, "origin")), 255);
  cf_buf_putf(b, ", %s, size %.*s, root ", mode, (int)size.n, size.p);
  cf_cli_put_safe(b, cf_json_string(cf_json_member(doc, "root")), 64);
  cf_buf_putf(b, ", %.*s leaves checked", (int)leaves.n, leaves.p);
  if (first_bad.n > 0)
    cf_buf_putf(b, ", first bad seq %.*s", (int)first_bad.n, first_bad.p);
  if (newer.n > 0)
    cf_buf_putf(b, "; %.*s newer records are not signed yet, and were not judged", (int)newer.n,
                newer.p);
  if (has_own_key(doc) && !kept)
    cf_buf_puts(b, "; the key is what record 0 says, and nobody else: whoever made all of it could "
                   "have made that too; put the file `vkey` into the signer's directory, or give "
                   "--size and --root of a checkpoint that was kept elsewhere");
  if (cf_json_member(doc, "unjudged") != NULL)
    cf_buf_puts(b, "; not judged, as records cannot be read: whether its segments are what the "
                   "chain tells (see --full)");
  cf_buf_putc(b, '\n');
}

/* Who else stands for it. */
static void put_witnesses(struct cf_buf *b, const struct cf_json *doc)
{
  const struct cf_json *list = cf_json_member(doc, "witnesses");
  struct cf_str quorum = cf_json_number(cf_json_member(doc, "quorum"));
  if (cf_json_count(list) > 0 || is_anchored(doc))
    cf_cli_put_safe(b, cf_json_string(cf_json_member(doc, "assurance")), 40);
  for (size_t i = 0; i < cf_json_count(list); i++) {
    const struct cf_json *w = cf_json_element(list, i);
    struct cf_str size = cf_json_number(cf_json_member(w, "size"));
    cf_buf_puts(b, i == 0 ? ": " : ", ");
    cf_cli_put_safe(b, cf_json_string(cf_json_member(w, "name")), 255);
    cf_buf_puts(b, size.n > 0 ? " at size " : " never");
    cf_cli_put_safe(b, size, 20);
    if (cf_str_is(cf_json_string(cf_json_member(w, "state")), "alarm"))
      cf_buf_puts(b, " (ALARM: it has seen another history)");
  }
  if (quorum.n > 0)
    cf_buf_putf(b, "; %.*s are to sign", (int)quorum.n, quorum.p);
  if (cf_json_count(list) > 0 || is_anchored(doc))
    cf_buf_putc(b, '\n');
}

/* ---- asking ---- */

static void put_parameter(struct cf_buf *query, const char *name, struct cf_str value)
{
  if (query->n > 0)
    cf_buf_putc(query, '&');
  cf_buf_putf(query, "%s=", name);
  cf_url_put(query, value);
}

/* The first question has what was kept; later ones go on with what the budget
 * of the one before ended. */
static void put_query(const struct cf_cli *cli, const struct cf_cli_verdict *verdict,
                      const char *mode, struct cf_buf *query)
{
  static const char *const kept[] = {"size", "root"};
  put_parameter(query, "mode", cf_str_from(mode));
  if (verdict->resume.n > 0)
    put_parameter(query, "resume", cf_buf_str(&verdict->resume));
  for (size_t i = 0; verdict->resume.n == 0 && i < sizeof kept / sizeof kept[0]; i++)
    if (cf_cli_value(cli, kept[i]) != NULL)
      put_parameter(query, kept[i], cf_str_from(cf_cli_value(cli, kept[i])));
}

/* Where to go on. Each answer must have come further than the one before. */
static enum cf_err resume_read(struct cf_cli *cli, const struct cf_json *doc,
                               struct cf_cli_verdict *verdict)
{
  uint64_t before = verdict->next;
  cf_buf_reset(&verdict->resume);
  cf_buf_putstr(&verdict->resume, cf_json_string(cf_json_member(doc, "resume")));
  if (!member_number(doc, "next", &verdict->next) || verdict->next <= before ||
      verdict->resume.n == 0)
    return cf_fail(&cli->fault, CF_E_SYNTAX, PATH,
                   "the answer is not complete and does not say how to go on");
  return verdict->resume.err;
}

/* Take one answer into account, and tell the last one. */
static enum cf_err verdict_read(struct cf_cli *cli, const struct cf_json *doc, const char *mode,
                                struct cf_cli_verdict *verdict)
{
  struct cf_buf b;

  if (cf_json_type(cf_json_member(doc, "ok")) != CF_JSON_BOOL ||
      !cf_str_is(cf_json_string(cf_json_member(doc, "mode")), mode))
    return cf_fail(&cli->fault, CF_E_SYNTAX, PATH, "the answer has no verdict for mode=%s", mode);
  verdict->ok = is_true(doc, "ok");
  verdict->complete = is_true(doc, "complete");
  verdict->unjudged = cf_json_member(doc, "unjudged") != NULL;
  verdict->own_key = has_own_key(doc);
  verdict->here = records_here(doc);
  verdict->short_only = is_short_only(doc);
  if (!verdict->complete)
    return resume_read(cli, doc, verdict);
  if (cf_cli_value(cli, "json") != NULL)
    return CF_OK;
  cf_buf_init(&b, ANSWER_MAX);
  put_errors(&b, doc);
  put_findings(&b, doc);
  put_summary(&b, doc, mode, cf_cli_value(cli, "root") != NULL);
  put_witnesses(&b, doc);
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  return err;
}

/* Does the problem say that this ledger is older than what was signed? That is
 * a verdict. */
static bool is_rollback(struct cf_str problem)
{
  struct cf_json *doc = NULL;
  bool is = cf_json_parse(problem, DEPTH, &doc, NULL) == CF_OK &&
            cf_str_is(cf_json_string(cf_json_member(doc, "type")), ROLLBACK);

  cf_json_free(doc);
  return is;
}

/* Lines of progress, and then the answer; where no progress was asked for it is
 * the answer alone. */
struct answer {
  struct cf_buf line, text;
};

static void line_take(struct answer *a)
{
  struct cf_json *doc = NULL;
  uint64_t done, of;

  bool progress = a->line.n < NAME_MAX_N &&
                  cf_json_parse(cf_buf_str(&a->line), DEPTH, &doc, NULL) == CF_OK &&
                  member_number(doc, "done", &done) && member_number(doc, "of", &of);
  if (progress)
    cf_cli_progress("%llu of %llu", (unsigned long long)done, (unsigned long long)of);
  else
    cf_buf_putstr(&a->text, cf_buf_str(&a->line));
  cf_json_free(doc);
  cf_buf_reset(&a->line);
}

static enum cf_err take_answer(void *context, const void *p, size_t n)
{
  struct answer *a = context;

  for (size_t i = 0; i < n; i++) {
    cf_buf_putc(&a->line, ((const char *)p)[i]);
    if (((const char *)p)[i] == '\n')
      line_take(a);
  }
  return a->line.err != CF_OK ? a->line.err : a->text.err;
}

static enum cf_err answer_get(struct cf_cli *cli, struct cf_str query, struct answer *a, int *http)
{
  const struct cf_ask ask = {.method = "GET",
                             .path = PATH,
                             .query = query,
                             .accept = cf_cli_progress_wanted() ? "application/x-ndjson" : NULL,
                             .context = a,
                             .answer = take_answer};
  enum cf_err err = cf_ask(cli->asker, &ask, http, &cli->fault);

  if (err == CF_OK && a->line.n > 0)
    line_take(a);
  return err == CF_OK ? a->text.err : err;
}

/* One question. CF_EXIT_TRUE: it was answered, whatever the verdict. */
static int ask_once(struct cf_cli *cli, const char *mode, struct cf_cli_verdict *verdict)
{
  struct cf_buf query;
  struct answer a;
  struct cf_json *doc = NULL;
  int http = 0;

  cf_buf_init(&query, QUERY_MAX);
  cf_buf_init(&a.line, ANSWER_MAX);
  cf_buf_init(&a.text, ANSWER_MAX);
  put_query(cli, verdict, mode, &query);
  enum cf_err err = query.err;
  if (err == CF_OK)
    err = answer_get(cli, cf_buf_str(&query), &a, &http);
  int status = CF_EXIT_TRUE;
  if (err == CF_OK && http >= 400) {
    status = cf_cli_refused(cli, http, cf_buf_str(&a.text));
    if (is_rollback(cf_buf_str(&a.text)))
      status = CF_EXIT_FALSE;
  } else if (err == CF_OK) {
    err = cf_json_parse(cf_buf_str(&a.text), DEPTH, &doc, &cli->fault);
    if (err == CF_OK)
      err = verdict_read(cli, doc, mode, verdict);
    if (err == CF_OK && cf_cli_value(cli, "json") != NULL)
      err = cf_cli_print(&a.text);
  }
  if (err != CF_OK)
    status = cf_cli_fail(cli, err);
  if (err == CF_E_ROLLBACK)
    status = CF_EXIT_FALSE;
  cf_json_free(doc);
  cf_buf_fini(&query);
  cf_buf_fini(&a.line);
  cf_buf_fini(&a.text);
  return status;
}

int cf_cli_verify_one(struct cf_cli *cli, const char *mode, struct cf_cli_verdict *verdict)
{
  *verdict = (struct cf_cli_verdict){.ok = true};
  cf_buf_init(&verdict->resume, NAME_MAX_N);
  int status = CF_EXIT_TRUE;
  while (!verdict->complete && status == CF_EXIT_TRUE)
    status = ask_once(cli, mode, verdict);
  cf_buf_fini(&verdict->resume);
  bool unknown = verdict->unjudged || (verdict->own_key && cf_cli_value(cli, "root") == NULL);
  if (verdict->ok && unknown && status == CF_EXIT_TRUE)
    status = CF_EXIT_UNKNOWN;
  return verdict->ok ? status : CF_EXIT_FALSE;
}
