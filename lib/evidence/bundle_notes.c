/* SPDX-License-Identifier: MIT */
/* The signed notes of a bundle: of keys, and of checkpoints with what others
 * made of them. */
#include "config.h"

#include "lib/evidence/bundle_in.h"

#include <stdio.h>

#include "lib/proof/cosignature.h"

/* ---- keys ---- */

static enum cf_err keys_out(struct cf_evidence *b)
{
  char name[CF_TAR_NAME_N + 1];
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < b->keys->n && err == CF_OK; i++) {
    const struct cf_key *key = &b->keys->v[i];
    if (key->note == NULL || key->from > b->tree.head.size)
      continue;
    (void)snprintf(name, sizeof name, "keys/%llu", (unsigned long long)key->from - 1);
    err = cf_evidence_whole(b, name, cf_str_from(key->note));
  }
  return err;
}

/* ---- a checkpoint ---- */

/* The log's own note, which is b->text then, as the file of that name. */
static enum cf_err note_out(struct cf_evidence *b, const char *name, uint64_t size)
{
  cf_buf_reset(&b->text);
  enum cf_err err = cf_note_only(cf_buf_str(&b->note), cf_keys_at(b->keys, size), &b->text);
  return err == CF_OK ? cf_evidence_text(b, name) : err;
}

/* As long as b->text is its note. */
static enum cf_err stamp_out(struct cf_evidence *b, uint64_t size, struct cf_stamp *stamp)
{
  char name[CF_TAR_NAME_N + 1];
  enum cf_err err = cf_stamp_of(b->ledger, size, stamp);
  if (err != CF_OK)
    return err == CF_E_NOTFOUND ? CF_OK : err;
  (void)snprintf(name, sizeof name, "checkpoints/%llu.tsr", (unsigned long long)size);
  err = cf_evidence_whole(b, name, cf_buf_str(&stamp->answer));
  if (err != CF_OK || cf_str_eq(cf_buf_str(&stamp->note), cf_buf_str(&b->text)))
    return err;
  (void)snprintf(name, sizeof name, "checkpoints/%llu.stamped", (unsigned long long)size);
  return cf_evidence_whole(b, name, cf_buf_str(&stamp->note));
}

static enum cf_err cosignatures_out(struct cf_evidence *b, uint64_t size)
{
  char name[CF_TAR_NAME_N + 1];
  struct cf_buf lines;
  cf_buf_init(&lines, CF_NOTE_MAX);
  enum cf_err err = cf_cosignatures_put(cf_buf_str(&b->note), &lines);
  (void)snprintf(name, sizeof name, "checkpoints/%llu.cosignatures", (unsigned long long)size);
  if (err == CF_OK && lines.n > 0)
    err = cf_evidence_whole(b, name, cf_buf_str(&lines));
  cf_buf_fini(&lines);
  return err;
}

/* What others made of the note that was given out last. */
static enum cf_err marks_out(struct cf_evidence *b, uint64_t size)
{
  struct cf_stamp stamp;
  enum cf_err err = cosignatures_out(b, size);
  cf_stamp_init(&stamp);
  if (err == CF_OK)
    err = stamp_out(b, size, &stamp);
  cf_stamp_fini(&stamp);
  return err;
}

/* ---- each of them ---- */

/* The kept note of that size, with all that others added. CF_E_NOTFOUND. */
static enum cf_err kept_get(struct cf_evidence *b, uint64_t size)
{
  uint64_t found;
  int64_t time_us;
  cf_buf_reset(&b->note);
  enum cf_err err = cf_kept_from(b->ledger, size, &found, &time_us, &b->note);
  return err == CF_OK && found != size ? CF_E_NOTFOUND : err;
}

static enum cf_err head_out(struct cf_evidence *b)
{
  uint64_t size = b->tree.head.size;
  enum cf_err err = note_out(b, "checkpoint", size);
  if (err != CF_OK)
    return err;
  err = kept_get(b, size);
  if (err == CF_OK)
    return marks_out(b, size);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

/* It is of the same tree, or it is not given. */
static enum cf_err along_check(struct cf_evidence *b, uint64_t size)
{
  struct cf_checkpoint earlier;
  enum cf_err err = kept_get(b, size);
  if (err == CF_OK)
    err = cf_keys_checkpoint(b->keys, cf_buf_str(&b->note), &earlier);
  if (err == CF_OK)
    err =
        cf_tree_extends(&b->tree.hashes, size, earlier.root, b->tree.head.size, b->tree.head.root);
  return err == CF_OK || err == CF_E_NOMEM || err == CF_E_STORE
             ? err
             : cf_fail(b->fault, CF_E_DAMAGED, NULL,
                       "the kept checkpoint of size %llu cannot be read, or is of another tree",
                       (unsigned long long)size);
}

static enum cf_err along_out(struct cf_evidence *b, uint64_t size)
{
  char name[CF_TAR_NAME_N + 1];
  (void)snprintf(name, sizeof name, "checkpoints/%llu", (unsigned long long)size);
  enum cf_err err = along_check(b, size);
  if (err == CF_OK)
    err = note_out(b, name, size);
  return err == CF_OK ? marks_out(b, size) : err;
}

enum cf_err cf_evidence_notes(struct cf_evidence *b)
{
  enum cf_err err = keys_out(b);
  if (err == CF_OK)
    err = head_out(b);
  for (size_t i = 0; i < b->along.n && err == CF_OK; i++)
    err = along_out(b, cf_evidence_along(b, i));
  return err;
}
