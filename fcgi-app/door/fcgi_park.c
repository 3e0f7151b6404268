/* SPDX-License-Identifier: MIT */
/* Connections that no worker holds.
 *
 * epoll tells each arrival once: what has come of a head stays in the socket,
 * which would else be readable all the time. */
#include "config.h"

#include "fcgi-app/door/fcgi_park_in.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_head_in.h"
#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/base/thread.h"

#define WAIT_US       INT64_C(10000000)
#define HURRY_US      INT64_C(1000000)
#define LEAVE_US      INT64_C(1000000)
#define LEAVE_N       (64u << 10)
#define LEAVE_TICK_MS 100
#define EVENTS        64
#define STACK_N       (256u << 10)
#define BELL          CF_PARK_MAX /* instead of a place's number */

enum state { FREE, WAITING, READY, LEAVING, STATES };

struct place {
  enum state state;
  int fd;
  bool kept;
  int64_t end_us;
  size_t left; /* bytes that it may still say */
};

struct cf_park {
  struct cf_park_job job;
  int epoll, bell; /* rung once, at the end */
  atomic_bool ended;
  pthread_t thread;
  pthread_mutex_t lock; /* over the places */
  bool hurried;
  atomic_uint n[STATES];
  struct place places[CF_PARK_MAX]; /* job.places of them are used */
};

/* ---- places, under the lock ---- */

static void place_turn(struct cf_park *park, struct place *place, enum state state)
{
  atomic_fetch_sub(&park->n[place->state], 1);
  atomic_fetch_add(&park->n[state], 1);
  place->state = state;
}

static void place_close(struct cf_park *park, struct place *place)
{
  place_turn(park, place, FREE);
  close(place->fd);
}

/* Of those in that state the one whose time ends first; NULL: none. */
static struct place *place_oldest(struct cf_park *park, enum state state)
{
  struct place *oldest = NULL;

  for (size_t i = 0; i < park->job.places && atomic_load(&park->n[state]) > 0; i++) {
    struct place *place = &park->places[i];
    if (place->state == state && (oldest == NULL || place->end_us < oldest->end_us))
      oldest = place;
  }
  return oldest;
}

static unsigned place_room(const struct cf_park *park, enum state state)
{
  unsigned leaving = park->job.places / 5;

  return state == LEAVING ? leaving : park->job.places - leaving;
}

/* Where there are too many in that state (the ready ones count as waiting: they
 * wait for a worker), the oldest goes. */
static void place_make(struct cf_park *park, enum state state)
{
  static struct cf_log_rate rate;
  unsigned n = atomic_load(&park->n[state]);

  if (state == WAITING)
    n += atomic_load(&park->n[READY]);
  if (n < place_room(park, state))
    return;
  cf_log_rated(&rate, CF_LOG_WARNING, "%u connections %s: the oldest is closed", n,
               state == WAITING ? "wait" : "still send after their answer");
  struct place *oldest = place_oldest(park, state);
  place_close(park, oldest != NULL ? oldest : place_oldest(park, READY));
}

static void place_fill(struct cf_park *park, enum state state, struct place what)
{
  place_make(park, state);
  struct place *place = place_oldest(park, FREE);
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
                              .data.u32 = (uint32_t)(place - park->places)};
  *place = what;
  place_turn(park, place, state);
  if (epoll_ctl(park->epoll, EPOLL_CTL_ADD, place->fd, &event) != 0)
    place_close(park, place);
}

/* ---- what a connection says ---- */

static void place_judge(struct cf_park *park, struct place *place)
{
  static struct cf_log_rate rate;
  bool any;

  switch (cf_head_peek(place->fd, &any)) {
  case CF_HEAD_PART: place->kept = place->kept && !any; break;
  case CF_HEAD_WHOLE:
    (void)epoll_ctl(park->epoll, EPOLL_CTL_DEL, place->fd, NULL);
    place_turn(park, place, READY);
    break;
  case CF_HEAD_LONG:
    cf_log_rated(&rate, CF_LOG_WARNING, "a request's parameters are longer than %u bytes: refused",
                 CF_HEAD_MAX);
    place_close(park, place);
    break;
  case CF_HEAD_BAD: place_close(park, place); break;
  }
}

static void place_drop(struct cf_park *park, struct place *place)
{
  uint8_t trash[16384];
  ssize_t n = 1;

  while (place->left > 0 && n > 0) {
    n = recv(place->fd, trash, sizeof trash, MSG_DONTWAIT);
    if (n > 0)
      place->left -= (size_t)n < place->left ? (size_t)n : place->left;
  }
  if (place->left == 0 || n == 0 || (errno != EAGAIN && errno != EINTR))
    place_close(park, place);
}

/* An event may be of the connection that had the place before: looking does no
 * harm. */
static void place_look(struct cf_park *park, struct place *place)
{
  if (place->state == WAITING)
    place_judge(park, place);
  else if (place->state == LEAVING)
    place_drop(park, place);
}

static void places_expire(struct cf_park *park, int64_t now_us)
{
  if (atomic_load(&park->n[WAITING]) + atomic_load(&park->n[LEAVING]) == 0)
    return;
  for (size_t i = 0; i < park->job.places; i++) {
    struct place *place = &park->places[i];
    if ((place->state == WAITING || place->state == LEAVING) && now_us >= place->end_us)
      place_close(park, place);
  }
}

/* ---- the thread ---- */

static int smaller(int a, int b)
{
  return a < b ? a : b;
}

static void *park_main(void *arg)
{
  struct cf_park *park = arg;
  struct epoll_event events[EVENTS];

  while (!atomic_load(&park->ended) || atomic_load(&park->n[LEAVING]) > 0) {
    int ms = park->job.tick(park->job.context, cf_park_ready(park));
    if (atomic_load(&park->n[LEAVING]) > 0)
      ms = smaller(ms, LEAVE_TICK_MS);
    int n = epoll_wait(park->epoll, events, EVENTS, ms);
    pthread_mutex_lock(&park->lock);
    for (int i = 0; i < n; i++)
      if (events[i].data.u32 != BELL)
        place_look(park, &park->places[events[i].data.u32]);
    places_expire(park, cf_clock_mono_us());
    pthread_mutex_unlock(&park->lock);
  }
  return NULL;
}

/* ---- for workers ---- */

void cf_park_wait(struct cf_park *park, int fd, bool kept)
{
  struct place what = {.fd = fd, .kept = kept};

  pthread_mutex_lock(&park->lock);
  what.end_us = cf_clock_mono_us() + (park->hurried ? HURRY_US : WAIT_US);
  if (park->hurried && kept)
    close(fd);
  else
    place_fill(park, WAITING, what);
  pthread_mutex_unlock(&park->lock);
}

void cf_park_leave(struct cf_park *park, int fd)
{
  struct place what = {.fd = fd, .end_us = cf_clock_mono_us() + LEAVE_US, .left = LEAVE_N};

  (void)shutdown(fd, SHUT_WR);
  pthread_mutex_lock(&park->lock);
  place_fill(park, LEAVING, what);
  pthread_mutex_unlock(&park->lock);
}

int cf_park_take(struct cf_park *park)
{
  int fd = -1;

  if (!cf_park_ready(park))
    return -1;
  pthread_mutex_lock(&park->lock);
  struct place *place = place_oldest(park, READY);
  if (place != NULL) {
    fd = place->fd;
    place_turn(park, place, FREE);
  }
  pthread_mutex_unlock(&park->lock);
  return fd;
}

bool cf_park_ready(const struct cf_park *park)
{
  return atomic_load(&park->n[READY]) > 0;
}

bool cf_park_empty(const struct cf_park *park)
{
  return atomic_load(&park->n[WAITING]) + atomic_load(&park->n[READY]) == 0;
}

void cf_park_hurry(struct cf_park *park)
{
  int64_t end_us = cf_clock_mono_us() + HURRY_US;

  pthread_mutex_lock(&park->lock);
  park->hurried = true;
  for (size_t i = 0; i < park->job.places; i++) {
    struct place *place = &park->places[i];
    if (place->state != WAITING)
      continue;
    if (place->kept)
      place_close(park, place);
    else if (place->end_us > end_us)
      place->end_us = end_us;
  }
  pthread_mutex_unlock(&park->lock);
}

/* ---- life ---- */

static void park_free(struct cf_park *park)
{
  for (size_t i = 0; i < park->job.places; i++)
    if (park->places[i].state != FREE)
      place_close(park, &park->places[i]);
  if (park->epoll >= 0)
    close(park->epoll);
  if (park->bell >= 0)
    close(park->bell);
  pthread_mutex_destroy(&park->lock);
  free(park);
}

static enum cf_err bell_hang(struct cf_park *park, struct cf_fault *fault)
{
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = BELL};

  park->epoll = epoll_create1(EPOLL_CLOEXEC);
  park->bell = eventfd(0, EFD_CLOEXEC);
  if (park->epoll < 0 || park->bell < 0 ||
      epoll_ctl(park->epoll, EPOLL_CTL_ADD, park->bell, &event) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, "connections", "cannot wait for them");
  return CF_OK;
}

enum cf_err cf_park_start(const struct cf_park_job *job, struct cf_park **park,
                          struct cf_fault *fault)
{
  struct cf_park *made = calloc(1, sizeof *made);

  if (made == NULL)
    return CF_E_NOMEM;
  made->job = *job;
  pthread_mutex_init(&made->lock, NULL);
  atomic_store(&made->n[FREE], job->places);
  enum cf_err err = bell_hang(made, fault);
  if (err == CF_OK)
    err = cf_thread_start(&made->thread, STACK_N, park_main, made, fault);
  if (err == CF_OK)
    *park = made;
  else
    park_free(made);
  return err;
}

void cf_park_stop(struct cf_park *park)
{
  uint64_t one = 1;

  if (park == NULL)
    return;
  atomic_store(&park->ended, true);
  (void)!write(park->bell, &one, sizeof one);
  pthread_join(park->thread, NULL);
  park_free(park);
}
