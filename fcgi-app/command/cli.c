/* SPDX-License-Identifier: MIT */
/* What the subcommands share: the way to the ledger, words for people. */
#include "config.h"

#include "fcgi-app/command/cli_in.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "fcgi-app/command/cut_in.h"
#include "fcgi-app/door/privilege.h"
#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/show.h"
#include "lib/base/utf8.h"
#include "lib/proof/signer.h"
#include "lib/record/json.h"
#include "paths.h"

#define PROGRAM       "counterfoil"
#define LINE_MAX_N    4096
#define TEXT_MAX_N    640 /* six times as long at most when it is shown */
#define PROBLEM_DEPTH 8
#define ANSWER_DEPTH  8
#define WAIT_US       INT64_C(15000000) /* for a service to be there */

static volatile sig_atomic_t stopped;

const struct cf_cli_option *cf_cli_row(const struct cf_cli_option *rows)
{
  while (rows != NULL && rows->name != NULL && rows->name[0] == '\0')
    rows++;
  return rows != NULL && rows->name != NULL ? rows : NULL;
}

const char *cf_cli_value(const struct cf_cli *cli, const char *name)
{
  const struct cf_cli_option *options = cli->command->options;

  for (const struct cf_cli_option *o = cf_cli_row(options); o != NULL; o = cf_cli_row(o + 1))
    if (strcmp(o->name, name) == 0)
      return cli->values[o - options];
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

  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

enum cf_err cf_cli_load(struct cf_cli *cli)
{
  struct cf_buf path;

  if (cli->has_conf)
    return CF_OK;
  cf_buf_init(&path, 4096);
  enum cf_err err = cf_conf_find(cli->config, CF_SYSCONFDIR, &path, &cli->fault);
  if (err == CF_OK)
    err = cf_conf_load(cf_buf_cstr(&path), &cli->conf, &cli->fault);
  cf_buf_fini(&path);
  cli->has_conf = err == CF_OK;
  return err;
}

/* The configuration, without root, and with signals that stop in order. */
static enum cf_err cli_enter(struct cf_cli *cli)
{
  enum cf_err err = cf_cli_load(cli);

  if (err == CF_OK)
    err = cf_privilege_drop(&cli->conf, &cli->fault);
  if (err == CF_OK)
    catch_signals();
  return err;
}

enum cf_err cf_cli_open(struct cf_cli *cli)
{
  enum cf_err err = cli_enter(cli);

  return err == CF_OK ? cf_asker_open(&cli->conf, cf_cli_stopped, &cli->asker, &cli->fault) : err;
}

enum cf_err cf_cli_open_guest(struct cf_cli *cli)
{
  int64_t end_us = cf_clock_mono_us() + WAIT_US;
  enum cf_err err = cli_enter(cli);

  if (err != CF_OK)
    return err;
  do
    err = cf_asker_open_guest(&cli->conf, cf_cli_stopped, &cli->asker, &cli->fault);
  while (err == CF_E_NOTREADY && cf_clock_mono_us() < end_us && !stopped &&
         poll(NULL, 0, 100) >= 0);
  return err;
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
  (void)cf_cut_put(b, text, width_max);
}

void cf_cli_put_lines(struct cf_buf *b, struct cf_str text)
{
  while (text.n > 0 && b->err == CF_OK) {
    size_t n = cf_str_starts(text, CF_STR("\r\n"))      ? 2
               : text.p[0] == '\n' || text.p[0] == '\t' ? 1
                                                        : 0;
    if (n == 0) {
      cf_show_next(b, &text, CF_SHOW_TERMINAL);
      continue;
    }
    cf_buf_put(b, text.p, n);
    text = (struct cf_str){text.p + n, text.n - n};
  }
}

/* Before the command's name was read there is none. */
static const char *space_before(const struct cf_cli *cli)
{
  return cli->command->name[0] != '\0' ? " " : "";
}

static void message_say(const struct cf_cli *cli, struct cf_str text)
{
  struct cf_buf b;

  cf_cli_progress_end();
  cf_buf_init(&b, LINE_MAX_N);
  cf_buf_putf(&b, PROGRAM "%s%s: ", space_before(cli), cli->command->name);
  cf_show_put(&b, cf_utf8_head(text, TEXT_MAX_N), CF_SHOW_TERMINAL);
  (void)fprintf(stderr, "%s%s\n", cf_buf_cstr(&b), text.n > TEXT_MAX_N ? "…" : "");
  cf_buf_fini(&b);
}

int cf_cli_fail(const struct cf_cli *cli, enum cf_err err)
{
  struct cf_buf b;

  if (err == CF_E_PEER && !cf_cli_output_ok())
    return CF_EXIT_TRUE;
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
  cf_buf_putf(&b, "%s(HTTP %d)", b.n > 0 ? " " : "the answer has no words ", status);
  message_say(cli, cf_buf_str(&b));
  cf_buf_fini(&b);
  return CF_EXIT_UNKNOWN;
}

int cf_cli_ask(struct cf_cli *cli, const char *method, const char *path, struct cf_str body,
               struct cf_buf *answer, struct cf_json **doc)
{
  int http = 0;
  enum cf_err err = cf_cli_open(cli);

  if (err == CF_OK)
    err = cf_ask_text(cli->asker, method, path, CF_STR(""), body.n > 0 ? "application/json" : NULL,
                      body, &http, answer, &cli->fault);
  if (err == CF_OK && http >= 400)
    return cf_cli_refused(cli, http, cf_buf_str(answer));
  if (err == CF_OK)
    err = cf_json_parse(cf_buf_str(answer), ANSWER_DEPTH, doc, &cli->fault);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

int cf_cli_usage(const struct cf_cli *cli, const char *format, ...)
{
  char text[512];
  va_list args;

  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  message_say(cli, cf_str_from(text));
  (void)fprintf(stderr, "See: " PROGRAM "%s%s --help\n", space_before(cli), cli->command->name);
  return CF_EXIT_UNKNOWN;
}

/* The key of a signer that is another process. */
static enum cf_err told_key_put(const struct cf_conf *conf, struct cf_fault *fault)
{
  struct cf_signer *signer = NULL;
  struct cf_buf b;
  enum cf_err err = cf_signer_look(conf->signer, CF_STR(""), &signer, fault);
  if (err != CF_OK)
    return err;
  cf_buf_init(&b, 1024);
  cf_vkey_put(cf_signer_vkey(signer), &b);
  cf_buf_putc(&b, '\n');
  err = b.err == CF_OK ? cf_cli_print(&b) : b.err;
  cf_buf_fini(&b);
  cf_signer_close(signer);
  return err;
}

enum cf_err cf_cli_put_key(const struct cf_conf *conf, struct cf_fault *fault)
{
  const char *signer = cf_conf_signer_directory(conf);
  if (signer == NULL)
    return told_key_put(conf, fault);
  char path[4096];
  char line[1024];

  int n = snprintf(path, sizeof path, "%s/vkey", signer);
  if (n < 0 || (size_t)n >= sizeof path)
    return cf_fail(fault, CF_E_SYSTEM, signer, "the path is too long");
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot read the ledger's key");
  bool read = fgets(line, sizeof line, file) != NULL;
  (void)fclose(file);
  return read ? cf_cli_write(line, strlen(line))
              : cf_fail(fault, CF_E_SYSTEM, path, "cannot read the ledger's key");
}
