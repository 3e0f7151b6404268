/* SPDX-License-Identifier: MIT */
/* The tree's tiles of level 1 and above: an eighth of a byte a record, so they
 * are kept in memory, and in the table `tiles` for the next start.
 *
 * One writer, any readers. Level 0 (leaf hashes) lives with the records. */
#ifndef CF_LEDGER_LEVELS_IN_H
#define CF_LEDGER_LEVELS_IN_H

#include <pthread.h>

#include "lib/proof/tree.h"
#include "lib/segment/bdb.h"

#define CF_LEVELS_N 8 /* 256^8 leaves are enough */

/* The tiles that are being filled: acc[l] is the edge inside the last, partial
 * tile of level l. A transaction works on a copy, which is thrown away where it
 * fails. */
struct cf_filling {
  struct cf_edge acc[CF_LEVELS_N];
};

struct cf_levels {
  pthread_rwlock_t lock;
  struct cf_buf hashes[CF_LEVELS_N]; /* hashes[0] stays empty */
  struct cf_bdb *rows;               /* borrowed */
};
void cf_levels_init(struct cf_levels *levels, struct cf_bdb *rows);
void cf_levels_fini(struct cf_levels *levels);
/* Read all rows. CF_E_DAMAGED where they have gaps or are not as many as size
 * needs. */
CF_MUST enum cf_err cf_levels_load(struct cf_levels *levels, uint64_t size, struct cf_fault *fault);
/* Hashes of a level ≥ 1 (see struct cf_hashes). CF_E_NOTFOUND. */
CF_MUST enum cf_err cf_levels_get(struct cf_levels *levels, unsigned level, uint64_t first,
                                  size_t n, uint8_t *out);

/* Start filling at a size: the partial tiles are read from hashes. */
CF_MUST enum cf_err cf_filling_init(struct cf_filling *filling, const struct cf_hashes *hashes,
                                    uint64_t size);
/* As it is; only what a partial tile can have is copied. */
void cf_filling_copy(const struct cf_filling *filling, struct cf_filling *to);
/* Append leaf size; what a completed tile gives is put into txn and appended to
 * done as u8 level || hash. */
CF_MUST enum cf_err cf_filling_append(struct cf_filling *filling, uint64_t size,
                                      const uint8_t leaf_hash[CF_HASH_N], struct cf_bdb *rows,
                                      struct cf_bdb_txn *txn, struct cf_buf *done);
/* Publish what a committed transaction put. CF_E_NOMEM: the process must
 * end. */
CF_MUST enum cf_err cf_levels_apply(struct cf_levels *levels, const struct cf_buf *done);

#endif
