/* SPDX-License-Identifier: MIT */
/* Segments of an older layout are written again, one after the other, while
 * there is time for it. A new file enters the catalogue and the chain as any
 * other; the old one goes when the last reader who may see it is gone. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

/* ---- the file that was replaced ---- */

static void file_remove(int directory, const char *name, const char *suffix)
{
  char file[80];
  (void)snprintf(file, sizeof file, "%s%s", name, suffix);
  if (unlinkat(directory, file, 0) != 0 && errno != ENOENT)
    cf_log(CF_LOG_WARNING, "cannot remove %s: %s; the next start does it", file, strerror(errno));
}

/* Does anybody read one of the layouts that show it? Those before r->layout
 * keep its link. */
static bool is_read(struct cf_ledger *l, const struct cf_rewriter *r)
{
  bool held = false;
  (void)pthread_mutex_lock(&l->look);
  for (const struct cf_layout *y = r->layout; !held && y != r->after; y = y->next)
    held = atomic_load(&y->links) > 1;
  (void)pthread_mutex_unlock(&l->look);
  return held;
}

static void replaced_forget(struct cf_rewriter *r)
{
  cf_layout_unlink(r->layout);
  r->layout = NULL;
}

/* false: somebody may still read it. */
static bool replaced_remove(struct cf_ledger *l, struct cf_rewriter *r)
{
  char name[64];
  if (r->layout == NULL)
    return true;
  if (is_read(l, r))
    return false;
  cf_segment_pool_drop(l->pool, &r->replaced);
  cf_segment_name(&r->replaced, name);
  file_remove(l->ground.segments, name, "");
  file_remove(l->ground.segments, name, CF_SEGMENT_SUMS);
  replaced_forget(r);
  return true;
}

void cf_rewrite_end(struct cf_ledger *l, struct cf_rewriter *r)
{
  (void)replaced_remove(l, r);
  replaced_forget(r);
}

/* ---- which is next ---- */

/* Nothing is written again that is not surely what was logged. */
static bool is_sure(struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  (void)pthread_mutex_lock(&l->entering);
  bool kept = l->told_known && cf_told_judge(&l->told, meta) == CF_OATH_KEPT;
  (void)pthread_mutex_unlock(&l->entering);
  return kept && !cf_segment_doubted(l, meta, CF_SEEN_MISMATCH | CF_SEEN_ROW);
}

static bool is_old(struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  struct cf_segment *s = NULL;
  if (cf_segment_acquire_alone(l->pool, meta, &s) != CF_OK)
    return false;
  bool old = cf_segment_is_old(s);
  cf_segment_release(l->pool, s);
  return old;
}

static bool next_find(struct cf_ledger *l, struct cf_rewriter *r, struct cf_segment_meta *meta)
{
  bool found = false;
  struct cf_layout *layout = cf_layout_get(l);
  for (size_t i = 0; !found && i < layout->segments_n && !cf_nap_stopped(l); i++) {
    *meta = layout->segments[i];
    if (meta->first < r->from)
      continue;
    found = is_sure(l, meta) && is_old(l, meta);
    r->from = found ? meta->first : meta->end;
  }
  cf_layout_put(layout);
  return found;
}

/* ---- writing it ---- */

static bool is_leaving(void *ledger)
{
  return cf_nap_stopped(ledger);
}

/* before: the layout of a moment before it was. As long as that is linked so is
 * what came after it. */
static void replaced_note(struct cf_ledger *l, struct cf_rewriter *r, struct cf_layout *before,
                          const struct cf_segment_meta *meta)
{
  struct cf_layout *now = cf_layout_get(l);
  cf_layout_link(before);
  *r = (struct cf_rewriter){.from = r->from, .layout = before, .after = now, .replaced = *meta};
  cf_layout_put(now);
}

static enum cf_err segment_rewrite(struct cf_ledger *l, struct cf_rewriter *r,
                                   const struct cf_segment_meta *meta, struct cf_fault *fault)
{
  uint8_t front[CF_HASH_N] = {0};
  const struct cf_rewrite how = {.pool = l->pool,
                                 .directory = l->segments_path,
                                 .fingerprint_key = l->fingerprint_key,
                                 .before = front,
                                 .stopped = is_leaving,
                                 .context = l};
  struct cf_segment_meta next = *meta;
  enum cf_err err = meta->first > 0 ? cf_ledger_leaf_hash(l, meta->first - 1, front) : CF_OK;
  if (err == CF_E_DAMAGED)
    return cf_fail(fault, CF_E_NOTREADY, NULL, "the leaf hash in front of it cannot be read");
  if (err == CF_OK)
    err = cf_segment_rewrite(&how, &next, fault);
  cf_memory_trim();
  if (err != CF_OK)
    return err;
  struct cf_layout *before = cf_layout_get(l);
  err = cf_catalogue_enter(l, &next, NULL);
  if (err == CF_OK)
    replaced_note(l, r, before, meta);
  cf_layout_put(before);
  if (err != CF_OK)
    return err;
  cf_log(CF_LOG_INFO, "the segment of %llu was written again, %llu bytes instead of %llu",
         (unsigned long long)meta->first, (unsigned long long)next.bytes,
         (unsigned long long)meta->bytes);
  return CF_OK;
}

static bool has_room(const struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  return cf_space_free(l) >= l->conf->min_free + 2 * meta->bytes;
}

/* false: not now. */
static bool one_rewrite(struct cf_ledger *l, struct cf_rewriter *r)
{
  struct cf_segment_meta meta;
  struct cf_fault fault = {0};
  if (!replaced_remove(l, r) || !next_find(l, r, &meta) || !has_room(l, &meta))
    return false;
  enum cf_err err = segment_rewrite(l, r, &meta, &fault);
  if (err == CF_E_DAMAGED)
    cf_segment_seen(l, &meta, CF_SEEN_DAMAGED);
  else if (err != CF_OK && err != CF_E_LEAVING)
    cf_log(CF_LOG_WARNING,
           "the segment of %llu cannot be written again (%s): %s; it is tried again%s",
           (unsigned long long)meta.first, cf_err_word(err), cf_fault_text(&fault, err),
           err == CF_E_NOTREADY ? " at the next start" : "");
  if (err == CF_OK || err == CF_E_DAMAGED || err == CF_E_NOTREADY)
    r->from = meta.end;
  return err == CF_OK;
}

static uint64_t size_get(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->look);
  uint64_t size = l->durable;
  (void)pthread_mutex_unlock(&l->look);
  return size;
}

void cf_rewrite_round(struct cf_ledger *l, struct cf_rewriter *r)
{
  uint64_t size;
  bool idle = true;
  do {
    size = size_get(l);
    idle = one_rewrite(l, r) && size_get(l) == size + 1; /* its own record */
  } while (idle && !cf_nap_stopped(l));
  (void)replaced_remove(l, r);
}
