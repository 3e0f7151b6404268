/* SPDX-License-Identifier: MIT */
/* Connections for workers. */
#include "config.h"

#include "fcgi-app/door/fcgi_accept_in.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_head_in.h"
#include "lib/base/diag.h"

#define NUDGE_US 20000
#define RETRY_US 100000 /* when there are no descriptors left */

static void wakeable(bool on)
{
  sigset_t set;

  sigemptyset(&set);
  sigaddset(&set, CF_ACCEPT_WAKE);
  pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

/* After accept failed: is there any sense in trying again? Waits where that
 * helps. */
static bool accept_again(struct cf_accept *accept, int error)
{
  struct pollfd p = {.fd = accept->listener, .events = POLLIN};

  switch (error) {
  case EINTR:
  case ECONNABORTED:
  case EPROTO: return true;
  case EAGAIN:
    if (atomic_load(&accept->stopping))
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

/* A new connection, or -1 when there is none to come, or one of those that wait
 * is ready. */
static int accept_one(struct cf_accept *accept)
{
  int on = 1;

  for (;;) {
    if (cf_park_ready(accept->park) || (atomic_load(&accept->stopping) && !accept->backlog))
      return -1;
    wakeable(true);
    int fd = accept4(accept->listener, NULL, NULL, SOCK_CLOEXEC);
    int error = errno;
    wakeable(false);
    if (fd >= 0 && accept->tcp)
      (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fd >= 0 || !accept_again(accept, error))
      return fd;
  }
}

void cf_accept_init(struct cf_accept *accept)
{
  pthread_mutex_init(&accept->lock, NULL);
  pthread_cond_init(&accept->wanted, NULL);
}

void cf_accept_fini(struct cf_accept *accept)
{
  pthread_cond_destroy(&accept->wanted);
  pthread_mutex_destroy(&accept->lock);
}

void cf_accept_stop(struct cf_accept *accept)
{
  pthread_mutex_lock(&accept->lock);
  atomic_store(&accept->stopping, true);
  pthread_cond_broadcast(&accept->wanted);
  pthread_mutex_unlock(&accept->lock);
}

static void door_come(struct cf_accept *accept)
{
  pthread_mutex_lock(&accept->lock);
  accept->resting++;
  while (accept->at_door >= CF_ACCEPT_DOOR && !atomic_load(&accept->stopping))
    pthread_cond_wait(&accept->wanted, &accept->lock);
  accept->resting--;
  accept->at_door++;
  pthread_mutex_unlock(&accept->lock);
}

static void door_go(struct cf_accept *accept)
{
  pthread_mutex_lock(&accept->lock);
  accept->at_door--;
  bool deserted = accept->at_door == 0 && accept->resting > 0;
  pthread_mutex_unlock(&accept->lock);
  if (deserted)
    pthread_cond_signal(&accept->wanted);
}

int cf_accept_next(struct cf_accept *accept, atomic_bool *waits, bool *parked)
{
  for (;;) {
    door_come(accept);
    atomic_store(waits, true);
    int fd = cf_park_take(accept->park);
    *parked = fd >= 0;
    if (fd < 0)
      fd = accept_one(accept);
    atomic_store(waits, false);
    door_go(accept);
    if (fd >= 0)
      return fd;
    if (cf_park_ready(accept->park))
      continue;
    if (cf_park_empty(accept->park))
      return -1;
    usleep(NUDGE_US);
  }
}

bool cf_accept_wait_begin(struct cf_accept *accept)
{
  if (atomic_fetch_add(&accept->patient, 1) < accept->patient_max)
    return true;
  atomic_fetch_sub(&accept->patient, 1);
  return false;
}

void cf_accept_wait_end(struct cf_accept *accept)
{
  atomic_fetch_sub(&accept->patient, 1);
}

static bool comes_soon(struct cf_accept *accept, int fd)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};

  if (!cf_accept_wait_begin(accept))
    return false;
  bool came = poll(&p, 1, CF_ACCEPT_SOON_MS) > 0;
  cf_accept_wait_end(accept);
  return came;
}

bool cf_accept_head(struct cf_accept *accept, int fd, bool kept)
{
  bool any;
  enum cf_head head = cf_head_peek(fd, &any);

  if (head == CF_HEAD_PART && !any && comes_soon(accept, fd))
    head = cf_head_peek(fd, &any);
  if (head == CF_HEAD_BAD)
    close(fd);
  else if (head != CF_HEAD_WHOLE)
    cf_park_wait(accept->park, fd, kept && !any);
  return head == CF_HEAD_WHOLE;
}
