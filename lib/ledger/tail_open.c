/* SPDX-License-Identifier: MIT */
/* Opening the records of a generation's image. A full block never changes and
 * is packed as a whole, so of one that was unpacked the part that was asked for
 * is kept for the next question: whoever asks for a few records again pays for
 * those only. */
#include "config.h"

#include "lib/ledger/tail_in.h"

static enum cf_err block_open(struct cf_tail *tail, uint32_t i, const struct cf_block_look *look,
                              struct cf_block *block)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX / 2);
  enum cf_err err = cf_tail_block(tail, i, &b);
  if (err == CF_OK)
    err = cf_block_open_wanted(block, cf_tail_meta(tail)->first + (uint64_t)i * CF_GROUP,
                               cf_buf_str(&b), look);
  cf_buf_fini(&b);
  return err;
}

enum cf_err cf_tail_open(struct cf_tail *tail, uint32_t i, struct cf_block *block)
{
  return block_open(tail, i, NULL, block);
}

/* Memory that is short costs the next one's time only. */
static void part_keep(struct cf_tail *tail, uint32_t number, const struct cf_block *whole)
{
  struct cf_block part;
  cf_block_init(&part);
  if (cf_block_open_part(whole, number % CF_PARTS, &part) == CF_OK)
    cf_parts_keep(cf_tail_parts(tail), cf_tail_owner(tail), number, &part);
  cf_block_fini(&part);
}

enum cf_err cf_tail_record(struct cf_tail *tail, uint32_t offset, const struct cf_block_look *look,
                           struct cf_block *block)
{
  uint32_t number = offset / CF_PART;
  if (cf_parts_find(cf_tail_parts(tail), cf_tail_owner(tail), number, block))
    return CF_OK;
  enum cf_err err = block_open(tail, offset / CF_GROUP, look, block);
  if (err == CF_OK && block->n == CF_GROUP && !block->none)
    part_keep(tail, number, block);
  return err;
}

/* ---- for a segment ---- */

static enum cf_err source_block(void *context, uint32_t i, struct cf_block *block)
{
  return cf_tail_open(context, i, block);
}

static enum cf_err source_hashes(void *context, uint32_t offset, uint32_t n, uint8_t *out)
{
  cf_tail_hashes(context, offset, n, out);
  return CF_OK;
}

static enum cf_err source_times(void *context, uint32_t offset, uint32_t n, int64_t *out)
{
  cf_tail_times(context, offset, n, out);
  return CF_OK;
}

void cf_tail_segment_source(struct cf_tail *tail, struct cf_segment_source *source)
{
  *source = (struct cf_segment_source){.context = tail,
                                       .block = source_block,
                                       .hashes = source_hashes,
                                       .times = source_times,
                                       .index = cf_tail_index(tail)};
}
