/* SPDX-License-Identifier: MIT */
/* Workers that their peers let wait. */
#include "config.h"

#include "fcgi-app/door/fcgi_hold_in.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fcgi-app/door/socket.h"
#include "lib/base/clock.h"

/* Of so many workers one is kept for our health, of so many one for
 * writers. */
#define HEALTH_PART 16
#define WRITER_PART 8
#define CALLER_N    80

struct hold {
  int fd; /* -1: no request */
  bool waits;
  int how;                           /* of shutdown */
  int64_t since_us, slow_us, end_us; /* monotonic; it is slow from slow_us on */
  bool slow;
  enum cf_err verdict;
  char address[48]; /* as text; "uid N" where the web server tells none */
  char caller[CALLER_N];
};

struct cf_holds {
  pthread_mutex_t lock; /* over all of it */
  unsigned n, slow_n;
  unsigned slow_max, share; /* slow ones in all, and of one address or caller */
  bool ended;               /* nobody is waited for any more */
  struct hold v[];
};

enum cf_err cf_holds_new(unsigned workers, unsigned requests, struct cf_holds **holds)
{
  struct cf_holds *made = calloc(1, sizeof *made + requests * sizeof made->v[0]);
  unsigned kept = workers / HEALTH_PART + workers / WRITER_PART;

  if (made == NULL)
    return CF_E_NOMEM;
  made->n = requests;
  if (kept == 0 && workers > 1)
    kept = 1;
  made->slow_max = workers - kept;
  made->share = workers > 1 ? workers / 2 : 1;
  for (unsigned i = 0; i < requests; i++)
    made->v[i].fd = -1;
  pthread_mutex_init(&made->lock, NULL);
  *holds = made;
  return CF_OK;
}

void cf_holds_free(struct cf_holds *holds)
{
  if (holds == NULL)
    return;
  pthread_mutex_destroy(&holds->lock);
  free(holds);
}

/* ---- a worker's words ---- */

static void name_put(char out[CALLER_N], struct cf_str name)
{
  snprintf(out, CALLER_N, "%.*s", (int)name.n, name.n > 0 ? name.p : "");
}

void cf_hold_begin(struct cf_holds *holds, unsigned i, int fd, const char *address)
{
  struct hold made = {.fd = fd};
  unsigned uid = 0;

  if (address != NULL && address[0] != '\0')
    snprintf(made.address, sizeof made.address, "%s", address);
  else if (cf_socket_peer_uid(fd, &uid) == CF_OK)
    snprintf(made.address, sizeof made.address, "uid %u", uid);
  pthread_mutex_lock(&holds->lock);
  holds->v[i] = made;
  pthread_mutex_unlock(&holds->lock);
}

void cf_hold_end(struct cf_holds *holds, unsigned i)
{
  pthread_mutex_lock(&holds->lock);
  holds->slow_n -= holds->v[i].slow;
  holds->v[i] = (struct hold){.fd = -1};
  pthread_mutex_unlock(&holds->lock);
}

static void hold_wait(struct cf_holds *holds, unsigned i, int how, const struct cf_pace *pace,
                      struct cf_str caller)
{
  struct hold *h = &holds->v[i];
  int64_t now_us = cf_clock_mono_us();

  pthread_mutex_lock(&holds->lock);
  h->waits = true;
  h->verdict = CF_OK;
  h->how = how;
  h->since_us = now_us;
  h->slow_us = now_us + cf_pace_quick_us(pace);
  h->end_us = now_us + cf_pace_left_us(pace);
  if (h->caller[0] == '\0' && caller.n > 0)
    name_put(h->caller, caller);
  pthread_mutex_unlock(&holds->lock);
}

void cf_hold_read(struct cf_holds *holds, unsigned i, const struct cf_pace *pace,
                  struct cf_str caller)
{
  hold_wait(holds, i, SHUT_RD, pace, caller);
}

void cf_hold_write(struct cf_holds *holds, unsigned i, const struct cf_pace *pace,
                   struct cf_str caller)
{
  hold_wait(holds, i, SHUT_RDWR, pace, caller);
}

enum cf_err cf_hold_go(struct cf_holds *holds, unsigned i, struct cf_pace *pace)
{
  struct hold *h = &holds->v[i];
  int64_t now_us = cf_clock_mono_us();

  pthread_mutex_lock(&holds->lock);
  cf_pace_count(pace, now_us - h->since_us, 0);
  h->waits = false;
  enum cf_err verdict = h->verdict;
  pthread_mutex_unlock(&holds->lock);
  return verdict;
}

/* ---- who looks ---- */

/* Is there a place among the slow for one of that address and caller? */
static bool has_room(const struct cf_holds *holds, const char *address, const char *caller)
{
  unsigned of_address = 0, of_caller = 0;

  for (unsigned i = 0; i < holds->n; i++) {
    const struct hold *h = &holds->v[i];
    if (!h->slow)
      continue;
    of_address += strcmp(h->address, address) == 0;
    of_caller += caller[0] != '\0' && strcmp(h->caller, caller) == 0;
  }
  return holds->slow_n < holds->slow_max && of_address < holds->share && of_caller < holds->share;
}

bool cf_hold_crowded(struct cf_holds *holds, unsigned i, struct cf_str caller)
{
  char name[CALLER_N];

  name_put(name, caller);
  pthread_mutex_lock(&holds->lock);
  bool crowded = holds->slow_n > 0 && !has_room(holds, holds->v[i].address, name);
  pthread_mutex_unlock(&holds->lock);
  return crowded;
}

bool cf_hold_keep(struct cf_holds *holds, unsigned i, struct cf_str caller)
{
  struct hold *h = &holds->v[i];

  pthread_mutex_lock(&holds->lock);
  if (h->caller[0] == '\0' && caller.n > 0)
    name_put(h->caller, caller);
  if (!h->slow && has_room(holds, h->address, h->caller)) {
    h->slow = true;
    holds->slow_n++;
  }
  bool kept = h->slow && !holds->ended;
  pthread_mutex_unlock(&holds->lock);
  return kept;
}

/* The worker still has the connection: it is under the lock, and `waits` says
 * so. */
static void hold_stop(struct hold *h, enum cf_err verdict)
{
  h->verdict = verdict;
  h->waits = false;
  shutdown(h->fd, h->how);
}

void cf_holds_look(struct cf_holds *holds, int64_t now_us)
{
  pthread_mutex_lock(&holds->lock);
  for (unsigned i = 0; i < holds->n; i++) {
    struct hold *h = &holds->v[i];
    if (!h->waits)
      continue;
    if (now_us >= h->end_us || holds->ended) {
      hold_stop(h, CF_E_SLOW);
    } else if (!h->slow && now_us >= h->slow_us) {
      h->slow = has_room(holds, h->address, h->caller);
      holds->slow_n += h->slow;
      if (!h->slow)
        hold_stop(h, CF_E_CROWDED);
    }
  }
  pthread_mutex_unlock(&holds->lock);
}

void cf_holds_end(struct cf_holds *holds)
{
  pthread_mutex_lock(&holds->lock);
  holds->ended = true;
  pthread_mutex_unlock(&holds->lock);
}
