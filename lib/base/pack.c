/* SPDX-License-Identifier: MIT */
/* zstd in one shot, with a dictionary, and as a stream. */
#include "config.h"

#include "lib/base/pack.h"

#include <pthread.h>
#include <stdlib.h>

#define ZDICT_STATIC_LINKING_ONLY /* before 1.4.7 */
#include <zdict.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "lib/base/die.h"

#define LEVEL 1
/* of a block: a larger table than the level has takes no more room, and less
 * time; nor do matches no shorter than this, the quickest for records */
#define TABLE_LOG      15
#define MATCH          7
#define WINDOW_LOG_MAX 23 /* 8 MiB */
#define STEP_MAX       (128 * 1024)
#define DICTIONARY_MIN 256 /* below this the library makes none */
/* With a dictionary: the least level that leaves its tables where they are for
 * a text of up to 16 KiB; of level 1 they are copied from 8 KiB on. Tables of
 * this size, and matches no shorter than this, are the quickest for records,
 * and take no more room. */
#define WORDS_LEVEL     3
#define WORDS_TABLE_LOG 14
#define WORDS_MATCH     7

/* What a thread keeps; made at first use, each on its own, since most threads
 * only read. */
struct own {
  ZSTD_CCtx *packer;
  ZSTD_DCtx *unpacker;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key_of_own;
static __thread struct own mine;

static void own_free(void *p)
{
  struct own *own = p;

  ZSTD_freeCCtx(own->packer);
  ZSTD_freeDCtx(own->unpacker);
  *own = (struct own){NULL, NULL};
}

static void at_exit(void)
{
  own_free(&mine);
}

static void set_up(void)
{
  CF_ASSERT(pthread_key_create(&key_of_own, own_free) == 0);
  CF_ASSERT(atexit(at_exit) == 0);
}

/* Have the thread's contexts freed when it ends. */
static void own_keep(void)
{
  pthread_once(&once, set_up);
  CF_ASSERT(pthread_setspecific(key_of_own, &mine) == 0);
}

static ZSTD_CCtx *packer_get(void)
{
  if (mine.packer == NULL) {
    own_keep();
    mine.packer = ZSTD_createCCtx();
    if (mine.packer != NULL) {
      ZSTD_CCtx_setParameter(mine.packer, ZSTD_c_compressionLevel, LEVEL);
      ZSTD_CCtx_setParameter(mine.packer, ZSTD_c_hashLog, TABLE_LOG);
      ZSTD_CCtx_setParameter(mine.packer, ZSTD_c_minMatch, MATCH);
      ZSTD_CCtx_setParameter(mine.packer, ZSTD_c_checksumFlag, 1);
    }
  }
  return mine.packer;
}

static ZSTD_DCtx *unpacker_get(void)
{
  if (mine.unpacker == NULL) {
    own_keep();
    mine.unpacker = ZSTD_createDCtx();
  }
  return mine.unpacker;
}

/* zstd's answer as one of ours. */
static enum cf_err zstd_classify(size_t result)
{
  switch (ZSTD_isError(result) ? ZSTD_getErrorCode(result) : ZSTD_error_no_error) {
  case ZSTD_error_no_error: return CF_OK;
  case ZSTD_error_memory_allocation: return CF_E_NOMEM;
  case ZSTD_error_dstSize_tooSmall: return CF_E_FULL;
  default: return CF_E_SYNTAX;
  }
}

/* Room for the worst case, or for what the maximum leaves. */
static size_t room_for(const struct cf_buf *b, size_t wanted)
{
  size_t left = b->max - b->n;

  return wanted < left ? wanted : left;
}

static enum cf_err frame_put(ZSTD_CCtx *packer, const void *p, size_t n, struct cf_buf *b)
{
  size_t room = room_for(b, ZSTD_compressBound(n));

  if (packer == NULL)
    return CF_E_NOMEM;
  uint8_t *out = cf_buf_grow(b, room);
  if (out == NULL)
    return b->err;
  size_t result = ZSTD_compress2(packer, out, room, p, n);
  enum cf_err err = zstd_classify(result);
  cf_buf_cut(b, err == CF_OK ? room - result : room);
  if (err == CF_E_FULL)
    b->err = err;
  return err;
}

enum cf_err cf_pack(const void *p, size_t n, struct cf_buf *b)
{
  return frame_put(packer_get(), p, n, b);
}

/* Exactly one frame of data that names its size. (A skippable frame would pass
 * as an empty one.) */
static bool frame_size(const uint8_t *p, size_t n, size_t *size)
{
  if (n < 4 || ((uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0]) !=
                   ZSTD_MAGICNUMBER)
    return false;
  unsigned long long content = ZSTD_getFrameContentSize(p, n);
  if (content >= ZSTD_CONTENTSIZE_ERROR || ZSTD_findFrameCompressedSize(p, n) != n)
    return false;
  *size = content;
  return true;
}

static enum cf_err frame_get(const ZSTD_DDict *words, const void *p, size_t n, struct cf_buf *b)
{
  ZSTD_DCtx *unpacker = unpacker_get();
  size_t size;

  if (unpacker == NULL)
    return CF_E_NOMEM;
  if (!frame_size(p, n, &size))
    return CF_E_SYNTAX;
  uint8_t *out = cf_buf_grow(b, size);
  if (out == NULL)
    return b->err;
  size_t result = ZSTD_decompress_usingDDict(unpacker, out, size, p, n, words);
  enum cf_err err = zstd_classify(result);
  if (err == CF_OK && result == size)
    return CF_OK;
  cf_buf_cut(b, size);
  return err == CF_E_NOMEM ? err : CF_E_SYNTAX;
}

enum cf_err cf_unpack(const void *p, size_t n, struct cf_buf *b)
{
  return frame_get(NULL, p, n, b);
}

/* ---- dictionaries ---- */

struct cf_dictionary {
  ZSTD_DDict *words;
};

struct cf_packer {
  ZSTD_CCtx *packer; /* with its words */
};

/* The library takes no more content than there is room. */
enum cf_err cf_dictionary_make(struct cf_str content, struct cf_str samples, const size_t *sizes,
                               unsigned n, size_t max, struct cf_buf *b)
{
  const ZDICT_params_t how = {.compressionLevel = LEVEL};
  size_t room = max < CF_DICTIONARY_MAX ? max : CF_DICTIONARY_MAX;

  if (n == 0 || room < DICTIONARY_MIN)
    return CF_OK;
  uint8_t *out = cf_buf_grow(b, room);
  if (out == NULL)
    return b->err;
  size_t result =
      ZDICT_finalizeDictionary(out, room, content.p, content.n < room ? content.n : room, samples.p,
                               sizes, n, how);
  cf_buf_cut(b, ZDICT_isError(result) ? room : room - result);
  return zstd_classify(result) == CF_E_NOMEM ? CF_E_NOMEM : CF_OK;
}

enum cf_err cf_dictionary_new(struct cf_str bytes, struct cf_dictionary **d)
{
  struct cf_dictionary *made = calloc(1, sizeof *made);

  if (made == NULL)
    return CF_E_NOMEM;
  made->words = ZSTD_createDDict(bytes.p, bytes.n);
  if (made->words == NULL) { /* the library does not say why */
    bool damaged = bytes.n > 0 && ZDICT_isError(ZDICT_getDictHeaderSize(bytes.p, bytes.n));
    free(made);
    return damaged ? CF_E_SYNTAX : CF_E_NOMEM;
  }
  *d = made;
  return CF_OK;
}

void cf_dictionary_free(struct cf_dictionary *d)
{
  if (d == NULL)
    return;
  ZSTD_freeDDict(d->words);
  free(d);
}

enum cf_err cf_dictionary_unpack(const struct cf_dictionary *d, const void *p, size_t n,
                                 struct cf_buf *b)
{
  return frame_get(d->words, p, n, b);
}

enum cf_err cf_packer_new(struct cf_str dictionary, struct cf_packer **packer)
{
  struct cf_packer *made = calloc(1, sizeof *made);

  if (made == NULL || (made->packer = ZSTD_createCCtx()) == NULL) {
    free(made);
    return CF_E_NOMEM;
  }
  ZSTD_CCtx_setParameter(made->packer, ZSTD_c_compressionLevel, WORDS_LEVEL);
  ZSTD_CCtx_setParameter(made->packer, ZSTD_c_hashLog, WORDS_TABLE_LOG);
  ZSTD_CCtx_setParameter(made->packer, ZSTD_c_chainLog, WORDS_TABLE_LOG);
  ZSTD_CCtx_setParameter(made->packer, ZSTD_c_minMatch, WORDS_MATCH);
  ZSTD_CCtx_setParameter(made->packer, ZSTD_c_dictIDFlag, 0);
  enum cf_err err =
      zstd_classify(ZSTD_CCtx_loadDictionary(made->packer, dictionary.p, dictionary.n));
  if (err == CF_OK)
    *packer = made;
  else
    cf_packer_free(made);
  return err;
}

void cf_packer_free(struct cf_packer *packer)
{
  if (packer == NULL)
    return;
  ZSTD_freeCCtx(packer->packer);
  free(packer);
}

enum cf_err cf_packer_pack(struct cf_packer *packer, const void *p, size_t n, struct cf_buf *b)
{
  return frame_put(packer->packer, p, n, b);
}

/* ---- as a stream ---- */

struct cf_unpacker {
  ZSTD_DCtx *stream;
  bool at_frame_end;
  enum cf_err err; /* the first one stays */
};

enum cf_err cf_unpacker_new(struct cf_unpacker **u)
{
  struct cf_unpacker *made = calloc(1, sizeof *made);

  if (made == NULL)
    return CF_E_NOMEM;
  made->stream = ZSTD_createDCtx();
  if (made->stream == NULL) {
    free(made);
    return CF_E_NOMEM;
  }
  ZSTD_DCtx_setParameter(made->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
  *u = made;
  return CF_OK;
}

/* One call of the library. At the maximum it gets a spare byte: what is written
 * there would have been too much. */
static enum cf_err unpacker_step(struct cf_unpacker *u, ZSTD_inBuffer *in, struct cf_buf *b,
                                 bool *drained)
{
  uint8_t spare;
  size_t room = room_for(b, STEP_MAX);
  ZSTD_outBuffer out = {&spare, 1, 0};

  if (room > 0)
    out = (ZSTD_outBuffer){cf_buf_grow(b, room), room, 0};
  if (b->err != CF_OK)
    return b->err;
  size_t result = ZSTD_decompressStream(u->stream, &out, in);
  if (room > 0)
    cf_buf_cut(b, room - out.pos);
  else if (out.pos > 0)
    b->err = CF_E_FULL;
  u->at_frame_end = result == 0;
  *drained = out.pos < out.size || result == 0;
  return b->err != CF_OK ? b->err : zstd_classify(result);
}

enum cf_err cf_unpacker_feed(struct cf_unpacker *u, const void *p, size_t n, struct cf_buf *b)
{
  ZSTD_inBuffer in = {p, n, 0};
  bool drained = true;

  while (u->err == CF_OK && (in.pos < in.size || !drained))
    u->err = unpacker_step(u, &in, b, &drained);
  return u->err;
}

bool cf_unpacker_done(const struct cf_unpacker *u)
{
  return u->err == CF_OK && u->at_frame_end;
}

size_t cf_unpacker_memory(const struct cf_unpacker *u)
{
  return ZSTD_sizeof_DCtx(u->stream);
}

void cf_unpacker_free(struct cf_unpacker *u)
{
  if (u == NULL)
    return;
  ZSTD_freeDCtx(u->stream);
  free(u);
}
