/* SPDX-License-Identifier: MIT */
/* Where requests are answered: a seat is one request over libfcgi and its
 * connection. A worker is in one; a request that waits for the disk leaves it
 * with its seat, and the worker goes on in another. Whoever is in a seat, its
 * worker or the thread that brings the answer, is alone in it. */
#ifndef CF_DOOR_FCGI_SEAT_IN_H
#define CF_DOOR_FCGI_SEAT_IN_H

#include <fcgiapp.h>
#include <fcgios.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fcgi-app/door/fcgi_in.h"
#include "fcgi-app/door/fcgi_records_in.h"
#include "fcgi-app/door/pace_in.h"

struct cf_accept;
struct cf_holds;
struct cf_seats;

struct cf_seat {
  struct cf_seats *seats;
  struct cf_seat **place; /* where its worker says which one it is in, until the request leaves */
  struct cf_seat *next;   /* of the free ones */
  FCGX_Request request;
  struct cf_records records; /* how far libfcgi has read */
  struct cf_transport transport;
  struct cf_pace body, answer;
  enum cf_peer peer;
  bool fresh;  /* its connection had no answer before */
  bool failed; /* nothing more can be written */
};

struct cf_seats {
  const struct cf_fcgi_job *job; /* borrowed, as is accept */
  struct cf_accept *accept;
  struct cf_holds *holds;
  atomic_uint busy;        /* requests */
  _Atomic int64_t last_us; /* when one ended, monotonic */
  pthread_mutex_t lock;    /* over the free ones */
  struct cf_seat *free, *each;
  unsigned n; /* of each */
};

/* One for each worker, and CF_FCGI_LEFT more for each. CF_E_NOMEM. To be ended
 * in any case; nobody may be in one then. */
CF_MUST enum cf_err cf_seats_init(struct cf_seats *seats, const struct cf_fcgi_job *job,
                                  struct cf_accept *accept);
void cf_seats_fini(struct cf_seats *seats);

/* By the worker of that number (below job->threads), once: be in the seat that
 * is kept for it, however late it comes. *place says in which one it is, from
 * then on. */
void cf_seat_take(struct cf_seats *seats, unsigned worker, struct cf_seat **place);
/* Take the connection that was kept after the last answer; -1: there is
 * none. */
int cf_seat_kept(struct cf_seat *s);
/* Begin a request over fd, which is taken and on which all of its head is;
 * fresh: it had no answer before. false: libfcgi closed it, since it made no
 * sense. */
CF_MUST bool cf_seat_accept(struct cf_seat *s, int fd, bool fresh);
/* Answer the request, by the worker; *place may be another seat afterwards. */
void cf_seat_serve(struct cf_seat *s);

#endif
