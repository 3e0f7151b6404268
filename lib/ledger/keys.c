/* SPDX-License-Identifier: MIT */
/* Whose ledger this is: record 0 names the key that it began with, each `key`
 * record the next one, in a note that both sign; the signer's must be the last
 * of them. Whoever lost an old key has the new one's signature only: that is no
 * way from here, and such a signer is refused. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"
#include "lib/record/json.h"

#define BODY_DEPTH 4

/* The way along the records, and how far it came. */
struct way {
  struct cf_view *view;
  struct cf_block block;
  const struct cf_record *record; /* in the block */
  struct cf_keys keys;            /* the log's, up to it */
};

/* Open the record of that seq, whose leaf is in the tree. CF_E_DAMAGED. */
static enum cf_err record_open(struct way *w, uint64_t seq)
{
  enum cf_err err = cf_view_block(w->view, seq, &w->block);
  if (err != CF_OK)
    return err;
  w->record = &w->block.record[seq - w->block.first];
  return cf_view_leaf_check(w->view, &w->block, seq);
}

static struct cf_str body_text(const struct cf_json *doc, const char *member)
{
  return cf_json_string(cf_json_member(cf_json_member(doc, "body"), member));
}

static enum cf_err genesis_take(struct way *w, const struct cf_json *doc)
{
  struct cf_vkey vkey;
  enum cf_err err = cf_vkey_parse(body_text(doc, "key"), &vkey);
  return err == CF_OK ? cf_keys_begin(&w->keys, &vkey) : err;
}

/* Its note must be of its own seq, and of the key that it names. */
static enum cf_err key_take(struct way *w, const struct cf_json *doc)
{
  struct cf_vkey vkey;
  struct cf_key_note note;
  enum cf_err err = cf_key_note_read(body_text(doc, "note"), &note);
  if (err == CF_OK)
    err = cf_vkey_parse(body_text(doc, "key"), &vkey);
  if (err == CF_OK && (note.seq != w->record->seq || !cf_vkey_same(&vkey, &note.fresh)))
    err = CF_E_SIGNATURE;
  return err == CF_OK ? cf_keys_add(&w->keys, body_text(doc, "note"), NULL) : err;
}

/* The record at hand names the log's key from here on: record 0 as it stands,
 * each other by its note. */
static enum cf_err key_follow(struct way *w)
{
  struct cf_json *doc = NULL;
  enum cf_err err = cf_json_parse_members(w->record->public_text, BODY_DEPTH, &doc);
  if (err == CF_OK)
    err = w->record->seq == 0 ? genesis_take(w, doc) : key_take(w, doc);
  cf_json_free(doc);
  return err;
}

/* Follow a `key` record, by a reading of its own that holds its leaf against
 * the tree. */
static enum cf_err record_follow(void *context, const struct cf_record *r)
{
  enum cf_err err = r != NULL ? record_open(context, r->seq) : CF_E_DAMAGED;
  return err == CF_OK ? key_follow(context) : err;
}

/* Follow the `key` records of a unit. */
static enum cf_err unit_follow(struct way *w, size_t i)
{
  struct cf_block *block = calloc(1, sizeof *block);
  const struct cf_view_each each = {CF_K_KEY, block, record_follow, w};
  if (block == NULL)
    return CF_E_NOMEM;
  cf_block_init(block);
  enum cf_err err = cf_view_each(w->view, i, &each);
  cf_block_fini(block);
  free(block);
  return err;
}

/* Did that key sign the checkpoint that was kept last, if there is one? Another
 * one that did may be what a record led on to. */
static bool kept_is_by(struct cf_ledger *l, const struct cf_vkey *vkey)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str none = {0}, key, value;
  struct cf_checkpoint checkpoint;
  struct cf_kept kept;
  enum cf_err err = cf_bdb_cursor_open(l->checkpoints, &cursor);
  if (err == CF_OK)
    err = cf_bdb_cursor_move(cursor, CF_BDB_LAST, none, &key, &value);
  bool is = err == CF_E_NOTFOUND || (err == CF_OK && cf_meta_kept(key, value, &kept) &&
                                     cf_checkpoint_check(kept.note, vkey, &checkpoint) == CF_OK);
  cf_bdb_cursor_close(cursor);
  return is;
}

/* From record 0 on, and further where its key is not the signer's, or may not
 * be the last: to look for more records at each start would open every file. */
static enum cf_err way_go(struct way *w, struct cf_ledger *l, const struct cf_vkey *vkey)
{
  enum cf_err err = record_open(w, 0);
  if (err == CF_OK)
    err = key_follow(w);
  if (err != CF_OK ||
      (vkey != NULL && cf_vkey_same(cf_keys_present(&w->keys), vkey) && kept_is_by(l, vkey)))
    return err;
  for (size_t i = 0; err == CF_OK && i < cf_view_units(w->view); i++)
    err = unit_follow(w, i);
  return err == CF_OK && vkey != NULL && !cf_vkey_same(cf_keys_present(&w->keys), vkey)
             ? CF_E_SIGNATURE
             : err;
}

/* Make those the ledger's, and leave none. CF_E_NOMEM. */
static enum cf_err keyring_put(struct cf_ledger *l, struct cf_keys *keys)
{
  struct cf_keyring *ring = calloc(1, sizeof *ring);
  if (ring == NULL)
    return CF_E_NOMEM;
  ring->keys = *keys;
  ring->before = atomic_load(&l->keyring);
  cf_keys_init(keys);
  atomic_store(&l->keyring, ring);
  return CF_OK;
}

void cf_keyring_free(struct cf_ledger *l)
{
  for (struct cf_keyring *ring = atomic_load(&l->keyring), *before; ring != NULL; ring = before) {
    before = ring->before;
    cf_keys_fini(&ring->keys);
    free(ring);
  }
}

/* What came of the way to the signer's key. */
static enum cf_err way_judge(struct way *w, struct cf_ledger *l, const struct cf_vkey *vkey,
                             enum cf_err err, struct cf_fault *fault)
{
  if (err == CF_E_SIGNATURE || err == CF_E_SYNTAX)
    return cf_fail(
        fault, CF_E_CONFIG, l->conf->signer,
        "no way leads from the key this ledger began with to the signer's: point `signer` to the right directory");
  if (err != CF_E_DAMAGED)
    return err;
  cf_log(
      CF_LOG_ERROR,
      "records that name keys cannot be read: that this is its signer's ledger is known by what was signed only");
  return cf_keys_begin(&w->keys, vkey);
}

enum cf_err cf_keyring_open(struct cf_ledger *l, const struct cf_vkey *vkey, struct cf_fault *fault)
{
  struct way *w = calloc(1, sizeof *w);
  if (w == NULL)
    return CF_E_NOMEM;
  cf_block_init(&w->block);
  enum cf_err err = cf_view_at(l, l->size, &w->view);
  if (err == CF_OK)
    err = way_go(w, l, vkey);
  if (vkey != NULL)
    err = way_judge(w, l, vkey, err, fault);
  if (err == CF_OK)
    err = keyring_put(l, &w->keys);
  cf_keys_fini(&w->keys);
  cf_block_fini(&w->block);
  cf_view_put(w->view);
  free(w);
  return err;
}
