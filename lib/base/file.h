/* SPDX-License-Identifier: MIT */
/* What POSIX leaves to the callers of read(2), write(2), rename(2) and
 * fsync(2). Where one fails, errno says why. */
#ifndef CF_BASE_FILE_H
#define CF_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "lib/base/buf.h"

/* Append all that fd has to give to b, whose maximum is the limit, and leave no
 * copy of it elsewhere. CF_E_SYSTEM; CF_E_FULL where it is more than the limit,
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_file_read_all(int fd, struct cf_buf *b);

/* Append the content of a file in the directory to b, whose maximum is the
 * limit, and give its mode. CF_E_NOTFOUND where there is none, CF_E_CONFIG
 * where it is no plain file or too long, CF_E_SYSTEM, CF_E_NOMEM. */
CF_MUST enum cf_err cf_file_get(int directory, const char *name, struct cf_buf *b, mode_t *mode,
                                struct cf_fault *fault);

/* Open a file of ours to write it, made where there is none (0600): flags of
 * open(2), and closed on exec. -1 with errno: neither links nor anything but
 * regular files are opened (ELOOP, EINVAL), and nothing waits for a peer. */
CF_MUST int cf_file_make(int directory, const char *name, int flags);

/* When it was written last, in microseconds since 1970. */
int64_t cf_file_modified_us(const struct stat *st);

/* Write all of s, however many calls that takes. */
CF_MUST bool cf_file_write(int fd, struct cf_str s);
/* See to it that the name `path`, which leads to something, is on disk and not
 * only its content: its directory is synced or, where we may not read that, the
 * whole file system. */
CF_MUST bool cf_file_sync_name(const char *path);

/* Write a file whole, of that mode whatever the umask, over what was there, and
 * sync it, but not its name. `path` is a name in the directory or, where that
 * is AT_FDCWD, any path; a link is not followed. CF_E_SPACE, CF_E_SYSTEM: it
 * could not be written, and what was begun is removed. CF_E_UNKNOWN: an fsync
 * failed; nobody knows what is on disk, and asking again would only seem to
 * work. */
CF_MUST enum cf_err cf_file_put(int directory, const char *path, mode_t mode, struct cf_str s);
/* Put s in the place of a file, or of none: cf_file_put beside it as
 * `<path>.new`, rename, fsync of the directory. Whenever that is cut short,
 * `path` is the old file or the new one, and whole; whatever stands as `.new`,
 * left by that or by others, is removed first. On CF_OK it is the new one,
 * after a crash too; with the errors of cf_file_put the old one, but with
 * CF_E_UNKNOWN either. */
CF_MUST enum cf_err cf_file_replace(int directory, const char *path, mode_t mode, struct cf_str s);

#endif
