/* SPDX-License-Identifier: MIT */
/* counterfoil checkpoint: the signed head, to be kept elsewhere. */
#include "config.h"

#include "fcgi-app/command/cli_in.h"
#include "lib/proof/note.h"
#include "lib/witness/witness.h"

#define PATH "/checkpoint"

static const struct cf_cli_option options[] = {
    {"append", "FILE", "append it to FILE, made where there is none, and sync that"},
    {"read-only", NULL, "look at a copy as evidence: no key, no lock, and nothing is recorded"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* Into the file, or to standard output. */
static enum cf_err note_give(struct cf_cli *cli, const struct cf_buf *note)
{
  const char *file = cf_cli_value(cli, "append");
  return file == NULL ? cf_cli_print(note) : cf_anchor_append(file, cf_buf_str(note), &cli->fault);
}

static int checkpoint_run(struct cf_cli *cli)
{
  struct cf_buf note;
  int http = 0;

  enum cf_err err = cf_cli_open_for_reading(cli);
  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  cf_buf_init(&note, CF_NOTE_MAX);
  err =
      cf_ask_text(cli->asker, "GET", PATH, CF_STR(""), NULL, CF_STR(""), &http, &note, &cli->fault);
  if (err == CF_OK && http < 400)
    err = note_give(cli, &note);
  int status = err != CF_OK  ? cf_cli_fail(cli, err)
               : http >= 400 ? cf_cli_refused(cli, http, cf_buf_str(&note))
                             : CF_EXIT_TRUE;
  cf_buf_fini(&note);
  return status;
}

const struct cf_cli_command cf_cli_checkpoint = {
    .name = "checkpoint",
    .arguments = "",
    .summary = "Print the signed head, or append it to a file",
    .details = "Kept where nobody on this host can change it, it tells of any other history:\n"
               "`counterfoil verify --size --root`, or a line `anchor = file:FILE`.\n",
    .options = options,
    .run = checkpoint_run,
};
