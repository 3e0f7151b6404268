/* SPDX-License-Identifier: MIT */
/* The stage of the test_app_* programs with a token of each role. */
#ifndef CF_TEST_APP_ROLES_H
#define CF_TEST_APP_ROLES_H

#include "tests/unit/routes/app_stage.h"

extern const char *writer, *reader, *auditor, *admin; /* web1, ron, eve and root */
/* Checked fixture, whose end is stage_teardown. */
void stage_setup_roles(void);
/* Ask for what the trail tells, oldest first, but for what this question itself
 * left, with more of a filter ("&action=query"); gives how many there are. */
size_t trail(const char *more);
/* How many records match, at most a thousand: an auditor asks. */
long long count(const char *query);

#endif
