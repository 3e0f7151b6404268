/* SPDX-License-Identifier: MIT */
/* Whose turn it is among the batches on their way.
 *
 * Where the rules let it, a request goes ahead: it is made ready while the one
 * before it is taken, and then only its end is wanting. It waits for that a
 * moment, for somebody keeps a worker for it: where the batch before it has to
 * be sent again, or takes long, it is broken off, and sent anew when its turn
 * has come. Behind one that took long none goes ahead. */
#include "config.h"

#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/die.h"
#include "lib/input/import_in.h"

/* The ledger's door calls a peer slow that takes longer: CF_PACE_QUICK_US
 * (fcgi-app/door/pace_in.h), which is not to be had from here. */
#define READY_US INT64_C(100000)
#define TICK_US  INT64_C(250000) /* a signal wakes nobody */

void cf_import_turns_init(struct cf_import *im)
{
  pthread_condattr_t monotonic;
  CF_ASSERT(pthread_condattr_init(&monotonic) == 0);
  CF_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
  CF_ASSERT(pthread_cond_init(&im->moved, &monotonic) == 0);
  CF_ASSERT(pthread_mutex_init(&im->lock, NULL) == 0);
  pthread_condattr_destroy(&monotonic);
  atomic_init(&im->leaves, false);
}

void cf_import_turns_fini(struct cf_import *im)
{
  pthread_cond_destroy(&im->moved);
  pthread_mutex_destroy(&im->lock);
}

bool cf_import_stopped(const struct cf_import *im)
{
  return atomic_load(&im->leaves) || (im->rules.stopped != NULL && im->rules.stopped());
}

/* Under the lock: until something moves, or so long. */
static void turn_sleep(struct cf_import *im, int64_t us)
{
  int64_t end_us = cf_clock_mono_us() + (us < TICK_US ? us : TICK_US);
  struct timespec end = {.tv_sec = end_us / 1000000, .tv_nsec = end_us % 1000000 * 1000};
  (void)pthread_cond_timedwait(&im->moved, &im->lock, &end);
}

/* Under the lock: has it come? */
static void turn_look(struct cf_import_turn *turn)
{
  bool came = !turn->come;
  turn->come = turn->import->through == turn->number;
  if (came && turn->come)
    turn->come_us = cf_clock_mono_us();
}

enum cf_err cf_import_turn_wait(struct cf_import_turn *turn)
{
  struct cf_import *im = turn->import;
  int64_t end_us = cf_clock_mono_us() + READY_US, left_us = READY_US;
  (void)pthread_mutex_lock(&im->lock);
  while (im->through < turn->number && left_us > 0 && !cf_import_stopped(im)) {
    turn_sleep(im, left_us);
    left_us = end_us - cf_clock_mono_us();
  }
  turn_look(turn);
  (void)pthread_mutex_unlock(&im->lock);
  return turn->come ? CF_OK : CF_E_PEER;
}

enum cf_err cf_import_turn_await(struct cf_import_turn *turn, struct cf_fault *fault)
{
  struct cf_import *im = turn->import;
  (void)pthread_mutex_lock(&im->lock);
  while (im->through < turn->number && !im->failed && !cf_import_stopped(im))
    turn_sleep(im, TICK_US);
  turn_look(turn);
  bool failed = im->failed;
  (void)pthread_mutex_unlock(&im->lock);
  if (turn->come)
    return CF_OK;
  return failed ? CF_E_LATER : cf_fail(fault, CF_E_LEAVING, NULL, "interrupted");
}

enum cf_err cf_import_turn_begin(struct cf_import_turn *turn, struct cf_fault *fault)
{
  struct cf_import *im = turn->import;
  (void)pthread_mutex_lock(&im->lock);
  turn->come = false;
  turn_look(turn);
  bool ahead = im->rules.ahead && im->took_us < READY_US;
  (void)pthread_mutex_unlock(&im->lock);
  return ahead || turn->come ? CF_OK : cf_import_turn_await(turn, fault);
}

void cf_import_turn_end(struct cf_import_turn *turn)
{
  struct cf_import *im = turn->import;
  if (!turn->come)
    return;
  (void)pthread_mutex_lock(&im->lock);
  im->took_us = cf_clock_mono_us() - turn->come_us;
  im->through = turn->number + (turn->err == CF_OK);
  im->failed = turn->err != CF_OK;
  (void)pthread_cond_broadcast(&im->moved);
  (void)pthread_mutex_unlock(&im->lock);
}
