/* SPDX-License-Identifier: MIT */
/* Opening a log and what lies beside it: here, or by a process that was left
 * behind with the groups that may (reader.h). */
#ifndef CF_INPUT_OPENER_H
#define CF_INPUT_OPENER_H

#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "lib/base/err.h"

struct cf_opener {
  bool no_links; /* one anywhere on the way is refused */
  bool waits;    /* for who writes, where it is a named pipe */
  int reader;    /* the socket of such a process; -1: none, it is done here */
};

/* Each of these: CF_E_NOTFOUND: there is none; CF_E_PEER: the reader is gone;
 * CF_E_SYSTEM, CF_E_CONFIG, with words. path is absolute, and with a reader one
 * of those that it was started for. */

/* Open the file to read it; the caller closes *fd. */
CF_MUST enum cf_err cf_opener_file(const struct cf_opener *o, const char *path, int *fd,
                                   struct cf_fault *fault);
/* Look at it. */
CF_MUST enum cf_err cf_opener_stat(const struct cf_opener *o, const char *path, struct stat *st,
                                   struct cf_fault *fault);
/* Open a file in its directory, whose name begins with its own; never a link,
 * never waiting. */
CF_MUST enum cf_err cf_opener_beside(const struct cf_opener *o, const char *path, const char *name,
                                     int *fd, struct cf_fault *fault);
/* Open that directory; the caller closes it. */
CF_MUST enum cf_err cf_opener_directory(const struct cf_opener *o, const char *path, DIR **dir,
                                        struct cf_fault *fault);

/* The name in its directory. */
const char *cf_opener_name(const char *path);

#endif
