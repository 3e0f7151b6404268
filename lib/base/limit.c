/* SPDX-License-Identifier: MIT */
/* How many files this process may have open. */
#include "config.h"

#include "lib/base/limit.h"

#include <sys/resource.h>

uint64_t cf_limit_files(uint64_t wanted)
{
  struct rlimit files;

  if (getrlimit(RLIMIT_NOFILE, &files) != 0)
    return 0;
  rlim_t before = files.rlim_cur;
  if (before >= wanted)
    return before;
  files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : (rlim_t)wanted;
  return setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : before;
}

enum cf_err cf_limit_files_check(uint64_t needed, const char *at, struct cf_fault *fault)
{
  uint64_t limit = cf_limit_files(needed);

  return limit >= needed
             ? CF_OK
             : cf_fail(fault, CF_E_SYSTEM, at,
                       "this process may have %llu files open, and %llu are needed: allow it more "
                       "(ulimit -Hn, or LimitNOFILE= of its unit), or set fewer `threads`",
                       (unsigned long long)limit, (unsigned long long)needed);
}
