/* SPDX-License-Identifier: MIT */
/* Inside lib/record: what scan_body.c needs of scan.c. */
#ifndef CF_RECORD_SCAN_IN_H
#define CF_RECORD_SCAN_IN_H

#include "lib/record/scan.h"

/* s without the white space that it begins with. */
struct cf_str cf_scan_space(struct cf_str s);

/* One value at the start of a text. */
struct cf_scan_one {
  struct cf_str value, rest; /* where whole is set */
  bool whole;                /* the value's end was found, though it may be refused */
};
/* As cf_scan_value; *one is set on error too. The members of an object are put
 * to members, which may be NULL. */
CF_MUST enum cf_err cf_scan_one(struct cf_str text, unsigned depth_max,
                                struct cf_scan_members *members, struct cf_scan_one *one,
                                struct cf_fault *fault);

/* One more member behind those that are there. CF_E_NOMEM. */
CF_MUST enum cf_err cf_scan_members_add(struct cf_scan_members *members,
                                        const struct cf_scan_member *member);
/* Order by code points, which is the byte order of the names once written in
 * canonical form. */
int cf_scan_names_compare(const struct cf_scan_member *a, const struct cf_scan_member *b);

#endif
