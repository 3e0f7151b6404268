/* SPDX-License-Identifier: MIT */
/* The time-stamping authority: what is signed by the log is sent there at most
 * once in `tsa_interval`, and what comes back is checked and kept. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/evidence/receipt.h"
#include "lib/ledger/kept.h"
#include "lib/proof/stamp.h"
#include "lib/witness/witness_in.h"

#define TIMEOUT_MS 10000
#define AGAIN_US   INT64_C(10000000) /* after the first failure; twice as late after each */
#define AGAIN_MAX  9

/* Of an answer whose status is known. */
static enum cf_err answer_take(struct cf_witnesses *w, const struct cf_stamp_question *question,
                               const struct cf_fetch *fetch, struct cf_stamp *stamp,
                               struct cf_fault *fault)
{
  if (fetch->status == 0)
    return cf_fail(fault, CF_E_PEER, NULL, "%s", fetch->why);
  if (fetch->status != 200 || strcmp(fetch->answer_type, "application/timestamp-reply") != 0)
    return cf_fail(fault, CF_E_PEER, NULL, "it answered with the status %d and no timestamp",
                   fetch->status);
  enum cf_err err = cf_stamp_check(question, cf_buf_str(&fetch->answer), w->conf->tsa_ca, fault);
  if (err != CF_OK)
    return err;
  cf_buf_putstr(&stamp->answer, cf_buf_str(&fetch->answer));
  err = cf_stamp_keep(w->ledger, stamp);
  return err == CF_OK ? err : cf_fail(fault, err, NULL, "it cannot be kept: %s", cf_err_title(err));
}

static enum cf_err stamp_get(struct cf_witnesses *w, const struct cf_sighting *t,
                             struct cf_fault *fault)
{
  struct cf_stamp_question *question = NULL;
  struct cf_buf body;
  struct cf_stamp stamp;
  struct cf_fetch fetch = {.url = w->conf->tsa, .type = "application/timestamp-query"};
  struct cf_fetch *const each[] = {&fetch};
  cf_buf_init(&body, 4096);
  cf_buf_init(&fetch.answer, CF_STAMP_MAX);
  cf_stamp_init(&stamp);
  stamp.size = t->checkpoint.size;
  cf_buf_putstr(&stamp.note, cf_buf_str(&t->signed_note));
  enum cf_err err = cf_stamp_ask(cf_buf_str(&stamp.note), &question, &body);
  if (err == CF_OK) {
    fetch.body = cf_buf_str(&body);
    cf_fetcher_run(w->fetcher, each, 1, TIMEOUT_MS);
    err = answer_take(w, question, &fetch, &stamp, fault);
  }
  cf_stamp_question_free(question);
  cf_stamp_fini(&stamp);
  cf_buf_fini(&fetch.answer);
  cf_buf_fini(&body);
  return err;
}

static bool is_due(const struct cf_witnesses *w, const struct cf_sighting *t, int64_t now_us)
{
  return w->conf->tsa != NULL && t->checkpoint.size > w->stamped && now_us >= w->stamp_next_us;
}

void cf_tsa_round(struct cf_witnesses *w, const struct cf_sighting *t)
{
  static struct cf_log_rate rate;
  struct cf_fault fault = {"", ""};
  int64_t now_us = cf_clock_now_us();
  if (!is_due(w, t, now_us))
    return;
  enum cf_err err = stamp_get(w, t, &fault);
  if (err != CF_OK) {
    unsigned shift = w->stamp_failures < AGAIN_MAX ? w->stamp_failures++ : AGAIN_MAX;
    w->stamp_next_us = now_us + (AGAIN_US << shift);
    cf_log_rated(&rate, CF_LOG_WARNING, "no timestamp of %s: %s", w->conf->tsa,
                 cf_fault_text(&fault, err));
    return;
  }
  w->stamp_failures = 0;
  w->stamp_next_us = now_us + w->conf->tsa_interval_us;
  (void)pthread_mutex_lock(&w->lock);
  w->stamped = t->checkpoint.size;
  (void)pthread_mutex_unlock(&w->lock);
}

/* ---- what was kept ---- */

/* Whoever can write DATA can put rows there: what the log and the authority
 * signed counts. */
static bool is_good(const struct cf_witnesses *w, const struct cf_stamp *stamp)
{
  struct cf_checkpoint checkpoint;
  struct cf_fault fault = {"", ""};
  struct cf_str note = cf_buf_str(&stamp->note);
  return cf_keys_checkpoint(cf_ledger_keys(w->ledger), note, &checkpoint) == CF_OK &&
         checkpoint.size == stamp->size &&
         cf_stamp_holds(note, cf_buf_str(&stamp->answer), w->conf->tsa_ca, &fault) == CF_OK;
}

/* The size of the newest one of at most max; 0: there is none. */
static enum cf_err newest_find(struct cf_witnesses *w, uint64_t max, uint64_t *size)
{
  enum cf_err err = CF_OK;
  *size = 0;
  while (err == CF_OK && *size < max) {
    struct cf_stamp stamp;
    cf_stamp_init(&stamp);
    err = cf_stamp_from(w->ledger, *size + 1, &stamp);
    if (err == CF_OK && stamp.size > max)
      err = CF_E_NOTFOUND;
    *size = err == CF_OK ? stamp.size : *size;
    cf_stamp_fini(&stamp);
  }
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

/* When the next one is due. */
static void next_set(struct cf_witnesses *w)
{
  struct cf_buf note;
  uint64_t found = 0;
  int64_t time_us = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  if (cf_kept_from(w->ledger, w->stamped, &found, &time_us, &note) == CF_OK && found == w->stamped)
    w->stamp_next_us = time_us + w->conf->tsa_interval_us;
  cf_buf_fini(&note);
}

static enum cf_err newest_take(struct cf_witnesses *w, uint64_t size)
{
  struct cf_stamp stamp;
  cf_stamp_init(&stamp);
  enum cf_err err = cf_stamp_of(w->ledger, size, &stamp);
  if (err == CF_OK && is_good(w, &stamp)) {
    w->stamped = size;
    next_set(w);
  } else if (err == CF_OK) {
    cf_log(CF_LOG_WARNING,
           "the timestamp of the checkpoint of size %llu does not count: it is none of tsa_ca's",
           (unsigned long long)size);
  }
  cf_stamp_fini(&stamp);
  return err;
}

enum cf_err cf_tsa_begin(struct cf_witnesses *w)
{
  struct cf_checkpoint newest;
  struct cf_buf note;
  uint64_t size = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = CF_OK;
  if (w->conf->tsa != NULL && cf_checkpoint_get(w->ledger, &note, &newest) == CF_OK)
    err = newest_find(w, newest.size, &size);
  if (err == CF_OK && size > 0)
    err = newest_take(w, size);
  cf_buf_fini(&note);
  return err;
}
