/* SPDX-License-Identifier: MIT */
/* The list of a parcel's files, and reading them. */
#include "config.h"

#include "lib/proof/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void cf_parcel_init(struct cf_parcel *parcel)
{
  *parcel = (struct cf_parcel){.fd = -1};
  cf_buf_init(&parcel->paths, CF_PARCEL_FILES_MAX * 64);
}

void cf_parcel_fini(struct cf_parcel *parcel)
{
  free(parcel->files);
  cf_buf_fini(&parcel->paths);
  if (parcel->fd >= 0)
    close(parcel->fd);
  parcel->fd = -1;
}

/* ---- the list ---- */

static bool path_ok(struct cf_str path)
{
  if (path.n == 0 || path.n > CF_PARCEL_PATH_MAX || path.p[path.n - 1] == '/')
    return false;
  for (size_t i = 0; i < path.n; i++) {
    bool begins = i == 0 || path.p[i - 1] == '/';
    if (path.p[i] <= ' ' || path.p[i] > '~' || path.p[i] == '\\' ||
        (begins && (path.p[i] == '/' || path.p[i] == '.')))
      return false;
  }
  return true;
}

static enum cf_err files_room(struct cf_parcel *parcel, struct cf_fault *fault)
{
  if (parcel->n < parcel->cap)
    return CF_OK;
  if (parcel->n == CF_PARCEL_FILES_MAX)
    return cf_fail(fault, CF_E_FULL, NULL, "more than %zu files", CF_PARCEL_FILES_MAX);
  size_t cap = parcel->cap ? 2 * parcel->cap : 64;
  struct cf_parcel_file *files = realloc(parcel->files, cap * sizeof *files);
  if (files == NULL)
    return CF_E_NOMEM;
  parcel->files = files;
  parcel->cap = cap;
  return CF_OK;
}

enum cf_err cf_parcel_add(struct cf_parcel *parcel, struct cf_str path, uint64_t at, uint64_t n,
                          struct cf_fault *fault)
{
  if (!path_ok(path))
    return cf_fail(fault, CF_E_SYNTAX, NULL, "no such name may be in it: %.*s",
                   path.n < 100 ? (int)path.n : 100, path.p);
  enum cf_err err = files_room(parcel, fault);
  if (err != CF_OK)
    return err;
  struct cf_parcel_file file = {.at = at, .n = n, .path = parcel->paths.n};
  cf_buf_putstr(&parcel->paths, path);
  cf_buf_put(&parcel->paths, "", 1);
  if (parcel->paths.err == CF_OK)
    parcel->files[parcel->n++] = file;
  return parcel->paths.err;
}

static int file_compare(const void *a, const void *b, void *paths)
{
  const struct cf_parcel_file *x = a, *y = b;
  return strcmp((const char *)paths + x->path, (const char *)paths + y->path);
}

enum cf_err cf_parcel_sort(struct cf_parcel *parcel, struct cf_fault *fault)
{
  if (parcel->n > 0)
    qsort_r(parcel->files, parcel->n, sizeof *parcel->files, file_compare, parcel->paths.p);
  for (size_t i = 1; i < parcel->n; i++)
    if (file_compare(&parcel->files[i - 1], &parcel->files[i], parcel->paths.p) == 0)
      return cf_fail(fault, CF_E_SYNTAX, cf_parcel_path(parcel, &parcel->files[i]),
                     "it is there twice");
  return CF_OK;
}

size_t cf_parcel_seek(const struct cf_parcel *parcel, struct cf_str path)
{
  size_t low = 0, high = parcel->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (cf_str_cmp(cf_str_from(cf_parcel_path(parcel, &parcel->files[mid])), path) < 0)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

const struct cf_parcel_file *cf_parcel_find(const struct cf_parcel *parcel, struct cf_str path)
{
  size_t i = cf_parcel_seek(parcel, path);
  return i < parcel->n && cf_str_is(path, cf_parcel_path(parcel, &parcel->files[i]))
             ? &parcel->files[i]
             : NULL;
}

/* ---- reading ---- */

/* A file below the directory, by way of directories that are no links. */
static int file_open(int directory, const char *path)
{
  char part[CF_PARCEL_PATH_MAX + 1];
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

enum cf_err cf_parcel_open(const struct cf_parcel *parcel, const struct cf_parcel_file *file,
                           uint64_t from, struct cf_parcel_stream *stream)
{
  *stream = (struct cf_parcel_stream){.fd = parcel->fd,
                                      .own = !parcel->archive,
                                      .at = file->at + from,
                                      .left = from < file->n ? file->n - from : 0};
  if (stream->own)
    stream->fd = file_open(parcel->fd, cf_parcel_path(parcel, file));
  return stream->fd >= 0 ? CF_OK : CF_E_SYSTEM;
}

enum cf_err cf_parcel_read(struct cf_parcel_stream *stream, void *p, size_t n, size_t *got)
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

void cf_parcel_close(struct cf_parcel_stream *stream)
{
  if (stream->own)
    close(stream->fd);
}

enum cf_err cf_parcel_get_at(const struct cf_parcel *parcel, const struct cf_parcel_file *file,
                             uint64_t at, void *p, size_t n)
{
  struct cf_parcel_stream stream;
  uint8_t *out = p;
  size_t got = 1;
  enum cf_err err = cf_parcel_open(parcel, file, at, &stream);
  if (err != CF_OK)
    return err;
  for (; err == CF_OK && n > 0 && got > 0; n -= got, out += got)
    err = cf_parcel_read(&stream, out, n, &got);
  cf_parcel_close(&stream);
  return err == CF_OK && n > 0 ? CF_E_DAMAGED : err;
}

enum cf_err cf_parcel_get(const struct cf_parcel *parcel, struct cf_str path, struct cf_buf *b)
{
  const struct cf_parcel_file *file = cf_parcel_find(parcel, path);
  if (file == NULL)
    return CF_E_NOTFOUND;
  if (file->n > b->max - b->n)
    return CF_E_FULL;
  uint8_t *p = cf_buf_grow(b, (size_t)file->n);
  return p != NULL || file->n == 0 ? cf_parcel_get_at(parcel, file, 0, p, (size_t)file->n) : b->err;
}

/* ---- lines ---- */

#define LINES_CHUNK 65536

enum cf_err cf_parcel_lines_open(const struct cf_parcel *parcel, const struct cf_parcel_file *file,
                                 size_t max, struct cf_parcel_lines *lines)
{
  *lines = (struct cf_parcel_lines){.given = 0};
  enum cf_err err = cf_parcel_open(parcel, file, 0, &lines->stream);
  if (err == CF_OK)
    cf_buf_init(&lines->text, max + LINES_CHUNK);
  return err;
}

/* What was given goes, and more is read behind the rest. */
static enum cf_err lines_fill(struct cf_parcel_lines *lines)
{
  struct cf_buf *text = &lines->text;
  size_t got = 0;
  if (lines->given > 0)
    memmove(text->p, text->p + lines->given, text->n - lines->given);
  cf_buf_cut(text, lines->given);
  lines->given = 0;
  uint8_t *p = cf_buf_grow(text, LINES_CHUNK);
  if (p == NULL)
    return text->err == CF_E_FULL ? CF_E_SYNTAX : text->err;
  enum cf_err err = cf_parcel_read(&lines->stream, p, LINES_CHUNK, &got);
  cf_buf_cut(text, LINES_CHUNK - got);
  return err == CF_OK && got == 0 ? CF_E_SYNTAX : err;
}

enum cf_err cf_parcel_lines_next(struct cf_parcel_lines *lines, struct cf_str *line, bool *more)
{
  struct cf_str left = {"", 0};
  if (lines->text.n > 0)
    left = cf_str_behind(cf_buf_str(&lines->text), lines->given);
  const char *end;
  *more = left.n > 0 || lines->stream.left > 0;
  if (!*more)
    return CF_OK;
  while (left.n == 0 || (end = memchr(left.p, '\n', left.n)) == NULL) {
    enum cf_err err = lines_fill(lines);
    if (err != CF_OK)
      return err;
    left = cf_buf_str(&lines->text);
  }
  *line = (struct cf_str){left.p, (size_t)(end - left.p)};
  lines->given += line->n + 1;
  lines->at = lines->next;
  lines->next += line->n + 1;
  return CF_OK;
}

void cf_parcel_lines_close(struct cf_parcel_lines *lines)
{
  cf_buf_fini(&lines->text);
  cf_parcel_close(&lines->stream);
}
