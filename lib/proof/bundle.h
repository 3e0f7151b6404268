/* SPDX-License-Identifier: MIT */
/* What somebody took away of a ledger: files whose paths mirror the URLs
 * (format.md, Tiles, Evidence bundle), in a directory or a tar of one. Here is
 * only which files there are and what is in them. All of it is hostile: names,
 * sizes and counts are bounded, links are not followed, and nothing is written
 * but a file without a name that holds what had to be unpacked.
 *
 * Made by one thread; any number of them may then read. */
#ifndef CF_PROOF_BUNDLE_H
#define CF_PROOF_BUNDLE_H

#include "lib/base/buf.h"
#include "lib/base/crypto.h"

#define CF_BUNDLE_FILES_MAX ((size_t)1 << 22) /* tiles of 536 million records */
#define CF_BUNDLE_PATH_MAX  255               /* bytes */

struct cf_bundle_file {
  uint64_t at, n; /* in an archive: where; bytes */
  size_t path;    /* where in `paths`, ended by NUL */
};
struct cf_bundle {
  struct cf_bundle_file *files; /* by path */
  size_t n, cap;
  struct cf_buf paths;
  int fd; /* the directory, or the archive */
  bool archive;
};
void cf_bundle_init(struct cf_bundle *bundle);
void cf_bundle_fini(struct cf_bundle *bundle);

/* Look at a directory, all below it. CF_E_SYNTAX: something is there that may
 * not be, a link, a device, a name that is too long; CF_E_FULL: too many files;
 * CF_E_SYSTEM, CF_E_NOMEM. */
CF_MUST enum cf_err cf_bundle_open_directory(struct cf_bundle *bundle, const char *path,
                                             struct cf_fault *fault);

/* Add a file, in any order; and end that: CF_E_SYNTAX where there are two of
 * one path. Paths are relative, of parts that are neither empty nor begin with
 * a dot, printable ASCII without space or backslash. CF_E_SYNTAX, CF_E_FULL,
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_bundle_add(struct cf_bundle *bundle, struct cf_str path, uint64_t at,
                                  uint64_t n, struct cf_fault *fault);
CF_MUST enum cf_err cf_bundle_sort(struct cf_bundle *bundle, struct cf_fault *fault);

static inline const char *cf_bundle_path(const struct cf_bundle *bundle,
                                         const struct cf_bundle_file *file)
{
  return (const char *)bundle->paths.p + file->path;
}
/* NULL: there is none. */
const struct cf_bundle_file *cf_bundle_find(const struct cf_bundle *bundle, struct cf_str path);
/* The first file whose path is not before this one, as an index; n: none. */
size_t cf_bundle_seek(const struct cf_bundle *bundle, struct cf_str path);

/* A file read from its beginning, or from a place in it. */
struct cf_bundle_stream {
  int fd;
  bool own; /* it is closed with the stream */
  uint64_t at, left;
};
CF_MUST enum cf_err cf_bundle_open(const struct cf_bundle *bundle,
                                   const struct cf_bundle_file *file, uint64_t from,
                                   struct cf_bundle_stream *stream);
/* Up to n bytes; *got is 0 at the end and only there. CF_E_SYSTEM; CF_E_DAMAGED
 * where the file is shorter than it was. */
CF_MUST enum cf_err cf_bundle_read(struct cf_bundle_stream *stream, void *p, size_t n, size_t *got);
void cf_bundle_close(struct cf_bundle_stream *stream);

/* Append a whole file to b, whose maximum is the limit. CF_E_NOTFOUND: there is
 * none; CF_E_FULL, and those of reading. */
CF_MUST enum cf_err cf_bundle_get(const struct cf_bundle *bundle, struct cf_str path,
                                  struct cf_buf *b);

#endif
