/* SPDX-License-Identifier: MIT */
/* How the ledger's own threads sleep, and are woken to work or to end. */
#include "config.h"

#include <errno.h>
#include <time.h>

#include "lib/ledger/ledger_in.h"

static struct timespec after(int64_t t_us)
{
  struct timespec until;
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t ns = until.tv_nsec + t_us % 1000000 * 1000;
  until.tv_sec += t_us / 1000000 + ns / 1000000000;
  until.tv_nsec = ns % 1000000000;
  return until;
}

bool cf_nap(struct cf_ledger *l, int64_t t_us, bool *due)
{
  struct timespec until = after(t_us);
  int rc = 0;
  (void)pthread_mutex_lock(&l->nap);
  while (!l->stop && (due == NULL || !*due) && rc != ETIMEDOUT)
    rc = pthread_cond_timedwait(&l->wake, &l->nap, &until);
  if (due != NULL)
    *due = false;
  bool stop = l->stop;
  (void)pthread_mutex_unlock(&l->nap);
  return !stop;
}

void cf_nap_end(struct cf_ledger *l, bool *due)
{
  (void)pthread_mutex_lock(&l->nap);
  *due = true;
  (void)pthread_cond_broadcast(&l->wake);
  (void)pthread_mutex_unlock(&l->nap);
}

bool cf_nap_stopped(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->nap);
  bool stop = l->stop;
  (void)pthread_mutex_unlock(&l->nap);
  return stop;
}
