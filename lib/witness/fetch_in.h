/* SPDX-License-Identifier: MIT */
/* Requests to other hosts, several side by side: the one place that knows
 * libcurl. What an answer may take is bounded in bytes and time; only http and
 * https are spoken, redirects are not followed, no credentials are sent, and a
 * proxy is used only where the environment names one. */
#ifndef CF_WITNESS_FETCH_IN_H
#define CF_WITNESS_FETCH_IN_H

#include "lib/base/buf.h"

/* A POST, and what came of it. */
struct cf_fetch {
  const char *url, *type; /* type: Content-Type of the body */
  struct cf_str body;
  struct cf_buf answer; /* the caller's; its maximum is the limit */
  size_t head;          /* bytes of header lines so far, trailers too */
  int status;           /* 0: there was no whole answer, and why: */
  char answer_type[64]; /* media type; "" where there is none */
  char why[160];
};

struct cf_fetcher;
/* ca: a file with the certificates that are trusted, in PEM; NULL: the
 * system's. CF_E_NOMEM. */
CF_MUST enum cf_err cf_fetcher_new(const char *ca, struct cf_fetcher **fetcher);
void cf_fetcher_free(struct cf_fetcher *fetcher);
/* Do all n, and return when each has an answer, or failed, or timeout_ms is
 * over. One thread at a time. Connections are kept for the next. */
void cf_fetcher_run(struct cf_fetcher *fetcher, struct cf_fetch *const *each, size_t n,
                    int timeout_ms);
/* From any thread: end what is under way, and all that begins later. */
void cf_fetcher_stop(struct cf_fetcher *fetcher);

#endif
