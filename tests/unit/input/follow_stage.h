/* SPDX-License-Identifier: MIT */
/* A log, access.log, in a temporary directory, what happens to logs, and who
 * follows it. What cannot be done fails the test. */
#ifndef CF_TEST_FOLLOW_STAGE_H
#define CF_TEST_FOLLOW_STAGE_H

#include "lib/input/follow.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

extern char follow_log[300], follow_state[300]; /* the paths of the log and of the state file */
extern struct cf_follow_rules follow_rules;     /* on, until a test says otherwise */
extern struct cf_follow *follow;
extern unsigned follow_named;      /* how many files were given a name */
extern unsigned follow_fail_names; /* so many times a name cannot be had */

/* Checked fixture: the directory, empty. */
void follow_setup(void);
void follow_teardown(void);

/* What is done to files of the directory; the first takes a path, and O_APPEND
 * or O_TRUNC. */
void log_put(const char *path, int flags, const char *text, size_t n);
void log_append(const char *file, const char *text);
void log_truncate(const char *file, const char *text);
void log_move(const char *from, const char *to);
void log_copy(const char *from, const char *to);

/* Begin at what the state file says, save it, stop. */
void follow_start(void);
void follow_save(void);
void follow_stop(void);
/* Everything there is now, as text@offset, in order; valid until the next
 * call. */
const char *follow_lines(void);
/* So many gaps were told since the last call; the last one's words hold
 * that. */
void ck_gaps(unsigned want, const char *words);
#define ck_lines(want) ck_assert_str_eq(follow_lines(), want)

#endif
