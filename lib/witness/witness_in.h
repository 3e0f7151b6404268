/* SPDX-License-Identifier: MIT */
/* Witnesses from inside: what is known of each, and who does what.
 *   witness.c  life, and what is told to others
 *   add.c      add-checkpoint: a question to one witness, and its answer
 *   clerk.c    the thread that asks them
 *   anchor.c   files to which checkpoints are appended
 *   tsa.c      timestamps, which lib/proof/stamp.c makes and checks
 *   fetch.c    libcurl */
#ifndef CF_WITNESS_WITNESS_IN_H
#define CF_WITNESS_WITNESS_IN_H

#include <pthread.h>

#include "lib/proof/cosignature.h"
#include "lib/witness/fetch_in.h"
#include "lib/witness/witness.h"

#define CF_WITNESS_URL_MAX 512

/* How a witness is doing. ALARM: it has seen another history of this log; it is
 * not asked any more until the service starts anew, and a human is to look. */
enum cf_witness_state {
  CF_WITNESS_WAITING, /* it was not asked yet */
  CF_WITNESS_COSIGNS,
  CF_WITNESS_UNREACHABLE,
  CF_WITNESS_REFUSES,
  CF_WITNESS_ALARM
};

struct cf_witness {
  char url[CF_WITNESS_URL_MAX + sizeof "/add-checkpoint"];
  struct cf_vkey vkey;
  uint64_t has; /* the size that it has seen, as far as we know */
  /* under lock: */
  enum cf_witness_state state;
  uint64_t size; /* of the newest checkpoint that it cosigned; 0: none */
  uint64_t time; /* and when it says it did, in seconds since 1970 */
  /* the clerk's: */
  int64_t next_us; /* on the monotonic clock: it is not asked before */
  unsigned failures;
  char told[192]; /* the last thing that was said of it in the log */
};

/* A checkpoint that witnesses are to cosign. */
struct cf_sighting {
  struct cf_checkpoint checkpoint;
  struct cf_buf signed_note; /* by the log alone */
  struct cf_buf note;        /* with the cosignatures that came */
  int64_t signed_us;
  uint64_t newest; /* the largest size that was signed, when answers came */
};

struct cf_witnesses {
  const struct cf_conf *conf;
  struct cf_ledger *ledger;
  struct cf_witness v[CF_WITNESSES_MAX];
  struct cf_vkey keys[CF_WITNESSES_MAX]; /* of them, for the count */
  size_t n, quorum;
  struct cf_fetcher *fetcher;
  pthread_t clerk;
  bool runs;
  pthread_mutex_t lock; /* over states, the sizes below, and stop */
  pthread_cond_t wake;
  bool stop;
  uint64_t witnessed; /* the newest size that meets the quorum; 0: none */
  uint64_t anchored;  /* the newest size that is in every anchor; 0: none */
  uint64_t stamped;   /* the newest size that has a timestamp; 0: none */
  uint64_t served;    /* the largest size that GET /checkpoint gave */
  /* the clerk's: */
  int64_t stamp_next_us; /* no timestamp is asked for before, by the clock */
  unsigned stamp_failures;
};

/* ---- add.c ---- */

/* What came of an answer. AGAIN: ask at once, from witness->has. */
enum cf_witness_came { CF_CAME_COSIGNED, CF_CAME_AGAIN, CF_CAME_NOTHING };

/* The body of add-checkpoint: from the size that the witness has to the
 * target's, by that proof (none where it has none, or that one). */
void cf_add_put(uint64_t has, const struct cf_proof *proof, struct cf_str signed_note,
                struct cf_buf *b);
/* Take what a witness answered: its line goes into target->note. Words for
 * people go to said (empty: there is nothing to say); state and size of the
 * witness are those that follow. */
enum cf_witness_came cf_add_take(struct cf_witness *witness, const struct cf_fetch *fetch,
                                 struct cf_sighting *target, char *said, size_t said_n);

/* ---- anchor.c ---- */

/* Append the note to each file that conf->anchor names, and sync it. Gives
 * whether all have it. */
bool cf_anchors_append(const struct cf_conf *conf, struct cf_str note);
/* ---- tsa.c ---- */

/* What was kept; ask for a timestamp where it is time to. */
CF_MUST enum cf_err cf_tsa_begin(struct cf_witnesses *w);
void cf_tsa_round(struct cf_witnesses *w, const struct cf_sighting *target);

/* ---- clerk.c ---- */

void *cf_witness_clerk(void *witnesses);

#endif
