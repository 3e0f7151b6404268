/* SPDX-License-Identifier: MIT */
/* Packing answers. */
#include "config.h"

#include "fcgi-app/http/gzip.h"

#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "lib/base/die.h"

/* For text like ours a larger window or more memory makes it no smaller, and a
 * higher level half as fast. */
#define LEVEL  3
#define WINDOW (13 + 16) /* with a gzip header */
#define MEMORY 7
#define CHUNK  8192
#define PIECE  (1U << 30) /* zlib counts in unsigned int */

struct cf_gzip {
  z_stream stream;
  uint8_t chunk[CHUNK];
};

enum cf_err cf_gzip_new(struct cf_gzip **gzip)
{
  struct cf_gzip *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  if (deflateInit2(&made->stream, LEVEL, Z_DEFLATED, WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
    free(made);
    return CF_E_NOMEM;
  }
  *gzip = made;
  return CF_OK;
}

void cf_gzip_free(struct cf_gzip *gzip)
{
  if (gzip != NULL)
    deflateEnd(&gzip->stream);
  free(gzip);
}

/* Until nothing more comes out. */
static enum cf_err chunks_write(struct cf_gzip *gzip, int flush,
                                enum cf_err (*write)(void *context, const void *p, size_t n),
                                void *context)
{
  enum cf_err err = CF_OK;
  do {
    gzip->stream.next_out = gzip->chunk;
    gzip->stream.avail_out = CHUNK;
    CF_ASSERT(deflate(&gzip->stream, flush) != Z_STREAM_ERROR);
    size_t n = CHUNK - gzip->stream.avail_out;
    if (n > 0)
      err = write(context, gzip->chunk, n);
  } while (err == CF_OK && gzip->stream.avail_out == 0);
  return err;
}

enum cf_err cf_gzip_put(struct cf_gzip *gzip, struct cf_str s, enum cf_gzip_then then,
                        enum cf_err (*write)(void *context, const void *p, size_t n), void *context)
{
  static const int flushes[] =
      {[CF_GZIP_GO_ON] = Z_NO_FLUSH, [CF_GZIP_FLUSH] = Z_SYNC_FLUSH, [CF_GZIP_END] = Z_FINISH};
  enum cf_err err = CF_OK;
  do {
    size_t n = s.n < PIECE ? s.n : PIECE;
    gzip->stream.next_in = (const Bytef *)s.p;
    gzip->stream.avail_in = (uInt)n;
    if (n > 0)
      s = (struct cf_str){s.p + n, s.n - n};
    err = chunks_write(gzip, s.n > 0 ? Z_NO_FLUSH : flushes[then], write, context);
  } while (err == CF_OK && s.n > 0);
  return err;
}
