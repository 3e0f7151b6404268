/* SPDX-License-Identifier: MIT */
/* A record's place under a signed root, and receipts. */
#include "config.h"

#include "lib/evidence/receipt.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/evidence/opening.h"
#include "lib/ledger/kept.h"
#include "lib/ledger/view.h"

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

enum cf_err cf_checkpoint_covering(struct cf_ledger *ledger, uint64_t size, struct cf_buf *note,
                                   struct cf_checkpoint *checkpoint, struct cf_fault *fault)
{
  size_t at = note->n;
  enum cf_err err = cf_checkpoint_get(ledger, note, checkpoint);
  if (err == CF_OK && checkpoint->size >= size)
    return CF_OK;
  cf_buf_cut(note, note->n - at);
  err = cf_ledger_seal(ledger, size, note, fault);
  return err == CF_OK ? parse_note(note, checkpoint) : err;
}

static bool has_record(struct cf_ledger *ledger, uint64_t seq)
{
  struct cf_ledger_state state;
  cf_ledger_state(ledger, &state);
  return seq < state.size;
}

/* Does the path lead from the hash to the root that was signed? */
static enum cf_err inclusion_check(const struct cf_inclusion *in, uint64_t seq,
                                   const uint8_t hash[CF_HASH_N], struct cf_fault *fault)
{
  enum cf_err err =
      cf_proof_includes(&in->proof, seq, in->checkpoint.size, hash, in->checkpoint.root);
  return err == CF_OK ? CF_OK
                      : cf_fail(fault, CF_E_DAMAGED, NULL,
                                "record %llu does not lead to the root that was signed",
                                (unsigned long long)seq);
}

/* The newest that meets the quorum of witnesses, where that covers it. */
static enum cf_err inclusion_head(struct cf_inclusion *in, struct cf_ledger *ledger, uint64_t size,
                                  struct cf_fault *fault)
{
  if (cf_witnessed_get(ledger, size, &in->note) == CF_OK)
    return parse_note(&in->note, &in->checkpoint);
  return cf_checkpoint_covering(ledger, size, &in->note, &in->checkpoint, fault);
}

enum cf_err cf_inclusion_get(struct cf_inclusion *in, struct cf_ledger *ledger, uint64_t seq,
                             const uint8_t hash[CF_HASH_N], struct cf_fault *fault)
{
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  if (!has_record(ledger, seq))
    return cf_fail(fault, CF_E_NOTFOUND, NULL, "there is no record %llu", (unsigned long long)seq);
  enum cf_err err = inclusion_head(in, ledger, seq + 1, fault);
  if (err == CF_OK)
    err = cf_view_get(ledger, &view);
  if (err != CF_OK)
    return err;
  cf_view_hashes(view, &hashes);
  err = cf_tree_inclusion(&hashes, seq, in->checkpoint.size, &in->proof);
  cf_view_put(view);
  if (err == CF_OK)
    return inclusion_check(in, seq, hash, fault);
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
                             uint8_t hash[CF_HASH_N], struct cf_fault *fault)
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
    memcpy(hash, opening.hash, CF_HASH_N);
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
  uint8_t hash[CF_HASH_N];
  cf_inclusion_init(&inclusion);
  cf_buf_init(&extra, SIZE_MAX);
  enum cf_err err = put_extra(ledger, seq, &extra, hash, fault);
  if (err == CF_OK)
    err = cf_inclusion_get(&inclusion, ledger, seq, hash, fault);
  if (err == CF_OK) {
    cf_receipt_put(b, cf_buf_str(&extra), seq, &inclusion.proof, cf_buf_str(&inclusion.note));
    err = b->err;
  }
  cf_buf_fini(&extra);
  cf_inclusion_fini(&inclusion);
  return err;
}
