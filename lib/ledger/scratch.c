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

static enum cf_err bytes_copy(int from, int to)
{
  char *part = malloc(PART_BYTES);
  ssize_t n = 0;
  if (part == NULL)
    return CF_E_NOMEM;
  while ((n = read(from, part, PART_BYTES)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0 && !cf_file_write(to, (struct cf_str){part, (size_t)n})) {
      n = -1;
      break;
    }
  free(part);
  return n == 0 ? CF_OK : CF_E_SYSTEM;
}

static enum cf_err file_copy(int from, int to, const char *name, struct cf_fault *fault)
{
  struct stat st;
  int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (in >= 0 && fstat(in, &st) == 0 && !S_ISREG(st.st_mode)) {
    (void)close(in);
    return CF_OK;
  }
  int out = in < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  enum cf_err err = out < 0 ? CF_E_SYSTEM : bytes_copy(in, out);
  if (err == CF_E_SYSTEM)
    err = cf_fail_errno(fault, err, name, "cannot copy it to a temporary directory (TMPDIR)");
  if (in >= 0)
    (void)close(in);
  if (out >= 0)
    (void)close(out);
  return err;
}

/* Call each(directory, to, name) for what is in the directory. */
static enum cf_err names_walk(int at, const char *path, int to,
                              enum cf_err (*each)(int directory, int to, const char *name,
                                                  struct cf_fault *fault),
                              struct cf_fault *fault)
{
  int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = fd < 0 ? NULL : fdopendir(fd);
  if (d == NULL) {
    if (fd >= 0)
      (void)close(fd);
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot read the directory");
  }
  enum cf_err err = CF_OK;
  for (struct dirent *e; err == CF_OK && (e = readdir(d)) != NULL;)
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
      err = each(dirfd(d), to, e->d_name, fault);
  (void)closedir(d);
  return err;
}

static enum cf_err file_remove(int directory, int to, const char *name, struct cf_fault *fault)
{
  (void)to;
  (void)fault;
  (void)unlinkat(directory, name, 0);
  return CF_OK;
}

void cf_scratch_remove(const char *path)
{
  if (names_walk(AT_FDCWD, path, -1, file_remove, NULL) == CF_OK)
    (void)rmdir(path);
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
    err = cf_fail_errno(fault, CF_E_SYSTEM, made, "cannot make a temporary directory");
    free(made);
    return err;
  }
  int to = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  err = to < 0 ? cf_fail_errno(fault, CF_E_SYSTEM, made, "cannot open the directory")
               : names_walk(directory, name, to, file_copy, fault);
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
