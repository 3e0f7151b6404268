/* SPDX-License-Identifier: MIT */
/* What the subcommands share: options, the way to the ledger, words for
 * people. */
#include "config.h"

#include "fcgi-app/command/cli_in.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "fcgi-app/door/privilege.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/show.h"
#include "lib/record/json.h"

#define PROGRAM       "counterfoil"
#define LINE_MAX_N    4096
#define PROBLEM_DEPTH 8

static volatile sig_atomic_t stopped;

const char *cf_cli_value(const struct cf_cli *cli, const char *name)
{
  for (size_t i = 0; cli->command->options[i].name != NULL; i++)
    if (strcmp(cli->command->options[i].name, name) == 0)
      return cli->values[i];
  cf_die("bug: the command %s has no option %s", cli->command->name, name);
}

/* ---- the way to the ledger ---- */

static void signal_stop(int signo)
{
  (void)signo;
  stopped = 1;
}

bool cf_cli_stopped(void)
{
  return stopped != 0;
}

/* The first signal stops in order; a second one ends the process, which loses
 * nothing either. */
static void catch_signals(void)
{
  struct sigaction action = {.sa_handler = signal_stop, .sa_flags = (int)SA_RESETHAND};
  struct sigaction ignore = {.sa_handler = SIG_IGN};

  sigemptyset(&action.sa_mask);
  sigemptyset(&ignore.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGPIPE, &ignore, NULL);
}

enum cf_err cf_cli_load(struct cf_cli *cli)
{
  struct cf_buf path;

  cf_buf_init(&path, 4096);
  enum cf_err err = cf_conf_find(cli->config, CF_SYSCONFDIR, &path, &cli->fault);
  if (err == CF_OK)
    err = cf_conf_load(cf_buf_cstr(&path), &cli->conf, &cli->fault);
  cf_buf_fini(&path);
  cli->has_conf = err == CF_OK;
  return err;
}

enum cf_err cf_cli_open(struct cf_cli *cli)
{
  enum cf_err err = cf_cli_load(cli);

  if (err == CF_OK)
    err = cf_privilege_drop(&cli->conf, &cli->fault);
  if (err != CF_OK)
    return err;
  catch_signals();
  return cf_asker_open(&cli->conf, cf_cli_stopped, &cli->asker, &cli->fault);
}

enum cf_err cf_cli_open_for_reading(struct cf_cli *cli)
{
  if (cf_cli_value(cli, "read-only") == NULL)
    return cf_cli_open(cli);
  enum cf_err err = cf_cli_load(cli);
  if (err == CF_OK)
    err = cf_privilege_drop(&cli->conf, &cli->fault);
  if (err == CF_OK)
    err = cf_asker_open_copy(&cli->conf, &cli->asker, &cli->fault);
  if (err == CF_OK)
    (void)fprintf(stderr,
                  PROGRAM
                  " %s: read-only: a copy opened as evidence; nothing is recorded of this\n",
                  cli->command->name);
  return err;
}

/* ---- words ---- */

void cf_cli_put_safe(struct cf_buf *b, struct cf_str text, size_t width_max)
{
  size_t width = 0;
  size_t cut = b->n; /* where the text ends when something has to go */

  while (text.n > 0) {
    size_t before = b->n, left = text.n;
    cf_show_next(b, &text, CF_SHOW_TERMINAL);
    size_t added = b->n - before;
    width += left - text.n == added ? 1 : added;
    if (width <= width_max - 1)
      cut = b->n;
    if (width > width_max) {
      cf_buf_cut(b, b->n - cut);
      cf_buf_puts(b, "…");
      return;
    }
  }
}

enum cf_err cf_cli_print(const struct cf_buf *b)
{
  if (b->err != CF_OK)
    return b->err;
  return fwrite(b->p, 1, b->n, stdout) == b->n ? CF_OK : CF_E_PEER;
}

static void message_say(const struct cf_cli *cli, struct cf_str text)
{
  struct cf_buf b;

  cf_buf_init(&b, LINE_MAX_N);
  cf_buf_putf(&b, PROGRAM " %s: ", cli->command->name);
  cf_cli_put_safe(&b, text, LINE_MAX_N / 8);
  (void)fprintf(stderr, "%s\n", cf_buf_cstr(&b));
  cf_buf_fini(&b);
}

int cf_cli_fail(const struct cf_cli *cli, enum cf_err err)
{
  struct cf_buf b;

  cf_buf_init(&b, LINE_MAX_N);
  if (cli->fault.detail[0] == '\0')
    cf_buf_puts(&b, cf_err_title(err));
  else if (cli->fault.at[0] == '\0')
    cf_buf_puts(&b, cli->fault.detail);
  else
    cf_buf_putf(&b, "%s: %s", cli->fault.at, cli->fault.detail);
  message_say(cli, cf_buf_str(&b));
  cf_buf_fini(&b);
  return err == CF_E_ROLLBACK ? CF_EXIT_FALSE : CF_EXIT_UNKNOWN;
}

int cf_cli_refused(const struct cf_cli *cli, int status, struct cf_str body)
{
  static const char *const places[] = {"parameter", "member"};
  struct cf_json *doc = NULL;
  struct cf_buf b;

  cf_buf_init(&b, LINE_MAX_N);
  cf_buf_putf(&b, "%d ", status);
  if (cf_json_parse(body, PROBLEM_DEPTH, &doc, NULL) == CF_OK) {
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
      if (cf_json_member(doc, places[i]) != NULL) {
        cf_buf_putstr(&b, cf_json_string(cf_json_member(doc, places[i])));
        cf_buf_puts(&b, ": ");
      }
    struct cf_str detail = cf_json_string(cf_json_member(doc, "detail"));
    cf_buf_putstr(&b, detail.n > 0 ? detail : cf_json_string(cf_json_member(doc, "title")));
  }
  cf_json_free(doc);
  message_say(cli, cf_buf_str(&b));
  cf_buf_fini(&b);
  return CF_EXIT_UNKNOWN;
}

int cf_cli_usage(const struct cf_cli *cli, const char *format, ...)
{
  char text[512];
  va_list args;

  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  message_say(cli, cf_str_from(text));
  (void)fprintf(stderr, "See: " PROGRAM " %s --help\n", cli->command->name);
  return CF_EXIT_UNKNOWN;
}

enum cf_err cf_cli_put_key(const struct cf_conf *conf, struct cf_fault *fault)
{
  char path[4096];
  char line[1024];

  int n = snprintf(path, sizeof path, "%s/vkey", conf->signer);
  if (n < 0 || (size_t)n >= sizeof path)
    return cf_fail(fault, CF_E_SYSTEM, conf->signer, "the path is too long");
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot read the ledger's key");
  enum cf_err err = fgets(line, sizeof line, file) != NULL && fputs(line, stdout) >= 0
                        ? CF_OK
                        : cf_fail(fault, CF_E_SYSTEM, path, "cannot print the ledger's key");
  (void)fclose(file);
  return err;
}
