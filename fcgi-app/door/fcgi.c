/* SPDX-License-Identifier: MIT */
/* A FastCGI server over libfcgi 2.4: worker threads on a listening socket.
 *
 * libfcgi accepts with a wait that every thread shares and reads without a
 * limit of time, so connections are accepted here and handed to it: each worker
 * gives FCGX_Accept_r a request that has a connection already, kept by
 * FCGX_Finish_r because keepConnection is set, and no listening socket to fall
 * back on. It gets them when the request's head is whole, so that it does not
 * wait; others are parked (fcgi_park.c). Where it does wait, for a body or a
 * reader, somebody looks at how long (fcgi_hold.c).
 *
 * All that libfcgi reads it reads through OS_Read, a function of its own that
 * ours here takes the place of: what it gets ends before the first record that
 * may not come (fcgi_records_in.h), so that nothing of it is acted upon. */
#include "config.h"

#include "fcgi-app/door/fcgi_in.h"
#include "lib/base/die.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcgios.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_accept_in.h"
#include "fcgi-app/door/fcgi_hold_in.h"
#include "fcgi-app/door/fcgi_records_in.h"
#include "fcgi-app/door/socket.h"
#include "fcgi-app/http/hidden.h"
#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/base/thread.h"

/* for the rest of a body that nobody wanted, or its end, which most likely come
 * at once: so long in all, and so many bytes */
#define SOON_US   10000
#define HASTE_US  1000 /* where too many workers wait so */
#define REST_N    (64u << 10)
#define NUDGE_US  20000
#define WRITE_MAX (64 << 10)
#define RESPONDER 1
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

/* One worker and the request it is in. */
struct worker {
  struct cf_fcgi *server;
  pthread_t thread;  /* for whoever joins it */
  pthread_t self;    /* for whoever wakes it while it waits: its own word */
  atomic_bool waits; /* for a connection */
  FCGX_Request request;
  struct cf_records records; /* how far libfcgi has read */
  struct cf_transport transport;
  struct cf_pace body, answer;
  enum cf_peer peer;
  bool failed; /* nothing more can be written */
};

struct cf_fcgi {
  struct cf_fcgi_job job;
  struct cf_accept accept;
  struct cf_holds *holds;
  atomic_uint busy;        /* workers in a request */
  atomic_uint left;        /* workers that ended */
  _Atomic int64_t last_us; /* when a request ended, monotonic */
  unsigned woken;          /* the worker that was woken last */
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

/* ---- what libfcgi reads ---- */

/* Of this thread's worker: how far it was read, and until when it may be waited
 * for (monotonic; 0: as long as it takes, which somebody looks at). */
static _Thread_local struct cf_records *read_records;
static _Thread_local int64_t read_end_us;

static bool comes_in_time(int fd)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};
  int64_t left_us = read_end_us - cf_clock_mono_us();

  return left_us > 0 && poll(&p, 1, (int)((left_us + 999) / 1000)) > 0;
}

int OS_Read(int fd, char *buf, size_t len)
{
  if (read_end_us != 0 && !comes_in_time(fd)) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t n = read(fd, buf, len);

  return n <= 0 ? (int)n : (int)cf_records_pass(read_records, (const uint8_t *)buf, (size_t)n);
}

/* A request came, so all of its head was read. */
static void check_reads(const struct cf_records *records)
{
  if (records->phase < CF_RECORDS_STDIN)
    cf_die("libfcgi reads past the check of what comes: it has to be a shared library that was "
           "linked without -Bsymbolic");
}

/* ---- the transport ---- */

static const char *transport_param(void *context, const char *name)
{
  struct worker *w = context;

  if (cf_hidden(name, w->peer))
    return NULL;
  return FCGX_GetParam(name, w->request.envp);
}

static enum cf_err transport_each_param(void *context,
                                        enum cf_err (*each)(void *arg, const char *assignment),
                                        void *arg)
{
  struct worker *w = context;
  enum cf_err err = CF_OK;

  for (char **p = w->request.envp; err == CF_OK && *p != NULL; p++)
    if (!cf_hidden(*p, w->peer))
      err = each(arg, *p);
  return err;
}

static unsigned number_of(const struct worker *w)
{
  return (unsigned)(w - w->server->workers);
}

/* Give what is there; wait only when nothing is. */
static enum cf_err transport_read(void *context, void *out, size_t max, size_t *n)
{
  struct worker *w = context;
  FCGX_Stream *in = w->request.in;
  size_t got = 0;

  CF_ASSERT(max > 0);
  if (in->rdNext == in->stop) {
    cf_hold_read(w->server->holds, number_of(w), &w->body, w->transport.caller);
    int c = FCGX_GetChar(in);
    enum cf_err err = cf_hold_go(w->server->holds, number_of(w), &w->body);
    if (c == EOF) {
      if (FCGX_GetError(in) != 0)
        return err == CF_OK ? CF_E_PEER : err;
      *n = 0;
      return CF_OK;
    }
    *(unsigned char *)out = (unsigned char)c;
    got = 1;
  }
  size_t here = (size_t)(in->stop - in->rdNext);
  if (here > max - got)
    here = max - got;
  if (here > 0)
    got += (size_t)FCGX_GetStr((char *)out + got, (int)here, in);
  cf_pace_count(&w->body, 0, got);
  *n = got;
  return CF_OK;
}

static void transport_abandon(void *context)
{
  struct worker *w = context;

  w->failed = true;
  shutdown(w->request.ipcFd, SHUT_RDWR);
}

static void write_begin(struct worker *w)
{
  cf_hold_write(w->server->holds, number_of(w), &w->answer, w->transport.caller);
}

/* Did libfcgi write n bytes, and was the reader there in time? */
static enum cf_err write_end(struct worker *w, bool done, size_t n)
{
  enum cf_err err = cf_hold_go(w->server->holds, number_of(w), &w->answer);

  cf_pace_count(&w->answer, 0, n);
  if (done && err == CF_OK)
    return CF_OK;
  transport_abandon(w);
  return CF_E_PEER;
}

static enum cf_err transport_write(void *context, const void *p, size_t n)
{
  struct worker *w = context;
  const char *at = p;

  while (n > 0) {
    int part = n < WRITE_MAX ? (int)n : WRITE_MAX;
    if (w->failed)
      return CF_E_PEER;
    write_begin(w);
    enum cf_err err = write_end(w, FCGX_PutStr(at, part, w->request.out) >= 0, (size_t)part);
    if (err != CF_OK)
      return err;
    at += part;
    n -= (size_t)part;
  }
  return CF_OK;
}

static enum cf_err transport_flush(void *context)
{
  struct worker *w = context;

  if (w->failed)
    return CF_E_PEER;
  write_begin(w);
  return write_end(w, FCGX_FFlush(w->request.out) >= 0, 0);
}

static bool transport_crowded(void *context)
{
  struct worker *w = context;

  return cf_hold_crowded(w->server->holds, number_of(w), w->transport.caller);
}

static bool transport_lengthy(void *context)
{
  struct worker *w = context;

  return cf_hold_keep(w->server->holds, number_of(w), w->transport.caller);
}

/* ---- a request ---- */

static enum cf_door door_of(struct worker *w)
{
  const char *mark = FCGX_GetParam(CF_HIDDEN_DOOR, w->request.envp);
  unsigned uid;

  if (!w->server->job.owner_door || mark == NULL)
    return CF_DOOR_WEB;
  if (strcmp(mark, CF_HIDDEN_CLI) == 0 && cf_socket_peer_uid(w->request.ipcFd, &uid) == CF_OK &&
      uid == w->server->job.uid)
    return CF_DOOR_ADMIN;
  return strcmp(mark, CF_HIDDEN_RELAY) == 0 ? CF_DOOR_RELAY : CF_DOOR_WEB;
}

/* Did it end as it should, and has nothing come after it, which libfcgi would
 * lose? */
static bool body_ended(const struct worker *w)
{
  return FCGX_HasSeenEOF(w->request.in) != 0 && FCGX_GetError(w->request.in) == 0 &&
         w->records.phase == CF_RECORDS_END && w->records.header_n == 0;
}

/* Is the body at its end, or does the rest of it come soon? Nobody can ask
 * libfcgi whether it has something without letting it wait for more, and for
 * each byte of a peer that goes on a byte at a time: so in all. */
static bool rest_read(struct worker *w)
{
  char trash[4096];
  FCGX_Stream *in = w->request.in;
  size_t n = 1;

  if (FCGX_HasSeenEOF(in) != 0)
    return body_ended(w);
  bool patient = cf_accept_wait_begin(&w->server->accept);
  read_end_us = cf_clock_mono_us() + (patient ? SOON_US : HASTE_US);
  for (size_t all = 0; n > 0 && all < REST_N; all += n)
    n = (size_t)FCGX_GetStr(trash, (int)sizeof trash, in);
  read_end_us = 0;
  if (patient)
    cf_accept_wait_end(&w->server->accept);
  return body_ended(w);
}

/* End the answer: END_REQUEST. */
static bool answer_end(struct worker *w)
{
  write_begin(w);
  bool sent = FCGX_FClose(w->request.err) == 0 && FCGX_FClose(w->request.out) == 0;
  return write_end(w, sent, 0) == CF_OK;
}

/* On a kept connection the peer may send its next request as soon as the answer
 * has ended, and libfcgi would lose what it read too far: there the rest of the
 * body comes first. A peer that has more to say is heard out elsewhere: where
 * the socket is closed before, the answer may be lost with it. */
static void request_finish(struct worker *w)
{
  FCGX_Request *request = &w->request;
  bool keep = request->keepConnection && transport_flush(w) == CF_OK && rest_read(w);
  bool ended = answer_end(w);

  cf_hold_end(w->server->holds, number_of(w));
  if (!keep && ended && (request->keepConnection || !rest_read(w))) {
    cf_park_leave(w->server->accept.park, request->ipcFd);
    request->ipcFd = -1;
  }
  request->keepConnection = keep && ended;
  FCGX_Detach(request); /* the peer has all of it: no need to wait until it closes */
  FCGX_Finish_r(request);
}

static void request_begin(struct worker *w)
{
  enum cf_door door = door_of(w);

  w->failed = false;
  w->peer = door == CF_DOOR_ADMIN
                ? CF_PEER_ADMIN
                : cf_peers_look(&w->server->job.peers, w->request.ipcFd,
                                FCGX_GetParam("REMOTE_ADDR", w->request.envp) != NULL);
  w->transport = (struct cf_transport){
      .context = w,
      .door = door,
      .param = transport_param,
      .each_param = transport_each_param,
      .read = transport_read,
      .write = transport_write,
      .flush = transport_flush,
      .abandon = transport_abandon,
      .crowded = transport_crowded,
      .lengthy = transport_lengthy,
  };
  w->body = (struct cf_pace){w->server->job.body_timeout_us, CF_PACE_BODY_S, 0, 0};
  w->answer = (struct cf_pace){CF_PACE_ANSWER_US, CF_PACE_ANSWER_S, 0, 0};
  cf_hold_begin(w->server->holds, number_of(w), w->request.ipcFd,
                transport_param(w, "REMOTE_ADDR"));
}

static void request_serve(struct worker *w)
{
  struct cf_fcgi *server = w->server;
  static const char refused[] =
      "Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nThis is a responder.\n";

  atomic_fetch_add(&server->busy, 1);
  request_begin(w);
  if (w->request.role == RESPONDER)
    server->job.serve(server->job.context, &w->transport);
  else
    (void)transport_write(w, refused, sizeof refused - 1);
  request_finish(w);
  atomic_store(&server->last_us, cf_clock_mono_us());
  atomic_fetch_sub(&server->busy, 1);
}

/* ---- connections ---- */

/* Get a request; false when the server stops. */
static bool next_request(struct worker *w)
{
  FCGX_Request *request = &w->request;

  for (;;) {
    bool kept = request->ipcFd >= 0;
    int fd = kept ? request->ipcFd : cf_accept_next(&w->server->accept, &w->waits);
    if (fd < 0)
      return false;
    request->ipcFd = -1;
    if (!cf_accept_head(&w->server->accept, fd, kept))
      continue;
    request->ipcFd = fd;
    request->keepConnection = 1;
    w->records = (struct cf_records){0};
    FCGX_Detach(request);
    if (FCGX_Accept_r(request) == 0) {
      check_reads(&w->records);
      return true;
    }
    /* libfcgi closed a connection that made no sense. */
  }
}

static void *worker_main(void *arg)
{
  struct worker *w = arg;

  w->self = pthread_self();
  read_records = &w->records;
  FCGX_InitRequest(&w->request, -1, FCGI_FAIL_ACCEPT_ON_INTR);
  while (next_request(w))
    request_serve(w);
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

  cf_holds_look(server->holds, cf_clock_mono_us());
  if (ready && worker_wake(server))
    return WAKE_MS;
  return atomic_load(&server->busy) > 0 ? LOOK_MS : IDLE_MS;
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
  enum cf_err err = cf_holds_new(server->job.threads, &server->holds);

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
  atomic_init(&s->last_us, cf_clock_mono_us());
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
 * left. */
static bool await_threads(struct cf_fcgi *server, int64_t wait_us)
{
  int64_t start_us = cf_clock_mono_us();

  while (atomic_load(&server->left) < server->workers_n) {
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
  atomic_store(&server->accept.stopping, true);
  if (server->accept.park != NULL)
    cf_park_hurry(server->accept.park);
  if (!await_threads(server, wait_us / 3 * 2)) {
    cf_holds_end(server->holds); /* those who let themselves be waited for go now */
    if (!await_threads(server, wait_us / 3))
      return CF_E_BUSY;
  }
  for (unsigned i = 0; i < server->workers_n; i++)
    pthread_join(server->workers[i].thread, NULL);
  cf_park_stop(server->accept.park);
  cf_holds_free(server->holds);
  free(server);
  return CF_OK;
}

int64_t cf_fcgi_idle_us(const struct cf_fcgi *server)
{
  if (atomic_load(&server->busy) > 0)
    return 0;
  return cf_clock_mono_us() - atomic_load(&server->last_us);
}
