/* SPDX-License-Identifier: MIT */
/* Inside lib/evidence: a bundle being made, and its parts. */
#ifndef CF_EVIDENCE_BUNDLE_IN_H
#define CF_EVIDENCE_BUNDLE_IN_H

#include "lib/evidence/bundle.h"
#include "lib/evidence/opening.h"
#include "lib/evidence/proof.h"
#include "lib/evidence/tar.h"
#include "lib/index/bits.h"
#include "lib/ledger/kept.h"

/* A file on its way out. */
struct cf_evidence_file {
  char name[CF_TAR_NAME_N + 1];
  uint64_t size, left; /* bytes of it, and those that are still to come */
  struct cf_sha256 *hash;
};

/* What the first pass found of the records. */
struct cf_evidence_rows {
  uint64_t n, bytes; /* of records.ndjson */
  struct cf_sha256 *running;
  uint8_t hash[CF_HASH_N];
};

/* Checkpoints along the way. */
struct cf_evidence_along {
  struct cf_buf sizes; /* u64, n of them; sorted after cf_evidence_along_sort */
  size_t n;
  /* of the records that were seen the last is covered by those of these
   * sizes: the last of an hour, and one with a timestamp */
  uint64_t hourly, stamped;
};

struct cf_evidence {
  struct cf_ledger *ledger;
  const struct cf_evidence_ask *ask;
  const struct cf_keys *keys;
  struct cf_fault *fault;
  struct cf_view *view;
  struct cf_signed_tree tree; /* its head is the checkpoint */
  struct cf_buf note;
  uint64_t seq_to; /* within the size */
  int64_t mtime_s;

  struct cf_evidence_rows rows;
  struct cf_evidence_along along;
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

  struct cf_evidence_file file;
  struct cf_buf manifest;
};

/* ---- bundle_file.c: the tar, and what goes into it ---- */

/* A file of so many bytes begins, gets bytes, and ends, with a line in the
 * manifest. CF_E_DAMAGED: they are not as many as were told; CF_E_FULL: the
 * manifest is; the errors of ask->out. */
CF_MUST enum cf_err cf_evidence_begin(struct cf_evidence *b, const char *name, uint64_t size);
CF_MUST enum cf_err cf_evidence_put(struct cf_evidence *b, struct cf_str bytes);
CF_MUST enum cf_err cf_evidence_end(struct cf_evidence *b);
/* All of that. */
CF_MUST enum cf_err cf_evidence_whole(struct cf_evidence *b, const char *name, struct cf_str bytes);
/* The same with what is in b->text, or its error. */
CF_MUST enum cf_err cf_evidence_text(struct cf_evidence *b, const char *name);
/* The manifest, and the end of the tar. */
CF_MUST enum cf_err cf_evidence_close(struct cf_evidence *b);

/* ---- bundle_records.c ---- */

/* The first pass: b->rows, and the tiles that the records are in. */
CF_MUST enum cf_err cf_evidence_count(struct cf_evidence *b);
/* records.ndjson. CF_E_DAMAGED: it is not what was counted. */
CF_MUST enum cf_err cf_evidence_records(struct cf_evidence *b);

/* ---- bundle_along.c ---- */

/* A record is chosen, behind those before: note the checkpoints that cover it
 * first. */
CF_MUST enum cf_err cf_evidence_along_add(struct cf_evidence *b, uint64_t seq);
/* Bring them into order, each once. */
void cf_evidence_along_sort(struct cf_evidence *b);
uint64_t cf_evidence_along(const struct cf_evidence *b, size_t i);

/* ---- bundle_notes.c ---- */

/* keys/, checkpoint and checkpoints/. CF_E_DAMAGED: a kept checkpoint is not of
 * this tree. */
CF_MUST enum cf_err cf_evidence_notes(struct cf_evidence *b);

/* ---- bundle_tiles.c ---- */

/* The tiles, checked against the signed root. */
CF_MUST enum cf_err cf_evidence_tiles(struct cf_evidence *b);

/* ---- bundle_readme.c ---- */

extern const char cf_evidence_readme[];

#endif
