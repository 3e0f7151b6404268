/* SPDX-License-Identifier: MIT */
/* Inside the making of a segment: one file at a time, its sheets filled one
 * after the other, each in the order of its keys. */
#ifndef CF_SEGMENT_BUILD_IN_H
#define CF_SEGMENT_BUILD_IN_H

#include "lib/base/crypto.h"
#include "lib/segment/grams_in.h"
#include "lib/segment/id_chunk_in.h"
#include "lib/segment/segment_in.h"

/* A digest over all keys and values of a sheet. Short pieces are gathered
 * first. */
struct cf_build_sum {
  struct cf_sha256 *sha;
  struct cf_buf pending;
};

struct cf_build_sheet {
  struct cf_bdb *db;
  struct cf_build_sum sum;
  uint8_t digest[CF_HASH_N];
};

struct cf_build {
  const struct cf_segment_source *source;
  struct cf_segment_info info;
  uint32_t records;
  uint32_t page;
  const char *path;
  struct cf_bdb_env *env;
  struct cf_pages *pages; /* of the file as it was written */
  struct cf_build_sheet sheet[CF_SHEET_N];
  struct cf_buf key, value;
  unsigned index;           /* the one being walked */
  struct cf_id_chunk pairs; /* of an exact index, being filled */
  uint64_t *fingerprints;   /* all of it */
  struct cf_buf values;     /* the fingerprint of each so far */
  struct cf_buf spans;      /* "spans" of `info` */
  int64_t span_us;          /* the least of the last one */
};

/* build_sheet.c */
CF_MUST enum cf_err cf_build_sum_begin(struct cf_build_sum *sum); /* CF_E_NOMEM */
void cf_build_sum_free(struct cf_build_sum *sum);
CF_MUST enum cf_err cf_build_sum_add(struct cf_build_sum *sum, struct cf_str key,
                                     struct cf_str value);
void cf_build_sum_end(struct cf_build_sum *sum, uint8_t digest[CF_HASH_N]);
/* A file that is being made holds nothing that could be damaged: where it seems
 * so the database failed, CF_E_STORE. */
enum cf_err cf_build_made(enum cf_err err);
/* Begin all sheets of b->path; to be closed in any case. CF_E_NOMEM,
 * CF_E_STORE, CF_E_SPACE. */
CF_MUST enum cf_err cf_build_open(struct cf_build *b);
void cf_build_close(struct cf_build *b);
/* One more row of a sheet, behind all that it has; the second under a number.
 * The same errors. */
CF_MUST enum cf_err cf_build_put(struct cf_build *b, unsigned sheet, struct cf_str key,
                                 struct cf_str value);
CF_MUST enum cf_err cf_build_put_row(struct cf_build *b, unsigned sheet, uint32_t row,
                                     struct cf_str value);
void cf_build_u32(struct cf_buf *b, uint32_t v); /* big-endian, at the end of b */

/* Open a block of the source; CF_E_DAMAGED where it is no whole one, else as
 * the source says. */
CF_MUST enum cf_err cf_build_block(struct cf_build *b, uint32_t i, struct cf_block *block);

/* build_blocks.c: `blocks`, `salts` and `grams`, each block opened once. Errors
 * as above, and the source's. */
CF_MUST enum cf_err cf_build_blocks(struct cf_build *b);

/* build_rows.c: the same errors. */
CF_MUST enum cf_err cf_build_hashes(struct cf_build *b);
CF_MUST enum cf_err cf_build_times(struct cf_build *b);

/* build_grams.c: which groups of records may hold a text, of one open block
 * after the other. To be ended in any case. The same errors. */
struct cf_build_grams {
  struct cf_values values;
  struct cf_grams_sheet sheet;
};
CF_MUST enum cf_err cf_build_grams_init(struct cf_build_grams *g, struct cf_build *b);
CF_MUST enum cf_err cf_build_grams_add(struct cf_build_grams *g, const struct cf_block *block);
void cf_build_grams_fini(struct cf_build_grams *g); /* harmless on a zeroed one */

/* build_index.c: what finds records, with `counts` and the filters. */
CF_MUST enum cf_err cf_build_indexes(struct cf_build *b);

#endif
