/* SPDX-License-Identifier: MIT */
/* A file that is followed: what may be opened at the path, and its place among
 * those that are read. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/file.h"
#include "lib/input/follow_in.h"
#include "lib/input/packing.h"

bool cf_follow_packed(int fd)
{
  char begin[CF_PACKING_LOOK];
  ssize_t n = pread(fd, begin, sizeof begin, 0);
  return n > 0 && cf_packing_of((struct cf_str){begin, (size_t)n}) != CF_PACKING_PLAIN;
}

static enum cf_err check_kind(const struct cf_follow *f, bool standard, int fd,
                              const struct stat *st, struct cf_fault *fault)
{
  bool only_files = f->rules.on || (f->rules.only_files && !standard);
  if (S_ISDIR(st->st_mode) || (only_files && !S_ISREG(st->st_mode)))
    return cf_fail(fault, CF_E_CONFIG, f->path, "is no regular file%s",
                   S_ISDIR(st->st_mode) || f->rules.on ? "" : "; as root it takes --pipe");
  if (f->rules.on && cf_follow_packed(fd))
    return cf_fail(fault, CF_E_CONFIG, f->path, "is compressed; import it without --follow");
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
    err = cf_opener_file(&f->rules.opener, f->path, &got, fault);
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
                               .modified_us = cf_file_modified_us(st),
                               .heard_us = cf_clock_mono_us()};
  cf_lines_init(&file->lines, offset);
  memcpy(file->head, head, strlen(head) + 1);
  return file;
}

void cf_follow_miss(struct cf_follow *f, const char *format, ...)
{
  char what[sizeof f->gap.what];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(what, sizeof what, format, args);
  va_end(args);
  cf_log(CF_LOG_WARNING, "%s; lines may be lost", what);
  f->gap.last_us = cf_clock_now_us();
  if (f->gap.count++ > 0)
    return;
  f->gap.first_us = f->looked_us < f->gap.last_us ? f->looked_us : f->gap.last_us;
  memcpy(f->gap.what, what, sizeof what);
}
