/* SPDX-License-Identifier: MIT */
/* How often a line stood in a log before, as far back as it is remembered. */
#ifndef CF_INPUT_REPEATS_H
#define CF_INPUT_REPEATS_H

#include <stdint.h>

#include "lib/base/err.h"

/* so many different lines are remembered at least; twice as many at most */
#define CF_REPEATS_N     32768
#define CF_REPEATS_KEY_N 16

struct cf_repeats;
CF_MUST enum cf_err cf_repeats_new(struct cf_repeats **repeats); /* CF_E_NOMEM */
void cf_repeats_free(struct cf_repeats *repeats);                /* NULL is harmless */

/* Another log begins. */
void cf_repeats_forget(struct cf_repeats *repeats);
/* How often that was asked before. The key is of a secret, so that nobody can
 * choose where it falls. */
uint32_t cf_repeats_count(struct cf_repeats *repeats, const uint8_t key[CF_REPEATS_KEY_N]);

#endif
