/* SPDX-License-Identifier: MIT */
/* A directory of the test's own for all that it writes, and what tests do to
 * files. What cannot be done fails the test. */
#ifndef CF_TEST_TEMP_DIR_H
#define CF_TEST_TEMP_DIR_H

#include <sys/types.h>

#include "lib/base/buf.h"

extern char temp_dir[256]; /* absolute and free of links; "": there is none */

/* Make cf-NAME-XXXXXX below TMPDIR, or /tmp. */
void temp_make(const char *name);
/* Remove it with all that is in it. */
void temp_remove(void);
/* The path of something in it, in one of a few static buffers. */
const char *temp_path(const char *name);
/* Have the shell do that in it, printf-style; it must end well. */
void temp_run(const char *format, ...) CF_PRINTF(1, 2);

/* Write a whole file, new or not, of that mode. */
void temp_write(const char *path, struct cf_str content, mode_t mode);
/* The n bytes of a file from `at` on, read or written over. */
void temp_get(const char *path, off_t at, void *p, size_t n);
void temp_put(const char *path, off_t at, const void *p, size_t n);
/* Change a bit of one byte; once more, and it is as it was. */
void temp_flip(const char *path, off_t at);

#endif
