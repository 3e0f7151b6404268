/* SPDX-License-Identifier: MIT */
/* A person at the page: signs in, looks, and counts what is seen. */
#ifndef CF_TEST_PAGE_STAGE_H
#define CF_TEST_PAGE_STAGE_H

#include "tests/unit/routes/app_roles.h"

/* The cookie of whoever signed in last, `name=value`. */
extern char cookie[300];

/* POST /login with a token and a further variable (name NULL: none); gives the
 * status. */
int login(const char *token, const char *name, const char *text);
/* As that token, or the auditor eve. */
void sign_in_as(const char *token);
void sign_in(void);
/* GET with the cookie; gives the status. */
int see(const char *path);

/* Post one event; it is taken. */
void event(const char *text);
/* How often the answer has this. */
size_t occurrences(const char *what);
/* Records listed. */
size_t rows(void);

#endif
