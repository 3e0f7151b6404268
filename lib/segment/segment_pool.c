/* SPDX-License-Identifier: MIT */
/* The pool of open segment files, and of filters, which stay when their files
 * are closed. */
#include "config.h"

#include "lib/segment/segment_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/segment/bloom_in.h"

#define FILE_CACHE  (1u << 20) /* wanted for each open file */
#define OPEN_MIN    4u
#define FILTERS_MIN (4u << 20) /* bytes */
#define CHECK_N     8

struct cf_segment_pool {
  pthread_mutex_t lock;
  char *directory;
  uint8_t key[16];
  uint64_t tag;
  uint64_t file_cache;
  unsigned max;
  unsigned n;                         /* files in the list */
  struct cf_segment *newest, *oldest; /* by use */
  struct cf_bloom_cache filters;
};

enum cf_err cf_segment_pool_new(const char *directory, uint64_t cache,
                                const uint8_t fingerprint_key[16], struct cf_segment_pool **out)
{
  struct cf_segment_pool *pool = calloc(1, sizeof *pool);
  uint64_t files = cache / 2 / FILE_CACHE;

  if (pool == NULL || (pool->directory = strdup(directory)) == NULL) {
    free(pool);
    return CF_E_NOMEM;
  }
  pthread_mutex_init(&pool->lock, NULL);
  memcpy(pool->key, fingerprint_key, sizeof pool->key);
  pool->tag = cf_id_fingerprint(fingerprint_key, CF_SEGMENT_TAG);
  pool->max = files < OPEN_MIN              ? OPEN_MIN
              : files > CF_SEGMENT_POOL_MAX ? CF_SEGMENT_POOL_MAX
                                            : (unsigned)files;
  pool->file_cache = cache / 2 / pool->max;
  cf_bloom_cache_init(&pool->filters, cache / 2 < FILTERS_MIN ? FILTERS_MIN : (size_t)(cache / 2));
  *out = pool;
  return CF_OK;
}

/* ---- the list of files ---- */

static void unlink_segment(struct cf_segment_pool *pool, struct cf_segment *s)
{
  *(s->newer != NULL ? &s->newer->older : &pool->newest) = s->older;
  *(s->older != NULL ? &s->older->newer : &pool->oldest) = s->newer;
  s->newer = s->older = NULL;
  pool->n--;
}

static void link_newest(struct cf_segment_pool *pool, struct cf_segment *s)
{
  s->older = pool->newest;
  s->newer = NULL;
  *(pool->newest != NULL ? &pool->newest->newer : &pool->oldest) = s;
  pool->newest = s;
  pool->n++;
}

/* The same file, believed for the same reason. */
static bool same_file(const struct cf_segment_meta *a, const struct cf_segment_meta *b)
{
  return a->first == b->first && a->end == b->end && a->generation == b->generation &&
         a->sworn == b->sworn && (!a->sworn || cf_equal(a->digest, b->digest, CF_HASH_N));
}

static struct cf_segment *find_segment(const struct cf_segment_pool *pool,
                                       const struct cf_segment_meta *meta)
{
  for (struct cf_segment *s = pool->newest; s != NULL; s = s->older)
    if (same_file(&s->meta, meta))
      return s;
  return NULL;
}

static struct cf_segment *segment_new(struct cf_segment_pool *pool,
                                      const struct cf_segment_meta *meta)
{
  struct cf_segment *s = calloc(1, sizeof *s);

  if (s == NULL)
    return NULL;
  s->meta = *meta;
  s->pool = pool;
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->opening, NULL);
  return s;
}

static void segment_free(struct cf_segment *s)
{
  cf_segment_close(s);
  pthread_mutex_destroy(&s->lock);
  pthread_mutex_destroy(&s->opening);
  free(s);
}

/* Those to be closed hang together by `older`; they are closed outside the
 * lock. */
static void segment_doom(struct cf_segment **doomed, struct cf_segment *s)
{
  s->older = *doomed;
  *doomed = s;
}

static void close_doomed(struct cf_segment *doomed)
{
  while (doomed != NULL) {
    struct cf_segment *s = doomed;
    doomed = s->older;
    segment_free(s);
  }
}

/* Out of the list; whoever still holds it closes it at the end. */
static void segment_detach(struct cf_segment_pool *pool, struct cf_segment *s,
                           struct cf_segment **doomed)
{
  unlink_segment(pool, s);
  s->detached = true;
  if (s->refs == 0)
    segment_doom(doomed, s);
}

static void pool_shrink(struct cf_segment_pool *pool, struct cf_segment **doomed)
{
  struct cf_segment *s = pool->oldest;

  while (s != NULL && pool->n > pool->max) {
    struct cf_segment *newer = s->newer;
    if (s->refs == 0)
      segment_detach(pool, s, doomed);
    s = newer;
  }
}

void cf_segment_pool_free(struct cf_segment_pool *pool)
{
  struct cf_segment *doomed = NULL;

  if (pool == NULL)
    return;
  while (pool->newest != NULL) {
    CF_ASSERT(pool->newest->refs == 0);
    segment_detach(pool, pool->newest, &doomed);
  }
  close_doomed(doomed);
  cf_bloom_cache_fini(&pool->filters);
  pthread_mutex_destroy(&pool->lock);
  free(pool->directory);
  free(pool);
}

/* ---- borrowing ---- */

/* Under the pool's lock: the segment's entry, held, opened or not. */
static struct cf_segment *segment_hold(struct cf_segment_pool *pool,
                                       const struct cf_segment_meta *meta,
                                       struct cf_segment **doomed)
{
  struct cf_segment *s = find_segment(pool, meta);

  if (s != NULL && atomic_load(&s->spent)) {
    segment_detach(pool, s, doomed);
    s = NULL;
  }
  if (s != NULL)
    unlink_segment(pool, s);
  else if ((s = segment_new(pool, meta)) == NULL)
    return NULL;
  link_newest(pool, s);
  s->refs++;
  pool_shrink(pool, doomed);
  return s;
}

/* The first holder opens the file, the others wait for what comes of it. */
static enum cf_err ensure_open(struct cf_segment_pool *pool, struct cf_segment *s)
{
  char name[64];

  pthread_mutex_lock(&s->opening);
  if (!s->tried) {
    cf_segment_name(&s->meta, name);
    s->err = cf_segment_open(s, pool->directory, name, pool->tag, pool->file_cache);
    if (s->err != CF_OK)
      atomic_store(&s->spent, true);
    s->tried = true;
  }
  enum cf_err err = s->err;
  pthread_mutex_unlock(&s->opening);
  return err;
}

/* Give a held segment, opened, or let go of it. */
static enum cf_err segment_give(struct cf_segment_pool *pool, struct cf_segment *s,
                                struct cf_segment **segment)
{
  if (s == NULL)
    return CF_E_NOMEM;
  enum cf_err err = ensure_open(pool, s);
  if (err != CF_OK) {
    cf_segment_release(pool, s);
    return err;
  }
  *segment = s;
  return CF_OK;
}

enum cf_err cf_segment_acquire(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                               struct cf_segment **segment)
{
  struct cf_segment *doomed = NULL;

  pthread_mutex_lock(&pool->lock);
  struct cf_segment *s = segment_hold(pool, meta, &doomed);
  pthread_mutex_unlock(&pool->lock);
  close_doomed(doomed);
  return segment_give(pool, s, segment);
}

/* It never comes into the list, so that nobody else finds it, and is closed
 * when it is let go. */
enum cf_err cf_segment_acquire_alone(struct cf_segment_pool *pool,
                                     const struct cf_segment_meta *meta,
                                     struct cf_segment **segment)
{
  struct cf_segment *s = segment_new(pool, meta);

  if (s != NULL) {
    s->refs = 1;
    s->detached = true;
  }
  return segment_give(pool, s, segment);
}

void cf_segment_release(struct cf_segment_pool *pool, struct cf_segment *s)
{
  struct cf_segment *doomed = NULL;

  pthread_mutex_lock(&pool->lock);
  CF_ASSERT(s->refs > 0);
  s->refs--;
  if (s->detached && s->refs == 0)
    segment_doom(&doomed, s);
  pool_shrink(pool, &doomed);
  pthread_mutex_unlock(&pool->lock);
  close_doomed(doomed);
}

/* ---- filters ---- */

void cf_segment_pool_bloom_budget(struct cf_segment_pool *pool, size_t bytes)
{
  cf_bloom_cache_set_budget(&pool->filters, bytes);
}

enum cf_bloom_answer cf_segment_pool_bloom_ask(struct cf_segment_pool *pool,
                                               const struct cf_segment_meta *meta,
                                               uint64_t fingerprint)
{
  uint32_t maybe, maybe_n;
  if (!cf_bloom_cache_ask(&pool->filters, meta, &fingerprint, 1, &maybe, &maybe_n))
    return CF_BLOOM_UNKNOWN;
  return maybe_n == 1 ? CF_BLOOM_MAYBE : CF_BLOOM_NO;
}

bool cf_segment_screen_ids(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                           const uint64_t *fingerprints, uint32_t n, uint32_t *maybe,
                           uint32_t *maybe_n)
{
  return cf_bloom_cache_ask(&pool->filters, meta, fingerprints, n, maybe, maybe_n);
}

enum cf_err cf_segment_pool_bloom_keep(struct cf_segment_pool *pool,
                                       const struct cf_segment_meta *meta, struct cf_str stored)
{
  if (stored.n < CHECK_N + cf_bloom_size(0) || (stored.n - CHECK_N) % cf_bloom_size(0) != 0)
    return CF_E_SYNTAX;
  size_t n = stored.n - CHECK_N;
  if (cf_id_fingerprint(pool->key, (struct cf_str){stored.p, n}) !=
      cf_u64_get((const uint8_t *)stored.p + n))
    return CF_E_SYNTAX;
  uint8_t *bytes = malloc(n);
  if (bytes == NULL)
    return CF_E_NOMEM;
  memcpy(bytes, stored.p, n);
  cf_bloom_cache_keep(&pool->filters, meta, bytes, n);
  return CF_OK;
}

void cf_segment_pool_drop(struct cf_segment_pool *pool, const struct cf_segment_meta *meta)
{
  struct cf_segment *doomed = NULL;

  pthread_mutex_lock(&pool->lock);
  struct cf_segment *s = find_segment(pool, meta);
  if (s != NULL)
    segment_detach(pool, s, &doomed);
  pthread_mutex_unlock(&pool->lock);
  cf_bloom_cache_drop(&pool->filters, meta);
  close_doomed(doomed);
}
