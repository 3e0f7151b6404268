/* SPDX-License-Identifier: MIT */
/* The records that the log writes of itself, a function each: what stands in
 * them (format.md, Kinds) is decided here, and nowhere else. */
#ifndef CF_RECORD_CONTROL_H
#define CF_RECORD_CONTROL_H

#include "lib/record/event.h"

/* Each makes an event for cf_ledger_append or cf_ledger_post, whose text is the
 * caller's to free with cf_event_fini. User and credential come from outside:
 * ill-formed bytes in them become U+FFFD, what is beyond a member's limit is
 * cut between characters, and an empty one is absent. CF_E_NOMEM; CF_E_FULL,
 * or CF_E_INVALID with the fault, for any other value that is not of its
 * member's form. The fault may be NULL. */

/* `genesis`, the first record: vkey is the text of the signer's verifier key,
 * origin the ledger's name; previous: the last checkpoint of the ledger that
 * this one continues, signed by that one alone, or empty. */
CF_MUST enum cf_err cf_control_genesis(struct cf_str vkey, const char *origin,
                                       struct cf_str previous, struct cf_event *event);
/* `service`: the software ("counterfoil 0.1.0") and what happened to it: start,
 * stop, clock. */
CF_MUST enum cf_err cf_control_service(const char *software, const char *what,
                                       struct cf_event *event);
/* `segment`: a file holds the records first ≤ seq < end (multiples of 256).
 * rewrite: how often it was written again; digest: of its pages' hashes. */
CF_MUST enum cf_err cf_control_segment(uint64_t first, uint64_t end, uint64_t rewrite,
                                       const uint8_t digest[CF_HASH_N], struct cf_event *event);

/* Who asked, and from which address, "" where that is not known. */
struct cf_control_who {
  struct cf_str user, credential;
  const char *ip;
};
/* What happened count times from first to last, and why: a word of err.def, or
 * `many`; NULL where nobody asks why. */
struct cf_control_tally {
  const char *reason;
  uint64_t count;
  int64_t first_us, last_us;
};
/* What a verify found. */
struct cf_control_verdict {
  const char *word; /* CF_VERDICT_HOLDS, CF_VERDICT_PARTIAL, or the first of verdict.def */
  const char *mode;
  bool has_first_bad;
  uint64_t first_bad;
  uint64_t leaves, size; /* that were checked, of the tree with that root */
  uint8_t root[CF_HASH_N];
  char ranges[200]; /* of bad records, as "5-9,12", or with ",more" behind; "": none is named */
};
extern const char CF_VERDICT_HOLDS[], CF_VERDICT_PARTIAL[]; /* `holds`, `partial` */

/* What was done with the log: once, or as often as a tally says. */
struct cf_control_access {
  const char *action;  /* a word of route.def, or `refused` */
  const char *outcome; /* success, failure; unknown: the answer had only begun */
  /* What was asked for, URL-encoded; p = NULL: nothing is told of it. Beyond
   * CF_CONTROL_FILTER_MAX bytes the record has its beginning, its length and
   * its SHA-256. */
  struct cf_str filter;
  const char *reason;                   /* why it failed, where no tally says it; NULL: not told */
  const char *network;                  /* of a stranger, or `many`; NULL: the caller is known */
  const struct cf_control_tally *tally; /* NULL: it tells of one */
  const struct cf_control_verdict *verdict; /* NULL: it tells of none */
  bool counted;                             /* rows is known */
  uint64_t rows;                            /* of the answer, or of all of them */
};
#define CF_CONTROL_FILTER_MAX 15360
/* `access`: somebody used the log, or was turned away. */
CF_MUST enum cf_err cf_control_access(const struct cf_control_who *who,
                                      const struct cf_control_access *access,
                                      struct cf_event *event, struct cf_fault *fault);
/* `loss`: events of that source were not taken. */
CF_MUST enum cf_err cf_control_loss(struct cf_str source, const struct cf_control_tally *tally,
                                    struct cf_event *event, struct cf_fault *fault);

/* The same where the writer itself says that they did not come: who it is, and
 * its words, which may be empty. */
CF_MUST enum cf_err cf_control_gap(struct cf_str source, const struct cf_control_who *who,
                                   const struct cf_control_tally *tally, struct cf_str message,
                                   struct cf_event *event, struct cf_fault *fault);

/* `key`: the log's new signing key, the note by which it follows, and until
 * when the old one signs too (CF_TIME_NONE: it does not). */
CF_MUST enum cf_err cf_control_key(struct cf_str vkey, struct cf_str note, int64_t until_us,
                                   const struct cf_control_who *who, struct cf_event *event,
                                   struct cf_fault *fault);

/* `token`: a token was made or revoked. */
struct cf_control_token {
  const char *what; /* add, revoke */
  /* Who did: its name as a source, empty where it has none (the record then
   * says web-server), and its actor. */
  struct cf_str source, user, credential;
  /* The token: */
  const char *id, *name;
  const char *const *roles;   /* names that end with NULL */
  const char *const *sources; /* patterns of cf_source_pattern_ok, likewise; NULL: none */
  int64_t expires_us;         /* CF_TIME_NONE: never */
  const uint8_t *hash;        /* SHA-256 of the hash that is kept of it; NULL: it is not told */
};
CF_MUST enum cf_err cf_control_token(const struct cf_control_token *token, struct cf_event *event,
                                     struct cf_fault *fault);

#endif
