/* SPDX-License-Identifier: MIT */
/* A copy of a directory of plain files, below TMPDIR. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/ledger/ledger_in.h"

#define PART_BYTES 65536

/* CF_E_DAMAGED: it cannot be read. */
static enum cf_err bytes_copy(int from, int to)
{
  char *part = malloc(PART_BYTES);
  ssize_t n = 0;
  bool written = true;
  if (part == NULL)
    return CF_E_NOMEM;
  while (written && ((n = read(from, part, PART_BYTES)) > 0 || (n < 0 && errno == EINTR)))
    written = n < 0 || cf_file_write(to, (struct cf_str){part, (size_t)n});
  free(part);
  return !written       ? (errno == ENOSPC || errno == EDQUOT ? CF_E_SPACE : CF_E_SYSTEM)
         : n == 0       ? CF_OK
         : errno == EIO ? CF_E_DAMAGED
                        : CF_E_SYSTEM;
}

static enum cf_err file_copy(int from, void *context, const char *name, struct cf_fault *fault)
{
  int to = *(const int *)context;
  struct stat st;
  int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (in >= 0 && fstat(in, &st) == 0 && !S_ISREG(st.st_mode)) {
    (void)close(in);
    return CF_OK;
  }
  int out = in < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  enum cf_err err = out < 0 ? CF_E_SYSTEM : bytes_copy(in, out);
  if (err != CF_OK && err != CF_E_NOMEM)
    err = cf_fail_errno(
        fault, err, name,
        in < 0 || err == CF_E_DAMAGED
            ? "cannot be read"
            : "cannot be copied to a temporary directory: let TMPDIR name one with room for it");
  if (in >= 0)
    (void)close(in);
  if (out >= 0)
    (void)close(out);
  return err;
}

/* Add up, in no order, what changes with a file: whoever writes to one, makes
 * or removes one changes the sum. */
static enum cf_err file_stamp(int directory, void *context, const char *name,
                              struct cf_fault *fault)
{
  uint64_t *sum = context;
  struct stat st;
  if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? CF_OK : cf_fail_errno(fault, CF_E_SYSTEM, name, "cannot look at it");
  const uint64_t parts[] = {(uint64_t)st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_ctim.tv_sec,
                            (uint64_t)st.st_ctim.tv_nsec};
  uint64_t one = 0;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    one = (one ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15);
  *sum += one;
  return CF_OK;
}

/* Call each(directory, context, name) for what is in the directory. */
static enum cf_err names_walk(int at, const char *path,
                              enum cf_err (*each)(int directory, void *context, const char *name,
                                                  struct cf_fault *fault),
                              void *context, struct cf_fault *fault)
{
  int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = fd < 0 ? NULL : fdopendir(fd);
  if (d == NULL) {
    if (fd >= 0)
      (void)close(fd);
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot read the directory");
  }
  enum cf_err err = CF_OK;
  struct dirent *e;
  while (err == CF_OK && (errno = 0, e = readdir(d)) != NULL)
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
      err = each(dirfd(d), context, e->d_name, fault);
  if (err == CF_OK && errno != 0)
    err = cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot read the directory");
  (void)closedir(d);
  return err;
}

static enum cf_err file_remove(int directory, void *context, const char *name,
                               struct cf_fault *fault)
{
  (void)context;
  (void)fault;
  (void)unlinkat(directory, name, 0);
  return CF_OK;
}

void cf_scratch_remove(const char *path)
{
  if (names_walk(AT_FDCWD, path, file_remove, NULL, NULL) == CF_OK)
    (void)rmdir(path);
}

/* CF_E_LOCKED: somebody wrote to it meanwhile, and may have gone again. */
static enum cf_err directory_copy(int at, const char *name, int to, struct cf_fault *fault)
{
  uint64_t before = 0, after = 0;
  enum cf_err err = names_walk(at, name, file_stamp, &before, fault);
  if (err == CF_OK)
    err = names_walk(at, name, file_copy, &to, fault);
  if (err == CF_OK)
    err = names_walk(at, name, file_stamp, &after, fault);
  return err == CF_OK && before != after
             ? cf_fail(fault, CF_E_LOCKED, name,
                       "an owner wrote to it while it was copied: stop it first")
             : err;
}

enum cf_err cf_scratch_make(int directory, const char *name, char **path, struct cf_fault *fault)
{
  const char *parent = getenv("TMPDIR");
  char *made = NULL;
  if (asprintf(&made, "%s/counterfoil-evidence-XXXXXX",
               parent != NULL && *parent == '/' ? parent : "/tmp") < 0)
    return CF_E_NOMEM;
  enum cf_err err = CF_OK;
  if (mkdtemp(made) == NULL) {
    err = cf_fail_errno(
        fault, CF_E_SYSTEM, made,
        "cannot make a temporary directory: let TMPDIR name one that can be written to");
    free(made);
    return err;
  }
  int to = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  err = to < 0 ? cf_fail_errno(fault, CF_E_SYSTEM, made, "cannot open the directory")
               : directory_copy(directory, name, to, fault);
  if (to >= 0)
    (void)close(to);
  if (err == CF_OK) {
    *path = made;
    return CF_OK;
  }
  cf_scratch_remove(made);
  free(made);
  return err;
}
