/* SPDX-License-Identifier: MIT */
/* The thread that sends checkpoints to witnesses and anchors. All of them are
 * asked side by side, each backs off by itself, and what came is kept. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/evidence/proof.h"
#include "lib/evidence/receipt.h"
#include "lib/ledger/kept.h"
#include "lib/witness/witness_in.h"

#define NAP_US        INT64_C(250000)
#define TIMEOUT_MS    10000
#define ROUNDS_MAX    3 /* of questions in a row, while sizes are put right */
#define BACKOFF_US    INT64_C(1000000)
#define BACKOFF_SHIFT 10 /* at most 17 minutes, and half as much again */
#define SECOND_US     INT64_C(1000000)

/* False: it is to end. */
static bool clerk_nap(struct cf_witnesses *w)
{
  struct timespec until;
  (void)pthread_mutex_lock(&w->lock);
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t ns = until.tv_nsec + NAP_US * 1000;
  until.tv_sec += ns / 1000000000;
  until.tv_nsec = ns % 1000000000;
  if (!w->stop)
    (void)pthread_cond_timedwait(&w->wake, &w->lock, &until);
  bool on = !w->stop;
  (void)pthread_mutex_unlock(&w->lock);
  return on;
}

static bool clerk_stopped(struct cf_witnesses *w)
{
  (void)pthread_mutex_lock(&w->lock);
  bool stop = w->stop;
  (void)pthread_mutex_unlock(&w->lock);
  return stop;
}

/* ---- one question ---- */

struct question {
  struct cf_witness *witness;
  struct cf_fetch fetch;
  struct cf_buf body;
};

static enum cf_err body_make(struct cf_witnesses *w, const struct cf_sighting *t, uint64_t has,
                             struct cf_buf *body)
{
  struct cf_proof proof = {.n = 0};
  struct cf_fault fault = {"", ""};
  const struct cf_proof_ask ask = {"first", "second", has, t->checkpoint.size};
  enum cf_err err = CF_OK;
  if (has > 0 && has < t->checkpoint.size)
    err = cf_proof_consistency(w->ledger, &ask, &proof, &fault);
  if (err != CF_OK)
    return err;
  cf_add_put(has, &proof, cf_buf_str(&t->signed_note), body);
  return body->err;
}

static enum cf_err question_begin(struct cf_witnesses *w, const struct cf_sighting *t,
                                  struct cf_witness *witness, struct question *q)
{
  *q = (struct question){.witness = witness};
  cf_buf_init(&q->body, 2 * CF_NOTE_MAX);
  cf_buf_init(&q->fetch.answer, CF_NOTE_MAX);
  q->fetch.url = witness->url;
  q->fetch.type = "text/plain; charset=utf-8";
  enum cf_err err = body_make(w, t, witness->has, &q->body);
  q->fetch.body = cf_buf_str(&q->body);
  return err;
}

static void question_end(struct question *q)
{
  cf_buf_fini(&q->body);
  cf_buf_fini(&q->fetch.answer);
}

/* The next try of a witness that gave nothing: twice as late each time, and not
 * all at once. */
static void back_off(struct cf_witness *v)
{
  uint16_t random;
  cf_random(&random, sizeof random);
  unsigned shift = v->failures < BACKOFF_SHIFT ? v->failures : BACKOFF_SHIFT;
  int64_t delay = BACKOFF_US << shift;
  v->failures++;
  v->next_us = cf_clock_mono_us() + delay + delay / 2 * random / UINT16_MAX;
}

/* Each thing once, until something else is to be said. */
static void witness_tell(struct cf_witness *v, const char *said)
{
  if (strcmp(said, v->told) == 0)
    return;
  if (said[0] == '\0')
    cf_log(CF_LOG_INFO, "witness %s cosigns again", v->vkey.name);
  else
    cf_log(v->state == CF_WITNESS_ALARM ? CF_LOG_ERROR : CF_LOG_WARNING, "witness %s: %s",
           v->vkey.name, said);
  (void)snprintf(v->told, sizeof v->told, "%s", said);
}

/* ---- a round ---- */

/* Returns whether it is to be asked again at once. */
static bool question_take(struct cf_witnesses *w, struct question *q, struct cf_sighting *t,
                          bool *news)
{
  char said[192];
  (void)pthread_mutex_lock(&w->lock);
  enum cf_witness_came came = cf_add_take(q->witness, &q->fetch, t, said, sizeof said);
  (void)pthread_mutex_unlock(&w->lock);
  if (came == CF_CAME_AGAIN)
    return true;
  witness_tell(q->witness, said);
  if (came == CF_CAME_COSIGNED) {
    q->witness->failures = 0;
    *news = true;
  } else {
    back_off(q->witness);
  }
  return false;
}

static bool is_due(const struct cf_witness *v, const struct cf_sighting *t)
{
  return v->state != CF_WITNESS_ALARM && v->size < t->checkpoint.size &&
         v->has <= t->checkpoint.size && v->next_us <= cf_clock_mono_us();
}

/* What is signed now, while they were asked for less. */
static uint64_t newest_signed(struct cf_witnesses *w)
{
  struct cf_checkpoint checkpoint = {.size = 0};
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  if (cf_checkpoint_get(w->ledger, &note, &checkpoint) != CF_OK)
    checkpoint.size = 0;
  cf_buf_fini(&note);
  return checkpoint.size;
}

/* Ask all of them once; gives which are to be asked again. */
static unsigned witnesses_ask(struct cf_witnesses *w, unsigned due, struct cf_sighting *t,
                              bool *news)
{
  struct question q[CF_WITNESSES_MAX];
  struct cf_fetch *fetches[CF_WITNESSES_MAX] = {NULL};
  size_t n = 0;
  unsigned again = 0;
  for (size_t i = 0; i < w->n; i++) {
    if ((due >> i & 1) == 0)
      continue;
    enum cf_err err = question_begin(w, t, &w->v[i], &q[n]);
    fetches[n] = &q[n].fetch;
    if (err == CF_OK) {
      n++;
      continue;
    }
    question_end(&q[n]);
    cf_log(CF_LOG_WARNING, "witness %s cannot be asked: %s", w->v[i].vkey.name, cf_err_title(err));
    back_off(&w->v[i]);
  }
  cf_fetcher_run(w->fetcher, fetches, n, TIMEOUT_MS);
  bool stopped = clerk_stopped(w);
  t->newest = newest_signed(w);
  for (size_t i = 0; i < n; i++) {
    if (!stopped && question_take(w, &q[i], t, news))
      again |= 1u << (q[i].witness - w->v);
    question_end(&q[i]);
  }
  return again;
}

/* What came is on disk before anybody is told of it. */
static void target_keep(struct cf_witnesses *w, const struct cf_sighting *t)
{
  static struct cf_log_rate rate;
  struct cf_str note = cf_buf_str(&t->note);
  enum cf_err err = cf_kept_cosign(w->ledger, note, t->signed_us);
  bool met = cf_cosignatures_count(note, w->keys, w->n) >= w->quorum;
  if (err == CF_OK && met)
    err = cf_witnessed_set(w->ledger, note, t->checkpoint.size);
  if (err != CF_OK) {
    cf_log_rated(&rate, CF_LOG_WARNING, "cosignatures could not be kept: %s", cf_err_title(err));
    return;
  }
  (void)pthread_mutex_lock(&w->lock);
  if (met && t->checkpoint.size > w->witnessed)
    w->witnessed = t->checkpoint.size;
  (void)pthread_mutex_unlock(&w->lock);
}

static void witnesses_round(struct cf_witnesses *w, struct cf_sighting *t)
{
  unsigned due = 0;
  for (size_t i = 0; i < w->n; i++)
    due |= is_due(&w->v[i], t) ? 1u << i : 0;
  for (int round = 0; due != 0 && round < ROUNDS_MAX && !clerk_stopped(w); round++) {
    bool news = false;
    due = witnesses_ask(w, due, t, &news);
    if (news)
      target_keep(w, t);
  }
  for (size_t i = 0; i < w->n; i++)
    if (due >> i & 1)
      back_off(&w->v[i]);
}

/* ---- the thread ---- */

/* With the cosignatures that one of before the start has. */
static void target_begin(struct cf_witnesses *w, struct cf_sighting *t)
{
  uint64_t found = 0;
  int64_t time_us = 0;
  cf_buf_reset(&t->note);
  if (cf_kept_from(w->ledger, t->checkpoint.size, &found, &time_us, &t->note) == CF_OK &&
      found == t->checkpoint.size) {
    t->signed_us = time_us;
    return;
  }
  cf_buf_reset(&t->note);
  cf_buf_putstr(&t->note, cf_buf_str(&t->signed_note));
}

/* The newest signed one, where it is larger than what the target is. */
static bool target_renew(struct cf_witnesses *w, struct cf_sighting *t)
{
  struct cf_checkpoint checkpoint;
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  bool newer = cf_checkpoint_get(w->ledger, &note, &checkpoint) == CF_OK &&
               checkpoint.size > t->checkpoint.size;
  if (newer) {
    t->checkpoint = checkpoint;
    t->signed_us = cf_clock_now_us();
    cf_buf_reset(&t->signed_note);
    cf_buf_putstr(&t->signed_note, cf_buf_str(&note));
    target_begin(w, t);
  }
  cf_buf_fini(&note);
  return newer;
}

/* It is in each file, and still is: one that was emptied takes it again, or
 * counts no more. */
static void target_anchor(struct cf_witnesses *w, const struct cf_sighting *t)
{
  if (w->conf->anchor.n == 0)
    return;
  bool all = cf_anchors_append(w->conf, cf_buf_str(&t->signed_note));
  (void)pthread_mutex_lock(&w->lock);
  if (all)
    w->anchored = t->checkpoint.size;
  else if (w->anchored == t->checkpoint.size)
    w->anchored = 0;
  (void)pthread_mutex_unlock(&w->lock);
}

void *cf_witness_clerk(void *witnesses)
{
  struct cf_witnesses *w = witnesses;
  struct cf_sighting t = {.signed_us = 0};
  int64_t next_us = 0, anchor_us = 0;
  cf_buf_init(&t.signed_note, CF_NOTE_MAX);
  cf_buf_init(&t.note, CF_NOTE_MAX);
  while (clerk_nap(w)) {
    int64_t now_us = cf_clock_mono_us();
    if (now_us >= next_us && target_renew(w, &t)) {
      next_us = now_us + w->conf->witness_interval_us;
      anchor_us = now_us;
    }
    if (t.checkpoint.size > 0 && now_us >= anchor_us) {
      anchor_us = now_us + w->conf->witness_interval_us;
      target_anchor(w, &t);
    }
    if (t.checkpoint.size > 0)
      witnesses_round(w, &t);
    cf_tsa_round(w, &t);
  }
  cf_buf_fini(&t.signed_note);
  cf_buf_fini(&t.note);
  return NULL;
}
