/* SPDX-License-Identifier: MIT */
/* The system calls that Berkeley DB makes through us. */
#include "config.h"

#include "lib/segment/bdb_file_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/die.h"
#include "lib/base/file.h"

#define FD_MAX 65536 /* descriptors above are not watched: checksums alone guard them */

/* Where a btree page of Berkeley DB 5.3 says what it is, in the byte order of
 * the machine that wrote it. */
enum { PAGE_NUMBER = 8, META_MAGIC = 12, META_FLAGS = 26, PAGE_TYPE = 25, PAGE_HEAD_N = 28 };
enum { TYPE_INTERNAL = 3, TYPE_LEAF = 5, TYPE_OVERFLOW = 7, TYPE_META = 9 };
#define BTREE_MAGIC        0x053162u
#define META_FLAG_CHECKSUM 1

static __thread bool watching;
static __thread bool sparing;
static atomic_uchar watched[FD_MAX / 8];

void cf_bdb_file_watch(bool on)
{
  watching = on;
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

/* Each open sets or clears its descriptor's bit, so that one closed and given
 * out again is never mistaken. */
static void watch_mark(int fd)
{
  unsigned char bit = (unsigned char)(1u << (fd % 8));

  if (fd >= FD_MAX)
    return;
  if (watching)
    atomic_fetch_or(&watched[fd / 8], bit);
  else
    atomic_fetch_and(&watched[fd / 8], (unsigned char)~bit);
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
  int fd = open(path, flags | O_CLOEXEC, (mode_t)mode);
  if (fd < 0)
    return fd;
  watch_mark(fd);
  if (flags & O_CREAT)
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
static bool page_belongs(const uint8_t *page, size_t n, off_t at)
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

ssize_t cf_bdb_file_read(int fd, void *page, size_t n, off_t at)
{
  ssize_t got = pread(fd, page, n, at);

  if (fd >= FD_MAX || !(atomic_load(&watched[fd / 8]) & (1u << (fd % 8))))
    return got;
  if (got == (ssize_t)n && page_belongs(page, n, at))
    return got;
  memset(page, 0xa5, n);
  return (ssize_t)n;
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

ssize_t cf_bdb_file_write(int fd, const void *p, size_t n)
{
  off_t at = sparing && is_zero(p, n) ? lseek(fd, 0, SEEK_CUR) : -1;

  if (at < 0)
    return write(fd, p, n);
  bool few = write_few(fd, p, n, at);
  if (lseek(fd, few ? at + (off_t)n : at, SEEK_SET) < 0)
    return -1;
  return few ? (ssize_t)n : write(fd, p, n);
}
