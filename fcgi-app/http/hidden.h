/* SPDX-License-Identifier: MIT */
/* Parameters that our own processes tell each other with a request, beside
 * those of the web server. They are believed at the owner's door alone: no
 * transport shows one, and no relay passes one on. */
#ifndef CF_HTTP_HIDDEN_H
#define CF_HTTP_HIDDEN_H

#include <stdbool.h>

/* Who asks the owner: a relay, or the command. */
#define CF_HIDDEN_DOOR  "COUNTERFOIL_DOOR"
#define CF_HIDDEN_RELAY "relay"
#define CF_HIDDEN_CLI   "cli"
/* The source of the local admin's events, which are else admin's. */
#define CF_HIDDEN_SOURCE "COUNTERFOIL_SOURCE"

/* Is it the name of such a parameter, one that nobody outside may set? The name
 * may be followed by `=` and a value. */
bool cf_hidden(const char *name);

#endif
