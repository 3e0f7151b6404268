/* SPDX-License-Identifier: MIT */
/* counterfoil recover: what is lost of a ledger, and the ways on from there. */
#include "config.h"

#include <unistd.h>

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/door/privilege.h"
#include "lib/ledger/ledger.h"
#include "lib/proof/anchor.h"

static const struct cf_cli_option options[] = {
    {"continue-as", "ORIGIN",
     "make a new ledger of that name, whose first record names this one …"},
    {"data", "DIR", "… in this data directory"},
    {"signer", "DIR",
     "… with this signer's directory; default: the data directory's name with .signer"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* The ledger as far as anything is left of it. */
struct past {
  struct cf_ledger *copy; /* NULL: it cannot be opened, and why */
  struct cf_fault closed;
  enum cf_err lost; /* CF_E_ROLLBACK, and how, or CF_OK */
  struct cf_fault how;
  struct cf_vkey vkey;
  struct cf_anchor signed_last;
};

/* CF_OK: what can be said is in past. Only data that is not there or is damaged
 * is lost; whatever else keeps it from being opened is an error, for whoever
 * mends that may find it whole. */
static enum cf_err past_look(struct cf_cli *cli, struct past *past)
{
  enum cf_err err = cf_ledger_open_copy(&cli->conf, &past->copy, &past->closed);

  if (err != CF_OK && err != CF_E_NOTFOUND && err != CF_E_DAMAGED) {
    cli->fault = past->closed;
    return err;
  }
  if (err != CF_OK)
    return cf_signed_without(&cli->conf, &past->vkey, &past->signed_last, &cli->fault);
  past->vkey = *cf_ledger_vkey(past->copy);
  past->lost = cf_ledger_judge(past->copy, &past->how);
  if (past->lost != CF_OK && past->lost != CF_E_ROLLBACK) {
    cli->fault = past->how;
    return past->lost;
  }
  err = cf_ledger_signed(past->copy, &past->signed_last, &cli->fault);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static void past_fini(struct past *past)
{
  cf_ledger_close(past->copy);
  cf_anchor_fini(&past->signed_last);
}

/* ---- words ---- */

static void lost_put(struct cf_buf *b, const struct cf_conf *conf, const struct past *past)
{
  struct cf_ledger_state state = {.size = 0};

  cf_buf_putf(b, "ledger:  %s in %s\n", past->vkey.name, conf->data);
  if (past->copy != NULL) {
    cf_ledger_state(past->copy, &state);
    cf_buf_putf(b, "here:    %llu records\n", (unsigned long long)state.size);
  } else {
    cf_buf_putf(b, "here:    it cannot be opened: %s: %s\n", past->closed.at, past->closed.detail);
  }
  if (past->signed_last.any)
    cf_buf_putf(b, "signed:  %llu records, says %s\n",
                (unsigned long long)past->signed_last.checkpoint.size, past->signed_last.where);
  else
    cf_buf_puts(b, "signed:  nobody here remembers anything\n");
  if (past->copy != NULL && past->lost == CF_OK)
    cf_buf_puts(b, "lost:    nothing that was signed\n");
  else if (past->signed_last.any && past->signed_last.checkpoint.size > state.size)
    cf_buf_putf(b, "lost:    records %llu to %llu\n", (unsigned long long)state.size,
                (unsigned long long)past->signed_last.checkpoint.size - 1);
  else if (past->copy != NULL)
    cf_buf_putf(b, "lost:    %s: %s\n", past->how.at, past->how.detail);
}

static void ways_put(struct cf_buf *b, const struct cf_conf *conf)
{
  cf_buf_putf(
      b,
      "\n"
      "1. Put the newest data back into %s: another copy, a later backup, the disk that failed. Nothing else\n"
      "   keeps every record. Where only the file `state` is missing in %s, and the data is the newest, put the\n"
      "   newest checkpoint that somebody kept elsewhere (GET /checkpoint) there under that name.\n"
      "2. Look at this copy as evidence; it is left as it is, and nothing is recorded of that:\n"
      "     counterfoil verify --read-only\n"
      "     counterfoil query --read-only user=alice\n"
      "3. Go on with a new ledger under a new name. Its first record names the last signed checkpoint of this one, so\n"
      "   that everybody sees where the old history ends. Keep this directory and its signer's as evidence:\n"
      "     counterfoil recover --continue-as ORIGIN --data DIR\n"
      "   There is no way to go on under the old name: what was signed would be denied.\n",
      conf->data, conf->signer);
}

static int past_tell(struct cf_cli *cli, const struct past *past)
{
  struct cf_buf b;
  bool whole = past->copy != NULL && past->lost == CF_OK;

  cf_buf_init(&b, 65536);
  lost_put(&b, &cli->conf, past);
  if (!whole)
    ways_put(&b, &cli->conf);
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  return whole ? CF_EXIT_TRUE : CF_EXIT_FALSE;
}

/* ---- a new ledger ---- */

static enum cf_err conf_continue(const struct cf_cli *cli, struct cf_conf *conf,
                                 struct cf_fault *fault)
{
  const char *signer = cf_cli_value(cli, "signer");
  enum cf_err err = cf_conf_defaults(conf);

  if (err == CF_OK)
    err = cf_conf_set(conf, CF_STR("data"), cf_str_from(cf_cli_value(cli, "data")), fault);
  if (err == CF_OK)
    err = cf_conf_set(conf, CF_STR("origin"), cf_str_from(cf_cli_value(cli, "continue-as")), fault);
  if (err == CF_OK && signer != NULL)
    err = cf_conf_set(conf, CF_STR("signer"), cf_str_from(signer), fault);
  return err == CF_OK ? cf_conf_check(conf, fault) : err;
}

static int past_continue(struct cf_cli *cli, const struct past *past)
{
  struct cf_conf conf = {0};

  if (!past->signed_last.any)
    return cf_cli_fail(cli, cf_fail(&cli->fault, CF_E_NOTFOUND, cli->conf.signer,
                                    "no signed checkpoint of this ledger is left to go on from"));
  enum cf_err err = conf_continue(cli, &conf, &cli->fault);
  if (err == CF_OK)
    err = cf_ledger_continue(&conf, cf_buf_str(&past->signed_last.note), &past->vkey, &cli->fault);
  if (err == CF_OK)
    (void)printf("A new ledger is in %s. Its first record names %s at %llu records.\n"
                 "Set in the configuration, and keep the old directories as evidence:\n"
                 "data = %s\norigin = %s\nsigner = %s\n",
                 conf.data, past->vkey.name, (unsigned long long)past->signed_last.checkpoint.size,
                 conf.data, conf.origin, conf.signer);
  cf_conf_fini(&conf);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

static int recover_run(struct cf_cli *cli)
{
  const bool goes_on = cf_cli_value(cli, "continue-as") != NULL;
  struct past past = {0};

  if (goes_on != (cf_cli_value(cli, "data") != NULL) ||
      (cf_cli_value(cli, "signer") != NULL && !goes_on))
    return cf_cli_usage(cli, "--continue-as and --data belong together, --signer goes with them");
  enum cf_err err = cf_cli_load(cli);
  if (err == CF_OK && access(cli->conf.data, F_OK) == 0)
    err = cf_privilege_drop(&cli->conf, &cli->fault);
  cf_anchor_init(&past.signed_last, UINT64_MAX);
  if (err == CF_OK)
    err = past_look(cli, &past);
  int status = err != CF_OK ? cf_cli_fail(cli, err)
               : goes_on    ? past_continue(cli, &past)
                            : past_tell(cli, &past);
  past_fini(&past);
  return status;
}

const struct cf_cli_command cf_cli_recover = {
    .name = "recover",
    .arguments = "",
    .summary = "Say what is lost of a ledger, and go on in a new one that names it",
    .details =
        "Where old data stands in the place of new, or the memory of what was signed is missing, nothing is served. This says\n"
        "what is missing and which ways there are; it changes nothing. Exit status: 0 nothing is lost, 1 something is.\n",
    .options = options,
    .args_max = 0,
    .run = recover_run,
};
