/* SPDX-License-Identifier: MIT */
/* Records opened to the last byte, and their proofs. */
#include "config.h"

#include "fcgi-app/opening.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/json.h"

/* ---- one record ---- */

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

enum cf_err cf_opening_leaf(struct cf_opening *o, struct cf_view *view, struct cf_fault *fault)
{
  uint8_t prev[CF_HASH_N] = {0};
  uint64_t seq = o->record->seq;
  struct cf_hashes hashes;
  cf_view_hashes(view, &hashes);
  enum cf_err err = seq == 0 ? CF_OK : hashes.get(hashes.context, 0, seq - 1, 1, prev);
  if (err == CF_E_DAMAGED)
    return cf_fail(fault, err, NULL, "the hash of record %llu cannot be read",
                   (unsigned long long)(seq - 1));
  if (err != CF_OK)
    return err;
  cf_buf_reset(&o->leaf);
  cf_leaf_put(o->record, prev, (const uint8_t(*)[CF_HASH_N])o->salts, &o->leaf, o->hash);
  return o->leaf.err;
}

void cf_opening_put(const struct cf_opening *o, struct cf_buf *b)
{
  cf_json_put_member(b, "leaf", cf_buf_str(&o->leaf));
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

/* ---- its place under a signed root ---- */

void cf_inclusion_init(struct cf_inclusion *in)
{
  cf_buf_init(&in->note, CF_NOTE_MAX);
}

void cf_inclusion_fini(struct cf_inclusion *in)
{
  cf_buf_fini(&in->note);
}

static enum cf_err parse_note(const struct cf_buf *note, struct cf_checkpoint *checkpoint)
{
  struct cf_str text;
  struct cf_str signatures;
  enum cf_err err = cf_note_split(cf_buf_str(note), &text, &signatures);
  return err == CF_OK ? cf_checkpoint_parse(text, checkpoint) : err;
}

enum cf_err cf_checkpoint_get(struct cf_ledger *ledger, struct cf_buf *note,
                              struct cf_checkpoint *checkpoint)
{
  enum cf_err err = cf_ledger_checkpoint(ledger, note);
  if (err == CF_OK && note->n == 0)
    return CF_E_NOTREADY;
  return err == CF_OK ? parse_note(note, checkpoint) : err;
}

/* The newest checkpoint where it covers seq, else one made now. */
static enum cf_err covering(struct cf_inclusion *in, struct cf_ledger *ledger, uint64_t seq,
                            struct cf_fault *fault)
{
  enum cf_err err = cf_checkpoint_get(ledger, &in->note, &in->checkpoint);
  if (err == CF_OK && in->checkpoint.size > seq)
    return CF_OK;
  cf_buf_reset(&in->note);
  err = cf_ledger_seal(ledger, seq + 1, &in->note, fault);
  return err == CF_OK ? parse_note(&in->note, &in->checkpoint) : err;
}

static bool has_record(struct cf_ledger *ledger, uint64_t seq)
{
  struct cf_ledger_state state;
  cf_ledger_state(ledger, &state);
  return seq < state.size;
}

enum cf_err cf_inclusion_get(struct cf_inclusion *in, struct cf_ledger *ledger, uint64_t seq,
                             struct cf_fault *fault)
{
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  if (!has_record(ledger, seq))
    return cf_fail(fault, CF_E_NOTFOUND, NULL, "there is no record %llu", (unsigned long long)seq);
  enum cf_err err = covering(in, ledger, seq, fault);
  if (err == CF_OK)
    err = cf_view_get(ledger, &view);
  if (err != CF_OK)
    return err;
  cf_view_hashes(view, &hashes);
  err = cf_tree_inclusion(&hashes, seq, in->checkpoint.size, &in->proof);
  cf_view_put(view);
  return err == CF_E_DAMAGED
             ? cf_fail(fault, err, NULL, "hashes on the path of seq %llu cannot be read",
                       (unsigned long long)seq)
             : err;
}

void cf_proof_put(const struct cf_proof *proof, struct cf_buf *b)
{
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < proof->n; i++) {
    cf_buf_puts(b, i == 0 ? "\"" : ",\"");
    cf_base64_put(b, proof->hash[i], CF_HASH_N);
    cf_buf_putc(b, '"');
  }
  cf_buf_putc(b, ']');
}

/* ---- receipts ---- */

static enum cf_err put_extra(struct cf_ledger *ledger, uint64_t seq, struct cf_buf *extra,
                             struct cf_fault *fault)
{
  struct cf_opening opening;
  struct cf_view *view = NULL;
  cf_opening_init(&opening);
  enum cf_err err = cf_view_get(ledger, &view);
  if (err == CF_OK)
    err = cf_opening_get(&opening, view, seq, fault);
  if (err == CF_OK)
    err = cf_opening_leaf(&opening, view, fault);
  if (err == CF_OK) {
    cf_buf_putc(extra, '{');
    cf_opening_put(&opening, extra);
    cf_buf_putc(extra, '}');
    err = extra->err;
  }
  cf_view_put(view);
  cf_opening_fini(&opening);
  return err;
}

enum cf_err cf_receipt_get(struct cf_ledger *ledger, uint64_t seq, struct cf_buf *b,
                           struct cf_fault *fault)
{
  struct cf_inclusion inclusion;
  struct cf_buf extra;
  cf_inclusion_init(&inclusion);
  cf_buf_init(&extra, SIZE_MAX);
  enum cf_err err = cf_inclusion_get(&inclusion, ledger, seq, fault);
  if (err == CF_OK)
    err = put_extra(ledger, seq, &extra, fault);
  if (err == CF_OK) {
    cf_receipt_put(b, cf_buf_str(&extra), seq, &inclusion.proof, cf_buf_str(&inclusion.note));
    err = b->err;
  }
  cf_buf_fini(&extra);
  cf_inclusion_fini(&inclusion);
  return err;
}
