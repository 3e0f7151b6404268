/* SPDX-License-Identifier: MIT */
/* Whose ledger this is: record 0 names the key that it began with, each `key`
 * record the next one, in a note that both sign; the signer's must be that of
 * record 0 or the last of them. Whoever lost an old key has the new one's
 * signature only: that is no way from here, and such a signer is refused. */
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
  struct cf_vkey vkey;            /* the log's key behind it */
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

/* The text that the old and the new key sign (format.md, Leaf). */
static void key_text_put(const struct way *w, const struct cf_vkey *fresh, struct cf_buf *b)
{
  cf_buf_putf(b, "counterfoil/v1 key\n%s\n%llu\n", w->vkey.name,
              (unsigned long long)w->record->seq);
  cf_vkey_put(&w->vkey, b);
  cf_buf_putc(b, '\n');
  cf_vkey_put(fresh, b);
  cf_buf_putc(b, '\n');
}

/* CF_E_SIGNATURE: the note does not lead to that key. */
static enum cf_err key_note_check(const struct way *w, const struct cf_vkey *fresh,
                                  struct cf_str note)
{
  struct cf_str by_old, by_new;
  struct cf_buf wanted;
  enum cf_err err = cf_note_check(note, &w->vkey, &by_old);
  if (err == CF_OK)
    err = cf_note_check(note, fresh, &by_new);
  if (err != CF_OK)
    return err;
  cf_buf_init(&wanted, CF_NOTE_MAX);
  key_text_put(w, fresh, &wanted);
  err = wanted.err != CF_OK                      ? wanted.err
        : cf_str_eq(by_old, cf_buf_str(&wanted)) ? CF_OK
                                                 : CF_E_SIGNATURE;
  cf_buf_fini(&wanted);
  return err;
}

/* The record at hand names the log's key from here on: record 0 as it stands,
 * each other by its note. */
static enum cf_err key_follow(struct way *w)
{
  struct cf_json *doc = NULL;
  struct cf_vkey fresh;
  enum cf_err err = cf_json_parse_members(w->record->public_text, BODY_DEPTH, &doc);
  if (err == CF_OK)
    err = cf_vkey_parse(body_text(doc, "key"), &fresh);
  if (err == CF_OK && w->record->seq > 0)
    err = key_note_check(w, &fresh, body_text(doc, "note"));
  if (err == CF_OK)
    w->vkey = fresh;
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

static bool vkey_same(const struct cf_vkey *a, const struct cf_vkey *b)
{
  return strcmp(a->name, b->name) == 0 && memcmp(a->pubkey, b->pubkey, CF_PUBKEY_N) == 0;
}

/* Did the signer's key sign the checkpoint that was kept last, if there is one?
 * Another key that did may be the one that a record led on to. */
static bool kept_is_ours(struct cf_ledger *l)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str none = {0}, key, value;
  struct cf_checkpoint checkpoint;
  struct cf_kept kept;
  enum cf_err err = cf_bdb_cursor_open(l->checkpoints, &cursor);
  if (err == CF_OK)
    err = cf_bdb_cursor_move(cursor, CF_BDB_LAST, none, &key, &value);
  bool ours =
      err == CF_E_NOTFOUND || (err == CF_OK && cf_meta_kept(key, value, &kept) &&
                               cf_checkpoint_check(kept.note, &l->vkey, &checkpoint) == CF_OK);
  cf_bdb_cursor_close(cursor);
  return ours;
}

/* From record 0 on, and further where its key is not the signer's, or may not
 * be the last: to look for more records at each start would open every file. */
static enum cf_err way_go(struct way *w, struct cf_ledger *l)
{
  enum cf_err err = record_open(w, 0);
  if (err == CF_OK)
    err = key_follow(w);
  if (err != CF_OK || (vkey_same(&w->vkey, &l->vkey) && kept_is_ours(l)))
    return err;
  for (size_t i = 0; err == CF_OK && i < cf_view_units(w->view); i++)
    err = unit_follow(w, i);
  return err == CF_OK && !vkey_same(&w->vkey, &l->vkey) ? CF_E_SIGNATURE : err;
}

/* Where the way begins. CF_E_NOMEM. */
static enum cf_err way_new(struct cf_ledger *l, struct way **way)
{
  struct way *w = calloc(1, sizeof *w);
  enum cf_err err = w == NULL ? CF_E_NOMEM : cf_view_at(l, l->size, &w->view);
  if (err != CF_OK) {
    free(w);
    return err;
  }
  cf_block_init(&w->block);
  *way = w;
  return CF_OK;
}

static void way_free(struct way *w)
{
  cf_block_fini(&w->block);
  cf_view_put(w->view);
  free(w);
}

enum cf_err cf_keys_first(struct cf_ledger *l, struct cf_vkey *vkey)
{
  struct way *w = NULL;
  enum cf_err err = way_new(l, &w);
  if (err != CF_OK)
    return err;
  err = record_open(w, 0);
  if (err == CF_OK)
    err = key_follow(w);
  if (err == CF_OK)
    *vkey = w->vkey;
  way_free(w);
  return err;
}

enum cf_err cf_keys_check(struct cf_ledger *l, struct cf_fault *fault)
{
  struct way *w = NULL;
  enum cf_err err = way_new(l, &w);
  if (err != CF_OK)
    return err;
  err = way_go(w, l);
  way_free(w);
  if (err == CF_E_SIGNATURE || err == CF_E_SYNTAX)
    return cf_fail(
        fault, CF_E_CONFIG, l->conf->signer,
        "no way leads from the key this ledger began with to the signer's: point `signer` to the right directory");
  if (err != CF_E_DAMAGED)
    return err;
  cf_log(
      CF_LOG_ERROR,
      "records that name keys cannot be read: that this is its signer's ledger is known by what was signed only");
  return CF_OK;
}
