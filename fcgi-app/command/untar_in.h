/* SPDX-License-Identifier: MIT */
/* Inside the command: a bundle's tar into a directory, as it comes (format.md,
 * Evidence bundle). Only what such a tar may hold is taken: regular files whose
 * names lead nowhere else. */
#ifndef CF_COMMAND_UNTAR_IN_H
#define CF_COMMAND_UNTAR_IN_H

#include "lib/base/buf.h"
#include "lib/evidence/tar.h"

struct cf_untar {
  int directory;
  int fd;              /* of the file that is being written; -1: none */
  uint64_t left;       /* bytes of it, or of a pax header, that are still to come */
  unsigned padding;    /* zeros behind it, likewise */
  bool pax;            /* it is a pax header … */
  bool ended;          /* the end was seen */
  uint64_t size;       /* … that says how long the next file is; UINT64_MAX: none did */
  struct cf_buf block; /* of a header, or a pax header */
};

/* Into a directory that is made for it. CF_E_SYSTEM: it is there already, or
 * cannot be made. */
CF_MUST enum cf_err cf_untar_open(struct cf_untar *u, const char *path, struct cf_fault *fault);
/* Bytes of the tar. CF_E_SYNTAX: no such tar; CF_E_SYSTEM: a file cannot be
 * written; CF_E_NOMEM. */
CF_MUST enum cf_err cf_untar_put(struct cf_untar *u, struct cf_str bytes, struct cf_fault *fault);
/* It ends: CF_E_SYNTAX where the tar did not. */
CF_MUST enum cf_err cf_untar_close(struct cf_untar *u, struct cf_fault *fault);
void cf_untar_fini(struct cf_untar *u); /* whether it was closed or not */

#endif
