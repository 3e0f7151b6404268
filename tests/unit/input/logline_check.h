/* SPDX-License-Identifier: MIT */
/* Lines of a log, and what becomes of them: each makes an event that the ledger
 * takes as the importer sends it, with its attributes as they were sent. */
#ifndef CF_TEST_LOGLINE_CHECK_H
#define CF_TEST_LOGLINE_CHECK_H

#include "lib/input/logline.h"
#include "tests/unit/cf_test.h"

/* What the importer makes of the time that most lines have. */
#define TIME "\"time\":\"2015-05-17T10:05:03.000000Z\""

/* A line and its event's members behind source and id. */
struct check_row {
  const char *line;
  const char *event;
};

extern struct cf_logline checked; /* the line that was made last */

void check_open(void);
void check_close(void);
/* The event of a line. */
const char *check_line(struct cf_str text, bool cut);
/* The same of one behind NULs. */
const char *check_behind(uint64_t nuls, struct cf_str text);
/* It has these members. */
void check_row(struct cf_str text, const char *members);
/* The line, cut at every byte and with every byte changed, still makes an
 * acceptable event. */
void check_mangled(const char *text);

#endif
