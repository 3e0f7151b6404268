/* SPDX-License-Identifier: MIT */
/* Connections that no worker holds, kept by one thread: those whose request is
 * not whole yet wait here until it is, and those that were answered before they
 * had said everything are heard out, so that the answer reaches them.
 *
 * Bounded: at most 1,280, of which four fifths wait, 10 s each, and the others
 * are heard out, 1 s and 64 KiB each; where there is no room the oldest is
 * closed.
 *
 * A peer whose head does not fit into its socket's buffer (of a Unix socket
 * some 200 KiB, or 270 writes of a byte each) never gets it whole, and is
 * closed. */
#ifndef CF_DOOR_FCGI_PARK_IN_H
#define CF_DOOR_FCGI_PARK_IN_H

#include <stdbool.h>

#include "lib/base/err.h"

#define CF_PARK_MAX 1280
#define CF_PARK_MIN 80

struct cf_park_job {
  /* Called again and again in the thread, which may be before cf_park_start has
   * returned. ready: there is something for cf_park_take, and who waits for it
   * has to be woken. Gives the milliseconds until it is called again at the
   * latest. */
  int (*tick)(void *context, bool ready);
  void *context;
  unsigned places; /* CF_PARK_MIN to CF_PARK_MAX, how many connections it holds */
};

struct cf_park;

/* CF_E_NOMEM, CF_E_SYSTEM. */
CF_MUST enum cf_err cf_park_start(const struct cf_park_job *job, struct cf_park **park,
                                  struct cf_fault *fault);
/* End the thread, after those that are heard out; close all that wait. NULL is
 * harmless. */
void cf_park_stop(struct cf_park *park);

/* These take fd. Wait for a request; kept: one was answered over it already,
 * nothing of the next one is there. */
void cf_park_wait(struct cf_park *park, int fd, bool kept);
/* Nothing more will be said to this peer, and what it says is dropped. */
void cf_park_leave(struct cf_park *park, int fd);

/* Take a connection whose request's head is whole, the oldest first; -1: there
 * is none. Costs nothing where there is none. */
int cf_park_take(struct cf_park *park);
/* Is there one to take? */
bool cf_park_ready(const struct cf_park *park);

/* The service ends: kept connections are closed, and others that wait have only
 * a second left. */
void cf_park_hurry(struct cf_park *park);
/* Do none wait, and is there none to take? */
bool cf_park_empty(const struct cf_park *park);

#endif
