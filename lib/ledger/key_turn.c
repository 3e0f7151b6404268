/* SPDX-License-Identifier: MIT */
/* The signer's turn to a key that a durable record names. A start that finds
 * the record and not the turn does it; one that finds a key that no record
 * names forgets it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

enum cf_err cf_key_turn_make(uint64_t seq, struct cf_str note, int64_t until_us,
                             struct cf_key_turn **turn)
{
  struct cf_key_turn *t = calloc(1, sizeof *t + note.n + 1);
  if (t == NULL)
    return CF_E_NOMEM;
  t->seq = seq;
  t->until_us = until_us;
  memcpy(t->note, note.p, note.n);
  *turn = t;
  return CF_OK;
}

void cf_key_turn_set(struct cf_ledger *l, struct cf_key_turn *turn)
{
  (void)pthread_mutex_lock(&l->look);
  struct cf_key_turn *before = l->turn;
  l->turn = turn;
  (void)pthread_mutex_unlock(&l->look);
  free(before);
}

const struct cf_key_turn *cf_key_turn_due(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->look);
  const struct cf_key_turn *turn = l->turn;
  (void)pthread_mutex_unlock(&l->look);
  return turn;
}

enum cf_err cf_key_turn_settle(struct cf_ledger *l, uint64_t size, struct cf_fault *fault)
{
  const struct cf_key_turn *turn = cf_key_turn_due(l);
  if (turn == NULL || size <= turn->seq)
    return CF_OK;
  enum cf_err err = cf_signer_turn(l->signer, cf_str_from(turn->note), turn->until_us, fault);
  if (err != CF_OK)
    return err;
  cf_log(CF_LOG_INFO, "another key signs from size %llu on", (unsigned long long)turn->seq + 1);
  cf_key_turn_set(l, NULL);
  return CF_OK;
}

enum cf_err cf_key_turn_mend(struct cf_ledger *l, struct cf_fault *fault)
{
  return cf_key_turn_due(l) != NULL ? cf_key_turn_settle(l, UINT64_MAX, fault)
                                    : cf_signer_next_drop(l->signer, fault);
}
