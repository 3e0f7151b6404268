/* SPDX-License-Identifier: MIT */
/* Turns among those who have a lot to compute. */
#include "config.h"

#include "lib/base/turns.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"

#define FREE_US  20000 /* what one may work before it needs a turn */
#define SLICE_US 20000

struct waiter {
  sem_t called;
  struct waiter *next;
};

struct cf_turns {
  pthread_mutex_t lock;
  unsigned left; /* turns that nobody has */
  struct waiter *head, **tail;
};

static unsigned half_of_processors(void)
{
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n >= 4 ? (unsigned)n / 2 : 1;
}

enum cf_err cf_turns_new(unsigned at_once, struct cf_turns **turns)
{
  struct cf_turns *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  (void)pthread_mutex_init(&made->lock, NULL);
  made->left = at_once > 0 ? at_once : half_of_processors();
  made->tail = &made->head;
  *turns = made;
  return CF_OK;
}

void cf_turns_free(struct cf_turns *turns)
{
  if (turns != NULL)
    (void)pthread_mutex_destroy(&turns->lock);
  free(turns);
}

/* ---- handing on ---- */

/* Under lock: the turn goes to who waits longest, or to nobody. */
static void turn_pass(struct cf_turns *t)
{
  struct waiter *next = t->head;
  if (next == NULL) {
    t->left++;
    return;
  }
  t->head = next->next;
  if (t->head == NULL)
    t->tail = &t->head;
  (void)sem_post(&next->called);
}

/* Under lock, which is given up. */
static void turn_await(struct cf_turns *t)
{
  if (t->left > 0) {
    t->left--;
    (void)pthread_mutex_unlock(&t->lock);
    return;
  }
  struct waiter self = {.next = NULL};
  (void)sem_init(&self.called, 0, 0);
  *t->tail = &self;
  t->tail = &self.next;
  (void)pthread_mutex_unlock(&t->lock);
  while (sem_wait(&self.called) != 0)
    ;
  (void)sem_destroy(&self.called);
}

/* Behind those who wait, if any does. */
static void turn_renew(struct cf_turns *t)
{
  (void)pthread_mutex_lock(&t->lock);
  if (t->head == NULL) {
    (void)pthread_mutex_unlock(&t->lock);
    return;
  }
  turn_pass(t);
  turn_await(t);
}

/* ---- one who works ---- */

void cf_turn_init(struct cf_turn *turn, struct cf_turns *turns)
{
  *turn = (struct cf_turn){.turns = turns, .since_us = cf_clock_mono_us()};
}

enum cf_err cf_turn_work(struct cf_turn *turn)
{
  if (turn == NULL)
    return CF_OK;
  int64_t now_us = cf_clock_mono_us();
  if (turn->rests) {
    turn->rests = false;
    turn->since_us = now_us;
  }
  int64_t worked_us = now_us - turn->since_us;
  if (turn->has ? worked_us < SLICE_US : turn->used_us + worked_us < FREE_US)
    return CF_OK;
  if (turn->may != NULL && !turn->may(turn->context))
    return CF_E_CROWDED;
  if (turn->has) {
    turn_renew(turn->turns);
  } else {
    (void)pthread_mutex_lock(&turn->turns->lock);
    turn_await(turn->turns);
    turn->used_us = FREE_US; /* from now on it needs one always */
    turn->has = true;
  }
  turn->since_us = cf_clock_mono_us();
  return CF_OK;
}

void cf_turn_rest(struct cf_turn *turn)
{
  if (turn == NULL || turn->rests)
    return;
  turn->rests = true;
  if (turn->has) {
    (void)pthread_mutex_lock(&turn->turns->lock);
    turn_pass(turn->turns);
    (void)pthread_mutex_unlock(&turn->turns->lock);
    turn->has = false;
  } else {
    turn->used_us += cf_clock_mono_us() - turn->since_us;
  }
}
