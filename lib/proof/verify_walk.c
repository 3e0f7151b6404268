/* SPDX-License-Identifier: MIT */
/* The threads: workers take tiles in order out of a bounded ring, the caller's
 * thread folds them in order. With DEEP the tile that begins a file takes long,
 * as the source's indexes of all of the file are held against its records with
 * it: such far tiles have a ring of their own, and are begun ahead of their
 * turn where there is nothing nearer to do, so that several files are judged
 * side by side. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/thread.h"
#include "lib/proof/verify_in.h"

#define PROGRESS_US 100000
#define AWAIT_NS    20000000 /* longer than that it does not wait for a tile in its turn */
#define CLAIMS_MAX  ((size_t)CF_TILE_W * (CF_LEAF_MAX + 1))

struct walk {
  struct cf_verify_run *run;
  struct cf_tile_report *ring;
  size_t ring_n;
  uint64_t first, tiles; /* where it begins, and how many there are */
  struct cf_tile_report *far_ring;
  size_t far_ring_n;
  uint64_t *far; /* which tiles are far, ascending */
  size_t far_n, far_cap;
  pthread_mutex_t mutex; /* guards what follows, and the ring's `done` */
  pthread_cond_t taken;  /* a tile was folded, or stop */
  pthread_cond_t done;   /* a tile was checked, or a worker failed */
  uint64_t next;         /* tile to be checked, … */
  size_t passed;         /* … and how many far ones are before it */
  uint64_t folded;       /* tiles, … */
  size_t far_folded;     /* … and far ones of them */
  size_t far_next;       /* far tile to be checked */
  unsigned far_busy;     /* far ones that are being checked */
  bool stop;
  enum cf_err err; /* of a worker that could not begin */
};

/* ---- workers ---- */

static bool is_far(const struct walk *w, const struct cf_tile_report *tile)
{
  return tile >= w->far_ring && tile < w->far_ring + w->far_ring_n;
}

/* Where the report of the tile is that is folded next. */
static struct cf_tile_report *awaited(const struct walk *w)
{
  bool far = w->far_folded < w->far_n && w->far[w->far_folded] == w->folded;
  return far ? &w->far_ring[w->far_folded % w->far_ring_n] : &w->ring[w->folded % w->ring_n];
}

static struct cf_tile_report *tile_set(const struct walk *w, struct cf_tile_report *tile,
                                       uint64_t i)
{
  tile->first = w->first + i * CF_TILE_W;
  uint64_t left = w->run->end - tile->first;
  tile->n = left < CF_TILE_W ? (size_t)left : CF_TILE_W;
  tile->last_one = left <= CF_TILE_W;
  return tile;
}

static struct cf_tile_report *far_take(struct walk *w)
{
  size_t k = w->far_next++;
  w->far_busy++;
  return tile_set(w, &w->far_ring[k % w->far_ring_n], w->far[k]);
}

/* What is there to do now: a far tile that was come to, else a near one, else a
 * far one ahead. NULL: nothing, as yet. */
static struct cf_tile_report *tile_choose(struct walk *w)
{
  for (; w->passed < w->far_n && w->far[w->passed] == w->next; w->passed++)
    w->next++;
  bool near = w->next < w->tiles && w->next < w->folded + w->ring_n;
  bool far = w->far_next < w->far_n && w->far_busy < w->far_ring_n &&
             w->far_next < w->far_folded + w->far_ring_n;
  if (far && (!near || w->far[w->far_next] < w->next))
    return far_take(w);
  return near ? tile_set(w, &w->ring[w->next % w->ring_n], w->next) : NULL;
}

/* The next tile to check, or NULL when there is nothing more to do. */
static struct cf_tile_report *tile_take(struct walk *w)
{
  struct cf_tile_report *tile = NULL;
  pthread_mutex_lock(&w->mutex);
  while (!w->stop && (w->next < w->tiles || w->far_next < w->far_n) &&
         (tile = tile_choose(w)) == NULL)
    pthread_cond_wait(&w->taken, &w->mutex);
  if (tile != NULL && !is_far(w, tile))
    w->next++;
  pthread_mutex_unlock(&w->mutex);
  return tile;
}

/* Only the tile whose turn it is to be folded is waited for. */
static void tile_give(struct walk *w, struct cf_tile_report *tile)
{
  bool far = is_far(w, tile);
  pthread_mutex_lock(&w->mutex);
  tile->done = true;
  w->far_busy -= far;
  bool wanted = tile == awaited(w);
  pthread_mutex_unlock(&w->mutex);
  if (wanted)
    pthread_cond_signal(&w->done);
  if (far)
    pthread_cond_broadcast(&w->taken);
}

static void worker_failed(struct walk *w, enum cf_err err)
{
  pthread_mutex_lock(&w->mutex);
  if (w->err == CF_OK)
    w->err = err;
  w->stop = true;
  pthread_cond_broadcast(&w->taken);
  pthread_cond_signal(&w->done);
  pthread_mutex_unlock(&w->mutex);
}

static void *worker_main(void *context)
{
  struct walk *w = context;
  const struct cf_verify_source *source = w->run->source;
  struct cf_verify_leaf *leaves = malloc(CF_TILE_W * sizeof *leaves);
  void *scratch = NULL;
  enum cf_err err = leaves ? source->worker_new(source->context, &scratch) : CF_E_NOMEM;
  if (err != CF_OK) {
    worker_failed(w, err);
  } else {
    for (struct cf_tile_report *tile; (tile = tile_take(w)) != NULL; tile_give(w, tile))
      cf_tile_check(source, w->run->job->mode, scratch, leaves, tile);
    source->worker_free(source->context, scratch);
  }
  free(leaves);
  return NULL;
}

/* Start up to n workers. Fewer are enough; none is CF_E_SYSTEM. */
static enum cf_err workers_start(struct walk *w, pthread_t *threads, unsigned n, unsigned *started)
{
  enum cf_err err = CF_OK;
  struct cf_fault fault = {"", ""};
  *started = 0;
  while (err == CF_OK && *started < n) {
    err = cf_thread_start(&threads[*started], 0, worker_main, w, &fault);
    *started += err == CF_OK;
  }
  return *started > 0 ? CF_OK : cf_fail(w->run->fault, err, fault.at, "%s", fault.detail);
}

/* ---- the folding side ---- */

static struct timespec await_end(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_nsec += AWAIT_NS;
  t.tv_sec += t.tv_nsec / 1000000000;
  t.tv_nsec %= 1000000000;
  return t;
}

/* Wait for the next tile; gives the error of a worker that failed instead. What
 * the workers do is done in the walk's turn, but a tile that takes long (a
 * whole index) leaves it to others. */
static enum cf_err tile_await(struct walk *w, struct cf_tile_report **tile)
{
  struct cf_tile_report *t = awaited(w); /* only this thread moves that on */
  enum cf_err err = cf_turn_work(w->run->job->turn);
  if (err != CF_OK)
    return err;
  pthread_mutex_lock(&w->mutex);
  struct timespec end = await_end();
  int rc = 0;
  while (!t->done && w->err == CF_OK && rc != ETIMEDOUT)
    rc = pthread_cond_timedwait(&w->done, &w->mutex, &end);
  if (rc == ETIMEDOUT)
    cf_turn_rest(w->run->job->turn);
  while (!t->done && w->err == CF_OK)
    pthread_cond_wait(&w->done, &w->mutex);
  err = w->err;
  pthread_mutex_unlock(&w->mutex);
  if (err == CF_OK)
    *tile = t;
  return err;
}

static void tile_release(struct walk *w, struct cf_tile_report *tile)
{
  pthread_mutex_lock(&w->mutex);
  tile->done = false;
  w->folded++;
  w->far_folded += is_far(w, tile);
  pthread_mutex_unlock(&w->mutex);
  pthread_cond_broadcast(&w->taken);
}

static void workers_stop(struct walk *w)
{
  pthread_mutex_lock(&w->mutex);
  w->stop = true;
  pthread_cond_broadcast(&w->taken);
  pthread_mutex_unlock(&w->mutex);
}

static void progress(const struct cf_verify_run *run, int64_t *told_us)
{
  int64_t now = cf_clock_mono_us();
  bool last = run->folded == run->end;
  if (!run->job->progress || (now - *told_us < PROGRESS_US && !last))
    return;
  *told_us = now;
  cf_turn_rest(run->job->turn);
  run->job->progress(run->job->progress_context, run->folded - run->first, run->end - run->first);
}

static enum cf_err fold_all(struct walk *w)
{
  struct cf_verify_run *run = w->run;
  int64_t told_us = run->start_us;
  for (uint64_t i = 0; i < w->tiles && !run->over; i++) {
    struct cf_tile_report *tile = NULL;
    if (i > 0 && cf_run_spent(run))
      return CF_OK;
    enum cf_err err = tile_await(w, &tile);
    if (err == CF_OK)
      err = cf_run_fold(run, tile);
    if (err != CF_OK)
      return err;
    tile_release(w, tile);
    progress(run, &told_us);
  }
  return CF_OK;
}

static enum cf_err ring_new(size_t n, struct cf_tile_report **ring)
{
  *ring = calloc(n, sizeof **ring);
  for (size_t i = 0; *ring != NULL && i < n; i++)
    cf_buf_init(&(*ring)[i].claims, CLAIMS_MAX);
  return *ring != NULL ? CF_OK : CF_E_NOMEM;
}

static void ring_free(struct cf_tile_report *ring, size_t n)
{
  for (size_t i = 0; ring != NULL && i < n; i++)
    cf_buf_fini(&ring[i].claims);
  free(ring);
}

/* A file begins there; one that cannot be in order is judged with the rest of
 * its tile. */
static enum cf_err far_add(struct walk *w, uint64_t first)
{
  uint64_t tile = (first - w->first) / CF_TILE_W;
  if (first % CF_TILE_W != 0 || (w->far_n > 0 && tile <= w->far[w->far_n - 1]))
    return CF_OK;
  if (w->far_n == w->far_cap) {
    size_t cap = w->far_cap == 0 ? 64 : 2 * w->far_cap;
    uint64_t *more = realloc(w->far, cap * sizeof *more);
    if (more == NULL)
      return CF_E_NOMEM;
    w->far = more;
    w->far_cap = cap;
  }
  w->far[w->far_n++] = tile;
  return CF_OK;
}

/* The tiles that begin a file, and the leaves of the largest. */
static enum cf_err far_find(struct walk *w, uint64_t *largest)
{
  const struct cf_verify_run *run = w->run;
  struct cf_verify_file file;
  enum cf_err err = CF_OK;
  if (run->job->mode != CF_VERIFY_DEEP || run->source->file == NULL)
    return CF_OK;
  for (size_t i = 0; err == CF_OK; i++) {
    err = run->source->file(run->source->context, i, &file);
    if (err != CF_OK || file.body.first < w->first || file.body.first >= run->end)
      continue;
    if (file.body.end - file.body.first > *largest)
      *largest = file.body.end - file.body.first;
    err = far_add(w, file.body.first);
  }
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static enum cf_err rings_new(struct walk *w, unsigned workers)
{
  uint64_t largest = 1;
  enum cf_err err = far_find(w, &largest);
  uint64_t files = w->run->job->indexed_at_once / largest;
  w->far_ring_n = files < 1 ? 1 : files < workers ? (size_t)files : workers;
  w->ring_n = 2 * (size_t)workers + 1;
  if (w->ring_n > w->tiles)
    w->ring_n = (size_t)w->tiles;
  if (err == CF_OK)
    err = ring_new(w->ring_n, &w->ring);
  return err == CF_OK ? ring_new(w->far_ring_n, &w->far_ring) : err;
}

static void rings_free(struct walk *w)
{
  ring_free(w->ring, w->ring_n);
  ring_free(w->far_ring, w->far_ring_n);
  free(w->far);
}

static unsigned workers_for(const struct cf_verify_run *run, uint64_t tiles)
{
  uint64_t n = run->job->workers < 1 ? 1 : run->job->workers;
  if (n > CF_VERIFY_WORKERS_MAX)
    n = CF_VERIFY_WORKERS_MAX;
  return (unsigned)(n < tiles ? n : tiles);
}

enum cf_err cf_run_walk(struct cf_verify_run *run)
{
  uint64_t leaves = run->end - run->folded;
  struct walk w = {.run = run,
                   .first = run->folded,
                   .tiles = leaves / CF_TILE_W + (leaves % CF_TILE_W > 0)};
  pthread_t threads[CF_VERIFY_WORKERS_MAX];
  pthread_condattr_t monotonic;
  unsigned started = 0, workers = workers_for(run, w.tiles);
  if (w.tiles == 0)
    return CF_OK;
  pthread_mutex_init(&w.mutex, NULL);
  pthread_cond_init(&w.taken, NULL);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&w.done, &monotonic);
  pthread_condattr_destroy(&monotonic);
  enum cf_err err = rings_new(&w, workers);
  if (err == CF_OK)
    err = workers_start(&w, threads, workers, &started);
  if (err == CF_OK)
    err = fold_all(&w);
  workers_stop(&w);
  for (unsigned i = 0; i < started; i++)
    pthread_join(threads[i], NULL);
  rings_free(&w);
  pthread_cond_destroy(&w.done);
  pthread_cond_destroy(&w.taken);
  pthread_mutex_destroy(&w.mutex);
  return err;
}
