/* SPDX-License-Identifier: MIT */
/* What a ledger is, and how it is, for those who watch it. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/ledger/ledger_in.h"

/* ---- what it is ---- */

int cf_ledger_directory(const struct cf_ledger *ledger)
{
  return ledger->directory;
}

const struct cf_vkey *cf_ledger_vkey(const struct cf_ledger *ledger)
{
  return cf_keys_present(cf_ledger_keys(ledger));
}

const struct cf_keys *cf_ledger_keys(const struct cf_ledger *ledger)
{
  return &atomic_load(&ledger->keyring)->keys;
}

const struct cf_vkey *cf_ledger_previous(const struct cf_ledger *ledger)
{
  return ledger->signer != NULL ? cf_signer_previous(ledger->signer) : NULL;
}

const uint8_t *cf_ledger_import_key(const struct cf_ledger *ledger)
{
  return ledger->import_key;
}

/* Table and length of the key first, so that no two rows have one text. */
bool cf_ledger_row_mac(const struct cf_ledger *ledger, const struct cf_row *row,
                       uint8_t mac[CF_HASH_N])
{
  uint8_t key_n[8];
  const struct cf_str parts[] = {cf_str_from(cf_table_files[row->table]),
                                 {(const char *)key_n, sizeof key_n},
                                 row->key,
                                 row->value};
  if (ledger->signer == NULL)
    return false;
  cf_u64_put(key_n, row->key.n);
  cf_signer_mac(ledger->signer, parts, 4, mac);
  return true;
}

struct cf_turns *cf_ledger_turns(const struct cf_ledger *ledger)
{
  return ledger->turns;
}

/* ---- how it is ---- */

void cf_ledger_state(struct cf_ledger *l, struct cf_ledger_state *state)
{
  *state = (struct cf_ledger_state){.free_bytes = cf_space_free(l)};
  state->space_ok = state->free_bytes >= l->conf->min_free;
  state->aside = l->aside;
  state->seal_err = atomic_load(&l->seal_err);
  (void)pthread_mutex_lock(&l->look);
  state->size = l->durable;
  state->segments = l->layout->segments_n;
  for (size_t i = 0; i < l->layout->segments_n; i++)
    state->segment_bytes += l->layout->segments[i].bytes;
  state->tail_records =
      l->durable -
      (l->layout->segments_n > 0 ? l->layout->segments[l->layout->segments_n - 1].end : 0);
  state->roll_failed = l->roll_failed;
  for (size_t i = 0; i < l->seen_n; i++)
    state->damaged += (l->seen[i].what & CF_SEEN_DAMAGED) != 0;
  for (size_t i = 0; i < l->layout->tails_n; i++)
    state->damaged += cf_tail_doubted(l->layout->tails[i]) > 0;
  state->missing = l->missing;
  state->mismatched = l->mismatched;
  state->unsworn = l->unsworn;
  state->segments_checked = l->segments_checked;
  state->sealed = l->sealed;
  state->sealed_us = l->sealed_us;
  (void)pthread_mutex_unlock(&l->look);
  (void)pthread_mutex_lock(&l->queue.lock);
  state->posted_dropped = l->queue.posted_dropped;
  (void)pthread_mutex_unlock(&l->queue.lock);
}
