/* SPDX-License-Identifier: MIT */
/* Reading and inflating request bodies. */
#include "config.h"

#include "fcgi-app/http/body.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ZLIB_CONST
#include <zlib.h>

#include "lib/base/codec.h"
#include "lib/base/pack.h"

#define CHUNK       32768
#define CHUNK_MIN   1000      /* the allocator keeps up to 1,032 bytes for a thread */
#define GZIP_WINDOW (15 + 16) /* a gzip header is expected */
#define GZIP_MEMORY 49152     /* what inflate takes with that window */

/* 64 bytes of zstd become at most 17 blocks of 128 KiB: so much, and no more
 * than the body may still have, is set aside before they are fed. */
#define ZSTD_PIECE 64
#define ZSTD_SLACK (17 * 131072)

enum coding { IDENTITY, GZIP, ZSTD };

/* A body being read. */
struct intake {
  struct cf_body *body;
  enum coding coding;
  bool coding_named; /* by a header */
  z_stream gzip;
  bool gzip_open;
  bool gzip_ended; /* stands behind a whole member */
  struct cf_unpacker *zstd;
  size_t window; /* what is charged for its memory */
  uint64_t stop; /* so much of it; UINT64_MAX: to its end */
};

void cf_body_fini(struct cf_body *body)
{
  if (body->charge != NULL)
    cf_charge_cut(body->charge, body->data.n);
  body->charge = NULL;
  cf_buf_fini(&body->data);
}

/* ---- inflating ---- */

static enum cf_err feed_identity(struct intake *in, const uint8_t *p, size_t n)
{
  enum cf_err err = cf_charge_add(in->body->charge, n);
  if (err == CF_OK)
    cf_buf_put(&in->body->data, p, n);
  return err == CF_OK ? in->body->data.err : err;
}

/* One step of inflate into at most CHUNK fresh bytes. */
static enum cf_err gzip_step(struct intake *in)
{
  struct cf_buf *data = &in->body->data;
  size_t room = data->max - data->n < CHUNK ? data->max - data->n : CHUNK;
  if (room == 0)
    return CF_E_FULL;
  enum cf_err err = cf_charge_add(in->body->charge, room);
  uint8_t *out = err == CF_OK ? cf_buf_grow(data, room) : NULL;
  if (err == CF_OK && out == NULL)
    err = data->err;
  if (err != CF_OK)
    return err;
  in->gzip.next_out = out;
  in->gzip.avail_out = (uInt)room;
  int got = inflate(&in->gzip, Z_NO_FLUSH);
  cf_buf_cut(data, in->gzip.avail_out);
  cf_charge_cut(in->body->charge, in->gzip.avail_out);
  in->gzip_ended = got == Z_STREAM_END;
  if (got == Z_MEM_ERROR)
    return CF_E_NOMEM;
  return got == Z_OK || got == Z_STREAM_END || got == Z_BUF_ERROR ? CF_OK : CF_E_SYNTAX;
}

/* Members may follow one another. */
static enum cf_err feed_gzip(struct intake *in, const uint8_t *p, size_t n)
{
  enum cf_err err;
  in->gzip.next_in = p;
  in->gzip.avail_in = (uInt)n;
  do {
    if (in->gzip_ended && inflateReset(&in->gzip) != Z_OK)
      return CF_E_SYNTAX;
    err = gzip_step(in);
  } while (err == CF_OK && (in->gzip.avail_in > 0 || (in->gzip.avail_out == 0 && !in->gzip_ended)));
  return err;
}

/* The window grows with what a frame says of itself. */
static enum cf_err window_charge(struct intake *in)
{
  size_t has = cf_unpacker_memory(in->zstd);
  enum cf_err err = has > in->window ? cf_charge_add(in->body->charge, has - in->window) : CF_OK;
  if (err == CF_OK && has > in->window)
    in->window = has;
  return err;
}

static enum cf_err feed_zstd(struct intake *in, const uint8_t *p, size_t n)
{
  enum cf_err err = CF_OK;
  while (n > 0 && err == CF_OK) {
    size_t take = n < ZSTD_PIECE ? n : ZSTD_PIECE;
    size_t before = in->body->data.n, left = in->body->data.max - before,
           room = left < ZSTD_SLACK ? left : ZSTD_SLACK;
    err = cf_charge_add(in->body->charge, room);
    if (err != CF_OK)
      return err;
    err = cf_unpacker_feed(in->zstd, p, take, &in->body->data);
    cf_charge_cut(in->body->charge, room - (in->body->data.n - before));
    if (err == CF_OK)
      err = window_charge(in);
    p += take;
    n -= take;
  }
  return err;
}

/* ---- one body ---- */

static enum cf_err choose_coding(struct intake *in, const struct cf_request *rq,
                                 struct cf_fault *fault)
{
  static const struct {
    const char *name;
    enum coding coding;
  } codings[] = {{"gzip", GZIP}, {"x-gzip", GZIP}, {"zstd", ZSTD}, {"identity", IDENTITY}};
  struct cf_str name = cf_request_variable(rq, "HTTP_CONTENT_ENCODING");
  if (name.n == 0)
    return CF_OK;
  for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
    if (strlen(codings[i].name) != name.n || strncasecmp(name.p, codings[i].name, name.n) != 0)
      continue;
    in->coding = codings[i].coding;
    in->coding_named = in->coding != IDENTITY;
    return CF_OK;
  }
  return cf_fail(fault, CF_E_ENCODING, NULL, "Content-Encoding is gzip, zstd or identity");
}

/* Look at the first bytes and set up what inflates. */
static enum cf_err open_coding(struct intake *in, const uint8_t *p, size_t n)
{
  if (!in->coding_named && n >= 2 && p[0] == 0x1f && p[1] == 0x8b)
    in->coding = GZIP;
  if (in->coding == ZSTD)
    return cf_unpacker_new(&in->zstd);
  if (in->coding != GZIP)
    return CF_OK;
  enum cf_err err = cf_charge_add(in->body->charge, GZIP_MEMORY);
  if (err != CF_OK)
    return err;
  in->gzip_open = inflateInit2(&in->gzip, GZIP_WINDOW) == Z_OK;
  return in->gzip_open ? CF_OK : CF_E_NOMEM;
}

static enum cf_err body_feed(struct intake *in, const uint8_t *p, size_t n)
{
  if (in->coding == GZIP)
    return feed_gzip(in, p, n);
  return in->coding == ZSTD ? feed_zstd(in, p, n) : feed_identity(in, p, n);
}

/* The body is at its end: is what it was packed in, too? */
static enum cf_err close_coding(const struct intake *in, uint64_t total)
{
  if (total == 0)
    return CF_OK;
  bool whole = in->coding == IDENTITY || (in->coding == GZIP && in->gzip_ended) ||
               (in->coding == ZSTD && cf_unpacker_done(in->zstd));
  return whole ? CF_OK : CF_E_SYNTAX;
}

/* Fill the chunk of `size` bytes, or less at the body's end. */
static enum cf_err read_chunk(struct cf_request *rq, uint8_t *chunk, size_t size, size_t *n)
{
  size_t have = 0;
  while (have < size && !rq->body_ended) {
    size_t got = 0;
    enum cf_err err = rq->transport->read(rq->transport->context, chunk + have, size - have, &got);
    if (err != CF_OK)
      return err;
    have += got;
    rq->body_ended = got == 0;
  }
  *n = have;
  return CF_OK;
}

static enum cf_err take_in(struct intake *in, struct cf_request *rq, uint64_t max, uint8_t *chunk,
                           size_t size)
{
  uint64_t total = 0;
  enum cf_err err = CF_OK;
  while (err == CF_OK && !rq->body_ended && total < in->stop) {
    size_t n = 0, room = in->stop - total < size ? (size_t)(in->stop - total) : size;
    err = read_chunk(rq, chunk, room, &n);
    if (err == CF_OK && total == 0)
      err = open_coding(in, chunk, n);
    total += n;
    if (err == CF_OK && total > max)
      err = CF_E_FULL;
    if (err == CF_OK && n > 0)
      err = body_feed(in, chunk, n);
  }
  return err == CF_OK ? close_coding(in, total) : err;
}

/* What it says of itself; 0: nothing. */
static uint64_t length_said(const struct cf_request *rq)
{
  uint64_t n;
  return cf_u64_parse(cf_request_variable(rq, "CONTENT_LENGTH"), UINT64_MAX, &n) == CF_OK ? n : 0;
}

static bool goes_ahead(const struct cf_request *rq)
{
  return rq->transport->door == CF_DOOR_ADMIN && length_said(rq) > 0;
}

/* A chunk for it: all of one that is small, and room to see its end. */
static size_t chunk_size(uint64_t said)
{
  if (said == 0 || said >= CHUNK)
    return CHUNK;
  return said < CHUNK_MIN ? CHUNK_MIN : (size_t)said + 1;
}

static enum cf_err error_explain(enum cf_err err, uint64_t max, struct cf_fault *fault)
{
  switch (err) {
  case CF_E_FULL:
    return cf_fail(
        fault, err, NULL,
        "a body has at most %llu bytes, inflated %d times that, and within ingest_memory",
        (unsigned long long)max, CF_BODY_INFLATE);
  case CF_E_SYNTAX: return cf_fail(fault, err, NULL, "the compressed body is damaged or cut off");
  case CF_E_MEMORY:
    return cf_fail(fault, err, NULL,
                   "the bodies of all requests together are over their limit; send it again later");
  default: return err;
  }
}

static enum cf_err body_read(struct cf_charge *charge, struct cf_request *rq, uint64_t max,
                             bool ahead, struct cf_body *body, struct cf_fault *fault)
{
  struct cf_body made = {.charge = charge};
  uint64_t before = charge->n, said = length_said(rq);
  struct intake in = {.body = &made, .stop = ahead ? said : UINT64_MAX};
  uint8_t *chunk = NULL;
  cf_buf_init(&made.data, (size_t)(max * CF_BODY_INFLATE));
  enum cf_err err = choose_coding(&in, rq, fault);
  if (err == CF_OK && said > max) /* it need not be read */
    err = error_explain(CF_E_FULL, max, fault);
  if (err != CF_OK)
    goto out;
  chunk = malloc(chunk_size(said));
  err = chunk == NULL ? CF_E_NOMEM
                      : error_explain(take_in(&in, rq, max, chunk, chunk_size(said)), max, fault);
out:
  free(chunk);
  if (in.gzip_open)
    inflateEnd(&in.gzip);
  cf_unpacker_free(in.zstd);
  if (err != CF_OK)
    cf_buf_fini(&made.data);
  cf_charge_cut(charge, charge->n - before - made.data.n);
  if (err == CF_OK)
    *body = made;
  return err;
}

enum cf_err cf_body_read(struct cf_charge *charge, struct cf_request *rq, uint64_t max,
                         struct cf_body *body, struct cf_fault *fault)
{
  return body_read(charge, rq, max, false, body, fault);
}

enum cf_err cf_body_read_ahead(struct cf_charge *charge, struct cf_request *rq, uint64_t max,
                               struct cf_body *body, struct cf_fault *fault)
{
  return body_read(charge, rq, max, goes_ahead(rq), body, fault);
}

enum cf_err cf_body_end(struct cf_request *rq, struct cf_fault *fault)
{
  uint8_t more;
  size_t n = 0;
  if (rq->body_ended)
    return CF_OK;
  enum cf_err err = rq->transport->read(rq->transport->context, &more, 1, &n);
  rq->body_ended = err == CF_OK && n == 0;
  return n == 0 ? err
                : cf_fail(fault, CF_E_SYNTAX, NULL, "the body is longer than its CONTENT_LENGTH");
}

bool cf_body_unsaid(const struct cf_request *rq)
{
  return goes_ahead(rq) && !rq->body_ended;
}
