/* SPDX-License-Identifier: MIT */
/* Whoever has DATA, but not the key, appends by the ledger's own code. */
#ifndef CF_TEST_FORGE_APPEND_H
#define CF_TEST_FORGE_APPEND_H

/* Append an event of the source `web` to the closed ledger in data, under a new
 * key, which is made in a directory signer. Ends the process on an error. */
void forge_append(const char *data, const char *signer, const char *json);

#endif
