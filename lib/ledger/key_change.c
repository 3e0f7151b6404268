/* SPDX-License-Identifier: MIT */
/* Another key signs from now on. In this order, so that whatever kills the
 * process the next start knows which key it is to be: the new key is durable
 * at the signer's; the `key` record, which both signed, is durable here; the
 * signer turns to it. Every head above that record is signed after the turn:
 * whoever signs the first one sees to that (key_turn.c). */
#include "config.h"

#include <stdlib.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

/* ---- the record ---- */

struct change {
  struct cf_ledger *ledger;
  const struct cf_control_who *who;
  int64_t until_us;
  struct cf_event event;
  const struct cf_event *pointer;
  struct cf_place place;
  struct cf_keyring *ring;  /* with the new key, for those who read from then on */
  struct cf_key_turn *turn; /* what the signer is to be told then */
  struct cf_fault *fault;
};

static void change_reset(struct change *c)
{
  cf_event_fini(&c->event);
  c->event = (struct cf_event){0};
  cf_keyring_drop(c->ring);
  c->ring = NULL;
  free(c->turn);
  c->turn = NULL;
}

static enum cf_err change_fill(struct change *c, uint64_t seq, struct cf_str note)
{
  struct cf_buf vkey;
  cf_buf_init(&vkey, 1024);
  cf_vkey_put(cf_signer_next_vkey(c->ledger->signer), &vkey);
  enum cf_err err = vkey.err;
  if (err == CF_OK)
    err = cf_control_key(cf_buf_str(&vkey), note, c->until_us, c->who, &c->event, c->fault);
  if (err == CF_OK)
    err = cf_keyring_make(cf_ledger_keys(c->ledger), note, &c->ring, c->fault);
  if (err == CF_OK)
    err = cf_key_turn_make(seq, note, c->until_us, &c->turn);
  cf_buf_fini(&vkey);
  return err;
}

static enum cf_err change_make(void *context, uint64_t seq, struct cf_append *append)
{
  struct change *c = context;
  struct cf_buf note;
  change_reset(c);
  cf_buf_init(&note, CF_KEY_NOTE_MAX);
  enum cf_err err = cf_signer_next_note(c->ledger->signer, seq, &note);
  if (err == CF_OK)
    err = change_fill(c, seq, cf_buf_str(&note));
  cf_buf_fini(&note);
  c->pointer = &c->event;
  append->events = &c->pointer;
  append->n = 1;
  append->places = &c->place;
  return err;
}

/* Who sees the record sees its key, too, and nothing above it is signed without
 * the turn. */
static void change_committed(void *context)
{
  struct change *c = context;
  cf_keyring_take(c->ledger, c->ring);
  cf_key_turn_set(c->ledger, c->turn);
  c->ring = NULL;
  c->turn = NULL;
}

/* ---- the change ---- */

/* A turn that could not be made yet comes first. */
static enum cf_err next_make(struct cf_ledger *l, struct cf_fault *fault)
{
  (void)pthread_mutex_lock(&l->seal);
  enum cf_err err = cf_key_turn_settle(l, UINT64_MAX, fault);
  if (err == CF_OK)
    err = cf_signer_next(l->signer, fault);
  (void)pthread_mutex_unlock(&l->seal);
  return err;
}

/* Nothing names it; where it cannot be removed, the next start does that. */
static void next_forget(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->seal);
  if (cf_key_turn_due(l) == NULL && cf_signer_next_drop(l->signer, NULL) != CF_OK)
    cf_log(CF_LOG_WARNING, "a key that is not needed could not be removed");
  (void)pthread_mutex_unlock(&l->seal);
}

/* The first head above the record, which its key signs. */
static enum cf_err change_seal(struct cf_ledger *l, uint64_t seq, struct cf_fault *fault)
{
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_ledger_seal(l, seq + 1, &note, fault);
  cf_buf_fini(&note);
  return err;
}

static enum cf_err key_change(struct cf_ledger *l, struct change *c, uint64_t *seq)
{
  const struct cf_append_maker maker = {change_make, change_committed, c};
  enum cf_err err = next_make(l, c->fault);
  if (err != CF_OK)
    return err;
  err = cf_append_alone(l, &maker);
  if (err != CF_OK) {
    next_forget(l);
    return err;
  }
  *seq = c->place.seq;
  return change_seal(l, *seq, c->fault);
}

enum cf_err cf_ledger_key_change(struct cf_ledger *l, const struct cf_control_who *who,
                                 int64_t until_us, uint64_t *seq, struct cf_fault *fault)
{
  struct change c = {.ledger = l, .who = who, .until_us = until_us, .fault = fault};
  if (l->signer == NULL)
    return CF_E_NOTREADY;
  (void)pthread_mutex_lock(&l->changing);
  enum cf_err err = key_change(l, &c, seq);
  (void)pthread_mutex_unlock(&l->changing);
  change_reset(&c);
  return err;
}

/* Not beside a change, whose record may not be durable yet: no turn before
 * that. */
enum cf_err cf_ledger_key_retire(struct cf_ledger *l, struct cf_fault *fault)
{
  if (l->signer == NULL)
    return CF_E_NOTREADY;
  (void)pthread_mutex_lock(&l->changing);
  (void)pthread_mutex_lock(&l->seal);
  enum cf_err err = cf_key_turn_settle(l, UINT64_MAX, fault);
  if (err == CF_OK)
    err = cf_signer_retire(l->signer, fault);
  (void)pthread_mutex_unlock(&l->seal);
  (void)pthread_mutex_unlock(&l->changing);
  return err;
}
