/* SPDX-License-Identifier: MIT */
/* A directory's files, as the list of a parcel. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proof/parcel.h"

#define DEPTH_MAX 16 /* of directories */

struct look {
  struct cf_parcel *parcel;
  struct cf_fault *fault;
  struct cf_buf path; /* of what is looked at */
};

static enum cf_err directory_look(struct look *look, int fd, unsigned depth);

static enum cf_err entry_fail(struct look *look, enum cf_err err, const char *what)
{
  return cf_fail(look->fault, err, cf_buf_cstr(&look->path), "%s", what);
}

static enum cf_err entry_take(struct look *look, int directory, const char *name, unsigned depth)
{
  struct stat st;
  if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return cf_fail_errno(look->fault, CF_E_SYSTEM, cf_buf_cstr(&look->path), "it cannot be read");
  if (S_ISREG(st.st_mode))
    return cf_parcel_add(look->parcel, cf_buf_str(&look->path), 0, (uint64_t)st.st_size,
                         look->fault);
  if (!S_ISDIR(st.st_mode))
    return entry_fail(look, CF_E_SYNTAX, "it is neither a file nor a directory");
  if (depth == DEPTH_MAX)
    return entry_fail(look, CF_E_SYNTAX, "too many directories in each other");
  int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return cf_fail_errno(look->fault, CF_E_SYSTEM, cf_buf_cstr(&look->path), "it cannot be read");
  cf_buf_putc(&look->path, '/');
  return directory_look(look, fd, depth + 1);
}

/* Closes fd. */
static enum cf_err directory_look(struct look *look, int fd, unsigned depth)
{
  size_t n = look->path.n;
  enum cf_err err = CF_OK;
  DIR *d = fdopendir(fd);
  if (d == NULL) {
    close(fd);
    return cf_fail_errno(look->fault, CF_E_SYSTEM, cf_buf_cstr(&look->path), "it cannot be read");
  }
  for (struct dirent *e; err == CF_OK && (e = readdir(d)) != NULL;) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
      continue;
    cf_buf_puts(&look->path, e->d_name);
    err = look->path.err == CF_OK ? entry_take(look, fd, e->d_name, depth)
                                  : cf_fail(look->fault, CF_E_SYNTAX, e->d_name, "a path too long");
    cf_buf_cut(&look->path, look->path.n - n);
  }
  closedir(d);
  return err;
}

enum cf_err cf_parcel_open_directory(struct cf_parcel *parcel, const char *path,
                                     struct cf_fault *fault)
{
  struct look look = {.parcel = parcel, .fault = fault};
  parcel->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int fd = parcel->fd < 0 ? -1 : openat(parcel->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "it cannot be read");
  cf_buf_init(&look.path, CF_PARCEL_PATH_MAX);
  enum cf_err err = directory_look(&look, fd, 0);
  cf_buf_fini(&look.path);
  return err == CF_OK ? cf_parcel_sort(parcel, fault) : err;
}
