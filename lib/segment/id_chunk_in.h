/* SPDX-License-Identifier: MIT */
/* The chunks of a sheet of fingerprints, of which the first 32 bits are kept:
 * what they find is looked at in any case.
 *
 *   key     u32 fingerprint, u32 offset, where the chunk begins
 *   value   the next chunk's key, u8 g, then for each pair g bits by which its
 *           fingerprint exceeds the one before, the first one the key's, and as
 *           many bits of its offset as the segment's last one needs; most
 *           significant bits first, zeros to the end of a byte
 *
 * A chunk holds all pairs from its key up to the next one's; the first chunk's
 * key is 0, the last one's next all ones. In layout 1 fingerprints are of 64
 * bits, and pairs of 8 and 3 bytes follow the next chunk's key. */
#ifndef CF_SEGMENT_ID_CHUNK_IN_H
#define CF_SEGMENT_ID_CHUNK_IN_H

#include "lib/segment/segment_in.h"

#define CF_ID_KEY_MAX 12  /* bytes */
#define CF_ID_CHUNK_N 128 /* pairs of a chunk */

/* A record's fingerprint, as far as it is kept. Pairs are in order of
 * fingerprint, then offset. */
struct cf_id_pair {
  uint64_t fingerprint;
  uint32_t offset;
};
extern const struct cf_id_pair cf_id_pair_end; /* behind all */
bool cf_id_pair_is_end(struct cf_id_pair pair);
int cf_id_pair_cmp(struct cf_id_pair a, struct cf_id_pair b);
/* What is kept of a fingerprint. */
uint64_t cf_id_kept(unsigned layout, uint64_t fingerprint);

/* All pairs from a chunk's key up to the next one's. */
struct cf_id_chunk {
  struct cf_id_pair first, next; /* the keys */
  unsigned n;
  struct cf_id_pair pair[CF_ID_CHUNK_N];
};
/* Replace key's and value's content by those of a chunk of a segment of so many
 * records, in the newest layout. Check their err. */
void cf_id_chunk_put(const struct cf_id_chunk *chunk, uint32_t records, struct cf_buf *key,
                     struct cf_buf *value);
/* CF_E_SYNTAX: it is none, or not in order. */
CF_MUST enum cf_err cf_id_chunk_get(unsigned layout, struct cf_str key, struct cf_str value,
                                    uint32_t records, struct cf_id_chunk *chunk);
/* The key of the chunk that begins with a pair. */
struct cf_str cf_id_key(unsigned layout, struct cf_id_pair pair, uint8_t out[CF_ID_KEY_MAX]);

#endif
