/* SPDX-License-Identifier: MIT */
/* Signed notes (c2sp.org/signed-note), verifier keys, checkpoints
 * (c2sp.org/tlog-checkpoint) and receipts (c2sp.org/tlog-proof). */
#include "config.h"

#include "lib/proof/note.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/base/utf8.h"

#define TYPE_ED25519 0x01
#define SIGNATURE_N  (4 + CF_SIG_N) /* key id and Ed25519 */

static const struct cf_str line_head = {"\xe2\x80\x94 ", 4}; /* U+2014 and a space */

/* ---- verifier keys ---- */

void cf_vkey_make(struct cf_str name, const uint8_t pubkey[CF_PUBKEY_N], struct cf_vkey *vkey)
{
  CF_ASSERT(cf_origin_ok(name));
  uint8_t hash[CF_HASH_N];
  const char type[2] = {'\n', TYPE_ED25519};
  memset(vkey, 0, sizeof *vkey);
  memcpy(vkey->name, name.p, name.n);
  memcpy(vkey->pubkey, pubkey, CF_PUBKEY_N);
  cf_sha256((struct cf_str[]){name, {type, sizeof type}, {(const void *)pubkey, CF_PUBKEY_N}}, 3,
            hash);
  memcpy(vkey->id, hash, sizeof vkey->id);
}

bool cf_vkey_same(const struct cf_vkey *a, const struct cf_vkey *b)
{
  return strcmp(a->name, b->name) == 0 && memcmp(a->pubkey, b->pubkey, CF_PUBKEY_N) == 0;
}

void cf_vkey_put(const struct cf_vkey *vkey, struct cf_buf *b)
{
  uint8_t key[1 + CF_PUBKEY_N] = {TYPE_ED25519};
  memcpy(key + 1, vkey->pubkey, CF_PUBKEY_N);
  cf_buf_puts(b, vkey->name);
  cf_buf_putc(b, '+');
  cf_hex_put(b, vkey->id, sizeof vkey->id);
  cf_buf_putc(b, '+');
  cf_base64_put(b, key, sizeof key);
}

/* Does writing vkey again give the same text? Then the text is the one way to
 * write it, and its id the right one. */
static enum cf_err text_same(const struct cf_vkey *vkey, struct cf_str text)
{
  struct cf_buf b;
  cf_buf_init(&b, CF_ORIGIN_MAX + 128);
  cf_vkey_put(vkey, &b);
  enum cf_err err = b.err != CF_OK ? b.err : cf_str_eq(cf_buf_str(&b), text) ? CF_OK : CF_E_SYNTAX;
  cf_buf_fini(&b);
  return err;
}

enum cf_err cf_vkey_parse(struct cf_str text, struct cf_vkey *vkey)
{
  uint8_t key[1 + CF_PUBKEY_N];
  struct cf_vkey made;
  struct cf_str left = text;
  struct cf_str name = cf_str_cut(&left, '+');
  cf_str_cut(&left, '+');
  if (!cf_origin_ok(name) || cf_base64_get_n(left, key, sizeof key) != CF_OK)
    return CF_E_SYNTAX;
  cf_vkey_make(name, key + 1, &made);
  enum cf_err err = text_same(&made, text);
  if (err == CF_OK)
    *vkey = made;
  return err;
}

/* ---- notes ---- */

void cf_note_put_signature(const struct cf_vkey *vkey, const uint8_t sig[CF_SIG_N],
                           struct cf_buf *b)
{
  uint8_t signature[SIGNATURE_N];
  memcpy(signature, vkey->id, sizeof vkey->id);
  memcpy(signature + sizeof vkey->id, sig, CF_SIG_N);
  cf_buf_putstr(b, line_head);
  cf_buf_puts(b, vkey->name);
  cf_buf_putc(b, ' ');
  cf_base64_put(b, signature, sizeof signature);
  cf_buf_putc(b, '\n');
}

enum cf_err cf_note_sign(struct cf_str text, const struct cf_vkey *vkey,
                         const uint8_t seed[CF_SEED_N], struct cf_buf *b)
{
  uint8_t sig[CF_SIG_N];
  enum cf_err err = cf_ed25519_sign(seed, text.p, text.n, sig);
  if (err != CF_OK)
    return err;
  cf_note_put_signature(vkey, sig, b);
  return b->err;
}

/* Well-formed UTF-8 without control characters below U+0020 but LF. */
static bool note_text_ok(struct cf_str note)
{
  for (size_t i = 0; i < note.n; i++)
    if ((uint8_t)note.p[i] < ' ' && note.p[i] != '\n')
      return false;
  return cf_utf8_ok(note);
}

/* The spaces of Unicode that are not below U+0021, as UTF-8: they may not stand
 * in a key's name. */
static const char *const spaces[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

static bool name_ok(struct cf_str name)
{
  if (name.n == 0 || memchr(name.p, '+', name.n))
    return false;
  for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
    if (memmem(name.p, name.n, spaces[i], strlen(spaces[i])))
      return false;
  return true;
}

enum cf_err cf_note_next(struct cf_str *lines, struct cf_str *name, struct cf_buf *bytes)
{
  struct cf_str line = cf_str_cut(lines, '\n');
  if (!cf_str_starts(line, line_head))
    return CF_E_SYNTAX;
  line = cf_str_behind(line, line_head.n);
  *name = cf_str_cut(&line, ' ');
  cf_buf_reset(bytes);
  if (!name_ok(*name))
    return CF_E_SYNTAX;
  enum cf_err err = cf_base64_get(line, bytes);
  if (err != CF_OK)
    return err == CF_E_NOMEM ? err : CF_E_SYNTAX;
  return bytes->n > sizeof((struct cf_vkey *)NULL)->id ? CF_OK : CF_E_SYNTAX;
}

/* A signature line of a note. */
struct signature {
  struct cf_str name;
  struct cf_buf bytes; /* key id and signature */
};

static enum cf_err signature_next(struct cf_str *lines, struct signature *s)
{
  return cf_note_next(lines, &s->name, &s->bytes);
}

static enum cf_err signatures_ok(struct cf_str lines)
{
  struct signature s;
  size_t n = 0;
  enum cf_err err = lines.n > 0 && lines.p[lines.n - 1] == '\n' ? CF_OK : CF_E_SYNTAX;
  cf_buf_init(&s.bytes, CF_NOTE_MAX);
  for (; err == CF_OK && lines.n > 0; n++)
    err = n < CF_NOTE_SIGS_MAX ? signature_next(&lines, &s) : CF_E_SYNTAX;
  cf_buf_fini(&s.bytes);
  return err;
}

enum cf_err cf_note_split(struct cf_str note, struct cf_str *text, struct cf_str *signatures)
{
  if (note.n > CF_NOTE_MAX || !note_text_ok(note))
    return CF_E_SYNTAX;
  size_t at = note.n;
  while (at >= 2 && !(note.p[at - 1] == '\n' && note.p[at - 2] == '\n'))
    at--;
  if (at < 2)
    return CF_E_SYNTAX;
  enum cf_err err = signatures_ok(cf_str_behind(note, at));
  if (err != CF_OK)
    return err;
  *text = (struct cf_str){note.p, at - 1};
  *signatures = cf_str_behind(note, at);
  return CF_OK;
}

static bool signature_by(const struct signature *s, const struct cf_vkey *vkey)
{
  return cf_str_is(s->name, vkey->name) && memcmp(s->bytes.p, vkey->id, sizeof vkey->id) == 0;
}

static enum cf_err signature_check(const struct signature *s, const struct cf_vkey *vkey,
                                   struct cf_str text)
{
  if (s->bytes.n != SIGNATURE_N)
    return CF_E_SIGNATURE;
  return cf_ed25519_check(vkey->pubkey, text.p, text.n, s->bytes.p + sizeof vkey->id);
}

enum cf_err cf_note_check(struct cf_str note, const struct cf_vkey *vkey, struct cf_str *text)
{
  struct cf_str signed_text, lines;
  struct signature s;
  enum cf_err err = cf_note_split(note, &signed_text, &lines);
  if (err != CF_OK)
    return err;
  cf_buf_init(&s.bytes, CF_NOTE_MAX);
  bool any = false;
  while (err == CF_OK && lines.n > 0) {
    err = signature_next(&lines, &s);
    if (err != CF_OK || !signature_by(&s, vkey))
      continue;
    any = true;
    err = signature_check(&s, vkey, signed_text);
  }
  cf_buf_fini(&s.bytes);
  if (err == CF_OK && !any)
    err = CF_E_SIGNATURE;
  if (err == CF_OK)
    *text = signed_text;
  return err;
}

enum cf_err cf_note_only(struct cf_str note, const struct cf_vkey *vkey, struct cf_buf *b)
{
  struct cf_str text, lines;
  struct signature s;
  enum cf_err err = cf_note_split(note, &text, &lines);
  if (err != CF_OK)
    return err;
  cf_buf_init(&s.bytes, CF_NOTE_MAX);
  cf_buf_putstr(b, text);
  cf_buf_putc(b, '\n');
  while (err == CF_OK && lines.n > 0) {
    const char *line = lines.p;
    err = signature_next(&lines, &s);
    if (err == CF_OK && signature_by(&s, vkey))
      cf_buf_put(b, line, (size_t)(lines.p - line));
  }
  cf_buf_fini(&s.bytes);
  return err == CF_OK ? b->err : err;
}

bool cf_note_names(struct cf_str note, const struct cf_vkey *vkey)
{
  struct cf_str text, lines;
  struct signature s;
  if (cf_note_split(note, &text, &lines) != CF_OK)
    return false;
  cf_buf_init(&s.bytes, CF_NOTE_MAX);
  bool any = false;
  while (!any && lines.n > 0)
    any = signature_next(&lines, &s) == CF_OK && signature_by(&s, vkey);
  cf_buf_fini(&s.bytes);
  return any;
}

/* ---- checkpoints ---- */

void cf_checkpoint_put(const struct cf_checkpoint *checkpoint, struct cf_buf *b)
{
  cf_buf_puts(b, checkpoint->origin);
  cf_buf_putc(b, '\n');
  cf_buf_put_u64(b, checkpoint->size);
  cf_buf_putc(b, '\n');
  cf_base64_put(b, checkpoint->root, CF_HASH_N);
  cf_buf_putc(b, '\n');
}

static enum cf_err checkpoint_same(const struct cf_checkpoint *checkpoint, struct cf_str text)
{
  struct cf_buf b;
  cf_buf_init(&b, CF_ORIGIN_MAX + 128);
  cf_checkpoint_put(checkpoint, &b);
  enum cf_err err = b.err != CF_OK ? b.err : cf_str_eq(cf_buf_str(&b), text) ? CF_OK : CF_E_SYNTAX;
  cf_buf_fini(&b);
  return err;
}

enum cf_err cf_checkpoint_parse(struct cf_str text, struct cf_checkpoint *checkpoint)
{
  struct cf_checkpoint got;
  struct cf_str left = text;
  struct cf_str origin = cf_str_cut(&left, '\n');
  struct cf_str size = cf_str_cut(&left, '\n');
  struct cf_str root = cf_str_cut(&left, '\n');
  memset(&got, 0, sizeof got);
  if (!cf_origin_ok(origin))
    return CF_E_SYNTAX;
  memcpy(got.origin, origin.p, origin.n);
  if (cf_u64_parse(size, UINT64_MAX, &got.size) != CF_OK ||
      cf_base64_get_n(root, got.root, CF_HASH_N) != CF_OK)
    return CF_E_SYNTAX;
  enum cf_err err = checkpoint_same(&got, text);
  if (err == CF_OK)
    *checkpoint = got;
  return err;
}

enum cf_err cf_checkpoint_check(struct cf_str note, const struct cf_vkey *vkey,
                                struct cf_checkpoint *checkpoint)
{
  struct cf_str text;
  struct cf_checkpoint got;
  enum cf_err err = cf_note_check(note, vkey, &text);
  if (err == CF_OK)
    err = cf_checkpoint_parse(text, &got);
  if (err == CF_OK && strcmp(got.origin, vkey->name) != 0)
    err = CF_E_SIGNATURE;
  if (err == CF_OK)
    *checkpoint = got;
  return err;
}

/* ---- receipts ---- */

void cf_proof_lines_put(struct cf_buf *b, const struct cf_proof *proof)
{
  for (size_t i = 0; i < proof->n; i++) {
    cf_base64_put(b, proof->hash[i], CF_HASH_N);
    cf_buf_putc(b, '\n');
  }
}

void cf_receipt_put(struct cf_buf *b, struct cf_str extra, uint64_t index,
                    const struct cf_proof *proof, struct cf_str checkpoint_note)
{
  cf_buf_puts(b, "c2sp.org/tlog-proof@v1\n");
  if (extra.n > 0) {
    cf_buf_puts(b, "extra ");
    cf_base64_put(b, extra.p, extra.n);
    cf_buf_putc(b, '\n');
  }
  cf_buf_puts(b, "index ");
  cf_buf_put_u64(b, index);
  cf_buf_putc(b, '\n');
  cf_proof_lines_put(b, proof);
  cf_buf_putc(b, '\n');
  cf_buf_putstr(b, checkpoint_note);
}
