/* SPDX-License-Identifier: MIT */
/* A tar's header, by the places of its fields (POSIX.1-1988 ustar): who writes
 * tars and who reads them have it from here. */
#ifndef CF_BASE_TAR_H
#define CF_BASE_TAR_H

#define CF_TAR_BLOCK 512 /* bytes of a header, and what a file is filled up to */

enum {
  CF_TAR_AT_NAME = 0,
  CF_TAR_AT_MODE = 100,
  CF_TAR_AT_UID = 108,
  CF_TAR_AT_GID = 116,
  CF_TAR_AT_SIZE = 124,
  CF_TAR_AT_MTIME = 136,
  CF_TAR_AT_SUM = 148,
  CF_TAR_AT_TYPE = 156,
  CF_TAR_AT_MAGIC = 257,
  CF_TAR_AT_PREFIX = 345,
  CF_TAR_NAME_N = 100, /* bytes, as the next three */
  CF_TAR_SIZE_N = 12,
  CF_TAR_SUM_N = 8,
  CF_TAR_PREFIX_N = 155
};

#endif
