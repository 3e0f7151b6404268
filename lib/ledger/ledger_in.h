/* SPDX-License-Identifier: MIT */
/* The ledger from inside. Nobody outside lib/ledger includes it.
 *
 * Locks, in the order in which they may be taken:
 *   changing  one change of the key at a time
 *   judging   the first look at the tail and at the chain's `segment` records
 *   seal      one signature at a time
 *   entering  one file enters the catalogue at a time: whoever has it sees the
 *             chain's `segment` records and the layout agree
 *   queue     requests that wait for a leader
 *   commit    the one writer: whoever has a transaction, the image of the tail,
 *             the filling tiles
 *   look      the layout and the durable size, for a moment */
#ifndef CF_LEDGER_LEDGER_IN_H
#define CF_LEDGER_LEDGER_IN_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "lib/ledger/keys_in.h"
#include "lib/ledger/ledger.h"
#include "lib/ledger/levels_in.h"
#include "lib/ledger/signed_in.h"
#include "lib/ledger/tail_in.h"
#include "lib/ledger/told_in.h"
#include "lib/proof/anchor.h"
#include "lib/proof/signer.h"
#include "lib/record/control.h"

#define CF_TAILS_MAX         8 /* frozen generations that wait for the roller before appends wait */
#define CF_FROZEN_MEMORY_MAX ((size_t)128 << 20) /* and how much memory they may take */
#define CF_GROUP_BYTES       (8u << 20)   /* what a leader takes from the queue, bytes of text */
#define CF_POSTED_MAX        4096         /* events that wait with nobody waiting for them */
#define CF_SEEN_MAX          64           /* segments with faults that are told apart */
#define CF_UNFINISHED        "unfinished" /* a file in DATA from init's first step to its last */
#define CF_ENV_CACHE         (16u << 20)

/* Tables of the ledger's own, behind those of enum cf_table: an append of its
 * threads may bring rows of them. */
#define CF_TABLE_META      ((enum cf_table)CF_TABLE_N)
#define CF_TABLE_CATALOGUE ((enum cf_table)(CF_TABLE_N + 1))
#define CF_TABLES_ALL      (CF_TABLE_N + 2)

/* Which segments and generations hold the records: immutable, counted, replaced
 * whole. */
struct cf_layout {
  atomic_uint refs;  /* of those who read what it shows, which goes with the last one */
  atomic_uint links; /* that keep the rest: one of all who read, the one before it, a rewriter */
  struct cf_layout *next; /* what replaced it, linked; under look */
  size_t segments_n, tails_n;
  struct cf_segment_meta *segments;
  struct cf_tail **tails;
};

/* What the indexes take of n events. Made by the thread that brings them,
 * before it waits: no lock is held for it. */
struct cf_event_keys {
  struct cf_index_keys *each; /* n of them */
  struct cf_buf bytes;        /* what they point into */
};
/* CF_E_NOMEM. To be ended by cf_event_keys_fini in any case, which is harmless
 * on a zeroed one. */
CF_MUST enum cf_err cf_event_keys_make(const struct cf_ledger *l,
                                       const struct cf_event *const *events, size_t n,
                                       struct cf_event_keys *keys);
void cf_event_keys_fini(struct cf_event_keys *keys);

/* An append on its way. */
struct cf_intake {
  struct cf_append *append;
  struct cf_event_keys keys; /* of append->events */
  uint64_t at;               /* 0, or the seq that its first event must get: CF_E_CONFLICT */
};

/* One request in the queue. */
struct cf_waiter {
  struct cf_intake intake;
  enum cf_err err;
  size_t bytes;
  bool leads;  /* it is woken to lead, not because it has its answer */
  bool sleeps; /* its thread does, and is woken by: */
  sem_t wake;
  bool looks; /* and will be one of the queue's lookers then */
  /* What is called where its thread does not wait. */
  void (*done)(void *context, enum cf_err err);
  void *context;
  struct cf_ledger *ledger;
  struct cf_waiter *next;
};

struct cf_queue {
  pthread_mutex_t lock;
  pthread_cond_t idle; /* signalled when the last one left */
  struct cf_waiter *head, **tail;
  size_t waiting;          /* how many those are */
  size_t bytes;            /* of text, of all that wait */
  bool leading;            /* somebody was told to lead and has not committed yet */
  unsigned flushing;       /* groups that are committed and not yet on disk */
  unsigned inside;         /* appends without an answer */
  unsigned lookers;        /* threads that will look at it before they leave it, */
  unsigned staying;        /* and sleepers that will be such */
  struct cf_event *posted; /* CF_POSTED_MAX of room */
  size_t posted_n;
  uint64_t posted_dropped;
  struct cf_control_tally dropped; /* what of it no record tells yet */
};

/* What was seen to be wrong with a segment. MISMATCH: it is not what the chain
 * tells, or, of an older ledger, not what was logged. ROW: its file does not
 * bear out what the catalogue's row says of it, or cannot be opened to. */
enum cf_seen { CF_SEEN_DAMAGED = 1, CF_SEEN_MISSING = 2, CF_SEEN_MISMATCH = 4, CF_SEEN_ROW = 8 };
struct cf_seen_segment {
  uint64_t first;
  unsigned what; /* mask of them */
};

/* What is open, and the path in the directory `at` that must lead to it. */
struct cf_spot {
  int at;
  const char *path;
  dev_t device;
  ino_t inode;
};
struct cf_ground {
  struct cf_spot spot[5];
  size_t n;          /* of them; 0: not looked at, as during init */
  size_t of_records; /* the first ones, without which no record is kept */
  int env, segments; /* kept open, so that their inodes are not given to others */
  atomic_bool lost;
};

struct cf_ledger {
  const struct cf_conf *conf;
  int directory; /* DATA */
  int lock_fd;
  struct cf_ground ground;
  char *segments_path, *env_path;
  bool own_key;              /* opened as evidence: record 0 alone says whose it is */
  char *scratch;             /* of a ledger opened as evidence: the directory of its env */
  struct cf_buf previous;    /* during init: the checkpoint that record 0 names */
  struct cf_anchor evidence; /* and the largest head of it that was signed */

  struct cf_bdb_env *env;
  struct cf_bdb *table[CF_TABLES_ALL], *tiles, *checkpoints;
  uint8_t import_key[CF_SEED_N];
  uint8_t fingerprint_key[16];
  char origin[CF_ORIGIN_MAX + 1];
  char *software;

  struct cf_queue queue;
  atomic_bool leaving;

  pthread_mutex_t commit;
  uint64_t size; /* committed */
  int64_t last_recorded_us;
  uint64_t generation; /* number of the newest one */
  uint8_t last_hash[CF_HASH_N];
  uint8_t sum[CF_HASH_N]; /* of all pieces */
  uint8_t salt_key[CF_SALTKEY_N];
  struct cf_filling filling, planned; /* planned: with what is being committed */
  struct cf_levels levels;
  struct cf_tail *tail; /* the newest generation; the layout's last */

  pthread_mutex_t look;
  struct cf_layout *layout;
  uint64_t durable;
  struct cf_key_turn *turn; /* NULL, or what the signer is still to be told */
  struct cf_buf witnessed;  /* the newest note that meets the quorum (kept.h), and its size */
  uint64_t witnessed_size;
  pthread_cond_t rolled; /* with look: a frozen generation became a segment, or could not */
  bool roll_failed, roller_gone;
  struct cf_seen_segment seen[CF_SEEN_MAX]; /* since the start */
  size_t seen_n;
  atomic_uint doubted_n;                 /* of those seen: MISMATCH or ROW */
  atomic_uint doubted_all;               /* mask of the two that found no room there */
  atomic_uint unknown_n;                 /* segments that nothing readable tells of: */
  struct cf_buf unknown;                 /* uint64_t, first of each, in order */
  uint64_t unsworn, missing, mismatched; /* segments, when they were checked last; */
  uint64_t closed;                       /* and whose file is there, and cannot be opened */
  bool segments_checked;                 /* against all that the chain tells */
  struct cf_segment_pool *pool;
  struct cf_turns *turns;
  uint64_t aside; /* files in segments/aside at the start */

  uint64_t found; /* records that the start found */
  bool sums_fit;  /* the pieces that it found have the sum that is in the head */
  uint64_t own;   /* and that is vouched for: those from here on are the log's; or UINT64_MAX */
  pthread_mutex_t judging;
  atomic_bool tails_checked; /* those in the tail were held against the tree */
  atomic_bool judged;        /* the segments were held against the chain once */
  pthread_mutex_t entering;
  struct cf_told told;
  struct cf_vouched *_Atomic vouched; /* of the segments that the start found; NULL: of none */
  uint64_t told_vouched;              /* what it has of records below that is vouched for */
  bool told_known;                    /* the chain was read for it, */
  atomic_bool told_whole;             /* in each segment, which needed no vouching then */

  pthread_mutex_t changing;
  pthread_mutex_t seal;
  struct cf_signer *signer; /* NULL: opened as evidence (copy.c) */
  /* the newest; each is as it was made, for those who read it (keys.c) */
  struct cf_keyring *_Atomic keyring;
  uint64_t sealed; /* with its note and when: set under seal and look, read under either */
  int64_t sealed_us;
  struct cf_buf sealed_note;
  _Atomic enum cf_err seal_err; /* of the last try */
  uint64_t kept; /* size of the checkpoint that was kept last, 0 for none, and when */
  int64_t kept_us;
  uint8_t kept_sum[CF_HASH_N]; /* of all that are kept (kept.c), under seal, */
  bool kept_good;              /* which at the start were those that should be */

  pthread_t clerk, roller, warden; /* seals, posts, checkpoints; writes segments; guards them */
  bool clerk_runs, roller_runs, warden_runs;
  bool was_short;      /* the clerk's: it has seen less space than min_free */
  pthread_mutex_t nap; /* how the three sleep: stop and roll_due, with wake */
  pthread_cond_t wake;
  bool stop, roll_due;
  int64_t space_checked_us; /* under queue.lock, with the two */
  bool space_ok;
  uint64_t space_left;           /* then */
  _Atomic int64_t space_told_us; /* that something is refused for it; 0: never */
  atomic_bool reserve_gone;      /* given up, and not made again */
};

/* Where in its round the scrubber is. */
#define CF_SCRUB_PAGES    64 /* in a slice, at least */
#define CF_SCRUB_ROUND_US (INT64_C(7) * 86400 * 1000000)
struct cf_scrub {
  int64_t round_us; /* when the round began */
  uint64_t first;   /* the segment at hand begins there, or later */
  uint64_t page;    /* its next one */
  uint64_t pages;   /* how many it has; 0: not known yet */
  int64_t kept_us;  /* when the place was kept last */
  bool moved;       /* since then */
};

/* meta.c: rows of the tables. */
struct cf_head {
  uint64_t size;
  int64_t last_recorded_us;
  uint64_t generation;
  uint8_t last_hash[CF_HASH_N];
  uint8_t sum[CF_HASH_N]; /* of all pieces; random where the row has none: it fits none */
};
CF_MUST enum cf_err cf_meta_put_head(struct cf_ledger *l, struct cf_bdb_txn *txn,
                                     const struct cf_head *head);
CF_MUST enum cf_err cf_meta_get_head(struct cf_ledger *l, struct cf_head *head);
/* Is the row on disk what l goes on from, and one that this signer's key made a
 * MAC for? It is made with the row; rows of an older version have none. */
bool cf_meta_head_vouched(struct cf_ledger *l, const struct cf_signer *signer);
CF_MUST enum cf_err cf_meta_put_tail(struct cf_ledger *l, struct cf_bdb_txn *txn,
                                     const struct cf_tail_meta *meta);
/* The key of its row, without which nothing names it. */
#define CF_TAIL_KEY_N 12
void cf_meta_tail_key(uint64_t number, uint8_t key[CF_TAIL_KEY_N]);
CF_MUST enum cf_err cf_meta_each_tail(struct cf_ledger *l,
                                      enum cf_err (*each)(void *context,
                                                          const struct cf_tail_meta *meta),
                                      void *context, struct cf_fault *fault);
CF_MUST enum cf_err cf_meta_each_segment(struct cf_ledger *l,
                                         enum cf_err (*each)(void *context,
                                                             const struct cf_segment_meta *meta),
                                         void *context, struct cf_fault *fault);
/* The scrubber's place: round_us, first and page. CF_E_NOTFOUND. */
CF_MUST enum cf_err cf_meta_put_scrub(struct cf_ledger *l, struct cf_bdb_txn *txn,
                                      const struct cf_scrub *scrub);
CF_MUST enum cf_err cf_meta_get_scrub(struct cf_ledger *l, struct cf_scrub *scrub);
/* Secrets and the origin: made at init, read at open. */
CF_MUST enum cf_err cf_meta_put_secrets(struct cf_ledger *l, struct cf_bdb_txn *txn);
CF_MUST enum cf_err cf_meta_get_secrets(struct cf_ledger *l);
/* A row of the table of kept checkpoints, which points into it. False: it is
 * none, and whoever can write DATA put it there; it counts nowhere, and verify
 * tells of it. */
struct cf_kept {
  uint64_t size;
  int64_t time_us;
  struct cf_str note;
};
bool cf_meta_kept(struct cf_str key, struct cf_str value, struct cf_kept *kept);
/* kept.c: keep one, take one away, under seal; where the transaction comes to
 * nothing, kept_sum is the caller's to put back. At the start: are all there
 * that should be? */
CF_MUST enum cf_err cf_kept_put(struct cf_ledger *l, struct cf_bdb_txn *txn, struct cf_str key,
                                struct cf_str value);
CF_MUST enum cf_err cf_kept_del(struct cf_ledger *l, struct cf_bdb_txn *txn, struct cf_str key);
CF_MUST enum cf_err cf_kept_begin(struct cf_ledger *l);
/* cosigned.c: has the note cosignatures? Has the checkpoint of that size a
 * timestamp? Has the kept one either? */
bool cf_kept_is_cosigned(struct cf_str note);
bool cf_stamp_is_kept(struct cf_ledger *l, uint64_t size);
bool cf_kept_is_marked(struct cf_ledger *l, uint64_t size);
/* The first kept checkpoint of at least size: its size, and its note appended.
 * CF_E_NOTFOUND. */
CF_MUST enum cf_err cf_meta_checkpoint(struct cf_ledger *l, uint64_t size, uint64_t *found,
                                       struct cf_buf *note);
extern const char *const cf_table_files[CF_TABLES_ALL];
CF_MUST enum cf_err cf_meta_open(struct cf_ledger *l, enum cf_bdb_open how, struct cf_fault *fault);
void cf_meta_close(struct cf_ledger *l);

/* ground.c */
/* Once all is open: from now on it is looked at whether it is still there. */
CF_MUST enum cf_err cf_ground_take(struct cf_ledger *l, struct cf_fault *fault);
void cf_ground_leave(struct cf_ground *ground);
/* Before anything is acknowledged: is what was written where the next start
 * finds it? false once is false for good, and is told in the log. Five system
 * calls. */
bool cf_ground_holds(struct cf_ledger *l);
/* Before anything is signed: the same, and of the signer's directory, the lock,
 * each file of the log and each table. */
bool cf_ground_holds_all(struct cf_ledger *l);
/* By the clerk: where that is not so the process ends, after a moment in which
 * requests get their answers. */
void cf_ground_watch(struct cf_ledger *l);

/* space.c */
/* under queue.lock; asks the system at most five times a second */
bool cf_space_ok(struct cf_ledger *l);
bool cf_space_reads_ok(struct cf_ledger *l); /* for records of reads */
/* something was refused for want of space: say so in the log, once a minute */
void cf_space_tell(struct cf_ledger *l);
uint64_t cf_space_free(const struct cf_ledger *l);
/* make the reserve file where there is none and space for it; false where that
 * failed */
bool cf_space_reserve(struct cf_ledger *l);
/* by the clerk, now and then: make the reserve again when there was too little
 * space and is no more; is there so much that the log's next file may take its
 * own now? */
bool cf_space_watch(struct cf_ledger *l);
/* give the reserve back to the file system; false where there is none */
bool cf_space_release(struct cf_ledger *l);

/* plan.c: one group's way into the ledger. */
/* under commit: commits, applies; not yet durable */
CF_MUST enum cf_err cf_plan_run(struct cf_ledger *l, const struct cf_intake *const *group,
                                size_t n);
/* dedupe.c: for each ask, is a record with its (source, id) committed within
 * the window? found and what follows are written. */
struct cf_dedupe_ask {
  struct cf_str source, id;
  uint64_t fingerprint; /* of the id */
  const struct cf_record *content;
  bool found, same; /* same: its content is equal */
  uint64_t seq;
  int64_t recorded_us;
  uint8_t hash[CF_HASH_N];
};
/* under commit */
CF_MUST enum cf_err cf_dedupe(struct cf_ledger *l, struct cf_dedupe_ask *ask, uint32_t n,
                              int64_t now_us);

/* vouched.c */
struct cf_vouched {
  size_t n;
  struct cf_vouched_segment {
    uint64_t first;
    uint32_t kinds; /* mask of 1 << enum cf_kind: there may be some */
    uint8_t digest[CF_HASH_N];
  } segment[]; /* in order */
};
#define CF_VOUCHED_ROW CF_STR("told") /* of meta */
/* Under entering. Append that row's value as it is with these segments, of
 * which the one that begins at `entering` is about to be told. false: there is
 * none, or what was appended is not one. */
bool cf_vouched_make(struct cf_ledger *l, const struct cf_segment_meta *segments, size_t n,
                     uint64_t entering, struct cf_buf *value);
/* Add to told what the chain up to *size tells of the layout's segments.
 * CF_E_NOTFOUND: nobody vouches for that. CF_E_NOMEM. */
CF_MUST enum cf_err cf_vouched_read(struct cf_ledger *l, const struct cf_layout *layout,
                                    struct cf_told *told, uint64_t *size);

/* vouched_kinds.c */
#define CF_VOUCHED_KINDS_N 4 /* bytes of a segment's mask */
/* Keep the masks of the layout's segments, the first time. CF_E_NOMEM. */
CF_MUST enum cf_err cf_vouched_take(struct cf_ledger *l, const struct cf_layout *layout,
                                    const uint8_t *kinds);
/* May a sworn segment have records of that kind? false: surely none, as is
 * vouched for; true before cf_vouched_read. */
bool cf_vouched_may_have(const struct cf_ledger *l, const struct cf_segment_meta *meta,
                         unsigned kind);

/* seen.c */
/* Count a fault of a segment, and tell it with what to do: each once. */
void cf_segment_seen(struct cf_ledger *l, const struct cf_segment_meta *meta, enum cf_seen what);
/* Was it seen as one of the mask's MISMATCH and ROW, or are there more of such
 * than are told apart? */
bool cf_segment_doubted(struct cf_ledger *l, const struct cf_segment_meta *meta, unsigned what);
/* Does its file say of itself what the row does? If not, that is seen.
 * CF_E_DAMAGED, CF_E_STORE, CF_E_NOMEM. */
CF_MUST enum cf_err cf_segment_confirm(struct cf_ledger *l, const struct cf_segment_meta *meta);

/* layout.c */
struct cf_layout *cf_layout_get(struct cf_ledger *l); /* the current one, to be put */
void cf_layout_put(struct cf_layout *layout);
/* Keep it, without what it shows, and what replaced it, and so on. */
void cf_layout_link(struct cf_layout *layout);
void cf_layout_unlink(struct cf_layout *layout); /* NULL is harmless */
/* A new layout of these; it takes references of its own. CF_E_NOMEM. */
CF_MUST enum cf_err cf_layout_make(const struct cf_segment_meta *segments, size_t segments_n,
                                   struct cf_tail *const *tails, size_t tails_n,
                                   struct cf_layout **layout);
void cf_layout_swap(struct cf_ledger *l, struct cf_layout *layout); /* takes it */
void cf_publish(struct cf_ledger *l, uint64_t size); /* everything below size is on disk */

/* ledger_view.c */
/* A snapshot up to a size that need not be durable; for the writer. */
CF_MUST enum cf_err cf_view_at(struct cf_ledger *l, uint64_t size, struct cf_view **view);
/* The leaf hash of a record that is there, whatever the chain tells of where it
 * is. CF_E_DAMAGED, CF_E_NOMEM, CF_E_STORE. */
CF_MUST enum cf_err cf_ledger_leaf_hash(struct cf_ledger *l, uint64_t seq, uint8_t hash[CF_HASH_N]);
/* From now on it shows nothing of segments seen as CF_SEEN_MISMATCH, nor of
 * blocks that a tail doubts, and does not believe the ranges of those seen as
 * CF_SEEN_ROW; nor, but for who finds that out again, of segments that nothing
 * readable tells of, as long as that is so. */
void cf_view_doubt(struct cf_view *view, bool unknown);
/* Unit i, where it is a segment; else NULL. */
const struct cf_segment_meta *cf_view_segment(const struct cf_view *view, size_t i);
/* cf_segment_confirm, where unit i is a segment. CF_E_STORE, CF_E_NOMEM. */
CF_MUST enum cf_err cf_view_confirm(struct cf_view *view, size_t i);

/* catalogue.c */
/* What a written file makes of the ledger, in one durable append: a `segment`
 * record, the catalogue's row, and none any more of the generation that it
 * replaces; then readers see it in that one's place. Without tail there is a
 * row already, which is replaced. */
CF_MUST enum cf_err cf_catalogue_enter(struct cf_ledger *l, const struct cf_segment_meta *meta,
                                       const struct cf_tail *tail);
/* Gather what the chain tells, for the first time or anew. CF_E_LEAVING,
 * CF_E_NOMEM, CF_E_STORE. */
CF_MUST enum cf_err cf_catalogue_read_told(struct cf_ledger *l);
/* Gather it, or what is vouched for and only what came behind that, and hold
 * the segments against it, unless that was done since the start: the first one
 * who asks does it, the others wait. */
CF_MUST enum cf_err cf_catalogue_judge(struct cf_ledger *l);
/* And read what the first answer could do without, as it is vouched for, unless
 * that was done, likewise: after it each segment has been opened, and its row
 * held against it. */
CF_MUST enum cf_err cf_catalogue_judge_whole(struct cf_ledger *l);
/* Was it not read whole, or not at all? */
bool cf_catalogue_partial(struct cf_ledger *l);
/* The first segment that begins at `from` or later and is to be looked at whole
 * and told: of an older ledger, or one whose record cannot be read. */
bool cf_catalogue_untold(struct cf_ledger *l, uint64_t from, struct cf_segment_meta *meta);

/* tail_check.c: hold what the start found in the tail against the tree, unless
 * that was done; what does not fit is doubted. Under judging. CF_E_LEAVING,
 * CF_E_NOMEM, CF_E_STORE. */
CF_MUST enum cf_err cf_tails_check(struct cf_ledger *l);
/* The same of the block of a generation that begins at first, for who cannot
 * wait until all are checked. CF_E_NOMEM, CF_E_DAMAGED: its hashes cannot be
 * read. */
CF_MUST enum cf_err cf_tail_check_block(struct cf_ledger *l, struct cf_tail *tail, uint64_t first);
/* Do the records from `from` on, by themselves, lead to the head's hash, and
 * their hashes to the tree? At the start, before anything of it is signed.
 * CF_E_DAMAGED where some cannot be read; CF_E_NOMEM, CF_E_STORE. */
CF_MUST enum cf_err cf_chain_check(struct cf_ledger *l, uint64_t from, bool *fit);

/* scrub.c */
/* Where an earlier one was; else the beginning of a round. */
void cf_scrub_begin(struct cf_ledger *l, struct cf_scrub *scrub, int64_t now_us);
/* Check a slice, where it is time for one. Gives how long to wait before the
 * next call, in microseconds. */
int64_t cf_scrub_step(struct cf_ledger *l, struct cf_scrub *scrub, int64_t now_us);
/* Keep the place. */
void cf_scrub_end(struct cf_ledger *l, struct cf_scrub *scrub);

/* rewrite.c: segments whose files are laid out as none is made any more. */
struct cf_rewriter {
  uint64_t from;                   /* the next one to look at begins there, or later */
  struct cf_layout *layout;        /* one that shows a file that was replaced, linked, or NULL; */
  const struct cf_layout *after;   /* the first one behind it that surely does not */
  struct cf_segment_meta replaced; /* that file */
};
/* By the warden, once a round: write one of them again, and more as long as
 * nothing comes in meanwhile; remove the files that were replaced and that
 * nobody reads any more. */
void cf_rewrite_round(struct cf_ledger *l, struct cf_rewriter *rewriter);
/* The last round was: what is still read the next start removes. */
void cf_rewrite_end(struct cf_ledger *l, struct cf_rewriter *rewriter);

/* nap.c: how they sleep */
/* Sleep so long, or, where due is not NULL, until it is set, which is undone;
 * false when the ledger is closing. */
bool cf_nap(struct cf_ledger *l, int64_t t_us, bool *due);
void cf_nap_end(struct cf_ledger *l, bool *due); /* set it, and wake who sleeps */
bool cf_nap_stopped(struct cf_ledger *l);        /* it is closing */

/* view_beside.c: check what the segment that holds these records keeps beside
 * them (struct cf_view_calls); the view is of this ledger. */
CF_MUST enum cf_err cf_segment_beside(struct cf_ledger *l, struct cf_view *view,
                                      const struct cf_segment_meta *meta,
                                      struct cf_verify_beside *beside);

/* tail_file.c: the same of a generation's file, held against its image. */
CF_MUST enum cf_err cf_tail_beside(struct cf_ledger *l, struct cf_view *view, struct cf_tail *tail,
                                   struct cf_verify_beside *beside);

/* seal.c, roll.c, warden.c: the three threads' work. */
void *cf_clerk_main(void *ledger);
void *cf_roller_main(void *ledger);
void *cf_warden_main(void *ledger);
/* at the start: segment_records was changed, and what that means */
void cf_roll_tell_limit(struct cf_ledger *l);
/* give the memory of an image that is no more back to the system */
void cf_memory_trim(void);
/* end a generation that is older than segment_span, or takes too much memory */
void cf_clerk_end_tail(struct cf_ledger *l);

/* absent.c: there is no ledger in DATA, or not all of it: CF_E_ROLLBACK, or
 * CF_E_NOTFOUND where its signer does not remember one */
CF_MUST enum cf_err cf_signed_absent(const struct cf_conf *conf, struct cf_fault *fault);
/* is there one, as far as names tell? The same errors. */
CF_MUST enum cf_err cf_ledger_look(const struct cf_ledger *l, struct cf_fault *fault);

/* ledger.c: a ledger that is not open yet; its environment. CF_E_SYSTEM: too
 * few descriptors are allowed for one. */
CF_MUST enum cf_err cf_ledger_new(const struct cf_conf *conf, const char *software,
                                  struct cf_ledger **ledger, struct cf_fault *fault);
void cf_ledger_free(struct cf_ledger *l);
CF_MUST enum cf_err cf_ledger_open_env(struct cf_ledger *l, enum cf_bdb_open how, bool spare,
                                       struct cf_fault *fault);

/* scratch.c: copy the plain files of a directory to a new one below TMPDIR,
 * whose path is the caller's to free; remove it. CF_E_NOMEM, CF_E_SYSTEM. */
CF_MUST enum cf_err cf_scratch_make(int directory, const char *name, char **path,
                                    struct cf_fault *fault);
void cf_scratch_remove(const char *path);

/* tables.c: read the tables that the ledger can do without through, as their
 * files are; a damaged one is set aside, and *aside set. CF_E_SYSTEM. */
CF_MUST enum cf_err cf_tables_check(const struct cf_ledger *l, bool *aside, struct cf_fault *fault);

/* recover.c */
CF_MUST enum cf_err cf_recover(struct cf_ledger *l, struct cf_fault *fault);
/* remove files that nobody names; only when it is known that this is the newest
 * data */
CF_MUST enum cf_err cf_recover_sweep(struct cf_ledger *l, struct cf_fault *fault);

/* posted.c */
/* Posted events on their way, as an append of their own; the last one tells of
 * those that were dropped, if any were. */
struct cf_posted {
  struct cf_append append;
  struct cf_intake intake;
  struct cf_event *event;
  const struct cf_event **pointer;
  size_t n;
  struct cf_control_tally dropped;
};
/* Under queue.lock. Without memory they stay where they are. */
void cf_posted_take(struct cf_queue *q, struct cf_posted *p);
/* Under queue.lock: they could not be written. Nobody waits who could try
 * again, and one that cannot be taken must not fail the next group too. */
void cf_posted_drop(struct cf_queue *q, const struct cf_posted *p);
void cf_posted_fini(struct cf_posted *p);

/* append.c */
CF_MUST enum cf_err cf_queue_init(struct cf_queue *queue);
void cf_queue_fini(struct cf_queue *queue);
/* Who appends without waiting in it counts as inside, too, until its end. The
 * errors of cf_ledger_append. */
CF_MUST enum cf_err cf_queue_begin(struct cf_ledger *l);
void cf_queue_end(struct cf_ledger *l);
void cf_append_posted(struct cf_ledger *l); /* lead what was posted, if nobody else does */
/* Append by itself, durable when it returns, what depends on its seq: `make`
 * fills `append` for one, under commit, and may be asked again for another;
 * when it is committed, still under commit, `committed` is called. */
struct cf_append_maker {
  enum cf_err (*make)(void *context, uint64_t seq, struct cf_append *append);
  void (*committed)(void *context);
  void *context;
};
CF_MUST enum cf_err cf_append_alone(struct cf_ledger *l, const struct cf_append_maker *maker);
/* durable when it returns */
CF_MUST enum cf_err cf_append_service(struct cf_ledger *l, const char *what);

#endif
