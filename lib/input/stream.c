/* SPDX-License-Identifier: MIT */
/* Text out of a descriptor, unpacked on the way. */
#include "config.h"

#include "lib/input/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/input/packing.h"

#define IN_N 65536

struct cf_stream {
  bool any;
  enum cf_packing packing;
  struct cf_unpacking *unpacking; /* NULL before the first read */
  bool file_ended, archive_ended;
  enum cf_err err;               /* what comes behind the text that was unpacked so far */
  size_t in_at, in_n;            /* of `in`, not yet unpacked: from in_at, in_n bytes */
  size_t first_at, first_n;      /* the same of `first`, not yet given */
  uint8_t first[CF_STREAM_LOOK]; /* the text's begin, which was looked at */
  uint8_t in[IN_N];
};

enum cf_err cf_stream_new(bool any, struct cf_stream **stream)
{
  struct cf_stream *made = malloc(sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  memset(made, 0, offsetof(struct cf_stream, first));
  made->any = any;
  made->packing = CF_PACKING_PLAIN;
  made->archive_ended = true;
  *stream = made;
  return CF_OK;
}

void cf_stream_free(struct cf_stream *stream)
{
  if (stream != NULL)
    cf_unpacking_free(stream->unpacking);
  free(stream);
}

const char *cf_stream_packing(const struct cf_stream *stream)
{
  return cf_packing_name(stream->packing);
}

/* Read until there are `wanted` bytes to unpack, or the file ends. */
static enum cf_err file_read(struct cf_stream *s, int fd, size_t wanted)
{
  while (s->in_n < wanted && !s->file_ended) {
    if (s->in_n == 0)
      s->in_at = 0;
    ssize_t got = read(fd, s->in + s->in_at + s->in_n, IN_N - s->in_at - s->in_n);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return CF_E_SYSTEM;
    s->in_n += (size_t)got;
    s->file_ended = got == 0;
  }
  return CF_OK;
}

/* The same for one byte, which is no NUL behind an archive: tapes and xz fill
 * up so. */
static enum cf_err archive_read(struct cf_stream *s, int fd)
{
  bool between = s->archive_ended && s->packing != CF_PACKING_PLAIN;
  enum cf_err err;
  do {
    err = file_read(s, fd, 1);
    for (; between && s->in_n > 0 && s->in[s->in_at] == '\0'; s->in_n--)
      s->in_at++;
  } while (err == CF_OK && s->in_n == 0 && !s->file_ended);
  return err;
}

/* Unpack some of what there is. */
static enum cf_err text_unpack(struct cf_stream *s, uint8_t *out, size_t max, size_t *n)
{
  struct cf_flow flow = {s->in + s->in_at, s->in_n, out, max, false};
  enum cf_err err = cf_unpacking_step(s->unpacking, &flow);
  bool stands = flow.in_n == s->in_n && flow.out_n == max && !flow.ended;
  *n = max - flow.out_n;
  s->in_at += s->in_n - flow.in_n;
  s->in_n = flow.in_n;
  s->archive_ended = flow.ended;
  if (err == CF_OK && stands && (s->file_ended || s->in_n > 0))
    err = CF_E_SYNTAX;
  return err;
}

/* Up to max bytes of the text, once its packing is known. */
static enum cf_err text_read(struct cf_stream *s, int fd, uint8_t *out, size_t max, size_t *n)
{
  *n = 0;
  while (*n == 0 && s->err == CF_OK) {
    enum cf_err err = archive_read(s, fd);
    if (err != CF_OK)
      return err;
    if (s->in_n == 0 && s->archive_ended)
      return CF_OK;
    s->err = text_unpack(s, out, max, n);
  }
  return *n > 0 ? CF_OK : s->err;
}

/* A NUL behind a byte of its line that is none. */
static bool is_binary(struct cf_str text)
{
  bool at_begin = true;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] == '\0' && !at_begin)
      return true;
    at_begin = text.p[i] == '\n' || (at_begin && text.p[i] == '\0');
  }
  return false;
}

static enum cf_err stream_begin(struct cf_stream *s, int fd)
{
  enum cf_err err = file_read(s, fd, CF_PACKING_LOOK);
  if (err != CF_OK)
    return err;
  s->packing = cf_packing_of((struct cf_str){(const char *)s->in, s->in_n});
  err = cf_unpacking_new(s->packing, &s->unpacking);
  size_t n = 1;
  while (err == CF_OK && n > 0 && s->first_n < sizeof s->first) {
    err = text_read(s, fd, s->first + s->first_n, sizeof s->first - s->first_n, &n);
    s->first_n += n;
  }
  if (!s->any && is_binary((struct cf_str){(const char *)s->first, s->first_n}))
    err = CF_E_CONFIG;
  s->err = err;
  return err == CF_OK || s->first_n > 0 ? CF_OK : err;
}

enum cf_err cf_stream_read(struct cf_stream *s, int fd, void *out, size_t max, size_t *n)
{
  if (s->unpacking == NULL) {
    enum cf_err err = stream_begin(s, fd);
    if (err != CF_OK)
      return err;
  }
  if (s->err == CF_E_CONFIG)
    return s->err;
  if (s->first_n == 0)
    return text_read(s, fd, out, max, n);
  *n = s->first_n < max ? s->first_n : max;
  memcpy(out, s->first + s->first_at, *n);
  s->first_at += *n;
  s->first_n -= *n;
  return CF_OK;
}
