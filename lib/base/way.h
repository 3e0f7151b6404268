/* SPDX-License-Identifier: MIT */
/* Opening what a path names component by component, without following a link:
 * for root, in whose way others may have put one. */
#ifndef CF_BASE_WAY_H
#define CF_BASE_WAY_H

#include <sys/stat.h>

#include "lib/base/err.h"

/* Judges what stands at `path`, a part of the way or its end. */
typedef enum cf_err cf_way_judge(void *context, const char *path, const struct stat *st,
                                 struct cf_fault *fault);

/* Open the path with flags (of open(2); it is closed on exec). Each component
 * from the root directory on (of a relative path: from the working directory)
 * is judged before the next one is looked at; judge may be NULL. CF_E_NOTFOUND;
 * CF_E_CONFIG: a component is a link; CF_E_SYSTEM; judge's errors: all with the
 * component as `at`. The caller closes *fd. */
CF_MUST enum cf_err cf_way_open(const char *path, int flags, cf_way_judge *judge, void *context,
                                int *fd, struct cf_fault *fault);

#endif
