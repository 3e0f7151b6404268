/* SPDX-License-Identifier: MIT */
/* The list of a bundle's files, and reading them. */
#include "config.h"

#include "lib/proof/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void cf_bundle_init(struct cf_bundle *bundle)
{
  *bundle = (struct cf_bundle){.fd = -1};
  cf_buf_init(&bundle->paths, CF_BUNDLE_FILES_MAX * 64);
}

void cf_bundle_fini(struct cf_bundle *bundle)
{
  free(bundle->files);
  cf_buf_fini(&bundle->paths);
  if (bundle->fd >= 0)
    close(bundle->fd);
  bundle->fd = -1;
}

/* ---- the list ---- */

static bool path_ok(struct cf_str path)
{
  if (path.n == 0 || path.n > CF_BUNDLE_PATH_MAX || path.p[path.n - 1] == '/')
    return false;
  for (size_t i = 0; i < path.n; i++) {
    bool begins = i == 0 || path.p[i - 1] == '/';
    if (path.p[i] <= ' ' || path.p[i] > '~' || path.p[i] == '\\' ||
        (begins && (path.p[i] == '/' || path.p[i] == '.')))
      return false;
  }
  return true;
}

static enum cf_err files_room(struct cf_bundle *bundle, struct cf_fault *fault)
{
  if (bundle->n < bundle->cap)
    return CF_OK;
  if (bundle->n == CF_BUNDLE_FILES_MAX)
    return cf_fail(fault, CF_E_FULL, NULL, "more than %zu files", CF_BUNDLE_FILES_MAX);
  size_t cap = bundle->cap ? 2 * bundle->cap : 64;
  struct cf_bundle_file *files = realloc(bundle->files, cap * sizeof *files);
  if (files == NULL)
    return CF_E_NOMEM;
  bundle->files = files;
  bundle->cap = cap;
  return CF_OK;
}

enum cf_err cf_bundle_add(struct cf_bundle *bundle, struct cf_str path, uint64_t at, uint64_t n,
                          struct cf_fault *fault)
{
  if (!path_ok(path))
    return cf_fail(fault, CF_E_SYNTAX, NULL, "no such name may be in it: %.*s",
                   path.n < 100 ? (int)path.n : 100, path.p);
  enum cf_err err = files_room(bundle, fault);
  if (err != CF_OK)
    return err;
  struct cf_bundle_file file = {.at = at, .n = n, .path = bundle->paths.n};
  cf_buf_putstr(&bundle->paths, path);
  cf_buf_put(&bundle->paths, "", 1);
  if (bundle->paths.err == CF_OK)
    bundle->files[bundle->n++] = file;
  return bundle->paths.err;
}

static int file_compare(const void *a, const void *b, void *paths)
{
  const struct cf_bundle_file *x = a, *y = b;
  return strcmp((const char *)paths + x->path, (const char *)paths + y->path);
}

enum cf_err cf_bundle_sort(struct cf_bundle *bundle, struct cf_fault *fault)
{
  if (bundle->n > 0)
    qsort_r(bundle->files, bundle->n, sizeof *bundle->files, file_compare, bundle->paths.p);
  for (size_t i = 1; i < bundle->n; i++)
    if (file_compare(&bundle->files[i - 1], &bundle->files[i], bundle->paths.p) == 0)
      return cf_fail(fault, CF_E_SYNTAX, cf_bundle_path(bundle, &bundle->files[i]),
                     "it is there twice");
  return CF_OK;
}

size_t cf_bundle_seek(const struct cf_bundle *bundle, struct cf_str path)
{
  size_t low = 0, high = bundle->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (cf_str_cmp(cf_str_from(cf_bundle_path(bundle, &bundle->files[mid])), path) < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

const struct cf_bundle_file *cf_bundle_find(const struct cf_bundle *bundle, struct cf_str path)
{
  size_t i = cf_bundle_seek(bundle, path);
  return i < bundle->n && cf_str_is(path, cf_bundle_path(bundle, &bundle->files[i]))
             ? &bundle->files[i]
             : NULL;
}

/* ---- reading ---- */

/* A file below the directory, by way of directories that are no links. */
static int file_open(int directory, const char *path)
{
  char part[CF_BUNDLE_PATH_MAX + 1];
  int fd = directory;
  for (;;) {
    size_t n = strcspn(path, "/");
    bool last = path[n] == '\0';
    memcpy(part, path, n);
    part[n] = '\0';
    int next =
        openat(fd, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
    if (fd != directory)
      close(fd);
    if (next < 0 || last)
      return next;
    fd = next;
    path += n + 1;
  }
}

enum cf_err cf_bundle_open(const struct cf_bundle *bundle, const struct cf_bundle_file *file,
                           uint64_t from, struct cf_bundle_stream *stream)
{
  *stream = (struct cf_bundle_stream){.fd = bundle->fd,
                                      .own = !bundle->archive,
                                      .at = file->at + from,
                                      .left = from < file->n ? file->n - from : 0};
  if (stream->own)
    stream->fd = file_open(bundle->fd, cf_bundle_path(bundle, file));
  return stream->fd >= 0 ? CF_OK : CF_E_SYSTEM;
}

enum cf_err cf_bundle_read(struct cf_bundle_stream *stream, void *p, size_t n, size_t *got)
{
  ssize_t r;
  if (n > stream->left)
    n = (size_t)stream->left;
  *got = 0;
  if (n == 0)
    return CF_OK;
  do
    r = pread(stream->fd, p, n, (off_t)stream->at);
  while (r < 0 && errno == EINTR);
  if (r <= 0)
    return r < 0 ? CF_E_SYSTEM : CF_E_DAMAGED;
  *got = (size_t)r;
  stream->at += *got;
  stream->left -= *got;
  return CF_OK;
}

void cf_bundle_close(struct cf_bundle_stream *stream)
{
  if (stream->own)
    close(stream->fd);
}

enum cf_err cf_bundle_get(const struct cf_bundle *bundle, struct cf_str path, struct cf_buf *b)
{
  struct cf_bundle_stream stream;
  const struct cf_bundle_file *file = cf_bundle_find(bundle, path);
  if (file == NULL)
    return CF_E_NOTFOUND;
  if (file->n > b->max - b->n)
    return CF_E_FULL;
  size_t got = 1;
  enum cf_err err = cf_bundle_open(bundle, file, 0, &stream);
  if (err != CF_OK)
    return err;
  for (size_t left = (size_t)file->n; err == CF_OK && left > 0; left -= got) {
    uint8_t *p = cf_buf_grow(b, left);
    err = p == NULL ? b->err : cf_bundle_read(&stream, p, left, &got);
    if (err == CF_OK)
      cf_buf_cut(b, left - got);
  }
  cf_bundle_close(&stream);
  return err;
}
