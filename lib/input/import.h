/* SPDX-License-Identifier: MIT */
/* Lines of logs into the ledger: events made from lines, sent in batches, until
 * each line is there.
 *
 * An event's id is its file's head, a point, and the line's byte offset. The
 * head is 16 hex digits of HMAC-SHA256(the ledger's import key, source || 0x00
 * || the file's first line with the NULs in front of it, its first CF_LINE_MAX
 * bytes), so that the same line is the same event however often it is sent, and
 * says nothing to who does not know the key.
 *
 * Where ids are of the line it is 32 hex digits of HMAC-SHA256(key, source ||
 * 0x00 || line || 0x00 || how often that line stood in the file before,
 * decimal), wherever the line stands. Equal lines of one second stay events of
 * their own; but they are counted from 0 in each file and in each run, and only
 * the last CF_REPEATS_N different lines are remembered (repeats.h): equal ones
 * of two files, on both sides of a restart, or far apart, are one event. */
#ifndef CF_INPUT_IMPORT_H
#define CF_INPUT_IMPORT_H

#include "lib/base/crypto.h"
#include "lib/input/follow.h"

#define CF_IMPORT_LINES 2000       /* of a batch, at most */
#define CF_IMPORT_BYTES (4u << 20) /* of a batch, about */
#define CF_IMPORT_AHEAD 2          /* batches on their way, while one more is made */

/* What the ledger has to hold in memory for a batch, at most: its body, its
 * events, their texts with room for escapes, their records and answers. */
#define CF_IMPORT_MEMORY (8 * CF_IMPORT_BYTES)

#define CF_IMPORT_EVENTS "/v1/events"
#define CF_IMPORT_GAPS   "/v1/gaps"

/* The turn of a batch on its way: where rules.ahead is set requests are made
 * ready ahead of it; they are taken in the order in which their lines were
 * added. */
struct cf_import_turn;
/* To be called by rules.post when all of the body is passed on, but for its
 * end, without which the ledger takes nothing of it. CF_OK: what was added
 * before is in the ledger, and the end may follow. CF_E_PEER: it will not be
 * soon, and the request is to be broken off: give this. */
CF_MUST enum cf_err cf_import_turn_wait(struct cf_import_turn *turn);

/* How to import. */
struct cf_import_rules {
  struct cf_str source; /* a name (format.md); borrowed */
  enum cf_ids ids;
  int zone_s;                   /* of times that have none (logline.h) */
  bool again;                   /* the files were imported before (cf_import_send) */
  uint8_t key[CF_SEED_N];       /* the ledger's import key */
  uint64_t batch_max, body_max; /* what the ledger takes in a request: events, bytes */
  bool ahead;                   /* it has memory for CF_IMPORT_AHEAD of them at a time */
  /* how long to try again while the ledger is not ready; INT64_MAX: for ever */
  int64_t patience_us;
  bool (*stopped)(void); /* true: give up waiting */
  /* POST the body to that route: CF_IMPORT_EVENTS, which gets NDJSON, with
   * ?batch=1&long=cut, or CF_IMPORT_GAPS, which gets JSON. turn: to be waited
   * for; NULL: nothing is on its way before it. The answer's body is appended
   * to answer. CF_E_UNKNOWN, CF_E_PEER, CF_E_NOTREADY: try again. Called by
   * CF_IMPORT_AHEAD threads at a time, at most; by one, where not `ahead`. */
  enum cf_err (*post)(void *context, const char *route, struct cf_str body,
                      struct cf_import_turn *turn, int *status, struct cf_buf *answer,
                      struct cf_fault *fault);
  void *context;
};

struct cf_import_counts {
  uint64_t lines;      /* that are in the ledger now */
  uint64_t accepted;   /* of these, new */
  uint64_t duplicates; /* of these, there before */
  uint64_t messages;   /* of these, lines that were no access log lines */
};

struct cf_import;

/* The rules are copied. CF_E_PARAMETER: source is no name; CF_E_NOMEM. */
CF_MUST enum cf_err cf_import_new(const struct cf_import_rules *rules, struct cf_import **import,
                                  struct cf_fault *fault);
void cf_import_free(struct cf_import *import); /* NULL is harmless */

/* The head of a file with that first line. */
void cf_import_head(const struct cf_import *import, const struct cf_line *first,
                    char head[CF_HEAD_N + 1]);

/* Another file begins: equal lines are counted anew. */
void cf_import_begin(struct cf_import *import);
/* Put a line into the batch; it is copied. CF_E_NOMEM: nothing was put. */
CF_MUST enum cf_err cf_import_add(struct cf_import *import, const struct cf_line *line,
                                  const char head[CF_HEAD_N + 1]);
/* Would the id be of this line, in a file with that head? */
struct cf_import_own {
  char id[2][2 * CF_HEAD_N + 1]; /* they begin with one of these */
};
void cf_import_own(const struct cf_import *import, const struct cf_line *line,
                   const char head[CF_HEAD_N + 1], struct cf_import_own *own);

/* Is it time to send? */
bool cf_import_full(const struct cf_import *import);

/* Send what was added, and wait until all of it is in the ledger:
 * what is refused is sent again as text, and a line whose id has other content
 * (of another file with the same first line) with a head made from the line
 * itself. Where that is a file's first line, another version of the program or
 * another zone made events of the file, and its lines would be there twice:
 * CF_E_CONFLICT. With `again` what has an event is there, whatever that holds.
 * CF_E_LEAVING: stopped; CF_E_NOTREADY: out of patience; CF_E_INVALID: the
 * ledger refuses for another reason, which is in the fault; then nothing is
 * forgotten, and the next call begins with what was refused. */
CF_MUST enum cf_err cf_import_send(struct cf_import *import, struct cf_fault *fault);

/* The same, but what was added goes on its way while more is added: threads
 * call rules.post and rules.stopped. CF_IMPORT_AHEAD batches are on their way
 * or wait for it, and each is in the ledger before anything of the next one is;
 * the errors are those of one before, and no later one is sent until it is
 * tried again. */
CF_MUST enum cf_err cf_import_pass(struct cf_import *import, struct cf_fault *fault);
/* Wait until nothing is on its way. The errors of cf_import_send. */
CF_MUST enum cf_err cf_import_wait(struct cf_import *import, struct cf_fault *fault);

/* Tell the ledger that lines of the source may be lost, until it has that on
 * disk. A ledger that does not take it, as one of before would not, is no
 * error: it is logged. CF_E_LEAVING, CF_E_NOTREADY as above, CF_E_NOMEM. */
CF_MUST enum cf_err cf_import_gap(struct cf_import *import, const struct cf_gap *gap,
                                  struct cf_fault *fault);

struct cf_import_counts cf_import_counts(const struct cf_import *import);

#endif
