/* SPDX-License-Identifier: MIT */
/* A ledger in memory that an import sends its lines to, with its troubles. What
 * cannot be done fails the test. */
#ifndef CF_TEST_IMPORT_STAGE_H
#define CF_TEST_IMPORT_STAGE_H

#include "lib/input/import.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

#define IMPORT_HEAD       "0123456789abcdef" /* of all files */
#define IMPORT_LINE       "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1"
#define IMPORT_EVENTS_MAX 8192

/* What it has, and how often it was asked. */
struct import_event {
  char *id, *text;
};
extern struct import_event import_events[IMPORT_EVENTS_MAX];
extern size_t import_events_n;
extern unsigned import_posts;
extern struct cf_json *import_gap; /* the last one that was told */

/* Requests that came, those of them that were broken off before their end, and
 * the most that were there at once. The first one is in work until `hold` have
 * come. */
extern unsigned import_entered, import_broken_off, import_most, import_hold;
extern int import_slow_ms; /* each of them takes so long */

/* What the next posts come to: a status, or an error; applied: the events are
 * taken nevertheless. */
struct import_trouble {
  int status;
  enum cf_err err;
  bool applied;
};
extern struct import_trouble import_troubles[16];
/* Those that are worth trying again. */
#define IMPORT_PASSING_N 9
extern const struct import_trouble import_passing[IMPORT_PASSING_N];
extern size_t import_troubles_n;
extern size_t import_body_max;      /* 413 beyond it; 0: none is */
extern const char *import_bad;      /* events other than text that hold this are 422 */
extern const char *import_nonsense; /* the answer to everything */
extern bool import_stop;            /* a signal came */

/* The import, the rules that it was made by, and the place of its next line. */
extern struct cf_import *import;
extern struct cf_import_rules import_rules;
extern uint64_t import_at;

void import_setup(void);
void import_teardown(void);
/* Another one, to the same ledger. */
void import_anew(void);
void import_add(const char *text);
void import_check(uint64_t lines, uint64_t accepted, uint64_t duplicates, uint64_t messages);
/* The event of the line at that byte. */
const char *import_event_at(size_t offset);

#endif
