/* SPDX-License-Identifier: MIT */
/* A generation of the tail: the newest records, as a database file written
 * commit by commit and as an image in memory that answers reads
 * (architecture.md, The store).
 *
 * The file `tail-<number>` holds pieces: u64 first seq → the records of one
 * append that lie in one aligned 64, with their leaf hashes. It is read at the
 * start, and by a deep verify (tail_file.c). The image has one writer; readers
 * take its lock for moments and never touch the database. A generation may hold
 * records that are not durable yet: readers stay below the durable size by
 * themselves. */
#ifndef CF_LEDGER_TAIL_IN_H
#define CF_LEDGER_TAIL_IN_H

#include "lib/ledger/view.h"
#include "lib/segment/bdb.h"
#include "lib/segment/parts.h"
#include "lib/segment/segment.h"

/* What the ledger's meta table knows of a generation. */
struct cf_tail_meta {
  uint64_t number;
  uint64_t first; /* a multiple of 256 */
  uint64_t limit; /* the next generation begins here; a multiple of 256 */
  /* The leaf hash in front of its first record, so that this one can be judged
   * where that segment is lost; who changes it changes the record's leaf. */
  uint8_t prev[CF_HASH_N];
  bool has_prev; /* not in a generation of 0.1.0 */
  /* The sum of the pieces written before its first one: of all that ever were,
   * so that the newest one's end, which is in the head, is right only where
   * each piece is. Zeros of the first one, and where the row does not have
   * it. */
  uint8_t sum[CF_HASH_N];
};

/* One record on its way in. */
struct cf_fresh {
  struct cf_record record;
  struct cf_index_keys keys;
  uint8_t hash[CF_HASH_N];
};
struct cf_bytes {
  uint8_t *p; /* on the heap, or NULL */
  size_t n;
};
/* The consecutive records of one append in one aligned 64, salted under one
 * key. */
struct cf_piece {
  const struct cf_fresh *fresh;
  unsigned n;
  uint8_t key[CF_SALTKEY_N];
  /* of all 64, made by cf_tail_put, taken by cf_tail_apply; else the caller's
   * to free */
  struct cf_bytes block;
};

struct cf_tail;

/* An empty image for meta, of one reference, whose file in env is created
 * within txn. Without one, NULL, nothing is ever created: the file is there, or
 * CF_E_NOTFOUND; it can be written to either way. parts outlives the image:
 * what was opened is kept there, for as long as it is there; NULL where nobody
 * will read. CF_E_NOMEM, CF_E_STORE, CF_E_SPACE, CF_E_DAMAGED. */
CF_MUST enum cf_err cf_tail_make(struct cf_bdb_env *env, struct cf_bdb_txn *txn,
                                 const struct cf_tail_meta *meta, const uint8_t fingerprint_key[16],
                                 struct cf_parts *parts, struct cf_tail **tail);
/* tail_load.c: one with all that its file holds, which is checked; by a second
 * thread. CF_E_NOMEM, CF_E_STORE, CF_E_SYSTEM, CF_E_DAMAGED (with the place in
 * fault). */
CF_MUST enum cf_err cf_tail_load(struct cf_bdb_env *env, const struct cf_tail_meta *meta,
                                 const uint8_t fingerprint_key[16], struct cf_parts *parts,
                                 struct cf_tail **tail, struct cf_fault *fault);
void cf_tail_ref(struct cf_tail *tail);
/* Give a reference back; the last one frees the image. */
void cf_tail_unref(struct cf_tail *tail);
/* Close the database file; the image stays readable. For the writer, when the
 * generation is frozen and before its file is removed. */
void cf_tail_close_file(struct cf_tail *tail);
/* What cf_bdb_gone says of the file. */
const char *cf_tail_gone(const struct cf_tail *tail);
void cf_tail_file_name(uint64_t number, char out[32]);
struct cf_bdb *cf_tail_file(const struct cf_tail *tail); /* NULL once closed */
/* While one is loaded: the value of the file for the key first comes next. */
void cf_tail_sum_add(struct cf_tail *tail, uint64_t first, struct cf_str value);
/* Of one that was loaded: the sum behind its last piece. */
const uint8_t *cf_tail_sum(const struct cf_tail *tail);

/* Writer: put a piece into the file, in txn, and move the sum on. */
CF_MUST enum cf_err cf_tail_put(struct cf_tail *tail, struct cf_bdb_txn *txn,
                                struct cf_piece *piece, uint8_t sum[CF_HASH_N]);
/* Writer: enter a committed piece into the image. CF_E_NOMEM: the image is then
 * behind the file, and the process must end. */
CF_MUST enum cf_err cf_tail_apply(struct cf_tail *tail, struct cf_piece *piece);

/* tail_load.c: a value of the file, for the key first: opened into block; the
 * slices point into the value. CF_E_SYNTAX, CF_E_NOMEM. */
struct cf_tail_piece {
  const uint8_t *hashes; /* of the block's records */
  struct cf_str bytes;   /* the block's */
};
CF_MUST enum cf_err cf_tail_piece_get(struct cf_str value, uint64_t first, struct cf_block *block,
                                      struct cf_tail_piece *piece);

const struct cf_tail_meta *cf_tail_meta(const struct cf_tail *tail);
const struct cf_index *cf_tail_index(const struct cf_tail *tail);
struct cf_parts *cf_tail_parts(const struct cf_tail *tail);
const uint8_t *cf_tail_owner(const struct cf_tail *tail); /* of what is kept there; CF_HASH_N */
/* Writer: end the generation early. limit is a multiple of 256, not below what
 * it holds. */
void cf_tail_set_limit(struct cf_tail *tail, uint64_t limit);
/* The end of what the image holds. */
uint64_t cf_tail_end(struct cf_tail *tail);
/* Its ranges of times over what it holds; false where it is empty. */
bool cf_tail_ranges(struct cf_tail *tail, struct cf_unit *unit);
size_t cf_tail_memory(struct cf_tail *tail);

/* Block i does not hold the records that the tree has (tail_check.c). It stays
 * readable: whether it is shown is for the view to say. */
void cf_tail_doubt(struct cf_tail *tail, uint32_t i);
unsigned cf_tail_doubted(struct cf_tail *tail); /* how many blocks */
bool cf_tail_doubts(struct cf_tail *tail, uint32_t i);

/* Readers. Offsets count from the generation's first seq; the caller asks only
 * for what the image holds. */
/* appends the bytes of block i, also of the one still open */
CF_MUST enum cf_err cf_tail_block(struct cf_tail *tail, uint32_t i, struct cf_buf *b);
/* opens it (tail_open.c). CF_E_NOTFOUND, CF_E_SYNTAX, CF_E_NOMEM */
CF_MUST enum cf_err cf_tail_open(struct cf_tail *tail, uint32_t i, struct cf_block *block);
/* opens the records around that of an offset, without salts: the part of a full
 * block that was asked for before, or the block, without records where none is
 * wanted (cf_block_open_wanted). Its errors */
CF_MUST enum cf_err cf_tail_record(struct cf_tail *tail, uint32_t offset,
                                   const struct cf_block_look *look, struct cf_block *block);
void cf_tail_hashes(struct cf_tail *tail, uint32_t offset, uint32_t n, uint8_t *out);
void cf_tail_times(struct cf_tail *tail, uint32_t offset, uint32_t n, int64_t *out);
void cf_tail_spans(struct cf_tail *tail, uint32_t n, struct cf_span *spans); /* of n times */
void cf_tail_match(struct cf_tail *tail, const struct cf_term *term, uint32_t from,
                   struct cf_bits *bits);
uint32_t cf_tail_count(struct cf_tail *tail, const struct cf_term *term); /* cf_index_count */
void cf_tail_find(struct cf_tail *tail, unsigned index, uint64_t fingerprint,
                  bool (*each)(void *context, uint32_t offset), void *context);
/* writer: it will be asked for this id soon; does it have a record of it? */
void cf_tail_look_id(const struct cf_tail *tail, uint64_t fingerprint);
bool cf_tail_has_id(const struct cf_tail *tail, uint64_t fingerprint);

/* tail_open.c: the frozen generation as a source for cf_segment_build, but for
 * its checkpoint and the hash before. */
void cf_tail_segment_source(struct cf_tail *tail, struct cf_segment_source *source);

#endif
