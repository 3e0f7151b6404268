/* SPDX-License-Identifier: MIT */
/* The log's keys by size, from key notes. */
#include "config.h"

#include "lib/proof/keys.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/record/json.h"

#define NOTE_HEAD "counterfoil/v1 key"

/* ---- a note ---- */

void cf_key_note_put(uint64_t seq, const struct cf_vkey *old, const struct cf_vkey *fresh,
                     struct cf_buf *b)
{
  cf_buf_putf(b, NOTE_HEAD "\n%s\n", fresh->name);
  cf_buf_put_u64(b, seq);
  cf_buf_putc(b, '\n');
  cf_vkey_put(old, b);
  cf_buf_putc(b, '\n');
  cf_vkey_put(fresh, b);
  cf_buf_putc(b, '\n');
}

/* Does writing it again give the same text? */
static enum cf_err text_same(const struct cf_key_note *note, struct cf_str text)
{
  struct cf_buf b;
  cf_buf_init(&b, CF_KEY_NOTE_MAX);
  cf_key_note_put(note->seq, &note->old, &note->fresh, &b);
  enum cf_err err = b.err != CF_OK ? b.err : cf_str_eq(cf_buf_str(&b), text) ? CF_OK : CF_E_SYNTAX;
  cf_buf_fini(&b);
  return err;
}

static enum cf_err text_read(struct cf_str text, struct cf_key_note *out)
{
  struct cf_str left = text;
  (void)cf_str_cut(&left, '\n');
  (void)cf_str_cut(&left, '\n');
  enum cf_err err = cf_u64_parse(cf_str_cut(&left, '\n'), UINT64_MAX - 1, &out->seq);
  if (err == CF_OK)
    err = cf_vkey_parse(cf_str_cut(&left, '\n'), &out->old);
  if (err == CF_OK)
    err = cf_vkey_parse(cf_str_cut(&left, '\n'), &out->fresh);
  if (err != CF_OK)
    return err == CF_E_NOMEM ? err : CF_E_SYNTAX;
  bool fits = out->seq > 0 && strcmp(out->old.name, out->fresh.name) == 0 &&
              !cf_vkey_same(&out->old, &out->fresh);
  return fits ? text_same(out, text) : CF_E_SYNTAX;
}

enum cf_err cf_key_note_read(struct cf_str note, struct cf_key_note *out)
{
  struct cf_str text, signatures;
  struct cf_key_note got = {.seq = 0};
  enum cf_err err =
      note.n <= CF_KEY_NOTE_MAX ? cf_note_split(note, &text, &signatures) : CF_E_SYNTAX;
  if (err == CF_OK)
    err = text_read(text, &got);
  if (err == CF_OK)
    err = cf_note_check(note, &got.fresh, &text);
  if (err != CF_OK)
    return err;
  got.lost = !cf_note_names(note, &got.old);
  if (!got.lost)
    err = cf_note_check(note, &got.old, &text);
  if (err == CF_OK)
    *out = got;
  return err;
}

/* ---- keys ---- */

void cf_keys_init(struct cf_keys *keys)
{
  *keys = (struct cf_keys){NULL, 0};
}

void cf_keys_fini(struct cf_keys *keys)
{
  for (size_t i = 0; i < keys->n; i++)
    free(keys->v[i].note);
  free(keys->v);
  cf_keys_init(keys);
}

enum cf_err cf_keys_begin(struct cf_keys *keys, const struct cf_vkey *vkey)
{
  struct cf_key *v = calloc(1, sizeof *v);
  if (v == NULL)
    return CF_E_NOMEM;
  cf_keys_fini(keys);
  *v = (struct cf_key){.vkey = *vkey, .until = UINT64_MAX};
  *keys = (struct cf_keys){v, 1};
  return CF_OK;
}

enum cf_err cf_keys_copy(const struct cf_keys *keys, struct cf_keys *copy)
{
  struct cf_keys made = {calloc(keys->n, sizeof *made.v), 0};
  bool whole = made.v != NULL;
  while (whole && made.n < keys->n) {
    struct cf_key *key = &made.v[made.n];
    *key = keys->v[made.n++];
    if (key->note != NULL)
      whole = (key->note = cf_str_dup(cf_str_from(key->note))) != NULL;
  }
  if (!whole) {
    cf_keys_fini(&made);
    return CF_E_NOMEM;
  }
  *copy = made;
  return CF_OK;
}

/* Make room for one more at that place, zeroed. */
static enum cf_err key_insert(struct cf_keys *keys, size_t at)
{
  if (keys->n == CF_KEYS_MAX)
    return CF_E_FULL;
  struct cf_key *v = realloc(keys->v, (keys->n + 1) * sizeof *v);
  if (v == NULL)
    return CF_E_NOMEM;
  memmove(v + at + 1, v + at, (keys->n - at) * sizeof *v);
  memset(&v[at], 0, sizeof *v);
  *keys = (struct cf_keys){v, keys->n + 1};
  return CF_OK;
}

static bool is_there(const struct cf_keys *keys, const struct cf_vkey *vkey)
{
  for (size_t i = 0; i < keys->n; i++)
    if (cf_vkey_same(&keys->v[i].vkey, vkey))
      return true;
  return false;
}

/* The key that a note leads to begins there, which its text is kept with. */
static void key_begins(struct cf_key *key, const struct cf_key_note *note, char *text)
{
  key->from = note->seq + 1;
  key->lost = note->lost;
  key->note = text;
}

/* Behind the last one. */
static enum cf_err note_append(struct cf_keys *keys, const struct cf_key_note *note, char *text)
{
  enum cf_err err = key_insert(keys, keys->n);
  if (err != CF_OK)
    return err;
  struct cf_key *key = &keys->v[keys->n - 1];
  key->vkey = note->fresh;
  key->until = UINT64_MAX;
  key_begins(key, note, text);
  key[-1].until = key->from;
  return CF_OK;
}

/* Before the first one. */
static enum cf_err note_prepend(struct cf_keys *keys, const struct cf_key_note *note, char *text)
{
  enum cf_err err = key_insert(keys, 0);
  if (err != CF_OK)
    return err;
  key_begins(&keys->v[1], note, text);
  keys->v[0].vkey = note->old;
  keys->v[0].until = keys->v[1].from;
  return CF_OK;
}

static bool leads_on(const struct cf_keys *keys, const struct cf_key_note *note)
{
  const struct cf_key *last = &keys->v[keys->n - 1];
  return cf_vkey_same(&note->old, &last->vkey) && note->seq >= last->from &&
         !is_there(keys, &note->fresh);
}

static bool leads_here(const struct cf_keys *keys, const struct cf_key_note *note)
{
  const struct cf_key *first = &keys->v[0];
  return cf_vkey_same(&note->fresh, &first->vkey) && first->note == NULL &&
         note->seq + 1 < first->until && !is_there(keys, &note->old);
}

static bool has_note(const struct cf_keys *keys, uint64_t seq, struct cf_str note)
{
  const struct cf_key *key = cf_keys_of(keys, seq);
  return key != NULL && cf_str_is(note, key->note);
}

static enum cf_err note_take(struct cf_keys *keys, const struct cf_key_note *read,
                             struct cf_str note, bool lost, struct cf_fault *fault)
{
  bool on = leads_on(keys, read);
  if (has_note(keys, read->seq, note))
    return CF_OK;
  if (!on && !leads_here(keys, read))
    return cf_fail(fault, CF_E_SIGNATURE, "note",
                   "it leads from none of the log's keys to another");
  if (on && read->lost && !lost)
    return cf_fail(fault, CF_E_SIGNATURE, "note",
                   "the old key did not sign it: that the new one is the log's must be known from "
                   "elsewhere");
  char *text = cf_str_dup(note);
  if (text == NULL)
    return CF_E_NOMEM;
  enum cf_err err = on ? note_append(keys, read, text) : note_prepend(keys, read, text);
  if (err != CF_OK)
    free(text);
  return err;
}

static enum cf_err note_add(struct cf_keys *keys, struct cf_str note, bool lost,
                            struct cf_fault *fault)
{
  struct cf_key_note read;
  enum cf_err err = cf_key_note_read(note, &read);
  if (err == CF_E_SYNTAX)
    return cf_fail(fault, err, "note", "it is no key note");
  if (err == CF_E_SIGNATURE)
    return cf_fail(fault, err, "note", "a signature is missing or bad");
  return err == CF_OK ? note_take(keys, &read, note, lost, fault) : err;
}

enum cf_err cf_keys_add(struct cf_keys *keys, struct cf_str note, struct cf_fault *fault)
{
  return note_add(keys, note, false, fault);
}

enum cf_err cf_keys_add_lost(struct cf_keys *keys, struct cf_str note, struct cf_fault *fault)
{
  return note_add(keys, note, true, fault);
}

/* Forwards what the key at hand signed, then, newest first, what is before it;
 * in the end all must be there. */
enum cf_err cf_keys_add_all(struct cf_keys *keys, const struct cf_str *notes, size_t n,
                            struct cf_fault *fault)
{
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < n && err != CF_E_NOMEM; i++)
    err = cf_keys_add(keys, notes[i], NULL);
  for (size_t i = n; i > 0 && err != CF_E_NOMEM; i--)
    err = cf_keys_add(keys, notes[i - 1], NULL);
  err = err == CF_E_NOMEM ? err : CF_OK;
  for (size_t i = 0; i < n && err == CF_OK; i++)
    err = cf_keys_add(keys, notes[i], fault);
  return err;
}

/* ---- which one ---- */

const struct cf_vkey *cf_keys_at(const struct cf_keys *keys, uint64_t size)
{
  CF_ASSERT(keys->n > 0);
  size_t i = keys->n - 1;
  while (i > 0 && keys->v[i].from > size)
    i--;
  return &keys->v[i].vkey;
}

const struct cf_vkey *cf_keys_present(const struct cf_keys *keys)
{
  return cf_keys_at(keys, UINT64_MAX);
}

const struct cf_key *cf_keys_of(const struct cf_keys *keys, uint64_t seq)
{
  for (size_t i = 1; i < keys->n; i++)
    if (keys->v[i].from == seq + 1)
      return &keys->v[i];
  return NULL;
}

bool cf_keys_named(const struct cf_keys *keys, struct cf_str note)
{
  for (size_t i = 0; i < keys->n; i++)
    if (cf_note_names(note, &keys->v[i].vkey))
      return true;
  return false;
}

static void key_put(const struct cf_key *key, struct cf_buf *b)
{
  struct cf_buf vkey;
  cf_buf_init(&vkey, 1024);
  cf_vkey_put(&key->vkey, &vkey);
  if (vkey.err != CF_OK)
    b->err = b->err != CF_OK ? b->err : vkey.err;
  cf_buf_putc(b, '{');
  cf_json_put_member(b, "vkey", cf_buf_str(&vkey));
  cf_json_put_member_u64(b, "from", key->from);
  cf_json_put_member_u64_or_null(b, "until", key->until != UINT64_MAX, key->until);
  cf_buf_putc(b, '}');
  cf_buf_fini(&vkey);
}

void cf_keys_put(const struct cf_keys *keys, struct cf_buf *b)
{
  cf_buf_putc(b, '[');
  for (size_t i = keys->n; i > 0; i--) {
    if (i < keys->n)
      cf_buf_putc(b, ',');
    key_put(&keys->v[i - 1], b);
  }
  cf_buf_putc(b, ']');
}

enum cf_err cf_keys_checkpoint(const struct cf_keys *keys, struct cf_str note,
                               struct cf_checkpoint *checkpoint)
{
  struct cf_checkpoint told;
  struct cf_str text, signatures;
  enum cf_err err = cf_note_split(note, &text, &signatures);
  if (err == CF_OK)
    err = cf_checkpoint_parse(text, &told);
  return err == CF_OK ? cf_checkpoint_check(note, cf_keys_at(keys, told.size), checkpoint) : err;
}
