/* SPDX-License-Identifier: MIT */
/* Cosignatures of witnesses (c2sp.org/tlog-cosignature). */
#include "config.h"

#include "lib/proof/cosignature.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define TYPE_COSIGNATURE 0x04
#define ID_N             4
#define TIME_N           8
#define ED25519_N        (ID_N + TIME_N + CF_SIG_N)
#define ML_DSA_N         (ID_N + TIME_N + 2420)

/* ---- keys ---- */

void cf_cosigner_make(struct cf_str name, const uint8_t pubkey[CF_PUBKEY_N],
                      struct cf_vkey *witness)
{
  CF_ASSERT(cf_origin_ok(name));
  uint8_t hash[CF_HASH_N];
  const char type[2] = {'\n', TYPE_COSIGNATURE};
  memset(witness, 0, sizeof *witness);
  memcpy(witness->name, name.p, name.n);
  memcpy(witness->pubkey, pubkey, CF_PUBKEY_N);
  cf_sha256((struct cf_str[]){name, {type, sizeof type}, {(const void *)pubkey, CF_PUBKEY_N}}, 3,
            hash);
  memcpy(witness->id, hash, sizeof witness->id);
}

enum cf_err cf_cosigner_parse(struct cf_str text, struct cf_vkey *witness)
{
  uint8_t key[1 + CF_PUBKEY_N], id[ID_N];
  struct cf_vkey made;
  struct cf_str left = text;
  struct cf_str name = cf_str_cut(&left, '+');
  struct cf_str hex = cf_str_cut(&left, '+');
  if (!cf_origin_ok(name) || cf_hex_get_n(hex, id, sizeof id) != CF_OK ||
      cf_base64_get_n(left, key, sizeof key) != CF_OK || key[0] != TYPE_COSIGNATURE)
    return CF_E_SYNTAX;
  cf_cosigner_make(name, key + 1, &made);
  if (memcmp(made.id, id, sizeof id) != 0)
    return CF_E_SYNTAX;
  *witness = made;
  return CF_OK;
}

/* ---- lines ---- */

/* A signature line, and what it says. */
struct line {
  struct cf_str name, whole; /* whole: with its LF */
  struct cf_buf bytes;       /* key id, then the signature */
};

static enum cf_err line_next(struct cf_str *lines, struct line *line)
{
  const char *begin = lines->p;
  enum cf_err err = cf_note_next(lines, &line->name, &line->bytes);
  line->whole = (struct cf_str){begin, (size_t)(lines->p - begin)};
  return err;
}

static bool line_by(const struct line *line, const struct cf_vkey *witness)
{
  return cf_str_is(line->name, witness->name) && memcmp(line->bytes.p, witness->id, ID_N) == 0;
}

static enum cf_err line_check(const struct line *line, const struct cf_vkey *witness,
                              struct cf_str text, uint64_t *time)
{
  struct cf_buf b;
  if (line->bytes.n != ED25519_N)
    return CF_E_SIGNATURE;
  *time = cf_u64_get(line->bytes.p + ID_N);
  cf_buf_init(&b, CF_NOTE_MAX + 64);
  cf_buf_puts(&b, "cosignature/v1\ntime ");
  cf_buf_put_u64(&b, *time);
  cf_buf_putc(&b, '\n');
  cf_buf_putstr(&b, text);
  enum cf_err err = b.err;
  if (err == CF_OK)
    err = cf_ed25519_check(witness->pubkey, b.p, b.n, line->bytes.p + ID_N + TIME_N);
  cf_buf_fini(&b);
  return err;
}

/* Of lines under a text: the witness's, each of which must be good; the newest
 * is appended to b, where there is one. */
static enum cf_err lines_check(struct cf_str text, struct cf_str lines,
                               const struct cf_vkey *witness, uint64_t *time, struct cf_buf *b)
{
  struct line line;
  struct cf_str newest = {0};
  enum cf_err err = CF_OK;
  uint64_t at = 0;
  cf_buf_init(&line.bytes, CF_NOTE_MAX);
  while (err == CF_OK && lines.n > 0) {
    uint64_t seen = 0;
    err = line_next(&lines, &line);
    if (err != CF_OK || !line_by(&line, witness))
      continue;
    err = line_check(&line, witness, text, &seen);
    if (newest.n == 0 || seen > at)
      at = seen, newest = line.whole;
  }
  cf_buf_fini(&line.bytes);
  if (err == CF_OK && newest.n == 0)
    err = CF_E_NOTFOUND;
  if (err != CF_OK)
    return err;
  *time = at;
  if (b != NULL)
    cf_buf_putstr(b, newest);
  return b != NULL ? b->err : CF_OK;
}

enum cf_err cf_cosignature_check(struct cf_str note, const struct cf_vkey *witness, uint64_t *time)
{
  struct cf_str text, lines;
  enum cf_err err = cf_note_split(note, &text, &lines);
  return err == CF_OK ? lines_check(text, lines, witness, time, NULL) : err;
}

static bool key_before(const struct cf_vkey *witnesses, size_t i)
{
  bool seen = false;
  for (size_t k = 0; k < i && !seen; k++)
    seen = memcmp(witnesses[k].pubkey, witnesses[i].pubkey, CF_PUBKEY_N) == 0;
  return seen;
}

/* One public key under several names: has it signed as any of them? */
static bool key_signed(struct cf_str note, const struct cf_vkey *witnesses, size_t n, size_t i)
{
  uint64_t time;
  bool has = false;
  for (size_t k = i; k < n && !has; k++)
    has = memcmp(witnesses[k].pubkey, witnesses[i].pubkey, CF_PUBKEY_N) == 0 &&
          cf_cosignature_check(note, &witnesses[k], &time) == CF_OK;
  return has;
}

size_t cf_cosignatures_count(struct cf_str note, const struct cf_vkey *witnesses, size_t n)
{
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    count += !key_before(witnesses, i) && key_signed(note, witnesses, n, i);
  return count;
}

/* ---- notes with more lines ---- */

/* Append the lines of all but that witness; gives their number. */
static enum cf_err put_others(struct cf_str lines, const struct cf_vkey *witness, struct cf_buf *b,
                              size_t *n)
{
  struct line line;
  enum cf_err err = CF_OK;
  cf_buf_init(&line.bytes, CF_NOTE_MAX);
  for (*n = 0; err == CF_OK && lines.n > 0;) {
    err = line_next(&lines, &line);
    if (err != CF_OK || line_by(&line, witness))
      continue;
    cf_buf_putstr(b, line.whole);
    *n += 1;
  }
  cf_buf_fini(&line.bytes);
  return err;
}

enum cf_err cf_cosignature_take(struct cf_str note, struct cf_str answer,
                                const struct cf_vkey *witness, struct cf_buf *b)
{
  struct cf_str text, lines;
  uint64_t time;
  size_t n = 0;
  enum cf_err err = cf_note_split(note, &text, &lines);
  if (err == CF_OK && (answer.n > CF_NOTE_MAX || answer.n == 0 || answer.p[answer.n - 1] != '\n'))
    err = CF_E_SYNTAX;
  if (err != CF_OK)
    return err;
  cf_buf_putstr(b, text);
  cf_buf_putc(b, '\n');
  err = put_others(lines, witness, b, &n);
  if (err == CF_OK && n >= CF_NOTE_SIGS_MAX)
    err = CF_E_FULL;
  return err == CF_OK ? lines_check(text, answer, witness, &time, b) : err;
}

enum cf_err cf_cosignatures_put(struct cf_str note, struct cf_buf *b)
{
  struct cf_str text, lines;
  struct line line;
  enum cf_err err = cf_note_split(note, &text, &lines);
  cf_buf_init(&line.bytes, CF_NOTE_MAX);
  while (err == CF_OK && lines.n > 0) {
    err = line_next(&lines, &line);
    if (err == CF_OK && (line.bytes.n == ED25519_N || line.bytes.n == ML_DSA_N))
      cf_buf_putstr(b, line.whole);
  }
  cf_buf_fini(&line.bytes);
  return err == CF_OK ? b->err : err;
}
