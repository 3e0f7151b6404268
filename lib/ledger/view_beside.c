/* SPDX-License-Identifier: MIT */
/* What a ledger keeps of its records beside them, for the verifier: the pages
 * of segments' files, and, with deep, their indexes and ranges, held against
 * indexes made of the records again. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/ledger/ledger_in.h"
#include "lib/proof/verify.h"

/* Pages are checked a share for so many tiles, so that the verifier's threads
 * do it side by side, and a budget ends it within a segment. Each share reads
 * all of the sums, so a large segment has larger ones. */
#define SHARE_TILES 16
#define SHARES_MAX  32
#define PAGE_LEAST  (8u << 10)

/* ---- pages ---- */

static enum cf_err pages_check(const struct cf_ledger *l, const struct cf_segment_meta *meta,
                               struct cf_verify_beside *b)
{
  uint64_t tile = (b->first - meta->first) / CF_TILE_W;
  uint64_t tiles = (meta->end - meta->first) / CF_TILE_W;
  uint64_t each = tiles / SHARES_MAX > SHARE_TILES ? tiles / SHARES_MAX : SHARE_TILES;
  uint64_t share = tile / each, shares = (tiles + each - 1) / each;
  uint64_t n = meta->bytes / PAGE_LEAST / shares + 1, pages = 0, bad = 0;
  bool begins = tile % each == 0, rest = b->last || share + 1 == shares;
  uint64_t from = (begins ? share : share + 1) * n;
  if (!begins && !b->last)
    return CF_OK;
  uint64_t end = meta->first + (share + 1) * each * CF_TILE_W;
  uint64_t last = (b->last ? b->first + b->n : end < meta->end ? end : meta->end) - 1;
  enum cf_err err =
      cf_segment_pages_check(l->segments_path, meta, from, rest ? UINT64_MAX : n, &pages, &bad);
  if (err == CF_E_DAMAGED)
    cf_tile_fault_rough(
        b->tile, b->first, last,
        "the file of this segment or the sums of its pages are missing, or not what was "
        "written");
  if (err != CF_OK)
    return err == CF_E_DAMAGED ? CF_OK : err;
  if (bad < pages)
    cf_tile_fault_rough(b->tile, b->first, b->first,
                        "page %" PRIu64 " of the segment of %" PRIu64 " is not what was written",
                        bad, meta->first);
  uint64_t checked = rest || from + n > pages ? pages : from + n;
  b->pages += checked > from ? checked - from : 0;
  return CF_OK;
}

/* ---- indexes ---- */

/* A segment's records once more. */
struct again {
  struct cf_ledger *l;
  struct cf_view *view;
  const struct cf_segment_meta *meta;
  struct cf_verify_beside *beside;
  struct cf_segment_truth truth;
  bool damaged; /* some record cannot be read: no index can be judged */
};

static enum cf_err records_again(struct again *a)
{
  struct cf_block *block = calloc(1, sizeof *block);
  enum cf_err err = block != NULL ? CF_OK : CF_E_NOMEM;
  if (err != CF_OK)
    return err;
  cf_block_init(block);
  for (uint64_t seq = a->meta->first; err == CF_OK && seq < a->meta->end; seq += CF_GROUP) {
    err = a->view->calls->block(a->view, seq, block);
    for (unsigned i = 0; err == CF_OK && i < block->n; i++)
      err = cf_segment_truth_add(&a->truth, &block->record[i]);
    if (err == CF_E_DAMAGED || err == CF_E_SYNTAX) {
      a->damaged = true;
      err = CF_OK;
    }
  }
  cf_block_fini(block);
  free(block);
  return err;
}

static void differ(void *context, uint32_t offset, const char *sheet, const char *what)
{
  const struct again *a = context;
  cf_tile_fault(a->beside->tile, CF_V_INDEX_MISMATCH, a->meta->first + offset, "%s: %s", sheet,
                what);
}

static enum cf_err segment_compare(struct again *a)
{
  struct cf_segment *s = NULL;
  cf_segment_compare_ranges(a->meta, &a->truth);
  enum cf_err err = cf_segment_acquire_alone(a->l->pool, a->meta, &s);
  if (err == CF_OK) {
    err = cf_segment_compare(s, &a->truth);
    cf_segment_release(a->l->pool, s);
  }
  a->beside->entries += a->truth.entries;
  /* what is wrong with the file of a sworn one is told by its pages */
  if (err == CF_E_DAMAGED && !a->meta->sworn)
    cf_tile_fault_rough(a->beside->tile, a->meta->first, a->meta->end - 1,
                        "the file of this segment is missing, or cannot be read");
  return err == CF_E_DAMAGED ? CF_OK : err;
}

static enum cf_err indexes_check(struct cf_ledger *l, struct cf_view *view,
                                 const struct cf_segment_meta *meta,
                                 struct cf_verify_beside *beside)
{
  struct again a = {.l = l, .view = view, .meta = meta, .beside = beside};
  enum cf_err err = cf_segment_truth_init(&a.truth, l->fingerprint_key, meta);
  a.truth.differ = differ;
  a.truth.context = &a;
  if (err == CF_OK)
    err = records_again(&a);
  if (err == CF_OK && a.damaged)
    cf_tile_fault(beside->tile, CF_V_STORE_DAMAGED, meta->first,
                  "the indexes of this segment cannot be judged: a record cannot be read");
  else if (err == CF_OK)
    err = segment_compare(&a);
  cf_segment_truth_fini(&a.truth);
  return err;
}

/* ---- a tile ---- */

enum cf_err cf_segment_beside(struct cf_ledger *l, struct cf_view *view,
                              const struct cf_segment_meta *meta, struct cf_verify_beside *b)
{
  enum cf_err err = meta->sworn ? pages_check(l, meta, b) : CF_OK;
  if (err == CF_OK && b->deep && b->first == meta->first)
    err = indexes_check(l, view, meta, b);
  return err;
}
