/* SPDX-License-Identifier: MIT */
/* The events of one POST: cut out of its body, checked, appended (api.md, POST
 * /v1/events). */
#ifndef CF_ROUTES_INGEST_IN_H
#define CF_ROUTES_INGEST_IN_H

#include "fcgi-app/routes/call_in.h"

/* refused events of a batch that get words of their own; the others get their
 * error's title */
#define CF_INGEST_WORDS_MAX 1000

/* One event of the body, in its order. */
struct cf_item {
  enum cf_err err;        /* CF_OK: it is in the ledger */
  uint32_t place;         /* where CF_OK or CF_E_CONFLICT: its place in the append */
  struct cf_fault *fault; /* why it was refused; NULL: no words */
};

struct cf_ingest {
  struct cf_event_rules rules;
  struct cf_charge *charge; /* of the request */
  uint64_t credit;          /* charged already, and not used */
  bool batch;               /* what was asked for; and what the body turned out to be */
  struct cf_item *items;
  size_t n, cap;
  struct cf_event *events; /* those that are acceptable */
  size_t events_n, events_cap;
  struct cf_arena texts;
  uint64_t text_n; /* what of it their records have, bytes */
  size_t faults;
  const struct cf_event **pointers; /* to events */
  struct cf_append append;
  size_t accepted, duplicates, rejected, conflicts; /* conflicts are rejected too */
};
/* What it takes is charged, and stays so when it has ended: the charge is the
 * request's. */
void cf_ingest_init(struct cf_ingest *in, struct cf_charge *charge);
void cf_ingest_fini(struct cf_ingest *in);

/* Cut and check; the body is not needed afterwards. CF_E_FULL: more than max
 * events, or more than ingest_memory takes; CF_E_MEMORY; CF_E_NOMEM. An event
 * that is refused is no error. */
CF_MUST enum cf_err cf_ingest_read(struct cf_ingest *in, struct cf_str body, uint64_t max,
                                   struct cf_fault *fault);
/* Make in->append of what is acceptable. CF_E_MEMORY, CF_E_FULL, CF_E_NOMEM. */
CF_MUST enum cf_err cf_ingest_prepare(struct cf_ingest *in, struct cf_fault *fault);
/* It was appended: set the counts, and CF_E_CONFLICT on the items that are. */
void cf_ingest_judge(struct cf_ingest *in);
/* The place of an item that is in the ledger or conflicts with what is. */
const struct cf_place *cf_ingest_place(const struct cf_ingest *in, const struct cf_item *item);

#endif
