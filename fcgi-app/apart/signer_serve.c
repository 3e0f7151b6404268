/* SPDX-License-Identifier: MIT */
/* One thread, and a connection a peer, none of which can make the others wait:
 * nothing is read or written that would block, and who begins a request has to
 * end it in time. */
#include "config.h"

#include "fcgi-app/apart/signer_serve.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/proof/signer_desk.h"
#include "lib/proof/signer_wire.h"

struct peer {
  int fd; /* -1: this place is free */
  int64_t until_us;
  size_t n;
  char in[CF_WIRE_HEAD + CF_WIRE_MAX];
};

struct room {
  const struct cf_signer_job *job;
  int64_t request_us;
  struct cf_signer_desk desk;
  int listener;
  struct peer peer[CF_PEERS_MAX];
};

/* ---- the socket ---- */

static enum cf_err address_make(const char *path, struct sockaddr_un *address,
                                struct cf_fault *fault)
{
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  int n = snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
  return n > 0 && (size_t)n < sizeof address->sun_path
             ? CF_OK
             : cf_fail(fault, CF_E_PARAMETER, "--socket", "a path of 1 to 107 bytes is needed");
}

/* Who is stopped, with a full queue, listens too (EAGAIN). */
static bool somebody_listens(const struct sockaddr_un *address)
{
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool listens = fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ||
                             errno == EAGAIN);
  if (fd >= 0)
    (void)close(fd);
  return listens;
}

/* A socket that is left of a signer that is no more goes; another file does
 * not. */
static void left_remove(const char *path)
{
  struct stat st;
  if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
    (void)unlink(path);
}

/* Anybody may connect: who he is the kernel tells (SO_PEERCRED). */
static enum cf_err socket_listen(const char *path, int *fd, struct cf_fault *fault)
{
  struct sockaddr_un address;
  enum cf_err err = address_make(path, &address, fault);
  if (err != CF_OK)
    return err;
  if (somebody_listens(&address))
    return cf_fail(fault, CF_E_LOCKED, path, "somebody listens there already");
  left_remove(path);
  int got = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (got >= 0 && bind(got, (const struct sockaddr *)&address, sizeof address) == 0 &&
      chmod(path, 0666) == 0 && listen(got, CF_PEERS_MAX) == 0) {
    *fd = got;
    return CF_OK;
  }
  err = cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot listen there");
  if (got >= 0)
    (void)close(got);
  return err;
}

/* ---- peers ---- */

static bool is_allowed(const struct cf_signer_job *job, int fd)
{
  static struct cf_log_rate rate;
  struct ucred who;
  socklen_t n = sizeof who;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
    return false;
  for (size_t i = 0; i < job->allow_n; i++)
    if (job->allow[i] == who.uid)
      return true;
  cf_log_rated(&rate, CF_LOG_WARNING,
               "uid %lu may not ask this signer; if it is the ledger's: --allow %lu",
               (unsigned long)who.uid, (unsigned long)who.uid);
  return false;
}

static void peer_end(struct room *r, struct peer *p)
{
  cf_signer_desk_leave(&r->desk, p);
  (void)close(p->fd);
  p->fd = -1;
}

static void peer_accept(struct room *r)
{
  int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    return;
  bool allowed = is_allowed(r->job, fd);
  for (size_t i = 0; allowed && i < CF_PEERS_MAX; i++)
    if (r->peer[i].fd < 0) {
      r->peer[i].fd = fd;
      r->peer[i].n = 0;
      r->peer[i].until_us = cf_clock_mono_us() + r->request_us;
      return;
    }
  (void)close(fd);
}

/* An answer fits the socket's buffer, unless the peer reads none of them. */
static bool answer_send(struct room *r, struct peer *p, struct cf_str request)
{
  struct cf_buf b;
  cf_buf_init(&b, 2 * (CF_WIRE_HEAD + CF_WIRE_MAX));
  bool good = cf_signer_desk_answer(&r->desk, p, request, &b) && b.err == CF_OK && b.n > 0 &&
              send(p->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)b.n;
  if (b.p != NULL)
    cf_wipe(b.p, b.cap);
  cf_buf_fini(&b);
  return good;
}

/* Answer the request that is whole now, if one is. Nothing may follow it. */
static bool request_answer(struct room *r, struct peer *p)
{
  size_t n = 0;
  if (cf_wire_length((struct cf_str){p->in, p->n}, &n) != CF_OK || (n > 0 && p->n > n))
    return false;
  if (n == 0 || p->n < n)
    return true;
  p->n = 0;
  p->until_us = cf_clock_mono_us() + r->request_us;
  return answer_send(r, p, (struct cf_str){p->in + CF_WIRE_HEAD, n - CF_WIRE_HEAD});
}

static void peer_read(struct room *r, struct peer *p)
{
  if (p->n == 0)
    p->until_us = cf_clock_mono_us() + r->request_us;
  ssize_t got = recv(p->fd, p->in + p->n, sizeof p->in - p->n, MSG_DONTWAIT);
  if (got < 0 && (errno == EINTR || errno == EAGAIN))
    return;
  p->n += got > 0 ? (size_t)got : 0;
  if (got <= 0 || !request_answer(r, p))
    peer_end(r, p);
}

/* Who holds it has time, as long as no request of his has begun. */
static bool is_late(const struct room *r, const struct peer *p, int64_t now_us)
{
  return p->fd >= 0 && now_us >= p->until_us && (p->n > 0 || r->desk.holder != p);
}

/* ---- serving ---- */

static void room_look(struct room *r)
{
  struct pollfd polled[CF_PEERS_MAX + 1];
  for (size_t i = 0; i < CF_PEERS_MAX; i++)
    polled[i] = (struct pollfd){.fd = r->peer[i].fd, .events = POLLIN};
  polled[CF_PEERS_MAX] = (struct pollfd){.fd = r->listener, .events = POLLIN};
  if (poll(polled, CF_PEERS_MAX + 1, 500) < 0)
    return;
  int64_t now_us = cf_clock_mono_us();
  for (size_t i = 0; i < CF_PEERS_MAX; i++)
    if (polled[i].fd >= 0 && (polled[i].revents & (POLLHUP | POLLERR)) != 0 &&
        (polled[i].revents & POLLIN) == 0)
      peer_end(r, &r->peer[i]);
  for (size_t i = 0; i < CF_PEERS_MAX; i++)
    if (r->peer[i].fd >= 0 && (polled[i].revents & POLLIN) != 0)
      peer_read(r, &r->peer[i]);
    else if (is_late(r, &r->peer[i], now_us))
      peer_end(r, &r->peer[i]);
  if ((polled[CF_PEERS_MAX].revents & POLLIN) != 0)
    peer_accept(r);
}

enum cf_err cf_signer_serve(const struct cf_signer_job *job, struct cf_fault *fault)
{
  static struct room r;
  r.job = job;
  r.request_us = job->request_us > 0 ? job->request_us : CF_WIRE_TIME_US;
  r.desk = (struct cf_signer_desk){.place = job->place};
  for (size_t i = 0; i < CF_PEERS_MAX; i++)
    r.peer[i].fd = -1;
  enum cf_err err = socket_listen(job->socket, &r.listener, fault);
  if (err != CF_OK)
    return err;
  while (!*job->end)
    room_look(&r);
  left_remove(job->socket);
  for (size_t i = 0; i < CF_PEERS_MAX; i++)
    if (r.peer[i].fd >= 0)
      peer_end(&r, &r.peer[i]);
  (void)close(r.listener);
  cf_signer_desk_fini(&r.desk);
  return CF_OK;
}
