/* SPDX-License-Identifier: MIT */
/* What was seen to be wrong with segments since the start: counted, and told
 * once with what to do. */
#include "config.h"

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

/* Under look: the segment's entry, a new one where there is none, NULL where
 * there is no room. */
static struct cf_seen_segment *seen_entry(struct cf_ledger *l, uint64_t first)
{
  for (size_t i = 0; i < l->seen_n; i++)
    if (l->seen[i].first == first)
      return &l->seen[i];
  if (l->seen_n == CF_SEEN_MAX)
    return NULL;
  l->seen[l->seen_n] = (struct cf_seen_segment){.first = first};
  return &l->seen[l->seen_n++];
}

void cf_segment_seen(struct cf_ledger *l, const struct cf_segment_meta *meta, enum cf_seen what)
{
  char name[64];
  (void)pthread_mutex_lock(&l->look);
  struct cf_seen_segment *entry = seen_entry(l, meta->first);
  bool fresh = entry != NULL && (entry->what & what) == 0, doubt = what >= CF_SEEN_MISMATCH;
  if (fresh)
    entry->what |= what;
  if (fresh && doubt)
    atomic_fetch_add(&l->doubted_n, 1);
  bool all = entry == NULL && doubt && (atomic_fetch_or(&l->doubted_all, what) & what) == 0;
  (void)pthread_mutex_unlock(&l->look);
  if (all)
    cf_log(CF_LOG_ERROR,
           "more than %d segments have faults: until the next start %s; restore the data directory "
           "from a backup",
           CF_SEEN_MAX,
           what == CF_SEEN_MISMATCH ? "no segment is read"
                                    : "no segment is passed over by its times");
  if (!fresh)
    return;
  cf_segment_name(meta, name);
  switch (what) {
  case CF_SEEN_DAMAGED:
    cf_log(CF_LOG_ERROR, "damage found in segment %s: restore that file from a backup", name);
    break;
  case CF_SEEN_MISSING:
    cf_log(CF_LOG_ERROR, "segment %s or its .sums is missing: restore both from a backup", name);
    break;
  case CF_SEEN_MISMATCH:
    cf_log(CF_LOG_ERROR,
           "segment %s is not what was logged: restore the data directory from a backup", name);
    break;
  case CF_SEEN_ROW:
    cf_log(CF_LOG_ERROR,
           "segment %s cannot be opened, or is not what the catalogue says of it: restore it, or "
           "the data directory, from a backup",
           name);
    break;
  }
}

bool cf_segment_doubted(struct cf_ledger *l, const struct cf_segment_meta *meta, unsigned what)
{
  bool found = (atomic_load(&l->doubted_all) & what) != 0;
  if (atomic_load(&l->doubted_n) == 0 || found)
    return found;
  (void)pthread_mutex_lock(&l->look);
  for (size_t i = 0; i < l->seen_n && !found; i++)
    found = l->seen[i].first == meta->first && (l->seen[i].what & what) != 0;
  (void)pthread_mutex_unlock(&l->look);
  return found;
}

enum cf_err cf_segment_confirm(struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  struct cf_segment *s = NULL;
  enum cf_err err = cf_segment_acquire(l->pool, meta, &s);
  if (err == CF_OK)
    cf_segment_release(l->pool, s);
  else if (err == CF_E_DAMAGED)
    cf_segment_seen(l, meta, CF_SEEN_ROW);
  return err;
}
