/* SPDX-License-Identifier: MIT */
/* What a start does with what it finds: tables, catalogue, generations, tree,
 * and files that nobody names. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

#define ASIDE           "aside" /* in segments: what the ledger does not name and must not delete */
#define ASIDE_NAMES_MAX 1000
#define FILTER_BITS     20         /* a little more than an id in a filter takes */
#define FILTERS_MIN     (2u << 20) /* bytes */
#define FILTERS_EMPTY   12         /* places on shelves: three each, of four kinds of filters */

/* What is gathered before the first layout is made. */
struct found {
  struct cf_ledger *l;
  struct cf_fault *fault;
  struct cf_segment_meta *segments;
  size_t segments_n, segments_cap;
  struct cf_tail **tails;
  size_t tails_n, tails_cap;
  uint64_t end;           /* of what was found so far, in order */
  uint8_t sum[CF_HASH_N]; /* of its pieces, */
  bool fits;              /* which so far is what the rows of the generations say */
};

static enum cf_err gap(struct found *f, uint64_t at)
{
  return cf_fail(
      f->fault, CF_E_DAMAGED, f->l->conf->data,
      "records from seq %llu on are missing where seq %llu is expected: restore the data directory from a backup",
      (unsigned long long)f->end, (unsigned long long)at);
}

static void *more(void *array, size_t n, size_t *cap, size_t size)
{
  if (n < *cap)
    return array;
  size_t wanted = *cap == 0 ? 64 : *cap * 2;
  void *grown = realloc(array, wanted * size);
  if (grown != NULL)
    *cap = wanted;
  return grown;
}

static enum cf_err add_segment(void *context, const struct cf_segment_meta *meta)
{
  struct found *f = context;
  if (meta->first != f->end || meta->end <= meta->first)
    return gap(f, meta->first);
  struct cf_segment_meta *grown = more(f->segments, f->segments_n, &f->segments_cap, sizeof *grown);
  if (grown == NULL)
    return CF_E_NOMEM;
  f->segments = grown;
  f->segments[f->segments_n++] = *meta;
  f->end = meta->end;
  return CF_OK;
}

static enum cf_err add_tail(void *context, const struct cf_tail_meta *meta)
{
  struct found *f = context;
  if (meta->first != f->end)
    return gap(f, meta->first);
  struct cf_tail **grown = more(f->tails, f->tails_n, &f->tails_cap, sizeof *grown);
  if (grown == NULL)
    return CF_E_NOMEM;
  f->tails = grown;
  enum cf_err err =
      cf_tail_load(f->l->env, meta, f->l->fingerprint_key, cf_segment_pool_parts(f->l->pool),
                   &f->tails[f->tails_n], f->fault);
  if (err != CF_OK)
    return err;
  f->fits &= f->tails_n == 0 || cf_equal(f->sum, meta->sum, CF_HASH_N);
  memcpy(f->sum, cf_tail_sum(f->tails[f->tails_n]), CF_HASH_N);
  f->end = cf_tail_end(f->tails[f->tails_n++]);
  return CF_OK;
}

static void found_fini(struct found *f)
{
  for (size_t i = 0; i < f->tails_n; i++)
    cf_tail_unref(f->tails[i]); /* the layout has its own references */
  free(f->tails);
  free(f->segments);
}

static enum cf_err files_gather(struct cf_ledger *l, struct cf_fault *fault)
{
  struct found f = {.l = l, .fault = fault, .fits = true};
  enum cf_err err = cf_meta_each_segment(l, add_segment, &f, fault);
  if (err == CF_OK)
    err = cf_meta_each_tail(l, add_tail, &f, fault);
  if (err == CF_OK && f.end != l->size)
    err = gap(&f, l->size);
  if (err == CF_OK)
    err = cf_layout_make(f.segments, f.segments_n, f.tails, f.tails_n, &l->layout);
  if (err == CF_OK)
    l->tail = f.tails_n > 0 ? f.tails[f.tails_n - 1] : NULL;
  l->sums_fit = f.fits && f.tails_n > 0 && cf_equal(f.sum, l->sum, CF_HASH_N);
  found_fini(&f);
  return err;
}

/* ---- files that nobody names ---- */

/* The name of the segment that the file is, or is of: its sums stand beside it
 * under its name and an ending. */
static struct cf_str segment_of(const char *file)
{
  struct cf_str name = cf_str_from(file);
  size_t n = sizeof CF_SEGMENT_SUMS - 1;
  if (name.n > n && memcmp(name.p + name.n - n, CF_SEGMENT_SUMS, n) == 0)
    name.n -= n;
  return name;
}

static bool named(const struct cf_ledger *l, struct cf_str file)
{
  char name[64];
  for (size_t i = 0; i < l->layout->segments_n; i++) {
    cf_segment_name(&l->layout->segments[i], name);
    if (cf_str_is(file, name))
      return true;
  }
  return false;
}

/* Does a segment of that name hold records that the ledger has not? */
static bool beyond(const struct cf_ledger *l, struct cf_str name)
{
  uint64_t first, end;
  struct cf_str left = name;
  return cf_u64_parse(cf_str_cut(&left, '-'), UINT64_MAX, &first) == CF_OK &&
         cf_u64_parse(cf_str_cut(&left, '-'), UINT64_MAX, &end) == CF_OK && end > l->size;
}

/* Move a file to segments/aside, under its name or, where there is one
 * already, its name and a number. */
static void file_aside(int directory, const char *file)
{
  char to[NAME_MAX + 32];
  (void)mkdirat(directory, ASIDE, 0700); /* where it cannot be made, the move says so */
  int n = snprintf(to, sizeof to, ASIDE "/%s", file);
  int rc = renameat2(directory, file, directory, to, RENAME_NOREPLACE);
  for (unsigned i = 1; rc != 0 && errno == EEXIST && i < ASIDE_NAMES_MAX; i++) {
    (void)snprintf(to + n, sizeof to - (size_t)n, ".%u", i);
    rc = renameat2(directory, file, directory, to, RENAME_NOREPLACE);
  }
  if (rc == 0)
    cf_log(CF_LOG_ERROR, "segments/%s has records that this ledger has not: it is now segments/%s",
           file, to);
  else
    cf_log(CF_LOG_ERROR,
           "segments/%s has records that this ledger has not, and cannot be moved: %s", file,
           strerror(errno));
}

/* A directory in DATA, by no link, which would have files of somebody else
 * removed. NULL with errno. */
static DIR *directory_open(const struct cf_ledger *l, const char *name)
{
  int fd = openat(l->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *d = fd < 0 ? NULL : fdopendir(fd);
  if (d == NULL && fd >= 0)
    (void)close(fd);
  return d;
}

/* What the catalogue names, or a generation still holds, has been written
 * again or was cut short: that is a leftover. What goes beyond the ledger's
 * size is not: somebody has put an older database beside it. */
static enum cf_err leftovers_sweep(struct cf_ledger *l, struct cf_fault *fault)
{
  DIR *d = directory_open(l, "segments");
  if (d == NULL)
    return cf_fail_errno(fault, CF_E_SYSTEM, l->segments_path,
                         "cannot read the directory of segments, which may be no link: mount it "
                         "there where it is to be on another disk");
  for (struct dirent *e; (e = readdir(d)) != NULL;) {
    struct cf_str name = segment_of(e->d_name);
    if (e->d_name[0] == '.' || strcmp(e->d_name, ASIDE) == 0 || named(l, name))
      continue;
    if (beyond(l, name)) {
      file_aside(dirfd(d), e->d_name);
      continue;
    }
    cf_log(CF_LOG_INFO, "removing %s: the catalogue does not name it", e->d_name);
    if (unlinkat(dirfd(d), e->d_name, 0) != 0)
      cf_log(CF_LOG_WARNING, "cannot remove %s: %s", e->d_name, strerror(errno));
  }
  (void)closedir(d);
  return CF_OK;
}

/* How many files a sweep has set aside, now or earlier. */
static uint64_t aside_count(const struct cf_ledger *l)
{
  uint64_t n = 0;
  DIR *d = directory_open(l, "segments/" ASIDE);
  if (d == NULL)
    return 0;
  for (struct dirent *e; (e = readdir(d)) != NULL;)
    n += e->d_name[0] != '.';
  (void)closedir(d);
  return n;
}

static bool is_tail(const struct cf_ledger *l, const char *file)
{
  char name[32];
  for (size_t i = 0; i < l->layout->tails_n; i++) {
    cf_tail_file_name(cf_tail_meta(l->layout->tails[i])->number, name);
    if (strcmp(name, file) == 0)
      return true;
  }
  return false;
}

/* The database removes it, for what recovery wrote to it would be missed at the
 * next checkpoint. One whose removal was cut short it does not know any
 * more. */
static void remove_tail(struct cf_ledger *l, int directory, const char *file)
{
  cf_log(CF_LOG_INFO, "removing %s: it became a segment", file);
  if (cf_bdb_remove(l->env, NULL, file) != CF_OK && unlinkat(directory, file, 0) != 0 &&
      errno != ENOENT)
    cf_log(CF_LOG_WARNING, "cannot remove %s: %s", file, strerror(errno));
}

/* Files of generations that became segments, where the process ended before it
 * had removed them. Recovery has ended with a checkpoint, so that the log needs
 * them no more. */
static enum cf_err sweep_tails(struct cf_ledger *l, struct cf_fault *fault)
{
  DIR *d = directory_open(l, "env");
  if (d == NULL)
    return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data,
                         "cannot read the directory of the database");
  for (struct dirent *e; (e = readdir(d)) != NULL;)
    if (cf_str_starts(cf_str_from(e->d_name), CF_STR("tail-")) && !is_tail(l, e->d_name))
      remove_tail(l, dirfd(d), e->d_name);
  (void)closedir(d);
  return CF_OK;
}

enum cf_err cf_recover_sweep(struct cf_ledger *l, struct cf_fault *fault)
{
  enum cf_err err = leftovers_sweep(l, fault);
  l->aside = aside_count(l);
  return err == CF_OK ? sweep_tails(l, fault) : err;
}

/* ---- the whole ---- */

static enum cf_err read_tree(struct cf_ledger *l, struct cf_fault *fault)
{
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  enum cf_err err = cf_levels_load(&l->levels, l->size, fault);
  if (err == CF_OK)
    err = cf_view_at(l, l->size, &view);
  if (err != CF_OK)
    return err;
  cf_view_hashes(view, &hashes);
  err = cf_filling_init(&l->filling, &hashes, l->size);
  cf_view_put(view);
  return err == CF_OK
             ? CF_OK
             : cf_fail(
                   fault, err, l->conf->data,
                   "the newest leaf hashes cannot be read: restore the damaged segment from a backup");
}

/* The next record's `prev` is the head's hash: it must be the last leaf's. */
static enum cf_err head_check(struct cf_ledger *l, struct cf_fault *fault)
{
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  uint8_t hash[CF_HASH_N];
  enum cf_err err = l->size == 0 ? CF_OK : cf_view_at(l, l->size, &view);
  if (err != CF_OK || view == NULL)
    return err;
  cf_view_hashes(view, &hashes);
  err = hashes.get(hashes.context, 0, l->size - 1, 1, hash);
  cf_view_put(view);
  if (err == CF_OK && !cf_equal(hash, l->last_hash, CF_HASH_N))
    return cf_fail(
        fault, CF_E_DAMAGED, l->conf->data,
        "the head's hash is not that of record %llu: restore the data directory from a backup",
        (unsigned long long)(l->size - 1));
  if (err == CF_E_DAMAGED)
    cf_log(CF_LOG_ERROR, "the hash of record %llu cannot be read; the head's stands for it",
           (unsigned long long)(l->size - 1));
  return err == CF_E_DAMAGED ? CF_OK : err;
}

/* Bytes for the filters of all segments whose ids are looked at. */
static size_t filters_room(const struct cf_conf *conf)
{
  uint64_t ids = conf->dedupe_records + FILTERS_EMPTY * conf->segment_records;

  return (size_t)(ids / 8 * FILTER_BITS + FILTERS_MIN);
}

enum cf_err cf_recover(struct cf_ledger *l, struct cf_fault *fault)
{
  struct cf_head head;
  enum cf_err err = cf_meta_get_head(l, &head);
  if (err == CF_OK)
    err = cf_meta_get_secrets(l);
  if (err == CF_E_NOTFOUND)
    return cf_fail(
        fault, err, l->conf->data,
        "the ledger was never finished: remove the directory and make it again with `counterfoil init`");
  if (err != CF_OK)
    return cf_fail(fault, err, l->conf->data,
                   "the ledger's head cannot be read: restore the data directory from a backup");
  l->size = head.size;
  l->last_recorded_us = head.last_recorded_us;
  l->generation = head.generation;
  memcpy(l->last_hash, head.last_hash, CF_HASH_N);
  memcpy(l->sum, head.sum, CF_HASH_N);
  cf_random(l->salt_key, sizeof l->salt_key);
  err = cf_segment_pool_new(l->segments_path, l->conf->cache, l->fingerprint_key, &l->pool);
  if (err == CF_OK) {
    cf_segment_pool_filter_budget(l->pool, filters_room(l->conf));
    err = files_gather(l, fault);
  }
  if (err == CF_OK)
    err = read_tree(l, fault);
  if (err == CF_OK)
    err = head_check(l, fault);
  if (err == CF_OK)
    l->durable = l->found = l->size;
  return err;
}
