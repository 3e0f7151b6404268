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

#define CF_CLI_OPTIONS_MAX 16

/* An option of a subcommand, a row each; parsing and --help come from it. */
struct cf_cli_option {
  const char *name;     /* without "--" */
  const char *argument; /* what the value is called in the help; NULL: the option takes none */
  const char *help;
};

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
  /* ended by a row without a name; NULL: none but --config and --help */
  const struct cf_cli_option *options;
  bool takes_any; /* options that are in no row are arguments (filters) */
  size_t args_min, args_max;
  int (*run)(struct cf_cli *cli); /* returns the exit status */
};

extern const struct cf_cli_command cf_cli_init, cf_cli_token, cf_cli_import, cf_cli_query,
    cf_cli_verify, cf_cli_recover, cf_cli_serve, cf_cli_sample;

struct cf_cli {
  const struct cf_cli_command *command;
  const char *config; /* --config, or NULL */
  const char *values[CF_CLI_OPTIONS_MAX];
  char **args; /* what is left: args_n arguments, in order */
  size_t args_n;
  struct cf_conf conf;
  bool has_conf;
  struct cf_asker *asker; /* after cf_cli_open */
  struct cf_fault fault;
};

/* The value of an option of the command's rows; "" for one without argument
 * that was given; NULL where it was not given. */
const char *cf_cli_value(const struct cf_cli *cli, const char *name);

/* Find and read the configuration. The errors of cf_conf_find and cf_conf_load,
 * with cli->fault. */
CF_MUST enum cf_err cf_cli_load(struct cf_cli *cli);
/* The same, then give root away, and find a way to the ledger: cli->asker. The
 * first SIGINT or SIGTERM from then on lets what is under way end
 * (cf_cli_stopped). */
CF_MUST enum cf_err cf_cli_open(struct cf_cli *cli);
/* The same for a copy of the ledger that is only looked at, where the command
 * has the option read-only and that was given: it is said on standard error,
 * for nothing is recorded. */
CF_MUST enum cf_err cf_cli_open_for_reading(struct cf_cli *cli);
/* Did a signal ask to stop? */
bool cf_cli_stopped(void);

/* Say on standard error what went wrong, in one line with control characters
 * escaped; returns CF_EXIT_UNKNOWN, but that old data stands in the place of
 * new is a verdict: CF_EXIT_FALSE. */
int cf_cli_fail(const struct cf_cli *cli, enum cf_err err);
/* The same for an answer of status 400 or more: the words of its problem
 * document. */
int cf_cli_refused(const struct cf_cli *cli, int status, struct cf_str body);
/* A wrong use of the command: says so and where help is; returns
 * CF_EXIT_UNKNOWN. */
int cf_cli_usage(const struct cf_cli *cli, const char *format, ...) CF_PRINTF(2, 3);

/* Append text as CF_SHOW_TERMINAL shows it, cut to width_max characters, the
 * last being "…", where it is longer. */
void cf_cli_put_safe(struct cf_buf *b, struct cf_str text, size_t width_max);
/* Write b to standard output. CF_E_PEER. */
CF_MUST enum cf_err cf_cli_print(const struct cf_buf *b);

/* Print a ledger's public key on standard output, which a verifier needs to
 * have from elsewhere. CF_E_SYSTEM. */
CF_MUST enum cf_err cf_cli_put_key(const struct cf_conf *conf, struct cf_fault *fault);

#endif
