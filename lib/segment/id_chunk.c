/* SPDX-License-Identifier: MIT */
/* The chunks of a sheet of fingerprints. */
#include "config.h"

#include "lib/segment/id_chunk_in.h"

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define OLD_KEY_N  12 /* of layout 1 */
#define OLD_PAIR_N 11
#define KEY_N      8
#define HEAD_N     (KEY_N + 1)
#define KEPT_BITS  32u

const struct cf_id_pair cf_id_pair_end = {UINT32_MAX, UINT32_MAX};

bool cf_id_pair_is_end(struct cf_id_pair pair)
{
  return pair.offset == UINT32_MAX;
}

int cf_id_pair_cmp(struct cf_id_pair a, struct cf_id_pair b)
{
  if (a.fingerprint != b.fingerprint)
    return a.fingerprint < b.fingerprint ? -1 : 1;
  return a.offset < b.offset ? -1 : a.offset > b.offset;
}

uint64_t cf_id_kept(unsigned layout, uint64_t fingerprint)
{
  return layout == 1 ? fingerprint : fingerprint >> (64 - KEPT_BITS);
}

/* ---- keys ---- */

static size_t key_size(unsigned layout)
{
  return layout == 1 ? OLD_KEY_N : KEY_N;
}

struct cf_str cf_id_key(unsigned layout, struct cf_id_pair pair, uint8_t out[CF_ID_KEY_MAX])
{
  size_t n = key_size(layout);

  if (layout == 1)
    cf_u64_put(out, pair.fingerprint);
  else
    cf_u32_put(out, (uint32_t)pair.fingerprint);
  cf_u32_put(out + n - 4, pair.offset);
  return (struct cf_str){(const char *)out, n};
}

static struct cf_id_pair key_get(unsigned layout, const char *key)
{
  const uint8_t *p = (const uint8_t *)key;

  if (layout == 1)
    return (struct cf_id_pair){cf_u64_get(p), cf_u32_get(p + 8)};
  return (struct cf_id_pair){cf_u32_get(p), cf_u32_get(p + 4)};
}

/* ---- pairs, packed ---- */

/* How many bits a number takes, at least one. */
static unsigned bits_of(uint64_t v)
{
  return 64 - (unsigned)__builtin_clzll(v | 1);
}

static unsigned gap_bits(const struct cf_id_chunk *chunk)
{
  uint64_t before = chunk->first.fingerprint, all = 0;

  for (unsigned i = 0; i < chunk->n; before = chunk->pair[i++].fingerprint)
    all |= chunk->pair[i].fingerprint - before;
  return bits_of(all);
}

void cf_id_chunk_put(const struct cf_id_chunk *chunk, uint32_t records, struct cf_buf *key,
                     struct cf_buf *value)
{
  const unsigned gap = gap_bits(chunk), offset = bits_of(records - 1);
  uint64_t before = chunk->first.fingerprint, bits = 0;
  uint8_t bytes[CF_ID_KEY_MAX];
  unsigned have = 0;

  CF_ASSERT(gap <= KEPT_BITS && gap + offset < 64 - 8);
  cf_buf_reset(key);
  cf_buf_putstr(key, cf_id_key(CF_SEGMENT_LAYOUT, chunk->first, bytes));
  cf_buf_reset(value);
  cf_buf_putstr(value, cf_id_key(CF_SEGMENT_LAYOUT, chunk->next, bytes));
  cf_buf_putc(value, (char)gap);
  for (unsigned i = 0; i < chunk->n; before = chunk->pair[i++].fingerprint) {
    bits = bits << gap | (chunk->pair[i].fingerprint - before);
    bits = bits << offset | chunk->pair[i].offset;
    for (have += gap + offset; have >= 8; have -= 8)
      cf_buf_putc(value, (char)(bits >> (have - 8)));
  }
  if (have > 0)
    cf_buf_putc(value, (char)(bits << (8 - have)));
}

/* Whole pairs, and less than a byte of zeros. */
static bool pairs_get(struct cf_str s, unsigned gap, unsigned offset, struct cf_id_chunk *chunk)
{
  const uint8_t *p = (const uint8_t *)s.p;
  uint64_t before = chunk->first.fingerprint, bits = 0;
  unsigned have = 0;

  chunk->n = (unsigned)(s.n * 8 / (gap + offset));
  if (chunk->n > CF_ID_CHUNK_N || s.n != ((size_t)chunk->n * (gap + offset) + 7) / 8)
    return false;
  for (unsigned i = 0; i < chunk->n; before = chunk->pair[i++].fingerprint) {
    for (; have < gap + offset; have += 8)
      bits = bits << 8 | *p++;
    have -= gap + offset;
    uint64_t pair = bits >> have & ((UINT64_C(1) << (gap + offset)) - 1);
    chunk->pair[i].offset = (uint32_t)(pair & ((UINT64_C(1) << offset) - 1));
    chunk->pair[i].fingerprint = before + (pair >> offset);
  }
  return (bits & ((UINT64_C(1) << have) - 1)) == 0;
}

/* ---- pairs of layout 1 ---- */

static bool old_pairs_get(struct cf_str s, struct cf_id_chunk *chunk)
{
  const uint8_t *p = (const uint8_t *)s.p;

  chunk->n = (unsigned)(s.n / OLD_PAIR_N);
  if (s.n % OLD_PAIR_N != 0 || s.n / OLD_PAIR_N > CF_ID_CHUNK_N)
    return false;
  for (unsigned i = 0; i < chunk->n; i++, p += OLD_PAIR_N)
    chunk->pair[i] = (struct cf_id_pair){cf_u64_get(p), (uint32_t)p[8] << 16 | cf_u16_get(p + 9)};
  return true;
}

/* ---- a chunk ---- */

/* From the key up to the next one, each behind the one before. */
static bool in_order(const struct cf_id_chunk *chunk, uint32_t records)
{
  struct cf_id_pair before = chunk->first;

  if (cf_id_pair_cmp(chunk->first, chunk->next) >= 0)
    return false;
  for (unsigned i = 0; i < chunk->n; before = chunk->pair[i++]) {
    int order = cf_id_pair_cmp(before, chunk->pair[i]);
    if (order > 0 || (order == 0 && i > 0) || chunk->pair[i].offset >= records)
      return false;
  }
  return chunk->n == 0 || cf_id_pair_cmp(before, chunk->next) < 0;
}

enum cf_err cf_id_chunk_get(unsigned layout, struct cf_str key, struct cf_str value,
                            uint32_t records, struct cf_id_chunk *chunk)
{
  const size_t key_n = key_size(layout), head_n = layout == 1 ? OLD_KEY_N : HEAD_N;

  if (key.n != key_n || value.n < head_n)
    return CF_E_SYNTAX;
  chunk->first = key_get(layout, key.p);
  chunk->next = key_get(layout, value.p);
  unsigned gap = (uint8_t)value.p[head_n - 1];
  struct cf_str rest = cf_str_behind(value, head_n);
  bool good = layout == 1 ? old_pairs_get(rest, chunk)
                          : gap >= 1 && gap <= KEPT_BITS &&
                                pairs_get(rest, gap, bits_of(records - 1), chunk);
  return good && in_order(chunk, records) ? CF_OK : CF_E_SYNTAX;
}
