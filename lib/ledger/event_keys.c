/* SPDX-License-Identifier: MIT */
/* What the indexes take of events, made before anybody waits for a lock. */
#include "config.h"

#include <stdlib.h>

#include "lib/ledger/ledger_in.h"

enum cf_err cf_event_keys_make(const struct cf_ledger *l, const struct cf_event *const *events,
                               size_t n, struct cf_event_keys *keys)
{
  cf_buf_init(&keys->bytes, SIZE_MAX / 2);
  keys->each = malloc((n + 1) * sizeof *keys->each);
  if (keys->each == NULL)
    return CF_E_NOMEM;
  for (size_t i = 0; i < n; i++) {
    struct cf_str value[CF_M_N];
    for (unsigned m = 0; m < CF_M_N; m++)
      value[m] = cf_event_get(events[i], (enum cf_member)m);
    cf_index_keys_put(l->fingerprint_key, events[i]->record.kind, value, &keys->bytes,
                      &keys->each[i]);
  }
  cf_index_keys_settle(&keys->bytes, keys->each, n);
  return keys->bytes.err;
}

void cf_event_keys_fini(struct cf_event_keys *keys)
{
  free(keys->each);
  cf_buf_fini(&keys->bytes);
}
