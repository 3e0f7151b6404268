/* SPDX-License-Identifier: MIT */
/* Checkpoint, receipts, proofs, tiles (api.md, Routes; format.md, Tiles
 * and Receipt). */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/routes/access_in.h"
#include "fcgi-app/routes/call_in.h"
#include "lib/base/codec.h"
#include "lib/evidence/opening.h"
#include "lib/evidence/proof.h"
#include "lib/evidence/receipt.h"
#include "lib/ledger/kept.h"
#include "lib/record/json.h"
#include "lib/record/source.h"
#include "lib/record/values.h"

/* ---- checkpoint ---- */

enum cf_err cf_handle_checkpoint(struct cf_call *call)
{
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_witnesses_checkpoint(call->app->witnesses, &note);
  if (err == CF_OK)
    err = cf_call_answer(call, 200, "text/plain; charset=utf-8", &note);
  cf_buf_fini(&note);
  return err;
}

/* The first one of at least that size. */
static enum cf_err put_stamp(struct cf_call *call, uint64_t size, struct cf_buf *b)
{
  struct cf_stamp stamp;
  cf_stamp_init(&stamp);
  enum cf_err err = cf_stamp_from(call->app->ledger, size, &stamp);
  if (err == CF_E_NOTFOUND)
    err = cf_fail(&call->fault, err, NULL,
                  "no checkpoint of that size or a larger one has a timestamp");
  if (err == CF_OK) {
    cf_buf_putc(b, '{');
    cf_json_put_member_u64(b, "size", stamp.size);
    cf_json_put_member(b, "checkpoint", cf_buf_str(&stamp.note));
    cf_json_put_member_base64(b, "timestamp", stamp.answer.p, stamp.answer.n);
    cf_buf_puts(b, "}\n");
  }
  cf_stamp_fini(&stamp);
  return err;
}

enum cf_err cf_handle_timestamp(struct cf_call *call)
{
  uint64_t size;
  struct cf_buf b;
  if (cf_u64_parse(call->args[0], UINT64_MAX, &size) != CF_OK)
    return cf_fail(&call->fault, CF_E_NOTFOUND, NULL, "the size of a checkpoint is a number");
  cf_buf_init(&b, SIZE_MAX);
  enum cf_err err = put_stamp(call, size, &b);
  if (err == CF_OK)
    err = cf_call_answer(call, 200, "application/json", &b);
  cf_buf_fini(&b);
  return err;
}

/* ---- receipts ---- */

/* A writer gets receipts for the events of its own sources; that others exist
 * is no secret. */
static enum cf_err check_own(struct cf_call *call, const struct cf_record *record)
{
  struct cf_values values;
  cf_values_init(&values);
  enum cf_err err = cf_values_get(record, &values);
  bool own = err == CF_OK && record->kind == CF_K_EVENT &&
             cf_source_allowed(values.v[CF_M_SOURCE], call->who.source, call->who.sources);
  if (err == CF_OK && !own)
    err = cf_fail(&call->fault, CF_E_ROLE, NULL,
                  "this record is not of your source; receipts of others need the role `auditor`");
  cf_values_fini(&values);
  return err;
}

static enum cf_err check_receipt(struct cf_call *call, uint64_t seq)
{
  struct cf_opening opening;
  struct cf_view *view = NULL;
  if (cf_roles_have(call->who.roles, CF_ROLE_AUDITOR))
    return CF_OK;
  cf_opening_init(&opening);
  enum cf_err err = cf_view_get(call->app->ledger, &view);
  if (err == CF_OK)
    err = cf_opening_get(&opening, view, seq, &call->fault);
  if (err == CF_OK)
    err = check_own(call, opening.record);
  cf_view_put(view);
  cf_opening_fini(&opening);
  return err;
}

enum cf_err cf_handle_receipt(struct cf_call *call)
{
  uint64_t seq;
  struct cf_buf b;
  if (cf_u64_parse(call->args[0], UINT64_MAX, &seq) != CF_OK)
    return cf_fail(&call->fault, CF_E_NOTFOUND, NULL,
                   "a record's place in the path is its seq, a number");
  cf_buf_init(&b, SIZE_MAX);
  enum cf_err err = check_receipt(call, seq);
  if (err == CF_OK)
    err = cf_receipt_get(call->app->ledger, seq, &b, &call->fault);
  if (err == CF_OK)
    err = cf_call_answer(call, 200, "text/plain; charset=utf-8", &b);
  cf_buf_fini(&b);
  return err;
}

/* ---- proofs ---- */

/* A required integer parameter. */
static enum cf_err param_number(struct cf_call *call, const char *name, uint64_t *value)
{
  bool present = false;
  enum cf_err err = cf_request_u64(call->request, name, &present, value, &call->fault);
  return err == CF_OK && !present
             ? cf_fail(&call->fault, CF_E_PARAMETER, name, "%s is required", name)
             : err;
}

static enum cf_err answer_proof(struct cf_call *call, const struct cf_proof_ask *ask,
                                const struct cf_proof *proof)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_putc(&b, '{');
  cf_json_put_member_u64(&b, ask->first_name, ask->first);
  cf_json_put_member_u64(&b, ask->second_name, ask->second);
  cf_json_put_name(&b, "hashes");
  cf_proof_put(proof, &b);
  cf_buf_puts(&b, "}\n");
  enum cf_err err = cf_call_answer(call, 200, "application/json", &b);
  cf_buf_fini(&b);
  return err;
}

typedef enum cf_err get_proof(struct cf_ledger *ledger, const struct cf_proof_ask *ask,
                              struct cf_proof *proof, struct cf_fault *fault);

static enum cf_err proof_make(struct cf_call *call, struct cf_proof_ask ask, get_proof *get)
{
  struct cf_proof proof;
  enum cf_err err = param_number(call, ask.first_name, &ask.first);
  if (err == CF_OK)
    err = param_number(call, ask.second_name, &ask.second);
  if (err != CF_OK)
    return err;
  call->access.tells = true; /* how many there are */
  err = get(call->app->ledger, &ask, &proof, &call->fault);
  return err == CF_OK ? answer_proof(call, &ask, &proof) : err;
}

enum cf_err cf_handle_inclusion(struct cf_call *call)
{
  return proof_make(call, (struct cf_proof_ask){"seq", "size", 0, 0}, cf_proof_inclusion);
}

enum cf_err cf_handle_consistency(struct cf_call *call)
{
  return proof_make(call, (struct cf_proof_ask){"first", "second", 0, 0}, cf_proof_consistency);
}

/* ---- tiles ---- */

static enum cf_err put_entries(struct cf_call *call, struct cf_view *view,
                               const struct cf_tile *tile, struct cf_buf *b)
{
  struct cf_opening opening;
  enum cf_err err = CF_OK;
  cf_opening_init(&opening);
  for (unsigned i = 0; i < tile->width && err == CF_OK; i++) {
    uint8_t length[2];
    err = cf_opening_get(&opening, view, tile->n * CF_TILE_W + i, &call->fault);
    if (err == CF_OK)
      err = cf_opening_leaf(&opening, view, &call->fault);
    if (err != CF_OK)
      break;
    cf_u16_put(length, (uint16_t)opening.leaf.n);
    cf_buf_put(b, length, sizeof length);
    cf_buf_putstr(b, cf_buf_str(&opening.leaf));
  }
  cf_opening_fini(&opening);
  return err;
}

/* Entries are there as soon as they are durable: who has them can compute their
 * hashes, which must not be believed before they are signed. */
static enum cf_err put_tile_of_entries(struct cf_call *call, const struct cf_tile *tile,
                                       struct cf_buf *b)
{
  struct cf_view *view = NULL;
  enum cf_err err = cf_view_get(call->app->ledger, &view);
  if (err != CF_OK)
    return err;
  if (!cf_tile_within(tile, cf_view_size(view)))
    err = cf_fail(&call->fault, CF_E_NOTFOUND, NULL, "there is no such tile yet");
  else
    err = put_entries(call, view, tile, b);
  cf_view_put(view);
  return err;
}

/* How long it may be kept. A full tile below the signed head never changes: an
 * erasure takes payloads, and their commitments stay in the leaf. A partial one
 * is of use until there are more. Where it takes a token to see one, only its
 * bearer may keep it. */
static const char *tile_cache(struct cf_call *call, const struct cf_tile *tile)
{
  struct cf_checkpoint checkpoint;
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  bool final = tile->width == CF_TILE_W &&
               cf_checkpoint_get(call->app->ledger, &note, &checkpoint) == CF_OK &&
               cf_tile_within(tile, checkpoint.size);
  cf_buf_fini(&note);
  if (strcmp(call->app->conf->public_access, "tiles") == 0)
    return final ? "public, max-age=31536000, immutable" : "public, max-age=10";
  return final ? "private, max-age=31536000, immutable" : "private, max-age=10";
}

static enum cf_err answer_tile(struct cf_call *call, const struct cf_tile *tile, struct cf_buf *b)
{
  char etag[CF_ETAG_N];
  if (b->err != CF_OK)
    return b->err;
  cf_etag_make(cf_buf_str(b), etag);
  call->response->plain = !tile->entries; /* hashes get no shorter */
  return cf_call_answer_kept(call, "application/octet-stream", tile_cache(call, tile), etag,
                             cf_buf_str(b));
}

enum cf_err cf_handle_tile(struct cf_call *call)
{
  struct cf_tile tile;
  struct cf_buf b;
  struct cf_str path = {call->request->path.p + 1, call->request->path.n - 1};
  if (cf_tile_path_parse(path, &tile) != CF_OK)
    return cf_fail(&call->fault, CF_E_NOTFOUND, NULL,
                   "tile/<level>/<N>[.p/<W>] or tile/entries/<N>[.p/<W>]");
  /* whoever wants one wants them all */
  cf_access_filter(call, tile.entries ? CF_STR("tile=entries") : CF_STR("tile=hashes"));
  call->access.rows = tile.width;
  cf_buf_init(&b, SIZE_MAX);
  enum cf_err err = tile.entries ? put_tile_of_entries(call, &tile, &b)
                                 : cf_proof_tile(call->app->ledger, &tile, &b, &call->fault);
  if (err == CF_OK)
    err = answer_tile(call, &tile, &b);
  cf_buf_fini(&b);
  return err;
}
