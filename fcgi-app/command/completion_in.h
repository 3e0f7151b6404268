/* SPDX-License-Identifier: MIT */
/* Completions for shells, made from the tables of subcommands: what a word can
 * be follows from the rows' names and from what their arguments are called. */
#ifndef CF_COMMAND_COMPLETION_IN_H
#define CF_COMMAND_COMPLETION_IN_H

#include "fcgi-app/command/cli_in.h"

/* Append the script for bash, or for zsh, of these n commands. Of what an
 * option or argument is called, FILE is completed by files, DIR by directories,
 * COMMAND by commands; words in lower case are what is to be written: "add NAME
 * | list" begins with add or list. */
void cf_completion_bash(struct cf_buf *b, const struct cf_cli_command *const *commands, size_t n);
void cf_completion_zsh(struct cf_buf *b, const struct cf_cli_command *const *commands, size_t n);

#endif
