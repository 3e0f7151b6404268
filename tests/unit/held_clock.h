/* SPDX-License-Identifier: MIT */
/* A monotonic clock that stands still but where a test moves it, so that no
 * pause of the machine is one of the program's. For one source of a program,
 * which is all that its process then has of CLOCK_MONOTONIC. */
#ifndef CF_TEST_HELD_CLOCK_H
#define CF_TEST_HELD_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_llong held_us = 1000000;

int clock_gettime(clockid_t id, struct timespec *t)
{
  long long us = atomic_load(&held_us);
  if (id != CLOCK_MONOTONIC)
    return (int)syscall(SYS_clock_gettime, id, t);
  *t = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
  return 0;
}

static inline void held_move(int64_t us)
{
  atomic_fetch_add(&held_us, us);
}

#endif
