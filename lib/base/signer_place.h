/* SPDX-License-Identifier: MIT */
/* Where a ledger's signer is, as `signer` of the configuration says it:
 *   /DIRECTORY      the key and its memory are there, and this process signs
 *   exec:/SOCKET    counterfoil-signer(8) listens there, as another user */
#ifndef CF_BASE_SIGNER_PLACE_H
#define CF_BASE_SIGNER_PLACE_H

#include "lib/base/buf.h"

enum cf_signer_kind { CF_SIGNER_DIRECTORY, CF_SIGNER_EXEC };

/* The word in front of the path, with its colon; empty for a directory. */
struct cf_str cf_signer_form(struct cf_str place);
enum cf_signer_kind cf_signer_kind(const char *place);
/* The path in it: of the directory, or of the socket. A part of place. */
const char *cf_signer_path(const char *place);

#endif
