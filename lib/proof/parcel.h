/* SPDX-License-Identifier: MIT */
/* What somebody took away of a ledger: files whose paths mirror the URLs
 * (format.md, Tiles, Evidence bundle), in a directory or a tar of one. Here is
 * only which files there are and what is in them. All of it is hostile: names,
 * sizes and counts are bounded, links are not followed, and nothing is written
 * but a file without a name that holds what had to be unpacked.
 *
 * Made by one thread; any number of them may then read. */
#ifndef CF_PROOF_PARCEL_H
#define CF_PROOF_PARCEL_H

#include "lib/base/buf.h"
#include "lib/base/crypto.h"

#define CF_PARCEL_FILES_MAX ((size_t)1 << 22) /* tiles of 536 million records */
#define CF_PARCEL_PATH_MAX  255               /* bytes */
#define CF_KEY_PATH         "ledger.vkey"
#define CF_HEAD_PATH        "checkpoint"

struct cf_parcel_file {
  uint64_t at, n; /* in an archive: where; bytes */
  size_t path;    /* where in `paths`, ended by NUL */
};
struct cf_parcel {
  struct cf_parcel_file *files; /* by path */
  size_t n, cap;
  struct cf_buf paths;
  int fd; /* the directory, or the archive */
  bool archive;
};
void cf_parcel_init(struct cf_parcel *parcel);
void cf_parcel_fini(struct cf_parcel *parcel);

/* Look at a directory, all below it. CF_E_SYNTAX: something is there that may
 * not be, a link, a device, a name that is too long; CF_E_FULL: too many files;
 * CF_E_SYSTEM, CF_E_NOMEM. */
CF_MUST enum cf_err cf_parcel_open_directory(struct cf_parcel *parcel, const char *path,
                                             struct cf_fault *fault);

/* Does what begins so look like a tar, as it is or packed by zstd? */
bool cf_parcel_is_tar(struct cf_str head);
/* List the files of a tar. head was read from fd already. What is packed, and
 * what is no file, is unpacked into TMPDIR, up to max bytes; of a file the head
 * is only looked at, and it is read from its beginning. CF_E_SYNTAX: it is no
 * whole tar, or one of what may not be in it; CF_E_FULL: more than max, or too
 * many files; CF_E_SYSTEM, CF_E_NOMEM. */
CF_MUST enum cf_err cf_parcel_open_tar(struct cf_parcel *parcel, int fd, struct cf_str head,
                                       uint64_t max, struct cf_fault *fault);

/* Add a file, in any order; and end that: CF_E_SYNTAX where there are two of
 * one path. Paths are relative, of parts that are neither empty nor begin with
 * a dot, printable ASCII without space or backslash. CF_E_SYNTAX, CF_E_FULL,
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_parcel_add(struct cf_parcel *parcel, struct cf_str path, uint64_t at,
                                  uint64_t n, struct cf_fault *fault);
CF_MUST enum cf_err cf_parcel_sort(struct cf_parcel *parcel, struct cf_fault *fault);

static inline const char *cf_parcel_path(const struct cf_parcel *parcel,
                                         const struct cf_parcel_file *file)
{
  return (const char *)parcel->paths.p + file->path;
}
/* NULL: there is none. */
const struct cf_parcel_file *cf_parcel_find(const struct cf_parcel *parcel, struct cf_str path);
/* The first file whose path is not before this one, as an index; n: none. */
size_t cf_parcel_seek(const struct cf_parcel *parcel, struct cf_str path);

/* A file read from its beginning, or from a place in it. */
struct cf_parcel_stream {
  int fd;
  bool own; /* it is closed with the stream */
  uint64_t at, left;
};
CF_MUST enum cf_err cf_parcel_open(const struct cf_parcel *parcel,
                                   const struct cf_parcel_file *file, uint64_t from,
                                   struct cf_parcel_stream *stream);
/* Up to n bytes; *got is 0 at the end and only there. CF_E_SYSTEM; CF_E_DAMAGED
 * where the file is shorter than it was. */
CF_MUST enum cf_err cf_parcel_read(struct cf_parcel_stream *stream, void *p, size_t n, size_t *got);
void cf_parcel_close(struct cf_parcel_stream *stream);

/* The lines of a file, one after the other. */
struct cf_parcel_lines {
  struct cf_parcel_stream stream;
  struct cf_buf text; /* read, and not given yet, from `given` on */
  size_t given;
  uint64_t at; /* in the file: of the line given last */
  uint64_t next;
};
/* max: bytes of a line. Errors of cf_parcel_open. */
CF_MUST enum cf_err cf_parcel_lines_open(const struct cf_parcel *parcel,
                                         const struct cf_parcel_file *file, size_t max,
                                         struct cf_parcel_lines *lines);
/* The next one without its LF, valid until the next call; *more is false when
 * there was none left. CF_E_SYNTAX: it is too long, or has no LF; the errors of
 * reading. */
CF_MUST enum cf_err cf_parcel_lines_next(struct cf_parcel_lines *lines, struct cf_str *line,
                                         bool *more);
void cf_parcel_lines_close(struct cf_parcel_lines *lines);

/* n bytes of a file from a place in it on. CF_E_DAMAGED where there are
 * fewer. */
CF_MUST enum cf_err cf_parcel_get_at(const struct cf_parcel *parcel,
                                     const struct cf_parcel_file *file, uint64_t at, void *p,
                                     size_t n);
/* Append a whole file to b, whose maximum is the limit. CF_E_NOTFOUND: there is
 * none; CF_E_FULL, and those of reading. */
CF_MUST enum cf_err cf_parcel_get(const struct cf_parcel *parcel, struct cf_str path,
                                  struct cf_buf *b);

/* Hold the files against MANIFEST.sha256, and it against them: what it names is
 * there and what it says, and nothing else is there. Each fault is told.
 * CF_E_SYSTEM, CF_E_NOMEM. */
#define CF_MANIFEST_PATH "MANIFEST.sha256"
typedef void cf_parcel_blame(void *context, struct cf_str path, const char *what);
CF_MUST enum cf_err cf_parcel_manifest(const struct cf_parcel *parcel, cf_parcel_blame *blame,
                                       void *context);

#endif
