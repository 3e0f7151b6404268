/* SPDX-License-Identifier: MIT */
/* Inside lib/record: a record while it is put together, member by member; what
 * event.c and builder.c have in common. */
#ifndef CF_RECORD_DRAFT_IN_H
#define CF_RECORD_DRAFT_IN_H

#include "lib/record/event.h"

/* One value: at p, or, with p = NULL, at offset `at` of the scratch. */
struct cf_draft_part {
  const char *p;
  size_t at, n;
  bool set;
  bool plain; /* of text: its bytes stand for themselves in a JSON string */
};

struct cf_draft {
  enum cf_kind kind;
  bool own;      /* copy each value: the caller's memory may go */
  bool cut_long; /* cut over-long text instead of refusing it */
  uint32_t cut;  /* mask of the members that were cut */
  int64_t time_us;
  struct cf_draft_part member[CF_M_N];
  struct cf_draft_part body;
  struct cf_buf scratch;  /* values that are not as they came */
  struct cf_arena *arena; /* for the record's texts; NULL: memory of their own */
};

void cf_draft_init(struct cf_draft *draft, enum cf_kind kind);
void cf_draft_fini(struct cf_draft *draft);
/* Empty them; kind, own, cut_long and the memory stay. */
void cf_draft_reset(struct cf_draft *draft);

/* Set a member from text in the form that clients may send: text is mended (and
 * cut), an address and a method normalised; a time is strict here. CF_E_INVALID
 * with the member's name; CF_E_NOMEM. */
CF_MUST enum cf_err cf_draft_set(struct cf_draft *draft, enum cf_member m, struct cf_str value,
                                 struct cf_fault *fault);
/* The same of a text of which it is known that its bytes stand for themselves
 * in a JSON string. */
CF_MUST enum cf_err cf_draft_set_plain(struct cf_draft *draft, enum cf_member m,
                                       struct cf_str value, struct cf_fault *fault);
CF_MUST enum cf_err cf_draft_set_time(struct cf_draft *draft, int64_t t_us);
/* A value that ends the scratch and begins at offset `at` of it. */
void cf_draft_set_scratch(struct cf_draft *draft, struct cf_draft_part *part, size_t at);

/* Defaults, checks of the whole, and the record's texts. CF_E_INVALID,
 * CF_E_NOMEM. On success the caller owns *event. */
CF_MUST enum cf_err cf_draft_end(struct cf_draft *draft, struct cf_event *event,
                                 struct cf_fault *fault);

#endif
