/* SPDX-License-Identifier: MIT */
/* counterfoil verify: is the ledger whole, and does it extend what the caller
 * kept of it? */
#include "config.h"

#include "fcgi-app/command/cli_verify_in.h"

static const struct cf_cli_option options[] = {
    {"full", NULL, "every leaf, link, tile and checkpoint (the default)"},
    {"deep", NULL, "what --full does, and every index against the records"},
    {"quick", NULL, "the newest checkpoint, its root and the last links"},
    {"size", "N", "a size that was kept of an earlier checkpoint …"},
    {"root", "ROOT", "… and its root (base64 or hex): the ledger must extend it"},
    {"json", NULL, "print each answer as JSON"},
    {"read-only", NULL, "look at a copy as evidence: no key, no lock, and nothing is recorded"},
    {"previous", NULL, "then the ledgers before it, in the directories DIR, the newest first"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* NULL: two were given, and that was said. */
static const char *mode_read(const struct cf_cli *cli)
{
  static const char *const modes[] = {"full", "quick", "deep"};
  const char *mode = NULL;

  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    if (cf_cli_value(cli, modes[i]) != NULL && mode != NULL) {
      (void)cf_cli_usage(cli, "either --%s or --%s", mode, modes[i]);
      return NULL;
    }
    if (cf_cli_value(cli, modes[i]) != NULL)
      mode = modes[i];
  }
  return mode != NULL ? mode : modes[0];
}

static int verify_run(struct cf_cli *cli)
{
  struct cf_cli_verdict verdict;
  const bool previous = cf_cli_value(cli, "previous") != NULL;
  const char *mode = mode_read(cli);

  if (mode == NULL)
    return CF_EXIT_UNKNOWN;
  if ((cf_cli_value(cli, "size") == NULL) != (cf_cli_value(cli, "root") == NULL))
    return cf_cli_usage(cli, "--size and --root belong together");
  if (!previous && cli->args_n > 0)
    return cf_cli_usage(cli, "%s is too much; say: counterfoil verify, or --previous %s",
                        cli->args[0], cli->args[0]);
  if (previous && cli->args_n == 0)
    return cf_cli_usage(cli, "--previous needs the data directories of the ledgers before");
  enum cf_err err = cf_cli_open_for_reading(cli);
  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  int status = cf_cli_verify_one(cli, mode, &verdict);
  if (!previous || !verdict.complete)
    return status;
  int before = cf_cli_verify_previous(cli, mode);
  return status == CF_EXIT_FALSE || before == CF_EXIT_TRUE ? status : before;
}

const struct cf_cli_command cf_cli_verify = {
    .name = "verify",
    .arguments = "[DIR…]",
    .summary = "Check the signed chain: 0 it holds, 1 it does not, 2 could not tell",
    .details =
        "With --size and --root of a checkpoint that was kept elsewhere, also that nothing before it was changed.\n"
        "With --previous, whether DIR, opened as a copy, is the ledger that record 0 names, and what is lost of it.\n",
    .options = options,
    .args_max = 100,
    .run = verify_run,
};
