/* SPDX-License-Identifier: MIT */
/* Events in: one JSON object of a client becomes a record in canonical form
 * (api.md, POST /v1/events; format.md, Members). */
#ifndef CF_RECORD_EVENT_H
#define CF_RECORD_EVENT_H

#include "lib/base/arena.h"
#include "lib/record/record.h"
#include "lib/record/scan.h"

struct cf_event_rules {
  struct cf_str source; /* the token's name: what an event without `source` gets */
  /* others that it may write as (cf_source_allowed) */
  const char *const *sources;
  struct cf_str writer;       /* who writes: what each event gets as `writer`; empty: none */
  bool unknown_to_attributes; /* ?unknown=attributes */
  /* ?long=cut: cut text (between UTF-8 sequences) and name it in
   * attributes.truncated, an array */
  bool cut_long;
  struct cf_arena *arena; /* where texts go; NULL: each event has its own memory */
};

/* Where a value stands in an event's text, in bytes; at = 0: there is none. */
struct cf_event_value {
  uint32_t at, n;
};

/* A record that owns its texts, and what its maker knows of them, so that
 * nobody looks for it there. */
struct cf_event {
  struct cf_record record;
  /* What the record's slices point into; behind it the values that have escapes
   * in it. */
  char *text;
  bool of_arena;                       /* it is the arena's, and stays as long as that */
  struct cf_event_value value[CF_M_N]; /* of the indexed members */
};

/* The value of an indexed member as cf_values_get gives it: decoded, .p = NULL
 * where absent. Points into the event's text. */
static inline struct cf_str cf_event_get(const struct cf_event *event, enum cf_member m)
{
  const struct cf_event_value *v = &event->value[m];
  return (struct cf_str){v->at == 0 ? NULL : event->text + v->at, v->n};
}

/* Check and encode one event, its text and members as cf_scan_next gives them.
 * CF_E_INVALID or CF_E_SYNTAX with the member's name in fault.at and one
 * sentence in fault.detail (for an unknown member: the names it could be);
 * CF_E_NOMEM. On success the caller owns *event (cf_event_fini). */
CF_MUST enum cf_err cf_event_read(struct cf_str text, const struct cf_scan_members *members,
                                  const struct cf_event_rules *rules, struct cf_event *event,
                                  struct cf_fault *fault);
/* The same of a text that nobody has scanned yet: CF_E_SYNTAX also where it is
 * not one JSON value. */
CF_MUST enum cf_err cf_event_parse(struct cf_str text, const struct cf_event_rules *rules,
                                   struct cf_event *event, struct cf_fault *fault);
void cf_event_fini(struct cf_event *event);

#endif
