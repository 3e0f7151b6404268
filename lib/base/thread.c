/* SPDX-License-Identifier: MIT */
/* Threads: how every one of ours begins. */
#include "config.h"

#include "lib/base/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

/* pthread_create with every signal blocked, which the thread inherits; its
 * error number. */
static int create_quietly(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*work)(void *), void *context)
{
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int error = pthread_create(thread, attributes, work, context);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return error;
}

enum cf_err cf_thread_start(pthread_t *thread, size_t stack, void *(*work)(void *context),
                            void *context, struct cf_fault *fault)
{
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error == 0) {
    error = stack > 0 ? pthread_attr_setstacksize(&attributes, stack) : 0;
    if (error == 0)
      error = create_quietly(thread, &attributes, work, context);
    pthread_attr_destroy(&attributes);
  }
  if (error == 0)
    return CF_OK;
  errno = error;
  return cf_fail_errno(fault, CF_E_SYSTEM, NULL,
                       "cannot start a thread: raise the limits of processes and memory");
}

/* On a machine of more than the set has room for, all that there are. */
unsigned cf_cores(void)
{
  cpu_set_t set;
  long n =
      sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : (unsigned)n;
}
