/* SPDX-License-Identifier: MIT */
/* Inside the verifier: what its parts share. Only lib/proof/verify*.c include
 * it.
 *
 * Worker threads check tiles of 256 leaves, each by itself (verify_leaf.c), out
 * of a ring (verify_walk.c). The thread of cf_verify takes them in order and
 * judges what needs order (verify_fold.c): borders, the right edge, kept rows
 * and checkpoints, and what records say of other records (verify_claims.c). */
#ifndef CF_PROOF_VERIFY_IN_H
#define CF_PROOF_VERIFY_IN_H

#include <pthread.h>
#include <stdarg.h>

#include "lib/base/clock.h"
#include "lib/proof/oath.h"
#include "lib/proof/verify.h"
#include "lib/record/producers.h"

#define CF_TILE_ERRORS_MAX 32   /* kept of one tile; all faults are counted */
#define CF_LATER_LEAST     1024 /* records behind the head that each part looks at */

/* A record that says something of others or of the ledger: genesis, key,
 * erasure, retention. Its public text lies in the tile's claims. */
struct cf_claim {
  uint64_t seq;
  enum cf_kind kind;
  size_t at, n;
};

/* A record of a producer that counts; its source's name lies in the tile's
 * claims. */
struct cf_counted {
  uint64_t seq, value;
  int64_t recorded_us;
  size_t at, n;
};

/* What a worker found out about a tile. */
struct cf_tile_report {
  uint64_t first;
  size_t n;
  bool last_one;   /* of the walk */
  bool done;       /* guarded by the walk's mutex, as `first` and `n` while it is false */
  enum cf_err err; /* the source's, or memory */

  /* the kept leaf hash, or the computed one where that is not readable */
  uint8_t hash[CF_TILE_W][CF_HASH_N];
  bool known[CF_TILE_W]; /* false: neither was, or it is not what was kept of it */
  /* roots of whole parts of 16 leaves: kept, or of their hashes where all of
   * these are known */
  uint8_t part[CF_LEAVES_PARTS][CF_HASH_N];
  bool part_known[CF_LEAVES_PARTS];
  size_t unknown;          /* how many have neither a hash nor a root, */
  uint64_t unknown_seq;    /* and the first of them */
  uint8_t root[CF_HASH_N]; /* where the tile is full and all is known */

  bool opened;             /* the first leaf was read: */
  uint8_t prev[CF_HASH_N]; /* its prev */
  bool closed;             /* there is a hash that the successor's prev must be: */
  uint8_t last[CF_HASH_N];
  bool timed;                /* some leaf was read: */
  uint64_t timed_seq;        /* the first of them, */
  bool set_back;             /* whether it may be earlier than its predecessor, */
  int64_t first_us, last_us; /* and when first and last were recorded */
  bool lost;                 /* some leaf was not read: */
  uint64_t lost_seq;         /* the last of them */

  uint8_t erased[CF_TILE_W]; /* masks */
  size_t claims_n;
  struct cf_claim claim[CF_TILE_W];
  size_t counted_n; /* FULL, DEEP */
  struct cf_counted counted[CF_TILE_W];
  struct cf_buf claims;

  uint64_t leaves, links, openings, pages, entries, states_present, states_erased;
  size_t errors_n;
  uint64_t untold; /* faults that found no room in errors */
  struct cf_verify_error errors[CF_TILE_ERRORS_MAX];
};

/* Rows of one tile level as they complete, to make the next level's. */
struct cf_row_group {
  uint8_t hash[CF_TILE_W][CF_HASH_N];
  size_t n; /* the newest n of the group are here without a gap */
};

/* A checkpoint that the walk meets. */
struct cf_stop {
  bool have;
  struct cf_checkpoint checkpoint;
};

/* Compartments called erased that no record has named yet, ascending. */
struct cf_erased_tile {
  uint64_t first;
  uint8_t mask[CF_TILE_W];
};
struct cf_erasures {
  struct cf_erased_tile *v;
  size_t n, cap;
};

struct cf_verify_run {
  const struct cf_verify_source *source;
  const struct cf_verify_job *job;
  struct cf_verify_result result;
  struct cf_fault *fault;
  int64_t start_us;          /* of this part of the walk */
  bool begun;                /* the walk stands somewhere: */
  uint64_t verdicts[CF_V_N]; /* how many errors of each are kept */
  bool located;              /* some fault had a seq: */
  uint64_t located_seq;      /* the highest */
  bool exact;                /* result.first_bad is no rough one's */

  struct cf_checkpoint head;
  uint64_t first, end; /* leaves to walk; first is a multiple of 256 */
  uint64_t folded;     /* leaves walked, counted from 0: where the edge would stand; between
                        * two parts of a walk a multiple of 256 */
  bool over;           /* the source ended before `end` */
  uint64_t later_at;   /* records behind the head were looked at up to here, */
  bool later_done;     /* and there are no more */

  struct cf_edge edge;
  bool edge_known;         /* false: a hash was missing, no root can be judged from there on */
  bool opened;             /* the first leaf of the walk was read: */
  uint8_t prev[CF_HASH_N]; /* its prev */
  bool closed;
  uint8_t last[CF_HASH_N];
  bool timed;
  int64_t last_us;
  bool lost;
  uint64_t lost_seq;
  struct cf_row_group rows[CF_TILE_H]; /* by tile level; level 0 is not used */

  uint64_t sought;     /* size from which the next kept checkpoint is asked for */
  struct cf_stop next; /* of the source */
  struct cf_stop kept; /* of the caller, while not yet judged */
  struct cf_buf note;

  struct cf_erasures erasures;
  struct cf_producers *producers; /* FULL, DEEP; NULL while none was met */
  struct cf_told told;            /* of files, so far */
  uint8_t pruned_root[CF_HASH_N]; /* the root at `first` */
  bool pruned_named;              /* a retention record named the minimum, that root and prev */
};

void cf_run_take_errors(struct cf_verify_run *run, const struct cf_tile_report *tile);
/* Take what another run found and counted; what it says of no record, and this
 * one does already, is said once. */
void cf_run_take_result(struct cf_verify_run *run, const struct cf_verify_result *part);

/* verify_leaf.c: fill in a report whose first, n and claims buffer are set.
 * leaves is room for 256. */
void cf_tile_check(const struct cf_verify_source *source, enum cf_verify_mode mode, void *worker,
                   struct cf_verify_leaf *leaves, struct cf_tile_report *tile);

/* Of n leaves that a source gave, those whose hashes it does not keep: where
 * they are what it keeps of them their hashes are known (hash_readable). Else,
 * for each part, the first that is not (unlike): CF_LEAVES_PART where there is
 * none, or some leaf of it was not made. */
void cf_leaves_settle(struct cf_verify_leaf *leaves, size_t n, unsigned unlike[CF_LEAVES_PARTS]);

/* verify_walk.c: check [folded, end) and fold tile after tile, until the end,
 * an error, or the budget's end. */
CF_MUST enum cf_err cf_run_walk(struct cf_verify_run *run);

/* Is the budget of this part of the walk spent? */
static inline bool cf_run_spent(const struct cf_verify_run *run)
{
  return run->job->budget_us > 0 && cf_clock_mono_us() - run->start_us >= run->job->budget_us;
}

/* verify_fold.c: stand at run->first; take the next tile. The errors are the
 * source's, or memory. */
CF_MUST enum cf_err cf_run_begin(struct cf_verify_run *run);
CF_MUST enum cf_err cf_run_fold(struct cf_verify_run *run, struct cf_tile_report *tile);
/* No root can be judged from here on. Reported once, however much is
 * missing. */
void cf_run_lose_edge(struct cf_verify_run *run, const char *why);

/* verify_checkpoint.c: read a signed checkpoint and report what is wrong with
 * it. Gives false where it is not even a checkpoint; *good: nothing was wrong.
 * `what` names it. */
bool cf_run_checkpoint(struct cf_verify_run *run, struct cf_str note, const char *what,
                       struct cf_checkpoint *checkpoint, bool *good);
/* Make run->next the source's next checkpoint that is not behind the walk. */
CF_MUST enum cf_err cf_run_stop_next(struct cf_verify_run *run);
/* Where the walk has to halt next: behind where it is, at most at `end`. */
uint64_t cf_run_stop_at(const struct cf_verify_run *run, uint64_t end);
/* Judge what wants the root at run->folded; with judge false there is no root
 * to judge by. */
CF_MUST enum cf_err cf_run_stops(struct cf_verify_run *run, bool judge);

/* verify_claims.c: take a tile's erased masks and claims; judge at the end of a
 * full walk. */
CF_MUST enum cf_err cf_run_claims(struct cf_verify_run *run, const struct cf_tile_report *tile);
CF_MUST enum cf_err cf_run_claims_end(struct cf_verify_run *run);
/* Before that: take what records behind the head say, until the last of them or
 * the budget's end. */
CF_MUST enum cf_err cf_run_later(struct cf_verify_run *run);

/* verify_findings.c: take a tile's counted records; put what is missing so far
 * into the result. */
CF_MUST enum cf_err cf_run_counted(struct cf_verify_run *run, const struct cf_tile_report *tile);
void cf_run_findings(const struct cf_verify_run *run, struct cf_verify_result *result);

/* verify_files.c: take a `segment` record; at the end of a full walk hold the
 * source's files against what was told. */
CF_MUST enum cf_err cf_run_told(struct cf_verify_run *run, uint64_t seq, struct cf_str public_text);
CF_MUST enum cf_err cf_run_files(struct cf_verify_run *run);

/* A hash as a slice. */
static inline struct cf_str cf_hash_str(const uint8_t hash[CF_HASH_N])
{
  return (struct cf_str){(const void *)hash, CF_HASH_N};
}

#endif
