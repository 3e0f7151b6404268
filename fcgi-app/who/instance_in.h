/* SPDX-License-Identifier: MIT */
/* A secret that the signer's directory has and DATA has not, so that what is
 * written under it can neither be made from DATA alone nor be put back: random
 * bytes of a file, and its inode and time of change, which a file that was put
 * back from a copy has anew. */
#ifndef CF_WHO_INSTANCE_IN_H
#define CF_WHO_INSTANCE_IN_H

#include <stdint.h>

#include "lib/base/err.h"

#define CF_INSTANCE_N 48

/* CF_E_NOTFOUND: there is none. */
CF_MUST enum cf_err cf_instance_get(const char *signer, uint8_t secret[CF_INSTANCE_N]);
/* Make a new one, durable. The errors of cf_file_replace; CF_E_NOTFOUND. */
CF_MUST enum cf_err cf_instance_renew(const char *signer, uint8_t secret[CF_INSTANCE_N]);
void cf_instance_forget(const char *signer);

#endif
