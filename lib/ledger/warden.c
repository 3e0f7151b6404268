/* SPDX-License-Identifier: MIT */
/* The warden: the thread that guards segments' files. It holds what the chain
 * tells of them against the catalogue, swears to those of an older ledger, and
 * goes over all of their pages, again and again. */
#include "config.h"

#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

#define ROUND_US INT64_C(60000000)
#define AGAIN    10 /* rounds after which what was damaged is looked at again */

/* Once the chain is read; damage that keeps it from being read whole is told
 * where it is found, and may be mended. */
static void told_gather(struct cf_ledger *l, unsigned round)
{
  enum cf_err err = cf_catalogue_judge(l);
  if (err == CF_OK && round > 0 && round % AGAIN == 0 && cf_catalogue_partial(l))
    err = cf_catalogue_read_told(l);
  if (err != CF_OK && err != CF_E_LEAVING)
    cf_log(CF_LOG_WARNING,
           "what the log tells of its segments cannot be read (%s); it is tried again",
           cf_err_word(err));
}

/* ---- segments of an older ledger ---- */

static bool is_leaving(void *ledger)
{
  return cf_nap_stopped(ledger);
}

static enum cf_err segment_swear(struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  const struct cf_swear how = {.fingerprint_key = l->fingerprint_key,
                               .stopped = is_leaving,
                               .context = l};
  struct cf_segment_meta sworn = *meta;
  struct cf_fault fault = {0};
  enum cf_err err = cf_segment_swear(l->segments_path, &how, &sworn, &fault);
  cf_memory_trim();
  if (err == CF_OK)
    err = cf_catalogue_enter(l, &sworn, NULL);
  if (err == CF_OK)
    cf_segment_pool_drop(l->pool, meta);
  else if (err == CF_E_DAMAGED)
    cf_segment_seen(l, meta, CF_SEEN_DAMAGED);
  else if (err != CF_E_LEAVING)
    cf_log(CF_LOG_WARNING, "the segment of %llu cannot be sworn to (%s): %s; it is tried again",
           (unsigned long long)meta->first, cf_err_word(err), fault.detail);
  return err;
}

/* From a seq on, which moves on: what is damaged is read once, until the next
 * start. */
static void segments_swear(struct cf_ledger *l, uint64_t *from)
{
  struct cf_segment_meta meta;
  while (!cf_nap_stopped(l) && cf_catalogue_unsworn(l, *from, &meta)) {
    enum cf_err err = segment_swear(l, &meta);
    if (err != CF_OK && err != CF_E_DAMAGED)
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
  struct cf_scrub scrub;
  uint64_t from = 0;
  unsigned round = 0;
  cf_scrub_begin(l, &scrub, cf_clock_now_us());
  do {
    told_gather(l, round++);
    cf_ledger_segments_check(l);
    segments_swear(l, &from);
  } while (round_scrub(l, &scrub));
  cf_scrub_end(l, &scrub);
  return NULL;
}
