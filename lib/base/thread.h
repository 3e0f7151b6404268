/* SPDX-License-Identifier: MIT */
/* Threads. */
#ifndef CF_BASE_THREAD_H
#define CF_BASE_THREAD_H

#include <pthread.h>

#include "lib/base/err.h"

/* Start a thread that calls work(context), to be joined. It takes no signals:
 * they are the program's own, whose mask is as before. stack is in bytes; 0: as
 * much as the system gives. CF_E_SYSTEM where a limit of processes or memory
 * forbids it. */
CF_MUST enum cf_err cf_thread_start(pthread_t *thread, size_t stack, void *(*work)(void *context),
                                    void *context, struct cf_fault *fault);

/* How many processors this process may use, at least 1. */
unsigned cf_cores(void);

#endif
