/* SPDX-License-Identifier: MIT */
/* Inside lib/record: what is known of a record's texts beside their values. */
#ifndef CF_RECORD_RECORD_IN_H
#define CF_RECORD_RECORD_IN_H

#include "lib/record/record.h"

/* `"name":` of each member. */
extern const struct cf_str cf_member_keys[CF_M_N];

/* The member `time` of a public text, or CF_TIME_NONE. */
int64_t cf_public_time(struct cf_str public_text);

/* The rule for a kind's public members together, each of which is good by
 * itself: members is the mask of those that are there, source the value of that
 * one. CF_E_SYNTAX with the reason. (leaf.c) */
CF_MUST enum cf_err cf_public_members_check(enum cf_kind kind, uint32_t members,
                                            struct cf_str source, struct cf_fault *fault);

/* Bytes of leaf and payloads together, with seq at its longest: what
 * CF_LEAF_MAX limits. */
size_t cf_record_size(const struct cf_record *r);

#endif
