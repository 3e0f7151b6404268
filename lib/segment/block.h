/* SPDX-License-Identifier: MIT */
/* Blocks: up to 64 records with their salt keys as one compressed value
 * (architecture.md, The store). The same bytes in the tail's file and in its
 * image; segments keep a block in parts. An erased compartment leaves its
 * commitment; a run of records with an erasure carries explicit salts instead
 * of a key. */
#ifndef CF_SEGMENT_BLOCK_H
#define CF_SEGMENT_BLOCK_H

#include "lib/base/pack.h"
#include "lib/record/record.h"

/* The most bytes of a record in it, of a part and of a whole block. */
#define CF_RECORD_BYTES_MAX (CF_LEAF_MAX + 256u)
#define CF_PART_BYTES_MAX   (1 + (size_t)CF_PART * CF_RECORD_BYTES_MAX)
#define CF_BLOCK_BYTES_MAX \
  (1 + (size_t)CF_GROUP * (CF_RECORD_BYTES_MAX + 2 + CF_C_N * CF_HASH_N) + 16)

/* Makes one block. Records are added in order of seq, all within one aligned
 * group of 64. */
struct cf_block_writer {
  uint64_t first;
  unsigned n;
  struct cf_buf head; /* salt runs */
  struct cf_buf body; /* encoded records */
  uint8_t key[CF_SALTKEY_N];
  bool has_key;
  unsigned runs;
  int64_t base_us;
};
void cf_block_writer_init(struct cf_block_writer *w);
void cf_block_writer_fini(struct cf_block_writer *w);
/* Begin an empty block at seq first. */
void cf_block_writer_begin(struct cf_block_writer *w, uint64_t first);
/* Add the record of seq first + n, salted under key. CF_E_NOMEM, CF_E_FULL. */
CF_MUST enum cf_err cf_block_writer_add(struct cf_block_writer *w, const struct cf_record *r,
                                        const uint8_t key[CF_SALTKEY_N]);
/* Add a record with explicit salts (for rewriting after an erasure). */
CF_MUST enum cf_err cf_block_writer_add_salted(struct cf_block_writer *w, const struct cf_record *r,
                                               const uint8_t salts[CF_C_N][CF_HASH_N]);
/* Append the block's bytes to b (a whole block compressed where that is
 * smaller; not tried below 2 KiB). The writer keeps its content. */
CF_MUST enum cf_err cf_block_writer_end(struct cf_block_writer *w, struct cf_buf *b);

/* An opened block, or a part of one: its records' slices point into it.
 * Reusable. */
struct cf_block {
  uint64_t first;
  unsigned n;
  struct cf_record record[CF_GROUP];
  struct cf_buf raw;
  struct {
    unsigned from;
    const uint8_t *key;
    const uint8_t *salts;
  } run[CF_GROUP];
  unsigned runs;       /* 0: its salts were not asked for */
  struct cf_str salts; /* the bytes of the runs */
  bool none;           /* its records were not read: none of them is wanted */
  /* whose bytes its slices point into, where these are not raw's */
  struct cf_shared_part *shared;
};
void cf_block_init(struct cf_block *block);
void cf_block_fini(struct cf_block *block);
void cf_block_reset(struct cf_block *block); /* no records; keeps the memory */
/* Open the bytes of the block that begins at seq first. CF_E_SYNTAX (damage),
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_block_open(struct cf_block *block, uint64_t first, struct cf_str bytes);
/* Who wants only records with some text can say by the bytes of a block that it
 * has none: every text of a record stands there as it is written, in one piece,
 * among bytes of other kinds. False: none is wanted. */
struct cf_block_look {
  bool (*may)(void *context, struct cf_str bytes);
  void *context;
};
/* The same; of a block without a wanted record only first and n are known
 * (none). look may be NULL. */
CF_MUST enum cf_err cf_block_open_wanted(struct cf_block *block, uint64_t first,
                                         struct cf_str bytes, const struct cf_block_look *look);
/* The salts of its i-th record, which it has, for each compartment present; the
 * others are left alone or zero. */
void cf_block_salts(const struct cf_block *block, unsigned i, uint8_t salts[CF_C_N][CF_HASH_N]);
/* cf_leaf_put of its i-th record. */
void cf_block_leaf(const struct cf_block *block, unsigned i, const uint8_t prev[CF_HASH_N],
                   struct cf_buf *b, uint8_t hash[CF_HASH_N]);

/* ---- parts ---- */

/* A segment keeps a block of 64 as parts of so many records, each packed with
 * the segment's dictionary, so that one record costs no more than its
 * neighbours; and apart from them its salts, which few need. */
#define CF_PART  16
#define CF_PARTS (CF_GROUP / CF_PART)

/* Append the records of the i-th part of a whole block, not packed. b's
 * error. */
void cf_block_part_put(const struct cf_block *block, unsigned i, struct cf_buf *b);
/* Append the same packed where that is smaller. CF_E_NOMEM, b's error. */
CF_MUST enum cf_err cf_part_pack(struct cf_packer *packer, struct cf_str part, struct cf_buf *b);

/* Append what cf_part_pack has made to raw, unpacked; d is NULL where there was
 * none. CF_E_SYNTAX, CF_E_NOMEM. */
CF_MUST enum cf_err cf_part_unpack(const struct cf_dictionary *d, struct cf_str bytes,
                                   struct cf_buf *raw);
/* Open the n parts, the first of which begins at seq first, that block->raw
 * holds, the i-th up to end[i]; and behind them the bytes of salts, if there is
 * more. CF_E_SYNTAX. */
CF_MUST enum cf_err cf_block_open_parts(struct cf_block *block, uint64_t first, const size_t *end,
                                        unsigned n);

/* Open the i-th part of a whole block by itself, with bytes of its own.
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_block_open_part(const struct cf_block *whole, unsigned i,
                                       struct cf_block *part);

/* A part that several readers have open at once; nobody changes it. */
struct cf_shared_part;
/* Make one of the part that is open in block, with its bytes; block goes on
 * having it open. One reference is the caller's. CF_E_NOMEM: nothing has
 * changed. */
CF_MUST enum cf_err cf_block_share(struct cf_block *block, struct cf_shared_part **part);
/* Open one that the caller has a reference to; block has its own. */
void cf_block_open_shared(struct cf_block *block, struct cf_shared_part *part);
size_t cf_shared_part_memory(const struct cf_shared_part *part);
void cf_shared_part_put(struct cf_shared_part *part); /* NULL is harmless */

#endif
