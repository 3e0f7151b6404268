/* SPDX-License-Identifier: MIT */
/* Scrubbing: every page of every sworn segment is held against its sum, in
 * rotation, so that damage is found while there is a backup to restore from.
 *
 * A round takes a week, its slices spread evenly by bytes. What is behind, as
 * after a time without an owner, is caught up with, and ten times as long as a
 * slice took nothing is done. The place is kept in `meta`. */
#include "config.h"

#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

#define KEEP_US    INT64_C(60000000)
#define RETRY_US   INT64_C(60000000)
#define REST       10 /* times what a slice took */
#define SLICES_MAX 64

/* ---- the place ---- */

void cf_scrub_begin(struct cf_ledger *l, struct cf_scrub *scrub, int64_t now_us)
{
  *scrub = (struct cf_scrub){.round_us = now_us, .kept_us = now_us};
  enum cf_err err = cf_meta_get_scrub(l, scrub);
  if (err != CF_OK && err != CF_E_NOTFOUND)
    cf_log(CF_LOG_WARNING, "where the scrubber was cannot be read (%s): it begins anew",
           cf_err_word(err));
}

void cf_scrub_end(struct cf_ledger *l, struct cf_scrub *scrub)
{
  struct cf_bdb_txn *txn = NULL;
  if (!scrub->moved)
    return;
  (void)pthread_mutex_lock(&l->commit);
  enum cf_err err = cf_bdb_txn_begin(l->env, &txn);
  if (err == CF_OK)
    err = cf_meta_put_scrub(l, txn, scrub);
  if (err == CF_OK) {
    err = cf_bdb_txn_commit(txn);
    txn = NULL;
  }
  cf_bdb_txn_abort(txn);
  (void)pthread_mutex_unlock(&l->commit);
  scrub->moved = err != CF_OK; /* then the next time */
}

static void place_move(struct cf_scrub *scrub, uint64_t first, uint64_t page)
{
  scrub->first = first;
  scrub->page = page;
  scrub->moved = true;
}

/* ---- the pace ---- */

/* The segment at hand, or NULL at the end of the round; and when its next slice
 * is due. */
static const struct cf_segment_meta *segment_at_hand(const struct cf_layout *layout,
                                                     const struct cf_scrub *scrub, int64_t *due_us)
{
  const struct cf_segment_meta *found = NULL;
  uint64_t done = 0, all = 0;
  for (size_t i = 0; i < layout->segments_n; i++) {
    const struct cf_segment_meta *meta = &layout->segments[i];
    if (!meta->sworn)
      continue;
    all += meta->bytes;
    if (meta->first < scrub->first)
      done += meta->bytes;
    else if (found == NULL)
      found = meta;
  }
  if (found != NULL && scrub->page < scrub->pages)
    done += found->bytes * scrub->page / scrub->pages;
  double part = all > 0 ? (double)done / (double)all : 1;
  *due_us = scrub->round_us + (int64_t)(part * (double)CF_SCRUB_ROUND_US);
  return found;
}

/* ---- slices ---- */

/* Each slice reads all of the file's sums again, as they are on disk then: of a
 * large file the slices are larger, so that their number is bounded. */
static uint64_t slice_pages(const struct cf_scrub *scrub)
{
  uint64_t n = scrub->pages / SLICES_MAX;
  return n > CF_SCRUB_PAGES ? n : CF_SCRUB_PAGES;
}

/* How long to rest after it. */
static int64_t slice_check(struct cf_ledger *l, struct cf_scrub *scrub,
                           const struct cf_segment_meta *meta)
{
  int64_t began = cf_clock_mono_us();
  uint64_t pages = 0, bad = 0, from = scrub->first == meta->first ? scrub->page : 0;
  uint64_t n = slice_pages(scrub), end = from + n;
  enum cf_err err = cf_segment_pages_check(l->segments_path, meta, from, n, &pages, &bad);
  if (err != CF_OK && err != CF_E_DAMAGED)
    return RETRY_US; /* no descriptor, no memory: the same slice again */
  bool damaged = err != CF_OK || bad < (end < pages ? end : pages);
  if (damaged)
    cf_segment_seen(l, meta, CF_SEEN_DAMAGED);
  scrub->pages = damaged || end >= pages ? 0 : pages;
  place_move(scrub, scrub->pages == 0 ? meta->end : meta->first, scrub->pages == 0 ? 0 : end);
  return REST * (cf_clock_mono_us() - began + 1);
}

/* At the end of a round: begin the next one when it is time. */
static int64_t round_end(struct cf_scrub *scrub, int64_t now_us)
{
  int64_t next_us = scrub->round_us + CF_SCRUB_ROUND_US;
  if (now_us < next_us)
    return next_us - now_us;
  place_move(scrub, 0, 0);
  scrub->round_us = now_us;
  return 1;
}

int64_t cf_scrub_step(struct cf_ledger *l, struct cf_scrub *scrub, int64_t now_us)
{
  int64_t due_us, wait_us;
  if (scrub->round_us > now_us) /* the clock was set back */
    scrub->round_us = now_us;
  struct cf_layout *layout = cf_layout_get(l);
  const struct cf_segment_meta *meta = segment_at_hand(layout, scrub, &due_us);
  if (meta == NULL)
    wait_us = round_end(scrub, now_us);
  else if (now_us < due_us)
    wait_us = due_us - now_us;
  else
    wait_us = slice_check(l, scrub, meta);
  cf_layout_put(layout);
  if (scrub->moved && (scrub->pages == 0 || now_us - scrub->kept_us >= KEEP_US)) {
    cf_scrub_end(l, scrub);
    scrub->kept_us = now_us;
  }
  return wait_us;
}
