/* SPDX-License-Identifier: MIT */
/* SipHash-2-4 (Aumasson and Bernstein, 2012): a short keyed hash, so that
 * nobody who does not know the key can choose values that collide. */
#ifndef CF_INDEX_SIPHASH_IN_H
#define CF_INDEX_SIPHASH_IN_H

#include <stddef.h>
#include <stdint.h>

/* The 64-bit hash of n bytes under a key of 16. */
uint64_t cf_siphash(const uint8_t key[16], const void *p, size_t n);

#endif
