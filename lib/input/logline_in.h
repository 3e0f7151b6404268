/* SPDX-License-Identifier: MIT */
/* Inside logline: the formats, and what they share. */
#ifndef CF_INPUT_LOGLINE_IN_H
#define CF_INPUT_LOGLINE_IN_H

#include "lib/input/logline.h"

/* ---- logline_<name>.c ---- */

/* The functions of each format (struct cf_input). */
#define CF_INPUT(constant, name, action) \
  bool cf_logline_##name##_sniff(struct cf_str line); \
  CF_MUST enum cf_err cf_logline_##name##_take(struct cf_logline *l, struct cf_str line);
#include "lib/input/input.def"
#undef CF_INPUT

/* ---- logline_front.c ---- */

/* The line that *line wraps, where it does; what else it says goes to l's
 * others and front_time. CF_E_NOMEM. */
CF_MUST enum cf_err cf_logline_unwrap(struct cf_logline *l, struct cf_str *line, bool *wrapped);
/* Cut the known fronts off *line; what they say goes there too. */
void cf_logline_unfront(struct cf_logline *l, struct cf_str *line);

/* ---- logline_time.c ---- */

/* A time in a log's spelling: "17/May/2015:10:05:03 +0000" and its like (the
 * grammar is there), RFC 3339 or (where numbers is set) an epoch number, all of
 * these perhaps in brackets; to `time`. Where it names no zone, l->zone_s is
 * taken, and that goes to the others. CF_E_SYNTAX. */
CF_MUST enum cf_err cf_logline_time(struct cf_logline *l, struct cf_str s, bool numbers);
/* The same of the text alone; *bare: it names no zone, and zone_s was taken. No
 * numbers. */
CF_MUST enum cf_err cf_logline_time_parse(struct cf_str s, int zone_s, int64_t *t_us, bool *bare);

/* The month of an English three-letter name: 1 to 12, or 0. */
int cf_logline_month(struct cf_str s);

/* ---- logline_bytes.c ---- */

/* Which bytes that are no UTF-8 were met: as they are, or escaped. A backslash
 * that had to be escaped counts as the latter. */
struct cf_met {
  bool raw, escaped;
};

/* Is there nothing in it to be undone or to be escaped? */
bool cf_logline_plain(struct cf_str s);
/* Append a field of a line without its escapes, as logline.h says of bytes that
 * are no UTF-8; at most 4 bytes for each. */
void cf_logline_unescape(struct cf_str s, struct cf_buf *b, struct cf_met *met);
/* What begins s, of a field: *n bytes, which stand for these of `bytes`, a
 * character's; 0: for a byte that is no UTF-8, or a backslash that would be
 * taken for the beginning of one, which is to be written as *escape. */
size_t cf_logline_character(struct cf_str s, size_t *n, uint8_t bytes[4], char escape[5],
                            struct cf_met *met);
/* Add attributes.not_utf8 where some were met. */
void cf_logline_met_say(struct cf_logline *l, struct cf_met met);
/* Append a text as it stands, bytes that are no UTF-8 as \xhh; where there are
 * some, backslashes that would be taken for one are escaped too, and true is
 * given. */
bool cf_logline_verbatim(struct cf_str s, struct cf_buf *b);

/* ---- logline_values.c ---- */

/* Forget what was taken apart before. */
void cf_logline_empty(struct cf_logline *l);
/* The line behind its byte order mark, where it has one. */
struct cf_str cf_logline_unmark(struct cf_str line);

/* Add to the others, in the order of names. False, and nothing is added, where
 * the name is there or there is no room. */
bool cf_logline_other(struct cf_logline *l, struct cf_str name, struct cf_str value, bool json);
/* Write the others as an object's text: the canonical form, which the ledger
 * takes as it is. Nothing where there are none. */
void cf_logline_others_put(const struct cf_logline *l, struct cf_buf *b);

/* Set `method`, `resource`, `query` and `protocol` from a decoded request line;
 * one that is none goes to `message`. */
void cf_logline_request(struct cf_logline *l, struct cf_str request);
/* Set `resource` and `query` from a request target. */
void cf_logline_target(struct cf_logline *l, struct cf_str target);
/* Set `ip`. CF_E_SYNTAX where s is no address. */
CF_MUST enum cf_err cf_logline_ip(struct cf_logline *l, struct cf_str s);
/* Set `ip` from a client as servers write it: an address, perhaps in brackets,
 * with a port or a zone (fe80::1%eth0) behind it; these are empty where absent.
 * CF_E_SYNTAX. */
CF_MUST enum cf_err cf_logline_client(struct cf_logline *l, struct cf_str s, struct cf_str *port,
                                      struct cf_str *zone);
/* Is it such a client? */
bool cf_logline_is_client(struct cf_str s);
/* Set `duration_us` from decimal text, which may have an exponent, times
 * 10^shift microseconds, the rest cut off. Where `pointed`, only of a number
 * with a point or an exponent: without one it may be of another unit. */
bool cf_logline_duration(struct cf_logline *l, struct cf_str s, int shift, bool pointed);
/* Cut ":port" off a host; *port is empty where there is none. */
struct cf_str cf_logline_host(struct cf_str s, struct cf_str *port);

/* ---- logline_text.c ---- */

/* Take s as text behind the others that are there. */
CF_MUST enum cf_err cf_logline_message(struct cf_logline *l, struct cf_str s, bool cut);

/* ---- logline_mend.c ---- */

/* Append a JSON line with what the ledger does not take made into what it does:
 * escapes that JSON does not have and control characters in strings; numbers
 * that are none, or that no reader can be relied on to take, and what is nested
 * deeper than attributes may be, as text; bytes that are no UTF-8. */
void cf_logline_mend(struct cf_str line, struct cf_buf *b, struct cf_met *met);

#endif
