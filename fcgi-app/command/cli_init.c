/* SPDX-License-Identifier: MIT */
/* counterfoil init: a new ledger. */
#include "config.h"

#include <errno.h>

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/door/privilege.h"
#include "lib/ledger/ledger.h"

static const struct cf_cli_option options[] = {
    {"user", "NAME",
     "as root: the ledger is this user's, whom the web server or the service runs as"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* The key is what a verifier needs to have from elsewhere. */
static enum cf_err print_key(struct cf_cli *cli)
{
  char path[4096];
  char line[1024];

  int n = snprintf(path, sizeof path, "%s/vkey", cli->conf.signer);
  if (n < 0 || (size_t)n >= sizeof path)
    return cf_fail(&cli->fault, CF_E_SYSTEM, cli->conf.signer, "the path is too long");
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return cf_fail_errno(&cli->fault, CF_E_SYSTEM, path, "cannot read the ledger's key");
  enum cf_err err = fgets(line, sizeof line, file) != NULL && fputs(line, stdout) >= 0
                        ? CF_OK
                        : cf_fail(&cli->fault, CF_E_SYSTEM, path, "cannot print the ledger's key");
  (void)fclose(file);
  return err;
}

static int init_run(struct cf_cli *cli)
{
  enum cf_err err = cf_cli_load(cli);

  if (err == CF_OK)
    err = cf_privilege_prepare(&cli->conf, cf_cli_value(cli, "user"), &cli->fault);
  if (err == CF_OK)
    err = cf_ledger_init(&cli->conf, &cli->fault);
  if (err == CF_OK)
    err = print_key(cli);
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
