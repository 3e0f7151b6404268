/* SPDX-License-Identifier: MIT */
/* A tar, read once from its beginning to its end and listed (POSIX.1-1988
 * ustar; of pax the records `path` and `size`). What is packed by zstd, or
 * cannot be read twice, goes into a file without a name first. Anything but
 * regular files and directories is refused, and so is a byte that nothing
 * accounts for: padding is of zeros, and behind the end there is nothing else.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/file.h"
#include "lib/base/pack.h"
#include "lib/base/tar.h"
#include "lib/proof/parcel.h"

#define PAX_MAX   4096                 /* bytes of a pax header */
#define CHUNK     ((size_t)64 << 10)   /* read at once, of what is packed */
#define UNPACKED  ((size_t)16 << 20)   /* that may come of one chunk in a step */
#define SWELL_N   ((uint64_t)64 << 20) /* bytes, from which on … */
#define SWELL_MAX 256                  /* … it may be so many times as long as it is packed */
#define TRAIL_MAX 20                   /* blocks of zeros at the end: tar's own record */

struct tar {
  struct cf_parcel *parcel;
  struct cf_fault *fault;
  uint64_t at, n; /* in the file, and its length */
  bool has_path, has_size;
  char path[CF_PARCEL_PATH_MAX + 1]; /* of the pax header in front */
  uint64_t size;
};

/* ---- headers ---- */

static enum cf_err tar_fail(struct tar *t, const char *what)
{
  return cf_fail(t->fault, CF_E_SYNTAX, NULL, "the tar is not one: %s, at byte %llu", what,
                 (unsigned long long)t->at);
}

static enum cf_err tar_read(struct tar *t, void *p, size_t n)
{
  struct cf_parcel_stream stream = {.fd = t->parcel->fd, .at = t->at, .left = t->n - t->at};
  uint8_t *out = p;
  for (size_t got; n > 0; n -= got, out += got) {
    enum cf_err err = cf_parcel_read(&stream, out, n, &got);
    if (err != CF_OK)
      return err;
    if (got == 0)
      return tar_fail(t, "it ends too early");
  }
  t->at = stream.at;
  return CF_OK;
}

static bool is_zero(const uint8_t *p, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (p[i] != 0)
      return false;
  return true;
}

/* Octal digits, then a NUL or a space, or the end of the field. */
static bool octal_get(const uint8_t *field, size_t n, uint64_t *v)
{
  size_t i = 0;
  *v = 0;
  for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
    *v = *v << 3 | (uint64_t)(field[i] - '0');
  return i > 0 && (i == n || field[i] == '\0' || field[i] == ' ');
}

/* Its own bytes count as spaces; they are six digits, a NUL, a space. */
static bool sum_ok(const uint8_t block[CF_TAR_BLOCK])
{
  uint64_t told, sum = 8 * ' ';
  for (size_t i = 0; i < CF_TAR_BLOCK; i++)
    sum += i >= CF_TAR_AT_SUM && i < CF_TAR_AT_SUM + 8 ? 0 : block[i];
  return octal_get(block + CF_TAR_AT_SUM, 6, &told) && told == sum &&
         block[CF_TAR_AT_SUM + 6] == '\0' && block[CF_TAR_AT_SUM + 7] == ' ';
}

static struct cf_str field(const uint8_t *p, size_t n)
{
  return (struct cf_str){(const char *)p, strnlen((const char *)p, n)};
}

/* prefix/name, without the slash of a directory and without "./" in front. */
static enum cf_err name_get(struct tar *t, const uint8_t block[CF_TAR_BLOCK], struct cf_buf *name)
{
  struct cf_str prefix = field(block + CF_TAR_AT_PREFIX, CF_TAR_PREFIX_N);
  if (t->has_path) {
    cf_buf_puts(name, t->path);
  } else {
    cf_buf_putstr(name, prefix);
    if (prefix.n > 0)
      cf_buf_putc(name, '/');
    cf_buf_putstr(name, field(block + CF_TAR_AT_NAME, CF_TAR_NAME_N));
  }
  return name->err == CF_E_FULL ? tar_fail(t, "a name is too long") : name->err;
}

static struct cf_str name_cut(const struct cf_buf *name)
{
  struct cf_str s = cf_buf_str(name);
  if (cf_str_starts(s, CF_STR("./")))
    s = cf_str_behind(s, 2);
  if (s.n > 0 && s.p[s.n - 1] == '/')
    s.n--;
  return s;
}

/* ---- pax ---- */

static enum cf_err pax_take(struct tar *t, struct cf_str name, struct cf_str value)
{
  if (cf_str_is(name, "path") && value.n <= CF_PARCEL_PATH_MAX && !memchr(value.p, 0, value.n)) {
    memcpy(t->path, value.p, value.n);
    t->path[value.n] = '\0';
    t->has_path = true;
    return CF_OK;
  }
  if (cf_str_is(name, "size") && cf_u64_parse(value, INT64_MAX, &t->size) == CF_OK) {
    t->has_size = true;
    return CF_OK;
  }
  static const char *const idle[] = {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname"};
  for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
    if (cf_str_is(name, idle[i]))
      return CF_OK;
  return tar_fail(t, "a pax header says what it may not");
}

/* "20 size=8589934592 LF": a number that counts the whole record. */
static enum cf_err pax_parse(struct tar *t, struct cf_str text)
{
  while (text.n > 0) {
    struct cf_str left = text;
    uint64_t n;
    struct cf_str digits = cf_str_cut(&left, ' ');
    if (cf_u64_parse(digits, text.n, &n) != CF_OK || n < digits.n + 3 || text.p[n - 1] != '\n')
      return tar_fail(t, "a pax header is not of its form");
    struct cf_str value = {left.p, (size_t)n - digits.n - 2};
    struct cf_str name = cf_str_cut(&value, '=');
    enum cf_err err = pax_take(t, name, value);
    if (err != CF_OK)
      return err;
    text = cf_str_behind(text, (size_t)n);
  }
  return CF_OK;
}

static uint64_t padded(uint64_t n)
{
  return n + (CF_TAR_BLOCK - n % CF_TAR_BLOCK) % CF_TAR_BLOCK;
}

static enum cf_err pax_read(struct tar *t, uint64_t n)
{
  uint8_t text[PAX_MAX + CF_TAR_BLOCK];
  if (t->has_path || t->has_size || n > PAX_MAX)
    return tar_fail(t, "a pax header is too long, or there are two");
  enum cf_err err = tar_read(t, text, (size_t)padded(n));
  if (err == CF_OK && !is_zero(text + n, (size_t)(padded(n) - n)))
    err = tar_fail(t, "padding is not of zeros");
  return err == CF_OK ? pax_parse(t, (struct cf_str){(const char *)text, (size_t)n}) : err;
}

/* ---- members ---- */

/* Behind the header of a file: remember where it lies, and go on behind it. */
static enum cf_err file_take(struct tar *t, struct cf_str name, uint64_t n)
{
  uint8_t rest[CF_TAR_BLOCK];
  if (n > t->n - t->at || padded(n) > t->n - t->at)
    return tar_fail(t, "a file is longer than what is there");
  enum cf_err err = cf_parcel_add(t->parcel, name, t->at, n, t->fault);
  t->at += n;
  if (err == CF_OK)
    err = tar_read(t, rest, (size_t)(padded(n) - n));
  return err == CF_OK && !is_zero(rest, (size_t)(padded(n) - n))
             ? tar_fail(t, "padding is not of zeros")
             : err;
}

static enum cf_err member_take(struct tar *t, const uint8_t block[CF_TAR_BLOCK], uint64_t n)
{
  struct cf_buf name;
  char type = (char)block[CF_TAR_AT_TYPE];
  bool directory = type == '5';
  if (type != '0' && type != '\0' && !directory)
    return tar_fail(t, "it holds something that is neither a file nor a directory");
  n = t->has_size ? t->size : n;
  if (directory && n > 0)
    return tar_fail(t, "a directory has content");
  cf_buf_init(&name, CF_PARCEL_PATH_MAX + 2);
  enum cf_err err = name_get(t, block, &name);
  if (err == CF_OK && !directory)
    err = file_take(t, name_cut(&name), n);
  cf_buf_fini(&name);
  t->has_path = t->has_size = false;
  return err;
}

/* The second block of zeros, and no more than zeros behind it. */
static enum cf_err end_take(struct tar *t)
{
  uint8_t block[CF_TAR_BLOCK];
  unsigned blocks = 1;
  enum cf_err err = CF_OK;
  for (; err == CF_OK && t->at < t->n && blocks <= TRAIL_MAX; blocks++) {
    err = tar_read(t, block, CF_TAR_BLOCK);
    if (err == CF_OK && !is_zero(block, CF_TAR_BLOCK))
      err = tar_fail(t, "something comes behind its end");
  }
  if (err == CF_OK && (blocks < 2 || t->at < t->n || t->has_path || t->has_size))
    err = tar_fail(t, "its end is not of its form");
  return err;
}

static enum cf_err header_take(struct tar *t, bool *more)
{
  uint8_t block[CF_TAR_BLOCK];
  uint64_t n;
  enum cf_err err = tar_read(t, block, CF_TAR_BLOCK);
  if (err != CF_OK)
    return err;
  *more = !is_zero(block, CF_TAR_BLOCK);
  if (!*more)
    return end_take(t);
  if (!sum_ok(block) || memcmp(block + CF_TAR_AT_MAGIC, "ustar", 5) != 0 ||
      !octal_get(block + CF_TAR_AT_SIZE, CF_TAR_SIZE_N, &n))
    return tar_fail(t, "a header is not of its form");
  return block[CF_TAR_AT_TYPE] == 'x' ? pax_read(t, n) : member_take(t, block, n);
}

static enum cf_err tar_list(struct cf_parcel *parcel, uint64_t n, struct cf_fault *fault)
{
  struct tar t = {.parcel = parcel, .fault = fault, .n = n};
  enum cf_err err = CF_OK;
  for (bool more = true; err == CF_OK && more;)
    err = header_take(&t, &more);
  return err == CF_OK ? cf_parcel_sort(parcel, fault) : err;
}

/* ---- what it comes from ---- */

bool cf_parcel_is_tar(struct cf_str head)
{
  return cf_str_starts(head, CF_STR("\x28\xb5\x2f\xfd")) ||
         (head.n >= CF_TAR_BLOCK && memcmp(head.p + CF_TAR_AT_MAGIC, "ustar", 5) == 0);
}

static enum cf_err scratch_open(struct cf_parcel *parcel, struct cf_fault *fault)
{
  const char *place = getenv("TMPDIR");
  place = place != NULL && place[0] != '\0' ? place : "/tmp";
  parcel->fd = open(place, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  return parcel->fd >= 0 ? CF_OK
                         : cf_fail_errno(fault, CF_E_SYSTEM, place,
                                         "no file can be made there to unpack into: set TMPDIR");
}

struct unpacking {
  struct cf_parcel *parcel;
  struct cf_fault *fault;
  struct cf_unpacker *unpacker; /* NULL: it is not packed */
  struct cf_buf out;
  uint64_t max, n;   /* bytes */
  uint64_t packed_n; /* of what they came of */
};

static enum cf_err chunk_write(struct unpacking *u, struct cf_str bytes)
{
  u->n += bytes.n;
  if (u->n > u->max)
    return cf_fail(u->fault, CF_E_FULL, NULL, "unpacked it is larger than %llu bytes: see --max",
                   (unsigned long long)u->max);
  if (u->unpacker != NULL && u->n > SWELL_N && u->n / SWELL_MAX > u->packed_n)
    return cf_fail(u->fault, CF_E_SYNTAX, NULL, "it swells as no bundle does");
  return cf_file_write(u->parcel->fd, bytes)
             ? CF_OK
             : cf_fail_errno(u->fault, CF_E_SYSTEM, NULL, "it cannot be unpacked into TMPDIR");
}

/* A little at a time, so that what swells is not in memory at once. */
static enum cf_err chunk_unpack(struct unpacking *u, struct cf_str bytes)
{
  enum cf_err err = CF_OK;
  if (u->unpacker == NULL)
    return chunk_write(u, bytes);
  while (err == CF_OK && bytes.n > 0) {
    size_t n = bytes.n < 512 ? bytes.n : 512;
    u->packed_n += n;
    cf_buf_reset(&u->out);
    err = cf_unpacker_feed(u->unpacker, bytes.p, n, &u->out);
    if (err == CF_E_SYNTAX || err == CF_E_FULL)
      err = cf_fail(u->fault, CF_E_SYNTAX, NULL, "what is packed by zstd is not of its form");
    if (err == CF_OK)
      err = chunk_write(u, cf_buf_str(&u->out));
    bytes = cf_str_behind(bytes, n);
  }
  return err;
}

static enum cf_err unpack_all(struct unpacking *u, int fd)
{
  enum cf_err err = CF_OK;
  char *chunk = malloc(CHUNK);
  ssize_t n = 1;
  if (chunk == NULL)
    return CF_E_NOMEM;
  while (err == CF_OK && n > 0) {
    do
      n = read(fd, chunk, CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
      err = cf_fail_errno(u->fault, CF_E_SYSTEM, NULL, "it cannot be read");
    else
      err = chunk_unpack(u, (struct cf_str){chunk, (size_t)n});
  }
  free(chunk);
  if (err == CF_OK && u->unpacker != NULL && !cf_unpacker_done(u->unpacker))
    err = cf_fail(u->fault, CF_E_SYNTAX, NULL, "what is packed by zstd ends too early");
  return err;
}

/* What was read of it already comes first. */
static enum cf_err spool(struct unpacking *u, int fd, struct cf_str head)
{
  enum cf_err err = scratch_open(u->parcel, u->fault);
  if (err == CF_OK && cf_str_starts(head, CF_STR("\x28\xb5\x2f\xfd")))
    err = cf_unpacker_new(&u->unpacker);
  cf_buf_init(&u->out, UNPACKED);
  if (err == CF_OK)
    err = chunk_unpack(u, head);
  if (err == CF_OK)
    err = unpack_all(u, fd);
  cf_buf_fini(&u->out);
  cf_unpacker_free(u->unpacker);
  return err;
}

enum cf_err cf_parcel_open_tar(struct cf_parcel *parcel, int fd, struct cf_str head, uint64_t max,
                               struct cf_fault *fault)
{
  struct unpacking u = {.parcel = parcel, .fault = fault, .max = max};
  struct stat st;
  bool packed = cf_str_starts(head, CF_STR("\x28\xb5\x2f\xfd"));
  if (fstat(fd, &st) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, NULL, "it cannot be read");
  parcel->archive = true;
  if (S_ISREG(st.st_mode) && !packed) {
    parcel->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return parcel->fd >= 0 ? tar_list(parcel, (uint64_t)st.st_size, fault)
                           : cf_fail_errno(fault, CF_E_SYSTEM, NULL, "it cannot be read");
  }
  enum cf_err err = spool(&u, fd, head);
  return err == CF_OK ? tar_list(parcel, u.n, fault) : err;
}
