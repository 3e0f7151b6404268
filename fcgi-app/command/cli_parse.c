/* SPDX-License-Identifier: MIT */
/* The words of the command line into options, filters and arguments, by the
 * tables of a subcommand. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/command/cli_in.h"
#include "lib/record/schema.h"

const struct cf_cli_option cf_cli_common[] = {
    {"config", "FILE", "the configuration"},
    {"help", NULL, "print this; also -h"},
    {"version", NULL, "print the version; also -V"},
    {NULL, NULL, NULL},
};

/* An option as it was written: what stands behind '=', NULL without one. */
struct given {
  struct cf_str name;
  const char *value;
};

struct parsing {
  struct cf_cli *cli;
  char **words;
  int n, i;
};

/* ---- rows ---- */

static const struct cf_cli_option *row_find(const struct cf_cli_option *rows, struct cf_str name)
{
  for (rows = cf_cli_row(rows); rows != NULL; rows = cf_cli_row(rows + 1))
    if (cf_str_is(name, rows->name))
      return rows;
  return NULL;
}

/* "user.not" is the filter user with an ending, of which the route judges; of a
 * member that records are not chosen by it has better words, too. */
static bool is_filter(const struct cf_cli_command *command, struct cf_str name)
{
  struct cf_str base = cf_str_cut(&name, '.');

  return command->filters != NULL &&
         (row_find(command->filters, base) != NULL || cf_member_find(base) != CF_M_N);
}

/* ---- words that are nothing ---- */

void cf_cli_put_near(struct cf_buf *b, struct cf_str word, const char *known)
{
  if (!cf_name_resembles(word, cf_str_from(known)))
    return;
  cf_buf_puts(b, b->n == 0 ? "; could it be " : ", ");
  cf_buf_puts(b, known);
}

static void near_put(struct cf_buf *b, struct cf_str name, const struct cf_cli_option *rows)
{
  char word[64];

  for (rows = cf_cli_row(rows); rows != NULL; rows = cf_cli_row(rows + 1)) {
    (void)snprintf(word, sizeof word, "--%s", rows->name);
    if (cf_name_resembles(name, cf_str_from(rows->name)))
      cf_cli_put_near(b, cf_str_from(word), word);
  }
}

static enum cf_cli_next refuse_option(const struct cf_cli *cli, const char *word,
                                      struct cf_str name)
{
  struct cf_buf near;

  cf_buf_init(&near, 256);
  near_put(&near, name, cli->command->options);
  near_put(&near, name, cli->command->filters);
  near_put(&near, name, cf_cli_common);
  (void)cf_cli_usage(cli, "there is no option %s%s%s", word, cf_buf_cstr(&near),
                     near.n > 0 ? "?" : "");
  cf_buf_fini(&near);
  return CF_CLI_WRONG;
}

/* ---- options ---- */

/* The value of an option that has one: behind '=', else the next word. One that
 * begins with "--" is likelier an option than a value. */
static const char *value_take(struct parsing *p, const struct given *given, const char *argument)
{
  const char *next = p->i + 1 < p->n ? p->words[p->i + 1] : NULL;

  if (given->value != NULL)
    return given->value;
  if (next == NULL || strncmp(next, "--", 2) == 0) {
    (void)cf_cli_usage(p->cli, "--%.*s needs a value: %s%s", (int)given->name.n, given->name.p,
                       argument, next != NULL ? "; one that begins with -- goes behind a =" : "");
    return NULL;
  }
  return p->words[++p->i];
}

static enum cf_cli_next row_set(struct parsing *p, const struct cf_cli_option *row,
                                const struct given *given, const char **slot)
{
  if (row->argument == NULL && given->value != NULL) {
    (void)cf_cli_usage(p->cli, "--%s takes no value", row->name);
    return CF_CLI_WRONG;
  }
  *slot = row->argument == NULL ? "" : value_take(p, given, row->argument);
  return *slot == NULL ? CF_CLI_WRONG : CF_CLI_RUN;
}

static enum cf_cli_next common_set(struct parsing *p, const struct cf_cli_option *row,
                                   const struct given *given)
{
  const char *none;
  bool config = row == &cf_cli_common[0];
  enum cf_cli_next next = row_set(p, row, given, config ? &p->cli->config : &none);

  if (next != CF_CLI_RUN || config)
    return next;
  return row == &cf_cli_common[1] ? CF_CLI_HELP : CF_CLI_VERSION;
}

static enum cf_cli_next filter_add(struct parsing *p, struct cf_str name, const char *value)
{
  struct cf_cli *cli = p->cli;

  if (value == NULL)
    return CF_CLI_WRONG;
  cli->filters[cli->filters_n++] = (struct cf_cli_filter){name, value};
  return CF_CLI_RUN;
}

static enum cf_cli_next option_take(struct parsing *p, const char *word)
{
  const struct cf_cli_command *command = p->cli->command;
  const char *text = strcmp(word, "-h") == 0   ? "--help"
                     : strcmp(word, "-V") == 0 ? "--version"
                     : strcmp(word, "-o") == 0 ? "--output"
                                               : word;
  struct cf_str name = cf_str_from(text[1] == '-' ? text + 2 : text);
  const char *equals = strchr(text, '=');
  struct given given = {cf_str_cut(&name, '='), equals != NULL ? equals + 1 : NULL};
  const struct cf_cli_option *row = row_find(command->options, given.name);

  if (row != NULL)
    return row_set(p, row, &given, &p->cli->values[row - command->options]);
  if ((row = row_find(cf_cli_common, given.name)) != NULL)
    return common_set(p, row, &given);
  if (is_filter(command, given.name))
    return filter_add(p, given.name, value_take(p, &given, "VALUE"));
  return refuse_option(p->cli, word, given.name);
}

/* ---- arguments ---- */

static enum cf_cli_next argument_take(struct parsing *p, char *word)
{
  struct cf_str name = cf_str_from(word);
  const char *equals = strchr(word, '=');

  if (p->cli->command->filters == NULL) {
    p->cli->args[p->cli->args_n++] = word;
    return CF_CLI_RUN;
  }
  if (equals != NULL)
    return filter_add(p, cf_str_cut(&name, '='), equals + 1);
  (void)cf_cli_usage(p->cli, "%s is no filter; one is NAME=VALUE, like user=alice", word);
  return CF_CLI_WRONG;
}

static enum cf_cli_next count_check(const struct cf_cli *cli)
{
  const struct cf_cli_command *command = cli->command;

  if (cli->args_n < command->args_min)
    (void)cf_cli_usage(cli, "something is missing; say: counterfoil %s %s", command->name,
                       command->arguments);
  else if (cli->args_n > command->args_max)
    (void)cf_cli_usage(cli, "%s is too much; say: counterfoil %s%s%s", cli->args[command->args_max],
                       command->name, command->arguments[0] != '\0' ? " " : "", command->arguments);
  else
    return CF_CLI_RUN;
  return CF_CLI_WRONG;
}

enum cf_cli_next cf_cli_parse_common(struct cf_cli *cli, char **words, int n, int *used)
{
  struct parsing p = {cli, words, n, 0};

  for (; p.i < n && words[p.i][0] == '-' && words[p.i][1] != '\0'; p.i++) {
    enum cf_cli_next next = option_take(&p, words[p.i]);
    if (next != CF_CLI_RUN)
      return next;
  }
  *used = p.i;
  return CF_CLI_RUN;
}

enum cf_cli_next cf_cli_parse(struct cf_cli *cli, char **words, int n)
{
  struct parsing p = {cli, words, n, 0};
  bool options_ended = false;

  cli->args = words;
  cli->filters = calloc((size_t)n + 1, sizeof *cli->filters);
  if (cli->filters == NULL)
    return cf_cli_fail(cli, CF_E_NOMEM), CF_CLI_WRONG;
  for (; p.i < n; p.i++) {
    char *word = words[p.i];
    bool option = !options_ended && word[0] == '-' && word[1] != '\0';
    if (option && strcmp(word, "--") == 0) {
      options_ended = true;
      continue;
    }
    enum cf_cli_next next = option ? option_take(&p, word) : argument_take(&p, word);
    if (next != CF_CLI_RUN)
      return next;
  }
  return count_check(cli);
}
