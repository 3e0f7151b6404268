/* SPDX-License-Identifier: MIT */
/* Events that wait for the next group with nobody waiting for them, and the
 * loss of those that found no room. */
#include "config.h"

#include <stdlib.h>

#include "lib/ledger/ledger_in.h"
#include "lib/record/control.h"
#include "lib/record/source.h"

/* Under queue.lock: n that were posted are no more. */
static void drop_posted(struct cf_queue *q, uint64_t n)
{
  int64_t now = cf_clock_now_us();
  if (q->dropped.count == 0)
    q->dropped.first_us = now;
  q->dropped.last_us = now;
  q->dropped.count += n;
  q->posted_dropped += n;
}

void cf_ledger_post(struct cf_ledger *l, struct cf_event *event)
{
  struct cf_queue *q = &l->queue;
  (void)pthread_mutex_lock(&q->lock);
  bool taken = q->posted_n < CF_POSTED_MAX;
  if (taken)
    q->posted[q->posted_n++] = *event;
  else
    drop_posted(q, 1);
  (void)pthread_mutex_unlock(&q->lock);
  if (!taken)
    cf_event_fini(event);
  *event = (struct cf_event){0};
}

void cf_posted_fini(struct cf_posted *p)
{
  for (size_t i = 0; i < p->n; i++)
    cf_event_fini(&p->event[i]);
  free(p->event);
  free(p->pointer);
  free(p->append.places);
  cf_event_keys_fini(&p->intake.keys);
}

/* Under queue.lock: the loss of what was dropped becomes one of them. */
static void posted_tell_dropped(struct cf_queue *q, struct cf_posted *p)
{
  q->dropped.reason = "many";
  if (q->dropped.count == 0 ||
      cf_control_loss(CF_STR(CF_SOURCE_OWN), &q->dropped, &p->event[p->n], NULL) != CF_OK)
    return;
  p->pointer[p->n] = &p->event[p->n];
  p->n++;
  p->dropped = q->dropped;
  q->dropped.count = 0;
}

void cf_posted_take(struct cf_queue *q, struct cf_posted *p)
{
  *p = (struct cf_posted){.append.by = CF_BY_LEDGER};
  if (q->posted_n == 0 && q->dropped.count == 0)
    return;
  size_t n = q->posted_n + 1;
  p->event = malloc(n * sizeof *p->event);
  p->pointer = malloc(n * sizeof *p->pointer);
  p->append.places = calloc(n, sizeof *p->append.places);
  if (p->event == NULL || p->pointer == NULL || p->append.places == NULL)
    return;
  for (; p->n < q->posted_n; p->n++) {
    p->event[p->n] = q->posted[p->n];
    p->pointer[p->n] = &p->event[p->n];
  }
  q->posted_n = 0;
  posted_tell_dropped(q, p);
  p->append.n = p->n;
  p->append.events = p->pointer;
  p->intake.append = &p->append;
}

void cf_posted_drop(struct cf_queue *q, const struct cf_posted *p)
{
  bool told = p->dropped.count > 0;
  if (told) {
    q->dropped.first_us = p->dropped.first_us; /* earlier than what came meanwhile */
    q->dropped.count += p->dropped.count;
  }
  if (p->n > told)
    drop_posted(q, p->n - told);
}
