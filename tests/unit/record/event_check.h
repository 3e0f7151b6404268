/* SPDX-License-Identifier: MIT */
/* What holds of every event that was made, from a client's text or by the log
 * itself. */
#ifndef CF_TEST_EVENT_CHECK_H
#define CF_TEST_EVENT_CHECK_H

#include "lib/record/event.h"
#include "tests/unit/cf_test.h"

/* The text is that one; NULL: it is empty. */
void check_text(struct cf_str got, const char *want);
/* Its texts are strict, and what travels with it is what they give. */
void check_event(const struct cf_event *event);

#endif
