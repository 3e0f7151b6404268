/* SPDX-License-Identifier: MIT */
/* Where a ledger's signer is, as `signer` of the configuration says it:
 *   /DIRECTORY      the key and its memory are there, and this process signs
 *   exec:/SOCKET    counterfoil-signer(8) listens there, as another user
 *   pkcs11:token=LABEL;object=LABEL?module-path=/MODULE&pin-source=/FILE&
 *   x-state=/DIRECTORY
 *                   the key is in a token (RFC 7512), its memory in the
 *                   directory, and this process asks the token to sign. A
 *                   `pin-value` is none of it: whoever sees the text would. */
#ifndef CF_BASE_SIGNER_PLACE_H
#define CF_BASE_SIGNER_PLACE_H

#include "lib/base/buf.h"

enum cf_signer_kind { CF_SIGNER_DIRECTORY, CF_SIGNER_EXEC, CF_SIGNER_TOKEN };

/* All in front of the path; empty for a directory, and for what is none. */
struct cf_str cf_signer_form(struct cf_str place);
enum cf_signer_kind cf_signer_kind(const char *place);
/* The path in it: of the directory, or of the socket. A part of place. */
const char *cf_signer_path(const char *place);
/* The value of an attribute of pkcs11:, as it is written; empty where none. */
struct cf_str cf_signer_attribute(struct cf_str place, const char *name);

#endif
