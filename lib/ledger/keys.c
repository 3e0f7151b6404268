/* SPDX-License-Identifier: MIT */
/* Whose ledger this is: record 0 names the key that it began with, each `key`
 * record the next one, in a note that both sign; the signer's must be the last
 * of them. Whoever lost an old key has the new one's signature only: that is no
 * way from here, and such a signer is refused. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
  int64_t until_us; /* when the one before the last signs no more; CF_TIME_NONE: it does not */
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
  w->until_us = CF_TIME_NONE;
  if (err == CF_OK && body_text(doc, "until").n > 0)
    err = cf_time_parse(body_text(doc, "until"), &w->until_us);
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

/* Is each of a note's lines under the key's name its own? Another key of the
 * log signs too where one came after it. */
static bool no_other_signs(struct cf_str note, const struct cf_vkey *vkey)
{
  struct cf_str text, lines, name;
  struct cf_buf bytes;
  cf_buf_init(&bytes, 4096);
  enum cf_err err = cf_note_split(note, &text, &lines);
  bool none = err == CF_OK;
  while (none && lines.n > 0) {
    cf_buf_reset(&bytes);
    none = cf_note_next(&lines, &name, &bytes) == CF_OK &&
           (!cf_str_is(name, vkey->name) ||
            (bytes.n >= sizeof vkey->id && memcmp(bytes.p, vkey->id, sizeof vkey->id) == 0));
  }
  cf_buf_fini(&bytes);
  return none;
}

/* Did that key, and no other of the log, sign the checkpoint that was kept
 * last, if there is one? Another one that did may be what a record led on
 * to. */
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
                                     cf_checkpoint_check(kept.note, vkey, &checkpoint) == CF_OK &&
                                     no_other_signs(kept.note, vkey));
  cf_bdb_cursor_close(cursor);
  return is;
}

/* The key that the signer made last, and has not turned to. */
static const struct cf_vkey *next_of(const struct cf_ledger *l)
{
  return l->signer != NULL ? cf_signer_next_vkey(l->signer) : NULL;
}

/* May those keys be the ledger's whose signer has that one? It has the last, or
 * one that follows it and to which it is still to turn; of a copy it may have
 * been turned since. */
static bool keys_fit(const struct cf_keys *keys, const struct cf_ledger *l,
                     const struct cf_vkey *vkey)
{
  const struct cf_vkey *present = cf_keys_present(keys), *next = next_of(l);
  bool fit = cf_vkey_same(present, vkey);
  if (next != NULL && keys->n > 1)
    fit |= cf_vkey_same(present, next) && cf_vkey_same(&keys->v[keys->n - 2].vkey, vkey);
  for (size_t i = 0; l->signer == NULL && i < keys->n; i++)
    fit |= cf_vkey_same(&keys->v[i].vkey, vkey);
  return fit;
}

/* Do the signer's notes lead on from those keys to that one? Then the data is
 * older than a change, and those are added that its records would name. */
static bool signer_leads_on(struct cf_keys *keys, const struct cf_ledger *l,
                            const struct cf_vkey *vkey)
{
  struct cf_keys all;
  const char *directory = cf_conf_signer_directory(l->conf);
  int fd = directory != NULL ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  cf_keys_init(&all);
  enum cf_err err = fd >= 0 ? cf_signer_keys_read(fd, &all, NULL) : CF_E_NOTFOUND;
  if (err == CF_OK && !cf_vkey_same(&all.v[0].vkey, &keys->v[0].vkey))
    err = CF_E_SIGNATURE;
  for (size_t i = 1; err == CF_OK && i < all.n; i++)
    err = cf_keys_add_lost(keys, cf_str_from(all.v[i].note), NULL);
  cf_keys_fini(&all);
  if (fd >= 0)
    (void)close(fd);
  return err == CF_OK && cf_vkey_same(cf_keys_present(keys), vkey);
}

/* Those are all that the records name. CF_E_ROLLBACK: a change is missing; as a
 * copy it may be. */
static enum cf_err keys_judge(struct way *w, const struct cf_ledger *l, const struct cf_vkey *vkey)
{
  if (vkey == NULL || keys_fit(&w->keys, l, vkey))
    return CF_OK;
  if (!signer_leads_on(&w->keys, l, vkey))
    return CF_E_SIGNATURE;
  return l->signer == NULL ? CF_OK : CF_E_ROLLBACK;
}

/* From record 0 on, and further where its key is not the signer's, or may not
 * be the last: to look for more records at each start would open every file. */
static enum cf_err way_go(struct way *w, struct cf_ledger *l, const struct cf_vkey *vkey)
{
  enum cf_err err = record_open(w, 0);
  if (err == CF_OK)
    err = key_follow(w);
  if (err != CF_OK || (vkey != NULL && next_of(l) == NULL &&
                       cf_vkey_same(cf_keys_present(&w->keys), vkey) && kept_is_by(l, vkey)))
    return err;
  for (size_t i = 0; err == CF_OK && i < cf_view_units(w->view); i++)
    err = unit_follow(w, i);
  return err == CF_OK ? keys_judge(w, l, vkey) : err;
}

/* ---- the ring ---- */

/* Make those the ledger's, and leave none. CF_E_NOMEM. */
static enum cf_err keyring_put(struct cf_ledger *l, struct cf_keys *keys)
{
  struct cf_keyring *ring = calloc(1, sizeof *ring);
  if (ring == NULL)
    return CF_E_NOMEM;
  ring->keys = *keys;
  cf_keys_init(keys);
  cf_keyring_take(l, ring);
  return CF_OK;
}

enum cf_err cf_keyring_make(const struct cf_keys *keys, struct cf_str note,
                            struct cf_keyring **ring, struct cf_fault *fault)
{
  struct cf_keyring *made = calloc(1, sizeof *made);
  enum cf_err err = made != NULL ? cf_keys_copy(keys, &made->keys) : CF_E_NOMEM;
  if (err == CF_OK)
    err = cf_keys_add(&made->keys, note, fault);
  if (err == CF_OK)
    *ring = made;
  else
    cf_keyring_drop(made);
  return err;
}

void cf_keyring_drop(struct cf_keyring *ring)
{
  if (ring != NULL)
    cf_keys_fini(&ring->keys);
  free(ring);
}

void cf_keyring_take(struct cf_ledger *l, struct cf_keyring *ring)
{
  ring->before = atomic_load(&l->keyring);
  atomic_store(&l->keyring, ring);
}

void cf_keyring_free(struct cf_ledger *l)
{
  for (struct cf_keyring *ring = atomic_load(&l->keyring), *before; ring != NULL; ring = before) {
    before = ring->before;
    cf_keyring_drop(ring);
  }
}

/* What the last record says the signer is to be told, where that is so. */
static enum cf_err turn_find(const struct way *w, struct cf_ledger *l)
{
  const struct cf_key *last = &w->keys.v[w->keys.n - 1];
  if (next_of(l) == NULL || !cf_vkey_same(&last->vkey, next_of(l)))
    return CF_OK;
  return cf_key_turn_make(last->from - 1, cf_str_from(last->note), w->until_us, &l->turn);
}

/* What came of the way to the signer's key. */
static enum cf_err way_judge(struct way *w, struct cf_ledger *l, const struct cf_vkey *vkey,
                             enum cf_err err, struct cf_fault *fault)
{
  if (err == CF_E_SIGNATURE || err == CF_E_SYNTAX)
    return cf_fail(
        fault, CF_E_CONFIG, l->conf->signer,
        "no way leads from the key this ledger began with to the signer's: point `signer` to the right directory");
  if (err == CF_E_ROLLBACK)
    return cf_fail(
        fault, err, l->conf->signer,
        "the signer changed to another key, and the record of that is not here: the data is older than, or other than, what was signed" CF_SEE_RECOVER);
  if (err != CF_E_DAMAGED)
    return err;
  if (next_of(l) != NULL)
    return cf_fail(
        fault, err, l->conf->data,
        "records that name keys cannot be read, and the signer's directory has a new key, `key.next`, which one of them may name: restore the data directory from a backup" CF_SEE_RECOVER);
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
    err = turn_find(w, l);
  if (err == CF_OK)
    err = keyring_put(l, &w->keys);
  cf_keys_fini(&w->keys);
  cf_block_fini(&w->block);
  cf_view_put(w->view);
  free(w);
  return err;
}
