/* SPDX-License-Identifier: MIT */
/* An error as JSON: a problem document (RFC 9457; api.md, Errors), wherever it
 * is told. */
#ifndef CF_RECORD_JSON_PROBLEM_H
#define CF_RECORD_JSON_PROBLEM_H

#include "lib/base/buf.h"

/* Append its members, without braces: `type`, `title`, `status`, and from the
 * fault, which may be NULL, `detail` and `parameter` or `member`, whichever the
 * error is about. */
void cf_problem_put(struct cf_buf *b, enum cf_err err, const struct cf_fault *fault);

#endif
