/* SPDX-License-Identifier: MIT */
/* A request over libfcgi and its connection.
 *
 * All that libfcgi reads it reads through OS_Read, a function of its own that
 * ours here takes the place of: what it gets ends before the first record that
 * may not come (fcgi_records_in.h), so that nothing of it is acted upon. */
#include "config.h"

#include "fcgi-app/door/fcgi_seat_in.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_accept_in.h"
#include "fcgi-app/door/fcgi_hold_in.h"
#include "fcgi-app/door/socket.h"
#include "fcgi-app/http/hidden.h"
#include "lib/base/clock.h"
#include "lib/base/die.h"

/* for the rest of a body that nobody wanted, or its end, which most likely come
 * at once: so long in all, and so many bytes */
#define SOON_US   10000
#define HASTE_US  1000 /* where too many workers wait so */
#define REST_N    (64u << 10)
#define WRITE_MAX (64 << 10)
#define RESPONDER 1

/* ---- what libfcgi reads ---- */

/* Of this thread's request: how far it was read, and until when it may be
 * waited for (monotonic; 0: as long as it takes, which somebody looks at). */
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

/* ---- seats ---- */

/* NULL: there is none. */
static struct cf_seat *seat_take(struct cf_seats *seats)
{
  pthread_mutex_lock(&seats->lock);
  struct cf_seat *s = seats->free;
  if (s != NULL)
    seats->free = s->next;
  pthread_mutex_unlock(&seats->lock);
  return s;
}

static void seat_give(struct cf_seat *s)
{
  struct cf_seats *seats = s->seats;

  pthread_mutex_lock(&seats->lock);
  s->next = seats->free;
  seats->free = s;
  pthread_mutex_unlock(&seats->lock);
}

static void seat_use(struct cf_seat *s, struct cf_seat **place)
{
  *place = s;
  s->place = place;
  read_records = &s->records;
}

void cf_seat_take(struct cf_seats *seats, unsigned worker, struct cf_seat **place)
{
  CF_ASSERT(worker < seats->job->threads);
  seat_use(&seats->each[worker], place);
}

/* ---- the transport ---- */

/* As FCGX_GetParam, which goes into each name there is: most of them differ in
 * their first letter. */
static const char *variable_get(const struct cf_seat *s, const char *name)
{
  size_t n = strlen(name);

  for (char **p = s->request.envp; *p != NULL; p++)
    if (**p == *name && strncmp(*p, name, n) == 0 && (*p)[n] == '=')
      return *p + n + 1;
  return NULL;
}

static const char *transport_param(void *context, const char *name)
{
  struct cf_seat *s = context;

  return cf_hidden(name, s->peer) ? NULL : variable_get(s, name);
}

static enum cf_err transport_each_param(void *context,
                                        enum cf_err (*each)(void *arg, const char *assignment),
                                        void *arg)
{
  struct cf_seat *s = context;
  enum cf_err err = CF_OK;

  for (char **p = s->request.envp; err == CF_OK && *p != NULL; p++)
    if (!cf_hidden(*p, s->peer))
      err = each(arg, *p);
  return err;
}

static unsigned number_of(const struct cf_seat *s)
{
  return (unsigned)(s - s->seats->each);
}

/* Give what is there; wait only when nothing is. A wait that was ended is the
 * body's end, though a byte came in the same moment: nothing more comes, and
 * the next wait would not know why. */
static enum cf_err transport_read(void *context, void *out, size_t max, size_t *n)
{
  struct cf_seat *s = context;
  FCGX_Stream *in = s->request.in;
  size_t got = 0;

  CF_ASSERT(max > 0);
  if (in->rdNext == in->stop) {
    cf_hold_read(s->seats->holds, number_of(s), &s->body, s->transport.caller);
    int c = FCGX_GetChar(in);
    enum cf_err err = cf_hold_go(s->seats->holds, number_of(s), &s->body);
    if (c == EOF && FCGX_GetError(in) == 0) {
      *n = 0;
      return CF_OK;
    }
    if (c == EOF || err != CF_OK)
      return err == CF_OK ? CF_E_PEER : err;
    *(unsigned char *)out = (unsigned char)c;
    got = 1;
  }
  size_t here = (size_t)(in->stop - in->rdNext);
  if (here > max - got)
    here = max - got;
  if (here > 0)
    got += (size_t)FCGX_GetStr((char *)out + got, (int)here, in);
  cf_pace_count(&s->body, 0, got);
  *n = got;
  return CF_OK;
}

static void transport_abandon(void *context)
{
  struct cf_seat *s = context;

  s->failed = true;
  shutdown(s->request.ipcFd, SHUT_RDWR);
}

static void write_begin(struct cf_seat *s)
{
  cf_hold_write(s->seats->holds, number_of(s), &s->answer, s->transport.caller);
}

/* Did libfcgi write n bytes, and was the reader there in time? */
static enum cf_err write_end(struct cf_seat *s, bool done, size_t n)
{
  enum cf_err err = cf_hold_go(s->seats->holds, number_of(s), &s->answer);

  cf_pace_count(&s->answer, 0, n);
  if (done && err == CF_OK)
    return CF_OK;
  transport_abandon(s);
  return CF_E_PEER;
}

/* Where libfcgi has room for it nothing is sent yet, and nobody waited for. */
static enum cf_err part_write(struct cf_seat *s, const char *p, int n)
{
  FCGX_Stream *out = s->request.out;

  if (n <= out->stop - out->wrNext) {
    cf_pace_count(&s->answer, 0, (size_t)n);
    return FCGX_PutStr(p, n, out) == n ? CF_OK : CF_E_PEER;
  }
  write_begin(s);
  return write_end(s, FCGX_PutStr(p, n, out) >= 0, (size_t)n);
}

static enum cf_err transport_write(void *context, const void *p, size_t n)
{
  struct cf_seat *s = context;
  const char *at = p;

  while (n > 0) {
    int part = n < WRITE_MAX ? (int)n : WRITE_MAX;
    enum cf_err err = s->failed ? CF_E_PEER : part_write(s, at, part);
    if (err != CF_OK)
      return err;
    at += part;
    n -= (size_t)part;
  }
  return CF_OK;
}

static enum cf_err transport_flush(void *context)
{
  struct cf_seat *s = context;

  if (s->failed)
    return CF_E_PEER;
  write_begin(s);
  return write_end(s, FCGX_FFlush(s->request.out) >= 0, 0);
}

static bool transport_crowded(void *context)
{
  struct cf_seat *s = context;

  return cf_hold_crowded(s->seats->holds, number_of(s), s->transport.caller);
}

static bool transport_lengthy(void *context)
{
  struct cf_seat *s = context;

  return cf_hold_keep(s->seats->holds, number_of(s), s->transport.caller);
}

/* The worker goes on in another seat. A kept connection's next request comes
 * most likely at once: its worker stays with it. And so with one that had
 * answers before, which its peer may not have read: the next one might not find
 * room. */
static bool transport_leave(void *context)
{
  struct cf_seat *s = context;
  bool may = s->fresh && !s->request.keepConnection;
  struct cf_seat *other = may ? seat_take(s->seats) : NULL;

  if (other == NULL)
    return false;
  seat_use(other, s->place);
  return true;
}

/* ---- a request ---- */

static enum cf_door door_of(struct cf_seat *s)
{
  const char *mark = variable_get(s, CF_HIDDEN_DOOR);
  unsigned uid;

  if (!s->seats->job->owner_door || mark == NULL)
    return CF_DOOR_WEB;
  if (strcmp(mark, CF_HIDDEN_CLI) == 0 && cf_socket_peer_uid(s->request.ipcFd, &uid) == CF_OK &&
      uid == s->seats->job->uid)
    return CF_DOOR_ADMIN;
  return strcmp(mark, CF_HIDDEN_RELAY) == 0 ? CF_DOOR_RELAY : CF_DOOR_WEB;
}

/* Did it end as it should, and has nothing come after it, which libfcgi would
 * lose? */
static bool body_ended(const struct cf_seat *s)
{
  return FCGX_HasSeenEOF(s->request.in) != 0 && FCGX_GetError(s->request.in) == 0 &&
         s->records.phase == CF_RECORDS_END && s->records.header_n == 0;
}

/* Is the body at its end, or does the rest of it come soon? Nobody can ask
 * libfcgi whether it has something without letting it wait for more, and for
 * each byte of a peer that goes on a byte at a time: so in all. */
static bool rest_read(struct cf_seat *s)
{
  char trash[4096];
  FCGX_Stream *in = s->request.in;
  size_t n = 1;

  if (FCGX_HasSeenEOF(in) != 0)
    return body_ended(s);
  bool patient = cf_accept_wait_begin(s->seats->accept);
  read_end_us = cf_clock_mono_us() + (patient ? SOON_US : HASTE_US);
  for (size_t all = 0; n > 0 && all < REST_N; all += n)
    n = (size_t)FCGX_GetStr(trash, (int)sizeof trash, in);
  read_end_us = 0;
  if (patient)
    cf_accept_wait_end(s->seats->accept);
  return body_ended(s);
}

/* End the answer: END_REQUEST. */
static bool answer_end(struct cf_seat *s)
{
  write_begin(s);
  bool sent = FCGX_FClose(s->request.err) == 0 && FCGX_FClose(s->request.out) == 0;
  return write_end(s, sent, 0) == CF_OK;
}

/* On a kept connection the peer may send its next request as soon as the answer
 * has ended, and libfcgi would lose what it read too far: there the rest of the
 * body comes first. A peer that has more to say is heard out elsewhere: where
 * the socket is closed before, the answer may be lost with it. */
static void request_finish(struct cf_seat *s)
{
  FCGX_Request *request = &s->request;
  bool keep = request->keepConnection && transport_flush(s) == CF_OK && rest_read(s);
  bool ended = answer_end(s);

  cf_hold_end(s->seats->holds, number_of(s));
  if (!keep && ended && (request->keepConnection || !rest_read(s))) {
    cf_park_leave(s->seats->accept->park, request->ipcFd);
    request->ipcFd = -1;
  }
  if (!(keep && ended) && request->ipcFd >= 0) {
    close(request->ipcFd); /* the peer has all of it: no need to wait until it closes */
    request->ipcFd = -1;
  }
}

static void request_end(struct cf_seat *s)
{
  request_finish(s);
  atomic_store(&s->seats->last_us, cf_clock_mono_us());
}

static void transport_finish(void *context)
{
  struct cf_seat *s = context;
  struct cf_seats *seats = s->seats;
  struct cf_records *before = read_records; /* of the request that this thread is in */

  read_records = &s->records;
  request_end(s);
  read_records = before;
  seat_give(s);
  atomic_fetch_sub(&seats->busy, 1); /* the last word: all of them may go now */
}

static void request_begin(struct cf_seat *s)
{
  enum cf_door door = door_of(s);

  s->failed = false;
  s->peer = door == CF_DOOR_ADMIN ? CF_PEER_ADMIN
                                  : cf_peers_look(&s->seats->job->peers, s->request.ipcFd,
                                                  variable_get(s, "REMOTE_ADDR") != NULL);
  s->transport = (struct cf_transport){
      .context = s,
      .door = door,
      .param = transport_param,
      .each_param = transport_each_param,
      .read = transport_read,
      .write = transport_write,
      .flush = transport_flush,
      .abandon = transport_abandon,
      .crowded = transport_crowded,
      .lengthy = transport_lengthy,
      .leave = transport_leave,
      .finish = transport_finish,
  };
  s->body = (struct cf_pace){s->seats->job->body_timeout_us, CF_PACE_BODY_S, 0, 0};
  s->answer = (struct cf_pace){CF_PACE_ANSWER_US, CF_PACE_ANSWER_S, 0, 0};
  cf_hold_begin(s->seats->holds, number_of(s), s->request.ipcFd, transport_param(s, "REMOTE_ADDR"));
}

void cf_seat_serve(struct cf_seat *s)
{
  struct cf_seats *seats = s->seats;
  struct cf_seat **place = s->place;
  static const char refused[] =
      "Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nThis is a responder.\n";

  atomic_fetch_add(&seats->busy, 1);
  request_begin(s);
  if (s->request.role == RESPONDER)
    seats->job->serve(seats->job->context, &s->transport);
  else
    (void)transport_write(s, refused, sizeof refused - 1);
  if (*place != s)
    return; /* the request has left */
  request_end(s);
  atomic_fetch_sub(&seats->busy, 1);
}

/* ---- connections ---- */

int cf_seat_kept(struct cf_seat *s)
{
  int fd = s->request.ipcFd;

  s->request.ipcFd = -1;
  return fd;
}

/* What the seat's last request took is given back here: whoever brought its
 * answer was another thread, and this one wants as much again at once. */
bool cf_seat_accept(struct cf_seat *s, int fd, bool fresh)
{
  FCGX_Finish_r(&s->request);
  s->request.ipcFd = fd;
  s->request.keepConnection = 1;
  s->fresh = fresh;
  s->records = (struct cf_records){0};
  FCGX_Detach(&s->request);
  if (FCGX_Accept_r(&s->request) != 0)
    return false;
  check_reads(&s->records);
  return true;
}

/* ---- all of them ---- */

enum cf_err cf_seats_init(struct cf_seats *seats, const struct cf_fcgi_job *job,
                          struct cf_accept *accept)
{
  unsigned n = job->threads * (1 + CF_FCGI_LEFT);

  *seats = (struct cf_seats){.job = job, .accept = accept};
  pthread_mutex_init(&seats->lock, NULL);
  atomic_init(&seats->last_us, cf_clock_mono_us());
  seats->each = calloc(n, sizeof *seats->each);
  if (seats->each == NULL)
    return CF_E_NOMEM;
  seats->n = n;
  for (unsigned i = n; i-- > 0;) {
    struct cf_seat *s = &seats->each[i];
    s->seats = seats;
    FCGX_InitRequest(&s->request, -1, FCGI_FAIL_ACCEPT_ON_INTR);
    if (i >= job->threads) /* the first ones are the workers' */
      seat_give(s);
  }
  return cf_holds_new(job->threads, n, &seats->holds);
}

void cf_seats_fini(struct cf_seats *seats)
{
  for (unsigned i = 0; i < seats->n; i++)
    FCGX_Finish_r(&seats->each[i].request);
  cf_holds_free(seats->holds);
  pthread_mutex_destroy(&seats->lock);
  free(seats->each);
}
