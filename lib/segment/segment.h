/* SPDX-License-Identifier: MIT */
/* Segments: immutable Berkeley DB files, each holding a range of records for
 * good (architecture.md, The store).
 *
 * Named sub-databases: `blocks` (u32 number → 16 records, packed with a
 * dictionary that is there too), `salts`, `hashes` (u32 row → what is kept of
 * 256 leaf hashes, lib/record/leaves.h), `times` (u32 row → 256 effective
 * times), `info`, `counts`, `grams` (which records may hold a text), and one
 * secondary index for each indexed member, `date` and `kind`: (value, u32 first
 * offset) → chunk of offsets; `id` and `request_id` are packed fingerprints.
 * Offsets count from the segment's first seq. Pages are 16 KiB, in layout 1
 * also 32.
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
#include "lib/record/leaves.h"
#include "lib/record/values.h"
#include "lib/segment/block.h"

/* What the catalogue knows of a segment. Nothing here comes from a
 * compartment. */
struct cf_segment_meta {
  uint64_t first, end; /* seqs first ≤ seq < end; multiples of 256 */
  uint64_t generation; /* counts rewrites: the file is <first>-<end>-<generation> */
  /* effective times of its dated records (cf_record_is_dated), the least above
   * the greatest where there are none; up to 0.1.0 of all */
  int64_t time_min_us, time_max_us;
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
/* The range of all its effective times. */
struct cf_span cf_segment_span(const struct cf_segment_meta *meta);

/* Where a new segment's content comes from: a frozen generation, or an older
 * segment being rewritten. */
struct cf_segment_source {
  void *context;
  /* Open the whole block that begins at first + 64·i, with its salts. Each is
   * asked for more than once. */
  enum cf_err (*block)(void *context, uint32_t i, struct cf_block *block);
  /* n leaf hashes from offset on. */
  enum cf_err (*hashes)(void *context, uint32_t offset, uint32_t n, uint8_t *out);
  enum cf_err (*times)(void *context, uint32_t offset, uint32_t n, int64_t *out);
  const struct cf_index *index;
  struct cf_str checkpoint; /* the newest note at or below its end; may be empty */
  const uint8_t *before;    /* the leaf hash in front of its first record */
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
/* Of cache, in bytes, half is for the filters of ids, an eighth for parts that
 * were opened, a 64th for what finds nothing, half as much for times of single
 * records, the rest for pages of open files.
 * The filters of values have as much as half of it, beside it. */
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
/* Is the filter over the segment's ids in memory? */
CF_MUST bool cf_segment_has_filter(struct cf_segment_pool *pool,
                                   const struct cf_segment_meta *meta);
/* Bring it there, where there is room. */
CF_MUST enum cf_err cf_segment_filter_load(struct cf_segment *s);
/* Which segments may have which fingerprints, by these filters? A hit gives
 * both by their numbers in what was asked; where there is none the segment
 * surely has not the fingerprint. One without a filter in memory may have all.
 * hits' content is replaced, in order of segment, then fingerprint; check its
 * err. */
struct cf_id_hit {
  uint32_t segment, fingerprint;
};
void cf_segment_screen_ids(struct cf_segment_pool *pool,
                           const struct cf_segment_meta *const *segments, uint32_t segments_n,
                           const uint64_t *fingerprints, uint32_t n, struct cf_buf *hits);
/* May a record of the segment match the term? false: surely none, by the filter
 * of its values, which is in memory since it was opened first; there is no need
 * to acquire it then. */
bool cf_segment_may_match(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                          const struct cf_term *term);
/* Was it noted that no record of the segment matches the filter, whose hash it
 * is? Only of a sworn one, which stays what it is. */
bool cf_segment_is_barren(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                          const uint8_t filter[CF_HASH_N]);
void cf_segment_note_barren(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                            const uint8_t filter[CF_HASH_N]);
/* How much memory filters may take, in bytes; half of the cache if not said. */
void cf_segment_pool_filter_budget(struct cf_segment_pool *pool, size_t bytes);
/* The parts that the pool keeps open (parts.h), a tail's among them. NULL of
 * NULL. */
struct cf_parts;
struct cf_parts *cf_segment_pool_parts(struct cf_segment_pool *pool);
/* Forget a replaced or removed file's handle; it is closed when its last holder
 * lets go. */
void cf_segment_pool_drop(struct cf_segment_pool *pool, const struct cf_segment_meta *meta);

/* Open block i, of 64 records, with its salts. An error leaves block, here and
 * below, without records, or as it was. */
CF_MUST enum cf_err cf_segment_block(struct cf_segment *s, uint32_t i, struct cf_block *block);
/* Open the part that holds the record at offset: it and its neighbours, without
 * salts; or in a file of layout 1 its block. */
CF_MUST enum cf_err cf_segment_part(struct cf_segment *s, uint32_t offset, struct cf_block *block);
/* n leaf hashes from offset on; out holds n of them. They are made of the
 * records again, a part of 16 at a time, and given where they are those that
 * were: what is kept of them says so. Else CF_E_DAMAGED. That of a part's last
 * record is kept. */
CF_MUST enum cf_err cf_segment_hashes(struct cf_segment *s, uint32_t offset, uint32_t n,
                                      uint8_t *out);
/* What is kept of the 256 leaf hashes from offset, a multiple of 256, on.
 * CF_E_NOTFOUND in a file of layout 1, which has all of them. */
CF_MUST enum cf_err cf_segment_leaves(struct cf_segment *s, uint32_t offset,
                                      struct cf_leaves_kept *kept);
/* n effective times from offset on. One that is asked for alone is kept. */
CF_MUST enum cf_err cf_segment_times(struct cf_segment *s, uint32_t offset, uint32_t n,
                                     int64_t *out);
/* The spans of its first n times; those of layout 1 are cf_segment_span. */
CF_MUST enum cf_err cf_segment_spans(struct cf_segment *s, uint32_t n, struct cf_span *spans);
/* Add the offsets ≥ from and < bits->n that match the term. */
CF_MUST enum cf_err cf_segment_match(struct cf_segment *s, const struct cf_term *term,
                                     uint32_t from, struct cf_bits *bits);
/* The same of a value of an exact index (cf_index_is_exact), with others whose
 * fingerprint is alike as far as it is kept. */
CF_MUST enum cf_err cf_segment_match_exact(struct cf_segment *s, unsigned index,
                                           struct cf_str value, uint32_t from,
                                           struct cf_bits *bits);
/* Add the offsets ≥ from and < bits->n whose records may hold the needle (as
 * cf_text_fold leaves it) in any text: all of them where it is too short, or
 * the file of an older layout. */
CF_MUST enum cf_err cf_segment_search(struct cf_segment *s, struct cf_str needle, uint32_t from,
                                      struct cf_bits *bits);
/* How many records match a term of one key, as `counts` says: 1 for none,
 * too. */
CF_MUST enum cf_err cf_segment_count(struct cf_segment *s, const struct cf_term *term, uint32_t *n);
/* As cf_index_find, of `id`. */
CF_MUST enum cf_err cf_segment_find_id(struct cf_segment *s, uint64_t fingerprint,
                                       bool (*each)(void *context, uint32_t offset), void *context);

/* Is its file laid out as none is made any more? */
bool cf_segment_is_old(const struct cf_segment *s);
/* Write a sworn segment's file once more, as files are made now, under the next
 * generation: its records through the sums of the one there is, and what finds
 * them made of them anew. meta becomes the new one's; the old one stays.
 * stopped is asked with its context for each block of 64 records; true:
 * CF_E_LEAVING. CF_E_DAMAGED: of the old one; else as cf_segment_build. Takes
 * the memory of an index of its records. */
struct cf_rewrite {
  struct cf_segment_pool *pool; /* of the directory */
  const char *directory;
  const uint8_t *fingerprint_key; /* 16 bytes */
  const uint8_t *before;          /* the leaf hash in front of its first record */
  bool (*stopped)(void *context);
  void *context;
};
CF_MUST enum cf_err cf_segment_rewrite(const struct cf_rewrite *how, struct cf_segment_meta *meta,
                                       struct cf_fault *fault);

/* What a segment's sheets must say, made of its records again. */
struct cf_segment_truth {
  const uint8_t *key;          /* of fingerprints; borrowed */
  struct cf_segment_meta meta; /* its range; and the times of the records that were added */
  struct cf_index *index;
  int64_t *times; /* the effective time of each */
  struct cf_grams_sheet *grams;
  struct cf_buf chunks; /* of grams: u32 length of the value, key, value */
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
/* Hold each index, `times`, `counts`, `grams`, `id` with its filter, and what
 * `info` says of them against the truth, both ways. Reads all of these sheets
 * once, in order. What cannot be read is a difference. CF_E_NOMEM, CF_E_STORE,
 * CF_E_LEAVING. */
CF_MUST enum cf_err cf_segment_compare(struct cf_segment *s, struct cf_segment_truth *truth);

#endif
