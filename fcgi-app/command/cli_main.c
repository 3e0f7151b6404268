/* SPDX-License-Identifier: MIT */
/* counterfoil: the operator's command. A row a subcommand; options and help
 * come from the rows. */
#include "config.h"

#include <string.h>

#include "fcgi-app/command/cli_in.h"
#include "lib/base/diag.h"

#define PROGRAM "counterfoil"

static const struct cf_cli_command *const commands[] = {
    &cf_cli_init,   &cf_cli_token,   &cf_cli_import, &cf_cli_query,
    &cf_cli_verify, &cf_cli_recover, &cf_cli_serve,  &cf_cli_sample,
};
#define COMMANDS_N (sizeof commands / sizeof commands[0])

static const struct cf_cli_option no_options[] = {{NULL, NULL, NULL}};

static const struct cf_cli_option *options_of(const struct cf_cli_command *command)
{
  return command->options != NULL ? command->options : no_options;
}

/* ---- help ---- */

static void help_option(const char *name, const char *argument, const char *help)
{
  char left[64];

  (void)snprintf(left, sizeof left, "--%s%s%s", name, argument != NULL ? " " : "",
                 argument != NULL ? argument : "");
  (void)printf("  %-24s %s\n", left, help);
}

static int help_all(void)
{
  (void)printf("usage: " PROGRAM " [--config FILE] COMMAND [OPTION…]\n\n");
  for (size_t i = 0; i < COMMANDS_N; i++)
    (void)printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
  (void)printf(
      "\n" PROGRAM
      " COMMAND --help says more. Exit status: 0 true or done, 1 a verdict against, 2 could not tell.\n"
      "The configuration is --config, else COUNTERFOIL_CONF, else .htcounterfoil.conf or counterfoil.conf beside\n"
      "this program, else " CF_SYSCONFDIR "/counterfoil.conf.\n");
  return fflush(stdout) == 0 ? CF_EXIT_TRUE : CF_EXIT_UNKNOWN;
}

static int help_one(const struct cf_cli_command *command)
{
  (void)printf("usage: " PROGRAM " %s [OPTION…]%s%s\n%s.\n", command->name,
               command->arguments[0] != '\0' ? " " : "", command->arguments, command->summary);
  if (command->details[0] != '\0')
    (void)printf("\n%s", command->details);
  (void)printf("\n");
  for (const struct cf_cli_option *o = options_of(command); o->name != NULL; o++)
    help_option(o->name, o->argument, o->help);
  help_option("config", "FILE", "the configuration");
  help_option("help", NULL, "print this");
  return fflush(stdout) == 0 ? CF_EXIT_TRUE : CF_EXIT_UNKNOWN;
}

/* ---- options ---- */

/* Is word the option name, with "=VALUE" or the next word as its value? Moves
 * *i over what it took; *value is NULL where the value is missing. */
static bool take_value(char **words, int n, int *i, const char *name, const char **value)
{
  const char *word = words[*i] + 2;
  size_t length = strlen(name);

  if (strncmp(word, name, length) != 0 || (word[length] != '\0' && word[length] != '='))
    return false;
  if (word[length] == '=')
    *value = word + length + 1;
  else
    *value = *i + 1 < n ? words[++*i] : NULL;
  return true;
}

/* An option of the command's rows. Returns -1 where it is none, 0 where it was
 * taken, else the exit status. */
static int take_row(struct cf_cli *cli, char **words, int n, int *i)
{
  const struct cf_cli_option *options = cli->command->options;

  for (size_t k = 0; options[k].name != NULL; k++) {
    const char *value = "";
    if (options[k].argument == NULL ? strcmp(words[*i] + 2, options[k].name) != 0
                                    : !take_value(words, n, i, options[k].name, &value))
      continue;
    if (value == NULL)
      return cf_cli_usage(cli, "--%s needs a value: %s", options[k].name, options[k].argument);
    cli->values[k] = value;
    return 0;
  }
  return -1;
}

/* Sort words into options and arguments. Returns -1, or the exit status where
 * there is nothing to run. */
static int command_parse(struct cf_cli *cli, char **words, int n)
{
  bool options_ended = false;

  cli->args = words;
  for (int i = 0; i < n; i++) {
    if (options_ended || strncmp(words[i], "--", 2) != 0) {
      cli->args[cli->args_n++] = words[i];
      continue;
    }
    options_ended = words[i][2] == '\0';
    if (options_ended)
      continue;
    if (strcmp(words[i], "--help") == 0)
      return help_one(cli->command);
    if (take_value(words, n, &i, "config", &cli->config)) {
      if (cli->config == NULL)
        return cf_cli_usage(cli, "--config needs a value: FILE");
      continue;
    }
    int taken = take_row(cli, words, n, &i);
    if (taken > 0)
      return taken;
    if (taken < 0 && !cli->command->takes_any)
      return cf_cli_usage(cli, "there is no option %s", words[i]);
    if (taken < 0)
      cli->args[cli->args_n++] = words[i];
  }
  if (cli->args_n < cli->command->args_min || cli->args_n > cli->command->args_max)
    return cf_cli_usage(cli, "%s",
                        cli->args_n < cli->command->args_min ? "something is missing"
                                                             : "that is too much");
  return -1;
}

/* ---- the command ---- */

static int command_finish(struct cf_cli *cli, int status)
{
  cf_asker_close(cli->asker);
  if (cli->has_conf)
    cf_conf_fini(&cli->conf);
  return fflush(stdout) == 0 ? status : CF_EXIT_UNKNOWN;
}

static int command_run(const struct cf_cli_command *command, const char *config, char **words,
                       int n)
{
  struct cf_cli_command with_options = *command;
  struct cf_cli cli = {.command = &with_options, .config = config};

  with_options.options = options_of(command);
  int status = command_parse(&cli, words, n);
  return status >= 0 ? status : command_finish(&cli, command->run(&cli));
}

int main(int argc, char **argv)
{
  const char *config = NULL;
  struct cf_fault fault;
  int i = 1;

  if (cf_diag_open(NULL, PROGRAM, &fault) != CF_OK)
    return CF_EXIT_UNKNOWN;
  for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
    if (strcmp(argv[i], "--help") == 0)
      return help_all();
    if (strcmp(argv[i], "--version") == 0)
      return puts(PACKAGE_NAME " " PACKAGE_VERSION) < 0 || fflush(stdout) != 0 ? CF_EXIT_UNKNOWN
                                                                               : CF_EXIT_TRUE;
    if (!take_value(argv, argc, &i, "config", &config) || config == NULL)
      break;
  }
  for (size_t k = 0; i < argc && k < COMMANDS_N; k++)
    if (strcmp(argv[i], commands[k]->name) == 0)
      return command_run(commands[k], config, argv + i + 1, argc - i - 1);
  (void)fprintf(stderr, "usage: " PROGRAM " [--config FILE] COMMAND [OPTION…]; " PROGRAM
                        " --help lists the commands\n");
  return CF_EXIT_UNKNOWN;
}
