/* SPDX-License-Identifier: MIT */
/* The records of a ledger, each once in their order, and who counts them. */
#include "config.h"

#include "lib/query/gaps.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/die.h"

#define WAIT_US  INT64_C(2000000)
#define AGAIN_US INT64_C(600000000) /* then what could not be read is tried again */

struct cf_gaps {
  pthread_mutex_t lock; /* guards what follows */
  struct cf_producers *producers;
  uint64_t at; /* records below it were looked at */
  uint64_t unread;
  int64_t began_us; /* monotonic */
};

/* ---- life ---- */

enum cf_err cf_gaps_new(struct cf_gaps **out)
{
  struct cf_gaps *gaps = calloc(1, sizeof *gaps);
  if (gaps == NULL)
    return CF_E_NOMEM;
  CF_ASSERT(pthread_mutex_init(&gaps->lock, NULL) == 0);
  *out = gaps;
  return CF_OK;
}

void cf_gaps_free(struct cf_gaps *gaps)
{
  if (gaps == NULL)
    return;
  cf_producers_free(gaps->producers);
  pthread_mutex_destroy(&gaps->lock);
  free(gaps);
}

static void gaps_forget(struct cf_gaps *gaps)
{
  cf_producers_free(gaps->producers);
  gaps->producers = NULL;
  gaps->at = gaps->unread = 0;
}

/* Begin, where nothing was looked at, or some of it could not be read. */
static enum cf_err gaps_begin(struct cf_gaps *gaps)
{
  int64_t now_us = cf_clock_mono_us();
  if (gaps->unread > 0 && now_us - gaps->began_us >= AGAIN_US)
    gaps_forget(gaps);
  if (gaps->producers != NULL)
    return CF_OK;
  gaps->began_us = now_us;
  return cf_producers_new(&gaps->producers);
}

/* ---- records ---- */

static enum cf_err block_add(struct cf_gaps *gaps, const struct cf_block *block, uint64_t end)
{
  enum cf_err err = CF_OK;
  for (; gaps->at < end && err == CF_OK; gaps->at++) {
    const struct cf_record *r = &block->record[gaps->at - block->first];
    struct cf_produced produced;
    if (!cf_produced_get(r->public_text, &produced))
      continue;
    produced.seq = r->seq;
    produced.recorded_us = r->recorded_us;
    err = cf_producers_add(gaps->producers, &produced);
  }
  return err;
}

/* The records of the block, or of its part, that holds the next one. */
static enum cf_err block_look(struct cf_gaps *gaps, struct cf_view *view, struct cf_block *block)
{
  const uint64_t size = cf_view_size(view), next = gaps->at - gaps->at % CF_PART + CF_PART;
  enum cf_err err = cf_view_record(view, gaps->at, NULL, block);
  if (err == CF_OK) {
    uint64_t end = block->first + block->n;
    return block_add(gaps, block, end < size ? end : size);
  }
  if (err != CF_E_DAMAGED && err != CF_E_EXPIRED)
    return err;
  uint64_t end = next < size ? next : size;
  gaps->unread += err == CF_E_DAMAGED ? end - gaps->at : 0;
  gaps->at = end;
  return CF_OK;
}

static enum cf_err gaps_look(struct cf_gaps *gaps, struct cf_view *view, struct cf_turn *turn,
                             int64_t budget_us)
{
  const int64_t until_us = cf_clock_mono_us() + budget_us;
  struct cf_block block;
  cf_block_init(&block);
  enum cf_err err = gaps_begin(gaps);
  while (err == CF_OK && gaps->at < cf_view_size(view) && cf_clock_mono_us() < until_us) {
    err = cf_turn_work(turn);
    if (err == CF_OK)
      err = block_look(gaps, view, &block);
  }
  cf_block_fini(&block);
  cf_turn_rest(turn);
  return err;
}

/* Wait for another one who looks, no longer than the question may take. */
static bool gaps_lock(struct cf_gaps *gaps, int64_t budget_us)
{
  struct timespec until;
  int64_t wait_us = budget_us < WAIT_US ? budget_us : WAIT_US;
  clock_gettime(CLOCK_REALTIME, &until);
  int64_t ns = until.tv_nsec + wait_us * 1000;
  until.tv_sec += ns / 1000000000;
  until.tv_nsec = ns % 1000000000;
  return pthread_mutex_timedlock(&gaps->lock, &until) == 0;
}

enum cf_err cf_gaps_ask(struct cf_gaps *gaps, struct cf_view *view, struct cf_turn *turn,
                        int64_t budget_us,
                        enum cf_err (*tell)(void *context, const struct cf_gaps_told *told),
                        void *context)
{
  if (!gaps_lock(gaps, budget_us))
    return CF_E_BUSY;
  enum cf_err err = gaps_look(gaps, view, turn, budget_us);
  if (err == CF_E_NOMEM)
    gaps_forget(gaps);
  if (err == CF_OK) {
    const struct cf_gaps_told told = {gaps->producers, gaps->at, gaps->at >= cf_view_size(view),
                                      gaps->unread};
    err = tell(context, &told);
  }
  pthread_mutex_unlock(&gaps->lock);
  return err;
}
