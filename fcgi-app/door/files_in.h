/* SPDX-License-Identifier: MIT */
/* How many connections may be parked, so that none of them takes a descriptor
 * that the ledger needs: a database that cannot open a file ends the process.
 *
 * A process may have two doors, a web server's and the owner's. It may need
 * what the ledger does (cf_ledger_files) that all their workers read, and for
 * each of these its connection and one more, of a relay or a file; all above
 * that is for parked connections, half for each door. */
#ifndef CF_DOOR_FILES_IN_H
#define CF_DOOR_FILES_IN_H

#include "lib/base/conf.h"

/* Have the limit of open files raised, and give how many connections each door
 * may park. CF_E_SYSTEM, with words: not even CF_PARK_MIN. */
CF_MUST enum cf_err cf_files_parked(const struct cf_conf *conf, unsigned *parked,
                                    struct cf_fault *fault);

#endif
