/* SPDX-License-Identifier: MIT */
/* The warden: the thread that guards segments' files. It holds what the chain
 * tells of them against the catalogue, swears to those that it does not tell of
 * (of an older ledger, or where damage hides it), has those of an older layout
 * written again, and goes over all of their pages, again and again. */
#include "config.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

#define ROUND_US INT64_C(60000000)
#define FIRST_US INT64_C(1000000)
#define AGAIN    10 /* rounds after which what was damaged is looked at again */

/* Once the chain is read, at the start when those who came first have their
 * answers; damage that keeps it from being read whole is told where it is
 * found, and may be mended. */
static void told_gather(struct cf_ledger *l, unsigned round)
{
  enum cf_err err = cf_catalogue_judge(l);
  if (err == CF_OK && round == 0 && !atomic_load(&l->told_whole))
    (void)cf_nap(l, FIRST_US, NULL);
  if (err == CF_OK)
    err = cf_catalogue_judge_whole(l);
  if (err == CF_OK && round > 0 && round % AGAIN == 0 && cf_catalogue_partial(l))
    err = cf_catalogue_read_told(l);
  if (err != CF_OK && err != CF_E_LEAVING)
    cf_log(CF_LOG_WARNING,
           "what the log tells of its segments cannot be read (%s); it is tried again",
           cf_err_word(err));
}

/* ---- segments that nothing vouches for ---- */

/* What the leaf hashes of a segment must lead to. */
struct oath {
  struct cf_ledger *l;
  struct cf_hashes hashes;
  struct cf_checkpoint head; /* signed, of a tree that has the segment */
  struct cf_edge edge;       /* of the tree so far */
  uint64_t end;              /* where that is held against the head */
};

static bool is_leaving(void *oath)
{
  return cf_nap_stopped(((struct oath *)oath)->l);
}

/* The last tile tells of all of them. */
static enum cf_err tile_take(void *context, const uint8_t *hashes)
{
  struct oath *o = context;
  uint8_t root[CF_HASH_N];
  cf_fold(hashes, CF_TILE_W, root);
  cf_edge_append_subtree(&o->edge, CF_TILE_H, root);
  if (o->edge.size < o->end)
    return CF_OK;
  cf_edge_root(&o->edge, root);
  return cf_tree_extends(&o->hashes, o->end, root, o->head.size, o->head.root);
}

/* The tree in front of the segment, with the leaf hash there: the tile that has
 * it is kept in the one before. Where that cannot be read, or does not lead to
 * the signed root, the segment is not to blame and must wait: CF_E_NOTREADY. */
static enum cf_err oath_begin(struct oath *o, uint64_t first, uint8_t before[CF_HASH_N])
{
  uint8_t tile[CF_TILE_W * CF_HASH_N];
  memset(before, 0, CF_HASH_N);
  cf_edge_init(&o->edge);
  o->end = first;
  if (first == 0)
    return CF_OK;
  enum cf_err err = cf_tree_edge(&o->hashes, first - CF_TILE_W, &o->edge);
  if (err == CF_OK)
    err = o->hashes.get(o->hashes.context, 0, first - CF_TILE_W, CF_TILE_W, tile);
  if (err == CF_OK)
    err = tile_take(o, tile);
  memcpy(before, tile + sizeof tile - CF_HASH_N, CF_HASH_N);
  return err == CF_E_DAMAGED || err == CF_E_PROOF ? CF_E_NOTREADY : err;
}

static enum cf_err head_get(struct cf_ledger *l, uint64_t size, struct cf_checkpoint *head,
                            struct cf_fault *fault)
{
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_ledger_seal(l, size, &note, fault);
  if (err == CF_OK)
    err = cf_keys_checkpoint(cf_ledger_keys(l), cf_buf_str(&note), head);
  cf_buf_fini(&note);
  return err;
}

static enum cf_err file_swear(struct cf_ledger *l, struct cf_view *view,
                              struct cf_segment_meta *meta, struct cf_fault *fault)
{
  uint8_t before[CF_HASH_N];
  struct oath oath = {.l = l};
  const struct cf_swear how = {.fingerprint_key = l->fingerprint_key,
                               .before = before,
                               .tile = tile_take,
                               .stopped = is_leaving,
                               .context = &oath};
  cf_view_hashes(view, &oath.hashes);
  enum cf_err err = head_get(l, meta->end, &oath.head, fault);
  if (err == CF_OK)
    err = oath_begin(&oath, meta->first, before);
  oath.end = meta->end;
  return err == CF_OK ? cf_segment_swear(l->segments_path, &how, meta, fault) : err;
}

/* One of an older ledger, which was shown until now, is not any more where it
 * can be read and is not what was logged. */
static void refusal_tell(struct cf_ledger *l, const struct cf_segment_meta *meta, enum cf_err err,
                         const struct cf_fault *fault)
{
  if (err == CF_E_PROOF && !meta->sworn)
    cf_segment_seen(l, meta, CF_SEEN_MISMATCH);
  if (err == CF_E_PROOF || err == CF_E_DAMAGED)
    cf_segment_seen(l, meta, CF_SEEN_DAMAGED);
  else
    cf_log(CF_LOG_WARNING, "the segment of %llu cannot be sworn to (%s): %s; it is tried again",
           (unsigned long long)meta->first, cf_err_word(err),
           err == CF_E_NOTREADY ? "the leaf hash in front of it is not known"
                                : cf_fault_text(fault, err));
}

static enum cf_err segment_swear(struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  struct cf_segment_meta sworn = *meta;
  struct cf_fault fault = {0};
  struct cf_view *view = NULL;
  enum cf_err err = cf_view_all(l, &view);
  if (err == CF_OK)
    err = file_swear(l, view, &sworn, &fault);
  cf_view_put(view);
  cf_memory_trim();
  if (err == CF_OK)
    err = cf_catalogue_enter(l, &sworn, NULL);
  if (err == CF_OK)
    cf_segment_pool_drop(l->pool, meta);
  else if (err != CF_E_LEAVING)
    refusal_tell(l, meta, err, &fault);
  return err;
}

/* From a seq on, which moves on: what is damaged is read once in a while. */
static void segments_swear(struct cf_ledger *l, uint64_t *from)
{
  struct cf_segment_meta meta;
  while (!cf_nap_stopped(l) && cf_catalogue_untold(l, *from, &meta)) {
    enum cf_err err = segment_swear(l, &meta);
    if (err != CF_OK && err != CF_E_DAMAGED && err != CF_E_PROOF && err != CF_E_NOTREADY)
      return;
    *from = meta.end;
    cf_ledger_segments_check(l);
  }
}

/* ---- the thread ---- */

/* Scrub until the next round; false when the ledger is closing. */
static bool round_scrub(struct cf_ledger *l, struct cf_scrub *scrub)
{
  int64_t end_us = cf_clock_mono_us() + ROUND_US, left_us = ROUND_US;
  while (left_us > 0) {
    int64_t wait_us = cf_scrub_step(l, scrub, cf_clock_now_us());
    if (!cf_nap(l, wait_us < left_us ? wait_us : left_us, NULL))
      return false;
    left_us = end_us - cf_clock_mono_us();
  }
  return true;
}

void *cf_warden_main(void *ledger)
{
  struct cf_ledger *l = ledger;
  struct cf_rewriter rewriter = {0};
  struct cf_scrub scrub;
  uint64_t from = 0;
  unsigned round = 0;
  cf_scrub_begin(l, &scrub, cf_clock_now_us());
  do {
    told_gather(l, round);
    if (round++ % AGAIN == 0)
      from = 0;
    cf_ledger_segments_check(l);
    segments_swear(l, &from);
    cf_rewrite_round(l, &rewriter);
  } while (round_scrub(l, &scrub));
  cf_scrub_end(l, &scrub);
  cf_rewrite_end(l, &rewriter);
  return NULL;
}
