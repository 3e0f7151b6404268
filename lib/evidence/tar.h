/* SPDX-License-Identifier: MIT */
/* The frame of a tar: ustar headers (POSIX.1-1988), and a pax header in front
 * where a file has 8 GiB or more. What a file is called, how long it is and
 * when are its only properties: the same files make the same bytes. */
#ifndef CF_EVIDENCE_TAR_H
#define CF_EVIDENCE_TAR_H

#include "lib/base/buf.h"
#include "lib/base/tar.h"

#define CF_TAR_SIZE (UINT64_C(1) << 33) /* of files, from which on they have a pax header */

/* Append what stands in front of a regular file of that name, length and time
 * (seconds since 1970; brought into 1970 to 2242). CF_E_FULL: the name is too
 * long; b's error. */
CF_MUST enum cf_err cf_tar_header_put(struct cf_buf *b, const char *name, uint64_t size,
                                      int64_t mtime_s);
/* How many zeros stand behind it. */
unsigned cf_tar_padding(uint64_t size);
/* Append the end of the tar. */
void cf_tar_end_put(struct cf_buf *b);

#endif
