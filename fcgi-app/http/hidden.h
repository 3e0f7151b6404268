/* SPDX-License-Identifier: MIT */
/* Parameters that are not everybody's to set. Those that our own processes tell
 * each other with a request are believed at the owner's door alone; those by
 * which a web server vouches for a caller, from whom the configuration believes
 * (trust_peers). No transport shows any other, and no relay passes it on. */
#ifndef CF_HTTP_HIDDEN_H
#define CF_HTTP_HIDDEN_H

#include <stdbool.h>

/* Who asks the owner: a relay, or the command. */
#define CF_HIDDEN_DOOR  "COUNTERFOIL_DOOR"
#define CF_HIDDEN_RELAY "relay"
#define CF_HIDDEN_CLI   "cli"
/* The source of the local admin's events, which are else admin's. */
#define CF_HIDDEN_SOURCE "COUNTERFOIL_SOURCE"

/* What is believed of whoever is at the other end of a connection. */
enum cf_peer {
  CF_PEER_STRANGER, /* nothing but what the request proves */
  CF_PEER_UNKNOWN,  /* where callers are; nobody can tell who says so (TCP) */
  CF_PEER_WEB,      /* where and who they are: a web server of ours */
  CF_PEER_ADMIN     /* for what source he writes: the local admin at the owner's door */
};

/* Is it the name of a parameter that this peer may not set: one of our own, or
 * one that tells what he is not believed? The name may be followed by `=` and a
 * value. */
bool cf_hidden(const char *name, enum cf_peer peer);

#endif
