/* SPDX-License-Identifier: MIT */
/* SipHash-2-4. */
#include "config.h"

#include "lib/index/siphash_in.h"

#include <endian.h>
#include <string.h>

static inline uint64_t word_get(const uint8_t *p)
{
  uint64_t word;

  memcpy(&word, p, sizeof word);
  return le64toh(word);
}

static inline uint64_t rotate(uint64_t x, int by)
{
  return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
  v[0] += v[1];
  v[2] += v[3];
  v[1] = rotate(v[1], 13) ^ v[0];
  v[3] = rotate(v[3], 16) ^ v[2];
  v[0] = rotate(v[0], 32);
  v[2] += v[1];
  v[0] += v[3];
  v[1] = rotate(v[1], 17) ^ v[2];
  v[3] = rotate(v[3], 21) ^ v[0];
  v[2] = rotate(v[2], 32);
}

static inline void word_absorb(uint64_t v[4], uint64_t word)
{
  v[3] ^= word;
  sip_round(v);
  sip_round(v);
  v[0] ^= word;
}

uint64_t cf_siphash(const uint8_t key[16], const void *p, size_t n)
{
  const uint64_t k0 = word_get(key);
  const uint64_t k1 = word_get(key + 8);
  uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                   k1 ^ 0x7465646279746573};
  const uint8_t *at = p;
  uint64_t last = (uint64_t)(n & 0xff) << 56;

  for (size_t words = n / 8; words > 0; words--, at += 8)
    word_absorb(v, word_get(at));
  for (size_t i = 0; i < n % 8; i++)
    last |= (uint64_t)at[i] << (8 * i);
  word_absorb(v, last);
  v[2] ^= 0xff;
  for (int i = 0; i < 4; i++)
    sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
