/* SPDX-License-Identifier: MIT */
/* The pool of open segment files, and of filters, which stay when their files
 * are closed. */
#include "config.h"

#include "lib/segment/segment_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/die.h"
#include "lib/segment/barren_in.h"
#include "lib/segment/filters_in.h"
#include "lib/segment/known_times_in.h"
#include "lib/segment/made_in.h"
#include "lib/segment/parts.h"
#include "lib/segment/value_filter_in.h"

/* for each open file, its pages, their sums and its dictionary: a cache of 32
 * MiB has 24 files open, one of 86 has 64 */
#define FILE_CACHE  ((384u << 10) + CF_DICTIONARY_MEMORY)
#define OPEN_MIN    4u
#define FILTERS_MIN (4u << 20) /* bytes */
/* of the memory for all: for opened parts, for what finds nothing, for times */
#define PARTS_SHARE  8
#define BARREN_SHARE 64
#define TIMES_SHARE  128

struct cf_segment_pool {
  pthread_mutex_t lock;
  char *directory;
  uint8_t key[16];
  uint64_t tag;
  uint64_t file_cache;
  unsigned max;
  unsigned n;                         /* files in the list */
  struct cf_segment *newest, *oldest; /* by use */
  struct cf_filters filters;
  struct cf_parts parts;
  struct cf_made made;
  struct cf_value_filters values;
  struct cf_barren barren;
  struct cf_known_times times;
};

enum cf_err cf_segment_pool_new(const char *directory, uint64_t cache,
                                const uint8_t fingerprint_key[16], struct cf_segment_pool **out)
{
  struct cf_segment_pool *pool = calloc(1, sizeof *pool);
  uint64_t pages = cache / 2 - cache / PARTS_SHARE - cache / BARREN_SHARE - cache / TIMES_SHARE;
  uint64_t files = pages / FILE_CACHE;

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
  pool->file_cache = pages / pool->max;
  cf_filters_init(&pool->filters, cache / 2 < FILTERS_MIN ? FILTERS_MIN : (size_t)(cache / 2));
  cf_parts_init(&pool->parts, (size_t)(cache / PARTS_SHARE));
  cf_made_init(&pool->made);
  cf_value_filters_init(&pool->values, cache / 2 < FILTERS_MIN ? FILTERS_MIN : (size_t)(cache / 2));
  cf_barren_init(&pool->barren, (size_t)(cache / BARREN_SHARE));
  cf_known_times_init(&pool->times, (size_t)(cache / TIMES_SHARE));
  *out = pool;
  return CF_OK;
}

struct cf_made *cf_segment_pool_made(struct cf_segment_pool *pool)
{
  return &pool->made;
}

struct cf_known_times *cf_segment_pool_times(struct cf_segment_pool *pool)
{
  return &pool->times;
}

struct cf_parts *cf_segment_pool_parts(struct cf_segment_pool *pool)
{
  return pool != NULL ? &pool->parts : NULL;
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
  if (s->dropped)
    cf_parts_drop(&s->pool->parts, s->meta.digest);
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
  cf_filters_fini(&pool->filters);
  cf_parts_fini(&pool->parts);
  cf_made_fini(&pool->made);
  cf_value_filters_fini(&pool->values);
  cf_barren_fini(&pool->barren);
  cf_known_times_fini(&pool->times);
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

/* Have the filter of its values kept, where the file is sworn: only then nobody
 * else made it. One that cannot be read costs time only. */
static void values_load(struct cf_segment_pool *pool, struct cf_segment *s)
{
  uint64_t indexes = 0;
  struct cf_buf b;

  if (!s->meta.sworn || s->info.layout < 2 || !cf_value_filters_want(&pool->values, &s->meta))
    return;
  _Static_assert(CF_I_N <= 64, "a bit for each index");
  for (unsigned i = 0; i < CF_I_N; i++)
    indexes |= (uint64_t)(s->info.index[i].present && !cf_segment_is_exact(s, i)) << i;
  cf_buf_init(&b, cf_segment_keys_max(s));
  if (cf_segment_keys_get(s, &b) == CF_OK)
    cf_value_filters_keep(&pool->values, &s->meta, indexes, cf_buf_str(&b));
  cf_buf_fini(&b);
}

/* The first holder opens the file, the others wait for what comes of it. */
static enum cf_err ensure_open(struct cf_segment_pool *pool, struct cf_segment *s)
{
  char name[64];

  pthread_mutex_lock(&s->opening);
  if (!s->tried) {
    cf_segment_name(&s->meta, name);
    s->err = cf_segment_open(s, pool->directory, name, pool->tag, pool->file_cache);
    if (s->err == CF_OK)
      values_load(pool, s);
    else
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

void cf_segment_pool_filter_budget(struct cf_segment_pool *pool, size_t bytes)
{
  cf_filters_set_budget(&pool->filters, bytes);
}

bool cf_segment_has_filter(struct cf_segment_pool *pool, const struct cf_segment_meta *meta)
{
  return cf_filters_has(&pool->filters, meta);
}

void cf_segment_screen_ids(struct cf_segment_pool *pool,
                           const struct cf_segment_meta *const *segments, uint32_t segments_n,
                           const uint64_t *fingerprints, uint32_t n, struct cf_buf *hits)
{
  cf_filters_screen(&pool->filters, segments, segments_n, fingerprints, n, hits);
}

bool cf_segment_may_match(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                          const struct cf_term *term)
{
  char text[CF_VALUE_KEY_MAX];

  if (cf_index_is_exact(term->index) || !cf_term_is_one(term))
    return true;
  struct cf_str key = cf_value_key(term->index, term->first, text);
  return cf_value_filters_may_have(&pool->values, meta, term->index,
                                   cf_id_fingerprint(pool->key, key));
}

bool cf_segment_is_barren(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                          const uint8_t filter[CF_HASH_N])
{
  return meta->sworn && cf_barren_has(&pool->barren, meta->digest, filter);
}

void cf_segment_note_barren(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                            const uint8_t filter[CF_HASH_N])
{
  if (meta->sworn)
    cf_barren_note(&pool->barren, meta->digest, filter);
}

void cf_segment_pool_keep_filter(struct cf_segment_pool *pool, const struct cf_segment_meta *meta,
                                 struct cf_str filter)
{
  cf_filters_keep(&pool->filters, meta, filter);
}

uint64_t cf_segment_pool_fingerprint(const struct cf_segment_pool *pool, struct cf_str s)
{
  return cf_id_fingerprint(pool->key, s);
}

void cf_segment_pool_drop(struct cf_segment_pool *pool, const struct cf_segment_meta *meta)
{
  struct cf_segment *doomed = NULL;

  pthread_mutex_lock(&pool->lock);
  struct cf_segment *s = find_segment(pool, meta);
  if (s != NULL) {
    s->dropped = true;
    segment_detach(pool, s, &doomed);
  }
  pthread_mutex_unlock(&pool->lock);
  cf_filters_drop(&pool->filters, meta);
  cf_parts_drop(&pool->parts, meta->digest);
  cf_value_filters_drop(&pool->values, meta);
  close_doomed(doomed);
}
