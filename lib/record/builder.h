/* SPDX-License-Identifier: MIT */
/* A record put together member by member. */
#ifndef CF_RECORD_BUILDER_H
#define CF_RECORD_BUILDER_H

#include "lib/record/event.h"

/* Build a record from values of our own: for the log's own kinds, and for
 * importers. Members may be set in any order; each is checked like an event's.
 * The first error sticks. */
struct cf_builder;
CF_MUST enum cf_err cf_builder_new(enum cf_kind kind, struct cf_builder **b); /* CF_E_NOMEM */
void cf_builder_free(struct cf_builder *b);
/* From now on cut text that is longer than its member's limit, between
 * characters, instead of refusing it. */
void cf_builder_cut_long(struct cf_builder *b);
/* text types, INTEGER as decimal, TIME strict */
void cf_builder_set(struct cf_builder *b, enum cf_member member, struct cf_str value);
void cf_builder_set_u64(struct cf_builder *b, enum cf_member member, uint64_t value);
void cf_builder_set_time(struct cf_builder *b, enum cf_member member, int64_t t_us);
/* attributes, canonical JSON object text */
void cf_builder_set_object(struct cf_builder *b, struct cf_str canonical);
/* body, canonical JSON object text */
void cf_builder_set_body(struct cf_builder *b, struct cf_str canonical);
/* Finish: CF_OK and the caller owns *event; else the first error. The builder
 * is empty again and may be reused for another record of its kind. */
CF_MUST enum cf_err cf_builder_end(struct cf_builder *b, struct cf_event *event,
                                   struct cf_fault *fault);

#endif
