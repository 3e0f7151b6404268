/* SPDX-License-Identifier: MIT */
/* The ledger: one data directory, one chain, one owner. Append, seal, look
 * (architecture.md, The store).
 *
 * Everything is thread-safe, if not said otherwise. A failing fsync, log flush
 * or checkpoint ends the process; recovery decides. */
#ifndef CF_LEDGER_LEDGER_H
#define CF_LEDGER_LEDGER_H

#include "lib/base/conf.h"
#include "lib/base/turns.h"
#include "lib/proof/keys.h"
#include "lib/record/control.h"
#include "lib/record/event.h"

struct cf_ledger;

/* ---- life ---- */

/* Make a new ledger in conf->data (created 0700 if missing; must be empty, or
 * what a call that was killed has left): the signer's key, and record 0.
 * CF_E_CONFLICT where there is one already, CF_E_LOCKED, CF_E_CONFIG,
 * CF_E_SYSTEM, CF_E_SPACE. */
CF_MUST enum cf_err cf_ledger_init(const struct cf_conf *conf, struct cf_fault *fault);

/* The same for a ledger that goes on where another was lost: record 0 names the
 * last checkpoint of that one that there is, with the signatures of its key
 * alone, and the signer's directory keeps this key. CF_E_CONFLICT also where
 * conf->origin is the other's: one name has one history. CF_E_SIGNATURE. */
CF_MUST enum cf_err cf_ledger_continue(const struct cf_conf *conf, struct cf_str checkpoint,
                                       const struct cf_vkey *vkey, struct cf_fault *fault);

/* What an open ledger that continues another says of that: a `service` record
 * `restore` and, where so many records of the other were signed and are not
 * there any more, a `loss` record with the reason `gap`. The errors of
 * cf_ledger_append. */
CF_MUST enum cf_err cf_ledger_restored(struct cf_ledger *ledger, uint64_t lost);

/* Become the owner: lock, recover, check against what was signed, record the
 * start, seal. conf must outlive the ledger. software goes into the start
 * record ("counterfoil 0.1.0"). CF_E_LOCKED: another process owns it (nothing
 * was touched). CF_E_NOTFOUND: there is no ledger. CF_E_ROLLBACK: the data is
 * older than what was signed, or not there, or nobody knows what that was, or
 * this log did not write what lies behind it; nothing was removed. CF_E_CONFIG:
 * wrong owner of DATA, another origin, a DB_CONFIG … CF_E_DAMAGED, CF_E_SYSTEM,
 * CF_E_SPACE. The fault says what to do next. */
#define CF_SEE_RECOVER ": see `counterfoil recover`" /* what each CF_E_ROLLBACK ends with */
CF_MUST enum cf_err cf_ledger_open(const struct cf_conf *conf, const char *software,
                                   struct cf_ledger **ledger, struct cf_fault *fault);
/* Open a copy of it as evidence: without the signer's key and without the lock,
 * and nothing in DATA is written: its environment is recovered in a copy below
 * TMPDIR, which goes at the close. It records nothing: reads are answered
 * without, every other append is refused (CF_E_NOTREADY), and what was not
 * signed is not signed now. CF_E_LOCKED: an owner is at work in it, or was
 * while it was copied. The errors of cf_ledger_open, but CF_E_ROLLBACK only
 * where the data is not there; of them only that, CF_E_NOTFOUND and
 * CF_E_DAMAGED say something of the data. What would end the process (exit 70)
 * is CF_E_DAMAGED here: a child tries first whether the copy can be opened, and
 * has five minutes for it. */
CF_MUST enum cf_err cf_ledger_open_copy(const struct cf_conf *conf, struct cf_ledger **ledger,
                                        struct cf_fault *fault);
/* Was it opened as evidence? */
bool cf_ledger_is_copy(const struct cf_ledger *ledger);
/* Of a copy: nobody but its own record 0 says which key signs it. Whoever made
 * all of it could have made that too. */
bool cf_ledger_key_is_own(const struct cf_ledger *ledger);
/* What is remembered of what was signed of a copy, wherever that is: more than
 * it holds, perhaps. CF_E_NOTFOUND: nothing. The rest as cf_anchor_look. */
struct cf_anchor;
CF_MUST enum cf_err cf_ledger_signed(struct cf_ledger *ledger, struct cf_anchor *anchor,
                                     struct cf_fault *fault);
/* The same where no copy can be opened: the key as the signer's directory has
 * it, and what is remembered there and in DATA's anchors. CF_E_NOTFOUND: there
 * is no key. */
CF_MUST enum cf_err cf_signed_without(const struct cf_conf *conf, struct cf_vkey *vkey,
                                      struct cf_anchor *anchor, struct cf_fault *fault);
/* Is a copy all that was signed, and, where the signer's key can be read, what
 * lies behind it the log's? CF_E_ROLLBACK, with the words of
 * cf_ledger_open. */
CF_MUST enum cf_err cf_ledger_judge(struct cf_ledger *ledger, struct cf_fault *fault);
/* Record the stop, seal, close, unlock. Nobody may be inside another function.
 * NULL is harmless. */
void cf_ledger_close(struct cf_ledger *ledger);

/* How many descriptors an open ledger may need that so many threads read. */
uint64_t cf_ledger_files(uint64_t readers);

/* The descriptor of the data directory, to reach files in it. Borrowed. */
int cf_ledger_directory(const struct cf_ledger *ledger);
/* Its keys; and the present one. Borrowed: as long as it is open they stay what
 * they were when asked for. */
const struct cf_keys *cf_ledger_keys(const struct cf_ledger *ledger);
const struct cf_vkey *cf_ledger_vkey(const struct cf_ledger *ledger);
/* The key of the ledger that this one continues, or NULL. */
const struct cf_vkey *cf_ledger_previous(const struct cf_ledger *ledger);
/* The ledger's secret for deterministic ids of imported lines (meta, import
 * key). */
const uint8_t *cf_ledger_import_key(const struct cf_ledger *ledger); /* CF_SEED_N bytes */

/* For those who ask it for long: conf->scan_workers at once. Borrowed. */
struct cf_turns *cf_ledger_turns(const struct cf_ledger *ledger);

/* ---- append ---- */

/* Where an event went. */
struct cf_place {
  /* CF_OK, or CF_E_CONFLICT: the same id with other content (seq is the
   * other's) */
  enum cf_err err;
  bool duplicate; /* it was there already, durable, with the same content */
  uint64_t seq;
  int64_t recorded_us;
  uint8_t leaf_hash[CF_HASH_N];
};
/* A row of a table of the ledger's environment, written in the same
 * transaction. One that is gone is deleted, and need not have been there. */
enum cf_table { CF_TABLE_TOKENS, CF_TABLE_SESSIONS, CF_TABLE_N };
struct cf_row {
  enum cf_table table;
  struct cf_str key, value;
  bool gone;
};

/* Whose an append is, which says what it may use where space or time is short.
 * CALLER: a request; events of clients, and what they say they missed, are
 * refused below min_free. READER: it tells of a read, and has half of that
 * reserve: below min_free / 2, and when the reserve file had to be given up, it
 * is refused, and it never causes that; the rest is kept for what must go on,
 * as revoking a token. LEDGER: a thread of the ledger's own; it is taken while
 * the ledger leaves. */
enum cf_append_by { CF_BY_CALLER, CF_BY_READER, CF_BY_LEDGER };

/* Memory that an append takes until it returns, for each of its events and
 * beyond as much as their texts: bytes, about. */
#define CF_APPEND_EVENT_N 640

/* One request, one transaction. The caller owns everything in it. */
struct cf_append {
  enum cf_append_by by;
  const struct cf_event *const *events; /* n of them; the log's own kinds too */
  size_t n;
  const struct cf_row *rows; /* rows_n of them; may be NULL */
  size_t rows_n;
  struct cf_place *places; /* out: n of them */
  uint64_t size;           /* out: a durable size that covers them all */
};
/* Append; returns when everything in it is durable. Duplicates are looked for
 * by (source, id) among events within dedupe_window. CF_E_SPACE: below
 * min_free, where it is of clients, or as said above (nothing was
 * taken); CF_E_NOMEM, CF_E_STORE: nothing was taken; CF_E_LEAVING. */
CF_MUST enum cf_err cf_ledger_append(struct cf_ledger *ledger, struct cf_append *append);
/* The same, but the thread need not wait. Where it gives CF_OK, `done` is
 * called once, with what cf_ledger_append would give: by whichever thread led
 * the group, this one before it returns perhaps. No lock of the ledger's is
 * held then but what a segment's entering takes, and whoever led may hold what
 * he appended under: it may append, but must take no lock under which anybody
 * appends, nor wait for a peer: others' answers wait behind it.
 * What append points to stays until then. Any error: `done` is not called. */
CF_MUST enum cf_err cf_ledger_append_then(struct cf_ledger *ledger, struct cf_append *append,
                                          void (*done)(void *context, enum cf_err err),
                                          void *context);
/* Would a READER's append be taken, as far as space goes? What cannot be
 * recorded must not be shown, even where its record can wait. Costs a lock. */
bool cf_ledger_reads_ok(struct cf_ledger *ledger);

/* Leave a record of our own (access, loss, …) to be appended soon, with whoever
 * comes next or by the ledger's own thread; nobody waits for it. Takes event's
 * text (it is empty afterwards). A bounded number wait; beyond it, and where
 * they cannot be written, they are dropped, counted (cf_ledger_state) and told
 * of by a `loss` record with the next that can. */
void cf_ledger_post(struct cf_ledger *ledger, struct cf_event *event);

/* ---- seal ---- */

/* The newest signed checkpoint, appended to note; never goes back, nor waits
 * for one that is being signed. */
CF_MUST enum cf_err cf_ledger_checkpoint(struct cf_ledger *ledger, struct cf_buf *note);
/* One that covers size (which must be durable); signs now if need be; callers
 * share one seal. CF_E_PARAMETER, the signer's errors. */
CF_MUST enum cf_err cf_ledger_seal(struct cf_ledger *ledger, uint64_t size, struct cf_buf *note,
                                   struct cf_fault *fault);

/* ---- another key ---- */

/* Make a new key, which signs from the next record on: a `key` record of who
 * ordered it, durable when this returns, and a head that the new key signed.
 * *seq: where it is. The old key signs too until then (CF_TIME_NONE: no more).
 * Where that head could not be signed the record is there all the same, and the
 * next seal tries again. CF_E_CONFIG: the signer's key cannot be changed from
 * here; the errors of cf_ledger_append and cf_ledger_seal; CF_E_FULL. */
CF_MUST enum cf_err cf_ledger_key_change(struct cf_ledger *ledger, const struct cf_control_who *who,
                                         int64_t until_us, uint64_t *seq, struct cf_fault *fault);
/* No old key signs any more; none may have. The signer's errors. */
CF_MUST enum cf_err cf_ledger_key_retire(struct cf_ledger *ledger, struct cf_fault *fault);

/* ---- state ---- */
/* Were its files, or the signer's directory, removed, moved away or replaced
 * under it? Then nothing is appended or signed any more (CF_E_NOTREADY), and
 * the process ends in a moment. */
bool cf_ledger_lost(const struct cf_ledger *ledger);

struct cf_ledger_state {
  uint64_t size;         /* durable */
  uint64_t sealed;       /* of the newest checkpoint */
  int64_t sealed_us;     /* when */
  uint64_t tail_records; /* not yet in segments */
  uint64_t segments;
  uint64_t segment_bytes;
  uint64_t free_bytes;     /* of the data directory's file system, for us */
  bool space_ok;           /* free_bytes ≥ min_free */
  uint64_t posted_dropped; /* of what was posted, since the start */
  enum cf_err seal_err;    /* of the last try to sign a grown head; it is tried again */
  bool roll_failed;        /* the last try to write a segment failed; it is tried again */
  /* Segments: */
  uint64_t aside;        /* files in segments/aside: newer than the database beside them */
  uint64_t damaged;      /* in which damage was seen since the start; generations of the tail too */
  uint64_t missing;      /* whose file is not there */
  uint64_t mismatched;   /* that are not what the chain tells, or that it tells and are not */
  uint64_t unsworn;      /* which the chain is still to tell, or to tell again */
  bool segments_checked; /* the chain was read for it, whole; else the last two may be more */
};
void cf_ledger_state(struct cf_ledger *ledger, struct cf_ledger_state *state);
/* Hold the catalogue, the chain's `segment` records and the names of files
 * against each other now; cf_ledger_state then tells. What the files hold is
 * not looked at, but where files came back the chain is read again if it could
 * not be whole. The ledger does it itself at the start and once a minute. */
void cf_ledger_segments_check(struct cf_ledger *ledger);
/* The same, and call each for every fault: the segment's first and last record,
 * and what is wrong. What the chain tells is read now, if it was not yet; false
 * where it cannot be read whole: there may be more. */
bool cf_ledger_segments_each(struct cf_ledger *ledger,
                             void (*each)(void *context, uint64_t first, uint64_t last,
                                          const char *what),
                             void *context);

/* A MAC over a row that whoever has DATA alone cannot make. false: opened as
 * evidence, there is no key. */
bool cf_ledger_row_mac(const struct cf_ledger *ledger, const struct cf_row *row,
                       uint8_t mac[CF_HASH_N]);

/* Call each(context, key, value) for the rows of a table in order of their
 * keys, stopping at its first error, which is given. */
CF_MUST enum cf_err cf_ledger_each_row(struct cf_ledger *ledger, enum cf_table table,
                                       enum cf_err (*each)(void *context, struct cf_str key,
                                                           struct cf_str value),
                                       void *context);

/* Are the kept checkpoints those that were kept, all of them? Of a copy opened
 * as evidence nobody can tell without the key: true. CF_E_STORE. */
CF_MUST enum cf_err cf_ledger_kept_check(struct cf_ledger *ledger, bool *good);
/* Call each for the rows among the kept checkpoints that are none: their keys.
 * CF_E_STORE. */
CF_MUST enum cf_err cf_ledger_kept_strays(struct cf_ledger *ledger,
                                          void (*each)(void *context, struct cf_str key),
                                          void *context);

/* Was a damaged file of the table set aside, and is it still there to be put
 * right? */
bool cf_ledger_table_lost(const struct cf_ledger *ledger, enum cf_table table);

/* ---- look ---- */

/* A snapshot (view.h): a durable size, the segments and generations that hold
 * it. Cheap; holds no lock and no transaction; segments replaced meanwhile stay
 * readable. A segment that is not what the chain tells of it is damaged as a
 * whole here: the first call after a start waits until the chain was read for
 * that. To be put before the ledger is closed. CF_E_NOMEM, CF_E_LEAVING,
 * CF_E_STORE. */
struct cf_view;
CF_MUST enum cf_err cf_view_get(struct cf_ledger *ledger, struct cf_view **view);
/* The same at once, of all that there is, whatever the chain tells of it: what
 * is believed of it is to be held against the tree (cf_view_leaf_check).
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_view_all(struct cf_ledger *ledger, struct cf_view **view);
/* The same for the verifier: nothing is hidden from it, and it stands between
 * two files that enter: its segments are those that its
 * records tell of. Waits for an append where one enters just now. */
CF_MUST enum cf_err cf_view_get_settled(struct cf_ledger *ledger, struct cf_view **view);

#endif
