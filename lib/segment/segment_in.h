/* SPDX-License-Identifier: MIT */
/* Inside lib/segment: the layout of a segment file, shared by its builder, its
 * reader and the pool.
 *
 * A segment is one Berkeley DB file with a named sub-database ("sheet") for
 * each kind of content. Integers in keys are big-endian.
 *
 *   info        "segment" → struct cf_segment_info coded; "checkpoint" → a
 *               signed note, may be empty; "filter" → the ids' filter
 *               (fuse_in.h) and a u64 check of it, in layout 1 another kind,
 *               not used; "keys" → the filter of all other indexes' values
 *               (value_filter_in.h), "spans" → of each row of times the
 *               least, less that of the row before, as a zigzag varint, and the
 *               greatest less the least, as a varint; both from layout 2 on
 *   blocks      u32 part → its bytes (block.h) and a u32, their number; what is
 *               more than a piece follows under (u32 part, u16 piece ≥ 1). In
 *               the same way under u32 0xffffffff the dictionary. Layout 1: u32
 *               block → its bytes, and no dictionary
 *   salts       u32 block → its salts. Not in layout 1
 *   hashes      u32 row → struct cf_leaves_kept, of 256 records. Layout 1: 16
 *               leaf hashes
 *   times       u32 row → 256 effective times as zigzag varints, each less the
 *               one before
 *   counts      index name, 0x00, key → u32 how often, where that is at least 2
 *   grams       u32 number → the next chunk's, then rows: varint, its number
 *               less that of the one before or of the chunk; varint, its bytes;
 *               the groups of records that have a gram (grams.h). A number is
 *               that of the stripe, 16 bits, and of the gram. A chunk holds all
 *               rows from its number up to the next one's; the first one's is
 *               0, the last one's next is that of a stripe that is not there
 *   user, …     key, u32 first offset → u16 ordinal, chunk (postings.h). The
 *               ordinal counts the sheet's chunks: neighbours that are not in
 *               sequence mean that something between them was lost, so that a
 *               search proves what it did not find
 *   id, request_id   chunks of fingerprints (id_chunk_in.h); in layout 1
 *               request_id is as user, … */
#ifndef CF_SEGMENT_SEGMENT_IN_H
#define CF_SEGMENT_SEGMENT_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/index/grams.h"
#include "lib/segment/bdb.h"
#include "lib/segment/segment.h"

#define CF_SEGMENT_LAYOUT    2  /* of what is made; 1 can be read */
#define CF_ROW_HASHES        16 /* in layout 1 */
#define CF_ROW_DICTIONARY    UINT32_MAX
#define CF_ORDINAL_N         2
#define CF_STRIPE            (CF_GRAMS_GROUPS * CF_GRAMS_GROUP) /* records */
#define CF_SEGMENT_VALUE_MAX ((size_t)64 << 20) /* bytes, of any value of any segment */

enum cf_sheet {
  CF_SHEET_INFO,
  CF_SHEET_BLOCKS,
  CF_SHEET_SALTS,
  CF_SHEET_HASHES,
  CF_SHEET_TIMES,
  CF_SHEET_COUNTS,
  CF_SHEET_GRAMS,
  CF_SHEET_INDEX, /* the first of the indexes */
  CF_SHEET_N = CF_SHEET_INDEX + CF_I_N
};
/* Its name, or NULL for a member that is not indexed. */
const char *cf_sheet_name(unsigned sheet);
/* Does a file of that layout have it? */
bool cf_sheet_is_in(unsigned layout, unsigned sheet);

/* The key of a value in all that knows those of every index, as `counts`: the
 * index's name, as its number may be another in a later version, 0x00, the key.
 * It is written to out. */
#define CF_VALUE_KEY_MAX (64 + CF_INDEX_VALUE_MAX)
struct cf_str cf_value_key(unsigned index, struct cf_str key, char out[CF_VALUE_KEY_MAX]);

struct cf_index_info {
  bool present;
  uint32_t chunks;
  uint32_t values;  /* different ones */
  uint32_t missing; /* records without one */
};
struct cf_segment_info {
  unsigned layout; /* 1 to CF_SEGMENT_LAYOUT */
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

/* The longest piece, for a size of pages. A page that is full gives its last
 * item to the next one, and that room is lost: so items are small, but a part
 * of ordinary records is one. */
static inline size_t cf_piece_max(uint32_t page)
{
  return page / 8 - 32;
}

/* The most bytes that a value can have of a segment of so many records, which
 * is all the room that is made for what a file has there: what needs more is
 * damage. */
#define CF_VARINT_MAX    10u
#define CF_TIMES_ROW_MAX (CF_TIMES_RUN * CF_VARINT_MAX)
static inline size_t cf_spans_max(uint32_t records)
{
  return records / CF_TIMES_RUN * 2 * CF_VARINT_MAX;
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
  struct cf_dictionary *_Atomic dictionary; /* read at its first use */
  atomic_bool spent;
  char *path;
  unsigned refs;
  bool detached;
  bool dropped; /* its file is going: nothing of it is kept when this is closed */
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
/* Has the index fingerprints in this file? In layout 1 `id` alone had. */
bool cf_segment_is_exact(const struct cf_segment *s, unsigned index);
/* A sheet's database, opened at its first use; owned by the segment. */
CF_MUST enum cf_err cf_segment_sheet(struct cf_segment *s, unsigned sheet, struct cf_bdb **db);
/* What a key of a sheet, or a row, holds replaces b's content. */
CF_MUST enum cf_err cf_segment_get(struct cf_segment *s, unsigned sheet, struct cf_str key,
                                   struct cf_buf *b);
CF_MUST enum cf_err cf_segment_get_row(struct cf_segment *s, unsigned sheet, uint32_t row,
                                       struct cf_buf *b);
/* Note the damage and give CF_E_DAMAGED, or another error as it is. */
enum cf_err cf_segment_spoil(struct cf_segment *s, enum cf_err err, const char *what);

/* The leaf hashes that the pool keeps (made_in.h). */
struct cf_made;
struct cf_made *cf_segment_pool_made(struct cf_segment_pool *pool);

/* The times that it keeps (known_times_in.h). */
struct cf_known_times;
struct cf_known_times *cf_segment_pool_times(struct cf_segment_pool *pool);

/* The note that it was made with replaces b's content; may be empty. */
CF_MUST enum cf_err cf_segment_checkpoint(struct cf_segment *s, struct cf_buf *b);

/* Replace b's content with the filter over its ids, as it is stored.
 * CF_E_SYNTAX where it is none; CF_E_DAMAGED, CF_E_NOTFOUND. */
CF_MUST enum cf_err cf_segment_filter_get(struct cf_segment *s, struct cf_buf *b);
size_t cf_segment_filter_max(const struct cf_segment *s); /* room for it */
/* The filter over its values replaces b's content. CF_E_SYNTAX where it is not
 * of as many values as the segment says it has; else as the former. */
CF_MUST enum cf_err cf_segment_keys_get(struct cf_segment *s, struct cf_buf *b);
size_t cf_segment_keys_max(const struct cf_segment *s);
/* Keep a copy of a filter, which is one, as long as there is room for it. */
void cf_segment_pool_keep_filter(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                                 struct cf_str filter);
/* What cf_id_fingerprint gives under the ledger's key. */
uint64_t cf_segment_pool_fingerprint(const struct cf_segment_pool *pool, struct cf_str s);

#endif
