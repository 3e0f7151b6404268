/* SPDX-License-Identifier: MIT */
/* Which kinds of records the segments may have that the start found, as it is
 * vouched for. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/ledger/ledger_in.h"

/* Others may look already, and what they have seen stays. */
enum cf_err cf_vouched_take(struct cf_ledger *l, const struct cf_layout *layout,
                            const uint8_t *kinds)
{
  _Static_assert(CF_K_N <= 8 * CF_VOUCHED_KINDS_N, "a bit for each kind");
  size_t n = layout->segments_n;
  if (atomic_load(&l->vouched) != NULL)
    return CF_OK;
  struct cf_vouched *v = calloc(1, sizeof *v + n * sizeof *v->segment);
  if (v == NULL)
    return CF_E_NOMEM;
  v->n = n;
  for (size_t i = 0; i < n; i++) {
    v->segment[i].first = layout->segments[i].first;
    v->segment[i].kinds = cf_u32_get(kinds + i * CF_VOUCHED_KINDS_N);
    memcpy(v->segment[i].digest, layout->segments[i].digest, CF_HASH_N);
  }
  atomic_store(&l->vouched, v);
  return CF_OK;
}

bool cf_vouched_may_have(const struct cf_ledger *l, const struct cf_segment_meta *meta,
                         unsigned kind)
{
  const struct cf_vouched *v = atomic_load(&l->vouched);
  size_t low = 0, high = v != NULL ? v->n : 0;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (v->segment[middle].first < meta->first)
      low = middle + 1;
    else
      high = middle;
  }
  return v == NULL || low == v->n || v->segment[low].first != meta->first ||
         !cf_equal(v->segment[low].digest, meta->digest, CF_HASH_N) ||
         (v->segment[low].kinds >> kind & 1) != 0;
}
