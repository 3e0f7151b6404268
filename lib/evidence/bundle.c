/* SPDX-License-Identifier: MIT */
/* A bundle, from the question to the end of its tar. */
#include "config.h"

#include "lib/evidence/bundle_in.h"

#include "lib/evidence/receipt.h"
#include "lib/record/json.h"

#define MANIFEST_MAX (64u << 20) /* bytes: of about 90 million records */
#define MICROS       1000000

/* ---- which checkpoint ---- */

static enum cf_err not_kept(struct cf_evidence *b, uint64_t above)
{
  uint64_t at = b->ask->at, below;
  int64_t time_us;
  cf_buf_reset(&b->note);
  enum cf_err err = cf_kept_below(b->ledger, at, &below, &time_us, &b->note);
  if (err != CF_OK && err != CF_E_NOTFOUND)
    return err;
  bool down = err == CF_OK && (above == UINT64_MAX || at - below <= above - at);
  return cf_fail(b->fault, CF_E_NOTFOUND, NULL,
                 "no checkpoint of size %llu is kept; the nearest that is has size %llu",
                 (unsigned long long)at, (unsigned long long)(down ? below : above));
}

/* One that is kept. */
static enum cf_err head_at(struct cf_evidence *b)
{
  uint64_t found = UINT64_MAX;
  int64_t time_us;
  enum cf_err err = cf_kept_from(b->ledger, b->ask->at, &found, &time_us, &b->note);
  if (err == CF_E_NOTFOUND || (err == CF_OK && found != b->ask->at))
    return not_kept(b, err == CF_OK ? found : UINT64_MAX);
  if (err == CF_OK && cf_keys_checkpoint(b->keys, cf_buf_str(&b->note), &b->tree.head) != CF_OK)
    err = cf_fail(b->fault, CF_E_DAMAGED, NULL, "the kept checkpoint of size %llu is none",
                  (unsigned long long)found);
  return err == CF_OK ? cf_view_get(b->ledger, &b->view) : err;
}

/* The newest; what it does not cover of the question is signed now, where we
 * can. */
static enum cf_err head_newest(struct cf_evidence *b)
{
  struct cf_ledger_state state;
  cf_ledger_state(b->ledger, &state);
  uint64_t size = b->ask->seq_to < state.size ? b->ask->seq_to : state.size;
  enum cf_err err =
      cf_ledger_is_copy(b->ledger)
          ? cf_checkpoint_get(b->ledger, &b->note, &b->tree.head)
          : cf_checkpoint_covering(b->ledger, size, &b->note, &b->tree.head, b->fault);
  return err == CF_OK ? cf_view_get(b->ledger, &b->view) : err;
}

/* ---- small files ---- */

static void put_query(struct cf_evidence *b, struct cf_buf *text)
{
  const struct cf_checkpoint *head = &b->tree.head;
  cf_buf_putc(text, '{');
  cf_json_put_member_u64(text, "v", 1);
  cf_json_put_member(text, "origin", cf_str_from(head->origin));
  cf_json_put_member_u64(text, "size", head->size);
  cf_json_put_member_base64(text, "root", head->root, CF_HASH_N);
  cf_json_put_member_u64(text, "count", b->rows.n);
  cf_json_put_member_u64(text, "seq_from", b->ask->seq_from);
  cf_json_put_member_u64(text, "seq_to", b->seq_to);
  cf_json_put_name(text, "filter");
  cf_buf_putc(text, '{');
  b->ask->put_filter(b->ask->context, text);
  cf_buf_putc(text, '}');
  cf_json_put_name(text, "proves");
  cf_buf_puts(text, b->ask->complete ? "[\"included\",\"complete\"]}\n" : "[\"included\"]}\n");
}

static enum cf_err vkey_out(struct cf_evidence *b)
{
  cf_buf_reset(&b->text);
  cf_vkey_put(cf_keys_at(b->keys, b->tree.head.size), &b->text);
  cf_buf_putc(&b->text, '\n');
  return cf_evidence_text(b, "ledger.vkey");
}

static enum cf_err query_out(struct cf_evidence *b)
{
  cf_buf_reset(&b->text);
  put_query(b, &b->text);
  return cf_evidence_text(b, "query.json");
}

/* ---- the whole ---- */

/* The time of the tree's last record. */
static enum cf_err mtime_find(struct cf_evidence *b)
{
  enum cf_err err = cf_opening_get(&b->opening, b->view, b->tree.head.size - 1, b->fault);
  if (err == CF_OK)
    b->mtime_s = b->opening.record->recorded_us / MICROS;
  return err;
}

static enum cf_err tiles_room(struct cf_evidence *b)
{
  uint64_t tiles = (b->tree.head.size + CF_TILE_W - 1) / CF_TILE_W;
  if (tiles > CF_OFFSET_MAX)
    return cf_fail(b->fault, CF_E_FULL, NULL, "the log is too large for bundles");
  enum cf_err err = cf_bits_new((uint32_t)tiles, &b->entries);
  return err == CF_OK ? cf_bits_new((uint32_t)tiles, &b->hashes) : err;
}

static enum cf_err bundle_open(struct cf_evidence *b)
{
  enum cf_err err = b->ask->at > 0 ? head_at(b) : head_newest(b);
  if (err != CF_OK)
    return err;
  b->keys = cf_ledger_keys(b->ledger); /* one that signed the head may have come meanwhile */
  cf_view_hashes(b->view, &b->tree.hashes);
  b->seq_to = b->ask->seq_to < b->tree.head.size ? b->ask->seq_to : b->tree.head.size;
  if (b->ask->seq_from >= b->seq_to)
    return cf_fail(b->fault, CF_E_PARAMETER, "seq_from",
                   "nothing lies behind it: the bundle is of the first %llu records",
                   (unsigned long long)b->tree.head.size);
  err = cf_sha256_new(&b->file.hash);
  if (err == CF_OK)
    err = cf_sha256_new(&b->rows.running);
  if (err == CF_OK)
    err = mtime_find(b);
  return err == CF_OK ? tiles_room(b) : err;
}

static void tiles_choose(struct cf_evidence *b)
{
  for (uint32_t i = 0; i < b->entries.n; i++)
    if (cf_bits_has(&b->entries, i))
      cf_bits_set(&b->hashes, i);
  for (size_t i = 0; i < b->along.n; i++)
    cf_bits_set(&b->hashes, (uint32_t)(cf_evidence_along(b, i) / CF_TILE_W));
}

static enum cf_err bundle_out(struct cf_evidence *b)
{
  b->writes = true;
  enum cf_err err = cf_evidence_whole(b, "README.txt", cf_str_from(cf_evidence_readme));
  if (err == CF_OK)
    err = vkey_out(b);
  if (err == CF_OK)
    err = query_out(b);
  if (err == CF_OK)
    err = cf_evidence_notes(b);
  if (err == CF_OK)
    err = cf_evidence_tiles(b);
  if (err == CF_OK)
    err = cf_evidence_records(b);
  return err == CF_OK ? cf_evidence_close(b) : err;
}

static void bundle_init(struct cf_evidence *b)
{
  cf_buf_init(&b->note, CF_NOTE_MAX);
  cf_buf_init(&b->text, SIZE_MAX);
  cf_buf_init(&b->leaves, SIZE_MAX);
  cf_buf_init(&b->manifest, MANIFEST_MAX);
  cf_buf_init(&b->along.sizes, SIZE_MAX);
  cf_opening_init(&b->opening);
  b->next = b->above.n = UINT64_MAX;
}

static void bundle_fini(struct cf_evidence *b)
{
  cf_turn_rest(b->ask->turn);
  cf_buf_fini(&b->note);
  cf_buf_fini(&b->text);
  cf_buf_fini(&b->leaves);
  cf_buf_fini(&b->manifest);
  cf_buf_fini(&b->along.sizes);
  cf_opening_fini(&b->opening);
  cf_bits_free(&b->entries);
  cf_bits_free(&b->hashes);
  cf_sha256_free(b->file.hash);
  cf_sha256_free(b->rows.running);
  cf_view_put(b->view);
}

enum cf_err cf_evidence_write(struct cf_ledger *ledger, const struct cf_evidence_ask *ask,
                              struct cf_fault *fault)
{
  struct cf_evidence b = {.ledger = ledger,
                          .ask = ask,
                          .fault = fault,
                          .keys = cf_ledger_keys(ledger)};
  bundle_init(&b);
  enum cf_err err = bundle_open(&b);
  if (err == CF_OK)
    err = cf_evidence_count(&b);
  if (err == CF_OK) {
    ask->counted(ask->context, b.rows.n);
    cf_evidence_along_sort(&b);
    tiles_choose(&b);
    err = bundle_out(&b);
  }
  bundle_fini(&b);
  return err;
}
