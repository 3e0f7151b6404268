/* SPDX-License-Identifier: MIT */
/* Witnesses: whom the configuration names, what was kept of them, and what is
 * told of them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/thread.h"
#include "lib/evidence/receipt.h"
#include "lib/ledger/kept.h"
#include "lib/record/json.h"
#include "lib/witness/witness_in.h"

#define ROWS_MAX 2000 /* kept checkpoints that are looked at at the start */

/* ---- configuration ---- */

/* `URL VKEY`. Credentials in an address would be shown to whoever sees it. */
static bool url_ok(struct cf_str url)
{
  if (!cf_str_starts(url, CF_STR("https://")) && !cf_str_starts(url, CF_STR("http://")))
    return false;
  for (size_t i = 0; i < url.n; i++)
    if (url.p[i] <= ' ' || url.p[i] == 0x7f || memchr("@?#\\", url.p[i], 4) != NULL)
      return false;
  return url.n <= CF_WITNESS_URL_MAX;
}

static enum cf_err witness_read(const char *line, struct cf_witness *v, struct cf_fault *fault)
{
  struct cf_str vkey = cf_str_from(line);
  struct cf_str url = cf_str_cut(&vkey, ' ');
  while (cf_str_starts(vkey, CF_STR(" ")))
    vkey = cf_str_behind(vkey, 1);
  while (url.n > 0 && url.p[url.n - 1] == '/')
    url.n--;
  memset(v, 0, sizeof *v);
  const char *secret = strrchr(line, '@'); /* what is in front of it may be one */
  if (!url_ok(url) || cf_cosigner_parse(vkey, &v->vkey) != CF_OK)
    return cf_fail(fault, CF_E_CONFIG, "witness",
                   "\"%.200s\" is no witness; right is its URL, a space and its vkey of a "
                   "cosignature key: https://witness.example/w witness.example/w+id+key",
                   secret != NULL ? secret : line);
  (void)snprintf(v->url, sizeof v->url, "%.*s/add-checkpoint", (int)url.n, url.p);
  return CF_OK;
}

/* How many public keys there are: each counts once. */
static size_t keys_distinct(const struct cf_witnesses *w)
{
  size_t n = 0;
  for (size_t i = 0; i < w->n; i++) {
    bool before = false;
    for (size_t k = 0; k < i; k++)
      before = before || memcmp(w->keys[k].pubkey, w->keys[i].pubkey, CF_PUBKEY_N) == 0;
    n += !before;
  }
  return n;
}

/* The log stands for itself already. */
static bool key_is_own(const struct cf_keys *own, const struct cf_vkey *key)
{
  for (size_t i = 0; i < own->n; i++)
    if (memcmp(own->v[i].vkey.pubkey, key->pubkey, CF_PUBKEY_N) == 0)
      return true;
  return false;
}

static enum cf_err conf_read(struct cf_witnesses *w, struct cf_fault *fault)
{
  const struct cf_conf_list *lines = &w->conf->witness;
  if (lines->n > CF_WITNESSES_MAX)
    return cf_fail(fault, CF_E_CONFIG, "witness", "at most %d witnesses", CF_WITNESSES_MAX);
  for (; w->n < lines->n; w->n++) {
    enum cf_err err = witness_read(lines->v[w->n], &w->v[w->n], fault);
    if (err != CF_OK)
      return err;
    w->keys[w->n] = w->v[w->n].vkey;
    if (key_is_own(cf_ledger_keys(w->ledger), &w->keys[w->n]))
      return cf_fail(fault, CF_E_CONFIG, "witness",
                     "%s has the key of the log: whoever signs it is no witness of it",
                     w->keys[w->n].name);
  }
  size_t keys = keys_distinct(w);
  if (w->conf->quorum > keys)
    return cf_fail(fault, CF_E_CONFIG, "quorum",
                   "%llu of %zu witnesses can never sign; each key counts once",
                   (unsigned long long)w->conf->quorum, keys);
  w->quorum = w->conf->quorum == 0 ? keys : (size_t)w->conf->quorum;
  return CF_OK;
}

/* ---- what was kept ---- */

/* Whose newest cosignature is in the note, and does it meet the quorum? */
static enum cf_err note_take(struct cf_witnesses *w, struct cf_str note, uint64_t size)
{
  for (size_t i = 0; i < w->n; i++) {
    struct cf_witness *v = &w->v[i];
    if (v->size == 0 && cf_cosignature_check(note, &v->vkey, &v->time) == CF_OK) {
      v->size = v->has = size;
      v->state = CF_WITNESS_COSIGNS;
    }
  }
  if (w->witnessed > 0 || cf_cosignatures_count(note, w->keys, w->n) < w->quorum)
    return CF_OK;
  w->witnessed = size;
  return cf_witnessed_set(w->ledger, note, size);
}

static bool all_known(const struct cf_witnesses *w)
{
  bool known = w->witnessed > 0;
  for (size_t i = 0; i < w->n; i++)
    known = known && w->v[i].size > 0;
  return known;
}

static enum cf_err kept_read(struct cf_witnesses *w)
{
  struct cf_buf note;
  uint64_t size = UINT64_MAX;
  int64_t time_us = 0;
  enum cf_err err = CF_OK;
  cf_buf_init(&note, CF_NOTE_MAX);
  for (int i = 0; w->n > 0 && i < ROWS_MAX && !all_known(w) && err == CF_OK; i++) {
    struct cf_checkpoint checkpoint;
    cf_buf_reset(&note);
    err = cf_kept_below(w->ledger, size, &size, &time_us, &note);
    if (err == CF_OK &&
        cf_keys_checkpoint(cf_ledger_keys(w->ledger), cf_buf_str(&note), &checkpoint) == CF_OK &&
        checkpoint.size == size)
      err = note_take(w, cf_buf_str(&note), size);
  }
  cf_buf_fini(&note);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

/* ---- life ---- */

static enum cf_err clerk_start(struct cf_witnesses *w, struct cf_fault *fault)
{
  if (cf_ledger_is_copy(w->ledger) || (w->n + w->conf->anchor.n == 0 && w->conf->tsa == NULL))
    return CF_OK;
  enum cf_err err = cf_fetcher_new(w->conf->https_ca, &w->fetcher);
  if (err == CF_OK)
    err = cf_thread_start(&w->clerk, 0, cf_witness_clerk, w, fault);
  w->runs = err == CF_OK;
  return err;
}

enum cf_err cf_witnesses_open(const struct cf_conf *conf, struct cf_ledger *ledger,
                              struct cf_witnesses **witnesses, struct cf_fault *fault)
{
  struct cf_witnesses *w = calloc(1, sizeof *w);
  pthread_condattr_t monotonic;
  if (w == NULL)
    return CF_E_NOMEM;
  w->conf = conf;
  w->ledger = ledger;
  CF_ASSERT(pthread_mutex_init(&w->lock, NULL) == 0);
  CF_ASSERT(pthread_condattr_init(&monotonic) == 0);
  CF_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
  CF_ASSERT(pthread_cond_init(&w->wake, &monotonic) == 0);
  (void)pthread_condattr_destroy(&monotonic);
  enum cf_err err = conf_read(w, fault);
  if (err == CF_OK)
    err = kept_read(w);
  if (err == CF_OK)
    err = cf_tsa_begin(w);
  if (err == CF_OK)
    err = clerk_start(w, fault);
  if (err == CF_OK)
    *witnesses = w;
  else
    cf_witnesses_close(w);
  return err;
}

void cf_witnesses_close(struct cf_witnesses *w)
{
  if (w == NULL)
    return;
  (void)pthread_mutex_lock(&w->lock);
  w->stop = true;
  (void)pthread_cond_signal(&w->wake);
  (void)pthread_mutex_unlock(&w->lock);
  if (w->fetcher != NULL)
    cf_fetcher_stop(w->fetcher);
  if (w->runs)
    (void)pthread_join(w->clerk, NULL);
  cf_fetcher_free(w->fetcher);
  (void)pthread_cond_destroy(&w->wake);
  (void)pthread_mutex_destroy(&w->lock);
  free(w);
}

/* ---- how far they stand for it ---- */

/* Is there a checkpoint above that size that was kept `late` intervals ago? */
static bool is_late(const struct cf_witnesses *w, uint64_t size, int64_t interval_us,
                    int64_t now_us)
{
  struct cf_buf note;
  uint64_t found = 0;
  int64_t time_us = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_kept_from(w->ledger, size + 1, &found, &time_us, &note);
  cf_buf_fini(&note);
  return err == CF_OK ? time_us < now_us - CF_WITNESS_LATE * interval_us : err != CF_E_NOTFOUND;
}

static bool quorum_missed(struct cf_witnesses *w, int64_t now_us)
{
  (void)pthread_mutex_lock(&w->lock);
  uint64_t witnessed = w->witnessed;
  (void)pthread_mutex_unlock(&w->lock);
  return w->n > 0 && is_late(w, witnessed, w->conf->witness_interval_us, now_us);
}

const char *cf_witnesses_assurance(struct cf_witnesses *w, int64_t now_us, uint64_t *size)
{
  (void)pthread_mutex_lock(&w->lock);
  uint64_t witnessed = w->witnessed, anchored = w->anchored, stamped = w->stamped;
  (void)pthread_mutex_unlock(&w->lock);
  *size = witnessed;
  if (witnessed > 0 && !quorum_missed(w, now_us))
    return "witnessed";
  if (stamped > 0 && is_late(w, stamped, w->conf->tsa_interval_us, now_us))
    stamped = 0;
  if (anchored > 0 && is_late(w, anchored, w->conf->witness_interval_us, now_us))
    anchored = 0;
  *size = stamped > anchored ? stamped : anchored;
  return *size > 0 ? "anchored" : "signed";
}

void cf_witnesses_judge(struct cf_witnesses *w, int64_t now_us, struct cf_verify_run *run)
{
  if (!quorum_missed(w, now_us))
    return;
  (void)pthread_mutex_lock(&w->lock);
  uint64_t witnessed = w->witnessed;
  (void)pthread_mutex_unlock(&w->lock);
  cf_run_fault(run, CF_V_WITNESS_QUORUM, NULL,
               "%zu of %zu witnesses are to sign; the newest checkpoint that so many did has size "
               "%llu, and later ones are old enough",
               w->quorum, w->n, (unsigned long long)witnessed);
}

enum cf_err cf_witnesses_checkpoint(struct cf_witnesses *w, struct cf_buf *note)
{
  struct cf_checkpoint checkpoint;
  bool missed = quorum_missed(w, cf_clock_now_us());
  (void)pthread_mutex_lock(&w->lock);
  uint64_t served = w->served;
  (void)pthread_mutex_unlock(&w->lock);
  if (!missed && w->n > 0 && cf_witnessed_get(w->ledger, served, note) == CF_OK)
    return CF_OK;
  enum cf_err err = cf_checkpoint_get(w->ledger, note, &checkpoint);
  (void)pthread_mutex_lock(&w->lock);
  if (err == CF_OK && checkpoint.size > w->served)
    w->served = checkpoint.size;
  (void)pthread_mutex_unlock(&w->lock);
  return err;
}

/* ---- in JSON ---- */

static void put_witness(const struct cf_witness *v, bool states, struct cf_buf *b)
{
  static const char *const words[] = {[CF_WITNESS_WAITING] = "waiting",
                                      [CF_WITNESS_COSIGNS] = "cosigns",
                                      [CF_WITNESS_UNREACHABLE] = "unreachable",
                                      [CF_WITNESS_REFUSES] = "refuses",
                                      [CF_WITNESS_ALARM] = "alarm"};
  cf_buf_putc(b, '{');
  cf_json_put_member(b, "name", cf_str_from(v->vkey.name));
  cf_json_put_member_u64_or_null(b, "size", v->size > 0, v->size);
  if (v->size > 0 && v->time <= INT32_MAX * UINT64_C(100))
    cf_json_put_member_time(b, "time", (int64_t)v->time * 1000000);
  if (states || v->state == CF_WITNESS_ALARM)
    cf_json_put_member(b, "state", cf_str_from(words[v->state]));
  cf_buf_putc(b, '}');
}

void cf_witnesses_put(struct cf_witnesses *w, bool states, struct cf_buf *b)
{
  (void)pthread_mutex_lock(&w->lock);
  if (w->n > 0) {
    cf_json_put_name(b, "witnesses");
    cf_buf_putc(b, '[');
    for (size_t i = 0; i < w->n; i++) {
      if (i > 0)
        cf_buf_putc(b, ',');
      put_witness(&w->v[i], states, b);
    }
    cf_buf_putc(b, ']');
    cf_json_put_member_u64(b, "quorum", w->quorum);
    cf_json_put_member_u64_or_null(b, "witnessed", w->witnessed > 0, w->witnessed);
  }
  if (w->conf->anchor.n > 0)
    cf_json_put_member_u64_or_null(b, "anchored", w->anchored > 0, w->anchored);
  if (w->conf->tsa != NULL)
    cf_json_put_member_u64_or_null(b, "stamped", w->stamped > 0, w->stamped);
  (void)pthread_mutex_unlock(&w->lock);
}
