/* SPDX-License-Identifier: MIT */
/* Sets of offsets as bitmaps. Bits at and above n are never set. */
#include "config.h"

#include "lib/index/bits.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define WORD 64u

static size_t words_of(uint32_t n)
{
  return ((size_t)n + WORD - 1) / WORD;
}

enum cf_err cf_bits_new(uint32_t n, struct cf_bits *bits)
{
  uint64_t *w = calloc(words_of(n) + 1, sizeof *w);

  if (w == NULL)
    return CF_E_NOMEM;
  bits->w = w;
  bits->n = n;
  return CF_OK;
}

void cf_bits_free(struct cf_bits *bits)
{
  free(bits->w);
  bits->w = NULL;
  bits->n = 0;
}

/* The bits of a word from bit `from` on. */
static uint64_t from_bit(uint32_t from)
{
  return UINT64_MAX << (from % WORD);
}

void cf_bits_set_range(struct cf_bits *bits, uint32_t from, uint32_t to)
{
  if (to > bits->n)
    to = bits->n;
  if (from >= to)
    return;
  size_t first = from / WORD;
  size_t last = (to - 1) / WORD;
  uint64_t end = UINT64_MAX >> (WORD - 1 - (to - 1) % WORD);
  if (first == last) {
    bits->w[first] |= from_bit(from) & end;
    return;
  }
  bits->w[first] |= from_bit(from);
  for (size_t i = first + 1; i < last; i++)
    bits->w[i] = UINT64_MAX;
  bits->w[last] |= end;
}

/* Up to eight bytes, lowest bit first. */
static uint64_t word_get(const uint8_t *p, size_t n)
{
  uint64_t word = 0;

  memcpy(&word, p, n < sizeof word ? n : sizeof word);
  return le64toh(word);
}

/* The bits of a word that begins at offset, without those below from, and from
 * `end` on. */
static uint64_t word_cut(uint64_t word, uint64_t offset, uint64_t from, uint64_t end)
{
  if (offset + WORD <= from || offset >= end)
    return 0;
  if (offset < from)
    word &= from_bit((uint32_t)(from - offset));
  if (offset + WORD > end)
    word &= ~from_bit((uint32_t)(end - offset));
  return word;
}

uint32_t cf_bits_put(struct cf_bits *bits, uint32_t offset, const uint8_t *p, size_t n,
                     uint32_t from)
{
  uint32_t count = 0;

  for (size_t k = 0; k < n; k += sizeof(uint64_t)) {
    uint64_t at = (uint64_t)offset + 8 * k, word = word_get(p + k, n - k);
    count += (uint32_t)__builtin_popcountll(word);
    word = word_cut(word, at, from, bits->n);
    if (word == 0)
      continue;
    bits->w[at / WORD] |= word << at % WORD;
    if (at % WORD > 0)
      bits->w[at / WORD + 1] |= word >> (WORD - at % WORD);
  }
  return count;
}

bool cf_bits_has(const struct cf_bits *bits, uint32_t offset)
{
  return offset < bits->n && (bits->w[offset / WORD] >> (offset % WORD) & 1);
}

void cf_bits_and(struct cf_bits *bits, const struct cf_bits *other)
{
  for (size_t i = 0; i < words_of(bits->n); i++)
    bits->w[i] &= other->w[i];
}

uint32_t cf_bits_count(const struct cf_bits *bits)
{
  uint32_t count = 0;

  for (size_t i = 0; i < words_of(bits->n); i++)
    count += (uint32_t)__builtin_popcountll(bits->w[i]);
  return count;
}

bool cf_bits_more(const struct cf_bits *bits, uint32_t than)
{
  uint32_t count = 0;

  for (size_t i = 0; i < words_of(bits->n) && count <= than; i++)
    if (bits->w[i] != 0)
      count += (uint32_t)__builtin_popcountll(bits->w[i]);
  return count > than;
}

uint32_t cf_bits_next(const struct cf_bits *bits, uint32_t from)
{
  if (from >= bits->n)
    return UINT32_MAX;
  size_t i = from / WORD;
  uint64_t word = bits->w[i] & from_bit(from);
  while (word == 0) {
    if (++i >= words_of(bits->n))
      return UINT32_MAX;
    word = bits->w[i];
  }
  return (uint32_t)(i * WORD) + (uint32_t)__builtin_ctzll(word);
}

uint32_t cf_bits_prev(const struct cf_bits *bits, uint32_t from)
{
  if (bits->n == 0)
    return UINT32_MAX;
  if (from >= bits->n)
    from = bits->n - 1;
  size_t i = from / WORD;
  uint64_t word = bits->w[i] & (UINT64_MAX >> (WORD - 1 - from % WORD));
  while (word == 0) {
    if (i-- == 0)
      return UINT32_MAX;
    word = bits->w[i];
  }
  return (uint32_t)(i * WORD) + WORD - 1 - (uint32_t)__builtin_clzll(word);
}
