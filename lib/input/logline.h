/* SPDX-License-Identifier: MIT */
/* One line of an access log, taken apart into values of an event's members.
 *
 * The format is found line by line (input.h):
 * - access: common and combined format, with or without a virtual host (`name`,
 *   `name:port`) before it or in the place of the ident name, with
 *   whatever stands behind the user agent; the time in one of the spellings of
 *   logline_time.c. Escapes \xhh \" \\ \n \t \r \b \v \f \a are undone, in any
 *   other a backslash stands for itself.
 * - JSON: an object. Members of ours go by their names, those that usual
 *   servers and services write by theirs, in objects too (logline_names.def);
 *   the rest into attributes, and so what is no value of its member. Where the
 *   ledger would not take it for its escapes (\xhh, \a, \v, raw control
 *   characters) they are mended first; a number that is none, or beyond int64
 *   or IEEE doubles, and what is nested deeper than 8 become text; where
 *   attributes would be too large, the line is `message` instead.
 * - text: everything else, an empty line too: `message` is the line, `action`
 *   is log.line.
 *
 * In front of a line in access or JSON format may stand what others put there
 * (syslog, container engines: the table in logline_front.c): it is taken off.
 * Docker's json-file wraps any line.
 *
 * A value of "-" is an absent one. A line without method, action and message
 * has the `action` http.request (access) or log.line (JSON). A request that is
 * none ("\x16\x03\x01") is `message`. What has no member goes into
 * `attributes`; their names are in counterfoil.1.
 *
 * Bytes that are no UTF-8 stand as \xhh, as in the log where it has them so,
 * and a backslash that would be taken for the beginning of one as \x5c: then
 * attributes.not_utf8 says what they were in the line, `raw` or `escaped`. So
 * \x5c and \x80 to \xff stand for their bytes, and no two requests are one.
 * A text line without that attribute is as it stands in the log. */
#ifndef CF_INPUT_LOGLINE_H
#define CF_INPUT_LOGLINE_H

#include "lib/base/clock.h"
#include "lib/input/input.h"
#include "lib/input/lines.h"
#include "lib/record/json.h"
#include "lib/record/schema.h"

#define CF_OTHERS_MAX 40 /* of a line: key=value behind it, and ours */

/* What has no member and goes into attributes. */
struct cf_other {
  struct cf_str name;
  struct cf_str value;
  bool json; /* value is canonical JSON text, else a string's bytes */
};

struct cf_logline {
  /* The zone of times that name none, seconds east of UTC: 0, or what the
   * caller sets after init. Where it was needed attributes.zone_assumed says
   * it. */
  int zone_s;
  enum cf_log_format format;
  /* decoded values; .p is NULL where absent. SOURCE and ID never come from a
   * line; ATTRIBUTES is an object's JSON text. They point into the line or into
   * what follows, until the next parse. */
  struct cf_str v[CF_M_N];
  struct cf_other others[CF_OTHERS_MAX]; /* sorted by name */
  size_t others_n;
  struct cf_buf text; /* decoded fields, or a mended line */
  struct cf_buf attributes;
  struct cf_buf inner; /* a line that was wrapped, and what was around it */
  struct cf_json *doc;
  char ip[46];
  char time[CF_TIME_TEXT_N + 1];
  char front_time[CF_TIME_TEXT_N + 1]; /* of what stood in front; "": none */
  char duration[24];
  char zone[8];  /* "+02:00" */
  char nuls[24]; /* how many */
};

void cf_logline_init(struct cf_logline *l);
void cf_logline_fini(struct cf_logline *l); /* harmless on a finished one */

/* A zone as times name it, +02:00, +0200, Z, UTC or GMT, in seconds east of
 * UTC. CF_E_SYNTAX. */
CF_MUST enum cf_err cf_logline_zone(struct cf_str s, int *offset_s);

/* Take a line (any bytes) apart; what was in l before is gone. The line must
 * outlive l's values. One that is cut is text. CF_E_NOMEM. */
CF_MUST enum cf_err cf_logline_parse(struct cf_logline *l, const struct cf_line *line);
/* The same, but as text whatever it is. `message` is cut so that the event is
 * never too large, and attributes.truncated says so, and that the line was
 * cut. CF_E_NOMEM. */
CF_MUST enum cf_err cf_logline_text(struct cf_logline *l, const struct cf_line *line);

/* Append what was taken apart as one event, a line of NDJSON with its LF: a
 * body for POST /v1/events, with ?long=cut. source and id are names
 * (format.md). */
void cf_logline_put(const struct cf_logline *l, struct cf_str source, struct cf_str id,
                    struct cf_buf *b);

/* All of that for a line: append its event, in a form that the ledger accepts.
 * What would be refused (too much of it, an object too deep) becomes text.
 * CF_E_NOMEM, b's error. */
CF_MUST enum cf_err cf_logline_event(struct cf_logline *l, const struct cf_line *line,
                                     struct cf_str source, struct cf_str id, struct cf_buf *b);

#endif
