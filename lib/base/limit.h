/* SPDX-License-Identifier: MIT */
/* How many files this process may have open. */
#ifndef CF_BASE_LIMIT_H
#define CF_BASE_LIMIT_H

#include <stdint.h>

#include "lib/base/err.h"

/* See to it that `wanted` may be open, as far as the hard limit allows: the
 * soft one is often 1,024, for programs that select(2). It is never lowered.
 * Gives how many may be open now. */
uint64_t cf_limit_files(uint64_t wanted);

/* CF_E_SYSTEM, with words for the operator: fewer than `needed` may be. `at`:
 * who needs them. */
CF_MUST enum cf_err cf_limit_files_check(uint64_t needed, const char *at, struct cf_fault *fault);

#endif
