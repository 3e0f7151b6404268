/* SPDX-License-Identifier: MIT */
/* Lists of offsets as they stand in segments. */
#ifndef CF_INDEX_POSTINGS_H
#define CF_INDEX_POSTINGS_H

#include "lib/index/bits.h"

/* Lists as chunks of at most 128 offsets (delta varints), or a bitmap over at
 * most 4,096 offsets where that is smaller. A chunk's first offset is not in
 * it: its key has it. */
#define CF_CHUNK_MAX 128
/* How many of the n ≥ 1 ascending offsets the next chunk takes (1..n). */
uint32_t cf_chunk_take(const uint32_t *offsets, uint32_t n);
/* Append the chunk of n offsets, as many as cf_chunk_take said. */
void cf_chunk_put(struct cf_buf *b, const uint32_t *offsets, uint32_t n);
/* Add a chunk's offsets ≥ from and < bits->n to bits; gives its count and its
 * last offset. CF_E_SYNTAX: not what cf_chunk_put writes for ascending offsets
 * below limit (at most CF_OFFSET_MAX); bits may then hold some of them. */
CF_MUST enum cf_err cf_chunk_get(uint32_t first, struct cf_str chunk, uint32_t limit, uint32_t from,
                                 struct cf_bits *bits, uint32_t *count, uint32_t *last);

#endif
