/* SPDX-License-Identifier: MIT */
/* Inside lib/segment: the layout of a segment file, shared by its builder, its
 * reader and the pool.
 *
 * A segment is one Berkeley DB file with a named sub-database ("sheet") for
 * each kind of content. Integers in keys are big-endian.
 *
 *   info        "segment" → struct cf_segment_info coded; "checkpoint" → a
 *               signed note, may be empty; "filter" → the ids' filter and a u64
 *               check of it
 *   blocks      u32 block → its bytes and a u32, their number; what is more
 *               than a piece follows under (u32 block, u16 piece ≥ 1)
 *   hashes      u32 row → 16 leaf hashes
 *   times       u32 row → 256 effective times as zigzag varints, each less the
 *               one before
 *   counts      index name, 0x00, key → u32 how often, where that is at least 2
 *   user, …     key, u32 first offset → u16 ordinal, chunk (postings.h). The
 *               ordinal counts the sheet's chunks: neighbours that are not in
 *               sequence mean that something between them was lost, so that a
 *               search proves what it did not find
 *   id          (u64 fingerprint, u32 offset) → the next chunk's key, then
 *               pairs of 8 and 3 bytes. A chunk holds all ids from its key up
 *               to the next one's; the first chunk's key is 0, the last one's
 *               next all ones */
#ifndef CF_SEGMENT_SEGMENT_IN_H
#define CF_SEGMENT_SEGMENT_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/segment/bdb.h"
#include "lib/segment/segment.h"

#define CF_SEGMENT_LAYOUT    1
#define CF_ROW_HASHES        16
#define CF_ROW_TIMES         256
#define CF_ORDINAL_N         2
#define CF_ID_KEY_N          12
#define CF_ID_PAIR_N         11
#define CF_ID_PAIRS_MAX      60
#define CF_SEGMENT_VALUE_MAX ((size_t)64 << 20)

enum cf_sheet {
  CF_SHEET_INFO,
  CF_SHEET_BLOCKS,
  CF_SHEET_HASHES,
  CF_SHEET_TIMES,
  CF_SHEET_COUNTS,
  CF_SHEET_INDEX, /* the first of the indexes */
  CF_SHEET_N = CF_SHEET_INDEX + CF_I_N
};
/* Its name, or NULL for a member that is not indexed. */
const char *cf_sheet_name(unsigned sheet);

struct cf_index_info {
  bool present;
  uint32_t chunks;
  uint32_t values;  /* different ones */
  uint32_t missing; /* records without one */
};
struct cf_segment_info {
  /* what cf_segment_tag gives under the ledger's key: under another one no id
   * would be found */
  uint64_t tag;
  struct cf_segment_meta meta; /* all but bytes and digest */
  struct cf_index_info index[CF_I_N];
};
void cf_segment_info_put(const struct cf_segment_info *info, struct cf_buf *b);
/* CF_E_SYNTAX */
CF_MUST enum cf_err cf_segment_info_get(struct cf_str s, struct cf_segment_info *info);
/* Equal in all but bytes and digest? */
bool cf_segment_meta_same(const struct cf_segment_meta *a, const struct cf_segment_meta *b);
#define CF_SEGMENT_TAG CF_STR("counterfoil segment")

/* The longest piece of a block of so many bytes, for a size of pages. A page
 * that is full gives its last item to the next one, and that room is lost: so
 * items are small, but those of large blocks, whose pieces would be too
 * many. */
static inline size_t cf_piece_max(uint32_t page, size_t total)
{
  return total < 4 * page ? 700 : page / 8 - 32;
}

/* An open file. The pool's fields are under its lock. */
struct cf_segment {
  struct cf_segment_meta meta;
  struct cf_segment_info info;
  struct cf_segment_pool *pool;
  struct cf_pages *pages; /* where they are known */
  struct cf_bdb_env *env;
  pthread_mutex_t opening; /* guards tried and err */
  bool tried;              /* to open it; err is what came of it */
  enum cf_err err;
  pthread_mutex_t lock; /* of opening a sheet */
  struct cf_bdb *_Atomic db[CF_SHEET_N];
  atomic_bool spent;
  char *path;
  unsigned refs;
  bool detached;
  struct cf_segment *newer, *older;
};
/* Open directory/name and check that it is the segment of s->meta under the
 * tag; cache in bytes. Where s->pages is not given it is loaded, if the segment
 * is sworn; in any case it is the segment's own from now on. CF_E_DAMAGED,
 * CF_E_STORE, CF_E_NOMEM. To be closed in any case. */
CF_MUST enum cf_err cf_segment_open(struct cf_segment *s, const char *directory, const char *name,
                                    uint64_t tag, uint64_t cache);
void cf_segment_close(struct cf_segment *s); /* what cf_segment_open opened */
/* directory/name and a suffix, on the heap, or NULL without memory. */
char *cf_segment_path(const char *directory, const char *name, const char *suffix);
/* A sheet's database, opened at its first use; owned by the segment. */
CF_MUST enum cf_err cf_segment_sheet(struct cf_segment *s, unsigned sheet, struct cf_bdb **db);
/* Note the damage and give CF_E_DAMAGED, or another error as it is. */
enum cf_err cf_segment_spoil(struct cf_segment *s, enum cf_err err, const char *what);

/* What the pool knows of a segment's ids: CF_BLOOM_NO is sure. */
enum cf_bloom_answer { CF_BLOOM_UNKNOWN, CF_BLOOM_NO, CF_BLOOM_MAYBE };
enum cf_bloom_answer cf_segment_pool_bloom_ask(struct cf_segment_pool *pool,
                                               const struct cf_segment_meta *meta,
                                               uint64_t fingerprint);
/* Keep a copy of a filter whose check is good, as long as there is room for it.
 * CF_E_SYNTAX where the check is not. */
CF_MUST enum cf_err cf_segment_pool_bloom_keep(struct cf_segment_pool *pool,
                                               const struct cf_segment_meta *meta,
                                               struct cf_str stored);

#endif
