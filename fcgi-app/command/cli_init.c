/* SPDX-License-Identifier: MIT */
/* counterfoil init: a new ledger. */
#include "config.h"

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/door/privilege.h"
#include "lib/ledger/ledger.h"

static const struct cf_cli_option options[] = {
    {"user", "NAME",
     "as root: the ledger is this user's, whom the web server or the service runs as"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

static int init_run(struct cf_cli *cli)
{
  enum cf_err err = cf_cli_load(cli);

  if (err == CF_OK)
    err = cf_privilege_prepare(&cli->conf, cf_cli_value(cli, "user"), &cli->fault);
  if (err == CF_OK)
    err = cf_ledger_init(&cli->conf, &cli->fault);
  if (err == CF_OK)
    err = cf_cli_put_key(&cli->conf, &cli->fault);
  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  (void)fflush(stdout); /* above, wherever both go */
  (void)fprintf(
      stderr,
      "A new ledger is in %s. Its key, above, is what proofs are checked with: keep a copy elsewhere.\n"
      "The signing key is in %s: back it up apart from the ledger.\n",
      cli->conf.data, cli->conf.signer);
  return CF_EXIT_TRUE;
}

const struct cf_cli_command cf_cli_init = {
    .name = "init",
    .arguments = "",
    .summary = "Make a new ledger where the configuration says",
    .details =
        "The data directory and the signer's directory are made where they are missing. The ledger's public key is\n"
        "printed on standard output. As root without --user, an existing data directory says whose the ledger is.\n",
    .options = options,
    .args_max = 0,
    .run = init_run,
};
