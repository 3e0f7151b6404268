/* SPDX-License-Identifier: MIT */
/* What each page of a segment's file must be. Beside the file stands
 * `<name>.sums`: the SHA-256 of each page, 32 bytes a page, in order. The
 * SHA-256 of that is the segment's digest, which the catalogue has, and the
 * chain (format.md, kind `segment`): whoever knows it can tell of any page
 * whether it is the one that was written.
 *
 * Errors: CF_E_DAMAGED, also of a file that cannot be opened for any reason of
 * its own; CF_E_STORE where none can be just now (descriptors); each with its
 * reason. CF_E_NOMEM. */
#ifndef CF_SEGMENT_PAGES_IN_H
#define CF_SEGMENT_PAGES_IN_H

#include <stdatomic.h>

#include "lib/base/crypto.h"

#define CF_PAGES_HEAD 512 /* what the library reads of a file before it asks for pages */

struct cf_pages {
  char *path;                  /* of the file, for messages */
  int fd;                      /* of the file */
  uint32_t page;               /* bytes; the file's own size of pages */
  uint64_t n;                  /* pages */
  uint8_t *sums;               /* CF_HASH_N bytes a page */
  atomic_uchar *said;          /* of each page: what it is (page_shape_in.h) */
  uint8_t head[CF_PAGES_HEAD]; /* the beginning of the file, as it was written */
};
/* bytes of memory that the sums take */
static inline size_t cf_pages_memory(const struct cf_pages *pages)
{
  return (size_t)pages->n * CF_HASH_N;
}

/* Can the file be opened, and has it so many bytes? CF_E_DAMAGED: no. */
CF_MUST enum cf_err cf_pages_size_check(const char *path, uint64_t bytes, struct cf_fault *fault);

/* The sums of a file as it is now. stopped, where not NULL, is asked for each
 * page with its context; true: CF_E_LEAVING. */
CF_MUST enum cf_err cf_pages_sum(const char *path, bool (*stopped)(void *context), void *context,
                                 struct cf_pages **pages, struct cf_fault *fault);
/* A file of so many bytes and its sums, which must be those of the digest. Of
 * its pages nothing is read yet, and `head` is not there. */
CF_MUST enum cf_err cf_pages_load(const char *path, uint64_t bytes, const uint8_t digest[CF_HASH_N],
                                  struct cf_pages **pages, struct cf_fault *fault);
/* Write the sums beside the file that is, or will be, at path; they are on disk
 * when this returns. CF_E_SPACE too; an fsync that fails ends the process. */
CF_MUST enum cf_err cf_pages_put(const struct cf_pages *pages, const char *path,
                                 struct cf_fault *fault);
void cf_pages_digest(const struct cf_pages *pages, uint8_t digest[CF_HASH_N]);
void cf_pages_free(struct cf_pages *pages); /* NULL is harmless */

/* Read the page k, pages->page bytes. false: it cannot be read, or is not the
 * one that was written; what stands in p then is not to be looked at. */
CF_MUST bool cf_pages_read(const struct cf_pages *pages, uint64_t k, uint8_t *p);

/* Read the n ≤ CF_PAGES_AT_ONCE pages from k on, n times pages->page bytes: how
 * many of them, from the first on, are those that were written. */
#define CF_PAGES_AT_ONCE 4
size_t cf_pages_read_some(const struct cf_pages *pages, uint64_t k, size_t n, uint8_t *p);

/* Fill in `head`. */
CF_MUST enum cf_err cf_pages_read_head(struct cf_pages *pages, struct cf_fault *fault);

#endif
