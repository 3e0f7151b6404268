/* SPDX-License-Identifier: MIT */
/* One line of an access log, taken apart into values of an event's members.
 *
 * The format is found line by line (input.h):
 * - access: common and combined format, with or without a virtual host (`name`,
 *   `name:port`) before it or in the place of the ident name, with
 *   whatever stands behind the user agent; the time as [17/May/2015:10:05:03
 *   +0000] (a fraction is taken) or in RFC 3339. Escapes \xhh \" \\ \n \t \r
 *   \b \v \f \a are undone, in any other a backslash stands for itself.
 * - JSON: an object. Members of ours go by their names, those of usual web
 *   server configurations by theirs (the table in logline_json.c), the
 *   rest into attributes. Where it is no JSON for its escapes (\xhh, \a, \v,
 *   raw control characters) they are mended first.
 * - text: everything else, an empty line too: `message` is the line, `action`
 *   is log.line.
 *
 * A value of "-" is an absent one. A line without method, action and message
 * has the `action` http.request (access) or log.line (JSON). Into `attributes`
 * go: client_host (a client that is no address), forwarded_for (a list of
 * addresses whose first is `ip`), ident, port (of the virtual host), extra
 * (what follows the user agent, as it stands in the line), unterminated (the
 * member whose closing quote is missing). A request that is none
 * ("\x16\x03\x01") is `message`. */
#ifndef CF_INPUT_LOGLINE_H
#define CF_INPUT_LOGLINE_H

#include "lib/base/clock.h"
#include "lib/input/input.h"
#include "lib/record/json.h"
#include "lib/record/schema.h"

struct cf_logline {
  enum cf_log_format format;
  /* decoded values; .p is NULL where absent. SOURCE and ID never come from a
   * line; ATTRIBUTES is an object's JSON text. They point into the line or into
   * what follows, until the next parse. */
  struct cf_str v[CF_M_N];
  struct cf_buf text; /* decoded fields, or a mended line */
  struct cf_buf attributes;
  struct cf_json *doc;
  char ip[46];
  char time[CF_TIME_TEXT_N + 1];
  char duration[24];
};

void cf_logline_init(struct cf_logline *l);
void cf_logline_fini(struct cf_logline *l); /* harmless on a finished one */

/* Take a line (no LF; any bytes) apart; what was in l before is gone. The line
 * must outlive l's values. CF_E_NOMEM. */
CF_MUST enum cf_err cf_logline_parse(struct cf_logline *l, struct cf_str line);
/* The same, but as text whatever it is. With `cut` there was more of the line
 * than this, which attributes.truncated then says. `message` is cut so that the
 * event is never too large, and then attributes.truncated says so too.
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_logline_text(struct cf_logline *l, struct cf_str line, bool cut);

/* Append what was taken apart as one event, a line of NDJSON with its LF: a
 * body for POST /v1/events, with ?long=cut. source and id are names
 * (format.md). */
void cf_logline_put(const struct cf_logline *l, struct cf_str source, struct cf_str id,
                    struct cf_buf *b);

/* All of that for a line: append its event, in a form that the ledger accepts.
 * What would be refused (too much of it, an object too deep) becomes text. With
 * `cut` there was more of the line, and it is text in any case. CF_E_NOMEM, b's
 * error. */
CF_MUST enum cf_err cf_logline_event(struct cf_logline *l, struct cf_str line, bool cut,
                                     struct cf_str source, struct cf_str id, struct cf_buf *b);

#endif
