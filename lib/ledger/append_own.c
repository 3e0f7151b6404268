/* SPDX-License-Identifier: MIT */
/* Appends that nobody asked for: what was posted, and records of the log's
 * own. */
#include "config.h"

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"
#include "lib/record/control.h"
#include "lib/record/source.h"

void cf_append_posted(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->queue.lock);
  bool any = l->queue.posted_n > 0 || l->queue.dropped.count > 0;
  (void)pthread_mutex_unlock(&l->queue.lock);
  static struct cf_log_rate rate;
  struct cf_append nothing = {.by = CF_BY_LEDGER};
  if (any && cf_ledger_append(l, &nothing) != CF_OK)
    cf_log_rated(&rate, CF_LOG_WARNING, "records of access or loss could not be written");
}

/* ---- the log's own records ---- */

enum cf_err cf_append_service(struct cf_ledger *l, const char *what)
{
  struct cf_event event = {0};
  enum cf_err err = cf_control_service(l->software, what, &event);
  if (err != CF_OK)
    return err;
  const struct cf_event *pointer = &event;
  struct cf_place place;
  struct cf_append append = {.by = CF_BY_LEDGER, .events = &pointer, .n = 1, .places = &place};
  err = cf_ledger_append(l, &append);
  cf_event_fini(&event);
  return err;
}

/* Nobody knows when the lost ones were recorded: the times are of now. */
enum cf_err cf_ledger_restored(struct cf_ledger *l, uint64_t lost)
{
  const int64_t now_us = cf_clock_now_us();
  const struct cf_control_tally gap = {"gap", lost, now_us, now_us};
  struct cf_event restored = {0}, loss = {0};
  const struct cf_event *const pointers[] = {&restored, &loss};
  struct cf_place places[2];
  struct cf_append append = {.by = CF_BY_LEDGER,
                             .events = pointers,
                             .n = lost > 0 ? 2 : 1,
                             .places = places};
  enum cf_err err = cf_control_service(l->software, "restore", &restored);
  if (err == CF_OK && lost > 0)
    err = cf_control_loss(CF_STR(CF_SOURCE_OWN), &gap, &loss, NULL);
  if (err == CF_OK)
    err = cf_ledger_append(l, &append);
  cf_event_fini(&restored);
  cf_event_fini(&loss);
  return err;
}

/* ---- alone ---- */

/* Under commit. It is the next record, but that a `clock` record may come
 * before it. */
static enum cf_err alone_commit(struct cf_ledger *l, const struct cf_append_maker *maker)
{
  struct cf_append append = {.by = CF_BY_LEDGER};
  struct cf_intake intake = {.append = &append};
  const struct cf_intake *const group = &intake;
  enum cf_err err = CF_E_CONFLICT;
  for (uint64_t at = l->size; err == CF_E_CONFLICT && at <= l->size + 1; at++) {
    intake.at = at;
    err = maker->make(maker->context, at, &append);
    if (err == CF_OK)
      err = cf_event_keys_make(l, append.events, append.n, &intake.keys);
    if (err == CF_OK)
      err = cf_plan_run(l, &group, 1);
    cf_event_keys_fini(&intake.keys);
  }
  if (err == CF_OK)
    maker->committed(maker->context);
  return err;
}

enum cf_err cf_append_alone(struct cf_ledger *l, const struct cf_append_maker *maker)
{
  enum cf_err err = cf_queue_begin(l);
  if (err != CF_OK)
    return err;
  (void)pthread_mutex_lock(&l->commit);
  err = alone_commit(l, maker);
  uint64_t size = l->size;
  (void)pthread_mutex_unlock(&l->commit);
  if (err == CF_OK) {
    cf_bdb_flush(l->env);
    err = cf_ground_holds(l) ? CF_OK : CF_E_NOTREADY;
  }
  if (err == CF_OK)
    cf_publish(l, size);
  cf_queue_end(l);
  return err;
}
