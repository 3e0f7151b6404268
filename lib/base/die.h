/* SPDX-License-Identifier: MIT */
/* The end of a process that must not go on. Depends on nothing, so that
 * everything may use it. */
#ifndef CF_BASE_DIE_H
#define CF_BASE_DIE_H

/* Tell the message and end the process at once with status 70 (no atexit
 * handlers: what is on disk decides). The message is cut at 1023 bytes. It goes
 * to whom cf_die_tell named; until then to stderr, with what is not printable
 * ASCII replaced. Thread-safe. */
void cf_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Who tells the last message: called with its text, NUL-terminated and not
 * escaped, in the thread that dies. cf_diag_open names the log. */
void cf_die_tell(void (*tell)(const char *message));

/* An assertion about our own code, kept in release builds. */
#define CF_ASSERT(expression) \
  ((expression) ? (void)0 : cf_die("bug: %s:%d: %s", __FILE__, __LINE__, #expression))

#endif
