/* SPDX-License-Identifier: MIT */
/* The queue: requests wait, one of them leads a group into the ledger, and
 * nobody is answered before the log is on disk.
 *
 * A leader takes what is waiting, commits it without sync, flushes the log and
 * answers all of it. The next one begins when the flush has returned, so that
 * what came meanwhile shares a transaction and an fsync, or at once when a lot
 * is waiting: then it commits while this one flushes. `durable` is the largest
 * size committed before a flush that has returned. A waiter sleeps on a
 * semaphore of its own, and needs no lock when it is woken. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"
#include "lib/record/control.h"
#include "lib/record/source.h"

#define GROUP_MAX 1024 /* requests a leader takes */
/* so much text waiting is committed while the group before it flushes */
#define AHEAD_BYTES (128u << 10)

enum cf_err cf_queue_init(struct cf_queue *queue)
{
  memset(queue, 0, sizeof *queue);
  (void)pthread_mutex_init(&queue->lock, NULL);
  (void)pthread_cond_init(&queue->idle, NULL);
  queue->tail = &queue->head;
  queue->posted = calloc(CF_POSTED_MAX, sizeof *queue->posted);
  return queue->posted == NULL ? CF_E_NOMEM : CF_OK;
}

void cf_queue_fini(struct cf_queue *queue)
{
  for (size_t i = 0; i < queue->posted_n; i++)
    cf_event_fini(&queue->posted[i]);
  free(queue->posted);
  (void)pthread_cond_destroy(&queue->idle);
  (void)pthread_mutex_destroy(&queue->lock);
}

/* ---- what was posted ---- */

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

/* Posted events on their way, as an append of their own; the last one tells of
 * those that were dropped, if any were. */
struct posted {
  struct cf_append append;
  struct cf_intake intake;
  struct cf_event *event;
  const struct cf_event **pointer;
  size_t n;
  struct cf_control_tally dropped;
};

static void posted_fini(struct posted *p)
{
  for (size_t i = 0; i < p->n; i++)
    cf_event_fini(&p->event[i]);
  free(p->event);
  free(p->pointer);
  free(p->append.places);
  cf_event_keys_fini(&p->intake.keys);
}

/* Under queue.lock: the loss of what was dropped becomes one of them. */
static void posted_tell_dropped(struct cf_queue *q, struct posted *p)
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

/* Under queue.lock. Without memory they stay where they are. */
static void posted_take(struct cf_queue *q, struct posted *p)
{
  *p = (struct posted){.append.by = CF_BY_LEDGER};
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

/* Under queue.lock: they could not be written. Nobody waits who could try
 * again, and one that cannot be taken must not fail the next group too. */
static void posted_drop(struct cf_queue *q, const struct posted *p)
{
  bool told = p->dropped.count > 0;
  if (told) {
    q->dropped.first_us = p->dropped.first_us; /* earlier than what came meanwhile */
    q->dropped.count += p->dropped.count;
  }
  if (p->n > told)
    drop_posted(q, p->n - told);
}

/* ---- waiting ---- */

/* Unlock the queue, and let the first one that waits lead, if it is time. It is
 * woken without the lock, which it takes at once. */
static void queue_release(struct cf_queue *q)
{
  struct cf_waiter *next = NULL;
  if (!q->leading && q->head != NULL && (q->flushing == 0 || q->bytes >= AHEAD_BYTES)) {
    next = q->head;
    next->leads = true;
    q->leading = true;
  }
  (void)pthread_mutex_unlock(&q->lock);
  if (next != NULL)
    (void)sem_post(&next->wake);
}

/* Under queue.lock: n have their answer. */
static void queue_leave(struct cf_queue *q, size_t n)
{
  q->inside -= (unsigned)n;
  if (q->inside == 0)
    (void)pthread_cond_broadcast(&q->idle);
}

static void sleep_until_woken(struct cf_waiter *w)
{
  while (sem_wait(&w->wake) != 0)
    ;
}

/* ---- leading ---- */

struct group {
  struct cf_waiter *waiter[GROUP_MAX];
  const struct cf_intake *intake[GROUP_MAX + 1]; /* the waiters', and the posted ones' */
  size_t n, intakes_n;
  struct posted posted;
};

static size_t event_bytes(const struct cf_event *e)
{
  size_t n = e->record.public_text.n;
  for (unsigned c = 0; c < CF_C_N; c++)
    n += e->record.payload[c].n;
  return n;
}

static size_t append_bytes(const struct cf_append *a)
{
  size_t n = 0;
  for (size_t i = 0; i < a->n; i++)
    n += event_bytes(a->events[i]);
  return n;
}

/* Under queue.lock. */
static struct cf_waiter *waiter_take(struct cf_queue *q)
{
  struct cf_waiter *w = q->head;
  q->head = w->next;
  if (q->head == NULL)
    q->tail = &q->head;
  q->bytes -= w->bytes;
  return w;
}

/* Under queue.lock: what waits, up to the limits, and at least one. */
static void group_take(struct cf_queue *q, struct group *g)
{
  size_t bytes = 0;
  g->n = g->intakes_n = 0;
  while (q->head != NULL && g->n < GROUP_MAX &&
         (g->n == 0 || bytes + q->head->bytes <= CF_GROUP_BYTES)) {
    struct cf_waiter *w = waiter_take(q);
    bytes += w->bytes;
    g->waiter[g->n++] = w;
    g->intake[g->intakes_n++] = &w->intake;
  }
  posted_take(q, &g->posted);
  if (g->posted.n > 0)
    g->intake[g->intakes_n++] = &g->posted.intake;
}

/* Does it tell of reads only, for which the reserve is not? */
static bool is_of_readers(const struct group *g)
{
  for (size_t i = 0; i < g->intakes_n; i++)
    if (g->intake[i]->append->by != CF_BY_READER)
      return false;
  return true;
}

static enum cf_err group_commit(struct cf_ledger *l, struct group *g, uint64_t *size)
{
  struct posted *posted = &g->posted;
  enum cf_err err = CF_OK;
  if (posted->n > 0)
    err = cf_event_keys_make(l, posted->pointer, posted->n, &posted->intake.keys);
  if (err == CF_OK) {
    (void)pthread_mutex_lock(&l->commit);
    err = cf_plan_run(l, g->intake, g->intakes_n);
    *size = l->size;
    (void)pthread_mutex_unlock(&l->commit);
  }
  if (err == CF_E_SPACE && !is_of_readers(g))
    (void)cf_space_release(l);
  return err;
}

/* What is committed goes to disk, while the next group may be committed. */
static void group_flush(struct cf_ledger *l, uint64_t size)
{
  struct cf_queue *q = &l->queue;
  (void)pthread_mutex_lock(&q->lock);
  q->leading = false;
  q->flushing++;
  queue_release(q);
  cf_bdb_flush(l->env);
  cf_publish(l, size);
  (void)pthread_mutex_lock(&q->lock);
  q->flushing--;
}

/* Commit, flush, publish, hand the lead on. */
static enum cf_err group_run(struct cf_ledger *l, struct group *g)
{
  uint64_t size = 0;
  enum cf_err err = group_commit(l, g, &size);
  if (err == CF_OK) {
    group_flush(l, size);
  } else {
    (void)pthread_mutex_lock(&l->queue.lock);
    l->queue.leading = false;
    posted_drop(&l->queue, &g->posted);
  }
  for (size_t i = 0; i < g->n; i++)
    g->intake[i]->append->size = size;
  queue_leave(&l->queue, g->n);
  queue_release(&l->queue);
  return err;
}

/* Without memory for a group only the one that would lead fails. */
static enum cf_err group_lead_not(struct cf_queue *q)
{
  (void)waiter_take(q);
  q->leading = false;
  queue_leave(q, 1);
  queue_release(q);
  return CF_E_NOMEM;
}

/* By the first one that waits, who is in the group that it leads. The others
 * are woken when nothing of the ledger is needed any more. */
static enum cf_err group_lead(struct cf_ledger *l, const struct cf_waiter *leader)
{
  struct group *g = malloc(sizeof *g);
  (void)pthread_mutex_lock(&l->queue.lock);
  if (g == NULL)
    return group_lead_not(&l->queue);
  group_take(&l->queue, g);
  (void)pthread_mutex_unlock(&l->queue.lock);
  enum cf_err err = group_run(l, g);
  posted_fini(&g->posted);
  for (size_t i = 0; i < g->n; i++) {
    if (g->waiter[i] == leader)
      continue;
    g->waiter[i]->err = err;
    (void)sem_post(&g->waiter[i]->wake);
  }
  free(g);
  return err;
}

static bool brings_events(const struct cf_append *a)
{
  for (size_t i = 0; i < a->n; i++)
    if (a->events[i]->record.kind == CF_K_EVENT)
      return true;
  return false;
}

/* Under queue.lock: may an append begin? What is no client's event may use the
 * last space: a token must be revocable. */
static enum cf_err append_admit(struct cf_ledger *l, const struct cf_append *a)
{
  if (a->by != CF_BY_LEDGER && atomic_load(&l->leaving))
    return CF_E_LEAVING;
  if (a->by == CF_BY_READER)
    return cf_space_reads_ok(l) ? CF_OK : CF_E_SPACE;
  return !brings_events(a) || cf_space_ok(l) ? CF_OK : CF_E_SPACE;
}

/* Do too many frozen generations wait, or too large ones? */
static bool roller_is_behind(const struct cf_layout *layout)
{
  size_t memory = 0;
  for (size_t i = 0; i + 1 < layout->tails_n; i++)
    memory += cf_tail_memory(layout->tails[i]);
  return layout->tails_n > CF_TAILS_MAX || memory > CF_FROZEN_MEMORY_MAX;
}

/* Wait while the roller has too much before it. CF_E_SPACE when it cannot get
 * rid of it. Not for the ledger's own threads: it is one of them, and needs no
 * more than a record for each generation that it gets rid of. */
static enum cf_err wait_for_roller(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->look);
  while (roller_is_behind(l->layout) && !l->roll_failed && !l->roller_gone)
    (void)pthread_cond_wait(&l->rolled, &l->look);
  bool stuck = roller_is_behind(l->layout) && l->roll_failed;
  (void)pthread_mutex_unlock(&l->look);
  return stuck ? CF_E_SPACE : CF_OK;
}

/* It counts as inside from here on, so that a ledger that leaves waits for
 * it. */
static enum cf_err queue_enter(struct cf_ledger *l, const struct cf_append *a)
{
  (void)pthread_mutex_lock(&l->queue.lock);
  enum cf_err err = append_admit(l, a);
  if (err == CF_OK)
    l->queue.inside++;
  (void)pthread_mutex_unlock(&l->queue.lock);
  if (err != CF_OK || a->by == CF_BY_LEDGER || (err = wait_for_roller(l)) == CF_OK)
    return err;
  (void)pthread_mutex_lock(&l->queue.lock);
  queue_leave(&l->queue, 1);
  (void)pthread_mutex_unlock(&l->queue.lock);
  return err;
}

static enum cf_err wait_in_queue(struct cf_ledger *l, struct cf_waiter *w)
{
  struct cf_queue *q = &l->queue;
  (void)sem_init(&w->wake, 0, 0);
  (void)pthread_mutex_lock(&q->lock);
  q->bytes += w->bytes;
  *q->tail = w;
  q->tail = &w->next;
  queue_release(q);
  sleep_until_woken(w);
  enum cf_err err = w->leads ? group_lead(l, w) : w->err;
  (void)sem_destroy(&w->wake);
  return err;
}

/* All that can be done without a lock is done before. */
enum cf_err cf_ledger_append(struct cf_ledger *l, struct cf_append *append)
{
  if (l->signer == NULL)
    return append->by == CF_BY_READER ? CF_OK : CF_E_NOTREADY;
  struct cf_waiter w = {.intake.append = append, .bytes = append_bytes(append)};
  enum cf_err err = cf_event_keys_make(l, append->events, append->n, &w.intake.keys);
  if (err == CF_OK)
    err = queue_enter(l, append);
  if (err == CF_OK)
    err = wait_in_queue(l, &w);
  cf_event_keys_fini(&w.intake.keys);
  return err;
}

bool cf_ledger_reads_ok(struct cf_ledger *l)
{
  if (l->signer == NULL) /* a copy, in which nothing is written */
    return true;
  (void)pthread_mutex_lock(&l->queue.lock);
  bool ok = cf_space_reads_ok(l);
  (void)pthread_mutex_unlock(&l->queue.lock);
  return ok;
}

void cf_append_posted(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->queue.lock);
  bool any = l->queue.posted_n > 0 || l->queue.dropped.count > 0;
  (void)pthread_mutex_unlock(&l->queue.lock);
  static struct cf_log_rate rate;
  struct cf_append nothing = {.by = CF_BY_LEDGER};
  if (any && cf_ledger_append(l, &nothing) != CF_OK)
    cf_log_rated(&rate, CF_LOG_WARNING, "records of access or loss could not be written");
}

/* ---- the log's own records ---- */

enum cf_err cf_append_service(struct cf_ledger *l, const char *what)
{
  struct cf_event event = {0};
  enum cf_err err = cf_control_service(l->software, what, &event);
  if (err != CF_OK)
    return err;
  const struct cf_event *pointer = &event;
  struct cf_place place;
  struct cf_append append = {.by = CF_BY_LEDGER, .events = &pointer, .n = 1, .places = &place};
  err = cf_ledger_append(l, &append);
  cf_event_fini(&event);
  return err;
}
