/* SPDX-License-Identifier: MIT */
/* The queue: requests wait, one of them leads a group into the ledger, and nobody is answered before the log is on disk.
 *
 * Whoever finds no leader leads. The leader takes what is waiting, commits it without sync, lets the next leader begin, and then flushes the log: Berkeley DB lets
 * concurrent flushes share an fsync. `durable` is the largest size committed before a flush that has returned. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/record/json.h"
#include "lib/store/parts.h"

#define GROUP_MAX 1024 /* requests a leader takes */

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

void cf_ledger_post(struct cf_ledger *l, struct cf_event *event)
{
  struct cf_queue *q = &l->queue;
  (void)pthread_mutex_lock(&q->lock);
  bool taken = q->posted_n < CF_POSTED_MAX;
  if (taken)
    q->posted[q->posted_n++] = *event;
  else
    q->posted_dropped++;
  (void)pthread_mutex_unlock(&q->lock);
  if (!taken)
    cf_event_fini(event);
  *event = (struct cf_event){0};
}

/* Posted events on their way, as an append of their own. */
struct posted {
  struct cf_append append;
  struct cf_event *event;
  const struct cf_event **pointer;
  size_t n;
};

static void posted_fini(struct posted *p)
{
  for (size_t i = 0; i < p->n; i++)
    cf_event_fini(&p->event[i]);
  free(p->event);
  free(p->pointer);
  free(p->append.places);
}

/* Under queue.lock. Without memory they stay where they are. */
static void posted_take(struct cf_queue *q, struct posted *p)
{
  *p = (struct posted){.n = 0};
  size_t n = q->posted_n;
  if (n == 0)
    return;
  p->event = malloc(n * sizeof *p->event);
  p->pointer = malloc(n * sizeof *p->pointer);
  p->append.places = calloc(n, sizeof *p->append.places);
  if (p->event == NULL || p->pointer == NULL || p->append.places == NULL)
    return;
  for (size_t i = 0; i < n; i++) {
    p->event[i] = q->posted[i];
    p->pointer[i] = &p->event[i];
  }
  p->n = n;
  p->append.n = n;
  p->append.events = p->pointer;
  q->posted_n = 0;
}

/* ---- leading ---- */

struct group {
  struct cf_waiter *waiter[GROUP_MAX];
  struct cf_append *append[GROUP_MAX + 1]; /* the waiters', and the posted ones' */
  size_t n, appends_n;
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

/* Under queue.lock: what waits, up to the limits, and at least one. */
static void group_take(struct cf_queue *q, struct group *g)
{
  size_t bytes = 0;
  g->n = g->appends_n = 0;
  while (q->head != NULL && g->n < GROUP_MAX && (g->n == 0 || bytes + q->head->bytes <= CF_GROUP_BYTES)) {
    struct cf_waiter *w = q->head;
    bytes += w->bytes;
    q->head = w->next;
    g->waiter[g->n++] = w;
    g->append[g->appends_n++] = w->append;
  }
  if (q->head == NULL)
    q->tail = &q->head;
  posted_take(q, &g->posted);
  if (g->posted.n > 0)
    g->append[g->appends_n++] = &g->posted.append;
}

/* Wait while the roller has too much before it. CF_E_SPACE when it can't get rid of it. */
static enum cf_err wait_for_roller(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->look);
  while (l->layout->tails_n > CF_TAILS_MAX && !l->roll_failed && !l->roller_gone)
    (void)pthread_cond_wait(&l->rolled, &l->look);
  bool stuck = l->layout->tails_n > CF_TAILS_MAX && l->roll_failed;
  (void)pthread_mutex_unlock(&l->look);
  return stuck ? CF_E_SPACE : CF_OK;
}

/* Commit the group, hand the lead on, flush, publish. */
static enum cf_err group_run(struct cf_ledger *l, struct group *g)
{
  enum cf_err err = wait_for_roller(l);
  uint64_t size = 0;
  if (err == CF_OK) {
    (void)pthread_mutex_lock(&l->commit);
    err = cf_plan_run(l, g->append, g->appends_n);
    size = l->size;
    (void)pthread_mutex_unlock(&l->commit);
  }
  if (err == CF_E_SPACE)
    cf_space_release(l);

  struct cf_queue *q = &l->queue;
  (void)pthread_mutex_lock(&q->lock);
  q->leading = false;
  if (q->head != NULL)
    (void)pthread_cond_signal(&q->head->wake);
  (void)pthread_mutex_unlock(&q->lock);

  if (err == CF_OK) {
    cf_bdb_flush(l->env);
    cf_publish(l, size);
  }
  for (size_t i = 0; i < g->n; i++)
    g->waiter[i]->append->size = size;
  return err;
}

/* Called with queue.lock held and no leader; returns with it held. */
static void lead(struct cf_ledger *l)
{
  struct cf_queue *q = &l->queue;
  struct group *g = malloc(sizeof *g);
  if (g == NULL) {
    q->head->err = CF_E_NOMEM; /* only the one that would lead fails */
    q->head->done = true;
    q->head = q->head->next;
    if (q->head == NULL)
      q->tail = &q->head;
    return;
  }
  q->leading = true;
  group_take(q, g);
  (void)pthread_mutex_unlock(&q->lock);
  enum cf_err err = group_run(l, g);
  posted_fini(&g->posted);
  (void)pthread_mutex_lock(&q->lock);
  for (size_t i = 0; i < g->n; i++) {
    g->waiter[i]->err = err;
    g->waiter[i]->done = true;
    (void)pthread_cond_signal(&g->waiter[i]->wake);
  }
  free(g);
}

/* With queue.lock held: wait until somebody carried w, or carry it. */
static void wait_or_lead(struct cf_ledger *l, struct cf_waiter *w)
{
  while (!w->done) {
    if (!l->queue.leading && l->queue.head == w)
      lead(l);
    else
      (void)pthread_cond_wait(&w->wake, &l->queue.lock);
  }
}

static enum cf_err enqueue(struct cf_ledger *l, struct cf_append *append, bool control)
{
  struct cf_queue *q = &l->queue;
  struct cf_waiter w = {.append = append, .bytes = append_bytes(append)};
  (void)pthread_cond_init(&w.wake, NULL);
  (void)pthread_mutex_lock(&q->lock);
  enum cf_err err = CF_OK;
  if (!control && atomic_load(&l->leaving))
    err = CF_E_LEAVING;
  else if (!control && !cf_space_ok(l))
    err = CF_E_SPACE;
  if (err == CF_OK) {
    q->inside++;
    *q->tail = &w;
    q->tail = &w.next;
    wait_or_lead(l, &w);
    err = w.err;
    if (--q->inside == 0)
      (void)pthread_cond_broadcast(&q->idle);
  }
  (void)pthread_mutex_unlock(&q->lock);
  (void)pthread_cond_destroy(&w.wake);
  return err;
}

enum cf_err cf_ledger_append(struct cf_ledger *ledger, struct cf_append *append)
{
  return enqueue(ledger, append, false);
}

void cf_append_posted(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->queue.lock);
  bool any = l->queue.posted_n > 0;
  (void)pthread_mutex_unlock(&l->queue.lock);
  struct cf_append nothing = {.n = 0};
  if (any && enqueue(l, &nothing, true) != CF_OK)
    cf_log(CF_LOG_WARNING, "records of access or loss could not be written");
}

/* ---- the log's own records ---- */

enum cf_err cf_service_event(const char *software, const char *what, struct cf_event *event)
{
  struct cf_builder *b = NULL;
  enum cf_err err = cf_builder_new(CF_K_SERVICE, &b);
  if (err != CF_OK)
    return err;
  struct cf_buf body;
  cf_buf_init(&body, 1024);
  cf_buf_putc(&body, '{');
  cf_json_put_member(&body, "software", cf_str_from(software));
  cf_json_put_member(&body, "what", cf_str_from(what));
  cf_buf_putc(&body, '}');
  cf_builder_set_body(b, cf_buf_str(&body));
  err = body.err != CF_OK ? body.err : cf_builder_end(b, event, NULL);
  cf_buf_fini(&body);
  cf_builder_free(b);
  return err;
}

enum cf_err cf_append_service(struct cf_ledger *l, const char *what)
{
  struct cf_event event = {0};
  enum cf_err err = cf_service_event(l->software, what, &event);
  if (err != CF_OK)
    return err;
  const struct cf_event *pointer = &event;
  struct cf_place place;
  struct cf_append append = {.events = &pointer, .n = 1, .places = &place};
  err = enqueue(l, &append, true);
  cf_event_fini(&event);
  return err;
}
