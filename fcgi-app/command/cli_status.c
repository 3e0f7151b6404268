/* SPDX-License-Identifier: MIT */
/* counterfoil status: how the log is, of whoever owns it now. */
#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/door/privilege.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/record/json.h"
#include "lib/record/record.h"

#define ANSWER_MAX 65536
#define DEPTH      8
#define SHOWN_MAX  255

static const struct cf_cli_option options[] = {
    {"json", NULL, "print it as JSON"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* What the owner answers, and what can be seen without it. */
struct report {
  bool owned, ready;
  struct cf_buf healthz, readyz, checkpoint; /* empty: there was no answer */
  uint64_t free;                             /* bytes */
  bool has_free;
  int64_t signed_us; /* when the signer's memory was written; CF_TIME_NONE: not seen */
};

/* ---- asking ---- */

static enum cf_err owner_ask(struct cf_cli *cli, const char *path, int *http, struct cf_buf *answer)
{
  return cf_ask_text(cli->asker, "GET", path, CF_STR(""), NULL, CF_STR(""), http, answer,
                     &cli->fault);
}

static enum cf_err owner_look(struct cf_cli *cli, struct report *r)
{
  int healthz = 0, readyz = 0, checkpoint = 0;
  enum cf_err err = cf_asker_open_guest(&cli->conf, cf_cli_stopped, &cli->asker, &cli->fault);

  if (err == CF_E_NOTREADY)
    return CF_OK;
  r->owned = err == CF_OK;
  if (err == CF_OK)
    err = owner_ask(cli, "/healthz", &healthz, &r->healthz);
  if (err == CF_OK)
    err = owner_ask(cli, "/readyz", &readyz, &r->readyz);
  if (err == CF_OK)
    err = owner_ask(cli, "/checkpoint", &checkpoint, &r->checkpoint);
  r->ready = err == CF_OK && readyz == 200;
  if (err == CF_OK && checkpoint != 200)
    cf_buf_reset(&r->checkpoint);
  return err;
}

static void files_look(const struct cf_cli *cli, struct report *r)
{
  struct statvfs space;
  struct stat st;
  char state[4096];

  r->has_free = statvfs(cli->conf.data, &space) == 0;
  if (r->has_free)
    r->free = (uint64_t)space.f_bavail * space.f_frsize;
  const char *signer = cf_conf_signer_directory(&cli->conf);
  int n = signer == NULL ? 0 : snprintf(state, sizeof state, "%s/state", signer);
  bool seen = n > 0 && (size_t)n < sizeof state && stat(state, &st) == 0;
  r->signed_us = seen ? cf_file_modified_us(&st) : CF_TIME_NONE;
}

static enum cf_err report_make(struct cf_cli *cli, struct report *r)
{
  struct stat st;
  enum cf_err err = cf_cli_load(cli);

  if (err == CF_OK)
    err = cf_privilege_drop(&cli->conf, &cli->fault);
  if (err == CF_OK && stat(cli->conf.data, &st) != 0)
    err = cf_fail_errno(&cli->fault, CF_E_NOTFOUND, cli->conf.data,
                        "there is no ledger; `counterfoil init` makes one");
  if (err == CF_OK)
    err = owner_look(cli, r);
  files_look(cli, r);
  return err;
}

/* ---- words ---- */

static void member_put(struct cf_buf *b, const char *before, const struct cf_json *doc,
                       const char *name)
{
  struct cf_str text = cf_json_string(cf_json_member(doc, name));

  if (text.n == 0)
    return;
  cf_buf_puts(b, before);
  cf_cli_put_safe(b, text, SHOWN_MAX);
}

/* Numbers that should be 0, of /readyz. */
static enum cf_err trouble_put(void *context, struct cf_str name, const struct cf_json *value)
{
  struct cf_buf *b = context;
  struct cf_str n = cf_json_number(value);
  bool said = cf_json_type(value) == CF_JSON_BOOL && cf_json_bool(value);

  if (cf_str_is(name, "ready") || cf_str_is(name, "status") ||
      (!said && (n.n == 0 || cf_str_is(n, "0"))))
    return CF_OK;
  cf_buf_puts(b, b->n > 0 ? ", " : "");
  cf_cli_put_safe(b, name, SHOWN_MAX);
  if (n.n > 0)
    cf_buf_putf(b, " %.*s", (int)n.n, n.p);
  return b->err;
}

static void space_put(struct cf_buf *b, uint64_t bytes)
{
  static const char units[] = "BKMGTP";
  double v = (double)bytes;
  size_t u = 0;

  for (; v >= 1024 && u + 2 < sizeof units; u++)
    v /= 1024;
  cf_buf_putf(b, u > 0 ? "%.1f %c" : "%.0f %c", v, units[u]);
}

static void signed_put(struct cf_buf *b, const struct report *r)
{
  struct cf_str left = cf_buf_str(&r->checkpoint);
  char when[CF_TIME_TEXT_N + 1];

  (void)cf_str_cut(&left, '\n');
  struct cf_str size = cf_str_cut(&left, '\n'), root = cf_str_cut(&left, '\n');
  if (size.n == 0)
    return;
  cf_buf_puts(b, "signed:  ");
  cf_cli_put_safe(b, size, SHOWN_MAX);
  cf_buf_puts(b, " records, root ");
  cf_cli_put_safe(b, root, SHOWN_MAX);
  if (r->signed_us != CF_TIME_NONE) {
    cf_time_format(r->signed_us, when);
    cf_buf_putf(b, ", last at %.19sZ", when);
  }
  cf_buf_putc(b, '\n');
}

static void ready_put(struct cf_buf *b, const struct report *r, const struct cf_json *readyz)
{
  const char *green = cf_cli_colours(stdout) ? "\033[32m" : "", *red = *green ? "\033[31m" : "";
  const char *end = *green ? "\033[0m" : "";

  if (r->ready)
    cf_buf_putf(b, "ready:   %syes%s", green, end);
  else
    cf_buf_putf(b, "ready:   %sNO%s", red, end);
  if (!r->owned)
    cf_buf_puts(b, ": nobody answers");
  if (r->owned && !r->ready)
    member_put(b, ": ", readyz, "detail");
  cf_buf_putc(b, '\n');
}

static void witnesses_put(struct cf_buf *b, const struct cf_json *readyz)
{
  const struct cf_json *list = cf_json_member(cf_json_member(readyz, "seen_by"), "witnesses");
  for (size_t i = 0; i < cf_json_count(list); i++) {
    const struct cf_json *w = cf_json_element(list, i);
    cf_buf_puts(b, "witness: ");
    cf_cli_put_safe(b, cf_json_string(cf_json_member(w, "name")), SHOWN_MAX);
    member_put(b, " ", w, "state");
    struct cf_str size = cf_json_number(cf_json_member(w, "size"));
    if (size.n > 0)
      cf_buf_putf(b, ", has signed %.*s records", (int)size.n, size.p);
    member_put(b, " at ", w, "time");
    cf_buf_putc(b, '\n');
  }
}

static void report_put(struct cf_buf *b, const struct cf_conf *conf, const struct report *r)
{
  struct cf_json *healthz = NULL, *readyz = NULL;
  struct cf_buf trouble;

  cf_buf_init(&trouble, ANSWER_MAX);
  if (r->owned && (cf_json_parse(cf_buf_str(&r->healthz), DEPTH, &healthz, NULL) != CF_OK ||
                   cf_json_parse(cf_buf_str(&r->readyz), DEPTH, &readyz, NULL) != CF_OK ||
                   cf_json_each(readyz, trouble_put, &trouble) != CF_OK))
    cf_buf_puts(&trouble, "an answer cannot be read");
  cf_buf_putf(b, "ledger:  %s in %s\n", conf->origin, conf->data);
  cf_buf_puts(b, r->owned ? "owner:   running"
                          : "owner:   nobody; a request or a command starts one, `counterfoil "
                            "serve` keeps one");
  member_put(b, ", version ", healthz, "version");
  member_put(b, ", since ", healthz, "started");
  cf_buf_putc(b, '\n');
  ready_put(b, r, readyz);
  signed_put(b, r);
  witnesses_put(b, readyz);
  if (r->has_free) {
    cf_buf_puts(b, "free:    ");
    space_put(b, r->free);
    cf_buf_puts(b, ", of which min_free keeps ");
    space_put(b, conf->min_free);
    cf_buf_putc(b, '\n');
  }
  if (r->owned)
    cf_buf_putf(b, "trouble: %s\n", trouble.n > 0 ? cf_buf_cstr(&trouble) : "none was seen");
  cf_buf_fini(&trouble);
  cf_json_free(healthz);
  cf_json_free(readyz);
}

static void answer_put(struct cf_buf *b, const char *name, const struct cf_buf *answer)
{
  struct cf_str text = cf_buf_str(answer);

  while (text.n > 0 && text.p[text.n - 1] == '\n')
    text.n--;
  cf_json_put_name(b, name);
  if (text.n > 0)
    cf_buf_putstr(b, text);
  else
    cf_buf_puts(b, "null");
}

static void json_put(struct cf_buf *b, const struct report *r)
{
  cf_buf_putc(b, '{');
  cf_json_put_member_bool(b, "owned", r->owned);
  cf_json_put_member_bool(b, "ready", r->ready);
  answer_put(b, "healthz", &r->healthz);
  answer_put(b, "readyz", &r->readyz);
  if (r->checkpoint.n > 0)
    cf_json_put_member(b, "checkpoint", cf_buf_str(&r->checkpoint));
  if (r->signed_us != CF_TIME_NONE)
    cf_json_put_member_time(b, "signed", r->signed_us);
  cf_json_put_member_u64_or_null(b, "free", r->has_free, r->free);
  cf_buf_puts(b, "}\n");
}

static int status_run(struct cf_cli *cli)
{
  struct report r = {.signed_us = CF_TIME_NONE};
  struct cf_buf b;

  cf_buf_init(&b, 4 * ANSWER_MAX);
  cf_buf_init(&r.healthz, ANSWER_MAX);
  cf_buf_init(&r.readyz, ANSWER_MAX);
  cf_buf_init(&r.checkpoint, ANSWER_MAX);
  enum cf_err err = report_make(cli, &r);
  if (err == CF_OK && cf_cli_value(cli, "json") != NULL)
    json_put(&b, &r);
  else if (err == CF_OK)
    report_put(&b, &cli->conf, &r);
  if (err == CF_OK)
    err = cf_cli_print(&b);
  int status = err != CF_OK ? cf_cli_fail(cli, err) : CF_EXIT_TRUE;
  cf_buf_fini(&r.checkpoint);
  cf_buf_fini(&r.readyz);
  cf_buf_fini(&r.healthz);
  cf_buf_fini(&b);
  return status == CF_EXIT_TRUE && !r.ready ? CF_EXIT_FALSE : status;
}

const struct cf_cli_command cf_cli_status = {
    .name = "status",
    .arguments = "",
    .summary = "Say how the log is: 0 it is ready, 1 it is not, 2 could not tell",
    .details =
        "Whether somebody owns the ledger now, of which version and since when, whether it takes events or why not, what was\n"
        "signed last, how much space is left, and what damage was seen. It starts nothing.\n",
    .options = options,
    .args_max = 0,
    .run = status_run,
};
