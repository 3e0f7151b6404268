/* SPDX-License-Identifier: MIT */
/* Coalescing of losses and refusals. */
#include "config.h"

#include "fcgi-app/routes/loss_in.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/utf8.h"
#include "lib/record/address.h"
#include "lib/record/source.h"

#define MINUTE_US INT64_C(60000000)
#define TEXT_N    129

/* One kind of thing: a source and reason, or a caller, action and reason. A
 * caller is one at an address, a stranger any of a network. */
struct entry {
  bool used;
  const char *action; /* "" of a loss */
  char who[TEXT_N];   /* source, or user */
  char credential[TEXT_N];
  char network[CF_NETWORK_N];    /* of strangers, else "" */
  char ip[46];                   /* "" where it is not one of all that was counted */
  int64_t told_us;               /* when it was last told */
  struct cf_control_tally tally; /* since then */
};

/* The last entry is for everything that found no other. */
struct table {
  struct entry *entries;
  size_t n;
  /* the record of an entry, as lib/record/control.h makes it */
  enum cf_err (*make)(const struct entry *entry, struct cf_event *event, struct cf_fault *fault);
};

struct cf_loss {
  struct cf_ledger *ledger;
  pthread_mutex_t lock;
  struct table losses;
  struct table callers, strangers;                              /* who were refused */
  struct entry entries[2 * CF_LOSS_MAX + CF_LOSS_NETWORKS_MAX]; /* of all three */
};

/* ---- records ---- */

static enum cf_err make_loss(const struct entry *entry, struct cf_event *event,
                             struct cf_fault *fault)
{
  return cf_control_loss(cf_str_from(entry->who), &entry->tally, event, fault);
}

/* Does the address not tell it? */
static bool is_network(const struct entry *entry)
{
  return entry->network[0] != '\0' && entry->ip[0] == '\0';
}

static enum cf_err make_refusal(const struct entry *entry, struct cf_event *event,
                                struct cf_fault *fault)
{
  struct cf_control_who who = {cf_str_from(entry->who), cf_str_from(entry->credential), entry->ip};
  struct cf_control_access access = {.action = entry->action,
                                     .outcome = "failure",
                                     .network = is_network(entry) ? entry->network : NULL,
                                     .tally = &entry->tally};
  return cf_control_access(&who, &access, event, fault);
}

/* ---- counting ---- */

static void copy_text(struct cf_str s, char out[TEXT_N])
{
  s = cf_utf8_head(s, TEXT_N - 1);
  if (s.n > 0)
    memcpy(out, s.p, s.n);
  out[s.n] = '\0';
}

static bool entry_same(const struct entry *a, const struct entry *b)
{
  bool same_place =
      a->network[0] != '\0' ? strcmp(a->network, b->network) == 0 : strcmp(a->ip, b->ip) == 0;
  return a->used && same_place && strcmp(a->who, b->who) == 0 &&
         strcmp(a->credential, b->credential) == 0 && strcmp(a->action, b->action) == 0 &&
         strcmp(a->tally.reason, b->tally.reason) == 0;
}

/* The entry for such a thing: its own, a fresh one, or the one for everything
 * else. */
static struct entry *place_for(struct table *table, const struct entry *thing)
{
  struct entry *fresh = NULL;
  for (size_t i = 0; i < table->n - 1; i++) {
    if (entry_same(&table->entries[i], thing))
      return &table->entries[i];
    if (!table->entries[i].used && fresh == NULL)
      fresh = &table->entries[i];
  }
  if (fresh == NULL)
    return &table->entries[table->n - 1];
  *fresh = *thing;
  fresh->used = true;
  return fresh;
}

static bool is_due(const struct entry *entry, int64_t now_us)
{
  return now_us - entry->told_us >= MINUTE_US || now_us < entry->told_us;
}

/* Tell what was counted; its next minute begins. */
static void entry_tell(struct cf_loss *loss, const struct table *table, struct entry *entry,
                       int64_t now_us)
{
  static struct cf_log_rate rate;
  struct cf_event event;
  struct cf_fault fault = {"", ""};
  enum cf_err err = table->make(entry, &event, &fault);
  if (err == CF_OK) {
    cf_ledger_post(loss->ledger, &event);
    cf_event_fini(&event);
  } else {
    cf_log_rated(&rate, CF_LOG_ERROR, "a record of our own could not be made: %s: %s",
                 cf_err_word(err), cf_fault_text(&fault, err));
  }
  entry->told_us = now_us;
  entry->tally.count = 0;
}

/* The time is that of counting: requests that began earlier end later. */
static void entry_count(struct cf_loss *loss, struct table *table, const struct entry *thing,
                        uint64_t n)
{
  pthread_mutex_lock(&loss->lock);
  int64_t now_us = cf_clock_now_us();
  struct entry *entry = place_for(table, thing);
  if (entry->tally.count == 0) {
    entry->tally.first_us = now_us;
    memcpy(entry->ip, thing->ip, sizeof entry->ip);
  } else if (strcmp(entry->ip, thing->ip) != 0) {
    entry->ip[0] = '\0';
  }
  entry->tally.last_us = now_us;
  entry->tally.count += n;
  if (is_due(entry, now_us))
    entry_tell(loss, table, entry, now_us);
  pthread_mutex_unlock(&loss->lock);
}

void cf_loss_events(struct cf_loss *loss, struct cf_str source, const char *reason, uint64_t n)
{
  if (n == 0)
    return;
  struct entry thing = {.action = "", .tally.reason = reason, .told_us = INT64_MIN / 2};
  copy_text(source, thing.who);
  entry_count(loss, &loss->losses, &thing, n);
}

void cf_loss_refusal(struct cf_loss *loss, const struct cf_control_who *who, const char *action,
                     const char *reason)
{
  struct entry thing = {.action = action, .tally.reason = reason, .told_us = INT64_MIN / 2};
  copy_text(who->user, thing.who);
  copy_text(who->credential, thing.credential);
  snprintf(thing.ip, sizeof thing.ip, "%s", who->ip);
  bool stranger = who->user.n == 0 && who->credential.n == 0;
  if (stranger)
    cf_address_network(who->ip, thing.network);
  entry_count(loss, stranger ? &loss->strangers : &loss->callers, &thing, 1);
}

/* Tell what is due, or with all whatever was counted; entries that had nothing
 * to tell for a minute are free again. */
static void table_sweep(struct cf_loss *loss, struct table *table, int64_t now_us, bool all)
{
  for (size_t i = 0; i < table->n; i++) {
    struct entry *entry = &table->entries[i];
    if (entry->tally.count > 0 && (all || is_due(entry, now_us)))
      entry_tell(loss, table, entry, now_us);
    else if (is_due(entry, now_us))
      entry->used = false;
  }
}

void cf_loss_tick(struct cf_loss *loss, int64_t now_us)
{
  pthread_mutex_lock(&loss->lock);
  table_sweep(loss, &loss->losses, now_us, false);
  table_sweep(loss, &loss->callers, now_us, false);
  table_sweep(loss, &loss->strangers, now_us, false);
  pthread_mutex_unlock(&loss->lock);
}

/* With the words of the entry for everything else. Gives the entries behind
 * its own. */
static struct entry *table_init(struct table *table, struct entry *entries, size_t n,
                                const char *who, const char *network)
{
  table->entries = entries;
  table->n = n;
  struct entry *rest = &table->entries[table->n - 1];
  rest->action = "refused";
  rest->tally.reason = "many";
  rest->told_us = INT64_MIN / 2;
  strcpy(rest->who, who);
  strcpy(rest->network, network);
  return entries + n;
}

enum cf_err cf_loss_new(struct cf_ledger *ledger, struct cf_loss **loss)
{
  struct cf_loss *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->ledger = ledger;
  made->losses.make = make_loss;
  made->callers.make = made->strangers.make = make_refusal;
  struct entry *next = table_init(&made->losses, made->entries, CF_LOSS_MAX, CF_SOURCE_OWN, "");
  next = table_init(&made->callers, next, CF_LOSS_MAX, "", "");
  (void)table_init(&made->strangers, next, CF_LOSS_NETWORKS_MAX, "", "many");
  CF_ASSERT(pthread_mutex_init(&made->lock, NULL) == 0);
  *loss = made;
  return CF_OK;
}

void cf_loss_free(struct cf_loss *loss)
{
  if (loss == NULL)
    return;
  table_sweep(loss, &loss->losses, cf_clock_now_us(), true);
  table_sweep(loss, &loss->callers, cf_clock_now_us(), true);
  table_sweep(loss, &loss->strangers, cf_clock_now_us(), true);
  pthread_mutex_destroy(&loss->lock);
  free(loss);
}
