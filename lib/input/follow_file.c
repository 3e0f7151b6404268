/* SPDX-License-Identifier: MIT */
/* A file that is followed: what may be opened at the path, and its place among
 * those that are read. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/die.h"
#include "lib/base/way.h"
#include "lib/input/follow_in.h"

bool cf_follow_compressed(int fd)
{
  static const struct {
    size_t at;
    struct cf_str bytes;
    /* gzip, zstd, xz, bzip2 */
  } magics[] = {{0, {"\x1f\x8b", 2}},
                {0, {"\x28\xb5\x2f\xfd", 4}},
                {0, {"\3757zXZ", 5}},
                {4, {"1AY&SY", 6}}};
  char start[16] = {0};
  if (pread(fd, start, sizeof start, 0) <= 0)
    return false;
  for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
    if (memcmp(start + magics[i].at, magics[i].bytes.p, magics[i].bytes.n) == 0)
      return true;
  return false;
}

static enum cf_err check_kind(const struct cf_follow *f, bool standard, int fd,
                              const struct stat *st, struct cf_fault *fault)
{
  bool only_files = f->rules.on || (f->rules.only_files && !standard);
  if (S_ISDIR(st->st_mode) || (only_files && !S_ISREG(st->st_mode)))
    return cf_fail(fault, CF_E_CONFIG, f->path, "is no regular file%s",
                   S_ISDIR(st->st_mode) || f->rules.on ? "" : "; as root it takes --pipe");
  if (S_ISREG(st->st_mode) && cf_follow_compressed(fd))
    return cf_fail(fault, CF_E_CONFIG, f->path,
                   "is compressed; give its text to `counterfoil import -`");
  return CF_OK;
}

/* The path, which is no "-". */
static enum cf_err path_open(const struct cf_follow *f, int *fd, struct cf_fault *fault)
{
  bool waits = !f->rules.on && !f->rules.only_files;
  int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (waits ? 0 : O_NONBLOCK);
  if (f->rules.no_links)
    return cf_way_open(f->path, flags, NULL, NULL, fd, fault);
  int got = open(f->path, flags);
  if (got < 0)
    return cf_fail_errno(fault, errno == ENOENT ? CF_E_NOTFOUND : CF_E_SYSTEM, f->path,
                         "cannot open it");
  *fd = got;
  return CF_OK;
}

enum cf_err cf_follow_open(const struct cf_follow *f, int *fd, struct stat *st,
                           struct cf_fault *fault)
{
  int got = -1;
  enum cf_err err = CF_OK;
  if (strcmp(f->path, "-") == 0)
    got = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  else
    err = path_open(f, &got, fault);
  if (err == CF_E_NOTFOUND && !f->rules.on)
    err = CF_E_SYSTEM;
  if (err != CF_OK)
    return err;
  if (got < 0 || fstat(got, st) != 0)
    err = cf_fail_errno(fault, CF_E_SYSTEM, f->path, "cannot open it");
  else
    err = check_kind(f, strcmp(f->path, "-") == 0, got, st, fault);
  if (err == CF_OK)
    *fd = got;
  else if (got >= 0)
    close(got);
  return err;
}

struct cf_followed *cf_follow_add(struct cf_follow *f, int fd, const struct stat *st,
                                  uint64_t offset, const char *head)
{
  CF_ASSERT(f->files_n < CF_FILES_MAX);
  struct cf_followed *file = &f->files[f->files_n++];
  *file = (struct cf_followed){.fd = fd,
                               .device = st->st_dev,
                               .inode = st->st_ino,
                               .given = offset,
                               .safe = offset,
                               .heard_us = cf_clock_mono_us()};
  file->modified_us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
  cf_lines_init(&file->lines, offset);
  memcpy(file->head, head, strlen(head) + 1);
  return file;
}
