/* SPDX-License-Identifier: MIT */
/* Giving root away: every program works as the user who owns the data
 * directory. */
#ifndef CF_DOOR_PRIVILEGE_H
#define CF_DOOR_PRIVILEGE_H

#include "lib/base/conf.h"

/* Started as root: become the owner of conf->data, uid, gid and groups, for
 * good. Anybody else stays who he is. CF_E_NOTFOUND: there is no data
 * directory; CF_E_SYSTEM. */
CF_MUST enum cf_err cf_privilege_drop(const struct cf_conf *conf, struct cf_fault *fault);

/* For `init`. Started as root with a user's name: make conf->data and
 * conf->signer (0700, where they are missing) that user's and become that user.
 * Without a name: become the owner of conf->data where it is there. As another
 * user do nothing; a name that is not one's own is CF_E_ROLE then.
 * CF_E_PARAMETER: no such user. CF_E_CONFLICT: a directory is there and belongs
 * to somebody else. CF_E_SYSTEM. */
CF_MUST enum cf_err cf_privilege_prepare(const struct cf_conf *conf, const char *user,
                                         struct cf_fault *fault);

#endif
