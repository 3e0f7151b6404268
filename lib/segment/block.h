/* SPDX-License-Identifier: MIT */
/* Blocks: up to 64 records with their salt keys as one compressed value
 * (architecture.md, The store). The same bytes in the tail's file, in its
 * image, and in segments. An erased compartment leaves its commitment; a run of
 * records with an erasure carries explicit salts instead of a key. */
#ifndef CF_SEGMENT_BLOCK_H
#define CF_SEGMENT_BLOCK_H

#include "lib/record/record.h"

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
/* Append the block's bytes to b (compressed where that is smaller; not tried
 * below 2 KiB). The writer keeps its content. */
CF_MUST enum cf_err cf_block_writer_end(struct cf_block_writer *w, struct cf_buf *b);

/* An opened block: its records' slices point into it. Reusable. */
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
  unsigned runs;
};
void cf_block_init(struct cf_block *block);
void cf_block_fini(struct cf_block *block);
/* Open the bytes of the block that begins at seq first. CF_E_SYNTAX (damage),
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_block_open(struct cf_block *block, uint64_t first, struct cf_str bytes);
/* The salts of its i-th record, for each compartment present; the others are
 * left alone or zero. */
void cf_block_salts(const struct cf_block *block, unsigned i, uint8_t salts[CF_C_N][CF_HASH_N]);

#endif
