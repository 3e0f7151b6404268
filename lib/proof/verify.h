/* SPDX-License-Identifier: MIT */
/* The verifier: goes over a ledger that somebody else holds and says what is
 * true of it. It knows neither the store nor HTTP: leaves, hashes and
 * checkpoints come through struct cf_verify_source, so the same code serves the
 * route, the command and an evidence bundle. */
#ifndef CF_PROOF_VERIFY_H
#define CF_PROOF_VERIFY_H

#include "lib/base/turns.h"
#include "lib/proof/keys.h"
#include "lib/proof/verify_cosigned.h"
#include "lib/record/kind_body.h"
#include "lib/record/producers.h"
#include "lib/record/record.h"

/* Threads of one run. */
#define CF_VERIFY_WORKERS_MAX 64u

enum cf_verdict {
#define CF_VERDICT(symbol, words) CF_V_##symbol,
#include "lib/proof/verdict.def"
#undef CF_VERDICT
  CF_V_N
};
const char *cf_verdict_name(enum cf_verdict verdict);
/* What it means, for people. */
const char *cf_verdict_words(enum cf_verdict verdict);

/* One leaf as the source has it. Slices stay valid until the worker's next
 * call. A payload that is given is checked against its commitment, so a source
 * that made the leaf out of payloads and salts itself leaves them out. */
struct cf_verify_leaf {
  bool readable;      /* false: the store could not read it (STORE_DAMAGED), or, … */
  bool orphan;        /* … not judge it, as the hash in front of it is not known */
  struct cf_str leaf; /* its text; the store rebuilds it from what it keeps */
  /* Where the source made that text itself, by cf_leaf_put: of what, and the
   * hash that it got; it gives no payloads then. NULL: the text is hashed and
   * read. */
  const struct cf_record *record;
  const uint8_t *prev;
  uint8_t made[CF_HASH_N];
  uint8_t hash[CF_HASH_N]; /* the leaf hash that the source keeps for it */
  bool hash_readable;
  /* In the place of that, of all 16 leaves of a part, which it made itself:
   * what it keeps of the tile. NULL: it keeps each hash. */
  const struct cf_leaves_kept *kept;
  struct cf_str payload[CF_C_N]; /* p = NULL: not opened */
  uint8_t salt[CF_C_N][CF_HASH_N];
  uint8_t erased; /* mask of compartments the source says are erased */
  bool opened;    /* as the source's `opens`, of this one */
};

/* What else a source keeps of the n leaves from first on: their share of its
 * files, and, with deep, its indexes. */
struct cf_tile_report;
struct cf_verify_beside {
  uint64_t first;
  size_t n;
  bool last, deep;             /* no leaves behind these are asked for */
  struct cf_tile_report *tile; /* where faults go */
  uint64_t pages, entries;     /* out: checked */
};
void cf_tile_fault(struct cf_tile_report *tile, enum cf_verdict verdict, uint64_t seq,
                   const char *format, ...) CF_PRINTF(4, 5);
/* The same of each of the records first to last. */
void cf_tile_fault_of(struct cf_tile_report *tile, enum cf_verdict verdict, uint64_t first,
                      uint64_t last, const char *format, ...) CF_PRINTF(5, 6);
/* A STORE_DAMAGED of the records first to last that does not say which of them
 * are lost: of a file, or of what keeps a record from being judged. */
void cf_tile_fault_rough(struct cf_tile_report *tile, uint64_t first, uint64_t last,
                         const char *format, ...) CF_PRINTF(4, 5);

/* A file that holds records for good, as the source's catalogue has it. */
struct cf_verify_file {
  struct cf_segment_body body;
  bool sworn; /* it has a digest */
};

struct cf_verify_source {
  void *context;
  /* gives each compartment's payload or calls it erased; where false, one that
   * is neither is no OPENING_MISSING */
  bool opens;
  /* A worker's own scratch; called in the worker's thread. */
  enum cf_err (*worker_new)(void *context, void **worker);
  void (*worker_free)(void *context, void *worker);
  /* The n ≤ 256 leaves from first (a multiple of 256) on, into zeroed ones.
   * Thread-safe for different workers. An error means that nothing can be said
   * (verify stops with it); damage is told leaf by leaf instead. CF_E_NOTFOUND:
   * there is nothing from first on, the source ends (one STORE_DAMAGED at
   * first, and the walk is over). */
  enum cf_err (*leaves)(void *context, void *worker, uint64_t first, size_t n,
                        struct cf_verify_leaf *out);
  /* FULL, DEEP: check it, for each n leaves that were asked for, once. NULL:
   * there is nothing. Thread-safe. Errors as above. */
  enum cf_err (*beside)(void *context, struct cf_verify_beside *beside);
  /* FULL, DEEP, in the thread of cf_verify, at the end, and with DEEP at the
   * beginning, as `beside` of a file's first leaves takes long then: the i-th
   * file that holds records below the head, in order, CF_E_NOTFOUND past the
   * last; and, at the end, each record behind the head, whose word counts for
   * what the source shows already: some of them from *at on, which is brought
   * behind them, CF_E_NOTFOUND where there is none. Either may be NULL. */
  enum cf_err (*file)(void *context, size_t i, struct cf_verify_file *file);
  enum cf_err (*later)(void *context, uint64_t *at,
                       enum cf_err (*each)(void *to, uint64_t seq, enum cf_kind kind,
                                           struct cf_str public_text),
                       void *to);
  /* Kept hashes of tile levels ≥ 1, for complete subtrees within the head.
   * CF_E_DAMAGED and CF_E_NOTFOUND are a TILE_MISMATCH. Called in the thread of
   * cf_verify. */
  struct cf_hashes tiles;
  /* Of the checkpoints the source kept the first of at least that size: under
   * which size it is kept, and its note appended; CF_E_NOTFOUND where there is
   * none. A source that grows gives none that is newer than the head which is
   * judged: in a FULL walk a good signature for a larger tree is a ROLLBACK.
   * Called in the thread of cf_verify, like progress. */
  enum cf_err (*checkpoint)(void *context, uint64_t size, uint64_t *found, struct cf_buf *note);
};

/* FULL and what is more than it come last. */
enum cf_verify_mode { CF_VERIFY_QUICK, CF_VERIFY_RANGE, CF_VERIFY_FULL, CF_VERIFY_DEEP };

/* A walk that its budget ended, with all that it found and has to remember:
 * little where no erased record waits for what erased it, and never more than
 * CF_VERIFY_CARRY_MAX bytes. A walk that needs more is CF_E_FULL where the
 * budget ends it; in one go it may take 330 MiB. */
#define CF_VERIFY_CARRY_MAX ((size_t)96 << 20)
struct cf_verify_run;
struct cf_verify_result;
uint64_t cf_verify_run_size(const struct cf_verify_run *run); /* of its head */
void cf_verify_run_free(struct cf_verify_run *run);           /* NULL is harmless */
/* For the job's `also`: what was found so far, and a fault of the record seq,
 * or, with NULL, of none. */
struct cf_verify_result *cf_verify_run_result(struct cf_verify_run *run);
void cf_run_fault(struct cf_verify_run *run, enum cf_verdict verdict, const uint64_t *seq,
                  const char *format, ...) CF_PRINTF(4, 5);
/* As cf_tile_fault_rough. */
void cf_run_fault_rough(struct cf_verify_run *run, uint64_t first, uint64_t last,
                        const char *format, ...) CF_PRINTF(4, 5);

struct cf_verify_job {
  enum cf_verify_mode mode;
  uint64_t from, to;  /* RANGE: seq_from ≤ seq < seq_to; else ignored */
  uint64_t minimum;   /* leaves below it are pruned */
  struct cf_str head; /* the signed checkpoint to judge against, a note */
  /* the log's keys: that of its size must have signed each checkpoint, and
   * `key` records tell of these and no others */
  const struct cf_keys *keys;
  const char *tsa_ca; /* bundles: whose timestamps are trusted; NULL: that is not looked at */
  struct cf_cosigners *cosigners; /* apart: who else must stand for the head; NULL: nobody */
  bool kept;                      /* the caller kept a checkpoint … */
  uint64_t kept_size;             /* … of this size … */
  uint8_t kept_root[CF_HASH_N];   /* … and root: consistency with it is checked */
  int64_t budget_us;              /* stop after this time with complete = false; 0: none */
  unsigned workers;               /* threads to use, at least 1 */
  uint64_t indexed_at_once;       /* DEEP: files of so many leaves, or one, are judged at a time */
  struct cf_turn *turn; /* among long questions; the threads have it with it; may be NULL */
  /* FULL, DEEP: where a walk that the budget ends is left, to be gone on with
   * by a job like the one that began it and a source that shows the same
   * records, towards the head and the kept checkpoint it began with. Set to
   * NULL by what ends otherwise, errors too. NULL: none is left. */
  struct cf_verify_run **carry;
  /* Where the walk is complete, in the thread of cf_verify: what the caller
   * holds against the records by himself, telling faults by cf_run_fault. Its
   * error ends the verify. It is in one piece: where the budget is spent before
   * it begins, it is left to whoever goes on. NULL: nothing. */
  enum cf_err (*also)(void *context, struct cf_verify_run *run);
  void *also_context;
  /* Called now and then from one thread; may be NULL. */
  void (*progress)(void *context, uint64_t done, uint64_t of);
  void *progress_context;
};

/* Faults that say the same of one record after the other are one error. */
#define CF_VERIFY_ERRORS_MAX 100 /* kept; all faults are counted */
struct cf_verify_error {
  enum cf_verdict verdict;
  bool has_seq;
  uint64_t seq, last; /* of the records seq to last */
  uint64_t faults;    /* that it stands for */
  bool rough;         /* it does not say which of them are lost */
  char detail[160];
};
/* What is no fault of the chain: it does not touch ok. SOURCE_GAP: the values
 * from to to of source_seq are in no record of the source, in the run of that
 * number (lib/record/producers.h). */
#define CF_VERIFY_FINDINGS_MAX 100 /* kept; all are counted */
struct cf_verify_finding {
  enum cf_verdict verdict;
  char source[CF_SOURCE_MAX + 1];
  struct cf_producer_gap gap;
};
struct cf_verify_result {
  bool ok, complete;
  bool has_next;
  uint64_t next; /* the first leaf that was not walked, when not complete */
  uint64_t size;
  uint8_t root[CF_HASH_N];
  uint64_t minimum;
  char origin[CF_ORIGIN_MAX + 1];
  uint64_t leaves, links, tiles, checkpoints, openings; /* checked */
  uint64_t pages, entries;                              /* of files and of indexes, checked */
  uint64_t unsworn;                                     /* files that the chain does not tell of */
  bool asked;                                           /* of bundles: what query.json says, … */
  bool asked_complete; /* … whether it proves that no record is missing, … */
  uint64_t asked_from, asked_to, asked_count; /* … and of which seqs, and how many */
  uint64_t stamps;                            /* of bundles: timestamps that are there */
  uint64_t unsealed;                          /* the caller's: newer, and not signed yet */
  bool files_unjudged; /* the caller's: what the chain tells of them was not read whole */
  uint64_t present, erased, expired; /* records by state: all there; a compartment erased; pruned */
  bool has_first_bad;
  uint64_t first_bad; /* lowest seq with a fault; of a rough one where there is no other */
  size_t errors_n;
  uint64_t errors_total;  /* faults, … */
  uint64_t errors_untold; /* … and how many no error below stands for */
  struct cf_verify_error errors[CF_VERIFY_ERRORS_MAX]; /* ascending by seq as found */
  bool findings_sought; /* FULL, DEEP; else nothing was looked at for them */
  bool findings_exact;  /* false: there may be fewer or more, as records are lost, or too many */
  size_t findings_n;
  uint64_t findings_total;
  struct cf_verify_finding findings[CF_VERIFY_FINDINGS_MAX]; /* by source, the newest of each */
  int64_t elapsed_us;
};

/* What each mode does. All judge the head (signature, origin), the root at its
 * size, and its consistency with what the caller kept.
 *   FULL   every leaf from minimum on, every kept row of tiles, every kept
 *          checkpoint; every page of the files that the source keeps; that
 *          each erasure and the pruning is authorised by a record; and what is
 *          missing of events that their producers count.
 *   DEEP   what FULL does, and that the source's indexes say what its records
 *          say, and its files what it has in memory.
 *   RANGE  the tiles that hold the range, and checkpoints kept of their sizes;
 *          what is before and after them counts in the root by its kept rows,
 *          which proves the range included.
 *   QUICK  likewise, the last tile only, and no kept checkpoints.
 * Where the budget ends FULL or RANGE early, the root is judged in the same way
 * from what was walked. FULL goes on by what it left in `carry`; its results
 * are of the walk from its beginning. RANGE goes on at next, and no number of
 * ranges is a FULL: that an erasure or the pruning is authorised they cannot
 * say.
 *
 * CF_OK with a result, whatever the verdict; an error only where nothing could
 * be said (memory, system, the source's own). The result is the caller's (it is
 * large: heap). */
CF_MUST enum cf_err cf_verify(const struct cf_verify_source *source,
                              const struct cf_verify_job *job, struct cf_verify_result *result,
                              struct cf_fault *fault);

#endif
