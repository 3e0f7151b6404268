/* SPDX-License-Identifier: MIT */
/* A FastCGI server over libfcgi 2.4: worker threads on a listening socket.
 *
 * libfcgi accepts with a wait that every thread shares and reads without a
 * limit of time, so connections are accepted here and handed to it: each worker
 * gives FCGX_Accept_r a request that has a connection already, kept by
 * FCGX_Finish_r because keepConnection is set, and no listening socket to fall
 * back on. Timeouts are the socket's. A write that takes as long as the timeout
 * may have been cut, which libfcgi does not notice: the connection is then shut
 * down. */
#include "config.h"

#include "fcgi-app/door/fcgi_in.h"
#include "lib/base/die.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi-app/door/socket.h"
#include "fcgi-app/http/hidden.h"
#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/base/thread.h"

#define WAKE            SIGUSR2
#define FIRST_BYTES_MS  5000    /* of a connection, and between the requests of a kept one */
#define SILENCE_S       60      /* of a peer in the middle of a request */
#define DRAIN_US        5000000 /* to read what the peer still sends after its answer … */
#define DRAIN_SILENCE_S 1       /* … while it does send */
#define LAST_BYTES_MS   1000    /* as FIRST_BYTES_MS, when stopping */
#define NUDGE_US        20000
#define RETRY_US        100000 /* when there are no descriptors left */
#define WRITE_MAX       (1 << 20)
#define RESPONDER       1
/* of the allocator: in one of its own each worker would keep what its batches
 * took */
#define ARENAS 4
/* what is larger goes back to the system at once: the allocator would raise
 * this to 32 MiB */
#define LARGE (1 << 20)
#if defined(__SANITIZE_ADDRESS__)
#define STACK_N (2u << 20)
#else
#define STACK_N (256u << 10)
#endif

struct cf_fcgi {
  struct cf_fcgi_job job;
  atomic_bool stopping;
  atomic_uint busy;        /* workers in a request */
  atomic_uint left;        /* workers that ended */
  _Atomic int64_t last_us; /* when a request ended, monotonic */
  unsigned threads_n;
  pthread_t threads[];
};

/* One worker and the request it is in. */
struct worker {
  struct cf_fcgi *server;
  FCGX_Request request;
  bool failed; /* nothing more can be written */
};

bool cf_fcgi_is_cgi(void)
{
  return FCGX_IsCGI() != 0;
}

static void nothing(int signo)
{
  (void)signo;
}

/* ---- the transport ---- */

static const char *transport_param(void *context, const char *name)
{
  struct worker *w = context;

  if (cf_hidden(name))
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
    if (!cf_hidden(*p))
      err = each(arg, *p);
  return err;
}

/* Give what is there; wait only when nothing is. */
static enum cf_err transport_read(void *context, void *out, size_t max, size_t *n)
{
  FCGX_Stream *in = ((struct worker *)context)->request.in;
  size_t got = 0;

  CF_ASSERT(max > 0);
  if (in->rdNext == in->stop) {
    int c = FCGX_GetChar(in);
    if (c == EOF) {
      if (FCGX_GetError(in) != 0)
        return CF_E_PEER;
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
  *n = got;
  return CF_OK;
}

static void transport_abandon(void *context)
{
  struct worker *w = context;

  w->failed = true;
  shutdown(w->request.ipcFd, SHUT_RDWR);
}

/* A result of libfcgi's writing that began at start_us. */
static enum cf_err written(struct worker *w, int result, int64_t start_us)
{
  if (result >= 0 && cf_clock_mono_us() - start_us < SILENCE_S * INT64_C(1000000))
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
    int64_t start_us = cf_clock_mono_us();
    enum cf_err err = written(w, FCGX_PutStr(at, part, w->request.out), start_us);
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
  int64_t start_us = cf_clock_mono_us();

  return w->failed ? CF_E_PEER : written(w, FCGX_FFlush(w->request.out), start_us);
}

/* ---- a request ---- */

static void socket_limit(int fd, int which, time_t seconds)
{
  struct timeval silence = {.tv_sec = seconds};

  (void)setsockopt(fd, SOL_SOCKET, which, &silence, sizeof silence);
}

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

/* Read what is left of the body, so that closing does not take the answer from
 * the peer. False: there is more than patience. */
static bool peer_drain(struct worker *w)
{
  char trash[4096];
  FCGX_Stream *in = w->request.in;
  int64_t end_us = cf_clock_mono_us() + DRAIN_US;
  size_t n;

  if (FCGX_HasSeenEOF(in) == 0)
    socket_limit(w->request.ipcFd, SO_RCVTIMEO, DRAIN_SILENCE_S);
  while (!w->failed && FCGX_GetError(in) == 0) {
    if (FCGX_HasSeenEOF(in) != 0)
      return true;
    if (cf_clock_mono_us() > end_us || transport_read(w, trash, sizeof trash, &n) != CF_OK)
      return false;
  }
  return false;
}

/* End the answer: END_REQUEST. */
static bool end_answer(struct worker *w)
{
  int64_t start_us = cf_clock_mono_us();
  bool sent = FCGX_FClose(w->request.err) == 0 && FCGX_FClose(w->request.out) == 0;

  return written(w, sent ? 0 : -1, start_us) == CF_OK;
}

/* On a kept connection the peer may send its next request as soon as the answer
 * has ended, and libfcgi would lose what it read too far: there the rest of the
 * body comes first. */
static void request_finish(struct worker *w)
{
  FCGX_Request *request = &w->request;
  bool keep = request->keepConnection && transport_flush(w) == CF_OK && peer_drain(w);

  if (keep)
    socket_limit(request->ipcFd, SO_RCVTIMEO, SILENCE_S);
  if (!end_answer(w) || !keep)
    request->keepConnection = 0;
  if (!keep)
    (void)peer_drain(w);
  FCGX_Detach(request); /* the peer has all of it: no need to wait until it closes */
  FCGX_Finish_r(request);
}

static void request_serve(struct worker *w)
{
  struct cf_fcgi *server = w->server;
  static const char refused[] =
      "Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nThis is a responder.\n";
  struct cf_transport transport = {
      .context = w,
      .door = door_of(w),
      .param = transport_param,
      .each_param = transport_each_param,
      .read = transport_read,
      .write = transport_write,
      .flush = transport_flush,
      .abandon = transport_abandon,
  };

  atomic_fetch_add(&server->busy, 1);
  w->failed = false;
  if (w->request.role == RESPONDER)
    server->job.serve(server->job.context, &transport);
  else
    (void)transport_write(w, refused, sizeof refused - 1);
  request_finish(w);
  atomic_store(&server->last_us, cf_clock_mono_us());
  atomic_fetch_sub(&server->busy, 1);
}

/* ---- connections ---- */

static void wakeable(bool on)
{
  sigset_t set;

  sigemptyset(&set);
  sigaddset(&set, WAKE);
  pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

static void set_up(int fd)
{
  int on = 1;

  socket_limit(fd, SO_RCVTIMEO, SILENCE_S);
  socket_limit(fd, SO_SNDTIMEO, SILENCE_S);
  /* a Unix socket refuses it: harmless */
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* After accept failed: is there any sense in trying again? Waits where that
 * helps. */
static bool accept_again(struct cf_fcgi *server, int error)
{
  struct pollfd p = {.fd = server->job.listener, .events = POLLIN};

  switch (error) {
  case EINTR:
  case ECONNABORTED:
  case EPROTO: return true;
  case EAGAIN:
    if (atomic_load(&server->stopping))
      return false;
    wakeable(true);
    (void)poll(&p, 1, -1);
    wakeable(false);
    return true;
  case EMFILE:
  case ENFILE:
  case ENOBUFS:
  case ENOMEM: usleep(RETRY_US); return true;
  default: cf_log(CF_LOG_ERROR, "cannot accept connections: %s", strerror(error)); return false;
  }
}

/* The next connection, or -1 when there is none to come. */
static int accept_one(struct cf_fcgi *server)
{
  for (;;) {
    if (atomic_load(&server->stopping) && !server->job.owner_door)
      return -1;
    wakeable(true);
    int fd = accept4(server->job.listener, NULL, NULL, SOCK_CLOEXEC);
    int error = errno;
    wakeable(false);
    if (fd >= 0) {
      set_up(fd);
      return fd;
    }
    if (!accept_again(server, error))
      return -1;
  }
}

/* Wait for the first bytes of a request. When stopping, a new connection still
 * has a moment to send them. */
static bool wait_request(struct cf_fcgi *server, int fd, bool fresh)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};
  int ready = -1;

  if (!atomic_load(&server->stopping)) {
    wakeable(true);
    ready = poll(&p, 1, FIRST_BYTES_MS);
    wakeable(false);
  }
  if (ready < 0)
    ready = poll(&p, 1, fresh ? LAST_BYTES_MS : 0);
  return ready > 0;
}

/* Get a request; false when the server stops. */
static bool next_request(struct worker *w)
{
  FCGX_Request *request = &w->request;

  for (;;) {
    bool fresh = request->ipcFd < 0;
    if (fresh) {
      int fd = accept_one(w->server);
      if (fd < 0)
        return false;
      request->ipcFd = fd;
    }
    request->keepConnection = 1;
    FCGX_Detach(request);
    if (!wait_request(w->server, request->ipcFd, fresh))
      FCGX_Free(request, 1);
    else if (FCGX_Accept_r(request) == 0)
      return true;
    /* libfcgi closed a connection that made no sense. */
  }
}

static void *worker_main(void *arg)
{
  struct worker w = {.server = arg};

  FCGX_InitRequest(&w.request, -1, FCGI_FAIL_ACCEPT_ON_INTR);
  while (next_request(&w))
    request_serve(&w);
  atomic_fetch_add(&w.server->left, 1);
  return NULL;
}

/* ---- life ---- */

static void prepare_process(void)
{
  struct sigaction wake = {.sa_handler = nothing}; /* no SA_RESTART: it must end a waiting accept */
  struct sigaction ignore = {.sa_handler = SIG_IGN};

  sigemptyset(&wake.sa_mask);
  sigaction(WAKE, &wake, NULL);
  sigaction(SIGPIPE, &ignore, NULL);
#ifdef M_ARENA_MAX
  (void)mallopt(M_ARENA_MAX, ARENAS);
  (void)mallopt(M_MMAP_THRESHOLD, LARGE);
#endif
}

static enum cf_err start_threads(struct cf_fcgi *server)
{
  enum cf_err err = CF_OK;

  while (err == CF_OK && server->threads_n < server->job.threads) {
    err = cf_thread_start(&server->threads[server->threads_n], STACK_N, worker_main, server, NULL);
    server->threads_n += err == CF_OK;
  }
  return err;
}

enum cf_err cf_fcgi_start(const struct cf_fcgi_job *job, struct cf_fcgi **server,
                          struct cf_fault *fault)
{
  struct cf_fcgi *s = calloc(1, sizeof *s + job->threads * sizeof(pthread_t));

  if (s == NULL)
    return CF_E_NOMEM;
  s->job = *job;
  atomic_init(&s->last_us, cf_clock_mono_us());
  prepare_process();
  if (FCGX_Init() != 0) {
    free(s);
    return cf_fail(fault, CF_E_SYSTEM, NULL, "libfcgi does not start");
  }
  enum cf_err err = start_threads(s);
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

  while (atomic_load(&server->left) < server->threads_n) {
    if (cf_clock_mono_us() - start_us > wait_us)
      return false;
    for (unsigned i = 0; i < server->threads_n; i++)
      (void)pthread_kill(server->threads[i], WAKE);
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
  atomic_store(&server->stopping, true);
  if (!await_threads(server, wait_us))
    return CF_E_BUSY;
  for (unsigned i = 0; i < server->threads_n; i++)
    pthread_join(server->threads[i], NULL);
  free(server);
  return CF_OK;
}

int64_t cf_fcgi_idle_us(const struct cf_fcgi *server)
{
  if (atomic_load(&server->busy) > 0)
    return 0;
  return cf_clock_mono_us() - atomic_load(&server->last_us);
}
