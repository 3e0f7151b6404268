/* SPDX-License-Identifier: MIT */
/* Records opened to the last byte. */
#include "config.h"

#include "lib/evidence/opening.h"

#include <string.h>

#include "lib/record/json.h"

void cf_opening_init(struct cf_opening *o)
{
  cf_block_init(&o->block);
  cf_buf_init(&o->leaf, CF_LEAF_MAX);
  o->record = NULL;
}

void cf_opening_fini(struct cf_opening *o)
{
  cf_block_fini(&o->block);
  cf_buf_fini(&o->leaf);
}

static enum cf_err damaged(uint64_t seq, struct cf_fault *fault)
{
  uint64_t first = seq - seq % CF_GROUP;
  return cf_fail(fault, CF_E_DAMAGED, NULL,
                 "records from seq %llu up to, not including, %llu cannot be read",
                 (unsigned long long)first, (unsigned long long)(first + CF_GROUP));
}

enum cf_err cf_opening_get(struct cf_opening *o, struct cf_view *view, uint64_t seq,
                           struct cf_fault *fault)
{
  if (seq >= cf_view_size(view))
    return cf_fail(fault, CF_E_NOTFOUND, NULL, "there is no record %llu", (unsigned long long)seq);
  bool here = seq >= o->block.first && seq - o->block.first < o->block.n;
  enum cf_err err = here ? CF_OK : cf_view_block(view, seq, &o->block);
  if (err == CF_E_DAMAGED)
    return damaged(seq, fault);
  if (err != CF_OK)
    return err;
  o->record = &o->block.record[seq - o->block.first];
  cf_block_salts(&o->block, (unsigned)(seq - o->block.first), o->salts);
  return CF_OK;
}

static enum cf_err kept_hash(struct cf_view *view, uint64_t seq, uint8_t hash[CF_HASH_N],
                             struct cf_fault *fault)
{
  struct cf_hashes hashes;
  cf_view_hashes(view, &hashes);
  enum cf_err err = hashes.get(hashes.context, 0, seq, 1, hash);
  return err == CF_E_DAMAGED ? cf_fail(fault, err, NULL, "the hash of record %llu cannot be read",
                                       (unsigned long long)seq)
                             : err;
}

enum cf_err cf_opening_leaf(struct cf_opening *o, struct cf_view *view, struct cf_fault *fault)
{
  uint8_t prev[CF_HASH_N] = {0}, kept[CF_HASH_N];
  uint64_t seq = o->record->seq;
  enum cf_err err = seq == 0 ? CF_OK : kept_hash(view, seq - 1, prev, fault);
  if (err == CF_OK)
    err = kept_hash(view, seq, kept, fault);
  if (err != CF_OK)
    return err;
  cf_buf_reset(&o->leaf);
  cf_leaf_put(o->record, prev, (const uint8_t(*)[CF_HASH_N])o->salts, &o->leaf, o->hash);
  if (o->leaf.err == CF_OK && memcmp(o->hash, kept, CF_HASH_N) != 0)
    return cf_fail(fault, CF_E_DAMAGED, NULL, "record %llu does not have the hash kept for it",
                   (unsigned long long)seq);
  return o->leaf.err;
}

void cf_opening_put(const struct cf_opening *o, struct cf_buf *b)
{
  cf_json_put_member(b, "leaf", cf_buf_str(&o->leaf));
  cf_opening_put_payloads(o, b);
}

void cf_opening_put_payloads(const struct cf_opening *o, struct cf_buf *b)
{
  cf_json_put_name(b, "payloads");
  cf_buf_putc(b, '{');
  for (unsigned c = 0; c < CF_C_N; c++)
    if (o->record->payload[c].n > 0)
      cf_json_put_member(b, cf_compartment_names[c], o->record->payload[c]);
  cf_buf_putc(b, '}');
  cf_json_put_name(b, "salts");
  cf_buf_putc(b, '{');
  for (unsigned c = 0; c < CF_C_N; c++)
    if (o->record->payload[c].n > 0)
      cf_json_put_member_base64(b, cf_compartment_names[c], o->salts[c], CF_HASH_N);
  cf_buf_putc(b, '}');
}
