/* SPDX-License-Identifier: MIT */
/* A bundle's tar into a directory. */
#include "config.h"

#include "fcgi-app/command/untar_in.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/file.h"

#define SIZE_AT   124
#define SIZE_N    11
#define TYPE_AT   156
#define PAX_MAX   64 /* bytes: one line, of the size */
#define NAME_SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

static enum cf_err no_tar(struct cf_fault *fault)
{
  return cf_fail(fault, CF_E_SYNTAX, NULL, "the answer is no tar of a bundle");
}

/* ---- files ---- */

/* Of parts that are plain, none of which leads up. */
static bool name_ok(const char *name)
{
  struct cf_str rest = cf_str_from(name);
  while (rest.n > 0) {
    struct cf_str part = cf_str_cut(&rest, '/');
    if (part.n == 0 || part.p[0] == '.' || strspn(part.p, NAME_SAFE) < part.n)
      return false;
  }
  return name[0] != '\0' && name[strlen(name) - 1] != '/';
}

/* Make the directories that lead to it. */
static bool parents_make(int directory, const char *name)
{
  char path[CF_TAR_NAME_N + 1];
  for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    size_t n = (size_t)(slash - name);
    memcpy(path, name, n);
    path[n] = '\0';
    if (mkdirat(directory, path, 0700) != 0 && errno != EEXIST)
      return false;
  }
  return true;
}

static enum cf_err file_open(struct cf_untar *u, const char *name, struct cf_fault *fault)
{
  if (!name_ok(name))
    return no_tar(fault);
  if (parents_make(u->directory, name))
    u->fd = cf_file_make(u->directory, name, O_WRONLY | O_EXCL);
  return u->fd >= 0 ? CF_OK : cf_fail_errno(fault, CF_E_SYSTEM, name, "cannot be written");
}

static enum cf_err file_close(struct cf_untar *u, struct cf_fault *fault)
{
  int fd = u->fd;
  u->fd = -1;
  return fd < 0 || close(fd) == 0
             ? CF_OK
             : cf_fail_errno(fault, CF_E_SYSTEM, NULL, "a file cannot be written");
}

/* ---- headers ---- */

static bool octal_get(const uint8_t *p, size_t n, uint64_t *v)
{
  *v = 0;
  for (size_t i = 0; i < n; i++) {
    if (p[i] < '0' || p[i] > '7')
      return false;
    *v = *v << 3 | (uint64_t)(p[i] - '0');
  }
  return true;
}

/* "20 size=8589934592 LF". */
static bool pax_get(struct cf_str line, uint64_t *size)
{
  struct cf_str length = cf_str_cut(&line, ' '), name = cf_str_cut(&line, '=');
  return length.n > 0 && cf_str_is(name, "size") && line.n > 1 && line.p[line.n - 1] == '\n' &&
         cf_u64_parse((struct cf_str){line.p, line.n - 1}, INT64_MAX, size) == CF_OK;
}

static enum cf_err header_take(struct cf_untar *u, struct cf_fault *fault)
{
  static const uint8_t zeros[CF_TAR_BLOCK];
  const uint8_t *p = u->block.p;
  char name[CF_TAR_NAME_N + 1] = {0};
  memcpy(name, p, CF_TAR_NAME_N);
  u->ended = memcmp(p, zeros, sizeof zeros) == 0;
  u->pax = p[TYPE_AT] == 'x';
  bool known = u->pax || p[TYPE_AT] == '0';
  if (u->ended)
    return CF_OK;
  if (!known || !octal_get(p + SIZE_AT, SIZE_N, &u->left) || (u->pax && u->left > PAX_MAX))
    return no_tar(fault);
  if (!u->pax && u->size != UINT64_MAX)
    u->left = u->size;
  u->size = UINT64_MAX;
  u->padding = cf_tar_padding(u->left);
  return u->pax ? CF_OK : file_open(u, name, fault);
}

/* ---- bytes ---- */

static enum cf_err content_take(struct cf_untar *u, struct cf_str bytes, struct cf_fault *fault)
{
  u->left -= bytes.n;
  if (u->pax)
    cf_buf_putstr(&u->block, bytes);
  else if (!cf_file_write(u->fd, bytes))
    return cf_fail_errno(fault, CF_E_SYSTEM, NULL, "a file cannot be written");
  return u->block.err;
}

/* A file, or a header, is whole. */
static enum cf_err content_end(struct cf_untar *u, struct cf_fault *fault)
{
  bool pax = u->pax;
  u->pax = false;
  if (pax && !pax_get(cf_buf_str(&u->block), &u->size))
    return no_tar(fault);
  cf_buf_reset(&u->block);
  return file_close(u, fault);
}

static enum cf_err step(struct cf_untar *u, struct cf_str *bytes, struct cf_fault *fault)
{
  bool inside = u->fd >= 0 || u->pax;
  uint64_t want = inside ? u->left : u->padding > 0 ? u->padding : CF_TAR_BLOCK - u->block.n;
  size_t n = want < bytes->n ? (size_t)want : bytes->n;
  struct cf_str part = {bytes->p, n};
  enum cf_err err = CF_OK;
  *bytes = cf_str_behind(*bytes, n);
  if (inside)
    return content_take(u, part, fault);
  if (u->padding > 0) {
    u->padding -= (unsigned)n;
    return CF_OK;
  }
  cf_buf_putstr(&u->block, part);
  if (u->block.err == CF_OK && u->block.n == CF_TAR_BLOCK) {
    err = header_take(u, fault);
    cf_buf_reset(&u->block);
  }
  return err == CF_OK ? u->block.err : err;
}

enum cf_err cf_untar_put(struct cf_untar *u, struct cf_str bytes, struct cf_fault *fault)
{
  enum cf_err err = CF_OK;
  while (bytes.n > 0 && err == CF_OK && !u->ended) {
    err = step(u, &bytes, fault);
    if (err == CF_OK && u->left == 0 && (u->fd >= 0 || u->pax))
      err = content_end(u, fault);
  }
  return err;
}

/* ---- the whole ---- */

enum cf_err cf_untar_open(struct cf_untar *u, const char *path, struct cf_fault *fault)
{
  *u = (struct cf_untar){.directory = -1, .fd = -1, .size = UINT64_MAX};
  cf_buf_init(&u->block, CF_TAR_BLOCK);
  if (mkdir(path, 0700) == 0)
    u->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return u->directory >= 0
             ? CF_OK
             : cf_fail_errno(fault, CF_E_SYSTEM, path, "the directory cannot be made");
}

enum cf_err cf_untar_close(struct cf_untar *u, struct cf_fault *fault)
{
  return u->ended ? CF_OK : no_tar(fault);
}

void cf_untar_fini(struct cf_untar *u)
{
  if (u->fd >= 0)
    close(u->fd);
  if (u->directory >= 0)
    close(u->directory);
  cf_buf_fini(&u->block);
}
