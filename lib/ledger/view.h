/* SPDX-License-Identifier: MIT */
/* A view: records up to a size, looked at without changing anything. Who asks
 * (lib/query), opens records and proves (lib/evidence) needs no more than this.
 *
 * The ledger gives views of itself (cf_view_get, ledger.h). Another kind of
 * store, segments elsewhere, gives its own: a struct that begins with struct
 * cf_view, and a table of functions.
 *
 * A view holds no lock. Several threads may look through one at once where its
 * kind allows it; the ledger's does. */
#ifndef CF_LEDGER_VIEW_H
#define CF_LEDGER_VIEW_H

#include "lib/index/bits.h"
#include "lib/index/index.h"
#include "lib/proof/tree.h"
#include "lib/segment/block.h"

/* A run of records with indexes of its own. Units lie in ascending order,
 * without gaps from seq 0 (or the minimum) to the size. */
struct cf_unit {
  uint64_t first, end; /* first ≤ seq < end */
  /* effective times of its dated records (cf_record_is_dated), or of more; the
   * others' are when they were recorded */
  int64_t time_min_us, time_max_us;
  int64_t recorded_min_us, recorded_max_us; /* of all */
  bool segment;                             /* it is in a file, for good */
};

struct cf_view {
  const struct cf_view_calls *calls;
  uint64_t size; /* does not change; read it by cf_view_size */
};

void cf_view_put(struct cf_view *view); /* NULL is harmless */
uint64_t cf_view_size(const struct cf_view *view);

/* ---- questions ---- */

size_t cf_view_units(const struct cf_view *view);
/* i < cf_view_units; its end is cut to the size. */
void cf_view_unit(const struct cf_view *view, size_t i, struct cf_unit *unit);

/* May the unit have a record that matches the term? Reads nothing from a disk:
 * true where that does not tell. */
bool cf_view_may_match(struct cf_view *view, size_t i, const struct cf_term *term);
/* Was it noted that no record of the unit matches a filter? That is known by a
 * hash of all that it asks of a record's values. Reads nothing from a disk. */
bool cf_view_is_barren(struct cf_view *view, size_t i, const uint8_t filter[CF_HASH_N]);
/* Note it, for questions that come later: the whole unit was searched. */
void cf_view_note_barren(struct cf_view *view, size_t i, const uint8_t filter[CF_HASH_N]);
/* How many of the unit's records match the term, about, where a row at most
 * tells; else UINT32_MAX. */
uint32_t cf_view_count(struct cf_view *view, size_t i, const struct cf_term *term);
/* Add the offsets (from the unit's first) that match the term, at least from
 * and below bits->n. CF_E_DAMAGED where the index cannot be read: the caller
 * then checks records. CF_E_NOMEM. */
CF_MUST enum cf_err cf_view_match(struct cf_view *view, size_t i, const struct cf_term *term,
                                  uint32_t from, struct cf_bits *bits);
/* The same for a value of an exact index (cf_index_is_exact); offsets of other
 * values may be among them. */
CF_MUST enum cf_err cf_view_match_exact(struct cf_view *view, size_t i, unsigned index,
                                        struct cf_str value, uint32_t from, struct cf_bits *bits);
/* The same for records that may hold a needle, as cf_text_fold leaves it, in
 * any text (lib/record/texts.h): all of them where nothing tells. */
CF_MUST enum cf_err cf_view_search(struct cf_view *view, size_t i, struct cf_str needle,
                                   uint32_t from, struct cf_bits *bits);
/* Effective times of n records from offset on, all within the unit.
 * CF_E_DAMAGED, CF_E_NOMEM. */
CF_MUST enum cf_err cf_view_times(struct cf_view *view, size_t i, uint32_t offset, uint32_t n,
                                  int64_t *out);
/* The spans of all the unit's times. CF_E_DAMAGED, CF_E_NOMEM. */
CF_MUST enum cf_err cf_view_spans(struct cf_view *view, size_t i, struct cf_span *spans);
/* Open the block of the aligned 64 that holds seq; it holds records seq & ~63 …
 * up to the view's size. CF_E_NOTFOUND beyond the size, CF_E_EXPIRED below the
 * minimum, CF_E_DAMAGED, CF_E_NOMEM. */
CF_MUST enum cf_err cf_view_block(struct cf_view *view, uint64_t seq, struct cf_block *block);
/* Open what is read at the least cost of the records around seq:
 * block->first ≤ seq < block->first + block->n. Without salts: where these are
 * wanted, cf_view_block. By look, which may be NULL, a kind may leave them
 * unread (block->none). Its errors; CF_E_DAMAGED is about this record. */
CF_MUST enum cf_err cf_view_record(struct cf_view *view, uint64_t seq,
                                   const struct cf_block_look *look, struct cf_block *block);

/* Can no record of the unit be read? Where only some cannot: false. */
bool cf_view_lost(struct cf_view *view, size_t i);

/* Call each for the unit's records of a kind, in order, and with NULL in the
 * place of a block that cannot be read; stops at its first error, which is
 * given. CF_E_NOMEM, CF_E_STORE. */
struct cf_view_each {
  enum cf_kind kind;
  struct cf_block *block; /* scratch */
  enum cf_err (*call)(void *context, const struct cf_record *r);
  void *context;
};
CF_MUST enum cf_err cf_view_each(struct cf_view *view, size_t i, const struct cf_view_each *each);

/* ---- proofs ---- */

/* Hashes of all tile levels, for trees and proofs over the view. The view must
 * outlive it. What it gives: CF_E_NOTFOUND beyond the size, and the errors of
 * cf_view_block. */
void cf_view_hashes(struct cf_view *view, struct cf_hashes *hashes);
/* What is kept of the leaf hashes of the 256 records from first, a multiple of
 * 256 below the size, on, where it is less than each of them; else
 * CF_E_NOTFOUND. The errors of cf_view_block. */
CF_MUST enum cf_err cf_view_leaves(struct cf_view *view, uint64_t first,
                                   struct cf_leaves_kept *kept);
/* Is the record of that seq, in the open block, a leaf of the tree? It is
 * rebuilt, and its hash led to the root by the view's own hashes, whose root
 * the start held against what was signed. CF_E_DAMAGED: it is not. The errors
 * of cf_view_block. */
CF_MUST enum cf_err cf_view_leaf_check(struct cf_view *view, const struct cf_block *block,
                                       uint64_t seq);
/* The first kept checkpoint of at least size: its size, and its note appended.
 * CF_E_NOTFOUND where there is none, CF_E_STORE, CF_E_NOMEM. */
CF_MUST enum cf_err cf_view_checkpoint(struct cf_view *view, uint64_t size, uint64_t *found,
                                       struct cf_buf *note);

/* The view as the verifier sees it when its head is of that size, which the
 * view holds: checkpoints that were kept later are not shown. Its workers look
 * through the view at once. The view must outlive it; release with
 * cf_view_source_free. CF_E_NOMEM. */
struct cf_verify_source;
struct cf_view_source;
CF_MUST enum cf_err cf_view_source_new(struct cf_view *view, uint64_t size,
                                       struct cf_view_source **vs, struct cf_verify_source *source);
void cf_view_source_free(struct cf_view_source *vs); /* NULL is harmless */

/* ---- a kind of view ---- */

struct cf_verify_beside;
struct cf_verify_file;

/* What a kind of view does; none but record, may_match, is_barren, note_barren,
 * count, spans, lost, leaves, beside and file is NULL. Each is called by the
 * function above of its name and gives that one's errors. What is beyond the
 * size need not be hidden: seqs are asked for below it only, and more than it
 * holds is cut off what is given. */
struct cf_view_calls {
  /* By cf_view_put: release it all, view too. */
  void (*free)(struct cf_view *view);
  /* How many units begin below the size. */
  size_t (*units)(const struct cf_view *view);
  /* For each unit of a question, and for each that it asks of; reads nothing
   * from a disk. */
  void (*unit)(const struct cf_view *view, size_t i, struct cf_unit *unit);
  /* For each value of a condition, a unit; before the next one. */
  bool (*may_match)(struct cf_view *view, size_t i, const struct cf_term *term);
  /* For each unit of a question with conditions; and where one found nothing
   * in all of it. */
  bool (*is_barren)(struct cf_view *view, size_t i, const uint8_t filter[CF_HASH_N]);
  void (*note_barren)(struct cf_view *view, size_t i, const uint8_t filter[CF_HASH_N]);
  /* For each value of a condition that is not the only one, a unit. */
  uint32_t (*count)(struct cf_view *view, size_t i, const struct cf_term *term);
  /* For each value of a condition, a unit. What was set before an error counts
   * for nothing. */
  enum cf_err (*match)(struct cf_view *view, size_t i, const struct cf_term *term, uint32_t from,
                       struct cf_bits *bits);
  enum cf_err (*match_exact)(struct cf_view *view, size_t i, unsigned index, struct cf_str value,
                             uint32_t from, struct cf_bits *bits);
  /* For each value of `q`, a unit. */
  enum cf_err (*search)(struct cf_view *view, size_t i, struct cf_str needle, uint32_t from,
                        struct cf_bits *bits);
  /* For runs of up to 256 records. What was written before an error counts for
   * nothing. */
  enum cf_err (*times)(struct cf_view *view, size_t i, uint32_t offset, uint32_t n, int64_t *out);
  /* Once a unit, by time. What was written before an error counts for
   * nothing. */
  enum cf_err (*spans)(struct cf_view *view, size_t i, uint32_t n, struct cf_span *spans);
  /* Open the block that begins at first, a multiple of 64 below the size. A
   * block that holds fewer records than the view has of it is CF_E_DAMAGED. By
   * the verifier's workers at once. */
  enum cf_err (*block)(struct cf_view *view, uint64_t first, struct cf_block *block);
  /* Open some records of one block, among them that of seq, below the size; for
   * each record of a question that is not in what was opened last. NULL: block
   * does it. look, which may be NULL, need not be asked. */
  enum cf_err (*record)(struct cf_view *view, uint64_t seq, const struct cf_block_look *look,
                        struct cf_block *block);
  /* Beside each block that cannot be read: it opens a file at most. */
  bool (*lost)(struct cf_view *view, size_t i);
  /* As cf_view_leaves; NULL: each leaf hash is kept everywhere. By the
   * verifier's workers at once. */
  enum cf_err (*leaves)(struct cf_view *view, uint64_t first, struct cf_leaves_kept *kept);
  /* n ≤ 256 hashes of a tile level from index first on, 32 bytes each, all
   * within one tile and below the size (struct cf_hashes). By the verifier's
   * workers at once. */
  enum cf_err (*hashes)(struct cf_view *view, unsigned level, uint64_t first, size_t n,
                        uint8_t *out);
  /* By the verifier, in one thread, with ascending sizes. */
  enum cf_err (*checkpoint)(struct cf_view *view, uint64_t size, uint64_t *found,
                            struct cf_buf *note);
  /* Check what is kept beside the records (struct cf_verify_source). By the
   * verifier's workers at once. */
  enum cf_err (*beside)(struct cf_view *view, struct cf_verify_beside *beside);
  /* The i-th file (struct cf_verify_source). */
  enum cf_err (*file)(struct cf_view *view, size_t i, struct cf_verify_file *file);
};

#endif
