/* SPDX-License-Identifier: MIT */
/* counterfoil recover: what is lost of a ledger, and the ways on from there. */
#include "config.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
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
  struct cf_ledger_state here;
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
  cf_privilege_explain(&cli->conf, err, &past->closed);

  if (err != CF_OK && err != CF_E_NOTFOUND && err != CF_E_DAMAGED && err != CF_E_ROLLBACK) {
    cli->fault = past->closed;
    return err;
  }
  if (err != CF_OK)
    return cf_signed_without(&cli->conf, &past->vkey, &past->signed_last, &cli->fault);
  past->vkey = *cf_ledger_vkey(past->copy);
  cf_ledger_segments_check(past->copy);
  cf_ledger_state(past->copy, &past->here);
  past->lost = cf_ledger_judge(past->copy, &past->how);
  if (past->lost != CF_OK && past->lost != CF_E_ROLLBACK) {
    cli->fault = past->how;
    return past->lost;
  }
  err = cf_ledger_signed(past->copy, &past->signed_last, &cli->fault);
  if (err == CF_OK) /* the key that signed it */
    past->vkey = *cf_keys_at(cf_ledger_keys(past->copy), past->signed_last.checkpoint.size);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static void past_fini(struct past *past)
{
  cf_ledger_close(past->copy);
  cf_anchor_fini(&past->signed_last);
}

/* ---- words ---- */

/* Nothing that can be seen without reading all of it is missing. */
static bool is_whole(const struct past *past)
{
  return past->copy != NULL && past->lost == CF_OK && past->here.missing == 0;
}

/* A fault of the data, without the advice to call us. */
static void fault_put(struct cf_buf *b, const char *what, const struct cf_fault *fault)
{
  const char *advice = strstr(fault->detail, CF_SEE_RECOVER);

  cf_buf_putf(b, "%s%s: %.*s\n", what, fault->at,
              (int)(advice != NULL ? advice - fault->detail : (ptrdiff_t)strlen(fault->detail)),
              fault->detail);
}

static void here_put(struct cf_buf *b, const struct past *past)
{
  if (past->copy == NULL) {
    fault_put(b, "here:    it cannot be opened: ", &past->closed);
    return;
  }
  cf_buf_putf(b, "here:    %llu records, ", (unsigned long long)past->here.size);
  if (past->here.missing > 0)
    cf_buf_putf(b, "but segments without their file: %llu; ",
                (unsigned long long)past->here.missing);
  cf_buf_puts(b, "what the files hold was not looked at: that is what `verify` does\n");
}

static void lost_put(struct cf_buf *b, const struct cf_conf *conf, const struct past *past)
{
  uint64_t here = past->here.size, was = past->signed_last.checkpoint.size;

  cf_buf_putf(b, "ledger:  %s in %s\n", past->vkey.name, conf->data);
  here_put(b, past);
  if (past->signed_last.any)
    cf_buf_putf(b, "signed:  %llu records, says %s\n", (unsigned long long)was,
                past->signed_last.where);
  else
    cf_buf_puts(b, "signed:  nobody here remembers anything\n");
  if (is_whole(past))
    cf_buf_puts(b, "lost:    nothing that was signed, as far as that tells\n");
  else if (past->signed_last.any && was > here)
    cf_buf_putf(b, "lost:    %srecords %llu to %llu\n",
                past->copy != NULL ? "" : "as long as that is so, ", (unsigned long long)here,
                (unsigned long long)was - 1);
  else if (past->lost != CF_OK)
    fault_put(b, "lost:    ", &past->how);
  else if (past->copy != NULL)
    cf_buf_puts(b, "lost:    the records in the missing files\n");
}

/* What only some of the files, or one of the two directories, wants. */
static void nearest_put(struct cf_buf *b, const struct cf_conf *conf, const struct past *past)
{
  char state[4096];
  const char *signer = cf_conf_signer_directory(conf);

  if (past->copy != NULL && past->lost == CF_OK)
    cf_buf_putf(
        b,
        "Put the missing files, each with its .sums, back into %s/segments (cp -a). Nothing else is\n"
        "needed: without them the ledger goes on, but for their records.\n\n",
        conf->data);
  if (signer == NULL)
    return; /* what is there is another user's */
  int n = snprintf(state, sizeof state, "%s/state", signer);
  if (access(signer, F_OK) != 0)
    cf_buf_putf(
        b,
        "The signer's directory %s is not there: put its backup back (cp -a), or, where that is\n"
        "older than the data, with the newest checkpoint as in 1. Without the key nothing can be signed.\n\n",
        signer);
  else if (n > 0 && (size_t)n < sizeof state && access(state, F_OK) != 0)
    cf_buf_putf(b, "Only the file `state` may be missing in %s: see the end of 1.\n\n", signer);
}

static void ways_put(struct cf_buf *b, const struct cf_conf *conf, const struct past *past)
{
  struct stat st;
  const char *signer = cf_conf_signer_directory(conf);
  bool owned = stat(signer != NULL ? signer : conf->data, &st) == 0 || stat(conf->data, &st) == 0;
  const struct passwd *user = owned ? getpwuid(st.st_uid) : NULL;

  cf_buf_putc(b, '\n');
  nearest_put(b, conf, past);
  cf_buf_putf(
      b,
      "1. Put the newest data back into %s: another copy, a later backup, the disk that failed; it belongs to\n"
      "   the signer's owner (cp -a keeps that). Nothing else keeps every record. Where only the file `state` is missing\n"
      "   in %s, and the data is the newest, put the newest checkpoint that somebody kept elsewhere\n"
      "   (GET /checkpoint) there under that name, as root:\n"
      "     install -o %s -m 600 CHECKPOINT %s/state\n",
      conf->data, signer != NULL ? signer : "the directory of counterfoil-signer",
      user != NULL && signer != NULL ? user->pw_name : "OWNER", signer != NULL ? signer : "DIR");
  cf_buf_puts(
      b,
      past->copy != NULL
          ? "2. Look at this copy as evidence; it is left as it is, and nothing is recorded of that:\n"
            "     counterfoil verify --read-only\n"
            "     counterfoil query --read-only user=alice\n"
          : "2. Look at another copy as evidence, with --read-only of `verify` and `query`: this one cannot be opened.\n");
  cf_buf_puts(
      b,
      "3. Go on with a new ledger under a new name. Its first record names the last signed checkpoint of this one, so\n"
      "   that everybody sees where the old history ends. Keep this directory and its signer's as evidence:\n"
      "     counterfoil recover --continue-as ORIGIN --data DIR\n"
      "   There is no way to go on under the old name: what was signed would be denied.\n");
}

static int past_tell(struct cf_cli *cli, const struct past *past)
{
  struct cf_buf b;

  cf_buf_init(&b, 65536);
  lost_put(&b, &cli->conf, past);
  if (!is_whole(past))
    ways_put(&b, &cli->conf, past);
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  return is_whole(past) ? CF_EXIT_TRUE : CF_EXIT_FALSE;
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

static void next_tell(const struct cf_conf *conf, const struct past *past)
{
  cf_cli_printf(
      "A new ledger is in %s. Its first record names %s at %llu records. Its key is above: keep a copy elsewhere.\n"
      "Set in the configuration, and in ReadWritePaths of the service's unit, and keep the old directories as evidence:\n"
      "data = %s\norigin = %s\nsigner = %s\n"
      "All tokens stayed with the old ledger: make new ones (counterfoil token add).\n",
      conf->data, past->vkey.name, (unsigned long long)past->signed_last.checkpoint.size,
      conf->data, conf->origin, conf->signer);
}

/* The new ledger's first start, which tells what it is: never silently. */
static enum cf_err gap_record(const struct cf_conf *conf, const struct past *past,
                              struct cf_fault *fault)
{
  uint64_t was = past->signed_last.checkpoint.size, here = past->here.size;
  struct cf_ledger *ledger = NULL;
  enum cf_err err = cf_ledger_open(conf, PACKAGE_NAME " " PACKAGE_VERSION, &ledger, fault);

  if (err == CF_OK) {
    err = cf_ledger_restored(ledger, was > here ? was - here : 0);
    cf_ledger_close(ledger);
  }
  return err;
}

static int past_continue(struct cf_cli *cli, const struct past *past, const struct cf_conf *conf)
{
  if (!past->signed_last.any)
    return cf_cli_fail(cli, cf_fail(&cli->fault, CF_E_NOTFOUND, cli->conf.signer,
                                    "no signed checkpoint of this ledger is left to go on from"));
  enum cf_err err =
      cf_ledger_continue(conf, cf_buf_str(&past->signed_last.note), &past->vkey, &cli->fault);
  if (err == CF_OK)
    err = gap_record(conf, past, &cli->fault);
  if (err == CF_OK)
    err = cf_cli_put_key(conf, &cli->fault);
  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  next_tell(conf, past);
  return CF_EXIT_TRUE;
}

/* Directories of a new ledger are made before root is given away, who alone may
 * make them where those of the old one are. */
static enum cf_err root_leave(struct cf_cli *cli, bool goes_on, struct cf_conf *next)
{
  enum cf_err err = cf_cli_load(cli);

  if (err == CF_OK && !goes_on)
    return cf_privilege_drop(&cli->conf, &cli->fault);
  if (err == CF_OK)
    err = conf_continue(cli, next, &cli->fault);
  return err == CF_OK ? cf_privilege_continue(&cli->conf, next, &cli->fault) : err;
}

static int recover_run(struct cf_cli *cli)
{
  const bool goes_on = cf_cli_value(cli, "continue-as") != NULL;
  struct cf_conf next = {0};
  struct past past = {0};

  if (goes_on != (cf_cli_value(cli, "data") != NULL) ||
      (cf_cli_value(cli, "signer") != NULL && !goes_on))
    return cf_cli_usage(cli, "--continue-as and --data belong together, --signer goes with them");
  enum cf_err err = root_leave(cli, goes_on, &next);
  cf_anchor_init(&past.signed_last, UINT64_MAX);
  if (err == CF_OK)
    err = past_look(cli, &past);
  int status = err != CF_OK ? cf_cli_fail(cli, err)
               : goes_on    ? past_continue(cli, &past, &next)
                            : past_tell(cli, &past);
  past_fini(&past);
  cf_conf_fini(&next);
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
