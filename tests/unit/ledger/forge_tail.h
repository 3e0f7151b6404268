/* SPDX-License-Identifier: MIT */
/* Whoever has DATA, but not the key, makes records of the tail look erased: the
 * leaves' hashes stay as they are. */
#ifndef CF_TEST_FORGE_TAIL_H
#define CF_TEST_FORGE_TAIL_H

#include "lib/record/record.h"

/* What records of that kind have in the compartment, in all pieces of that file
 * of the tail. The tables are open (forge.h). */
void forge_tail_erase(const char *file, enum cf_kind kind, enum cf_compartment c);

#endif
