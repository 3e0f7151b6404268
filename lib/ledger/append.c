/* SPDX-License-Identifier: MIT */
/* The queue: requests wait, one of them leads a group into the ledger, and
 * nobody is answered before the log is on disk.
 *
 * A leader takes what is waiting, commits it without sync, flushes the log and
 * answers all of it. The next one begins when the flush has returned, so that
 * what came meanwhile shares a transaction and an fsync, or at once when a lot
 * is waiting: then it commits while this one flushes. `durable` is the largest
 * size committed before a flush that has returned.
 *
 * A waiter sleeps on a semaphore of its own, and needs no lock when it is
 * woken; or it left word what to call, and its thread is elsewhere. Where it is
 * time to lead, the first one that waits is woken for it. Where that one does
 * not sleep, whoever enters the queue next leads, or one of the lookers: those
 * who led without an answer of their own to bring, and look again when they
 * have answered all of their group. Who finds none stays, and is one when it
 * has its answer; so nobody who only reads the ledger is kept leading. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ledger/ledger_in.h"

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

/* ---- waiting ---- */

/* Under queue.lock: is it time for somebody to lead? */
static bool lead_is_due(const struct cf_queue *q)
{
  return !q->leading && q->head != NULL && (q->flushing == 0 || q->bytes >= AHEAD_BYTES);
}

/* Under queue.lock: the caller leads, if it is time and the first one that
 * waits does not sleep. */
static bool lead_take(struct cf_queue *q)
{
  if (!lead_is_due(q) || q->head->sleeps)
    return false;
  q->leading = true;
  return true;
}

/* Unlock the queue, and let the first one that waits lead, if it is time and it
 * sleeps. It is woken without the lock, which it takes at once. */
static void queue_release(struct cf_queue *q)
{
  struct cf_waiter *next = NULL;
  if (lead_is_due(q) && q->head->sleeps) {
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

/* ---- answering ---- */

/* Of this thread: those that are to be called. An answer may append, and lead a
 * group for it: whom that answers is called here, not from inside, and behind
 * those that are here already. */
static _Thread_local struct {
  struct cf_waiter *first, *last; /* last: where there is a first */
  bool giving;
  bool looks; /* this thread is one of the queue's lookers */
} answers;

static void waiter_answer(struct cf_waiter *w, enum cf_err err)
{
  w->err = err;
  if (w->sleeps) {
    (void)sem_post(&w->wake);
    return;
  }
  w->next = NULL;
  *(answers.first == NULL ? &answers.first : &answers.last->next) = w;
  answers.last = w;
}

static void waiter_call(struct cf_waiter *w)
{
  struct cf_waiter called = *w;
  cf_event_keys_fini(&w->intake.keys);
  free(w);
  if (called.err == CF_E_SPACE)
    cf_space_tell(called.ledger);
  called.done(called.context, called.err);
}

static void answers_give(void)
{
  struct cf_waiter *w;
  if (answers.giving)
    return;
  answers.giving = true;
  while ((w = answers.first) != NULL) {
    answers.first = w->next;
    waiter_call(w);
  }
  answers.giving = false;
}

/* ---- leading ---- */

struct group {
  struct cf_waiter *first; /* linked */
  size_t n, intakes_n;
  struct cf_posted posted;
  const struct cf_intake *intake[]; /* the waiters', and the posted ones' */
};

/* Under queue.lock: with room for all that it may take. NULL: no memory. */
static struct group *group_new(const struct cf_queue *q)
{
  size_t n = (q->waiting < GROUP_MAX ? q->waiting : GROUP_MAX) + 1;
  return malloc(sizeof(struct group) + n * sizeof(const struct cf_intake *));
}

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
  q->waiting--;
  q->bytes -= w->bytes;
  q->staying -= w->looks;
  q->lookers += w->looks;
  return w;
}

/* Under queue.lock: what waits, up to the limits, and at least one. */
static void group_take(struct cf_queue *q, struct group *g)
{
  struct cf_waiter **end = &g->first;
  size_t bytes = 0;
  g->n = g->intakes_n = 0;
  while (q->head != NULL && g->n < GROUP_MAX &&
         (g->n == 0 || bytes + q->head->bytes <= CF_GROUP_BYTES)) {
    struct cf_waiter *w = waiter_take(q);
    bytes += w->bytes;
    g->intake[g->intakes_n++] = &w->intake;
    g->n++;
    *end = w;
    end = &w->next;
  }
  *end = NULL;
  cf_posted_take(q, &g->posted);
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
  struct cf_posted *posted = &g->posted;
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
static enum cf_err group_flush(struct cf_ledger *l, uint64_t size)
{
  struct cf_queue *q = &l->queue;
  (void)pthread_mutex_lock(&q->lock);
  q->leading = false;
  q->flushing++;
  queue_release(q);
  cf_bdb_flush(l->env);
  bool holds = cf_ground_holds(l);
  if (holds)
    cf_publish(l, size);
  (void)pthread_mutex_lock(&q->lock);
  q->flushing--;
  return holds ? CF_OK : CF_E_NOTREADY;
}

/* Commit, flush, publish, hand the lead on. */
static enum cf_err group_run(struct cf_ledger *l, struct group *g)
{
  uint64_t size = 0;
  enum cf_err err = group_commit(l, g, &size);
  if (err == CF_OK) {
    err = group_flush(l, size);
  } else {
    (void)pthread_mutex_lock(&l->queue.lock);
    l->queue.leading = false;
    cf_posted_drop(&l->queue, &g->posted);
  }
  for (size_t i = 0; i < g->n; i++)
    g->intake[i]->append->size = size;
  queue_leave(&l->queue, g->n);
  queue_release(&l->queue);
  return err;
}

/* Without memory for a group only the one that would lead fails. */
static void group_lead_not(struct cf_queue *q)
{
  struct cf_waiter *w = waiter_take(q);
  q->leading = false;
  queue_leave(q, 1);
  queue_release(q);
  waiter_answer(w, CF_E_NOMEM);
}

/* Its waiters get their answers when nothing of the ledger is needed any
 * more. */
static void group_lead(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->queue.lock);
  struct group *g = group_new(&l->queue);
  if (g == NULL) {
    group_lead_not(&l->queue);
    return;
  }
  group_take(&l->queue, g);
  (void)pthread_mutex_unlock(&l->queue.lock);
  enum cf_err err = group_run(l, g);
  cf_posted_fini(&g->posted);
  for (struct cf_waiter *w = g->first, *next; w != NULL; w = next) {
    next = w->next; /* it may be gone once it is answered */
    waiter_answer(w, err);
  }
  free(g);
}

static void lead_once(struct cf_ledger *l)
{
  group_lead(l);
  answers_give();
}

/* Lead again while nobody else does. looks: the caller is one of lookers, until
 * it leaves; who is not has its own answer to bring, and leads again only where
 * there is none. */
static void queue_look(struct cf_ledger *l, bool looks)
{
  struct cf_queue *q = &l->queue;
  for (bool leads = true; leads;) {
    (void)pthread_mutex_lock(&q->lock);
    leads = (looks || q->lookers == 0) && lead_take(q);
    q->lookers -= looks && !leads;
    queue_release(q);
    if (leads)
      lead_once(l);
  }
}

/* Events of clients, or what they say of events that they have not? A loss that
 * this log itself has met is told by the ledger. */
static bool is_of_clients(const struct cf_append *a)
{
  for (size_t i = 0; i < a->n; i++) {
    enum cf_kind kind = a->events[i]->record.kind;
    if (kind == CF_K_EVENT || (kind == CF_K_LOSS && a->by == CF_BY_CALLER))
      return true;
  }
  return false;
}

/* Under queue.lock: may an append begin? What is not of clients may use the
 * last space: a token must be revocable. */
static enum cf_err append_admit(struct cf_ledger *l, const struct cf_append *a)
{
  if (cf_ledger_lost(l))
    return CF_E_NOTREADY;
  if (a->by != CF_BY_LEDGER && atomic_load(&l->leaving))
    return CF_E_LEAVING;
  if (a->by == CF_BY_READER)
    return cf_space_reads_ok(l) ? CF_OK : CF_E_SPACE;
  return !is_of_clients(a) || cf_space_ok(l) ? CF_OK : CF_E_SPACE;
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
 * more than a record for each generation that it gets rid of. Nor from inside
 * an answer: it may be the roller that brings it. */
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
  if (err != CF_OK || a->by == CF_BY_LEDGER || answers.giving ||
      (err = wait_for_roller(l)) == CF_OK)
    return err;
  (void)pthread_mutex_lock(&l->queue.lock);
  queue_leave(&l->queue, 1);
  (void)pthread_mutex_unlock(&l->queue.lock);
  return err;
}

enum cf_err cf_queue_begin(struct cf_ledger *l)
{
  const struct cf_append nothing = {.by = CF_BY_CALLER};
  return queue_enter(l, &nothing);
}

void cf_queue_end(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->queue.lock);
  queue_leave(&l->queue, 1);
  (void)pthread_mutex_unlock(&l->queue.lock);
}

/* Under queue.lock. */
static void waiter_push(struct cf_queue *q, struct cf_waiter *w)
{
  q->waiting++;
  q->bytes += w->bytes;
  *q->tail = w;
  q->tail = &w->next;
}

/* Until it has its answer. */
static void waiter_sleep(struct cf_ledger *l, struct cf_waiter *w)
{
  sleep_until_woken(w);
  if (w->leads) {
    lead_once(l);
    sleep_until_woken(w);
  }
  (void)sem_destroy(&w->wake);
}

static enum cf_err wait_in_queue(struct cf_ledger *l, struct cf_waiter *w)
{
  struct cf_queue *q = &l->queue;
  w->sleeps = true;
  w->looks = answers.looks;
  (void)sem_init(&w->wake, 0, 0);
  (void)pthread_mutex_lock(&q->lock);
  waiter_push(q, w);
  bool leads = lead_take(q);
  q->lookers -= w->looks; /* not while it sleeps */
  q->staying += w->looks;
  queue_release(q);
  if (leads) {
    lead_once(l);
    queue_look(l, false);
  }
  waiter_sleep(l, w);
  if (w->leads)
    queue_look(l, false);
  return w->err;
}

static void stay_in_queue(struct cf_ledger *l, struct cf_waiter *w)
{
  waiter_sleep(l, w);
  w->sleeps = false;
  waiter_answer(w, w->err);
  answers_give();
}

/* Leave word, where there is somebody who will look at the queue again; else be
 * the one. */
static void leave_in_queue(struct cf_ledger *l, struct cf_waiter *w)
{
  struct cf_queue *q = &l->queue;
  (void)sem_init(&w->wake, 0, 0);
  (void)pthread_mutex_lock(&q->lock);
  waiter_push(q, w);
  bool leads = lead_take(q);
  bool stays = !leads && q->lookers + q->staying == 0;
  w->sleeps = w->looks = stays;
  q->lookers += leads;
  q->staying += stays;
  queue_release(q);
  if (!leads && !stays)
    return;
  bool looked = answers.looks; /* this is in an answer */
  answers.looks = true;
  if (leads)
    lead_once(l);
  else
    stay_in_queue(l, w);
  queue_look(l, true);
  answers.looks = looked;
}

/* All that can be done without a lock is done before. */
static enum cf_err waiter_begin(struct cf_ledger *l, struct cf_append *append, struct cf_waiter *w)
{
  *w = (struct cf_waiter){.intake.append = append, .bytes = append_bytes(append)};
  enum cf_err err = cf_event_keys_make(l, append->events, append->n, &w->intake.keys);
  if (err == CF_OK)
    err = queue_enter(l, append);
  if (err == CF_E_SPACE)
    cf_space_tell(l);
  return err;
}

enum cf_err cf_ledger_append(struct cf_ledger *l, struct cf_append *append)
{
  if (l->signer == NULL)
    return append->by == CF_BY_READER ? CF_OK : CF_E_NOTREADY;
  struct cf_waiter w;
  enum cf_err err = waiter_begin(l, append, &w);
  if (err == CF_OK) {
    err = wait_in_queue(l, &w);
    if (err == CF_E_SPACE)
      cf_space_tell(l);
  }
  cf_event_keys_fini(&w.intake.keys);
  return err;
}

enum cf_err cf_ledger_append_then(struct cf_ledger *l, struct cf_append *append,
                                  void (*done)(void *context, enum cf_err err), void *context)
{
  if (l->signer == NULL)
    return CF_E_NOTREADY;
  struct cf_waiter *w = malloc(sizeof *w);
  if (w == NULL)
    return CF_E_NOMEM;
  enum cf_err err = waiter_begin(l, append, w);
  if (err != CF_OK) {
    cf_event_keys_fini(&w->intake.keys);
    free(w);
    return err;
  }
  w->ledger = l;
  w->done = done;
  w->context = context;
  leave_in_queue(l, w);
  return CF_OK;
}
