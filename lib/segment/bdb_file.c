/* SPDX-License-Identifier: MIT */
/* The system calls that Berkeley DB makes through us. */
#include "config.h"

#include "lib/segment/bdb_file_in.h"
#include "lib/segment/page_shape_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/file.h"

#define FD_MAX 65536 /* descriptors above cannot be watched */

/* Where a btree page of Berkeley DB 5.3 says what it is, in the byte order of
 * the machine that wrote it. */
enum { PAGE_NUMBER = 8, META_MAGIC = 12, META_FLAGS = 26, PAGE_TYPE = 25, PAGE_HEAD_N = 28 };
enum { TYPE_INTERNAL = 3, TYPE_LEAF = 5, TYPE_OVERFLOW = 7, TYPE_META = 9 };
#define BTREE_MAGIC        0x053162u
#define META_FLAG_CHECKSUM 1

const struct cf_pages cf_bdb_file_unsworn;
static __thread const struct cf_pages *watching;
static __thread bool sparing, verifying;
static __thread const char *confined;                  /* NULL: not */
static const struct cf_pages *_Atomic watched[FD_MAX]; /* by descriptor */
static atomic_int offered = -1;                        /* for the log's next file */

void cf_bdb_file_watch(const struct cf_pages *pages)
{
  watching = pages;
}

void cf_bdb_file_verify(bool on)
{
  verifying = on;
}

int cf_bdb_file_sync(int fd)
{
  int result;

  do
    result = fdatasync(fd);
  while (result != 0 && errno == EINTR);
  if (result != 0)
    cf_die("fsync: %s", strerror(errno));
  return 0;
}

/* What the library gets instead of the file. */
static int stand_in_open(const struct cf_pages *pages)
{
  int fd = memfd_create("counterfoil segment", MFD_CLOEXEC);

  if (fd >= 0 && (ftruncate(fd, (off_t)(pages->n * pages->page)) != 0 ||
                  pwrite(fd, pages->head, CF_PAGES_HEAD, 0) != CF_PAGES_HEAD)) {
    int error = errno;
    close(fd);
    errno = error;
    fd = -1;
  }
  return fd;
}

/* Each open sets or clears its descriptor's place, so that one closed and given
 * out again is never mistaken. */
static int watch_mark(int fd, const struct cf_pages *pages)
{
  if (fd < FD_MAX) {
    atomic_store(&watched[fd], pages);
  } else if (pages != NULL) {
    close(fd);
    errno = EMFILE;
    return -1;
  }
  return fd;
}

/* What the library makes while a file is watched is no part of it: its verify
 * keeps notes there, once its cache is full. */
static int temporary_open(void)
{
  int fd = memfd_create("counterfoil notes", MFD_CLOEXEC);

  return fd < 0 ? fd : watch_mark(fd, NULL);
}

/* ---- names ---- */

void cf_bdb_file_confine(const char *directory)
{
  confined = directory;
}

/* Is it a name in that directory? The library puts the two together with a
 * slash, and takes a name that begins with one as it is. */
static bool is_within(const char *path)
{
  static struct cf_log_rate rate;
  size_t n = confined != NULL ? strlen(confined) : 0;

  if (confined == NULL ||
      (strncmp(path, confined, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL))
    return true;
  cf_log_rated(&rate, CF_LOG_ERROR,
               "the database's log in %s names the file %s, which is none of its own: refused",
               confined, path);
  errno = EPERM;
  return false;
}

int cf_bdb_file_unlink(const char *path)
{
  return is_within(path) && unlink(path) == 0 ? 0 : errno;
}

int cf_bdb_file_rename(const char *from, const char *to)
{
  return is_within(from) && is_within(to) && rename(from, to) == 0 ? 0 : errno;
}

/* What stands in the place of one of our files is neither followed nor waited
 * for. */
static int regular_open(const char *path, int flags, mode_t mode)
{
  struct stat st;
  int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);

  if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
    return fd;
  close(fd);
  errno = EINVAL;
  return -1;
}

/* ---- the log's next file ---- */

void cf_bdb_file_offer(int fd)
{
  int before = atomic_exchange(&offered, fd);

  if (before >= 0)
    (void)close(before);
}

bool cf_bdb_file_offered(void)
{
  return atomic_load(&offered) >= 0;
}

/* What was offered gets the name of a file of the log that is about to be made,
 * unless there is one of that name. Where that fails the library makes one that
 * is empty. */
static void offer_take(const char *path)
{
  const char *name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
  char self[32];

  if (strncmp(name, "log.", 4) != 0 || strspn(name + 4, "0123456789") != strlen(name + 4))
    return;
  int fd = atomic_exchange(&offered, -1);
  if (fd < 0)
    return;
  (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 && fsync(fd) != 0)
    cf_die("fsync of %s: %s", path, strerror(errno));
  (void)close(fd);
}

int cf_bdb_file_open(const char *path, int flags, ...)
{
  int mode = 0;
  va_list args;

  if (flags & O_CREAT) {
    va_start(args, flags);
    mode = va_arg(args, int);
    va_end(args);
  }
  if (!is_within(path))
    return -1;
  if (flags & O_CREAT)
    offer_take(path);
  if (flags & O_CREAT && watching != NULL)
    return temporary_open();
  bool known = watching != NULL && watching->sums != NULL;
  int fd = known ? stand_in_open(watching) : regular_open(path, flags, (mode_t)mode);
  if (fd >= 0)
    fd = watch_mark(fd, watching);
  if (fd >= 0 && flags & O_CREAT)
    if (!cf_file_sync_name(path))
      cf_die("fsync of the directory of %s: %s", path, strerror(errno));
  return fd;
}

static uint32_t word_at(const uint8_t *page, size_t at)
{
  uint32_t word;

  memcpy(&word, page + at, sizeof word);
  return word;
}

/* A page that says it is a metadata page is checked by the library over its
 * first 512 bytes only, and not at all unless it says so itself. */
bool cf_bdb_file_page_belongs(const uint8_t *page, size_t n, off_t at)
{
  if (n < PAGE_HEAD_N || at % (off_t)n != 0)
    return true;
  if (word_at(page, PAGE_NUMBER) != (uint64_t)at / n)
    return false;
  uint8_t type = page[PAGE_TYPE];
  if (type == TYPE_META)
    return word_at(page, META_MAGIC) == BTREE_MAGIC && (page[META_FLAGS] & META_FLAG_CHECKSUM);
  return type == TYPE_INTERNAL || type == TYPE_LEAF || type == TYPE_OVERFLOW;
}

static const struct cf_pages *pages_of(int fd)
{
  return fd < FD_MAX ? atomic_load(&watched[fd]) : NULL;
}

static ssize_t read_unsworn(int fd, void *page, size_t n, off_t at)
{
  if (pread(fd, page, n, at) != (ssize_t)n || !cf_bdb_file_page_belongs(page, n, at))
    memset(page, 0xa5, n);
  return (ssize_t)n;
}

static ssize_t read_known(const struct cf_pages *pages, void *page, size_t n, off_t at)
{
  static struct cf_log_rate rate;

  if (n == pages->page && at % (off_t)n == 0 && cf_pages_read(pages, (uint64_t)at / n, page) &&
      cf_page_shape_ok(pages, (uint64_t)at / n, page))
    return (ssize_t)n;
  cf_log_rated(&rate, CF_LOG_ERROR,
               "%s: damaged: the page at %lld is not what was written, or none", pages->path,
               (long long)at);
  errno = EINVAL;
  return -1;
}

ssize_t cf_bdb_file_read(int fd, void *page, size_t n, off_t at)
{
  const struct cf_pages *pages = pages_of(fd);

  if (pages == NULL)
    return pread(fd, page, n, at);
  return pages->sums == NULL ? read_unsworn(fd, page, n, at) : read_known(pages, page, n, at);
}

int cf_bdb_file_seek(int fd, off_t at, int whence)
{
  const struct cf_pages *pages = pages_of(fd);

  if (pages != NULL && pages->sums != NULL && !(verifying && at == 0))
    return EINVAL;
  return lseek(fd, at, whence) < 0 ? errno : 0;
}

void cf_bdb_file_spare(bool on)
{
  sparing = on;
}

static bool is_zero(const uint8_t *p, size_t n)
{
  return n > 0 && p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* How many of n bytes at `at` lie in front of the first hole, or of the file's
 * end. This and the next leave the descriptor's place anywhere. */
static size_t before_hole(int fd, off_t at, size_t n)
{
  off_t hole = lseek(fd, at, SEEK_HOLE);

  return hole < at ? 0 : hole - at < (off_t)n ? (size_t)(hole - at) : n;
}

static bool is_void(int fd, off_t at, size_t n)
{
  off_t data = n > 0 ? lseek(fd, at, SEEK_DATA) : at;

  return data < 0 ? errno == ENXIO : data >= at + (off_t)n;
}

/* Write zeros as far as there is something to write them over; false where it
 * cannot be told, or none may be left out. */
static bool write_few(int fd, const void *zeros, size_t n, off_t at)
{
  size_t few = before_hole(fd, at, n);
  off_t end = at + (off_t)n;
  struct stat st;

  if (few == n || !is_void(fd, at + (off_t)few, n - few) || fstat(fd, &st) != 0)
    return false;
  if (st.st_size < end && ftruncate(fd, end) != 0)
    return false;
  return few == 0 || pwrite(fd, zeros, few, at) == (ssize_t)few;
}

/* All of it, or -1: the library takes a short write, as a full disk gives, for
 * a failed one, whose reason is whatever errno was left at. */
static ssize_t write_whole(int fd, const void *p, size_t n)
{
  return cf_file_write(fd, (struct cf_str){p, n}) ? (ssize_t)n : -1;
}

ssize_t cf_bdb_file_write(int fd, const void *p, size_t n)
{
  off_t at = sparing && is_zero(p, n) ? lseek(fd, 0, SEEK_CUR) : -1;

  if (at < 0)
    return write_whole(fd, p, n);
  bool few = write_few(fd, p, n, at);
  if (lseek(fd, few ? at + (off_t)n : at, SEEK_SET) < 0)
    return -1;
  return few ? (ssize_t)n : write_whole(fd, p, n);
}
