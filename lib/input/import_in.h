/* SPDX-License-Identifier: MIT */
/* Inside an import: batches of events made from lines, and how each gets into
 * the ledger. */
#ifndef CF_INPUT_IMPORT_IN_H
#define CF_INPUT_IMPORT_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/input/import.h"
#include "lib/input/logline.h"

#define CF_IMPORT_ID_N (CF_HEAD_N + 32)

/* A line of a batch, and how its event was made. */
struct cf_import_entry {
  size_t at, n;        /* the event in the batch's body */
  size_t raw_at;       /* the line's text in the raw bytes of the batch it was added to */
  struct cf_line line; /* text.p is of then */
  char id[CF_IMPORT_ID_N];
  bool text;   /* made as text */
  bool own_id; /* the id is made from the line itself */
};

struct cf_batch {
  struct cf_buf body;
  struct cf_buf raw; /* lines as they stand in their files */
  struct cf_import_entry entries[CF_IMPORT_LINES];
  size_t n;
};

/* A batch on its way; while a thread sends it, all this is the thread's. */
struct cf_import_turn {
  struct cf_import *import;
  struct cf_batch *passed;
  uint64_t number;                  /* of the batches that were passed: from 0 on */
  bool has;                         /* passed is not known to be in the ledger */
  bool come;                        /* all before it are in the ledger */
  int64_t come_us;                  /* since when; monotonic */
  struct cf_batch *spare[2];        /* for what has to be sent again, in turn */
  struct cf_batch *sending, *again; /* of these three: sent, and what of it is refused */
  struct cf_logline remade;
  struct cf_import_counts sent; /* of it */
  enum cf_err err;              /* what came of it; CF_E_LATER: nothing, as of the one before it */
  struct cf_fault fault;
  pthread_t thread;
  bool runs; /* the thread does, or was not joined yet */
};

struct cf_import {
  struct cf_import_rules rules;
  char *source;
  struct cf_logline line;
  struct cf_repeats *repeats;     /* NULL: ids are of places */
  struct cf_batch *batch;         /* what was added */
  struct cf_import_counts counts; /* of all batches that are in the ledger */
  struct cf_import_turn turns[CF_IMPORT_AHEAD];
  uint64_t passed_n;    /* batches, so far; each has the turn of its number, in a round */
  pthread_mutex_t lock; /* over through, failed and took_us */
  pthread_cond_t moved; /* through or failed changed */
  uint64_t through;     /* batches with a lower number are in the ledger */
  bool failed;          /* the one whose turn it is was given up; perhaps it is tried anew */
  int64_t took_us;      /* what the last one took from when its turn had come */
  atomic_bool leaves;   /* nobody waits for any of them any more */
};

/* ---- import_event.c ---- */

/* The id of an event by its line's place. */
void cf_import_id_of_place(const char head[CF_HEAD_N + 1], uint64_t offset,
                           char id[CF_IMPORT_ID_N]);
/* The id of an event by its line, which stood in the file so often before. */
void cf_import_id_of_line(const struct cf_import *im, struct cf_str line, uint32_t repeats,
                          char id[2 * CF_HEAD_N + 1]);
/* A head that is made from the line itself, whose place is another's. */
void cf_import_own_head(const struct cf_import *im, struct cf_line line, char head[CF_HEAD_N + 1]);
/* Is it the line that its file's head is made of? Then what is there under its
 * id was made of this line too. */
bool cf_import_is_first(const struct cf_import *im, const struct cf_line *line, const char *id);
/* Make the event of a line at the end of the batch's body, in the way that the
 * entry's flags say, and put the entry there. CF_E_NOMEM, CF_E_FULL: nothing
 * was put. */
CF_MUST enum cf_err cf_import_put(struct cf_logline *l, struct cf_str source, struct cf_line line,
                                  struct cf_import_entry entry, struct cf_batch *batch);

/* ---- import_turn.c: whose turn it is ---- */

void cf_import_turns_init(struct cf_import *im);
void cf_import_turns_fini(struct cf_import *im);
bool cf_import_stopped(const struct cf_import *im);
/* Somebody begins to send it. CF_OK: it may go, perhaps ahead of its turn; the
 * errors of cf_import_turn_await. */
CF_MUST enum cf_err cf_import_turn_begin(struct cf_import_turn *turn, struct cf_fault *fault);
/* Wait for its turn, as long as it takes. CF_E_LATER: one before it is given
 * up; CF_E_LEAVING: stopped. */
CF_MUST enum cf_err cf_import_turn_await(struct cf_import_turn *turn, struct cf_fault *fault);
/* It is in the ledger, or, as turn->err says, is not. */
void cf_import_turn_end(struct cf_import_turn *turn);

/* ---- import_send.c ---- */

void cf_batch_empty(struct cf_batch *batch);
/* Send what was passed until all of it is in the ledger, when its turn has
 * come; what came of it is in turn->err. */
void cf_import_turn_send(struct cf_import_turn *turn);
#endif
