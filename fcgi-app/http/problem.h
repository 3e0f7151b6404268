/* SPDX-License-Identifier: MIT */
/* An error as the answer to a request: a problem document, or, to who likes
 * text/html better than JSON (Accept), a page that says it in words and shows
 * the way on. This is the one place where that is decided. Text of the fault
 * may be anybody's: it is escaped. */
#ifndef CF_HTTP_PROBLEM_H
#define CF_HTTP_PROBLEM_H

#include "fcgi-app/http/response.h"
#include "lib/record/json_problem.h"

/* Make the response that of the error, with the words of fault (may be NULL);
 * its page leads to the response's mount point. `members`, for the document, is
 * JSON text of further members without a comma around it, may be empty. 401
 * gets WWW-Authenticate, and what may be tried again Retry-After. Where the
 * body has begun to be sent nothing can be done: CF_E_REQUEST. */
CF_MUST enum cf_err cf_response_problem(struct cf_response *rs, enum cf_err err,
                                        const struct cf_fault *fault, struct cf_str members);

/* The same without WWW-Authenticate, as the whole answer to a request that
 * there was no serving; takes no heap memory, for that may be why. */
void cf_problem_answer(const struct cf_transport *transport, enum cf_err err);

#endif
