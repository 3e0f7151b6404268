/* SPDX-License-Identifier: MIT */
/* Giving root away: every program works as the user who owns the data
 * directory.
 *
 * Root goes to it, and to the signer's directory, without following a link
 * (lib/base/way.h), and only by directories that are root's or that user's and
 * that nobody else may write, or root's and sticky: nobody else can choose whom
 * root becomes and where he works. */
#ifndef CF_DOOR_PRIVILEGE_H
#define CF_DOOR_PRIVILEGE_H

#include <sys/types.h>

#include "lib/base/conf.h"

/* Started as root: become the owner of conf->data, uid, gid and groups, for
 * good; where that has no ledger in it (its disk is not mounted), of
 * conf->signer, if it is there. Anybody else stays who he is. CF_E_NOTFOUND:
 * there is neither; CF_E_CONFIG: a way is not safe; CF_E_CONFLICT: the two
 * belong to different users, and what to chown; CF_E_SYSTEM. */
CF_MUST enum cf_err cf_privilege_drop(const struct cf_conf *conf, struct cf_fault *fault);

/* The same for a process that has to read more than the ledger's user may:
 * these n groups, at most CF_PRIVILEGE_GROUPS_MAX and never root's, are kept
 * too. */
#define CF_PRIVILEGE_GROUPS_MAX 64
CF_MUST enum cf_err cf_privilege_drop_but(const struct cf_conf *conf, const gid_t *groups, size_t n,
                                          struct cf_fault *fault);

/* For `init`. Started as root: become the named user; without a name whoever
 * owns conf->data or, where it is missing, stay root. Before, make conf->data
 * and conf->signer (0700) the user's where they are missing in a directory of
 * root's; what is missing in one of the user's own he makes himself. As another
 * user do nothing; a name that is not one's own is CF_E_ROLE then.
 * CF_E_PARAMETER: no such user. CF_E_CONFLICT: a directory is there and belongs
 * to somebody else. CF_E_CONFIG, CF_E_SYSTEM as above; CF_E_NOTFOUND: so is the
 * directory that one of them would be in. */
CF_MUST enum cf_err cf_privilege_prepare(const struct cf_conf *conf, const char *user,
                                         struct cf_fault *fault);

/* For a ledger that goes on from another, which may be lost: the same with the
 * user whom cf_privilege_drop(old) becomes. */
CF_MUST enum cf_err cf_privilege_continue(const struct cf_conf *old, const struct cf_conf *conf,
                                          struct cf_fault *fault);

/* Our ledger could not be opened (err): say in fault instead what in its
 * directories belongs to somebody else and may not be used, as what root puts
 * back does, whose it is, and what to chown. Where it could be opened all the
 * same, the log says so. */
void cf_privilege_explain(const struct cf_conf *conf, enum cf_err err, struct cf_fault *fault);

#endif
