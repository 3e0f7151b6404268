/* SPDX-License-Identifier: MIT */
/* The strict scanner: cuts a request body into events and finds what json-c
 * would let pass.
 *
 * RFC 8259 to the letter, and more: no duplicate names at any depth (compared
 * as they would be written: unescaped, ill-formed bytes as U+FFFD), no U+0000
 * in a name, no NaN or Infinity, no integer outside int64, in events no number
 * beyond the range of IEEE doubles, depth and member counts bounded (api.md,
 * POST /v1/events). Bytes that are no well-formed UTF-8
 * are let pass inside strings: they become U+FFFD later. */
#ifndef CF_RECORD_SCAN_H
#define CF_RECORD_SCAN_H

#include "lib/base/buf.h"

#define CF_SCAN_DEPTH   16   /* deepest nesting of an event's text */
#define CF_SCAN_MEMBERS 1024 /* most members of one object */

/* Check one JSON value at the start of s (leading white space allowed) and give
 * its extent without surrounding space and what is left. CF_E_SYNTAX with the
 * offset and what is wrong in fault. CF_E_NOMEM. */
CF_MUST enum cf_err cf_scan_value(struct cf_str s, unsigned depth_max, struct cf_str *value,
                                  struct cf_str *rest, struct cf_fault *fault);

/* A member of an object, as sent. */
struct cf_scan_member {
  struct cf_str name;  /* between its quotes */
  struct cf_str value; /* its text */
  bool plain;          /* the bytes of the name stand for themselves */
  bool plain_value;    /* it is a string, and so do those between its quotes */
};
#define CF_SCAN_FIXED 32
struct cf_scan_members {
  struct cf_scan_member *v; /* in the order sent */
  size_t n, max;
  struct cf_scan_member fixed[CF_SCAN_FIXED];
};
void cf_scan_members_init(struct cf_scan_members *members);
void cf_scan_members_fini(struct cf_scan_members *members);
/* Check that s is one JSON object and nothing else, and give its members, in
 * the place of those that were there; they point into s. CF_E_INVALID: a value
 * of another type; CF_E_SYNTAX and CF_E_NOMEM as above. */
CF_MUST enum cf_err cf_scan_object(struct cf_str s, unsigned depth_max,
                                   struct cf_scan_members *members, struct cf_fault *fault);
/* Append what the inside of a checked string stands for: escapes are read, lone
 * surrogates become U+FFFD, ill-formed bytes stay. Never longer than what was
 * sent. */
void cf_scan_text(struct cf_str inside, struct cf_buf *b);

enum cf_scan_shape { CF_SCAN_SINGLE, CF_SCAN_ARRAY, CF_SCAN_WRAPPER, CF_SCAN_SEQUENCE };

/* An iterator over the events of a body. The body's first bytes decide its
 * shape: an array, {"events":[…]} or {"logs":[…]}, else one or more objects one
 * after the other (NDJSON or concatenated). */
struct cf_scan {
  struct cf_str left;
  enum cf_scan_shape shape; /* SINGLE turns into SEQUENCE when a second value is found */
  bool begun;               /* an event was looked for */
  bool ended;
};
void cf_scan_init(struct cf_scan *scan, struct cf_str body);

/* The next event's text, and its members in the place of those that were there:
 * none where it is no object. *more is false when there was none left.
 * CF_E_SYNTAX: one event (or the rest of the body) is not well-formed, with the
 * reason in fault; call again: in a SEQUENCE scanning goes on at the next line
 * that is not indented and does not begin with a closing bracket; in an ARRAY
 * or WRAPPER whose structure is broken nothing is left (an element that is
 * well-formed JSON with, say, a duplicate name costs only itself). */
CF_MUST enum cf_err cf_scan_next(struct cf_scan *scan, struct cf_str *event,
                                 struct cf_scan_members *members, bool *more,
                                 struct cf_fault *fault);

#endif
