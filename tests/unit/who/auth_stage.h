/* SPDX-License-Identifier: MIT */
/* An authority over a real ledger, and a request that it looks at: the stage of
 * the tests of who somebody is. */
#ifndef CF_TEST_AUTH_STAGE_H
#define CF_TEST_AUTH_STAGE_H

#include "fcgi-app/who/auth.h"
#include "tests/unit/routes/app_stage.h"

extern struct cf_auth *auth; /* NULL: not open */
extern struct cf_request request;
extern struct cf_memory memory; /* what brings it */
extern struct cf_identity who;
extern struct cf_fault fault;
extern int64_t now;

/* Checked fixture. */
void auth_setup(void);
void auth_teardown(void);
/* The authority over what the ledger holds by now. */
void open_auth(void);
/* One more variable of the request. */
void set(const char *name, const char *text);
/* A new request with one variable in which %s is text. */
void carry(const char *variable, const char *format, const char *text);
/* Who that is goes to `who`. */
enum cf_err identify(bool cookie_ok);

#endif
