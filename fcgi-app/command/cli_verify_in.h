/* SPDX-License-Identifier: MIT */
/* Inside `counterfoil verify`: one ledger judged, and those before it. */
#ifndef CF_COMMAND_CLI_VERIFY_IN_H
#define CF_COMMAND_CLI_VERIFY_IN_H

#include "fcgi-app/command/cli_in.h"

/* What the newest answer says: each is of the work from its beginning. */
struct cf_cli_verdict {
  bool ok, complete;
  bool unjudged;        /* something was not looked at */
  bool own_key;         /* nobody else says whose key signed it */
  bool short_only;      /* nothing is wrong but that more was signed than is here */
  uint64_t here;        /* records, those too that are not signed */
  uint64_t next;        /* how far it came, when not complete … */
  struct cf_buf resume; /* … and the name under which it goes on */
};

/* ---- cli_verify_one.c ---- */

/* Ask the ledger of cli->asker until the answer is complete, and tell it; the
 * options `size` and `root` are what was kept of it. The exit status. */
int cf_cli_verify_one(struct cf_cli *cli, const char *mode, struct cf_cli_verdict *verdict);

/* ---- cli_verify_previous.c ---- */

/* The ledgers before that of cli->asker, which is closed: cli->args are their
 * data directories, each that of the ledger which record 0 of the one behind it
 * names. Each is opened as a copy, must have the key that signed the checkpoint
 * named there, and is judged against it. The exit status of them all. */
int cf_cli_verify_previous(struct cf_cli *cli, const char *mode);

#endif
