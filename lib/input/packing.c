/* SPDX-License-Identifier: MIT */
/* zlib, libzstd, liblzma and libbz2, each a row of three functions. */
#include "config.h"

#include "lib/input/packing.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define ZSTD_WINDOW_LOG_MAX 27 /* CF_PACKING_MEMORY; what `zstd --long` packs with */

struct cf_unpacking {
  enum cf_packing packing;
  bool under_way; /* an archive has begun: `end` has something to free */
  union {
    z_stream gzip;
    ZSTD_DCtx *zstd;
    lzma_stream xz;
    bz_stream bzip2;
  } u;
};

/* ---- gzip ---- */

static enum cf_err gzip_begin(struct cf_unpacking *p)
{
  memset(&p->u.gzip, 0, sizeof p->u.gzip);
  return inflateInit2(&p->u.gzip, 16 + MAX_WBITS) == Z_OK ? CF_OK : CF_E_NOMEM;
}

static enum cf_err gzip_step(struct cf_unpacking *p, struct cf_flow *flow)
{
  z_stream *z = &p->u.gzip;
  z->next_in = flow->in;
  z->avail_in = (uInt)flow->in_n;
  z->next_out = flow->out;
  z->avail_out = (uInt)flow->out_n;
  int result = inflate(z, Z_NO_FLUSH);
  flow->in = z->next_in;
  flow->in_n = z->avail_in;
  flow->out = z->next_out;
  flow->out_n = z->avail_out;
  flow->ended = result == Z_STREAM_END;
  if (result == Z_MEM_ERROR)
    return CF_E_NOMEM;
  return result == Z_OK || result == Z_BUF_ERROR || flow->ended ? CF_OK : CF_E_SYNTAX;
}

static void gzip_end(struct cf_unpacking *p)
{
  (void)inflateEnd(&p->u.gzip);
}

/* ---- zstd ---- */

static enum cf_err zstd_begin(struct cf_unpacking *p)
{
  p->u.zstd = ZSTD_createDCtx();
  if (p->u.zstd == NULL)
    return CF_E_NOMEM;
  (void)ZSTD_DCtx_setParameter(p->u.zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
  return CF_OK;
}

static enum cf_err zstd_step(struct cf_unpacking *p, struct cf_flow *flow)
{
  ZSTD_inBuffer in = {flow->in, flow->in_n, 0};
  ZSTD_outBuffer out = {flow->out, flow->out_n, 0};
  size_t result = ZSTD_decompressStream(p->u.zstd, &out, &in);
  flow->in += in.pos;
  flow->in_n -= in.pos;
  flow->out += out.pos;
  flow->out_n -= out.pos;
  flow->ended = result == 0;
  switch (ZSTD_isError(result) ? ZSTD_getErrorCode(result) : ZSTD_error_no_error) {
  case ZSTD_error_no_error: return CF_OK;
  case ZSTD_error_memory_allocation: return CF_E_NOMEM;
  case ZSTD_error_frameParameter_windowTooLarge: return CF_E_FULL;
  default: return CF_E_SYNTAX;
  }
}

static void zstd_end(struct cf_unpacking *p)
{
  ZSTD_freeDCtx(p->u.zstd);
}

/* ---- xz ---- */

static enum cf_err xz_begin(struct cf_unpacking *p)
{
  const lzma_stream fresh = LZMA_STREAM_INIT;
  p->u.xz = fresh;
  return lzma_stream_decoder(&p->u.xz, CF_PACKING_MEMORY, 0) == LZMA_OK ? CF_OK : CF_E_NOMEM;
}

static enum cf_err xz_step(struct cf_unpacking *p, struct cf_flow *flow)
{
  lzma_stream *xz = &p->u.xz;
  xz->next_in = flow->in;
  xz->avail_in = flow->in_n;
  xz->next_out = flow->out;
  xz->avail_out = flow->out_n;
  lzma_ret result = lzma_code(xz, LZMA_RUN);
  flow->in = xz->next_in;
  flow->in_n = xz->avail_in;
  flow->out = xz->next_out;
  flow->out_n = xz->avail_out;
  flow->ended = result == LZMA_STREAM_END;
  switch (result) {
  case LZMA_OK:
  case LZMA_STREAM_END:
  case LZMA_BUF_ERROR: return CF_OK;
  case LZMA_MEM_ERROR: return CF_E_NOMEM;
  case LZMA_MEMLIMIT_ERROR: return CF_E_FULL;
  default: return CF_E_SYNTAX;
  }
}

static void xz_end(struct cf_unpacking *p)
{
  lzma_end(&p->u.xz);
}

/* ---- bzip2 ---- */

static enum cf_err bzip2_begin(struct cf_unpacking *p)
{
  memset(&p->u.bzip2, 0, sizeof p->u.bzip2);
  return BZ2_bzDecompressInit(&p->u.bzip2, 0, 0) == BZ_OK ? CF_OK : CF_E_NOMEM;
}

static enum cf_err bzip2_step(struct cf_unpacking *p, struct cf_flow *flow)
{
  bz_stream *bz = &p->u.bzip2;
  size_t taken = flow->in_n;
  /* the library's pointer is not const, and it does not write there */
  memcpy(&bz->next_in, &flow->in, sizeof bz->next_in);
  bz->avail_in = (unsigned)flow->in_n;
  bz->next_out = (char *)flow->out;
  bz->avail_out = (unsigned)flow->out_n;
  int result = BZ2_bzDecompress(bz);
  taken -= bz->avail_in;
  flow->in += taken;
  flow->in_n -= taken;
  flow->out = (uint8_t *)bz->next_out;
  flow->out_n = bz->avail_out;
  flow->ended = result == BZ_STREAM_END;
  if (result == BZ_MEM_ERROR)
    return CF_E_NOMEM;
  return result == BZ_OK || flow->ended ? CF_OK : CF_E_SYNTAX;
}

static void bzip2_end(struct cf_unpacking *p)
{
  (void)BZ2_bzDecompressEnd(&p->u.bzip2);
}

/* ---- text ---- */

static enum cf_err plain_begin(struct cf_unpacking *p)
{
  (void)p;
  return CF_OK;
}

static enum cf_err plain_step(struct cf_unpacking *p, struct cf_flow *flow)
{
  size_t n = flow->in_n < flow->out_n ? flow->in_n : flow->out_n;
  (void)p;
  memcpy(flow->out, flow->in, n);
  flow->in += n;
  flow->in_n -= n;
  flow->out += n;
  flow->out_n -= n;
  flow->ended = flow->in_n == 0;
  return CF_OK;
}

static void plain_end(struct cf_unpacking *p)
{
  (void)p;
}

/* ---- the table ---- */

static const struct {
  const char *name;
  size_t at;
  struct cf_str magic;
  enum cf_err (*begin)(struct cf_unpacking *p);
  enum cf_err (*step)(struct cf_unpacking *p, struct cf_flow *flow);
  void (*end)(struct cf_unpacking *p);
} packings[CF_PACKING_N] = {
#define CF_PACKING(constant, name, at, magic) \
  {#name, at, {magic, sizeof(magic) - 1}, name##_begin, name##_step, name##_end},
#include "lib/input/packing.def"
#undef CF_PACKING
};

const char *cf_packing_name(enum cf_packing packing)
{
  return packings[packing].name;
}

enum cf_packing cf_packing_of(struct cf_str begin)
{
  unsigned i = 0;
  while (begin.n < packings[i].at + packings[i].magic.n ||
         memcmp(begin.p + packings[i].at, packings[i].magic.p, packings[i].magic.n) != 0)
    i++;
  return (enum cf_packing)i;
}

enum cf_err cf_unpacking_new(enum cf_packing packing, struct cf_unpacking **unpacking)
{
  struct cf_unpacking *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->packing = packing;
  *unpacking = made;
  return CF_OK;
}

static void archive_end(struct cf_unpacking *p)
{
  if (p->under_way)
    packings[p->packing].end(p);
  p->under_way = false;
}

void cf_unpacking_free(struct cf_unpacking *unpacking)
{
  if (unpacking != NULL)
    archive_end(unpacking);
  free(unpacking);
}

enum cf_err cf_unpacking_step(struct cf_unpacking *p, struct cf_flow *flow)
{
  enum cf_err err = p->under_way ? CF_OK : packings[p->packing].begin(p);
  if (err != CF_OK)
    return err;
  p->under_way = true;
  err = packings[p->packing].step(p, flow);
  if (err == CF_OK && flow->ended)
    archive_end(p);
  return err;
}
