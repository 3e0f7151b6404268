/* SPDX-License-Identifier: MIT */
/* Connections for workers: of a listening socket, and those that were parked
 * and are ready. A worker that waits is woken by CF_ACCEPT_WAKE, which it
 * blocks else.
 *
 * Only CF_ACCEPT_DOOR workers wait at once. The system wakes the one that has
 * waited longest for each connection: of many there would always be one that
 * sleeps, and is cold, while one that has just worked finds nothing. The others
 * rest until nobody is left at the door. */
#ifndef CF_DOOR_FCGI_ACCEPT_IN_H
#define CF_DOOR_FCGI_ACCEPT_IN_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "fcgi-app/door/fcgi_park_in.h"

#define CF_ACCEPT_WAKE SIGUSR2
/* How long a worker waits for what most likely comes at once: the first bytes
 * of a connection or of a kept one's next request. */
#define CF_ACCEPT_SOON_MS 10

#define CF_ACCEPT_DOOR 4

struct cf_accept {
  int listener;
  bool tcp;     /* it is no Unix socket */
  bool backlog; /* what is in it is ours to serve when we stop */
  struct cf_park *park;
  atomic_bool stopping;
  atomic_uint patient;  /* workers that wait for what comes soon */
  unsigned patient_max; /* so many at most, whoever lets them */
  pthread_mutex_t lock; /* over the two */
  unsigned at_door, resting;
  pthread_cond_t wanted; /* somebody that rests; or all, at the end */
};

void cf_accept_init(struct cf_accept *accept);
void cf_accept_fini(struct cf_accept *accept);
/* Wait no more than what is there already. */
void cf_accept_stop(struct cf_accept *accept);

/* May one more worker wait for what most likely comes at once? Then it says
 * when it does so no more. */
bool cf_accept_wait_begin(struct cf_accept *accept);
void cf_accept_wait_end(struct cf_accept *accept);

/* The next connection; -1: the server stops, and nobody waits. *waits: it can
 * be woken. *parked: it was, and may have had answers. */
int cf_accept_next(struct cf_accept *accept, atomic_bool *waits, bool *parked);

/* Is a request's head there, or does it come soon? Else somebody else has the
 * connection now, or it is closed. kept: a request was answered over it. */
bool cf_accept_head(struct cf_accept *accept, int fd, bool kept);

#endif
