/* SPDX-License-Identifier: MIT */
/* counterfoil init: a new ledger. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/door/privilege.h"
#include "lib/ledger/ledger.h"

static const struct cf_cli_option options[] = {
    {"user", "NAME",
     "as root: the ledger is this user's, whom the web server or the service runs as"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

static void warn_of(const char *what, const char *path, const char *advice)
{
  char root[PATH_MAX];

  if (cf_conf_looks_served(path, root))
    (void)fprintf(stderr, "Warning: the %s is in %s, and web servers send what is there: %s.\n",
                  what, root, advice);
}

/* Whose hosting is a directory of a site may have nothing else by habit. */
static void warn_of_served(const struct cf_conf *conf)
{
  const char *slash = conf->file == NULL ? NULL : strrchr(conf->file, '/');

  warn_of("ledger", conf->data, "set `data` to a place outside, and move it there");
  if (cf_conf_signer_directory(conf) != NULL)
    warn_of("signing key", cf_conf_signer_directory(conf),
            "set `signer` to a place outside, and move it there");
  if (slash != NULL && strncmp(slash, "/.ht", 4) != 0)
    warn_of("configuration", conf->file, "call it .htcounterfoil.conf, which Apache keeps back");
}

/* It is a ledger all the same. */
static void space_warn(const struct cf_conf *conf)
{
  struct statvfs s;

  if (statvfs(conf->data, &s) != 0 || (uint64_t)s.f_bavail * s.f_frsize >= conf->min_free)
    return;
  (void)fprintf(
      stderr,
      "Warning: %s has %llu bytes free, and min_free is %llu: events are refused (507) until there is more.\n",
      conf->data, (unsigned long long)s.f_bavail * s.f_frsize, (unsigned long long)conf->min_free);
}

static int init_run(struct cf_cli *cli)
{
  enum cf_err err = cf_cli_load(cli);

  if (err == CF_OK)
    err = cf_privilege_prepare(&cli->conf, cf_cli_value(cli, "user"), &cli->fault);
  if (err == CF_OK)
    err = cf_ledger_init(&cli->conf, &cli->fault);
  if (err == CF_OK)
    err = cf_cli_put_key(&cli->conf, &cli->fault);
  if (err == CF_OK)
    err = cf_cli_flush(); /* above, wherever both go */
  if (err != CF_OK && err != CF_E_PEER)
    return cf_cli_fail(cli, err);
  (void)fprintf(
      stderr,
      "A new ledger is in %s. Its key, %s, is what proofs are checked with: keep a copy elsewhere.\n"
      "The signing key is %s %s: back it up apart from the ledger.\n",
      cli->conf.data, err == CF_OK ? "above" : "in the file vkey of the signer's directory",
      cf_conf_signer_directory(&cli->conf) != NULL ? "in" : "where counterfoil-signer has it,",
      cli->conf.signer);
  warn_of_served(&cli->conf);
  space_warn(&cli->conf);
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
