/* SPDX-License-Identifier: MIT */
/* Lines of logs into the ledger: events made from lines, sent in batches, until
 * each line is there.
 *
 * An event's id is its file's head, a point, and the line's byte offset. The
 * head is 16 hex digits of HMAC-SHA256(the ledger's import key, source || 0x00
 * || the file's first line), so that the same line is the same event however
 * often it is sent, and says nothing to who does not know the key. */
#ifndef CF_INPUT_IMPORT_H
#define CF_INPUT_IMPORT_H

#include "lib/base/crypto.h"
#include "lib/input/lines.h"
#include "lib/input/marks.h"

#define CF_IMPORT_LINES 2000       /* of a batch, at most */
#define CF_IMPORT_BYTES (4u << 20) /* of a batch, about */

/* How to import. */
struct cf_import_rules {
  struct cf_str source;         /* a name (format.md); borrowed */
  uint8_t key[CF_SEED_N];       /* the ledger's import key */
  uint64_t batch_max, body_max; /* what the ledger takes in a request: events, bytes */
  /* how long to try again while the ledger is not ready; INT64_MAX: for ever */
  int64_t patience_us;
  bool (*stopped)(void); /* true: give up waiting */
  /* POST the NDJSON body to /v1/events?batch=1&long=cut. The answer's body is
   * appended to answer. CF_E_UNKNOWN, CF_E_PEER, CF_E_NOTREADY: try again. */
  enum cf_err (*post)(void *context, struct cf_str body, int *status, struct cf_buf *answer,
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
void cf_import_head(const struct cf_import *import, struct cf_str first_line,
                    char head[CF_HEAD_N + 1]);

/* Put a line into the batch; it is copied. CF_E_NOMEM: nothing was put. */
CF_MUST enum cf_err cf_import_add(struct cf_import *import, const struct cf_line *line,
                                  const char head[CF_HEAD_N + 1]);
/* Is it time to send? */
bool cf_import_full(const struct cf_import *import);

/* Send the batch, if there is anything in it, until all of it is in the ledger:
 * what is refused is sent again as text, and a line whose id has other content
 * (of another file with the same first line) with a head made from the line
 * itself. On CF_OK the batch is empty. CF_E_LEAVING: stopped; CF_E_NOTREADY:
 * out of patience; CF_E_INVALID: the ledger refuses for another reason, which
 * is in the fault; then the batch is as it was. */
CF_MUST enum cf_err cf_import_send(struct cf_import *import, struct cf_fault *fault);

struct cf_import_counts cf_import_counts(const struct cf_import *import);

#endif
