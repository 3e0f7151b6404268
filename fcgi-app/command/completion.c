/* SPDX-License-Identifier: MIT */
/* Completions for shells. */
#include "config.h"

#include "fcgi-app/command/completion_in.h"

#include <string.h>

/* ---- what the tables say ---- */

static bool names(const char *argument, const char *what)
{
  return argument != NULL && strstr(argument, what) != NULL;
}

/* Append the words with which the arguments may begin, each after a space. */
static void verbs_put(struct cf_buf *b, const char *arguments)
{
  struct cf_str left = cf_str_from(arguments);

  while (left.n > 0) {
    struct cf_str verb = cf_str_cut(&left, '|');
    while (verb.n > 0 && verb.p[0] == ' ')
      verb = (struct cf_str){verb.p + 1, verb.n - 1};
    verb = cf_str_cut(&verb, ' ');
    if (verb.n == 0 || verb.p[0] < 'a' || verb.p[0] > 'z')
      continue;
    cf_buf_putc(b, ' ');
    cf_buf_putstr(b, verb);
  }
}

static void commands_put(struct cf_buf *b, const struct cf_cli_command *const *commands, size_t n)
{
  for (size_t i = 0; i < n; i++)
    cf_buf_putf(b, "%s%s", i > 0 ? " " : "", commands[i]->name);
}

/* ---- bash ---- */

/* Append "|COMMAND:--NAME" for each option whose value is called so; NULL: for
 * each that has one. */
static void values_put(struct cf_buf *b, const char *command, const struct cf_cli_option *rows,
                       const char *what)
{
  for (const struct cf_cli_option *o = cf_cli_row(rows); o != NULL; o = cf_cli_row(o + 1))
    if (o->argument != NULL && (what == NULL || names(o->argument, what)))
      cf_buf_putf(b, "|%s:--%s", command, o->name);
}

static void bash_values(struct cf_buf *b, const struct cf_cli_command *const *commands, size_t n,
                        const char *what, const char *action)
{
  cf_buf_puts(b, "  none");
  for (size_t i = 0; i < n; i++) {
    values_put(b, commands[i]->name, commands[i]->options, what);
    values_put(b, commands[i]->name, commands[i]->filters, what);
  }
  values_put(b, "*", cf_cli_common, what);
  cf_buf_putf(b, ") %s; return ;;\n", action);
}

static void bash_options(struct cf_buf *b, const struct cf_cli_option *rows)
{
  for (const struct cf_cli_option *o = cf_cli_row(rows); o != NULL; o = cf_cli_row(o + 1))
    cf_buf_putf(b, " --%s", o->name);
}

/* What may stand where no value is due. */
static void bash_command(struct cf_buf *b, const struct cf_cli_command *command,
                         const struct cf_cli_command *const *commands, size_t n)
{
  cf_buf_putf(b, "  %s)\n    options+=\"", command->name);
  bash_options(b, command->options);
  bash_options(b, command->filters);
  cf_buf_puts(b, "\"\n    words=\"");
  if (names(command->arguments, "COMMAND"))
    commands_put(b, commands, n);
  else
    verbs_put(b, command->arguments);
  cf_buf_putf(b, "\"\n    files=%s ;;\n", names(command->arguments, "FILE") ? "yes" : "");
}

void cf_completion_bash(struct cf_buf *b, const struct cf_cli_command *const *commands, size_t n)
{
  cf_buf_puts(
      b, "# Completions of counterfoil(1) for bash, made by `counterfoil completion bash`.\n"
         "_counterfoil() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]} command= i\n"
         "  local options=\"");
  bash_options(b, cf_cli_common);
  cf_buf_puts(b, "\" words=\"");
  commands_put(b, commands, n);
  cf_buf_puts(
      b, "\" files= arguments=0\n"
         "  COMPREPLY=()\n"
         "  # bash takes the = of --NAME=VALUE for a word\n"
         "  if [ \"$cur\" = = ]; then cur=\n"
         "  elif [ \"$option\" = = ]; then option=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in\n"
         "    --config) [ \"${COMP_WORDS[i+1]}\" != = ] || i=$((i + 1)); i=$((i + 1)) ;;\n"
         "    -*|=) ;;\n"
         "    *) if [ -z \"$command\" ]; then command=${COMP_WORDS[i]}; else arguments=1; fi ;;\n"
         "    esac\n"
         "  done\n"
         "  case $command:$option in\n");
  bash_values(b, commands, n, "FILE", "local IFS=$'\\n'; COMPREPLY=($(compgen -f -- \"$cur\"))");
  bash_values(b, commands, n, "DIR", "local IFS=$'\\n'; COMPREPLY=($(compgen -d -- \"$cur\"))");
  bash_values(b, commands, n, NULL, ":");
  cf_buf_puts(b, "  esac\n  case $command in\n");
  for (size_t i = 0; i < n; i++)
    bash_command(b, commands[i], commands, n);
  cf_buf_puts(b, "  esac\n"
                 "  case $cur in\n"
                 "  -*) COMPREPLY=($(compgen -W \"$options\" -- \"$cur\")) ;;\n"
                 "  *)\n"
                 "    [ \"$arguments\" = 1 ] || COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                 "    local IFS=$'\\n'\n"
                 "    [ -z \"$files\" ] || COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n"
                 "  esac\n"
                 "}\n"
                 "complete -o filenames -F _counterfoil counterfoil\n");
}

/* ---- zsh ---- */

/* Append text inside single quotes and, as a description, inside brackets. */
static void zsh_text(struct cf_buf *b, const char *text)
{
  for (; *text != '\0'; text++)
    if (*text == '\'')
      cf_buf_puts(b, "'\\''");
    else if (strchr("[]:\\", *text) != NULL)
      cf_buf_putf(b, "\\%c", *text);
    else
      cf_buf_putc(b, *text);
}

static const char *zsh_action(const char *argument)
{
  return names(argument, "FILE") ? "_files" : names(argument, "DIR") ? "_files -/" : " ";
}

/* A row a line; a filter may be given more than once. */
static void zsh_options(struct cf_buf *b, const struct cf_cli_option *rows, const char *before)
{
  for (const struct cf_cli_option *o = cf_cli_row(rows); o != NULL; o = cf_cli_row(o + 1)) {
    cf_buf_putf(b, " \\\n      '%s--%s%s[", before, o->name, o->argument != NULL ? "=" : "");
    zsh_text(b, o->help);
    cf_buf_putc(b, ']');
    if (o->argument != NULL)
      cf_buf_putf(b, ":%s:%s", o->argument, zsh_action(o->argument));
    cf_buf_putc(b, '\'');
  }
}

static void zsh_command(struct cf_buf *b, const struct cf_cli_command *command,
                        const struct cf_cli_command *const *commands, size_t n)
{
  struct cf_buf verbs;

  cf_buf_init(&verbs, 1024);
  verbs_put(&verbs, command->arguments);
  cf_buf_putf(b, "    %s) _arguments", command->name);
  zsh_options(b, cf_cli_common, "");
  zsh_options(b, command->options, "");
  zsh_options(b, command->filters, "*");
  if (names(command->arguments, "COMMAND")) {
    cf_buf_puts(b, " \\\n      '1:command:(");
    commands_put(b, commands, n);
    cf_buf_puts(b, ")'");
  } else if (verbs.n > 0) {
    cf_buf_putf(b, " \\\n      '1:what:(%s)'", cf_buf_cstr(&verbs) + 1);
  } else if (names(command->arguments, "FILE")) {
    cf_buf_puts(b, " \\\n      '*:FILE:_files'");
  }
  cf_buf_puts(b, " ;;\n");
  cf_buf_fini(&verbs);
}

void cf_completion_zsh(struct cf_buf *b, const struct cf_cli_command *const *commands, size_t n)
{
  cf_buf_puts(b, "#compdef counterfoil\n"
                 "# Completions of counterfoil(1) for zsh, made by `counterfoil completion zsh`.\n"
                 "_counterfoil() {\n"
                 "  local curcontext=$curcontext state line\n"
                 "  local -a commands\n"
                 "  typeset -A opt_args\n"
                 "  _arguments -C");
  zsh_options(b, cf_cli_common, "");
  cf_buf_puts(b, " \\\n      '1:command:->command' '*::argument:->argument'\n"
                 "  case $state in\n"
                 "  command)\n"
                 "    commands=(\n");
  for (size_t i = 0; i < n; i++) {
    cf_buf_putf(b, "      '%s:", commands[i]->name);
    zsh_text(b, commands[i]->summary);
    cf_buf_puts(b, "'\n");
  }
  cf_buf_puts(b, "    )\n"
                 "    _describe command commands ;;\n"
                 "  argument)\n"
                 "    case $words[1] in\n");
  for (size_t i = 0; i < n; i++)
    zsh_command(b, commands[i], commands, n);
  cf_buf_puts(b, "    esac ;;\n  esac\n}\n_counterfoil \"$@\"\n");
}
