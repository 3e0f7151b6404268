/* SPDX-License-Identifier: MIT */
/* A FastCGI server over libfcgi 2.4: worker threads on a listening socket.
 *
 * libfcgi accepts with a wait that every thread shares and reads without a
 * limit of time, so connections are accepted here and handed to it: each worker
 * gives FCGX_Accept_r a request that has a connection already, kept by
 * FCGX_Finish_r because keepConnection is set, and no listening socket to fall
 * back on. It gets them when the request's head is whole, so that it does not
 * wait; others are parked (fcgi_park.c). Where it does wait, for a body or a
 * reader, somebody looks at how long (fcgi_hold.c). What happens to a request
 * is in fcgi_seat.c. */
#include "config.h"

#include "fcgi-app/door/fcgi_in.h"

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_accept_in.h"
#include "fcgi-app/door/fcgi_hold_in.h"
#include "fcgi-app/door/fcgi_seat_in.h"
#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/base/thread.h"

#define NUDGE_US 20000
/* between two looks at the workers: while any is at work, while none is, and
 * while one that waits is being woken */
#define LOOK_MS 50
#define IDLE_MS 250
#define WAKE_MS 1
/* of the allocator: in one of its own each worker would keep what its batches
 * took */
#define ARENAS 4
/* what is larger goes back to the system at once: the allocator would raise
 * this to 32 MiB */
#define LARGE (1 << 20)
/* unused memory that an arena keeps: with less, 128 KiB, each answer of a page
 * of records would fetch its memory from the system and give it back */
#define SPARE (4 << 20)
#if defined(__SANITIZE_ADDRESS__)
#define STACK_N (2u << 20)
#else
#define STACK_N (256u << 10)
#endif

struct worker {
  struct cf_fcgi *server;
  pthread_t thread;  /* for whoever joins it */
  pthread_t self;    /* for whoever wakes it while it waits: its own word */
  atomic_bool waits; /* for a connection */
  struct cf_seat *seat;
};

struct cf_fcgi {
  struct cf_fcgi_job job;
  struct cf_accept accept;
  struct cf_seats seats;
  atomic_uint left; /* workers that ended */
  unsigned woken;   /* the worker that was woken last */
  unsigned workers_n;
  struct worker workers[];
};

bool cf_fcgi_is_cgi(void)
{
  return FCGX_IsCGI() != 0;
}

static void nothing(int signo)
{
  (void)signo;
}

/* ---- connections ---- */

/* Get a request; false when the server stops. */
static bool next_request(struct worker *w)
{
  for (;;) {
    int fd = cf_seat_kept(w->seat);
    bool kept = fd >= 0, parked = false;
    if (!kept)
      fd = cf_accept_next(&w->server->accept, &w->waits, &parked);
    if (fd < 0)
      return false;
    if (cf_accept_head(&w->server->accept, fd, kept) &&
        cf_seat_accept(w->seat, fd, !kept && !parked))
      return true;
  }
}

static void *worker_main(void *arg)
{
  struct worker *w = arg;

  w->self = pthread_self();
  cf_seat_take(&w->server->seats, (unsigned)(w - w->server->workers), &w->seat);
  while (next_request(w))
    cf_seat_serve(w->seat);
  atomic_fetch_add(&w->server->left, 1);
  return NULL;
}

/* Wake one who waits for a connection, a different one each time: whoever is
 * only about to accept does not notice. False: all are at work. */
static bool worker_wake(struct cf_fcgi *server)
{
  for (unsigned i = 0; i < server->job.threads; i++) {
    server->woken = (server->woken + 1) % server->job.threads;
    struct worker *w = &server->workers[server->woken];
    if (atomic_load(&w->waits))
      return pthread_kill(w->self, CF_ACCEPT_WAKE) == 0;
  }
  return false;
}

static int server_look(void *context, bool ready)
{
  struct cf_fcgi *server = context;

  cf_holds_look(server->seats.holds, cf_clock_mono_us());
  if (ready && worker_wake(server))
    return WAKE_MS;
  return atomic_load(&server->seats.busy) > 0 ? LOOK_MS : IDLE_MS;
}

/* ---- life ---- */

static void prepare_process(void)
{
  struct sigaction wake = {.sa_handler = nothing}; /* no SA_RESTART: it must end a waiting accept */
  struct sigaction ignore = {.sa_handler = SIG_IGN};

  sigemptyset(&wake.sa_mask);
  sigaction(CF_ACCEPT_WAKE, &wake, NULL);
  sigaction(SIGPIPE, &ignore, NULL);
#ifdef M_ARENA_MAX
  (void)mallopt(M_ARENA_MAX, ARENAS);
  (void)mallopt(M_MMAP_THRESHOLD, LARGE);
  (void)mallopt(M_TRIM_THRESHOLD, SPARE);
#endif
}

static enum cf_err start_threads(struct cf_fcgi *server, struct cf_fault *fault)
{
  struct cf_park_job job = {.tick = server_look, .context = server, .places = server->job.parked};
  enum cf_err err = cf_seats_init(&server->seats, &server->job, &server->accept);

  if (err == CF_OK)
    err = cf_park_start(&job, &server->accept.park, fault);
  while (err == CF_OK && server->workers_n < server->job.threads) {
    struct worker *w = &server->workers[server->workers_n];
    w->server = server;
    err = cf_thread_start(&w->thread, STACK_N, worker_main, w, NULL);
    server->workers_n += err == CF_OK;
  }
  return err;
}

static bool is_tcp(int listener)
{
  struct sockaddr_storage address;
  socklen_t n = sizeof address;

  return getsockname(listener, (struct sockaddr *)&address, &n) == 0 &&
         address.ss_family != AF_UNIX;
}

enum cf_err cf_fcgi_start(const struct cf_fcgi_job *job, struct cf_fcgi **server,
                          struct cf_fault *fault)
{
  struct cf_fcgi *s = calloc(1, sizeof *s + job->threads * sizeof s->workers[0]);

  if (s == NULL)
    return CF_E_NOMEM;
  s->job = *job;
  s->accept.listener = job->listener;
  s->accept.tcp = is_tcp(job->listener);
  s->accept.backlog = job->owner_door;
  s->accept.patient_max = job->threads > 1 ? job->threads / 2 : 1;
  cf_accept_init(&s->accept);
  prepare_process();
  if (FCGX_Init() != 0) {
    free(s);
    return cf_fail(fault, CF_E_SYSTEM, NULL, "libfcgi does not start");
  }
  enum cf_err err = start_threads(s, fault);
  if (err != CF_OK && cf_fcgi_stop(s, INT64_MAX) == CF_OK)
    return cf_fail(fault, err, "threads", "cannot start %u threads", job->threads);
  *server = s;
  return CF_OK;
}

/* A worker may be about to accept when it is woken: wake all until they have
 * left, and requests that left theirs have ended. */
static bool await_threads(struct cf_fcgi *server, int64_t wait_us)
{
  int64_t start_us = cf_clock_mono_us();

  while (atomic_load(&server->left) < server->workers_n || atomic_load(&server->seats.busy) > 0) {
    if (cf_clock_mono_us() - start_us > wait_us)
      return false;
    for (unsigned i = 0; i < server->workers_n; i++)
      (void)pthread_kill(server->workers[i].thread, CF_ACCEPT_WAKE);
    usleep(NUDGE_US);
  }
  return true;
}

enum cf_err cf_fcgi_stop(struct cf_fcgi *server, int64_t wait_us)
{
  if (server == NULL)
    return CF_OK;
  /* Only our own socket may be changed: an inherited one is shared with whoever
   * comes after us. */
  if (server->job.owner_door)
    (void)fcntl(server->job.listener, F_SETFL, O_NONBLOCK);
  cf_accept_stop(&server->accept);
  if (server->accept.park != NULL)
    cf_park_hurry(server->accept.park);
  if (!await_threads(server, wait_us / 3 * 2)) {
    cf_holds_end(server->seats.holds); /* those who let themselves be waited for go now */
    if (!await_threads(server, wait_us / 3))
      return CF_E_BUSY;
  }
  for (unsigned i = 0; i < server->workers_n; i++)
    pthread_join(server->workers[i].thread, NULL);
  cf_park_stop(server->accept.park);
  cf_seats_fini(&server->seats);
  cf_accept_fini(&server->accept);
  free(server);
  return CF_OK;
}

int64_t cf_fcgi_idle_us(const struct cf_fcgi *server)
{
  if (atomic_load(&server->seats.busy) > 0)
    return 0;
  return cf_clock_mono_us() - atomic_load(&server->seats.last_us);
}
