/* SPDX-License-Identifier: MIT */
/* counterfoil: the operator's command. A row a subcommand; options and help
 * come from the rows. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/command/completion_in.h"
#include "lib/base/diag.h"
#include "paths.h"

#define PROGRAM "counterfoil"

extern const struct cf_cli_command cf_cli_completion, cf_cli_help, cf_cli_version;

static const struct cf_cli_command *const commands[] = {
    &cf_cli_init,     &cf_cli_token,      &cf_cli_key,     &cf_cli_import,  &cf_cli_query,
    &cf_cli_evidence, &cf_cli_show,       &cf_cli_receipt, &cf_cli_proof,   &cf_cli_checkpoint,
    &cf_cli_status,   &cf_cli_verify,     &cf_cli_gaps,    &cf_cli_recover, &cf_cli_serve,
    &cf_cli_sample,   &cf_cli_completion, &cf_cli_help,    &cf_cli_version,
};
#define COMMANDS_N (sizeof commands / sizeof commands[0])

/* Before a command's name. */
static int top_run(struct cf_cli *cli)
{
  return cf_cli_usage(cli, "say what to do: COMMAND; `" PROGRAM " help` lists the commands");
}

static const struct cf_cli_command top = {.name = "", .arguments = "COMMAND", .run = top_run};

static const struct cf_cli_command *command_find(const struct cf_cli *cli, const char *name)
{
  struct cf_buf near;

  for (size_t i = 0; i < COMMANDS_N; i++)
    if (strcmp(commands[i]->name, name) == 0)
      return commands[i];
  cf_buf_init(&near, 256);
  for (size_t i = 0; i < COMMANDS_N; i++)
    cf_cli_put_near(&near, cf_str_from(name), commands[i]->name);
  (void)cf_cli_usage(cli, "there is no command %s%s%s", name, cf_buf_cstr(&near),
                     near.n > 0 ? "?" : "");
  cf_buf_fini(&near);
  return NULL;
}

/* ---- help ---- */

static void help_rows(const struct cf_cli_option *rows, const char *before, const char *between)
{
  char left[64];

  for (const struct cf_cli_option *o = cf_cli_row(rows); o != NULL; o = cf_cli_row(o + 1)) {
    bool has = o->argument != NULL;
    (void)snprintf(left, sizeof left, "%s%s%s%s", before, o->name, has ? between : "",
                   has ? o->argument : "");
    cf_cli_printf("  %-24s %s\n", left, o->help);
  }
}

static int help_all(void)
{
  cf_cli_printf("usage: " PROGRAM " [--config FILE] COMMAND [OPTION…]\n\n");
  for (size_t i = 0; i < COMMANDS_N; i++)
    cf_cli_printf("  %-11s %s\n", commands[i]->name, commands[i]->summary);
  cf_cli_printf(
      "\n" PROGRAM
      " help COMMAND says more. Exit status: 0 true or done, 1 a verdict against, 2 could not tell.\n"
      "The configuration is --config, else COUNTERFOIL_CONF, else .htcounterfoil.conf or counterfoil.conf beside\n"
      "this program, else " CF_SYSCONFDIR "/counterfoil.conf.\n");
  return CF_EXIT_TRUE;
}

static int help_one(const struct cf_cli_command *command)
{
  cf_cli_printf("usage: " PROGRAM " %s [OPTION…]%s%s\n%s.\n", command->name,
                command->arguments[0] != '\0' ? " " : "", command->arguments, command->summary);
  if (command->details[0] != '\0')
    cf_cli_printf("\n%s", command->details);
  if (command->filters != NULL)
    cf_cli_printf("\n");
  help_rows(command->filters, "", "=");
  cf_cli_printf("\n");
  help_rows(command->options, "--", " ");
  help_rows(cf_cli_common, "--", " ");
  return CF_EXIT_TRUE;
}

static int help_run(struct cf_cli *cli)
{
  if (cli->args_n == 0)
    return help_all();
  const struct cf_cli_command *command = command_find(cli, cli->args[0]);
  return command != NULL ? help_one(command) : CF_EXIT_UNKNOWN;
}

const struct cf_cli_command cf_cli_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "Say what there is, or what a command does and takes",
    .details = "",
    .args_max = 1,
    .run = help_run,
};

static int version_run(struct cf_cli *cli)
{
  (void)cli;
  cf_cli_printf(PACKAGE_NAME " " PACKAGE_VERSION "\n");
  return CF_EXIT_TRUE;
}

const struct cf_cli_command cf_cli_version = {
    .name = "version",
    .arguments = "",
    .summary = "Print the version",
    .details = "",
    .args_max = 0,
    .run = version_run,
};

static int completion_run(struct cf_cli *cli)
{
  bool zsh = strcmp(cli->args[0], "zsh") == 0;
  struct cf_buf b;

  if (!zsh && strcmp(cli->args[0], "bash") != 0)
    return cf_cli_usage(cli, "there are completions for bash and for zsh");
  cf_buf_init(&b, SIZE_MAX);
  if (zsh)
    cf_completion_zsh(&b, commands, COMMANDS_N);
  else
    cf_completion_bash(&b, commands, COMMANDS_N);
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

const struct cf_cli_command cf_cli_completion = {
    .name = "completion",
    .arguments = "bash | zsh",
    .summary = "Print what a shell needs to complete this command's words",
    .details =
        "make install puts both in their places. By hand: source <(counterfoil completion bash)\n",
    .args_min = 1,
    .args_max = 1,
    .run = completion_run,
};

/* ---- the command ---- */

static int command_finish(struct cf_cli *cli, int status)
{
  cf_asker_close(cli->asker);
  if (cli->has_conf)
    cf_conf_fini(&cli->conf);
  free(cli->filters);
  return cf_cli_output_close(status);
}

/* What is asked for by the words up to here; run is of the last case. */
static int command_do(struct cf_cli *cli, enum cf_cli_next next)
{
  switch (next) {
  case CF_CLI_WRONG: return CF_EXIT_UNKNOWN;
  case CF_CLI_VERSION: return version_run(cli);
  case CF_CLI_HELP: return cli->command == &top ? help_all() : help_one(cli->command);
  case CF_CLI_RUN: break;
  }
  return cli->command->run(cli);
}

int main(int argc, char **argv)
{
  struct cf_cli cli = {.command = &top};
  int used = 0;

  cf_cli_output_open();
  if (cf_diag_open(NULL, PROGRAM, &cli.fault) != CF_OK)
    return CF_EXIT_UNKNOWN;
  enum cf_cli_next next = cf_cli_parse_common(&cli, argv + 1, argc - 1, &used);
  if (next == CF_CLI_RUN && used < argc - 1) {
    const struct cf_cli_command *command = command_find(&cli, argv[1 + used]);
    if (command == NULL)
      return CF_EXIT_UNKNOWN;
    cli.command = command;
    next = cf_cli_parse(&cli, argv + 2 + used, argc - 2 - used);
  }
  return command_finish(&cli, command_do(&cli, next));
}
