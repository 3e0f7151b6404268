/* SPDX-License-Identifier: MIT */
/* How lists of offsets are coded in segments. */
#include "config.h"

#include "lib/index/postings.h"

#include <string.h>

#include "lib/base/codec.h"

#define BITMAP_SPAN 4096
#define BITMAP_MAX  (BITMAP_SPAN / 8)
#define CHUNK_COST  24 /* what a chunk takes in a btree page beside its bytes, about */

/* A chunk: varint count·2 + bitmap; then the differences to the offset before,
 * less one, as varints; or bits from the first offset on, lowest first. */

static uint32_t varint_n(uint32_t v)
{
  return v < 1u << 7 ? 1 : v < 1u << 14 ? 2 : v < 1u << 21 ? 3 : 4;
}

static uint32_t list_n(const uint32_t *offsets, uint32_t n)
{
  uint32_t bytes = 0;

  for (uint32_t i = 1; i < n; i++)
    bytes += varint_n(offsets[i] - offsets[i - 1] - 1);
  return bytes;
}

static uint32_t bitmap_n(const uint32_t *offsets, uint32_t n)
{
  return (offsets[n - 1] - offsets[0]) / 8 + 1;
}

uint32_t cf_chunk_take(const uint32_t *offsets, uint32_t n)
{
  uint32_t k = 0;

  while (k < n && offsets[k] - offsets[0] < BITMAP_SPAN)
    k++;
  if (k > CF_CHUNK_MAX &&
      bitmap_n(offsets, k) < list_n(offsets, k) + (k - 1) / CF_CHUNK_MAX * CHUNK_COST)
    return k;
  return n < CF_CHUNK_MAX ? n : CF_CHUNK_MAX;
}

static void put_bitmap(struct cf_buf *b, const uint32_t *offsets, uint32_t n)
{
  uint32_t bytes = bitmap_n(offsets, n);
  uint8_t *bits = cf_buf_grow(b, bytes);

  if (bits == NULL)
    return;
  memset(bits, 0, bytes);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t at = offsets[i] - offsets[0];
    bits[at / 8] |= (uint8_t)(1u << (at % 8));
  }
}

void cf_chunk_put(struct cf_buf *b, const uint32_t *offsets, uint32_t n)
{
  bool bitmap = n > CF_CHUNK_MAX ||
                (bitmap_n(offsets, n) <= BITMAP_MAX && bitmap_n(offsets, n) < list_n(offsets, n));

  cf_varint_put(b, (uint64_t)n << 1 | bitmap);
  if (bitmap) {
    put_bitmap(b, offsets, n);
    return;
  }
  for (uint32_t i = 1; i < n; i++)
    cf_varint_put(b, offsets[i] - offsets[i - 1] - 1);
}

/* Where a chunk's offsets go. */
struct sink {
  struct cf_bits *bits;
  uint32_t from;
  uint32_t limit;
  uint32_t last;
};

static bool sink_take(struct sink *sink, uint64_t offset)
{
  if (offset >= sink->limit)
    return false;
  sink->last = (uint32_t)offset;
  if (offset >= sink->from)
    cf_bits_set(sink->bits, (uint32_t)offset);
  return true;
}

/* Most of them take one byte. */
static uint64_t step_get(struct cf_reader *r)
{
  return r->p < r->end && *r->p < 0x80 ? *r->p++ : cf_reader_varint(r);
}

static bool get_list(struct cf_reader *r, uint32_t first, uint64_t n, struct sink *sink)
{
  uint64_t offset = first;

  if (!sink_take(sink, offset))
    return false;
  for (uint64_t i = 1; i < n; i++) {
    uint64_t step = step_get(r);
    offset += step + 1;
    if (r->err != CF_OK || step >= sink->limit || !sink_take(sink, offset))
      return false;
  }
  return cf_reader_at_end(r);
}

static bool get_bitmap(struct cf_reader *r, uint32_t first, uint64_t n, struct sink *sink)
{
  size_t bytes = (size_t)(r->end - r->p);

  if (bytes == 0 || bytes > BITMAP_MAX || !(r->p[0] & 1) || r->p[bytes - 1] == 0)
    return false;
  uint64_t last = first + 8 * (uint64_t)bytes - 1 - ((unsigned)__builtin_clz(r->p[bytes - 1]) - 24);
  if (last >= sink->limit)
    return false;
  sink->last = (uint32_t)last;
  return cf_bits_put(sink->bits, first, r->p, bytes, sink->from) == n;
}

enum cf_err cf_chunk_get(uint32_t first, struct cf_str chunk, uint32_t limit, uint32_t from,
                         struct cf_bits *bits, uint32_t *count, uint32_t *last)
{
  struct sink sink = {.bits = bits, .from = from, .limit = limit};
  struct cf_reader r;

  cf_reader_init(&r, chunk.p, chunk.n);
  uint64_t head = cf_reader_varint(&r);
  uint64_t n = head >> 1;
  if (r.err != CF_OK || n < 1 || n > ((head & 1) ? BITMAP_SPAN : CF_CHUNK_MAX))
    return CF_E_SYNTAX;
  if (!((head & 1) ? get_bitmap(&r, first, n, &sink) : get_list(&r, first, n, &sink)))
    return CF_E_SYNTAX;
  *count = (uint32_t)n;
  *last = sink.last;
  return CF_OK;
}
