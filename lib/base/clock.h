/* SPDX-License-Identifier: MIT */
/* Time: microseconds since 1970-01-01T00:00:00Z as int64_t, proleptic
 * Gregorian, UTC only; never the process's time zone. */
#ifndef CF_BASE_CLOCK_H
#define CF_BASE_CLOCK_H

#include "lib/base/buf.h"

#define CF_TIME_MIN_US (-INT64_C(62135596800000000)) /* 0001-01-01T00:00:00.000000Z */
#define CF_TIME_MAX_US INT64_C(253402300799999999)   /* 9999-12-31T23:59:59.999999Z */
#define CF_TIME_TEXT_N 27                            /* 2026-11-24T02:00:00.000001Z */
#define CF_HOUR_US     INT64_C(3600000000)

/* Wall clock now. */
int64_t cf_clock_now_us(void);
/* Monotonic clock, for intervals. */
int64_t cf_clock_mono_us(void);

/* Write exactly CF_TIME_TEXT_N bytes and a NUL (format.md: RFC 3339, UTC, six
 * decimals, Z). t is within the limits above. */
void cf_time_format(int64_t t_us, char out[CF_TIME_TEXT_N + 1]);

/* RFC 3339 date-time with any offset, 'T'/'t'/' ' and 'Z'/'z' accepted;
 * fractions of any length are truncated on the text; second 60 becomes
 * 59.999999. CF_E_SYNTAX, also for a result outside years 0001..9999 and
 * impossible dates. */
CF_MUST enum cf_err cf_time_parse(struct cf_str s, int64_t *t_us);

/* The strict form only, as cf_time_format writes it. CF_E_SYNTAX for anything
 * else. */
CF_MUST enum cf_err cf_time_parse_strict(struct cf_str s, int64_t *t_us);

/* A number as text: below 1e11 seconds, below 1e14 milliseconds, below 1e17
 * microseconds, else nanoseconds (by magnitude); a fraction is allowed and
 * truncated on the decimal text, never through a double; with an exponent the
 * point moves in the text; a leading '-' is allowed (api.md, POST).
 * CF_E_SYNTAX. */
CF_MUST enum cf_err cf_time_parse_epoch(struct cf_str s, int64_t *t_us);

/* A time bound of a question: RFC 3339, a date (its midnight UTC), an epoch
 * number, or relative to now: -90s -15m -24h -7d -2w, "now". CF_E_SYNTAX.
 * (api.md, GET /v1/events) */
CF_MUST enum cf_err cf_time_parse_bound(struct cf_str s, int64_t now_us, int64_t *t_us);

/* A span: an integer and one of s m h d w ("90s", "1d"); at least 1s.
 * CF_E_SYNTAX. */
CF_MUST enum cf_err cf_span_parse(struct cf_str s, int64_t *span_us);

/* Civil fields to microseconds, for log formats: year 1..9999, month 1..12 …
 * second 0..60 (60 as above), offset in seconds east of UTC. CF_E_SYNTAX
 * outside. */
CF_MUST enum cf_err cf_time_from_civil(int year, int month, int day, int hour, int minute,
                                       int second, int offset_s, int64_t *t_us);

/* The start of the UTC hour that holds t_us (floor, also before 1970). */
int64_t cf_time_hour(int64_t t_us);

#endif
