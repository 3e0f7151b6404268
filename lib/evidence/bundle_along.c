/* SPDX-License-Identifier: MIT */
/* Which checkpoints along the way belong to a bundle: for each record the first
 * that covers it of those that stay for good, the last of each hour and those
 * that have a timestamp. */
#include "config.h"

#include "lib/evidence/bundle_in.h"

#include <stdlib.h>

static enum cf_err size_add(struct cf_evidence *b, uint64_t size)
{
  cf_buf_put(&b->along.sizes, &size, sizeof size);
  b->along.n += b->along.sizes.err == CF_OK;
  return b->along.sizes.err;
}

/* The first kept one of at least that size; UINT64_MAX: none before the
 * bundle's own. */
static enum cf_err kept_from(struct cf_evidence *b, uint64_t size, uint64_t *found,
                             int64_t *hour_us)
{
  int64_t time_us = 0;
  cf_buf_reset(&b->text);
  enum cf_err err = cf_kept_from(b->ledger, size, found, &time_us, &b->text);
  if (err == CF_E_NOTFOUND || (err == CF_OK && *found > b->tree.head.size))
    *found = UINT64_MAX;
  *hour_us = cf_time_hour(time_us);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

/* The same of those that are the last of their hour. */
static enum cf_err hourly_from(struct cf_evidence *b, uint64_t size, uint64_t *found)
{
  int64_t hour_us, next_us;
  uint64_t next = UINT64_MAX;
  enum cf_err err = kept_from(b, size, found, &hour_us);
  while (err == CF_OK && *found < b->tree.head.size) {
    err = kept_from(b, *found + 1, &next, &next_us);
    if (err != CF_OK || (next != UINT64_MAX && next_us != hour_us))
      return err;
    *found = next;
  }
  return err;
}

static enum cf_err stamped_from(struct cf_evidence *b, uint64_t size, uint64_t *found)
{
  struct cf_stamp stamp;
  cf_stamp_init(&stamp);
  enum cf_err err = cf_stamp_from(b->ledger, size, &stamp);
  *found = err == CF_OK ? stamp.size : UINT64_MAX;
  cf_stamp_fini(&stamp);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static enum cf_err cover(struct cf_evidence *b, uint64_t seq, uint64_t *covered,
                         enum cf_err (*from)(struct cf_evidence *b, uint64_t size, uint64_t *found))
{
  if (seq < *covered)
    return CF_OK;
  enum cf_err err = from(b, seq + 1, covered);
  return err == CF_OK && *covered < b->tree.head.size ? size_add(b, *covered) : err;
}

enum cf_err cf_evidence_along_add(struct cf_evidence *b, uint64_t seq)
{
  enum cf_err err = cover(b, seq, &b->along.hourly, hourly_from);
  return err == CF_OK ? cover(b, seq, &b->along.stamped, stamped_from) : err;
}

uint64_t cf_evidence_along(const struct cf_evidence *b, size_t i)
{
  uint64_t size;
  memcpy(&size, b->along.sizes.p + i * sizeof size, sizeof size);
  return size;
}

static int compare(const void *a, const void *b)
{
  uint64_t x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return x < y ? -1 : x > y;
}

void cf_evidence_along_sort(struct cf_evidence *b)
{
  struct cf_evidence_along *along = &b->along;
  size_t n = along->n, kept = 0;
  if (n > 0)
    qsort(along->sizes.p, n, sizeof(uint64_t), compare);
  for (size_t i = 0; i < n; i++) {
    uint64_t size = cf_evidence_along(b, i);
    if (kept > 0 && cf_evidence_along(b, kept - 1) == size)
      continue;
    memcpy(along->sizes.p + kept++ * sizeof size, &size, sizeof size);
  }
  along->n = kept;
}
