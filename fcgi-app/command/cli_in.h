/* SPDX-License-Identifier: MIT */
/* Inside the command `counterfoil`: its table of subcommands, and what they
 * share. */
#ifndef CF_COMMAND_CLI_IN_H
#define CF_COMMAND_CLI_IN_H

#include <stdio.h>

#include "fcgi-app/command/ask_in.h"

/* How the command ends: what was asked is true or done; a verdict against; it
 * could not tell. */
enum { CF_EXIT_TRUE = 0, CF_EXIT_FALSE = 1, CF_EXIT_UNKNOWN = 2 };

#define CF_CLI_OPTIONS_MAX 32

/* An option of a subcommand, a row each; parsing, --help and completions come
 * from it. A table ends with a row without a name; one with an empty name is
 * passed over. */
struct cf_cli_option {
  const char *name;     /* without "--" */
  const char *argument; /* what the value is called in the help; NULL: the option takes none */
  const char *help;
};
/* Those of every command: config, help, version. */
extern const struct cf_cli_option cf_cli_common[];

/* Behind each table of them. */
#define CF_CLI_OPTIONS_CHECK(options) \
  _Static_assert(sizeof options / sizeof *options <= CF_CLI_OPTIONS_MAX + 1, "options")

struct cf_cli;

/* A subcommand. Its rows: cli_main.c. */
struct cf_cli_command {
  const char *name;
  const char *arguments; /* in the help's first line: "FILE…"; "" for none */
  const char *summary;   /* one line */
  const char *details;   /* further text of --help, lines; "" for none */
  /* NULL: none but those of every command */
  const struct cf_cli_option *options;
  /* Parameters of a question: NAME=VALUE, --NAME=VALUE or
   * --NAME VALUE, also with an ending such as NAME.not, and more than once; it
   * has no arguments then. NULL: none. */
  const struct cf_cli_option *filters;
  size_t args_min, args_max;
  int (*run)(struct cf_cli *cli); /* returns the exit status */
};

extern const struct cf_cli_command cf_cli_init, cf_cli_token, cf_cli_key, cf_cli_import,
    cf_cli_query, cf_cli_evidence, cf_cli_show, cf_cli_receipt, cf_cli_proof, cf_cli_checkpoint,
    cf_cli_status, cf_cli_verify, cf_cli_gaps, cf_cli_recover, cf_cli_serve, cf_cli_sample;

struct cf_cli_filter {
  struct cf_str name;
  const char *value;
};

struct cf_cli {
  const struct cf_cli_command *command;
  const char *config; /* --config, or NULL */
  const char *values[CF_CLI_OPTIONS_MAX];
  char **args; /* what is left: args_n arguments, in order */
  size_t args_n;
  struct cf_cli_filter *filters; /* in order */
  size_t filters_n;
  struct cf_conf conf;
  bool has_conf;
  struct cf_asker *asker; /* after cf_cli_open */
  struct cf_fault fault;
};

/* ---- cli_parse.c: the words of the command line ---- */

/* What to do after them; WRONG: it was said what is. */
enum cf_cli_next { CF_CLI_RUN, CF_CLI_HELP, CF_CLI_VERSION, CF_CLI_WRONG };

/* The options before the command's name, which is then words[*used], *used ≤ n.
 * A value follows as the next word, which may begin with one '-', or behind
 * '='. */
CF_MUST enum cf_cli_next cf_cli_parse_common(struct cf_cli *cli, char **words, int n, int *used);
/* Those behind it into config, values, args (in the place of words) and
 * filters, which is to be freed. "--" ends the options. */
CF_MUST enum cf_cli_next cf_cli_parse(struct cf_cli *cli, char **words, int n);
/* Append known where somebody who wrote word may have meant it. */
void cf_cli_put_near(struct cf_buf *b, struct cf_str word, const char *known);

/* ---- cli_out.c: standard output ---- */

/* A reader that leaves ends nothing but what is written to it; and what is
 * closed of the first three descriptors is nobody else's from then on. */
void cf_cli_output_open(void);
/* Write to standard output. CF_E_PEER where that or an earlier write failed:
 * there is no use in going on, and cf_cli_fail says nothing of it. */
CF_MUST enum cf_err cf_cli_write(const void *p, size_t n);
CF_MUST enum cf_err cf_cli_print(const struct cf_buf *b); /* also b's error */
enum cf_err cf_cli_printf(const char *format, ...) CF_PRINTF(1, 2);
CF_MUST enum cf_err cf_cli_flush(void);
bool cf_cli_output_ok(void);
/* Is it a terminal whose user wants colours? */
bool cf_cli_colours(FILE *file);
/* How far it came: on standard error, where that is a terminal, a few times a
 * second, in a line that goes with the next thing that is said. */
bool cf_cli_progress_wanted(void);
void cf_cli_progress(const char *format, ...) CF_PRINTF(1, 2);
void cf_cli_progress_end(void);
/* The exit status in the end. A write that failed is said, and is no success,
 * but that the reader has left, as `head` does. */
CF_MUST int cf_cli_output_close(int status);

/* ---- cli.c ---- */

/* The first row from here on; NULL at the end, and of NULL. */
const struct cf_cli_option *cf_cli_row(const struct cf_cli_option *rows);
/* The value of an option of the command's rows; "" for one without argument
 * that was given; NULL where it was not given. */
const char *cf_cli_value(const struct cf_cli *cli, const char *name);

/* Find and read the configuration, once. The errors of cf_conf_find and
 * cf_conf_load, with cli->fault. */
CF_MUST enum cf_err cf_cli_load(struct cf_cli *cli);
/* The same, then give root away, and find a way to the ledger: cli->asker. The
 * first SIGINT or SIGTERM from then on lets what is under way end
 * (cf_cli_stopped). */
CF_MUST enum cf_err cf_cli_open(struct cf_cli *cli);
/* The same for who must not become the owner: where there is none one is waited
 * for, a bounded time, then and later CF_E_NOTREADY. */
CF_MUST enum cf_err cf_cli_open_guest(struct cf_cli *cli);
/* The same for a copy of the ledger that is only looked at, where the command
 * has the option read-only and that was given: it is said on standard error,
 * for nothing is recorded. */
CF_MUST enum cf_err cf_cli_open_for_reading(struct cf_cli *cli);
/* Did a signal ask to stop? */
bool cf_cli_stopped(void);

/* Say on standard error what went wrong, in one line with control characters
 * escaped; returns CF_EXIT_UNKNOWN, but that old data stands in the place of
 * new is a verdict: CF_EXIT_FALSE. That nobody takes the output is left to
 * cf_cli_output_close: CF_EXIT_TRUE. */
int cf_cli_fail(const struct cf_cli *cli, enum cf_err err);
/* The same for an answer of status 400 or more: the words of its problem
 * document. */
int cf_cli_refused(const struct cf_cli *cli, int status, struct cf_str body);
/* Ask the owner, with a body of JSON or none, and complain about an answer that
 * is no success. With CF_EXIT_TRUE the answer is there, and parsed: doc is the
 * caller's. */
struct cf_json;
int cf_cli_ask(struct cf_cli *cli, const char *method, const char *path, struct cf_str body,
               struct cf_buf *answer, struct cf_json **doc);
/* A wrong use of the command: says so and where help is; returns
 * CF_EXIT_UNKNOWN. */
int cf_cli_usage(const struct cf_cli *cli, const char *format, ...) CF_PRINTF(2, 3);

/* cf_cut_put, where nobody asks whether it was cut. */
void cf_cli_put_safe(struct cf_buf *b, struct cf_str text, size_t width_max);
/* Append what a program would read as a terminal may have it: what would drive
 * that is shown, but for tabs and ends of lines, LF or CR LF. */
void cf_cli_put_lines(struct cf_buf *b, struct cf_str text);

/* Print a ledger's public key on standard output, which a verifier needs to
 * have from elsewhere. CF_E_SYSTEM, CF_E_PEER. */
CF_MUST enum cf_err cf_cli_put_key(const struct cf_conf *conf, struct cf_fault *fault);

#endif
