/* SPDX-License-Identifier: MIT */
/* A ledger in memory for the verifier's tests and bench: records are planned,
 * sealed into leaves, hashes, rows and a signed head, and then tampered
 * with. */
#ifndef CF_TEST_VERIFY_LEDGER_H
#define CF_TEST_VERIFY_LEDGER_H

#include "lib/proof/verify.h"

#define VL_LEVELS 4
#define VL_ORIGIN "audit.example.org/test"

struct vl_record {
  /* The plan. */
  enum cf_kind kind;
  int64_t recorded_us;
  char public_text[720];    /* a key note is the longest */
  char payload[CF_C_N][80]; /* "": none */
  uint8_t erased;           /* mask of compartments whose commitment stays and whose payload goes */
  /* What sealing makes of it. */
  char *leaf;
  size_t leaf_n;
  uint8_t hash[CF_HASH_N];
  uint8_t salt[CF_C_N][CF_HASH_N];
  /* What the source says. */
  bool lost, hash_lost;
  uint8_t withheld; /* mask of payloads that are not given though not erased */
  uint8_t shown;    /* mask of payloads that are given though erased */
};

struct vl_row {
  uint8_t hash[CF_HASH_N];
  bool lost;
};

struct vl_ledger {
  size_t n;
  size_t sealed; /* how many the newest head is of */
  struct vl_record *record;
  struct vl_row *row[VL_LEVELS]; /* level 1 on; row[l][i] is the root of 256^l leaves */
  size_t row_n[VL_LEVELS];
  struct cf_vkey vkey;     /* what the verifier is given */
  uint8_t seed[CF_SEED_N]; /* what signs */
  char head[1024];
  size_t checkpoints_n;
  char checkpoint[8][1024];  /* kept notes */
  size_t checkpoint_size[8]; /* and under which size each is kept, ascending */
  size_t files_n;
  struct cf_verify_file file[4]; /* what the source says that it has */
  size_t later_n;
  struct vl_later {
    enum cf_kind kind;
    char public_text[400];
  } later[4]; /* records behind the head */
  bool opens;
  /* of each whole 256, in the place of their hashes (vl_keep); the source makes
   * those leaves of the plan again. NULL: it keeps each hash */
  struct cf_leaves_kept *kept;
};

/* Plan n records: a genesis, then events with an actor and a resource, a second
 * apart. */
void vl_plan(struct vl_ledger *l, size_t n);
void vl_free(struct vl_ledger *l);
/* Make leaves and hashes from record `from` on; the chain behind it fits. */
void vl_chain(struct vl_ledger *l, size_t from);
/* Make the kept rows. */
void vl_rows(struct vl_ledger *l);
/* Sign the tree of the first `size` records (by the seed, under that origin)
 * into note, of 1024 bytes. */
void vl_sign(const struct vl_ledger *l, size_t size, const char *origin, char note[1024]);
void vl_root(const struct vl_ledger *l, size_t size, uint8_t root[CF_HASH_N]);
/* All three, and a head for all records. */
void vl_seal(struct vl_ledger *l);

/* Keep no more than a segment does of what was chained, and open nothing. */
void vl_keep(struct vl_ledger *l);

/* Take a record out, or put a copy of one in before it, and nothing else. */
void vl_remove(struct vl_ledger *l, size_t seq);
void vl_insert(struct vl_ledger *l, size_t seq);

struct cf_verify_source vl_source(struct vl_ledger *l);

#endif
