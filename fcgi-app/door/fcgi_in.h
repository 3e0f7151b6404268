/* SPDX-License-Identifier: MIT */
/* A FastCGI server on a listening socket: worker threads that turn each request
 * into a struct cf_transport. The one place that knows libfcgi. */
#ifndef CF_DOOR_FCGI_IN_H
#define CF_DOOR_FCGI_IN_H

#include "fcgi-app/door/peers.h"
#include "fcgi-app/http/transport.h"

/* Is descriptor 0 something else than a listening socket: was this program
 * started as a plain CGI, or by a person? */
bool cf_fcgi_is_cgi(void);

/* Of each worker so many requests may be elsewhere, and wait for the disk. */
#define CF_FCGI_LEFT 2

struct cf_fcgi_job {
  int listener;     /* a listening stream socket; stays the caller's to close, after cf_fcgi_stop */
  unsigned threads; /* workers, at least 1 */
  unsigned parked;  /* connections that no worker holds, CF_PARK_MIN to CF_PARK_MAX */
  /* The owner's own door: CF_HIDDEN_DOOR is believed, CF_HIDDEN_CLI from a peer
   * of uid; stopping serves what is in the backlog, which needs a name that
   * nobody finds any more. Otherwise it is a web server's: every request is
   * CF_DOOR_WEB, and whoever listens after us serves the backlog. */
  bool owner_door;
  unsigned uid;
  struct cf_peers peers;   /* whom it believes about callers */
  int64_t body_timeout_us; /* for a request's body, and more for what comes of it (pace_in.h) */
  /* Answer one request; called in a worker's thread. */
  void (*serve)(void *context, struct cf_transport *transport);
  void *context;
};

struct cf_fcgi;

/* Start the workers. They block every signal; SIGUSR2 wakes them and must be
 * nobody else's. CF_E_NOMEM, CF_E_SYSTEM. */
CF_MUST enum cf_err cf_fcgi_start(const struct cf_fcgi_job *job, struct cf_fcgi **server,
                                  struct cf_fault *fault);
/* Finish what is being served (of the owner's door: the backlog too), end the
 * workers and free the server. Peers that are waited for when two thirds of
 * wait_us are over are cut off. CF_E_BUSY after wait_us, when some worker is
 * still in a request: the server then lives on and nothing that it uses may go.
 * NULL is harmless. */
CF_MUST enum cf_err cf_fcgi_stop(struct cf_fcgi *server, int64_t wait_us);
/* How long nobody has asked anything, in microseconds; 0 while somebody
 * does. */
int64_t cf_fcgi_idle_us(const struct cf_fcgi *server);

#endif
