/* SPDX-License-Identifier: MIT */
/* What POSIX leaves to the callers of write(2) and fsync(2). Each gives whether
 * it is done; errno says why not. */
#ifndef CF_BASE_FILE_H
#define CF_BASE_FILE_H

#include <stdbool.h>

#include "lib/base/buf.h"

/* Write all of s, however many calls that takes. */
CF_MUST bool cf_file_write(int fd, struct cf_str s);
/* See to it that the name `path`, which leads to something, is on disk and not
 * only its content: its directory is synced or, where we may not read that, the
 * whole file system. */
CF_MUST bool cf_file_sync_name(const char *path);

#endif
