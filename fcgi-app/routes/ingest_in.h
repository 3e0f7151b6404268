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
  struct cf_event event;  /* empty where it was refused */
  struct cf_fault *fault; /* why it was; NULL: no words */
  size_t place;           /* where CF_OK or CF_E_CONFLICT: its place in the append */
};

struct cf_ingest {
  struct cf_event_rules rules;
  bool batch; /* what was asked for; and what the body turned out to be */
  struct cf_item *items;
  size_t n, cap;
  size_t faults;
  size_t bytes;                   /* of the body */
  const struct cf_event **events; /* those that were acceptable */
  struct cf_append append;
  size_t accepted, duplicates, rejected;
};
void cf_ingest_init(struct cf_ingest *in);
void cf_ingest_fini(struct cf_ingest *in);

/* Cut and check. CF_E_FULL: more than max events; CF_E_NOMEM. An event that is
 * refused is no error. */
CF_MUST enum cf_err cf_ingest_read(struct cf_ingest *in, struct cf_str body, uint64_t max,
                                   struct cf_fault *fault);
/* Append what is acceptable, in one transaction; sets counts, and CF_E_CONFLICT
 * on the items that are. The errors of cf_ledger_append: nothing was taken. */
CF_MUST enum cf_err cf_ingest_append(struct cf_ingest *in, struct cf_ledger *ledger);
/* The place of an item that is in the ledger or conflicts with what is. */
const struct cf_place *cf_ingest_place(const struct cf_ingest *in, const struct cf_item *item);

#endif
