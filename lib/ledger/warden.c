/* SPDX-License-Identifier: MIT */
/* The warden: the thread that guards segments' files. It holds what the chain
 * tells of them against the catalogue. */
#include "config.h"

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

#define ROUND_US INT64_C(60000000)

/* Once the chain is read; damage that keeps it from being read whole is told
 * where it is found. */
static void told_gather(struct cf_ledger *l)
{
  if (l->told_known)
    return;
  enum cf_err err = cf_catalogue_read_told(l);
  if (err != CF_OK && err != CF_E_LEAVING)
    cf_log(CF_LOG_WARNING,
           "what the log tells of its segments cannot be read (%s); it is tried again",
           cf_err_word(err));
}

void *cf_warden_main(void *ledger)
{
  struct cf_ledger *l = ledger;
  do {
    told_gather(l);
    cf_ledger_segments_check(l);
  } while (cf_nap(l, ROUND_US, NULL));
  return NULL;
}
