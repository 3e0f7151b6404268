/* SPDX-License-Identifier: MIT */
/* A segment's file written once more. Nothing of it is copied but blocks and
 * the checkpoint: all else is made of the records as they are read, whose leaf
 * hashes must be those that it keeps, as fewer of them are kept now. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/die.h"
#include "lib/segment/segment_in.h"

struct again {
  const struct cf_rewrite *how;
  struct cf_segment *s;
  struct cf_block block;
  struct cf_segment_truth truth;
  struct cf_buf leaf;
  uint8_t prev[CF_HASH_N]; /* the leaf hash in front of the next record */
};

bool cf_segment_is_old(const struct cf_segment *s)
{
  return s->info.layout < CF_SEGMENT_LAYOUT;
}

/* ---- the records ---- */

static enum cf_err block_open(void *context, uint32_t i, struct cf_block *block)
{
  struct again *a = context;
  return a->how->stopped(a->how->context) ? CF_E_LEAVING : cf_segment_block(a->s, i, block);
}

static enum cf_err record_add(struct again *a, unsigned i, const uint8_t kept[CF_HASH_N])
{
  cf_buf_reset(&a->leaf);
  cf_block_leaf(&a->block, i, a->prev, &a->leaf, a->prev);
  if (a->leaf.err != CF_OK)
    return a->leaf.err;
  if (memcmp(a->prev, kept, CF_HASH_N) != 0)
    return cf_segment_spoil(a->s, CF_E_DAMAGED, "a record does not have its leaf hash");
  return cf_segment_truth_add(&a->truth, &a->block.record[i]);
}

static enum cf_err block_add(struct again *a, uint32_t i)
{
  uint8_t kept[CF_GROUP * CF_HASH_N];
  enum cf_err err = block_open(a, i, &a->block);
  if (err == CF_OK)
    err = cf_segment_hashes(a->s, i * CF_GROUP, CF_GROUP, kept);
  for (unsigned k = 0; k < CF_GROUP && err == CF_OK; k++)
    err = record_add(a, k, kept + (size_t)k * CF_HASH_N);
  return cf_segment_spoil(a->s, err, "a record is not well-formed");
}

static void range_differs(void *context, uint32_t offset, const char *sheet, const char *what)
{
  (void)offset;
  (void)sheet;
  (void)cf_segment_spoil(((struct again *)context)->s, CF_E_DAMAGED, what);
}

/* Its ranges must be those that the catalogue has: readers pass over it by
 * them. */
static enum cf_err records_read(struct again *a)
{
  const uint32_t n = (uint32_t)(a->s->meta.end - a->s->meta.first);
  enum cf_err err = CF_OK;
  memcpy(a->prev, a->how->before, sizeof a->prev);
  for (uint32_t i = 0; i < n / CF_GROUP && err == CF_OK; i++)
    err = block_add(a, i);
  if (err != CF_OK)
    return err;
  a->truth.differ = range_differs;
  a->truth.context = a;
  cf_segment_compare_ranges(&a->s->meta, &a->truth);
  return atomic_load(&a->s->spent) ? CF_E_DAMAGED : CF_OK;
}

/* ---- what the new file is made of ---- */

static enum cf_err source_hashes(void *context, uint32_t offset, uint32_t n, uint8_t *out)
{
  return cf_segment_hashes(((struct again *)context)->s, offset, n, out);
}

static enum cf_err source_times(void *context, uint32_t offset, uint32_t n, int64_t *out)
{
  const struct again *a = context;
  memcpy(out, a->truth.times + offset, n * sizeof *out);
  return CF_OK;
}

static enum cf_err file_build(struct again *a, struct cf_segment_meta *meta, struct cf_fault *fault)
{
  struct cf_buf note;
  cf_buf_init(&note, CF_SEGMENT_VALUE_MAX);
  enum cf_err err = cf_segment_checkpoint(a->s, &note);
  const struct cf_segment_source source = {.context = a,
                                           .block = block_open,
                                           .hashes = source_hashes,
                                           .times = source_times,
                                           .index = a->truth.index,
                                           .checkpoint = cf_buf_str(&note),
                                           .before = a->how->before};
  struct cf_segment_meta next = *meta;
  next.generation++;
  next.time_min_us = a->truth.meta.time_min_us;
  next.time_max_us = a->truth.meta.time_max_us;
  if (err == CF_OK)
    err = cf_segment_build(a->how->directory, &source, &next, fault);
  if (err == CF_OK)
    *meta = next;
  cf_buf_fini(&note);
  return err;
}

enum cf_err cf_segment_rewrite(const struct cf_rewrite *how, struct cf_segment_meta *meta,
                               struct cf_fault *fault)
{
  struct again *a = calloc(1, sizeof *a);
  CF_ASSERT(meta->sworn);
  if (a == NULL)
    return CF_E_NOMEM;
  a->how = how;
  cf_block_init(&a->block);
  cf_buf_init(&a->leaf, CF_LEAF_MAX);
  enum cf_err err = cf_segment_truth_init(&a->truth, how->fingerprint_key, meta);
  if (err == CF_OK)
    err = cf_segment_acquire_alone(how->pool, meta, &a->s);
  if (err == CF_OK)
    err = records_read(a);
  if (err == CF_OK)
    err = file_build(a, meta, fault);
  if (a->s != NULL)
    cf_segment_release(how->pool, a->s);
  cf_segment_truth_fini(&a->truth);
  cf_block_fini(&a->block);
  cf_buf_fini(&a->leaf);
  free(a);
  return err == CF_E_DAMAGED
             ? cf_fail(fault, err, NULL, "the segment of %" PRIu64 " is damaged", meta->first)
             : err;
}
