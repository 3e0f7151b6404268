/* SPDX-License-Identifier: MIT */
/* The sums of a file's pages: made, written, loaded, and each page held against
 * its own. */
#include "config.h"

#include "lib/segment/pages_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/die.h"
#include "lib/base/file.h"
#include "lib/segment/segment.h"

#define FILE_MODE 0640
#define PAGE_MIN  512u
#define PAGE_MAX  (64u << 10)
/* where the metadata page of Berkeley DB 5.3 has them, in the byte order of the
 * machine that wrote it */
#define META_MAGIC_AT 12
#define META_PAGE_AT  20
#define META_N        24
#define BTREE_MAGIC   0x053162u

static bool is_page_size(uint64_t n)
{
  return n >= PAGE_MIN && n <= PAGE_MAX && (n & (n - 1)) == 0;
}

/* ---- files ---- */

/* Nothing can be opened just now: that is no fault of the file. One that nobody
 * may read is as good as gone, and whoever restored it has to hear of it. */
static bool is_short(int error)
{
  return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* A regular file, for reading, and its size. */
static enum cf_err file_open(const char *path, int *out, uint64_t *bytes, struct cf_fault *fault)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0)
    return errno == ENOENT || errno == ENOTDIR
               ? cf_fail(fault, CF_E_DAMAGED, NULL, "%s is missing", path)
               : cf_fail_errno(fault, is_short(errno) ? CF_E_STORE : CF_E_DAMAGED, NULL,
                               "%s cannot be opened", path);
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    close(fd);
    return cf_fail(fault, CF_E_DAMAGED, NULL, "%s is not a regular file", path);
  }
  *out = fd;
  *bytes = (uint64_t)st.st_size;
  return CF_OK;
}

static enum cf_err size_check(const char *path, uint64_t have, uint64_t bytes,
                              struct cf_fault *fault)
{
  return have == bytes ? CF_OK
                       : cf_fail(fault, CF_E_DAMAGED, NULL, "%s does not have its size", path);
}

enum cf_err cf_pages_size_check(const char *path, uint64_t bytes, struct cf_fault *fault)
{
  uint64_t have;
  int fd;

  enum cf_err err = file_open(path, &fd, &have, fault);
  if (err != CF_OK)
    return err;
  close(fd);
  return size_check(path, have, bytes, fault);
}

static bool file_read(int fd, uint64_t at, uint8_t *p, size_t n)
{
  while (n > 0) {
    ssize_t got = pread(fd, p, n, (off_t)at);
    if (got == 0 || (got < 0 && errno != EINTR))
      return false;
    if (got > 0) {
      p += got;
      n -= (size_t)got;
      at += (uint64_t)got;
    }
  }
  return true;
}

static enum cf_err pages_new(const char *path, struct cf_pages **out, uint64_t *bytes,
                             struct cf_fault *fault)
{
  struct cf_pages *pages = calloc(1, sizeof *pages);

  if (pages == NULL)
    return CF_E_NOMEM;
  pages->fd = -1;
  pages->path = strdup(path);
  enum cf_err err = pages->path == NULL ? CF_E_NOMEM : file_open(path, &pages->fd, bytes, fault);
  if (err != CF_OK) {
    cf_pages_free(pages);
    return err;
  }
  *out = pages;
  return CF_OK;
}

void cf_pages_free(struct cf_pages *pages)
{
  if (pages == NULL)
    return;
  if (pages->fd >= 0)
    close(pages->fd);
  free(pages->path);
  free(pages->sums);
  free(pages->said);
  free(pages);
}

/* ---- sums of a file ---- */

/* The size of pages that the file says it has, and how many it has then. */
static bool size_pages(struct cf_pages *pages, uint64_t bytes)
{
  uint8_t meta[META_N];
  uint32_t magic, page;

  if (!file_read(pages->fd, 0, meta, sizeof meta))
    return false;
  memcpy(&magic, meta + META_MAGIC_AT, sizeof magic);
  memcpy(&page, meta + META_PAGE_AT, sizeof page);
  if (magic == __builtin_bswap32(BTREE_MAGIC))
    page = __builtin_bswap32(page);
  else if (magic != BTREE_MAGIC)
    return false;
  if (!is_page_size(page) || bytes % page != 0)
    return false;
  pages->page = page;
  pages->n = bytes / page;
  return true;
}

static enum cf_err sum_all(struct cf_pages *pages, bool (*stopped)(void *context), void *context)
{
  uint8_t *page = malloc(pages->page);
  enum cf_err err = CF_OK;

  pages->sums = malloc(cf_pages_memory(pages));
  pages->said = calloc(pages->n, sizeof *pages->said);
  if (page == NULL || pages->sums == NULL || pages->said == NULL)
    err = CF_E_NOMEM;
  for (uint64_t k = 0; k < pages->n && err == CF_OK; k++) {
    if (stopped != NULL && stopped(context))
      err = CF_E_LEAVING;
    else if (file_read(pages->fd, k * pages->page, page, pages->page))
      cf_sha256_1(page, pages->page, pages->sums + k * CF_HASH_N);
    else
      err = CF_E_DAMAGED;
  }
  if (err == CF_OK)
    err = cf_pages_read_head(pages, NULL);
  free(page);
  return err;
}

enum cf_err cf_pages_sum(const char *path, bool (*stopped)(void *context), void *context,
                         struct cf_pages **out, struct cf_fault *fault)
{
  struct cf_pages *pages = NULL;
  uint64_t bytes;

  enum cf_err err = pages_new(path, &pages, &bytes, fault);
  if (err != CF_OK)
    return err;
  err = size_pages(pages, bytes) ? sum_all(pages, stopped, context) : CF_E_DAMAGED;
  if (err != CF_OK) {
    cf_pages_free(pages);
    return cf_fail(fault, err, NULL, "%s cannot be read as pages", path);
  }
  *out = pages;
  return CF_OK;
}

void cf_pages_digest(const struct cf_pages *pages, uint8_t digest[CF_HASH_N])
{
  cf_sha256_1(pages->sums, cf_pages_memory(pages), digest);
}

enum cf_err cf_pages_put(const struct cf_pages *pages, const char *path, struct cf_fault *fault)
{
  char *sums = NULL;

  if (asprintf(&sums, "%s" CF_SEGMENT_SUMS, path) < 0)
    return CF_E_NOMEM;
  enum cf_err err = cf_file_replace(AT_FDCWD, sums, FILE_MODE,
                                    (struct cf_str){(char *)pages->sums, cf_pages_memory(pages)});
  if (err == CF_E_UNKNOWN)
    cf_die("fsync of %s: %s", sums, strerror(errno));
  if (err != CF_OK)
    err = cf_fail_errno(fault, err == CF_E_SPACE ? err : CF_E_STORE, NULL, "%s cannot be written",
                        sums);
  free(sums);
  return err;
}

/* ---- sums of a digest ---- */

/* How many sums there are gives the size of a page: what the file itself says
 * is not believed before its first page is known to be good. */
static enum cf_err take_sums(struct cf_pages *pages, uint64_t bytes, int fd, uint64_t sums_n)
{
  uint64_t n = sums_n / CF_HASH_N;

  if (n == 0 || sums_n % CF_HASH_N != 0 || bytes % n != 0 || !is_page_size(bytes / n))
    return CF_E_DAMAGED;
  pages->n = n;
  pages->page = (uint32_t)(bytes / n);
  pages->sums = malloc((size_t)sums_n);
  pages->said = calloc((size_t)n, sizeof *pages->said);
  if (pages->sums == NULL || pages->said == NULL)
    return CF_E_NOMEM;
  return file_read(fd, 0, pages->sums, (size_t)sums_n) ? CF_OK : CF_E_DAMAGED;
}

static enum cf_err load_sums(struct cf_pages *pages, uint64_t bytes,
                             const uint8_t digest[CF_HASH_N], struct cf_fault *fault)
{
  uint8_t have[CF_HASH_N];
  char *path = NULL;
  uint64_t sums_n;
  int fd;

  if (asprintf(&path, "%s" CF_SEGMENT_SUMS, pages->path) < 0)
    return CF_E_NOMEM;
  enum cf_err err = file_open(path, &fd, &sums_n, fault);
  if (err == CF_OK) {
    err = take_sums(pages, bytes, fd, sums_n);
    close(fd);
    if (err == CF_OK)
      cf_pages_digest(pages, have);
    if (err == CF_E_DAMAGED || (err == CF_OK && !cf_equal(have, digest, sizeof have)))
      err = cf_fail(fault, CF_E_DAMAGED, NULL, "%s is not what was written with the segment", path);
  }
  free(path);
  return err;
}

enum cf_err cf_pages_load(const char *path, uint64_t bytes, const uint8_t digest[CF_HASH_N],
                          struct cf_pages **out, struct cf_fault *fault)
{
  struct cf_pages *pages = NULL;
  uint64_t have;

  enum cf_err err = pages_new(path, &pages, &have, fault);
  if (err != CF_OK)
    return err;
  err = size_check(path, have, bytes, fault);
  if (err == CF_OK)
    err = load_sums(pages, bytes, digest, fault);
  if (err != CF_OK) {
    cf_pages_free(pages);
    return err;
  }
  *out = pages;
  return CF_OK;
}

bool cf_pages_read(const struct cf_pages *pages, uint64_t k, uint8_t *p)
{
  uint8_t sum[CF_HASH_N];

  if (k >= pages->n || !file_read(pages->fd, k * pages->page, p, pages->page))
    return false;
  cf_sha256_1(p, pages->page, sum);
  return cf_equal(sum, pages->sums + k * CF_HASH_N, sizeof sum);
}

size_t cf_pages_read_some(const struct cf_pages *pages, uint64_t k, size_t n, uint8_t *p)
{
  struct cf_sha256_text text[CF_PAGES_AT_ONCE] = {{.out = NULL}};
  uint8_t sum[CF_PAGES_AT_ONCE][CF_HASH_N];
  size_t there = 0, good = 0;

  CF_ASSERT(n <= CF_PAGES_AT_ONCE && k <= pages->n && n <= pages->n - k);
  for (; there < n && file_read(pages->fd, (k + there) * pages->page, p, pages->page); there++) {
    text[there] = (struct cf_sha256_text){.body = {(char *)p, pages->page}, .out = sum[there]};
    p += pages->page;
  }
  cf_sha256_each(text, there);
  while (good < there && cf_equal(sum[good], pages->sums + (k + good) * CF_HASH_N, CF_HASH_N))
    good++;
  return good;
}

enum cf_err cf_pages_read_head(struct cf_pages *pages, struct cf_fault *fault)
{
  uint8_t *first = malloc(pages->page);
  enum cf_err err = CF_OK;

  if (first == NULL)
    return CF_E_NOMEM;
  if (cf_pages_read(pages, 0, first))
    memcpy(pages->head, first, sizeof pages->head);
  else
    err = cf_fail(fault, CF_E_DAMAGED, NULL, "%s: its first page is not what was written",
                  pages->path);
  free(first);
  return err;
}
