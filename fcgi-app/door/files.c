/* SPDX-License-Identifier: MIT */
/* How many connections may be parked. */
#include "config.h"

#include "fcgi-app/door/files_in.h"

#include "fcgi-app/door/fcgi_in.h"
#include "fcgi-app/door/fcgi_park_in.h"
#include "lib/base/limit.h"
#include "lib/ledger/ledger.h"

#define DOORS 2
/* its connection; a relay's, or a file; those of requests that left it */
#define WORKER (2 + CF_FCGI_LEFT)

/* Of a process whose doors park so many each. */
static uint64_t files_needed(const struct cf_conf *conf, uint64_t parked)
{
  uint64_t workers = DOORS * (uint64_t)conf->threads;

  return cf_ledger_files(workers) + workers * WORKER + DOORS * parked;
}

enum cf_err cf_files_parked(const struct cf_conf *conf, unsigned *parked, struct cf_fault *fault)
{
  uint64_t limit = cf_limit_files(files_needed(conf, CF_PARK_MAX));
  uint64_t most = files_needed(conf, CF_PARK_MAX), least = files_needed(conf, CF_PARK_MIN);
  enum cf_err err = cf_limit_files_check(least, "open files", fault);

  if (err == CF_OK)
    *parked = limit >= most ? CF_PARK_MAX : CF_PARK_MIN + (unsigned)((limit - least) / DOORS);
  return err;
}
