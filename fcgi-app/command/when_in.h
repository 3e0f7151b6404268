/* SPDX-License-Identifier: MIT */
/* Times as people say them, in a time zone: for the command alone. The zone is
 * the process's TZ, which nothing else here looks at. */
#ifndef CF_COMMAND_WHEN_IN_H
#define CF_COMMAND_WHEN_IN_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"

/* YYYY-MM-DDThh:mm:ss.ssssss+hh:mm */
#define CF_WHEN_TEXT_N (CF_TIME_TEXT_N + 5)

/* From here on times are those of the zone: as logs name it (logline.h: UTC,
 * +02:00), or a name of the IANA's. CF_E_PARAMETER where there is none such. */
CF_MUST enum cf_err cf_when_zone(const char *zone, struct cf_fault *fault);

/* Append t_us with its offset, "Z" for UTC; with its fraction, or cut to the
 * second. */
void cf_when_show(struct cf_buf *b, int64_t t_us, bool fraction);

/* Append the bound of a question (api.md, GET /v1/events) that text means:
 * "today" and "yesterday", a date and a date with a clock are of the zone, the
 * former their start; "2 h ago" is -2h; what the route itself takes stays as it
 * is. CF_E_SYNTAX. */
CF_MUST enum cf_err cf_when_bound(struct cf_buf *b, struct cf_str text, int64_t now_us);

#endif
