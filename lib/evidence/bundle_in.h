/* SPDX-License-Identifier: MIT */
/* Inside lib/evidence: a bundle being made, and its parts. */
#ifndef CF_EVIDENCE_BUNDLE_IN_H
#define CF_EVIDENCE_BUNDLE_IN_H

#include "lib/evidence/bundle.h"
#include "lib/evidence/opening.h"
#include "lib/evidence/proof.h"
#include "lib/evidence/tar.h"
#include "lib/index/bits.h"

/* A file on its way out. */
struct cf_bundle_file {
  char name[CF_TAR_NAME_N + 1];
  uint64_t size, left; /* bytes of it, and those that are still to come */
  struct cf_sha256 *hash;
};

/* What the first pass found of the records. */
struct cf_bundle_rows {
  uint64_t n, bytes; /* of records.ndjson */
  struct cf_sha256 *running;
  uint8_t hash[CF_HASH_N];
};

struct cf_bundle {
  struct cf_ledger *ledger;
  const struct cf_bundle_ask *ask;
  struct cf_fault *fault;
  struct cf_view *view;
  struct cf_signed_tree tree; /* its head is the checkpoint */
  struct cf_vkey vkey;        /* that signed it */
  struct cf_buf note;
  uint64_t seq_to; /* within the size */
  int64_t mtime_s;

  struct cf_bundle_rows rows;
  bool writes; /* the second pass */
  struct cf_opening opening;
  struct cf_buf text; /* scratch: a line, a small file, hashes */

  /* Tiles of 256 records, by number: whose leaves belong to it, and whose leaf
   * hashes do besides. */
  struct cf_bits entries, hashes;
  struct cf_buf leaves;    /* scratch: a tile of entries */
  uint8_t prev[CF_HASH_N]; /* the hash of the leaf in front of: */
  uint64_t next;           /* UINT64_MAX: none is known */
  struct {                 /* a proved tile of level 1 */
    uint64_t n;            /* UINT64_MAX: none */
    uint8_t hash[CF_TILE_W][CF_HASH_N];
  } above;

  struct cf_bundle_file file;
  struct cf_buf manifest;
};

/* ---- bundle_file.c: the tar, and what goes into it ---- */

/* A file of so many bytes begins, gets bytes, and ends, with a line in the
 * manifest. CF_E_DAMAGED: they are not as many as were told; CF_E_FULL: the
 * manifest is; the errors of ask->out. */
CF_MUST enum cf_err cf_bundle_begin(struct cf_bundle *b, const char *name, uint64_t size);
CF_MUST enum cf_err cf_bundle_put(struct cf_bundle *b, struct cf_str bytes);
CF_MUST enum cf_err cf_bundle_end(struct cf_bundle *b);
/* All of that. */
CF_MUST enum cf_err cf_bundle_whole(struct cf_bundle *b, const char *name, struct cf_str bytes);
/* The manifest, and the end of the tar. */
CF_MUST enum cf_err cf_bundle_close(struct cf_bundle *b);

/* ---- bundle_records.c ---- */

/* The first pass: b->rows, and the tiles that the records are in. */
CF_MUST enum cf_err cf_bundle_count(struct cf_bundle *b);
/* records.ndjson. CF_E_DAMAGED: it is not what was counted. */
CF_MUST enum cf_err cf_bundle_records(struct cf_bundle *b);

/* ---- bundle_tiles.c ---- */

/* The tiles, checked against the signed root. */
CF_MUST enum cf_err cf_bundle_tiles(struct cf_bundle *b);

/* ---- bundle_readme.c ---- */

extern const char cf_bundle_readme[];

#endif
