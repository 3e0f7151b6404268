/* SPDX-License-Identifier: MIT */
/* A parcel's tiles, leaves and checkpoints as the tree that they claim to be,
 * for the verifier (verify.h). */
#ifndef CF_PROOF_PARCEL_TREE_H
#define CF_PROOF_PARCEL_TREE_H

#include "lib/proof/parcel_question.h"
#include "lib/proof/parcel_records.h"
#include "lib/proof/verify.h"

struct cf_parcel_tree {
  const struct cf_parcel *parcel;
  uint64_t size;   /* of the head: tiles are looked for as they are at it */
  uint64_t *tiles; /* of 256 leaves, whose leaves are there; ascending */
  size_t tiles_n;
  uint64_t end; /* no leaf is there from here on */
  /* what is disclosed of the records, whose leaves then have it; may be NULL */
  const struct cf_parcel_records *records;
  uint64_t *stops; /* sizes of the checkpoints along the way, ascending */
  size_t stops_n;
};
/* What there is of a tree of that size. CF_E_NOMEM. */
CF_MUST enum cf_err cf_parcel_tree_init(struct cf_parcel_tree *tree, const struct cf_parcel *parcel,
                                        uint64_t size);
void cf_parcel_tree_fini(struct cf_parcel_tree *tree); /* a zeroed one holds nothing */

/* The source of it. Where a leaf, or a tile of them, is not there, or not of
 * its form, it is a leaf that cannot be read. */
void cf_parcel_tree_source(struct cf_parcel_tree *tree, struct cf_verify_source *source);

/* Hold a bundle's names against the layout of format.md, for a tree of that
 * size, and its tiles of hashes against the root, but for those whose leaves
 * are there, too. Each fault is told. The errors of reading. */
CF_MUST enum cf_err cf_parcel_layout(const struct cf_parcel *parcel, const struct cf_hashes *hashes,
                                     uint64_t size, const uint8_t root[CF_HASH_N],
                                     cf_parcel_blame *blame, void *context);

/* Hold each timestamp of a bundle against the checkpoint that it is of. */
struct cf_parcel_stamps {
  const struct cf_parcel *parcel;
  uint64_t size;  /* of the head */
  const char *ca; /* certificates that are trusted; NULL: who stamped is not looked at */
  cf_parcel_blame *blame;
  void *context;
  struct cf_fault *fault;
};
/* *stamps is raised by how many there are. CF_E_CONFIG: ca cannot be read;
 * CF_E_NOMEM; the errors of reading. */
CF_MUST enum cf_err cf_parcel_stamps(const struct cf_parcel_stamps *ask, uint64_t *stamps);

#endif
