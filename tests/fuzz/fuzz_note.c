/* SPDX-License-Identifier: MIT */
/* Fuzz target: notes, checkpoints, vkeys and key notes as strangers send them.
 * What a strict reader takes, the writer writes again byte for byte. */
#include "config.h"

#include "lib/base/die.h"
#include "lib/proof/keys.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t pubkey[CF_PUBKEY_N] = {1};

static void check_vkey(struct cf_str text)
{
  struct cf_vkey vkey;
  struct cf_buf b;
  if (cf_vkey_parse(text, &vkey) != CF_OK)
    return;
  cf_buf_init(&b, SIZE_MAX);
  cf_vkey_put(&vkey, &b);
  CF_ASSERT(cf_str_eq(cf_buf_str(&b), text));
  cf_buf_fini(&b);
}

static void check_checkpoint(struct cf_str text)
{
  struct cf_checkpoint checkpoint;
  struct cf_buf b;
  if (cf_checkpoint_parse(text, &checkpoint) != CF_OK)
    return;
  cf_buf_init(&b, SIZE_MAX);
  cf_checkpoint_put(&checkpoint, &b);
  CF_ASSERT(cf_str_eq(cf_buf_str(&b), text));
  cf_buf_fini(&b);
}

/* Text, an empty line and the signatures are the whole note; the lines of one
 * key are a note of no more lines. */
static void check_note(struct cf_str note)
{
  struct cf_str text, signatures;
  struct cf_vkey vkey;
  struct cf_buf b;
  if (cf_note_split(note, &text, &signatures) != CF_OK)
    return;
  CF_ASSERT(text.n + 1 + signatures.n == note.n && text.p[text.n - 1] == '\n');
  cf_vkey_make(CF_STR("a"), pubkey, &vkey);
  cf_buf_init(&b, CF_NOTE_MAX);
  CF_ASSERT(cf_note_only(note, &vkey, &b) == CF_OK && b.n <= note.n);
  CF_ASSERT(cf_note_names(note, &vkey) == (b.n > text.n + 1));
  if (cf_note_check(note, &vkey, &text) == CF_OK)
    CF_ASSERT(cf_note_names(note, &vkey));
  check_checkpoint(text);
  cf_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct cf_str text = {(const char *)data, size};
  struct cf_key_note key_note;
  check_vkey(text);
  check_checkpoint(text);
  check_note(text);
  if (cf_key_note_read(text, &key_note) == CF_OK)
    CF_ASSERT(size <= CF_NOTE_MAX);
  return 0;
}
