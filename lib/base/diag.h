/* SPDX-License-Identifier: MIT */
/* The service's own messages: one line each, UTC time, level, text; to stderr
 * or a file.
 *
 * The text is written as CF_SHOW_LOG shows it, so hostile input cannot forge a
 * line or drive a terminal.
 * Never pass a secret. Thread-safe; a line is one write(2). */
#ifndef CF_BASE_DIAG_H
#define CF_BASE_DIAG_H

#include <stdint.h>

#include "lib/base/err.h"

enum cf_level { CF_LOG_ERROR, CF_LOG_WARNING, CF_LOG_INFO };

/* Send messages to the file at path (append, 0640, created) or, with NULL, to
 * stderr. CF_E_SYSTEM. The name of the program goes into each line. */
CF_MUST enum cf_err cf_diag_open(const char *path, const char *program, struct cf_fault *fault);
/* Open that file anew, as after a rotation that renamed it: what comes goes to
 * the new one, whole lines each. stderr stays. CF_E_SYSTEM: the old one goes
 * on. */
CF_MUST enum cf_err cf_diag_reopen(struct cf_fault *fault);
void cf_log(enum cf_level level, const char *format, ...) CF_PRINTF(2, 3);
/* Messages that whoever provokes them can repeat without end: of one rate's,
 * CF_LOG_RATE in a minute are written, and none that is equal to one of those.
 * The first one after that minute is preceded by how many were not. A rate is
 * static, and zero at first. */
#define CF_LOG_RATE 10
struct cf_log_rate {
  int64_t since_us;                  /* on the monotonic clock: where its minute began */
  unsigned n;                        /* messages since then, … */
  unsigned written;                  /* … and how many of them were written, … */
  uint64_t written_sum[CF_LOG_RATE]; /* … with these sums of their texts */
};
void cf_log_rated(struct cf_log_rate *rate, enum cf_level level, const char *format, ...)
    CF_PRINTF(3, 4);

#endif
