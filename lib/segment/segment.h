/* SPDX-License-Identifier: MIT */
/* Segments: immutable Berkeley DB files, each holding a range of records for
 * good (architecture.md, The store).
 *
 * Named sub-databases: `blocks` (u32 block number → block), `hashes` (u32 row →
 * 16 leaf hashes), `times` (u32 row → 256 effective times), `info`, `counts`,
 * and one secondary index for each indexed member, `date` and `kind`: (value,
 * u32 first offset) → chunk of offsets; `id` is packed fingerprints. Offsets
 * count from the segment's first seq. Pages are 16 KiB in small segments and 32
 * KiB in others.
 *
 * Beside each file stands `<name>.sums`, the SHA-256 of each of its pages, in
 * order; SHA-256 of that is the segment's digest. A segment whose digest the
 * catalogue has is sworn: no page of it is believed that is not the one that
 * was written. One of an older ledger has Berkeley DB's own checksums, which
 * anybody can make good, until cf_segment_swear.
 *
 * Errors: CF_E_DAMAGED where the file does not hold what it should, found by
 * the read that depends on it. The handle is then spent, and the next one that
 * is acquired is another. One that is not sworn gives nothing more to those who
 * hold it either: release it, acquire anew, and what lies outside the damaged
 * page can still be read. What a handle of one's own finds damaged is
 * damaged. */
#ifndef CF_SEGMENT_SEGMENT_H
#define CF_SEGMENT_SEGMENT_H

#include "lib/index/bits.h"
#include "lib/index/index.h"
#include "lib/record/values.h"
#include "lib/segment/block.h"

/* What the catalogue knows of a segment. Nothing here comes from a
 * compartment. */
struct cf_segment_meta {
  uint64_t first, end;              /* seqs first ≤ seq < end; multiples of 256 */
  uint64_t generation;              /* counts rewrites: the file is <first>-<end>-<generation> */
  int64_t time_min_us, time_max_us; /* effective times */
  int64_t recorded_min_us, recorded_max_us;
  uint64_t bytes; /* of the file */
  bool sworn;     /* the digest is known */
  uint8_t digest[CF_HASH_N];
};
void cf_segment_meta_put(const struct cf_segment_meta *meta, struct cf_buf *b);
/* CF_E_SYNTAX */
CF_MUST enum cf_err cf_segment_meta_get(struct cf_str s, struct cf_segment_meta *meta);
/* decimal numbers, 20 digits with leading zeros for the seqs; its sums stand
 * under the same name and an ending */
#define CF_SEGMENT_SUMS ".sums"
void cf_segment_name(const struct cf_segment_meta *meta, char out[64]);

/* Where a new segment's content comes from: a frozen generation, or an older
 * segment being rewritten. */
struct cf_segment_source {
  void *context;
  /* Append the bytes of the block that begins at first + 64·i. */
  enum cf_err (*block)(void *context, uint32_t i, struct cf_buf *b);
  /* n leaf hashes from offset on. */
  enum cf_err (*hashes)(void *context, uint32_t offset, uint32_t n, uint8_t *out);
  enum cf_err (*times)(void *context, uint32_t offset, uint32_t n, int64_t *out);
  const struct cf_index *index;
  struct cf_str checkpoint; /* the newest note at or below its end; may be empty */
};
/* Write, sync and read back the file directory/<name> under a temporary name,
 * write its sums, then rename it and fsync the directory. meta's bytes, digest
 * and sworn are filled in. An fsync that fails ends the process. CF_E_SPACE and
 * CF_E_STORE leave no file of that name; sums that a crash or they have left
 * count for nothing without the row of the catalogue that has their digest, and
 * are replaced by the next try, as is the temporary file. All of these names
 * begin with <name>. */
CF_MUST enum cf_err cf_segment_build(const char *directory, const struct cf_segment_source *source,
                                     struct cf_segment_meta *meta, struct cf_fault *fault);

/* Read all of a segment that nothing vouches for, as it is on disk: each page
 * by its sum or, in one of an older ledger, with Berkeley DB's checksum, each
 * key of each sheet, each record against its leaf hash, and what finds records
 * against them (cf_segment_compare). An erased record is none that can be
 * sworn to: only its `erasure` says that it may be. If it holds what it should,
 * write its sums where it had none, and fill in meta's digest and sworn.
 * CF_E_DAMAGED; CF_E_PROOF: all of it can be read, and its records, leaf hashes
 * or what finds them are not what was logged (the messages say where, of both);
 * CF_E_LEAVING: nothing is written.
 * stopped is asked with its context for each page, row, block and value.
 * CF_E_STORE, CF_E_SPACE, CF_E_NOMEM; an fsync that fails ends the process.
 * Thread-safe; handles that a pool has open stay what they are. Takes the
 * memory of an index of its records. */
struct cf_swear {
  const uint8_t *fingerprint_key; /* 16 bytes */
  const uint8_t *before;          /* the leaf hash in front of its first record */
  /* The leaf hashes of each tile, in order: are they the tree's? CF_E_PROOF;
   * any other error ends it too. */
  enum cf_err (*tile)(void *context, const uint8_t *hashes);
  bool (*stopped)(void *context); /* true: CF_E_LEAVING */
  void *context;
};
CF_MUST enum cf_err cf_segment_swear(const char *directory, const struct cf_swear *how,
                                     struct cf_segment_meta *meta, struct cf_fault *fault);
/* Are pages [from, from + n) of a sworn segment's file those that were written?
 * Reads them from the file, outside any pool and with one page's memory. Gives
 * how many pages there are (so that n may be UINT64_MAX) and the first one that
 * is not, or that number where all of these are. CF_E_DAMAGED, logged: the file
 * or its sums are missing, of another size or not those of the digest.
 * CF_E_STORE, CF_E_NOMEM. */
CF_MUST enum cf_err cf_segment_pages_check(const char *directory,
                                           const struct cf_segment_meta *meta, uint64_t from,
                                           uint64_t n, uint64_t *pages, uint64_t *bad);

/* Open files, a bounded number: least recently used ones that nobody holds are
 * closed. Thread-safe. One is open by two descriptors, and by one more while it
 * is opened. */
#define CF_SEGMENT_POOL_MAX 64u
#define CF_SEGMENT_FILES    3u
struct cf_segment_pool;
struct cf_segment;
CF_MUST enum cf_err cf_segment_pool_new(const char *directory, uint64_t cache,
                                        const uint8_t fingerprint_key[16],
                                        struct cf_segment_pool **pool);
void cf_segment_pool_free(struct cf_segment_pool *pool); /* nothing may be held */
/* Borrow the segment's handle; several threads may hold it. CF_E_DAMAGED also
 * where the file is missing, may not be read, or is not the one that meta
 * names; CF_E_STORE where no descriptor is left. */
CF_MUST enum cf_err cf_segment_acquire(struct cf_segment_pool *pool,
                                       const struct cf_segment_meta *meta,
                                       struct cf_segment **segment);
/* A handle of one's own, which no other reader can spend; to be released too.
 * It costs opening the file. */
CF_MUST enum cf_err cf_segment_acquire_alone(struct cf_segment_pool *pool,
                                             const struct cf_segment_meta *meta,
                                             struct cf_segment **segment);
void cf_segment_release(struct cf_segment_pool *pool, struct cf_segment *segment);
/* err = read, an expression that reads by the handle s. Where that is spent it
 * is evaluated once more, with a handle of its own: CF_E_DAMAGED is then about
 * what this read needs, whatever others find beside it. */
#define CF_SEGMENT_READ(pool, meta, err, s, read) \
  for (int cf_try = 0; cf_try < 2; cf_try++) { \
    struct cf_segment *s = NULL; \
    (err) = cf_try == 0 ? cf_segment_acquire((pool), (meta), &s) \
                        : cf_segment_acquire_alone((pool), (meta), &s); \
    if ((err) == CF_OK) { \
      (err) = (read); \
      cf_segment_release((pool), s); \
    } \
    if ((err) != CF_E_DAMAGED) \
      break; \
  }
/* Which of the n fingerprints may the segment have, by its filter in memory?
 * Their places go to maybe (room for n); the others it surely has not, and
 * there is no need to acquire it for them. false: the filter is not in memory;
 * a cf_segment_find_id brings it there. */
CF_MUST bool cf_segment_screen_ids(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                                   const uint64_t *fingerprints, uint32_t n, uint32_t *maybe,
                                   uint32_t *maybe_n);
/* How much memory filters may take, in bytes; half of the cache if not said. */
void cf_segment_pool_bloom_budget(struct cf_segment_pool *pool, size_t bytes);
/* Forget a replaced or removed file's handle; it is closed when its last holder
 * lets go. */
void cf_segment_pool_drop(struct cf_segment_pool *pool, const struct cf_segment_meta *meta);

/* The bytes of block i replace b's content. */
CF_MUST enum cf_err cf_segment_block(struct cf_segment *s, uint32_t i, struct cf_buf *b);
/* n leaf hashes / effective times from offset on; out holds n of them. */
CF_MUST enum cf_err cf_segment_hashes(struct cf_segment *s, uint32_t offset, uint32_t n,
                                      uint8_t *out);
CF_MUST enum cf_err cf_segment_times(struct cf_segment *s, uint32_t offset, uint32_t n,
                                     int64_t *out);
/* Add the offsets ≥ from and < bits->n that match the term. */
CF_MUST enum cf_err cf_segment_match(struct cf_segment *s, const struct cf_term *term,
                                     uint32_t from, struct cf_bits *bits);
/* As cf_index_find_id. The filter in memory answers most negatives without a
 * read of the index. */
CF_MUST enum cf_err cf_segment_find_id(struct cf_segment *s, uint64_t fingerprint,
                                       bool (*each)(void *context, uint32_t offset), void *context);

/* What a segment's sheets must say, made of its records again. */
struct cf_segment_truth {
  const uint8_t *key;          /* of fingerprints; borrowed */
  struct cf_segment_meta meta; /* its range; and the times of the records that were added */
  struct cf_index *index;
  int64_t *times; /* the effective time of each */
  struct cf_values values;
  struct cf_buf keys;
  /* Called for each difference: the record that it is about, or one near it,
   * and the sheet's name. */
  void (*differ)(void *context, uint32_t offset, const char *sheet, const char *what);
  /* Asked for each value and id, where not NULL; true: CF_E_LEAVING. */
  bool (*stopped)(void *context);
  void *context;
  uint64_t entries; /* out, added to: how many entries of indexes were expected */
};
/* For the range of meta, without records. CF_E_NOMEM. To be ended in any case;
 * a zeroed one may be too. */
CF_MUST enum cf_err cf_segment_truth_init(struct cf_segment_truth *truth,
                                          const uint8_t fingerprint_key[16],
                                          const struct cf_segment_meta *meta);
void cf_segment_truth_fini(struct cf_segment_truth *truth);
/* The next record. CF_E_SYNTAX, CF_E_NOMEM. */
CF_MUST enum cf_err cf_segment_truth_add(struct cf_segment_truth *truth, const struct cf_record *r);
/* Hold what the catalogue says of times against the truth. */
void cf_segment_compare_ranges(const struct cf_segment_meta *meta,
                               const struct cf_segment_truth *truth);
/* Hold each index, `times`, `counts`, `id` with its filter, and what `info`
 * says of them against the truth, both ways. Reads all of these sheets once, in
 * order. What cannot be read is a difference. CF_E_NOMEM, CF_E_STORE,
 * CF_E_LEAVING. */
CF_MUST enum cf_err cf_segment_compare(struct cf_segment *s, struct cf_segment_truth *truth);

#endif
