/* SPDX-License-Identifier: MIT */
/* Inside lib/record: what scan_body.c needs of scan.c. */
#ifndef CF_RECORD_SCAN_IN_H
#define CF_RECORD_SCAN_IN_H

#include "lib/record/scan.h"

/* s without the white space that it begins with. */
struct cf_str cf_scan_space(struct cf_str s);

/* As cf_scan_value; *whole is set, on error too, when the value's end was
 * found, and value and rest with it. */
CF_MUST enum cf_err cf_scan_one(struct cf_str text, unsigned depth_max, struct cf_str *value,
                                struct cf_str *rest, bool *whole, struct cf_fault *fault);

#endif
